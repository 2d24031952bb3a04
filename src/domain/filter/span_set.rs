//! Where annotations stand, arranged so that it is quick to say whether another stands so to one of them.

use crate::domain::{ids::AnnotationId, text::TextRange};

/// How an annotation stands to another one of its article. Each is exactly defined in [`super`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanRelation {
    /// They share a character.
    Overlaps,
    /// Whatever the other covers, this covers too.
    Contains,
    /// Whatever this covers, the other covers too.
    Within,
    /// They cover the same.
    Equals,
    /// This ends where the other starts, or before it: by at most so many code points, if there is a number.
    Before(Option<u32>),
    /// This starts where the other ends, or behind it: by at most so many code points, if there is a number.
    After(Option<u32>),
    /// Both are there: with at most so many code points between them, if there is a number.
    Cooccurs(Option<u32>),
}

/// The spans of some annotations of one article. A question about one annotation takes time in the logarithm of the
/// number of spans. Where that annotation itself is discontinuous, `Contains` also looks at the discontinuous ones of
/// the set that begin in it, and `Within` at those that begin before and end behind it. Takes about 100 bytes of memory
/// for an annotation with one span.
#[derive(Debug, Default)]
pub struct SpanSet {
    /// Annotations with spans: ascending by their runs and then by their ids, and so by where they start.
    entries: Vec<Entry>,
    /// The runs of all entries, in their order.
    runs: Vec<Run>,
    /// Every run and its entry, by where it starts.
    by_start: Vec<(Run, u32)>,
    /// The furthest ends of the runs in `by_start` up to each.
    run_reach: Vec<Extreme>,
    /// The same without empty runs, if there are any.
    filled_reach: Option<Vec<Extreme>>,
    /// The furthest ends of the entries up to each.
    reach: Vec<Extreme>,
    /// The nearest ends of the entries from each on, as complements: the greatest is the nearest.
    nearest: Vec<Extreme>,
    /// The entries by where they end.
    by_end: Vec<u32>,
    /// The entries with more than one run.
    discontinuous: Vec<u32>,
    /// The furthest end of those up to each.
    discontinuous_reach: Vec<u32>,
    /// Two annotations of all, those without spans among them.
    members: [Option<AnnotationId>; 2],
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    id: AnnotationId,
    /// Where its runs begin in `runs`; they end where the next entry's begin.
    runs: u32,
}

/// Spans without a gap between them, in code points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Run {
    start: u32,
    end: u32,
}

/// The greatest of some numbers that belong to entries, and the greatest of those that belong to any other.
#[derive(Debug, Clone, Copy)]
struct Extreme {
    greatest: u32,
    owner: u32,
    other: Option<u32>,
}

impl Run {
    fn contains(self, inner: Self) -> bool {
        self.start <= inner.start && inner.end <= self.end
    }
}

impl Extreme {
    fn and(self, number: u32, owner: u32) -> Self {
        if owner == self.owner {
            Self { greatest: self.greatest.max(number), ..self }
        } else if number > self.greatest {
            Self { greatest: number, owner, other: Some(self.greatest) }
        } else {
            Self { other: Some(self.other.map_or(number, |other| other.max(number))), ..self }
        }
    }

    /// The greatest number that is not `own`'s.
    fn beside(self, own: Option<u32>) -> Option<u32> {
        if own == Some(self.owner) { self.other } else { Some(self.greatest) }
    }
}

/// The extreme of the numbers up to each.
fn extremes(numbers: impl Iterator<Item = (u32, u32)>) -> Vec<Extreme> {
    let mut before: Option<Extreme> = None;
    numbers
        .map(|(number, owner)| {
            let none = Extreme { greatest: number, owner, other: None };
            *before.insert(before.map_or(none, |before| before.and(number, owner)))
        })
        .collect()
}

/// The greatest of the first `count` numbers, without `own`'s.
fn greatest(extremes: &[Extreme], count: usize, own: Option<u32>) -> Option<u32> {
    extremes.get(count.checked_sub(1)?)?.beside(own)
}

/// The spans with those joined that touch.
fn runs(spans: &[TextRange]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::with_capacity(spans.len());
    for span in spans {
        let run = Run { start: span.start.code_points, end: span.end.code_points };
        match runs.last_mut() {
            Some(last) if run.start <= last.end => last.end = last.end.max(run.end),
            _ => runs.push(run),
        }
    }
    runs
}

/// Whether each of `inner` is in one of `outer`.
fn cover(outer: &[Run], inner: &[Run]) -> bool {
    inner.iter().all(|inner| {
        let at = outer.partition_point(|outer| outer.end < inner.start);
        outer.get(at).is_some_and(|outer| outer.contains(*inner))
    })
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// There are fewer annotations than that in an article.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

impl SpanSet {
    /// The set of these annotations of one article, each with its spans in the order of the text; none for a relation
    /// or an article's label. No id stands there twice.
    pub fn new<'s>(annotations: impl IntoIterator<Item = (AnnotationId, &'s [TextRange])>) -> Self {
        let mut members = [None; 2];
        let mut sorted: Vec<(Vec<Run>, AnnotationId)> = Vec::new();
        for (id, spans) in annotations {
            if let Some(free) = members.iter_mut().find(|member| member.is_none()) {
                *free = Some(id);
            }
            if !spans.is_empty() {
                sorted.push((runs(spans), id));
            }
        }
        sorted.sort_unstable();
        let mut set = Self { members, ..Self::default() };
        for (runs, id) in sorted {
            set.entries.push(Entry { id, runs: number(set.runs.len()) });
            set.runs.extend(runs);
        }
        set.arrange();
        set
    }

    /// Fills what is derived from the entries and their runs.
    fn arrange(&mut self) {
        let owners = 0..number(self.entries.len());
        let hulls: Vec<(Run, u32)> = owners.clone().map(|owner| (self.hull(owner), owner)).collect();
        let runs = owners.clone().flat_map(|owner| self.runs_of(owner).iter().map(move |run| (*run, owner)));
        let mut by_start: Vec<(Run, u32)> = runs.collect();
        by_start.sort_unstable();
        let mut by_end = hulls.clone();
        by_end.sort_unstable_by_key(|(hull, owner)| (hull.end, *owner));
        let discontinuous = owners.filter(|owner| self.runs_of(*owner).len() > 1).collect();
        self.discontinuous = discontinuous;
        self.discontinuous_reach = self
            .discontinuous
            .iter()
            .scan(0, |furthest: &mut u32, owner| {
                *furthest = self.hull(*owner).end.max(*furthest);
                Some(*furthest)
            })
            .collect();
        self.run_reach = extremes(by_start.iter().map(|(run, owner)| (run.end, *owner)));
        if by_start.iter().any(|(run, _)| run.start == run.end) {
            // What ends at 0 shares no character with anything.
            let end = |run: &Run| if run.start == run.end { 0 } else { run.end };
            self.filled_reach = Some(extremes(by_start.iter().map(|(run, owner)| (end(run), *owner))));
        }
        self.reach = extremes(hulls.iter().map(|(hull, owner)| (hull.end, *owner)));
        self.nearest = extremes(hulls.iter().rev().map(|(hull, owner)| (u32::MAX - hull.end, *owner)));
        self.by_end = by_end.iter().map(|(_, owner)| *owner).collect();
        self.by_start = by_start;
    }

    fn runs_of(&self, owner: u32) -> &[Run] {
        let bound = |entry: usize| self.entries.get(entry).map_or(self.runs.len(), |entry| index(entry.runs));
        self.runs.get(bound(index(owner))..bound(index(owner) + 1)).unwrap_or_default()
    }

    fn hull(&self, owner: u32) -> Run {
        hull(self.runs_of(owner)).unwrap_or(Run { start: 0, end: 0 })
    }

    /// Whether the annotation `id`, which has these spans, stands so to another one of the set. It may be in the set,
    /// and is never held against itself.
    #[must_use]
    pub fn has(&self, relation: SpanRelation, id: AnnotationId, spans: &[TextRange]) -> bool {
        if relation == SpanRelation::Cooccurs(None) {
            return self.members.iter().flatten().any(|member| *member != id);
        }
        let runs = runs(spans);
        let Some(hull) = hull(&runs) else { return false };
        let place = self.place(&runs, id);
        let own = self.entries.get(place).filter(|entry| entry.id == id).map(|_| number(place));
        match relation {
            SpanRelation::Overlaps => self.overlapped(&runs, own),
            SpanRelation::Contains => self.contained(&runs, own),
            SpanRelation::Within => self.containing(&runs, hull, own),
            SpanRelation::Equals => {
                let equal =
                    |entry: usize| self.entries.get(entry).is_some() && self.runs_of(number(entry)) == runs;
                // Equal ones stand side by side: this one's neighbours are enough.
                let next = place + usize::from(own.is_some());
                equal(next) || place.checked_sub(1).is_some_and(equal)
            }
            SpanRelation::Before(distance) => {
                let starts = |entry: &u32| self.hull(*entry).start;
                let from = self.first(|entry| entry.start >= hull.end);
                let next = (from..self.entries.len()).map(number).find(|entry| Some(*entry) != own);
                next.is_some_and(|next| starts(&next) - hull.end <= distance.unwrap_or(u32::MAX))
            }
            SpanRelation::After(distance) => {
                let until = self.by_end.partition_point(|entry| self.hull(*entry).end <= hull.start);
                let ended = self.by_end.get(..until).unwrap_or_default();
                let last = ended.iter().rev().find(|entry| Some(**entry) != own);
                last.is_some_and(|last| hull.start - self.hull(*last).end <= distance.unwrap_or(u32::MAX))
            }
            SpanRelation::Cooccurs(distance) => {
                let distance = distance.unwrap_or(u32::MAX);
                let until = self.first(|entry| entry.start > hull.end.saturating_add(distance));
                let reach = greatest(&self.reach, until, own);
                reach.is_some_and(|reach| reach >= hull.start.saturating_sub(distance))
            }
        }
    }

    /// Where the annotation is or would be among the entries.
    fn place(&self, runs: &[Run], id: AnnotationId) -> usize {
        let (mut from, mut until) = (0, self.entries.len());
        while from < until {
            let middle = from.midpoint(until);
            let stands = self.entries.get(middle).map(|entry| (self.runs_of(number(middle)), entry.id));
            if stands < Some((runs, id)) {
                from = middle + 1;
            } else {
                until = middle;
            }
        }
        from
    }

    /// The first entry whose hull is so, where all behind it are.
    fn first(&self, so: impl Fn(Run) -> bool) -> usize {
        let (mut from, mut until) = (0, self.entries.len());
        while from < until {
            let middle = from.midpoint(until);
            if so(self.hull(number(middle))) { until = middle } else { from = middle + 1 }
        }
        from
    }

    /// Whether another shares a character with one of `runs`.
    fn overlapped(&self, runs: &[Run], own: Option<u32>) -> bool {
        let reach = self.filled_reach.as_ref().unwrap_or(&self.run_reach);
        runs.iter().filter(|run| run.start < run.end).any(|run| {
            let count = self.by_start.partition_point(|(other, _)| other.start < run.end);
            greatest(reach, count, own).is_some_and(|end| end > run.start)
        })
    }

    /// Whether another is covered by `runs`: a whole one by one of them, or a discontinuous one by several.
    fn contained(&self, runs: &[Run], own: Option<u32>) -> bool {
        let by_one = |run: &Run| {
            let behind = self.entries.len() - self.first(|entry| entry.start >= run.start);
            greatest(&self.nearest, behind, own).is_some_and(|end| u32::MAX - end <= run.end)
        };
        let by_several = |run: &Run| {
            let start = |entry: &u32| self.hull(*entry).start;
            let from = self.discontinuous.partition_point(|entry| start(entry) < run.start);
            let beginning = self.discontinuous.iter().skip(from).take_while(|entry| start(entry) <= run.end);
            beginning.copied().any(|entry| Some(entry) != own && cover(runs, self.runs_of(entry)))
        };
        runs.iter().any(by_one) || (runs.len() > 1 && runs.iter().any(by_several))
    }

    /// Whether another covers `runs`: all in one of its own, or in several.
    fn containing(&self, runs: &[Run], whole: Run, own: Option<u32>) -> bool {
        let count = self.by_start.partition_point(|(other, _)| other.start <= whole.start);
        if greatest(&self.run_reach, count, own).is_some_and(|end| end >= whole.end) {
            return true;
        }
        let until = self.discontinuous.partition_point(|entry| self.hull(*entry).start <= whole.start);
        let candidates = (0..until).rev().map_while(|at| {
            let reaches = self.discontinuous_reach.get(at).is_some_and(|reach| *reach >= whole.end);
            self.discontinuous.get(at).copied().filter(|_| reaches)
        });
        runs.len() > 1
            && candidates.into_iter().any(|entry| Some(entry) != own && cover(self.runs_of(entry), runs))
    }
}

/// From the first character to the last.
fn hull(runs: &[Run]) -> Option<Run> {
    Some(Run { start: runs.first()?.start, end: runs.last()?.end })
}
