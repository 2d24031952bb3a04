//! Articles are read for an export, some in each view.

use std::{collections::HashSet, sync::Arc};

use bytes::{Bytes, BytesMut};

use super::ExportOptions;
use crate::{
    app::{
        App,
        annotation_queries::{Query, Source},
        annotation_reads::{ARTICLE_COSTS_ENTRIES, Filling, VIEW_ENTRIES_MAX},
        projects::ProjectHandle,
        texts::ArticleHandle,
    },
    domain::{
        Error, Problem, Result,
        annotations::{Annotation, Target},
        ids::{AnnotationId, ArticleName},
        layers::{ArticleLayer, LayerState},
        revisions::{ProjectUid, Revision},
        text::Text,
    },
    formats::exchange::{ArticleContents, OlderText, SubmittedLayer},
    limits::{EXPORT_VIEW_TEXT_BYTES, PAGE_ITEMS_MAX, STREAM_MESSAGE_BYTES_MAX, VALUE_BYTES_MAX},
    store::{
        article_table::{self, ArticlePlace},
        engine::{At, View},
        keys::{ArticleNumber, Generation},
        layer_table,
        records::{StoredArticle, StoredTextRevision},
        sort_key::DocumentPosition,
        text_revision_table,
    },
};

/// Where an export has come to: before an article.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor(ArticleNumber);

/// Some articles, and where the next ones begin.
pub(super) struct Page {
    pub(super) articles: Vec<ExportedArticle>,
    pub(super) next: Option<Cursor>,
    pub(super) revision: Revision,
}

/// An article as it is exported.
pub(super) struct ExportedArticle {
    pub(super) contents: ArticleContents,
    /// What of it is not exported, whatever the format.
    pub(super) losses: Vec<(&'static str, String)>,
}

/// An article as views find it.
struct Found {
    number: ArticleNumber,
    stored: StoredArticle,
    /// The text, if it is short.
    text: Option<Bytes>,
    texts: Vec<StoredTextRevision>,
    submitted: Vec<ArticleLayer>,
    annotations: Vec<Annotation>,
    /// Behind which annotation there are more.
    goes_on: Option<DocumentPosition>,
}

impl Cursor {
    pub(super) const START: Self = Self(ArticleNumber(0));
}

impl App {
    /// Reads the next articles.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND: the project was deleted; LIMIT_EXCEEDED at `filter`; as every read.
    pub(super) async fn export_page(
        &self,
        project: &Arc<ProjectHandle>,
        options: &Arc<ExportOptions>,
        from: Cursor,
    ) -> Result<Page> {
        let (name, selected) = (project.name(), Arc::clone(options));
        let read = project.read(self.engine.as_ref(), move |view| {
            let mut found = Vec::new();
            let (mut entries_left, mut text_bytes_left) = (VIEW_ENTRIES_MAX, EXPORT_VIEW_TEXT_BYTES);
            for article in article_table::articles(view, from.0) {
                let (number, stored) = article?;
                if entries_left == 0 || text_bytes_left == 0 {
                    return Ok((found, Some(Cursor(number))));
                }
                let article_name = name.article(stored.article.id.clone());
                let article = find(view, number, stored, &article_name, &selected, &mut entries_left)?;
                let bytes = article.text.as_ref().map_or(0, Bytes::len);
                text_bytes_left = text_bytes_left.saturating_sub(bytes.max(VALUE_BYTES_MAX));
                found.push(article);
            }
            Ok((found, None))
        });
        let At { value: (found, next), revision } = read.await?;
        let mut articles = Vec::with_capacity(found.len());
        for article in found {
            if let Some(article) = self.exported(project, options, article).await? {
                articles.push(article);
            }
        }
        Ok(Page { articles, next, revision })
    }

    /// The article with all that belongs to it; none when it was deleted meanwhile.
    async fn exported(
        &self,
        project: &Arc<ProjectHandle>,
        options: &Arc<ExportOptions>,
        mut found: Found,
    ) -> Result<Option<ExportedArticle>> {
        while let Some(after) = found.goes_on.take() {
            if self.read_on(project, options, &mut found, after).await? {
                continue;
            }
            match self.found_anew(project, options, &found).await? {
                Some(anew) => found = anew,
                None => return Ok(None),
            }
        }
        let name = project.name().article(found.stored.article.id.clone());
        if options.selection.has_functions() {
            match self.passing_ids(project, options, &name, found.number).await {
                Ok(passing) => found.annotations.retain(|annotation| passing.contains(&annotation.id)),
                Err(Error { problem: Problem::ResourceNotFound { .. }, field: _ }) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        let Some((text, older_texts)) = self.texts_of(project, &name, &mut found).await? else {
            return Ok(None);
        };
        let Found { number: _, stored, text: _, texts: _, submitted, annotations, goes_on: _ } = found;
        let mut losses = Vec::new();
        let annotations = with_what_they_use(annotations, &name, &mut losses);
        let is_asked_for =
            |layer: &ArticleLayer| options.layers.is_empty() || options.layers.contains(&layer.layer);
        let submitted = submitted
            .into_iter()
            .filter(|layer| layer.state == LayerState::Submitted && is_asked_for(layer))
            .map(|layer| SubmittedLayer { layer: layer.layer, submit_time: layer.submit_time });
        let article = stored.article;
        let contents = ArticleContents {
            id: article.id,
            details: article.details,
            text,
            older_texts,
            times: Some((article.create_time, article.update_time)),
            annotations,
            submitted: submitted.collect(),
        };
        Ok(Some(ExportedArticle { contents, losses }))
    }

    /// Reads more of an article's annotations than fit one view; not if it has another text by now, or is gone.
    async fn read_on(
        &self,
        project: &Arc<ProjectHandle>,
        options: &Arc<ExportOptions>,
        found: &mut Found,
        after: DocumentPosition,
    ) -> Result<bool> {
        let name = project.name().article(found.stored.article.id.clone());
        let (number, selected) = (found.number, Arc::clone(options));
        let as_found = generations(&found.stored);
        let read = project.read(self.engine.as_ref(), move |view| {
            let Some(stored) = article_table::get(view, number)? else { return Ok(None) };
            if generations(&stored) != as_found {
                return Ok(None);
            }
            let place = ArticlePlace::of(number, &stored);
            let mut entries_left = VIEW_ENTRIES_MAX;
            annotations_of(view, place, &name, &selected, Some(after), &mut entries_left).map(Some)
        });
        let Some((more, goes_on)) = read.await?.value else { return Ok(false) };
        found.annotations.extend(more);
        found.goes_on = goes_on;
        Ok(true)
    }

    /// The article as it is by now, unless it is gone.
    async fn found_anew(
        &self,
        project: &Arc<ProjectHandle>,
        options: &Arc<ExportOptions>,
        found: &Found,
    ) -> Result<Option<Found>> {
        let name = project.name().article(found.stored.article.id.clone());
        let (number, selected) = (found.number, Arc::clone(options));
        let read = project.read(self.engine.as_ref(), move |view| {
            let Some(stored) = article_table::get(view, number)? else { return Ok(None) };
            let mut entries_left = VIEW_ENTRIES_MAX;
            find(view, number, stored, &name, &selected, &mut entries_left).map(Some)
        });
        Ok(read.await?.value)
    }

    /// The annotations of an article that pass a filter with functions.
    async fn passing_ids(
        &self,
        project: &Arc<ProjectHandle>,
        options: &Arc<ExportOptions>,
        name: &ArticleName,
        number: ArticleNumber,
    ) -> Result<HashSet<AnnotationId>> {
        let (mut passing, mut after, mut others) = (HashSet::new(), None, None);
        loop {
            let filling = Filling::new(PAGE_ITEMS_MAX, STREAM_MESSAGE_BYTES_MAX);
            let mut query = Query::new(self, project, &options.selection, None, filling).rendered_by(id_of);
            query.go_on(number, after, others);
            let source = Source::Article { name: name.clone(), number, text_revision: 0, of_text: None };
            let At { value: (mut query, more), revision: _ } = self.ask(project, &source, query).await?;
            let reached = query.reached();
            others = query.take_others();
            let ids = query.into_annotations();
            let ids = ids.iter().filter_map(|id| <[u8; 16]>::try_from(id.as_ref()).ok());
            passing.extend(ids.map(AnnotationId::from_bytes));
            if !more {
                return Ok(passing);
            }
            after = reached.1;
        }
    }

    /// The texts of an article: the latest, and those before it; none when it was deleted meanwhile.
    async fn texts_of(
        &self,
        project: &Arc<ProjectHandle>,
        name: &ArticleName,
        found: &mut Found,
    ) -> Result<Option<(Arc<Text>, Vec<OlderText>)>> {
        let text = match found.text.take() {
            Some(bytes) => {
                let damaged = || Error::corrupt(format!("the text of {name} is damaged"));
                let text = String::from_utf8(bytes.into()).map_err(|_| damaged())?;
                Arc::new(Text::new(text))
            }
            None => match self.text_of(project, found.number, &found.stored).await {
                Ok(text) => text,
                Err(Error { problem: Problem::ResourceNotFound { .. }, field: _ }) => return Ok(None),
                Err(error) => return Err(error),
            },
        };
        let latest = found.stored.article.text.revision;
        let mut older_texts = Vec::new();
        for text in found.texts.iter().filter(|text| text.text_revision.text.revision < latest) {
            let handle = ArticleHandle {
                project: Arc::clone(project),
                name: name.clone(),
                number: found.number,
                generation: text.text_generation,
                text: text.text_revision.text,
            };
            let create_time = Some(text.text_revision.create_time);
            match self.text(&handle).await {
                Ok(text) => older_texts.push(OlderText { text, create_time }),
                Err(Error { problem: Problem::ResourceNotFound { .. }, field: _ }) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Some((text, older_texts)))
    }
}

/// Which text of an article it is, and which annotations stand in it.
fn generations(stored: &StoredArticle) -> (Generation, Generation) {
    (stored.text_generation, stored.annotation_generation)
}

/// What a view finds of an article.
fn find(
    view: &dyn View,
    number: ArticleNumber,
    stored: StoredArticle,
    name: &ArticleName,
    options: &ExportOptions,
    entries_left: &mut usize,
) -> Result<Found> {
    *entries_left = entries_left.saturating_sub(ARTICLE_COSTS_ENTRIES);
    let bytes = usize::try_from(stored.article.text.length.utf8).unwrap_or(usize::MAX);
    let mut text = None;
    if bytes <= EXPORT_VIEW_TEXT_BYTES {
        let mut read = BytesMut::with_capacity(bytes);
        let chunks = bytes / VALUE_BYTES_MAX + 1;
        let whole = article_table::read_text(view, number, stored.text_generation, &mut read, bytes, chunks)?;
        text = (whole == Some(true)).then(|| read.freeze());
    }
    let texts = if stored.article.text.revision > 1 {
        text_revision_table::list(view, number, &stored, 1).collect::<Result<_>>()?
    } else {
        Vec::new()
    };
    let submitted = layer_table::article_layers(view, number).collect::<Result<_>>()?;
    let place = ArticlePlace::of(number, &stored);
    let (annotations, goes_on) = annotations_of(view, place, name, options, None, entries_left)?;
    Ok(Found { number, stored, text, texts, submitted, annotations, goes_on })
}

/// Annotations of an article that are asked for, as far as the view may look, and where it stopped.
fn annotations_of(
    view: &dyn View,
    place: ArticlePlace,
    name: &ArticleName,
    options: &ExportOptions,
    after: Option<DocumentPosition>,
    entries_left: &mut usize,
) -> Result<(Vec<Annotation>, Option<DocumentPosition>)> {
    let ExportOptions { project: _, format: _, unit: _, layers, selection } = options;
    let costs = selection.entry_costs();
    let mut annotations = Vec::new();
    let mut last = after;
    for entry in place.annotations().in_document_order(view, None, after)? {
        let entry = entry?;
        if *entries_left == 0 {
            // Where not even the first was looked at, the article begins the next view.
            *entries_left = 1;
            if last.is_some() {
                *entries_left = 0;
                return Ok((annotations, last));
            }
        }
        *entries_left = entries_left.saturating_sub(costs);
        let annotation = entry.annotation()?;
        last = Some(entry.key.position());
        let passes = (layers.is_empty() || layers.contains(&annotation.layer))
            && (selection.has_functions() || selection.passes(name, &annotation));
        if passes {
            annotations.push(annotation);
        }
    }
    Ok((annotations, None))
}

/// Without the relations that use what is not exported, which no file could say.
fn with_what_they_use(
    mut annotations: Vec<Annotation>,
    name: &ArticleName,
    losses: &mut Vec<(&'static str, String)>,
) -> Vec<Annotation> {
    if !annotations.iter().any(|annotation| matches!(annotation.target, Target::Relation(_))) {
        return annotations;
    }
    loop {
        let there: HashSet<_> = annotations.iter().map(|annotation| annotation.id).collect();
        let before = annotations.len();
        annotations.retain(|annotation| {
            let is_whole = annotation.uses().all(|id| there.contains(&id));
            if !is_whole {
                let example = format!("{}/{}", name.article, annotation.id);
                losses.push(("relations of what is left out", example));
            }
            is_whole
        });
        if annotations.len() == before {
            return annotations;
        }
    }
}

/// An annotation's id, for a query that is asked for ids alone.
fn id_of(_: &ArticleName, _: ProjectUid, annotation: &Annotation) -> Bytes {
    Bytes::copy_from_slice(annotation.id.as_bytes())
}
