//! Filters with functions, which hold an annotation against the others of its article.
//!
//! Such a filter may take long over an annotation. So views only copy annotations, and the filter is asked outside of
//! them, on threads that hold up nobody, and a few annotations at a time. An article that fits one copy is looked through
//! in it as often as needed, so that all that is said of it is of one revision. Of a longer one, what the functions find
//! is gathered over several views first.

use std::{mem, sync::Arc};

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::{
    App, Renderers,
    annotation_reads::{Filling, meets},
    calculate,
    projects::ProjectHandle,
    selection::Selection,
};
use crate::{
    domain::{
        Problem, Result, annotations::Annotation, filter::SpanSets, ids::ArticleName, revisions::ProjectUid,
    },
    limits::{QUERY_COPIES_MAX, QUERY_SPANS_HELD_MAX, QUERY_TURN_ANNOTATIONS_MAX},
    store::{
        engine::At,
        keys::ArticleNumber,
        sort_key::{DocumentPosition, Section},
    },
};

mod copies;
mod others;

pub(super) use copies::Source;
use copies::{Copied, CopiedArticle, Part};
pub(super) use others::Others;

/// What all queries together may hold.
#[derive(Debug)]
pub(super) struct Queries {
    copies: Semaphore,
    spans: Arc<Semaphore>,
}

impl Queries {
    pub(super) fn new() -> Self {
        let spans = Arc::new(Semaphore::new(QUERY_SPANS_HELD_MAX));
        Self { copies: Semaphore::new(QUERY_COPIES_MAX), spans }
    }
}

/// A filter with functions on its way through annotations, and what it has found.
#[derive(Debug)]
pub(super) struct Query {
    selection: Arc<Selection>,
    window: Option<(u32, u32)>,
    render: fn(&ArticleName, ProjectUid, &Annotation) -> Bytes,
    uid: ProjectUid,
    spans: Arc<Semaphore>,
    filling: Filling,
    /// The article, and the annotation in it that was asked about last.
    reached: (ArticleNumber, Option<DocumentPosition>),
    /// What the functions find in that article.
    others: Option<Box<Others>>,
    copied: Copied,
    /// The copied article that is looked at.
    article: usize,
    /// The annotation of it that comes next.
    entry: usize,
    /// What is to be copied of an article that does not fit one copy.
    part: Option<Part>,
}

/// How far a query has come.
enum Outcome {
    /// It is somebody else's turn.
    Paused,
    /// It needs the next part of the article.
    NeedsPart,
    /// There is no more room for what it finds.
    Full,
    /// It has looked at all that was copied.
    Done,
}

impl App {
    /// Asks a query until there is no more room for what it finds, or, in a project, until it has looked at some articles;
    /// returns whether there may be more, and the revision of its first view.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND, LIMIT_EXCEEDED, OVERLOADED.
    pub(super) async fn ask(
        &self,
        project: &ProjectHandle,
        source: &Source,
        mut query: Query,
    ) -> Result<At<(Query, bool)>> {
        let mut first_revision = None;
        loop {
            let _place = self.queries.copies.acquire().await.map_err(|_| Problem::ShuttingDown)?;
            let (source, selection) = (source.clone(), Arc::clone(&query.selection));
            let (first, part) = (query.reached.0, query.part.take());
            let read = project
                .read(self.engine.as_ref(), move |view| source.copy(view, &selection, first, part.as_ref()));
            let At { value: copied, revision } = read.await?;
            let revision = *first_revision.get_or_insert(revision);
            let bytes = copied.work_bytes();
            (query.copied, query.article, query.entry) = (copied, 0, 0);
            let outcome = loop {
                let turn = move || {
                    let outcome = query.turn();
                    (query, outcome)
                };
                let outcome;
                // Who does not wait for the answer any more does not come here again.
                (query, outcome) = calculate(bytes, turn).await?;
                match outcome? {
                    Outcome::Paused => {}
                    other @ (Outcome::NeedsPart | Outcome::Full | Outcome::Done) => break other,
                }
            };
            let next = mem::take(&mut query.copied).next;
            let more = match outcome {
                Outcome::NeedsPart | Outcome::Paused => continue,
                Outcome::Full => true,
                Outcome::Done => next.is_some(),
            };
            return Ok(At { value: (query, more), revision });
        }
    }
}

impl Query {
    /// A query that begins with the first annotation.
    pub(super) fn new(
        app: &App,
        project: &ProjectHandle,
        selection: &Arc<Selection>,
        window: Option<(u32, u32)>,
        filling: Filling,
    ) -> Self {
        let Renderers { annotation: render, resource: _, change: _, restored: _, changes: _ } = app.render;
        Self {
            selection: Arc::clone(selection),
            window,
            render,
            uid: project.uid,
            spans: Arc::clone(&app.queries.spans),
            filling,
            reached: (ArticleNumber(0), None),
            others: None,
            copied: Copied::default(),
            article: 0,
            entry: 0,
            part: None,
        }
    }

    /// The same query, which finds what this makes of annotations.
    pub(super) fn rendered_by(self, render: fn(&ArticleName, ProjectUid, &Annotation) -> Bytes) -> Self {
        Self { render, ..self }
    }

    /// Lets it begin behind an annotation of an article, with what was found in it, if that was kept.
    pub(super) fn go_on(
        &mut self,
        article: ArticleNumber,
        after: Option<DocumentPosition>,
        others: Option<Box<Others>>,
    ) {
        self.reached = (article, after);
        let place = others.as_ref().map(|others| others.place);
        self.part = place.map(|place| Part { place, after, window: self.window });
        self.others = others;
    }

    /// The article, and the annotation in it that was asked about last.
    pub(super) fn reached(&self) -> (ArticleNumber, Option<DocumentPosition>) {
        self.reached
    }

    /// What the functions find in that article, if that does not fit one copy.
    pub(super) fn take_others(&mut self) -> Option<Box<Others>> {
        self.others.take()
    }

    /// What it has found.
    pub(super) fn into_annotations(self) -> Vec<Bytes> {
        self.filling.into_annotations()
    }

    /// Looks at some of the annotations that were copied.
    fn turn(&mut self) -> Result<Outcome> {
        let mut looks = QUERY_TURN_ANNOTATIONS_MAX;
        let copied = mem::take(&mut self.copied);
        let mut outcome = Outcome::Done;
        while let Some(article) = copied.articles.get(self.article) {
            outcome = self.look_through(article, &mut looks)?;
            match outcome {
                Outcome::Done => (self.article, self.entry) = (self.article + 1, 0),
                Outcome::Paused | Outcome::NeedsPart | Outcome::Full => break,
            }
        }
        if let (Outcome::Done, Some(next)) = (&outcome, copied.next) {
            self.reached = (next, None);
        }
        self.copied = copied;
        Ok(outcome)
    }

    fn look_through(&mut self, article: &CopiedArticle, looks: &mut usize) -> Result<Outcome> {
        let (place, is_whole) = (article.place, article.begins && !article.goes_on);
        if self.reached.0 != place.number {
            self.reached = (place.number, None);
        }
        let mut others = match self.others.take() {
            Some(others) if others.place == place => others,
            Some(_) | None => Box::new(Others::new(place, &self.selection.filter)),
        };
        while others.is_gathering() {
            while let Some(entry) = article.entries.get(self.entry) {
                if *looks == 0 {
                    self.others = Some(others);
                    return Ok(Outcome::Paused);
                }
                *looks -= 1;
                self.entry += 1;
                let filter = &self.selection.filter;
                others.gather(filter, &article.name, &entry.annotation()?, &self.spans)?;
            }
            self.entry = 0;
            if !article.goes_on {
                others.end_round();
            }
            if !is_whole {
                let next = article.entries.last().map(|entry| entry.key.position());
                let after = match (article.goes_on, others.is_gathering()) {
                    (true, _) => next,
                    (false, true) => None,
                    (false, false) => self.reached.1,
                };
                let window = self.window.filter(|_| !others.is_gathering());
                self.part = Some(Part { place, after, window });
                self.others = Some(others);
                return Ok(Outcome::NeedsPart);
            }
        }
        let outcome = self.fill(article, &others.sets, looks)?;
        match outcome {
            Outcome::Done => self.reached = (ArticleNumber(place.number.0.saturating_add(1)), None),
            Outcome::Full if is_whole => {}
            Outcome::NeedsPart | Outcome::Paused | Outcome::Full => self.others = Some(others),
        }
        Ok(outcome)
    }

    /// Takes what passes of an article, behind what was reached before.
    fn fill(&mut self, article: &CopiedArticle, others: &SpanSets, looks: &mut usize) -> Result<Outcome> {
        while let Some(entry) = article.entries.get(self.entry) {
            if *looks == 0 {
                return Ok(Outcome::Paused);
            }
            self.entry += 1;
            let position = entry.key.position();
            let is_asked_for = self.reached.1.is_none_or(|reached| reached < position)
                && (self.window.is_none() || position.section() == Section::Text);
            if !is_asked_for {
                continue;
            }
            *looks -= 1;
            let annotation = entry.annotation()?;
            if meets(&annotation, self.window)
                && self.selection.passes_beside(&article.name, &annotation, others)
                && !self.filling.take((self.render)(&article.name, self.uid, &annotation))
            {
                return Ok(Outcome::Full);
            }
            self.reached.1 = Some(position);
        }
        if !article.goes_on {
            return Ok(Outcome::Done);
        }
        self.part = Some(Part { place: article.place, after: self.reached.1, window: self.window });
        Ok(Outcome::NeedsPart)
    }
}
