//! Which tokens of two sequences are the same ones, in order. The work is counted and bounded, and no clock has a say.
//!
//! Tokens that stand once on either side are matched first, as many as keep their order (Bram Cohen's patience diff):
//! they hardly meet by chance. Between them decides the shortest edit script (Myers, "An O(ND) difference algorithm and
//! its variations", 1986), in linear space. Where that would take too many edits, what came furthest is taken.

use std::ops::Range;

/// So often are unique tokens looked for between unique tokens.
const PATIENCE_ROUNDS: u8 = 6;
/// Edits after which a search takes what came furthest.
const EDITS_MAX: usize = 768;
/// The same, once the budget is spent.
const EDITS_MAX_WITHOUT_BUDGET: usize = 12;
/// What has not been reached in a search, less than any position.
const UNREACHED: i64 = i64::MIN / 4;

/// The steps that may be spent on good answers; afterwards come cheap ones.
#[derive(Debug)]
pub(super) struct Budget {
    steps: u64,
}

impl Budget {
    pub(super) fn new(steps: u64) -> Self {
        Self { steps }
    }

    fn spend(&mut self, steps: usize) {
        self.steps = self.steps.saturating_sub(u64::try_from(steps).unwrap_or(u64::MAX));
    }

    fn edits_max(&self) -> usize {
        if self.steps == 0 { EDITS_MAX_WITHOUT_BUDGET } else { EDITS_MAX }
    }
}

/// The tokens `old..old + len` are the tokens `new..new + len`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) old: usize,
    pub(super) new: usize,
    pub(super) len: usize,
}

/// Two sequences of tokens, each token a number below `distinct`.
#[derive(Debug)]
pub(super) struct Sequences<'s> {
    pub(super) old: &'s [u32],
    pub(super) new: &'s [u32],
    pub(super) distinct: usize,
}

/// What is left to be compared, and how many rounds of patience it still gets.
#[derive(Debug)]
struct Window {
    old: Range<usize>,
    new: Range<usize>,
    rounds: u8,
}

/// The runs of equal tokens, ascending on both sides; runs that touch are one.
pub(super) fn align(sequences: &Sequences<'_>, patience: bool, budget: &mut Budget) -> Vec<Run> {
    let mut aligner = Aligner {
        sequences,
        seen: vec![Seen::default(); if patience { sequences.distinct } else { 0 }],
        search: Search::default(),
        runs: Vec::new(),
        windows: vec![Window {
            old: 0..sequences.old.len(),
            new: 0..sequences.new.len(),
            rounds: if patience { PATIENCE_ROUNDS } else { 0 },
        }],
    };
    while let Some(window) = aligner.windows.pop() {
        aligner.narrow(window, budget);
    }
    joined(aligner.runs)
}

/// Sorts `runs` and makes one of those that touch.
fn joined(mut runs: Vec<Run>) -> Vec<Run> {
    runs.sort_unstable_by_key(|run| run.old);
    let mut joined: Vec<Run> = Vec::with_capacity(runs.len());
    for run in runs {
        match joined.last_mut() {
            Some(last) if last.old + last.len == run.old && last.new + last.len == run.new => {
                last.len += run.len;
            }
            _ => joined.push(run),
        }
    }
    joined
}

/// How often a token was seen in a window, at most twice a side, and where on the new one.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    old: u8,
    new: u8,
    at: usize,
}

struct Aligner<'s> {
    sequences: &'s Sequences<'s>,
    seen: Vec<Seen>,
    search: Search,
    runs: Vec<Run>,
    windows: Vec<Window>,
}

impl Aligner<'_> {
    /// Takes the ends that are equal off `window` and divides the rest.
    fn narrow(&mut self, window: Window, budget: &mut Budget) {
        let Window { old: Range { start: mut old_start, end: old_end }, new, rounds } = window;
        let Range { start: mut new_start, end: new_end } = new;
        let (Some(old), Some(new)) =
            (self.sequences.old.get(old_start..old_end), self.sequences.new.get(new_start..new_end))
        else {
            return;
        };
        let prefix = common(old.iter(), new.iter());
        self.push(old_start, new_start, prefix);
        let (old, new) = (old.get(prefix..).unwrap_or_default(), new.get(prefix..).unwrap_or_default());
        (old_start, new_start) = (old_start + prefix, new_start + prefix);
        let suffix = common(old.iter().rev(), new.iter().rev());
        self.push(old_end - suffix, new_end - suffix, suffix);
        budget.spend(prefix + suffix + 1);
        let old = old.get(..old.len() - suffix).unwrap_or_default();
        let new = new.get(..new.len() - suffix).unwrap_or_default();
        if old.is_empty() || new.is_empty() {
            return;
        }
        if rounds > 0 {
            budget.spend(old.len() + new.len());
            let chain = self.unique_chain(old, new);
            if !chain.is_empty() {
                let (mut from_old, mut from_new) = (0, 0);
                let ends = std::iter::once((old.len(), new.len()));
                for (at_old, at_new) in chain.into_iter().chain(ends) {
                    self.windows.push(Window {
                        old: old_start + from_old..old_start + at_old,
                        new: new_start + from_new..new_start + at_new,
                        rounds: rounds - 1,
                    });
                    if at_old < old.len() {
                        self.push(old_start + at_old, new_start + at_new, 1);
                    }
                    (from_old, from_new) = (at_old + 1, at_new + 1);
                }
                return;
            }
        }
        let middle = self.search.middle(old, new, budget);
        self.push(old_start + middle.old, new_start + middle.new, middle.len);
        let (end_old, end_new) = (middle.old + middle.len, middle.new + middle.len);
        self.windows.push(Window {
            old: old_start..old_start + middle.old,
            new: new_start..new_start + middle.new,
            rounds: 0,
        });
        self.windows.push(Window {
            old: old_start + end_old..old_start + old.len(),
            new: new_start + end_new..new_start + new.len(),
            rounds: 0,
        });
    }

    fn push(&mut self, old: usize, new: usize, len: usize) {
        if len > 0 {
            self.runs.push(Run { old, new, len });
        }
    }

    /// The longest chain of tokens that stand once in `old`, once in `new`, and in the same order.
    fn unique_chain(&mut self, old: &[u32], new: &[u32]) -> Vec<(usize, usize)> {
        for token in old {
            self.count(*token, |seen| seen.old = seen.old.saturating_add(1));
        }
        for (at, token) in new.iter().enumerate() {
            self.count(*token, |seen| *seen = Seen { new: seen.new.saturating_add(1), at, ..*seen });
        }
        let pairs: Vec<(usize, usize)> = old
            .iter()
            .enumerate()
            .filter_map(|(at, token)| {
                let seen = self.seen.get(index(*token))?;
                (seen.old == 1 && seen.new == 1).then_some((at, seen.at))
            })
            .collect();
        for token in old.iter().chain(new) {
            self.count(*token, |seen| *seen = Seen::default());
        }
        longest_ascending(&pairs)
    }

    fn count(&mut self, token: u32, change: impl FnOnce(&mut Seen)) {
        if let Some(seen) = self.seen.get_mut(index(token)) {
            change(seen);
        }
    }
}

/// The longest chain of `pairs`, ascending by their first, that ascends by their second too.
fn longest_ascending(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // Of the chains of each length, the pair that ends the one that ends lowest; and what stands before each pair.
    let mut ends: Vec<(usize, usize)> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (pair, &(_, second)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|&(end, _)| end < second);
        before.push(length.checked_sub(1).and_then(|shorter| ends.get(shorter)).map(|&(_, pair)| pair));
        match ends.get_mut(length) {
            Some(end) => *end = (second, pair),
            None => ends.push((second, pair)),
        }
    }
    let mut chain = Vec::with_capacity(ends.len());
    let mut next = ends.last().map(|&(_, pair)| pair);
    while let Some(pair) = next {
        chain.extend(pairs.get(pair));
        next = before.get(pair).copied().flatten();
    }
    chain.reverse();
    chain
}

/// How far searches from either end have come: for each diagonal, the furthest position in `old`.
#[derive(Debug, Default)]
struct Search {
    forward: Vec<i64>,
    backward: Vec<i64>,
}

/// One direction of a search.
struct Front<'s> {
    furthest: &'s mut [i64],
    /// Where diagonal 0 is in `furthest`.
    zero: i64,
    lengths: (i64, i64),
}

impl Search {
    /// A run in the middle of a shortest way from `old` to `new`, which share neither their first nor their last token.
    /// A run of no token says where to divide when the way is too long.
    fn middle(&mut self, old: &[u32], new: &[u32], budget: &mut Budget) -> Run {
        let lengths = (signed(old.len()), signed(new.len()));
        let edits_max = budget.edits_max().min(usize::midpoint(old.len(), new.len()) + 1);
        let zero = signed(edits_max) + 1;
        for furthest in [&mut self.forward, &mut self.backward] {
            furthest.clear();
            furthest.resize(2 * edits_max + 3, UNREACHED);
        }
        let mut forward = Front { furthest: &mut self.forward, zero, lengths };
        let mut backward = Front { furthest: &mut self.backward, zero, lengths };
        let delta = lengths.0 - lengths.1;
        let odd = delta % 2 != 0;
        let mut steps = 0;
        let mut met = None;
        for edits in 0..=signed(edits_max) {
            let from_start = |x, y| common(suffix_of(old, x).iter(), suffix_of(new, y).iter());
            let from_end = |x, y| common(prefix_of(old, x).iter().rev(), prefix_of(new, y).iter().rev());
            met = forward.advance(edits, from_start, odd.then_some((&backward, delta)), &mut steps);
            if met.is_some() {
                break;
            }
            met = backward.advance(edits, from_end, (!odd).then_some((&forward, delta)), &mut steps);
            if let Some((x, y, length)) = met {
                met = Some((lengths.0 - x - length, lengths.1 - y - length, length));
                break;
            }
        }
        budget.spend(steps);
        let (x, y, length) = met.unwrap_or_else(|| {
            let ((ahead_x, ahead_y), (back_x, back_y)) = (forward.best(), backward.best());
            if ahead_x + ahead_y >= back_x + back_y {
                (ahead_x, ahead_y, 0)
            } else {
                (lengths.0 - back_x, lengths.1 - back_y, 0)
            }
        });
        Run { old: unsigned(x), new: unsigned(y), len: unsigned(length) }
    }
}

impl Front<'_> {
    fn get(&self, diagonal: i64) -> i64 {
        self.furthest.get(unsigned(self.zero + diagonal)).copied().unwrap_or(UNREACHED)
    }

    /// Goes one edit further on every second diagonal, then along what is equal. Answers the run that meets `other`:
    /// where it starts, counted from this side, and its length.
    fn advance(
        &mut self,
        edits: i64,
        equal: impl Fn(i64, i64) -> usize,
        other: Option<(&Front<'_>, i64)>,
        steps: &mut usize,
    ) -> Option<(i64, i64, i64)> {
        let (old_length, new_length) = self.lengths;
        let outside = |extent: i64| (edits - extent).max(0).div_euclid(2) * 2;
        // Diagonals that leave the window do not come back.
        let (mut diagonal, last) = (-edits + outside(new_length), edits - outside(old_length));
        while diagonal <= last {
            *steps += 1;
            let valid = |x: i64| {
                let y = x - diagonal;
                (0..=old_length).contains(&x) && (0..=new_length).contains(&y)
            };
            let came = [self.get(diagonal - 1) + 1, self.get(diagonal + 1)];
            let from = if edits == 0 { Some(0) } else { came.into_iter().filter(|x| valid(*x)).max() };
            let mut reached = UNREACHED;
            if let Some(x) = from {
                let length = equal(x, x - diagonal);
                *steps += length;
                reached = x + signed(length);
                let meets =
                    other.is_some_and(|(other, delta)| reached + other.get(delta - diagonal) >= old_length);
                if meets {
                    return Some((x, x - diagonal, signed(length)));
                }
            }
            if let Some(furthest) = self.furthest.get_mut(unsigned(self.zero + diagonal)) {
                *furthest = reached;
            }
            diagonal += 2;
        }
        None
    }

    /// What came furthest, counted from this side.
    fn best(&self) -> (i64, i64) {
        let diagonals = self.furthest.iter().zip(-self.zero..).filter(|(x, _)| **x >= 0);
        diagonals.map(|(&x, diagonal)| (x, x - diagonal)).max_by_key(|(x, y)| x + y).unwrap_or_default()
    }
}

/// How many tokens two ways have in common before the first that differs.
fn common<'t>(old: impl Iterator<Item = &'t u32>, new: impl Iterator<Item = &'t u32>) -> usize {
    old.zip(new).take_while(|(old, new)| old == new).count()
}

fn suffix_of(tokens: &[u32], skipped: i64) -> &[u32] {
    tokens.get(unsigned(skipped)..).unwrap_or_default()
}

fn prefix_of(tokens: &[u32], skipped: i64) -> &[u32] {
    tokens.get(..tokens.len() - unsigned(skipped)).unwrap_or_default()
}

fn index(token: u32) -> usize {
    usize::try_from(token).unwrap_or(usize::MAX)
}

fn signed(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX / 4)
}

fn unsigned(length: i64) -> usize {
    usize::try_from(length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// Holds what `align` answers against its promises, and answers how many tokens it matched.
    fn matched(old: &[u32], new: &[u32], patience: bool, steps: u64) -> usize {
        let distinct = old.iter().chain(new).max().map_or(0, |&token| index(token) + 1);
        let runs = align(&Sequences { old, new, distinct }, patience, &mut Budget::new(steps));
        let (mut at_old, mut at_new) = (0, 0);
        for run in &runs {
            assert!(run.len > 0 && run.old >= at_old && run.new >= at_new, "{runs:?}");
            assert_eq!(old[run.old..run.old + run.len], new[run.new..run.new + run.len]);
            (at_old, at_new) = (run.old + run.len, run.new + run.len);
        }
        runs.iter().map(|run| run.len).sum()
    }

    /// The length of the longest common subsequence, from its definition.
    fn longest_common(old: &[u32], new: &[u32]) -> usize {
        let mut above = vec![0; new.len() + 1];
        for token in old {
            let mut row = vec![0];
            for (at, other) in new.iter().enumerate() {
                row.push(if token == other { above[at] + 1 } else { above[at + 1].max(row[at]) });
            }
            above = row;
        }
        above[new.len()]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn without_patience_as_many_tokens_are_matched_as_can_be(
            old in vec(0..5_u32, 0..40), new in vec(0..5_u32, 0..40),
        ) {
            prop_assert_eq!(matched(&old, &new, false, u64::MAX), longest_common(&old, &new));
        }

        #[test]
        fn runs_are_equal_and_ascend_whatever_may_be_spent(
            old in vec(0..30_u32, 0..120), new in vec(0..30_u32, 0..120), steps in 0..400_u64,
        ) {
            matched(&old, &new, true, steps);
            matched(&old, &new, false, steps);
        }
    }

    #[test]
    fn unique_tokens_come_before_frequent_ones() {
        // Two frequent tokens in a row would be more than the one that stands once on either side.
        let runs = align(
            &Sequences { old: &[9, 1, 1], new: &[1, 1, 9], distinct: 10 },
            true,
            &mut Budget::new(u64::MAX),
        );
        assert_eq!(runs, [Run { old: 0, new: 2, len: 1 }]);
    }
}
