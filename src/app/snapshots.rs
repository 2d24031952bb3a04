//! What there is, read in small views beside the writers: for those who begin to follow a project.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;

use super::{
    App, Renderers,
    annotation_reads::{ARTICLE_COSTS_ENTRIES, VIEW_ENTRIES_MAX},
    feed::{ChangeFilter, FeedCommit},
    projects::ProjectHandle,
};
use crate::{
    domain::{
        Result,
        annotations::Annotation,
        articles::Article,
        ids::{ArticleId, LayerId},
        layers::{ArticleLayer, Layer},
        projects::Project,
        revisions::Revision,
        schema::ProjectSchema,
    },
    limits::{PAGE_ITEMS_MAX, STREAM_MESSAGE_BYTES_MAX},
    store::{
        article_table::{self, ArticlePlace},
        committer::revision_of,
        engine::View,
        keys::ArticleNumber,
        layer_table, project_table,
        records::StoredArticle,
        sort_key::DocumentPosition,
    },
};

/// Any resource, as clients are shown it.
#[derive(Debug, Clone, Copy)]
pub enum Resource<'r> {
    /// The project itself, with the head of its feed.
    Project(&'r Project, Revision),
    /// The label schema.
    LabelSchema(&'r ProjectSchema),
    /// A layer that was declared.
    Layer(&'r Layer),
    /// An article, without its text.
    Article(&'r Article),
    /// A layer of an article that was submitted once.
    ArticleLayer(&'r ArticleId, &'r ArticleLayer),
    /// An annotation of an article.
    Annotation(&'r ArticleId, &'r Annotation),
}

/// Some of what there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotPage {
    /// What it was read at.
    pub revision: Revision,
    /// The resources, encoded.
    pub resources: Vec<Bytes>,
    /// Whether there is no more.
    pub last: bool,
}

/// Where a snapshot has come to.
#[derive(Debug, Clone)]
struct Cursor {
    article: ArticleNumber,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    /// Before the layer with this key, and all articles.
    Layers(Bytes),
    /// Before the article itself.
    Article,
    /// Behind it, and before the layer with this hash that was submitted in it.
    Submitted(Bytes),
    /// Behind this annotation of it, or before the first.
    Annotations(Option<DocumentPosition>),
}

/// A snapshot that is being told.
#[derive(Debug)]
pub(super) struct Snapshot {
    filter: ChangeFilter,
    /// `None` before the first page.
    cursor: Option<Cursor>,
}

/// A page, and its revision if it is the first.
pub(super) struct NextPage {
    pub(super) page: SnapshotPage,
    pub(super) first: Option<Revision>,
}

impl Snapshot {
    pub(super) fn new(filter: ChangeFilter) -> Self {
        Self { filter, cursor: None }
    }

    /// The next page; what it leaves out, because the filter passes nothing of it, may be everything.
    ///
    /// # Errors
    ///
    /// As every read.
    pub(super) async fn next(&mut self, app: &App, project: &Arc<ProjectHandle>) -> Result<NextPage> {
        let (filter, render, handle) = (self.filter.clone(), app.render, Arc::clone(project));
        let is_first = self.cursor.is_none();
        let cursor = self.cursor.clone();
        let read = project.read(app.engine.as_ref(), move |view| {
            let mut page = Page::new(&handle, filter.layer.clone(), render);
            let begins = if let Some(cursor) = cursor { Some(cursor) } else { page.begin(view, &filter)? };
            let next = match begins {
                Some(cursor) => page.fill(view, &cursor, filter.article.as_ref())?,
                None => None,
            };
            Ok((page.resources, next))
        });
        let read = read.await?;
        let ((resources, next), revision) = (read.value, read.revision);
        let page = SnapshotPage { revision, resources, last: next.is_none() };
        self.cursor = next;
        Ok(NextPage { page, first: is_first.then_some(revision) })
    }
}

/// A page that is being filled.
struct Page<'p> {
    project: &'p ProjectHandle,
    layer: Option<LayerId>,
    render: Renderers,
    resources: Vec<Bytes>,
    bytes: usize,
    /// What the view may still look at.
    entries_left: usize,
}

impl<'p> Page<'p> {
    fn new(project: &'p ProjectHandle, layer: Option<LayerId>, render: Renderers) -> Self {
        Self { project, layer, render, resources: Vec::new(), bytes: 0, entries_left: VIEW_ENTRIES_MAX }
    }

    fn rendered(&self, resource: Resource<'_>) -> Bytes {
        (self.render.resource)(&self.project.name(), self.project.uid, resource)
    }

    fn put(&mut self, resource: Bytes) {
        self.bytes += resource.len();
        self.resources.push(resource);
    }

    fn has_room_for(&self, bytes: usize) -> bool {
        self.resources.is_empty()
            || (self.resources.len() < PAGE_ITEMS_MAX && self.bytes + bytes <= STREAM_MESSAGE_BYTES_MAX)
    }

    /// Begins with the project, and says where its layers and articles begin, unless none is asked for that there is.
    fn begin(&mut self, view: &dyn View, filter: &ChangeFilter) -> Result<Option<Cursor>> {
        if filter.is_empty()
            && let Some(project) = project_table::get(view)?
        {
            let project = self.rendered(Resource::Project(&project, revision_of(view)?));
            self.put(project);
            let schema = self.project.schema(view)?;
            if schema.revision > Revision(0) {
                let schema = self.rendered(Resource::LabelSchema(&schema));
                self.put(schema);
            }
        }
        Ok(match &filter.article {
            Some(id) => article_table::place(view, id)?
                .map(|place| Cursor { article: place.number, place: Place::Article }),
            None => Some(Cursor { article: ArticleNumber(0), place: Place::Layers(Bytes::new()) }),
        })
    }

    /// Fills the page from `cursor` on, and says where the next one begins, unless there is none.
    fn fill(&mut self, view: &dyn View, cursor: &Cursor, only: Option<&ArticleId>) -> Result<Option<Cursor>> {
        let mut resume = Some(cursor.place.clone());
        if let Place::Layers(from) = &cursor.place {
            if let Some(stopped) = self.layers(view, from)? {
                return Ok(Some(Cursor { article: cursor.article, place: Place::Layers(stopped) }));
            }
            resume = None;
        }
        for article in article_table::articles(view, cursor.article) {
            let (number, stored) = article?;
            // The cursor's article may have been deleted, and this may be the next one.
            let place = resume.take().filter(|_| number == cursor.article).unwrap_or(Place::Article);
            if only.is_some_and(|only| *only != stored.article.id) {
                return Ok(None);
            }
            let stopped = |place| Ok(Some(Cursor { article: number, place }));
            if self.entries_left == 0 {
                return stopped(place);
            }
            self.entries_left = self.entries_left.saturating_sub(ARTICLE_COSTS_ENTRIES);
            if let Some(place) = self.article(view, number, &stored, place)? {
                return stopped(place);
            }
        }
        Ok(None)
    }

    /// Puts the layers that were declared, from a key on, and says where it stopped, unless it came to the end.
    fn layers(&mut self, view: &dyn View, from: &Bytes) -> Result<Option<Bytes>> {
        for row in layer_table::declared_from(view, from) {
            let (key, layer, _) = row?;
            if self.entries_left == 0 {
                return Ok(Some(key));
            }
            self.entries_left = self.entries_left.saturating_sub(ARTICLE_COSTS_ENTRIES);
            if self.is_asked_for(&layer.id) {
                let rendered = self.rendered(Resource::Layer(&layer));
                if !self.has_room_for(rendered.len()) {
                    return Ok(Some(key));
                }
                self.put(rendered);
            }
        }
        Ok(None)
    }

    /// Puts an article from a place on, and says where it stopped, unless it came to the end.
    fn article(
        &mut self,
        view: &dyn View,
        number: ArticleNumber,
        stored: &StoredArticle,
        place: Place,
    ) -> Result<Option<Place>> {
        let id = &stored.article.id;
        let (submitted_from, after) = match place {
            Place::Layers(_) | Place::Article => (Some(Bytes::new()), None),
            Place::Submitted(from) => (Some(from), None),
            Place::Annotations(after) => (None, after),
        };
        if submitted_from.as_ref().is_some_and(Bytes::is_empty) && self.layer.is_none() {
            let rendered = self.rendered(Resource::Article(&stored.article));
            if !self.has_room_for(rendered.len()) {
                return Ok(Some(Place::Article));
            }
            self.put(rendered);
        }
        if let Some(from) = submitted_from {
            for entry in layer_table::article_layers_from(view, number, &from) {
                let (hash, layer) = entry?;
                if self.is_asked_for(&layer.layer) {
                    let rendered = self.rendered(Resource::ArticleLayer(id, &layer));
                    if !self.has_room_for(rendered.len()) {
                        return Ok(Some(Place::Submitted(hash)));
                    }
                    self.put(rendered);
                }
            }
        }
        self.annotations(view, ArticlePlace::of(number, stored), id, after)
    }

    fn is_asked_for(&self, layer: &LayerId) -> bool {
        self.layer.as_ref().is_none_or(|asked| asked == layer)
    }

    /// Puts an article's annotations behind `after`, and says where it stopped, unless it came to the end.
    fn annotations(
        &mut self,
        view: &dyn View,
        article: ArticlePlace,
        id: &ArticleId,
        after: Option<DocumentPosition>,
    ) -> Result<Option<Place>> {
        let mut last = after;
        for entry in article.annotations().in_document_order(view, None, after)? {
            let entry = entry?;
            if self.entries_left == 0 {
                return Ok(Some(Place::Annotations(last)));
            }
            self.entries_left -= 1;
            let annotation = entry.annotation()?;
            if self.is_asked_for(&annotation.layer) {
                let rendered = self.rendered(Resource::Annotation(id, &annotation));
                if !self.has_room_for(rendered.len()) {
                    return Ok(Some(Place::Annotations(last)));
                }
                self.put(rendered);
            }
            last = Some(entry.key.position());
        }
        Ok(None)
    }
}

/// Tells what was submitted of articles that a commit brought back, or carried to another text, and their annotations, as
/// they stand by now, as changes
/// of that commit.
#[derive(Debug)]
pub(super) struct Restoring {
    pub(super) commit: Arc<FeedCommit>,
    articles: VecDeque<(ArticleNumber, ArticleId)>,
    after: Option<DocumentPosition>,
}

impl Restoring {
    pub(super) fn new(commit: Arc<FeedCommit>, articles: VecDeque<(ArticleNumber, ArticleId)>) -> Self {
        Self { commit, articles, after: None }
    }

    /// The next message, and whether it is the last.
    ///
    /// # Errors
    ///
    /// As every read.
    pub(super) async fn next(
        &mut self,
        app: &App,
        project: &Arc<ProjectHandle>,
        filter: &ChangeFilter,
    ) -> Result<(Bytes, bool)> {
        let render = app.render;
        let Some((number, article)) = self.articles.front().cloned() else {
            return Ok((self.commit.message(&[], false, &render), true));
        };
        let (after, layer, handle) = (self.after, filter.layer.clone(), Arc::clone(project));
        let read = project.read(app.engine.as_ref(), move |view| {
            let (mut changes, mut bytes, mut last) = (Vec::new(), 0, after);
            // It may have been deleted again: the change that says so comes later.
            let Some(stored) = article_table::get(view, number)? else { return Ok((changes, None)) };
            let rendered = |resource: Resource<'_>| (render.restored)(&handle.name(), handle.uid, resource);
            let is_asked_for = |id: &LayerId| layer.as_ref().is_none_or(|asked| asked == id);
            for kept in layer_table::article_layers(view, number).take_while(|_| after.is_none()) {
                let kept = kept?;
                if is_asked_for(&kept.layer) {
                    let rendered = rendered(Resource::ArticleLayer(&article, &kept));
                    bytes += rendered.len();
                    changes.push(rendered);
                }
            }
            let index = ArticlePlace::of(number, &stored).annotations();
            for (looked_at, entry) in index.in_document_order(view, None, after)?.enumerate() {
                let entry = entry?;
                if looked_at >= VIEW_ENTRIES_MAX || bytes > STREAM_MESSAGE_BYTES_MAX {
                    return Ok((changes, Some(last)));
                }
                let annotation = entry.annotation()?;
                last = Some(entry.key.position());
                if is_asked_for(&annotation.layer) {
                    let rendered = rendered(Resource::Annotation(&article, &annotation));
                    bytes += rendered.len();
                    changes.push(rendered);
                }
            }
            Ok((changes, None))
        });
        let (changes, stopped) = read.await?.value;
        self.after = stopped.flatten();
        if stopped.is_none() {
            self.articles.pop_front();
        }
        let done = self.articles.is_empty();
        Ok((self.commit.message(&changes, !done, &render), done))
    }
}
