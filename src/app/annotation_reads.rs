//! Annotations are read one by one, in pages of an article, or in a stream of the whole project. What is read is
//! rendered on the reader's thread and kept as bytes.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    App,
    annotation_queries::{Others, Query, Source},
    answers::{Scope, Seen},
    pages,
    projects::ProjectHandle,
    revisions::{place_at, require_text},
    selection::Selection,
};
use crate::{
    domain::{
        Error, Problem, Result,
        annotations::{Annotation, Label},
        ids::{AnnotationName, ArticleId, ArticleName, LayerId},
        revisions::Revision,
        spans::{self, SpanRequest},
    },
    limits::{ANSWER_BYTES_MAX, STREAM_MESSAGE_BYTES_MAX},
    store::{
        article_table::{self, ArticlePlace},
        engine::{At, View},
        keys::ArticleNumber,
        sort_key::{self, DocumentPosition},
    },
};

/// Entries that one view looks at: a millisecond or two, since writers wait for it.
pub(super) const VIEW_ENTRIES_MAX: usize = 4_000;

/// What ListAnnotations asks for.
#[derive(Debug, Clone)]
pub struct AnnotationQuery {
    /// Whose annotations.
    pub article: ArticleName,
    /// Which of them.
    pub selection: Arc<Selection>,
    /// Only those that meet this part of the text.
    pub overlaps: Option<SpanRequest>,
    /// Which text; 0 is the latest.
    pub text_revision: u32,
    /// How many, as it was sent.
    pub page_size: i32,
    /// Where the page begins, as it was sent.
    pub page_token: String,
}

/// A page of annotations.
#[derive(Debug)]
pub struct AnnotationPage {
    /// The annotations, rendered.
    pub annotations: Vec<Bytes>,
    /// The next page's token, or empty.
    pub next_page_token: String,
    /// The project's revision that the page was read at.
    pub revision: Revision,
}

/// Where a stream of a project's annotations has come to.
#[derive(Debug)]
pub struct StreamCursor {
    article: ArticleNumber,
    after: Option<DocumentPosition>,
    /// What the filter's functions find in the article, if it is too long to be looked through again for each message.
    others: Option<Box<Others>>,
}

impl StreamCursor {
    /// Before the first annotation.
    pub const START: Self = Self::at(ArticleNumber(0), None);

    const fn at(article: ArticleNumber, after: Option<DocumentPosition>) -> Self {
        Self { article, after, others: None }
    }
}

/// Some annotations of a stream, rendered, and where it goes on; `None` at its end.
pub type StreamChunk = (Vec<Bytes>, Option<StreamCursor>);

/// A page that is being filled.
#[derive(Debug)]
pub(super) struct Filling {
    items: usize,
    bytes: usize,
    bytes_max: usize,
    entries_left: usize,
    annotations: Vec<Bytes>,
}

/// How far a filling has come in an article.
enum Reached {
    /// Up to here, and there is more; without a position, not even the first annotation had room.
    Position(Option<DocumentPosition>),
    /// To its end.
    End,
}

impl App {
    /// The versions that an answer about annotations of `article` depends on; take them before reading.
    fn see(&self, project: &ProjectHandle, article: &ArticleId) -> Seen<3> {
        self.versions.see([
            Scope::project(project.partition),
            Scope::article(project.partition, article),
            Scope::annotations(project.partition, article),
        ])
    }

    /// Reads an annotation, rendered, and the versions that the answer depends on.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND.
    pub async fn get_annotation(&self, name: &AnnotationName) -> Result<(Bytes, Seen<3>)> {
        let project = self.project(&name.article.parent())?;
        let seen = self.see(&project, &name.article.article);
        let (asked, uid, render) = (name.clone(), project.uid, self.render.annotation);
        let read = project.read(self.engine.as_ref(), move |view| {
            let AnnotationName { article, annotation: id } = &asked;
            let missing = |name: &dyn ToString| Problem::ResourceNotFound { name: name.to_string() };
            let place = article_table::place(view, &article.article)?.ok_or_else(|| missing(article))?;
            let entry = place.annotations().get(view, *id)?.ok_or_else(|| missing(&asked))?;
            Ok(render(article, uid, &entry.annotation()?))
        });
        Ok((read.await?.value, seen))
    }

    /// Lists an article's annotations in document order, and the versions that the answer depends on.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND, PAGE_TOKEN_INVALID, FIELD_INVALID; what is wrong with the window, at `overlaps`; LIMIT_EXCEEDED at
    /// `filter`, when its functions find too much.
    pub async fn list_annotations(&self, query: &AnnotationQuery) -> Result<(AnnotationPage, Seen<3>)> {
        loop {
            match self.list_annotations_once(query).await {
                // The text was revised since the window was held against it.
                Err(Error { problem: Problem::TextRevisionStale { .. }, field: _ }) => {}
                listed => return listed,
            }
        }
    }

    async fn list_annotations_once(&self, query: &AnnotationQuery) -> Result<(AnnotationPage, Seen<3>)> {
        let AnnotationQuery { article: name, selection, overlaps, text_revision, page_size, page_token } =
            query;
        let items = pages::items(*page_size)?;
        let project = self.project(&name.parent())?;
        let seen = self.see(&project, &name.article);
        let article = self.article_at(name, *text_revision).await?;
        let text_revision = *text_revision;
        let window = match overlaps {
            Some(window) => {
                let text = self.text(&article).await?;
                let range = spans::resolve_window(&text, window).map_err(|error| error.within("overlaps"))?;
                Some((range.start.utf8, range.end.utf8))
            }
            None => None,
        };
        let arguments = list_arguments(name, selection, window, text_revision);
        let after =
            arguments.key(page_token)?.map(|key| DocumentPosition::decode(&key).ok_or_else(pages::damaged));
        let mut after = after.transpose()?;
        let of_text = window.map(|_| article.generation).filter(|_| text_revision == 0);
        if selection.has_functions() {
            let source =
                Source::Article { name: name.clone(), number: article.number, text_revision, of_text };
            let filling = Filling::new(items, ANSWER_BYTES_MAX);
            let mut query = Query::new(self, &project, selection, window, filling);
            query.go_on(article.number, after, None);
            let At { value: (query, more), revision } = self.ask(&project, &source, query).await?;
            let next = query.reached().1.filter(|_| more);
            let next_page_token = next.map_or_else(String::new, |after| arguments.token(&after.encode()));
            return Ok((
                AnnotationPage { annotations: query.into_annotations(), next_page_token, revision },
                seen,
            ));
        }
        let mut first_revision = None;
        loop {
            let (name, selection) = (name.clone(), Arc::clone(selection));
            let (uid, render, number) = (project.uid, self.render.annotation, article.number);
            let read = project.read(self.engine.as_ref(), move |view| {
                let place = place_at(view, &name, number, text_revision)?;
                if let Some(generation) = of_text {
                    require_text(view, number, generation)?;
                }
                let mut filling = Filling::new(items, ANSWER_BYTES_MAX);
                let reached = filling.article(view, place, &selection, window, after, |annotation| {
                    selection.passes(&name, annotation).then(|| render(&name, uid, annotation))
                })?;
                Ok((filling.annotations, reached))
            });
            let At { value: (annotations, reached), revision } = read.await?;
            // What was passed over in an earlier view counts as read at that view's revision.
            let revision = *first_revision.get_or_insert(revision);
            let next_page_token = match reached {
                Reached::Position(position) if annotations.is_empty() => {
                    after = position;
                    continue;
                }
                Reached::Position(Some(position)) => arguments.token(&position.encode()),
                Reached::Position(None) | Reached::End => String::new(),
            };
            return Ok((AnnotationPage { annotations, next_page_token, revision }, seen));
        }
    }

    /// Reads the next annotations of a project's stream: article by article in the order of their creation.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND: the project was deleted, though another may have its name by now; LIMIT_EXCEEDED at `filter`,
    /// when its functions find too much in an article.
    pub async fn stream_annotations(
        &self,
        project: &ProjectHandle,
        selection: &Arc<Selection>,
        cursor: StreamCursor,
    ) -> Result<At<StreamChunk>> {
        const ITEMS: usize = 1_000;
        let mut filling = Filling::new(ITEMS, STREAM_MESSAGE_BYTES_MAX);
        let StreamCursor { article: first, after, others } = cursor;
        if selection.has_functions() {
            let mut query = Query::new(self, project, selection, None, filling);
            query.go_on(first, after, others);
            let source = Source::Project(project.name());
            let At { value: (mut query, more), revision } = self.ask(project, &source, query).await?;
            let (article, after) = query.reached();
            let cursor = more.then(|| StreamCursor { article, after, others: query.take_others() });
            return Ok(At { value: (query.into_annotations(), cursor), revision });
        }
        let (name, selection) = (project.name(), Arc::clone(selection));
        let (uid, render) = (project.uid, self.render.annotation);
        let read = project.read(self.engine.as_ref(), move |view| {
            let mut resume = after;
            for article in article_table::articles(view, first) {
                let (number, stored) = article?;
                // The cursor's article may have been deleted, and this may be the next one.
                let after = resume.take().filter(|_| number == first);
                let name = name.article(stored.article.id.clone());
                let place = ArticlePlace::of(number, &stored);
                let reached = filling.article(view, place, &selection, None, after, |annotation| {
                    selection.passes(&name, annotation).then(|| render(&name, uid, annotation))
                })?;
                if let Reached::Position(after) = reached {
                    return Ok((filling.annotations, Some(StreamCursor::at(number, after))));
                }
                filling.entries_left = filling.entries_left.saturating_sub(ARTICLE_COSTS_ENTRIES);
                if filling.entries_left == 0 || filling.annotations.len() >= filling.items {
                    let article = ArticleNumber(number.0.saturating_add(1));
                    return Ok((filling.annotations, Some(StreamCursor::at(article, None))));
                }
            }
            Ok((filling.annotations, None))
        });
        read.await
    }
}

/// Opening an article costs a view about as much as this many entries.
pub(super) const ARTICLE_COSTS_ENTRIES: usize = 8;

impl Filling {
    pub(super) fn new(items: usize, bytes_max: usize) -> Self {
        Self {
            items,
            bytes: 0,
            bytes_max,
            entries_left: VIEW_ENTRIES_MAX,
            annotations: Vec::with_capacity(items),
        }
    }

    /// Adds an article's annotations in document order, as far as `render` wants them and there is room.
    fn article(
        &mut self,
        view: &dyn View,
        place: ArticlePlace,
        selection: &Selection,
        window: Option<(u32, u32)>,
        after: Option<DocumentPosition>,
        render: impl Fn(&Annotation) -> Option<Bytes>,
    ) -> Result<Reached> {
        if !selection.may_be_in(view, place.annotations())? {
            return Ok(Reached::End);
        }
        let costs = selection.entry_costs();
        let mut last = after;
        for entry in place.annotations().in_document_order(view, window, after)? {
            let entry = entry?;
            if self.entries_left == 0 {
                return Ok(Reached::Position(last));
            }
            self.entries_left = self.entries_left.saturating_sub(costs);
            let annotation = entry.annotation()?;
            let position = entry.key.position();
            let wanted = meets(&annotation, window).then(|| render(&annotation)).flatten();
            if wanted.is_some_and(|bytes| !self.take(bytes)) {
                return Ok(Reached::Position(last));
            }
            last = Some(position);
        }
        Ok(Reached::End)
    }

    /// Takes one more, if there is room for it.
    pub(super) fn take(&mut self, annotation: Bytes) -> bool {
        // What an item takes in the answer beside its own bytes.
        const ITEM: usize = 8;
        let more = annotation.len() + ITEM;
        let is_full = self.annotations.len() >= self.items || self.bytes + more > self.bytes_max;
        if is_full && !self.annotations.is_empty() {
            return false;
        }
        self.bytes += more;
        self.annotations.push(annotation);
        true
    }

    /// What it was filled with.
    pub(super) fn into_annotations(self) -> Vec<Bytes> {
        self.annotations
    }
}

/// Whether one of the annotation's spans meets the window: the index has compared the hull alone.
pub(super) fn meets(annotation: &Annotation, window: Option<(u32, u32)>) -> bool {
    let Some(window) = window else { return true };
    let spans = annotation.target.mention().map_or(&[][..], |mention| mention.anchor.spans());
    spans.iter().any(|span| sort_key::meets(window, (span.start.utf8, span.end.utf8)))
}

fn list_arguments(
    name: &ArticleName,
    selection: &Selection,
    window: Option<(u32, u32)>,
    text_revision: u32,
) -> pages::Arguments {
    let name = name.to_string();
    let window = window.map_or_else(String::new, |(start, end)| format!("{start}..{end}"));
    let text_revision = text_revision.to_be_bytes();
    let mut arguments = vec![name.as_bytes()];
    let Selection { layer, label, filter } = selection;
    arguments.push(layer.as_ref().map_or("", LayerId::as_str).as_bytes());
    arguments.push(label.as_ref().map_or("", Label::as_str).as_bytes());
    arguments.push(window.as_bytes());
    arguments.push(&text_revision);
    let filter = filter.to_string();
    if !filter.is_empty() {
        arguments.push(filter.as_bytes());
    }
    pages::Arguments::of("ListAnnotations", &arguments)
}
