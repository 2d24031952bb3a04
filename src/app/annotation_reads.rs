//! Annotations are read one by one, in pages of an article, or in a stream of the whole project. What is read is
//! rendered on the reader's thread and kept as bytes.

use bytes::Bytes;

use super::{
    App,
    answers::{Scope, Seen},
    articles::require_text_revision,
    pages,
    projects::ProjectHandle,
};
use crate::{
    domain::{
        Problem, Result,
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

/// Which annotations are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnnotationFilter {
    /// Only those of this layer.
    pub layer: Option<LayerId>,
    /// Only those with this label.
    pub label: Option<Label>,
}

impl AnnotationFilter {
    fn passes(&self, annotation: &Annotation) -> bool {
        self.layer.as_ref().is_none_or(|layer| *layer == annotation.layer)
            && self.label.as_ref().is_none_or(|label| *label == annotation.label)
    }

    fn arguments(&self) -> [&[u8]; 2] {
        let layer = self.layer.as_ref().map_or("", LayerId::as_str);
        let label = self.label.as_ref().map_or("", Label::as_str);
        [layer.as_bytes(), label.as_bytes()]
    }
}

/// What ListAnnotations asks for.
#[derive(Debug, Clone)]
pub struct AnnotationQuery {
    /// Whose annotations.
    pub article: ArticleName,
    /// Which of them.
    pub filter: AnnotationFilter,
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
#[derive(Debug, Clone)]
pub struct StreamCursor {
    article: ArticleNumber,
    after: Option<DocumentPosition>,
}

impl StreamCursor {
    /// Before the first annotation.
    pub const START: Self = Self { article: ArticleNumber(0), after: None };
}

/// Some annotations of a stream, rendered, and where it goes on; `None` at its end.
pub type StreamChunk = (Vec<Bytes>, Option<StreamCursor>);

/// A page that is being filled.
struct Filling {
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
    /// RESOURCE_NOT_FOUND, PAGE_TOKEN_INVALID, FIELD_INVALID; what is wrong with the window, at `overlaps`.
    pub async fn list_annotations(&self, query: &AnnotationQuery) -> Result<(AnnotationPage, Seen<3>)> {
        let AnnotationQuery { article: name, filter, overlaps, text_revision, page_size, page_token } = query;
        let items = pages::items(*page_size)?;
        let project = self.project(&name.parent())?;
        let seen = self.see(&project, &name.article);
        let article = self.article(name).await?;
        require_text_revision(name, *text_revision, article.text.revision)?;
        let window = match overlaps {
            Some(window) => {
                let text = self.text(&article).await?;
                let range = spans::resolve_window(&text, window).map_err(|error| error.within("overlaps"))?;
                Some((range.start.utf8, range.end.utf8))
            }
            None => None,
        };
        let arguments = list_arguments(name, filter, window);
        let after =
            arguments.key(page_token)?.map(|key| DocumentPosition::decode(&key).ok_or_else(pages::damaged));
        let mut after = after.transpose()?;
        let mut first_revision = None;
        loop {
            let (name, filter) = (name.clone(), filter.clone());
            let (uid, render, number) = (project.uid, self.render.annotation, article.number);
            let read = project.read(self.engine.as_ref(), move |view| {
                let place = article_table::place(view, &name.article)?.filter(|place| place.number == number);
                let place = place.ok_or_else(|| Problem::ResourceNotFound { name: name.to_string() })?;
                let mut filling = Filling::new(items, ANSWER_BYTES_MAX);
                let reached = filling.article(view, place, window, after, |annotation| {
                    filter.passes(annotation).then(|| render(&name, uid, annotation))
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
    /// RESOURCE_NOT_FOUND: the project was deleted, though another may have its name by now.
    pub async fn stream_annotations(
        &self,
        project: &ProjectHandle,
        filter: &AnnotationFilter,
        cursor: StreamCursor,
    ) -> Result<At<StreamChunk>> {
        const ITEMS: usize = 1_000;
        let (name, filter) = (project.name(), filter.clone());
        let (uid, render) = (project.uid, self.render.annotation);
        let read = project.read(self.engine.as_ref(), move |view| {
            let mut filling = Filling::new(ITEMS, STREAM_MESSAGE_BYTES_MAX);
            let mut resume = cursor.after;
            for article in article_table::articles(view, cursor.article) {
                let (number, stored) = article?;
                // The cursor's article may have been deleted, and this may be the next one.
                let after = resume.take().filter(|_| number == cursor.article);
                let name = name.article(stored.article.id.clone());
                let reached =
                    filling.article(view, ArticlePlace::of(number, &stored), None, after, |annotation| {
                        filter.passes(annotation).then(|| render(&name, uid, annotation))
                    })?;
                if let Reached::Position(after) = reached {
                    return Ok((filling.annotations, Some(StreamCursor { article: number, after })));
                }
                filling.entries_left = filling.entries_left.saturating_sub(ARTICLE_COSTS_ENTRIES);
                if filling.entries_left == 0 || filling.annotations.len() >= filling.items {
                    let article = ArticleNumber(number.0.saturating_add(1));
                    return Ok((filling.annotations, Some(StreamCursor { article, after: None })));
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
    fn new(items: usize, bytes_max: usize) -> Self {
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
        window: Option<(u32, u32)>,
        after: Option<DocumentPosition>,
        render: impl Fn(&Annotation) -> Option<Bytes>,
    ) -> Result<Reached> {
        // What an item takes in the answer beside its own bytes.
        const ITEM: usize = 8;
        let mut last = after;
        for entry in place.annotations().in_document_order(view, window, after)? {
            let entry = entry?;
            if self.entries_left == 0 {
                return Ok(Reached::Position(last));
            }
            self.entries_left -= 1;
            let annotation = entry.annotation()?;
            let position = entry.key.position();
            let wanted = meets(&annotation, window).then(|| render(&annotation)).flatten();
            if let Some(bytes) = wanted {
                let more = bytes.len() + ITEM;
                let full = self.annotations.len() >= self.items || self.bytes + more > self.bytes_max;
                if full && !self.annotations.is_empty() {
                    return Ok(Reached::Position(last));
                }
                self.bytes += more;
                self.annotations.push(bytes);
            }
            last = Some(position);
        }
        Ok(Reached::End)
    }
}

/// Whether one of the annotation's spans meets the window: the index has compared the hull alone.
fn meets(annotation: &Annotation, window: Option<(u32, u32)>) -> bool {
    let Some(window) = window else { return true };
    let spans = annotation.target.mention().map_or(&[][..], |mention| mention.anchor.spans());
    spans.iter().any(|span| sort_key::meets(window, (span.start.utf8, span.end.utf8)))
}

fn list_arguments(
    name: &ArticleName,
    filter: &AnnotationFilter,
    window: Option<(u32, u32)>,
) -> pages::Arguments {
    let [layer, label] = filter.arguments();
    let window = window.map_or_else(String::new, |(start, end)| format!("{start}..{end}"));
    pages::Arguments::of("ListAnnotations", &[name.to_string().as_bytes(), layer, label, window.as_bytes()])
}
