//! Filters with functions, which hold an annotation against the others of its article.
//!
//! Such a filter may take long over an annotation. So views only copy annotations, and the filter is asked outside of
//! them, on threads that hold up nobody, and a few annotations at a time. An article that fits one copy is looked through
//! in it as often as needed, so that all that is said of it is of one revision. Of a longer one, what the functions find
//! is gathered over several views first.

use std::{mem, sync::Arc};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    App, Renderers,
    annotation_reads::{ARTICLE_COSTS_ENTRIES, Filling, VIEW_ENTRIES_MAX, meets},
    calculate,
    projects::ProjectHandle,
    revisions::{place_at, require_text},
    selection::Selection,
};
use crate::{
    domain::{
        Problem, Result,
        annotations::Annotation,
        details::too_many,
        filter::{AnnotationFilter, AnnotationSubject as _, SpanSet, SpanSets},
        ids::{AnnotationId, ArticleName, ProjectName},
        revisions::ProjectUid,
        text::TextRange,
    },
    limits::{
        QUERY_COPIES_MAX, QUERY_COPY_BYTES_MAX, QUERY_SPANS_HELD_MAX, QUERY_SPANS_MAX,
        QUERY_TURN_ANNOTATIONS_MAX, RUNTIME_WORK_BYTES_MAX,
    },
    store::{
        annotation_index::Entry,
        article_table::{self, ArticlePlace},
        engine::{At, View},
        keys::{ArticleNumber, Generation},
        sort_key::{DocumentPosition, Section},
    },
};

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

/// Where a query looks.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// In one article, as it stood in a text revision.
    Article {
        name: ArticleName,
        number: ArticleNumber,
        /// 0 is the latest.
        text_revision: u32,
        /// The text that the window was held against, if there is one and it is the latest.
        of_text: Option<Generation>,
    },
    /// In all articles of a project, in the order of their creation.
    Project(ProjectName),
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

/// What the functions of a filter find in an article.
#[derive(Debug)]
pub(super) struct Others {
    place: ArticlePlace,
    /// The arguments that are not gathered yet, those of the first round last.
    rounds: Vec<Vec<usize>>,
    /// What passes the arguments of that round, so far.
    gathering: Vec<Gathered>,
    sets: SpanSets,
    spans: usize,
    held: Option<OwnedSemaphorePermit>,
}

/// What passes an argument.
#[derive(Debug, Default)]
struct Gathered {
    /// Each with where its spans end among all; they begin where those of the one before end.
    annotations: Vec<(AnnotationId, usize)>,
    spans: Vec<TextRange>,
}

/// Annotations as a view found them: all of some articles, or a part of one.
#[derive(Debug, Default)]
struct Copied {
    articles: Vec<CopiedArticle>,
    /// The article behind them, unless there is none.
    next: Option<ArticleNumber>,
}

#[derive(Debug)]
struct CopiedArticle {
    name: ArticleName,
    place: ArticlePlace,
    entries: Vec<Entry>,
    /// Whether they begin with the first.
    begins: bool,
    /// Whether there are more behind them.
    goes_on: bool,
}

/// Which part of an article is to be copied, as long as its annotations are those of this place.
#[derive(Debug, Clone, Copy)]
struct Part {
    place: ArticlePlace,
    after: Option<DocumentPosition>,
    window: Option<(u32, u32)>,
}

/// What a copy may still take.
struct Room {
    entries: usize,
    bytes: usize,
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

impl Others {
    fn new(place: ArticlePlace, filter: &AnnotationFilter) -> Self {
        let mut rounds = filter.rounds();
        rounds.reverse();
        let mut others =
            Self { place, rounds, gathering: Vec::new(), sets: SpanSets::default(), spans: 0, held: None };
        others.begin_round();
        others
    }

    fn begin_round(&mut self) {
        let queries = self.rounds.last().map_or(0, Vec::len);
        self.gathering.resize_with(queries, Gathered::default);
    }

    fn is_gathering(&self) -> bool {
        !self.rounds.is_empty()
    }

    /// Takes the annotation into account, for each argument of the round.
    fn gather(
        &mut self,
        filter: &AnnotationFilter,
        article: &ArticleName,
        annotation: &Annotation,
        spans: &Arc<Semaphore>,
    ) -> Result<()> {
        let queries = self.rounds.last().map_or(&[][..], Vec::as_slice);
        for (query, gathered) in queries.iter().zip(&mut self.gathering) {
            let query = filter.inner_query(*query);
            if query.is_some_and(|query| query.passes(article, annotation, &self.sets)) {
                self.spans += gathered.add(annotation);
            }
        }
        if self.spans > QUERY_SPANS_MAX {
            let what = "what the functions find (narrow the filters in them)";
            return Err(too_many("filter", what, self.spans, QUERY_SPANS_MAX, "spans"));
        }
        self.hold(spans)
    }

    /// Holds places for the spans, several at a time.
    fn hold(&mut self, spans: &Arc<Semaphore>) -> Result<()> {
        const PLACES: u32 = 1_024;
        while self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits) < self.spans {
            let more = Arc::clone(spans).try_acquire_many_owned(PLACES).map_err(|_| Problem::Overloaded)?;
            match &mut self.held {
                Some(held) => held.merge(more),
                None => self.held = Some(more),
            }
        }
        Ok(())
    }

    /// Arranges what was gathered, and begins the next round.
    fn end_round(&mut self) {
        let queries = self.rounds.pop().unwrap_or_default();
        for (query, gathered) in queries.into_iter().zip(mem::take(&mut self.gathering)) {
            self.sets.put(query, gathered.set());
        }
        self.begin_round();
    }
}

impl Gathered {
    /// Adds an annotation, and returns how many spans more there are.
    fn add(&mut self, annotation: &Annotation) -> usize {
        // Two are enough to say that there is another one.
        const WITHOUT_SPANS_MAX: usize = 2;
        let spans = annotation.spans();
        if !spans.is_empty() || self.annotations.len() < WITHOUT_SPANS_MAX {
            self.spans.extend_from_slice(spans);
            self.annotations.push((annotation.id, self.spans.len()));
        }
        spans.len()
    }

    fn set(&self) -> SpanSet {
        let mut start = 0;
        SpanSet::new(self.annotations.iter().map(|(id, end)| {
            let spans = self.spans.get(start..*end).unwrap_or_default();
            start = *end;
            (*id, spans)
        }))
    }
}

impl Source {
    /// Copies what `selection` may pass: `part` of the article, or it and those behind it, as far as they fit.
    fn copy(
        &self,
        view: &dyn View,
        selection: &Selection,
        first: ArticleNumber,
        part: Option<&Part>,
    ) -> Result<Copied> {
        let mut room = Room { entries: VIEW_ENTRIES_MAX, bytes: QUERY_COPY_BYTES_MAX };
        let mut copied = Copied::default();
        let part_of = |place| part.filter(|part| part.place == place);
        match self {
            Self::Article { name, number, text_revision, of_text } => {
                let place = place_at(view, name, *number, *text_revision)?;
                if let Some(generation) = of_text {
                    require_text(view, *number, *generation)?;
                }
                if selection.may_be_in(view, place.annotations())? {
                    let article = room.copy(view, name.clone(), place, part_of(place))?;
                    copied.articles.push(article);
                }
            }
            Self::Project(name) => {
                for article in article_table::articles(view, first) {
                    let (number, stored) = article?;
                    if room.entries == 0 {
                        copied.next = Some(number);
                        break;
                    }
                    room.entries = room.entries.saturating_sub(ARTICLE_COSTS_ENTRIES);
                    let place = ArticlePlace::of(number, &stored);
                    if !selection.may_be_in(view, place.annotations())? {
                        continue;
                    }
                    let name = name.article(stored.article.id);
                    let article = room.copy(view, name, place, part_of(place))?;
                    // A part stands alone; what does not fit behind others begins the next copy.
                    let is_part = article.goes_on || !article.begins;
                    if !is_part || copied.articles.is_empty() {
                        copied.articles.push(article);
                        copied.next = is_part.then(|| ArticleNumber(number.0.saturating_add(1)));
                    } else {
                        copied.next = Some(number);
                    }
                    if is_part {
                        break;
                    }
                }
            }
        }
        Ok(copied)
    }
}

impl Room {
    fn copy(
        &mut self,
        view: &dyn View,
        name: ArticleName,
        place: ArticlePlace,
        part: Option<&Part>,
    ) -> Result<CopiedArticle> {
        let (after, window) = part.map_or((None, None), |part| (part.after, part.window));
        let mut entries = Vec::new();
        let mut goes_on = false;
        for entry in place.annotations().in_document_order(view, window, after)? {
            let entry = entry?;
            let bytes = size_of::<Entry>() + entry.value.len();
            if self.entries == 0 || (self.bytes < bytes && !entries.is_empty()) {
                goes_on = true;
                break;
            }
            self.entries -= 1;
            self.bytes = self.bytes.saturating_sub(bytes);
            entries.push(entry);
        }
        let begins = after.is_none() && window.is_none();
        Ok(CopiedArticle { name, place, entries, begins, goes_on })
    }
}

impl Copied {
    /// What a look at it counts as, in bytes of text: little only where there is little to be looked at.
    fn work_bytes(&self) -> usize {
        const ANNOTATION: usize = 1_024;
        let is_whole = |article: &CopiedArticle| article.begins && !article.goes_on;
        if !self.articles.iter().all(is_whole) {
            return RUNTIME_WORK_BYTES_MAX.saturating_add(1);
        }
        let entries: usize = self.articles.iter().map(|article| article.entries.len()).sum();
        entries.saturating_mul(ANNOTATION)
    }
}
