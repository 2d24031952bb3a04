//! The layers of an article: what it has of each, and whether it may be changed.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    App,
    annotation_reads::VIEW_ENTRIES_MAX,
    answers::{Scope, Seen},
    changed, changes,
    layers::id_of_key,
    pages,
    projects::ProjectHandle,
    unexpected,
};
use crate::{
    domain::{
        Error, Problem, Result,
        annotations::Label,
        details::too_many,
        ids::{ArticleId, ArticleLayerName, ArticleName, LayerId},
        layers::{ArticleLayer, LayerCounts, LayerState},
        revisions::Revision,
    },
    limits::{ARTICLE_LAYERS_MAX, LAYER_LABELS_LISTED_MAX},
    store::{
        article_table::{self, ArticlePlace},
        engine::{At, Attempt, Commit, Decision, Draft, Mode, View},
        layer_table, project_table,
        records::ResourceChange,
        sort_key::DocumentPosition,
    },
};

/// A layer of an article.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerOfArticle {
    /// Its name.
    pub name: ArticleLayerName,
    /// How far it is, if it was ever submitted; otherwise it is open.
    pub kept: Option<ArticleLayer>,
    /// What the article has of it.
    pub counts: LayerCounts,
    /// How often each label stands in it, as far as that was asked for.
    pub labels: Vec<(Label, u64)>,
}

/// What ListArticleLayers asks for.
#[derive(Debug, Clone)]
pub struct ArticleLayerQuery {
    /// Whose layers.
    pub article: ArticleName,
    /// How many, as it was sent.
    pub page_size: i32,
    /// Where the page begins, as it was sent.
    pub page_token: String,
}

/// A page of an article's layers.
#[derive(Debug)]
pub struct ArticleLayerPage {
    /// The layers, without their labels.
    pub layers: Vec<LayerOfArticle>,
    /// The next page's token, or empty.
    pub next_page_token: String,
    /// The project's revision that the page was read at.
    pub revision: Revision,
}

/// A walk through an article's annotations that counts the labels of a layer.
#[derive(Debug, Default)]
struct Counting {
    kept: Option<ArticleLayer>,
    counts: LayerCounts,
    labels: HashMap<Label, u64>,
    counted: u64,
    after: Option<DocumentPosition>,
}

impl App {
    /// The versions that an answer about layers of `article` depends on; take them before reading.
    fn see_layers(&self, project: &ProjectHandle, article: &ArticleId) -> Seen<3> {
        self.versions.see([
            Scope::project(project.partition),
            Scope::article(project.partition, article),
            Scope::annotations(project.partition, article),
        ])
    }

    /// Reads a layer of an article with its labels, and the versions that the answer depends on. One that the article has
    /// nothing of is open and empty.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND: the article.
    pub async fn get_article_layer(&self, name: &ArticleLayerName) -> Result<(LayerOfArticle, Seen<3>)> {
        let project = self.project(&name.article.parent())?;
        let seen = self.see_layers(&project, &name.article.article);
        let mut counting = Counting::default();
        loop {
            let asked = name.clone();
            let read = project.read(self.engine.as_ref(), move |view| {
                let place = require_article(view, "", &asked.article)?;
                let done = counting.go_on(view, place, &asked.layer)?;
                Ok((counting, done))
            });
            let done;
            (counting, done) = read.await?.value;
            if done {
                let labels = most_frequent(counting.labels);
                let Counting { kept, counts, .. } = counting;
                return Ok((LayerOfArticle { name: name.clone(), kept, counts, labels }, seen));
            }
        }
    }

    /// Lists the layers of an article that have annotations there or were submitted once, by id, and the versions that the
    /// answer depends on.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND (the article), PAGE_TOKEN_INVALID, FIELD_INVALID.
    pub async fn list_article_layers(
        &self,
        query: &ArticleLayerQuery,
    ) -> Result<(ArticleLayerPage, Seen<3>)> {
        let ArticleLayerQuery { article, page_size, page_token } = query;
        let items = pages::items(*page_size)?;
        let project = self.project(&article.parent())?;
        let seen = self.see_layers(&project, &article.article);
        let arguments = pages::Arguments::of("ListArticleLayers", &[article.to_string().as_bytes()]);
        let after = arguments.key(page_token)?.map(|key| id_of_key(&key)).transpose()?;
        let asked = article.clone();
        let read = project.read(self.engine.as_ref(), move |view| {
            let place = require_article(view, "", &asked)?;
            layers_of(view, place)
        });
        let At { value: all, revision } = read.await?;
        let behind = |id: &LayerId| after.as_ref().is_none_or(|after| id > after);
        let mut layers: Vec<_> = all
            .into_iter()
            .filter(|(id, _)| behind(id))
            .map(|(id, (kept, counts))| {
                let (name, labels) = (article.layer(id), Vec::new());
                LayerOfArticle { name, kept, counts, labels }
            })
            .collect();
        let are_more = layers.len() > items;
        layers.truncate(items);
        let last = layers.last().filter(|_| are_more);
        let next_page_token =
            last.map_or_else(String::new, |last| arguments.token(last.name.layer.as_str().as_bytes()));
        Ok((ArticleLayerPage { layers, next_page_token, revision }, seen))
    }

    /// Submits or reopens a layer of an article. One that is in that state is answered as it is.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND: the article; LIMIT_EXCEEDED, REQUEST_ID_REUSED.
    pub async fn set_layer_state(
        &self,
        name: &ArticleLayerName,
        state: LayerState,
        attempt: Attempt,
    ) -> Result<LayerOfArticle> {
        let project = self.project(&name.article.parent())?;
        // A request that changes nothing is kept all the same, so that its retry changes nothing, too.
        if attempt.mode == Mode::Apply && attempt.retried().is_none() {
            let layer = self.read_layer(&project, name).await?;
            if layer.kept.as_ref().map_or(LayerState::Open, |kept| kept.state) == state {
                return Ok(layer);
            }
        }
        let decision = transition(Arc::clone(&project), name.clone(), state);
        let commit = self.engine.attempt(project.partition, Arc::new(decision), attempt).await?;
        match layer_after(&commit)? {
            Some(after) => {
                let (_, counts) = self.layer_now(&project, name).await?;
                Ok(LayerOfArticle { name: name.clone(), kept: Some(after), counts, labels: Vec::new() })
            }
            None => self.read_layer(&project, name).await,
        }
    }

    /// What an article has of a layer now; nothing, if it is not there any more.
    pub(super) async fn layer_now(
        &self,
        project: &ProjectHandle,
        name: &ArticleLayerName,
    ) -> Result<(Option<ArticleLayer>, LayerCounts)> {
        let name = name.clone();
        let read = project.read(self.engine.as_ref(), move |view| {
            let place = article_table::place(view, &name.article.article)?;
            place.map_or(Ok((None, LayerCounts::default())), |place| layer_in(view, place, &name.layer))
        });
        Ok(read.await?.value)
    }

    /// A layer of an article without its labels.
    async fn read_layer(&self, project: &ProjectHandle, name: &ArticleLayerName) -> Result<LayerOfArticle> {
        let asked = name.clone();
        let read = project.read(self.engine.as_ref(), move |view| {
            let place = require_article(view, "name", &asked.article)?;
            layer_in(view, place, &asked.layer)
        });
        let (kept, counts) = read.await?.value;
        Ok(LayerOfArticle { name: name.clone(), kept, counts, labels: Vec::new() })
    }
}

impl Counting {
    /// Goes on as far as one view may; whether that was all.
    fn go_on(&mut self, view: &dyn View, place: ArticlePlace, layer: &LayerId) -> Result<bool> {
        if self.after.is_none() {
            (self.kept, self.counts) = layer_in(view, place, layer)?;
        }
        let mut entries_left = VIEW_ENTRIES_MAX;
        for entry in place.annotations().in_document_order(view, None, self.after)? {
            if self.counted >= self.counts.annotations() {
                return Ok(true);
            }
            if entries_left == 0 {
                return Ok(false);
            }
            entries_left -= 1;
            let entry = entry?;
            let annotation = entry.annotation()?;
            if annotation.layer == *layer {
                *self.labels.entry(annotation.label).or_default() += 1;
                self.counted += 1;
            }
            self.after = Some(entry.key.position());
        }
        Ok(true)
    }
}

/// The most frequent labels, at most [`LAYER_LABELS_LISTED_MAX`] of them.
fn most_frequent(labels: HashMap<Label, u64>) -> Vec<(Label, u64)> {
    let mut labels: Vec<_> = labels.into_iter().collect();
    labels.sort_unstable_by(|(one, count), (other, others)| {
        (Reverse(count), one).cmp(&(Reverse(others), other))
    });
    labels.truncate(LAYER_LABELS_LISTED_MAX);
    labels
}

/// Where an article is; the field `field` names it.
fn require_article(view: &dyn View, field: &str, name: &ArticleName) -> Result<ArticlePlace> {
    let place = article_table::place(view, &name.article)?;
    place.ok_or_else(|| Error::at(field, Problem::ResourceNotFound { name: name.to_string() }))
}

/// How far a layer of an article is, if it was ever submitted, and what the article has of it.
fn layer_in(
    view: &dyn View,
    place: ArticlePlace,
    layer: &LayerId,
) -> Result<(Option<ArticleLayer>, LayerCounts)> {
    Ok((layer_table::article_layer(view, place.number, layer)?, counts_in(view, place, layer)?))
}

/// What an article has of a layer.
///
/// # Errors
///
/// As every read.
pub(super) fn counts_in(view: &dyn View, place: ArticlePlace, layer: &LayerId) -> Result<LayerCounts> {
    let counts = place.annotations().layer_counts(view)?;
    let own = counts.binary_search_by(|(id, _)| id.cmp(layer)).ok();
    Ok(own.and_then(|own| counts.get(own)).map_or_else(LayerCounts::default, |(_, counts)| *counts))
}

/// The layers that an article has something of.
fn layers_of(
    view: &dyn View,
    place: ArticlePlace,
) -> Result<BTreeMap<LayerId, (Option<ArticleLayer>, LayerCounts)>> {
    let mut layers: BTreeMap<_, _> = place
        .annotations()
        .layer_counts(view)?
        .into_iter()
        .map(|(id, counts)| (id, (None, counts)))
        .collect();
    for kept in layer_table::article_layers(view, place.number) {
        let kept = kept?;
        let (of_layer, _) =
            layers.entry(kept.layer.clone()).or_insert_with(|| (None, LayerCounts::default()));
        *of_layer = Some(kept);
    }
    Ok(layers)
}

fn transition(
    project: Arc<ProjectHandle>,
    name: ArticleLayerName,
    to: LayerState,
) -> impl Decision + 'static {
    move |draft: &mut Draft<'_>| {
        project_table::require(draft, &project.name())?;
        let ArticleLayerName { article, layer } = &name;
        let number = require_article(draft, "name", article)?.number;
        let before = layer_table::article_layer(draft, number, layer)?;
        if before.as_ref().map_or(LayerState::Open, |before| before.state) == to {
            return Ok(());
        }
        if before.is_none() {
            let mut others = layer_table::article_layers(draft, number);
            let count = others.try_fold(1, |count: usize, other| other.map(|_| count + 1))?;
            if count > ARTICLE_LAYERS_MAX {
                let what = "the article";
                return Err(too_many("name", what, count, ARTICLE_LAYERS_MAX, "submitted layers"));
            }
        }
        let stamp = draft.stamp();
        let after = ArticleLayer {
            layer: layer.clone(),
            state: to,
            submit_time: match to {
                LayerState::Submitted => Some(stamp.time),
                LayerState::Open => before.as_ref().and_then(|before| before.submit_time),
            },
            revision: stamp.revision,
            create_time: before.as_ref().map_or(stamp.time, |before| before.create_time),
            update_time: stamp.time,
        };
        layer_table::put_article_layer(draft, number, &after)?;
        let change = ResourceChange::ArticleLayer {
            number,
            article: article.article.clone(),
            layer: layer.clone(),
            before,
            after: Some(after),
        };
        draft.change(changed(Scope::article(project.partition, &article.article), &change));
        Ok(())
    }
}

/// The layer of an article as a commit left it; none when it was so before.
fn layer_after(commit: &Commit) -> Result<Option<ArticleLayer>> {
    match changes(commit).next().transpose()? {
        None => Ok(None),
        Some(ResourceChange::ArticleLayer { after: Some(after), .. }) => Ok(Some(after)),
        Some(_) => Err(unexpected()),
    }
}
