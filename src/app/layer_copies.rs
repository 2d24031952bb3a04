//! A layer of an article is copied into another one, in one commit. The copies are made beside the writer, and committed if
//! what they are made from still stands.

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::{
    App,
    annotation_commits::encoded,
    annotation_reads::VIEW_ENTRIES_MAX,
    annotation_rows::{self, Place},
    annotation_rules::{Rules, Touched},
    article_layers::{LayerOfArticle, counts_in},
    calculate, changes,
    projects::ProjectHandle,
    unexpected,
};
use crate::{
    domain::{
        Error, Problem, Result,
        annotations::Annotation,
        copies::{Copies, CopyRules},
        details::too_many,
        ids::{AnnotationId, ArticleLayerName, ArticleName, LayerId},
        layers::{LayerCounts, Tally},
        revisions::Revision,
    },
    limits::{COPY_ANNOTATIONS_MAX, COPY_BYTES_MAX},
    store::{
        article_table::{self, ArticlePlace},
        engine::{At, Attempt, Commit, Decision, Draft, Mode, View},
        project_table,
        records::ResourceChange,
        sort_key::DocumentPosition,
    },
};

/// Which layer is copied, and where to.
#[derive(Debug, Clone)]
pub struct LayerCopy {
    /// The layer of an article that is copied.
    pub name: ArticleLayerName,
    /// The layer that is copied to.
    pub destination: LayerId,
    /// What of it is copied.
    pub rules: CopyRules,
    /// Whether the destination may have annotations already.
    pub force: bool,
}

/// What a copy did.
#[derive(Debug, Clone)]
pub struct LayerCopied {
    /// The layer that was copied to.
    pub layer: LayerOfArticle,
    /// How many copies there are.
    pub copied: usize,
    /// How many relations were left out.
    pub left_out: usize,
    /// The commit's revision.
    pub revision: Revision,
}

/// How often the copies are made anew when what they are made from is changed meanwhile.
const TRIES_MAX: usize = 8;
/// Annotations that the decision looks at one by one for whether they still stand.
const LOOKED_AT_MAX: usize = 4_000;

/// Copies that are ready to be committed.
struct Copying {
    project: Arc<ProjectHandle>,
    copy: LayerCopy,
    source: Source,
    made: Vec<Made>,
    left_out: usize,
}

/// A copy, and where it comes from.
struct Made {
    annotation: Annotation,
    source: String,
}

/// A layer of an article, as far as it was read.
#[derive(Debug, Default)]
struct Source {
    place: Option<ArticlePlace>,
    /// What was read first was read at this revision.
    seen: Option<Revision>,
    /// Each annotation of the layer, and when it was changed.
    all: Vec<(AnnotationId, Revision)>,
    /// Those that are asked for, as far as they fit.
    taken: Vec<Annotation>,
    taken_count: usize,
    after: Option<DocumentPosition>,
}

impl App {
    /// Copies a layer of an article into another one.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND: the article, or the layer in it; HAS_CHILDREN, LAYER_LOCKED, LIMIT_EXCEEDED, SCHEMA_VIOLATED,
    /// SPAN_EMPTY, FIELD_INVALID, REQUEST_ID_REUSED; OVERLOADED when the layer is changed again and again meanwhile.
    pub async fn copy_layer(&self, copy: LayerCopy, attempt: Attempt) -> Result<LayerCopied> {
        let project = self.project(&copy.name.article.parent())?;
        if copy.destination == copy.name.layer {
            return Err(Error::field("destination", "is the layer that is copied; name another one"));
        }
        let mut tries_left = TRIES_MAX;
        let (commit, left_out) = loop {
            tries_left -= 1;
            match self.prepare_copy(&project, copy.clone()).await {
                Ok(copying) => {
                    let left_out = copying.left_out;
                    match self.engine.attempt(project.partition, Arc::new(copying), attempt).await {
                        // What is copied was changed meanwhile, or there is much to do.
                        Err(error) if error.problem == Problem::Overloaded && tries_left > 0 => {}
                        commit => break (commit?, left_out),
                    }
                }
                Err(refusal) => break (self.first_try(project.partition, &attempt, refusal).await?, 0),
            }
        };
        let name = copy.name.article.layer(copy.destination);
        let (copied, made) = copied(&commit)?;
        let mut layer =
            LayerOfArticle { name, kept: None, counts: LayerCounts::default(), labels: Vec::new() };
        (layer.kept, layer.counts) = self.layer_now(&project, &layer.name).await?;
        if attempt.mode == Mode::Check {
            layer.counts = layer.counts.plus(made);
        }
        Ok(LayerCopied { layer, copied, left_out, revision: commit.stamp.revision })
    }

    async fn prepare_copy(&self, project: &Arc<ProjectHandle>, copy: LayerCopy) -> Result<Copying> {
        /// Copying one costs about as much as searching so much text.
        const ANNOTATION_BYTES: usize = 512;
        let source = self.read_source(project, &copy).await?;
        if source.all.is_empty() {
            return Err(Error::at("name", Problem::ResourceNotFound { name: copy.name.to_string() }));
        }
        if source.taken_count > COPY_ANNOTATIONS_MAX {
            return Err(too_large(source.taken_count, COPY_ANNOTATIONS_MAX));
        }
        let project = Arc::clone(project);
        let first = AnnotationId::from(Uuid::now_v7());
        calculate(source.taken.len() * ANNOTATION_BYTES, move || {
            let article = &copy.name.article;
            let Copies { made, left_out } =
                copy.rules.copies(article, &source.taken, &copy.destination, first);
            check_bytes(&made)?;
            let made = made.into_iter().map(made_from).collect();
            Ok(Copying { project, copy, source, made, left_out })
        })
        .await?
    }

    /// Reads the layer that is copied.
    async fn read_source(&self, project: &ProjectHandle, copy: &LayerCopy) -> Result<Source> {
        let mut source = Source::default();
        loop {
            let (ArticleLayerName { article, layer }, rules) = (copy.name.clone(), copy.rules.clone());
            let read = project.read(self.engine.as_ref(), move |view| {
                let done = source.go_on(view, &article, &layer, &rules)?;
                Ok((source, done))
            });
            let At { value, revision } = read.await?;
            let done;
            (source, done) = value;
            source.seen.get_or_insert(revision);
            if done {
                return Ok(source);
            }
        }
    }
}

impl Source {
    /// Goes on as far as one view may; whether that was all.
    fn go_on(
        &mut self,
        view: &dyn View,
        article: &ArticleName,
        layer: &LayerId,
        rules: &CopyRules,
    ) -> Result<bool> {
        let missing = || Error::at("name", Problem::ResourceNotFound { name: article.to_string() });
        let place = article_table::place(view, &article.article)?.ok_or_else(missing)?;
        if self.place.is_some_and(|begun| begun != place) {
            *self = Self::default();
        }
        self.place = Some(place);
        let mut entries_left = VIEW_ENTRIES_MAX;
        for entry in place.annotations().in_document_order(view, None, self.after)? {
            if entries_left == 0 {
                return Ok(false);
            }
            entries_left -= 1;
            let entry = entry?;
            let annotation = entry.annotation()?;
            self.after = Some(entry.key.position());
            if annotation.layer != *layer {
                continue;
            }
            self.all.push((annotation.id, annotation.revision));
            if rules.take(&annotation) {
                self.taken_count += 1;
                if self.taken_count <= COPY_ANNOTATIONS_MAX {
                    self.taken.push(annotation);
                }
            }
        }
        Ok(true)
    }

    /// Whether the layer is as it was read. What else the article has may be changed.
    fn still_stands(&self, draft: &Draft<'_>, place: ArticlePlace, layer: &LayerId) -> Result<bool> {
        if self.place != Some(place) {
            return Ok(false);
        }
        let index = place.annotations();
        if let Some(seen) = self.seen
            && !index.is_changed_since(draft, seen, !self.all.is_empty())?
        {
            return Ok(true);
        }
        let count = u64::try_from(self.all.len()).unwrap_or(u64::MAX);
        if self.all.len() > LOOKED_AT_MAX || counts_in(draft, place, layer)?.annotations() != count {
            return Ok(false);
        }
        for (id, revision) in &self.all {
            let entry = index.get(draft, *id)?;
            let annotation = entry.map(|entry| entry.annotation()).transpose()?;
            if annotation.is_none_or(|annotation| annotation.revision != *revision) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Decision for Copying {
    fn decide(&self, draft: &mut Draft<'_>) -> Result<()> {
        let Self { project, copy, source, made, left_out: _ } = self;
        project_table::require(draft, &project.name())?;
        let LayerCopy { name, destination, rules: _, force } = copy;
        let article = &name.article;
        let missing = || Error::at("name", Problem::ResourceNotFound { name: article.to_string() });
        let place = article_table::place(draft, &article.article)?.ok_or_else(missing)?;
        if !source.still_stands(draft, place, &name.layer)? {
            return Err(Problem::Overloaded.into());
        }
        let there = counts_in(draft, place, destination)?.annotations();
        if there > 0 && !force {
            let children = format!("{there} annotation{}", if there == 1 { "" } else { "s" });
            let name = article.layer(destination.clone()).to_string();
            return Err(Error::at("destination", Problem::DestinationInUse { name, children }));
        }
        let stamp = draft.stamp();
        let place =
            Place { partition: project.partition, index: place.annotations(), article: &article.article };
        let mut rules = Rules::new(project);
        for Made { annotation, source } in made {
            let copy = Annotation {
                revision: stamp.revision,
                create_time: stamp.time,
                update_time: stamp.time,
                ..annotation.clone()
            };
            put(draft, place, &copy)?;
            rules.touch(Touched {
                path: source,
                place,
                before: None,
                after: Some(copy),
                empty_at: None,
                force: false,
            });
        }
        rules.judge(draft).map_err(|broken| blamed(broken.refusal))
    }
}

fn put(draft: &mut Draft<'_>, place: Place<'_>, copy: &Annotation) -> Result<()> {
    // A limit that is met here is that of layers.
    let at_destination = |error: Error| Error::at("destination", error.problem);
    let value: Bytes = encoded(copy).map_err(at_destination)?;
    let change =
        annotation_rows::Change { id: copy.id, before: None, after: Some((copy, value)), cascaded: false };
    if annotation_rows::put(draft, place, change).map_err(at_destination)? {
        return Ok(());
    }
    // Made a moment ago, of 62 random bits: the next try makes others.
    Err(Problem::Overloaded.into())
}

/// What a rule says of a copy, said of what it is a copy of.
fn blamed(error: Error) -> Error {
    let Error { field, mut problem } = error;
    // Behind the name, which has no dot in its last part, stands the field.
    let dot = field.rfind('/').and_then(|last| Some(last + field.get(last..)?.find('.')?));
    let source = dot.and_then(|dot| field.get(..dot)).unwrap_or(&field);
    if let Problem::SchemaViolated { broken, count: _ } = &mut problem {
        for broken in broken.iter_mut().filter(|broken| broken.subject.is_empty()) {
            source.clone_into(&mut broken.subject);
        }
    }
    let field = if matches!(problem, Problem::LayerLocked { .. }) { "destination" } else { "name" };
    Error::at(field, problem)
}

fn made_from(annotation: Annotation) -> Made {
    let source = annotation.derived_from.first().map_or_else(String::new, ToString::to_string);
    Made { annotation, source }
}

/// Checks what copies take as they are stored.
fn check_bytes(made: &[Annotation]) -> Result<()> {
    let mut bytes = 0;
    for (fitting, annotation) in made.iter().enumerate() {
        bytes += encoded(annotation).map_err(|error| Error::at("name", error.problem))?.len();
        if bytes > COPY_BYTES_MAX {
            return Err(too_large(made.len(), fitting));
        }
    }
    Ok(())
}

fn too_large(count: usize, fitting: usize) -> Error {
    too_many("name", "the copy", count, fitting, "annotations")
}

/// How many copies a commit made, and what they count as.
fn copied(commit: &Commit) -> Result<(usize, LayerCounts)> {
    let (mut copied, mut counts) = (0, LayerCounts::default());
    for change in changes(commit) {
        let ResourceChange::Annotation { after: Some(after), .. } = change? else { return Err(unexpected()) };
        copied += 1;
        counts = counts.plus(Tally::of(&after).counts());
    }
    Ok((copied, counts))
}
