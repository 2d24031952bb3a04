//! What the functions of a filter find in an article.

use std::{mem, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    domain::{
        Problem, Result,
        annotations::Annotation,
        details::too_many,
        filter::{AnnotationFilter, AnnotationSubject as _, SpanSet, SpanSets},
        ids::{AnnotationId, ArticleName},
        text::TextRange,
    },
    limits::QUERY_SPANS_MAX,
    store::article_table::ArticlePlace,
};

/// What the functions of a filter find in an article.
#[derive(Debug)]
pub(in crate::app) struct Others {
    pub(super) place: ArticlePlace,
    /// The arguments that are not gathered yet, those of the first round last.
    rounds: Vec<Vec<usize>>,
    /// What passes the arguments of that round, so far.
    gathering: Vec<Gathered>,
    pub(super) sets: SpanSets,
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

impl Others {
    pub(super) fn new(place: ArticlePlace, filter: &AnnotationFilter) -> Self {
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

    pub(super) fn is_gathering(&self) -> bool {
        !self.rounds.is_empty()
    }

    /// Takes the annotation into account, for each argument of the round.
    pub(super) fn gather(
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
    pub(super) fn end_round(&mut self) {
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
