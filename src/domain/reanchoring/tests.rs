use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;
use crate::domain::{
    annotations::AnchoringResult::{Modified, Moved, Orphaned, Shifted, Unchanged},
    oracle::{boundaries, occurrences, revisions},
    text::{CodePointRange, to_index},
};
use crate::limits::{MOVED_CONTEXT_CODE_POINTS, MOVED_QUOTE_CODE_POINTS_MIN};

/// Both texts have their spans in brackets; an orphan's new text has none.
fn check(old: &str, new: &str, result: AnchoringResult, similarity: f64) {
    let ((old, spans), (new, expected)) = (marked(old), marked(new));
    let (old, new) = (Text::new(old), Text::new(new));
    let anchor = Anchor::from_ranges(spans).unwrap();
    let got = Reanchoring::new(&old, &new).anchor(&anchor);
    let expected = Reanchored {
        result,
        similarity,
        needs_review: matches!(result, Modified | Orphaned),
        anchor: Anchor::from_ranges(expected),
    };
    assert_eq!(got, expected, "{:?} to {:?}", old.as_str(), new.as_str());
}

fn marked(text: &str) -> (String, Vec<TextRange>) {
    let plain: String = text.chars().filter(|character| !"[]".contains(*character)).collect();
    let all = boundaries(&plain);
    let mut at = 0;
    let mut edges = Vec::new();
    for character in text.chars() {
        if "[]".contains(character) {
            edges.push(all[at]);
        } else {
            at += 1;
        }
    }
    (plain, edges.chunks(2).map(|edge| TextRange { start: edge[0], end: edge[1] }).collect())
}

#[test]
fn what_is_equal_is_kept() {
    check("The [cat] sat.", "The [cat] sat. Then it slept.", Unchanged, 1.0);
    check("The [cat] sat.", "The big [cat] sat.", Shifted, 1.0);
    check("The old [cat] sat.", "The [cat] sat.", Shifted, 1.0);
    check("a 👩‍👩‍👧 [b]", "a 🏳️‍🌈 [b]", Shifted, 1.0);
    check("[all]", "[all]", Unchanged, 1.0);
    // As many code points and as many bytes are in front of it, but not as many UTF-16 units.
    check("𐐷 x [b]", "日q x [b]", Shifted, 1.0);
}

#[test]
fn insertions_at_an_edge_stay_outside() {
    check("The [cat] sat", "The fat [cat] sat", Shifted, 1.0);
    check("The [cat] sat", "The [cat] there sat", Unchanged, 1.0);
    check("The [cat]", "The [cat]s", Unchanged, 1.0);
    check("[cat]", "tom[cat]", Shifted, 1.0);
    check("[cat]", "a long way before [cat] and a long way after", Shifted, 1.0);
}

#[test]
fn what_changed_within_is_modified() {
    check("The [big cat] sat", "The [big black cat] sat", Modified, 1.0);
    check("The [big cat] sat", "The [big ]dog sat", Modified, 4.0 / 7.0);
    check("the [colour] of", "the [color] of", Modified, 5.0 / 6.0);
    check("a [dynamic-equivalence] b", "a [dynamic - equivalence] b", Modified, 1.0);
    check("say [日本語の本] now", "say [日本の本] now", Modified, 4.0 / 5.0);
}

#[test]
fn what_is_mostly_gone_is_orphaned() {
    check("The [cat] sat", "The dog sat", Orphaned, 0.0);
    check("The [cat and more] sat", "The cat sat", Orphaned, 4.0 / 12.0);
    check("She met [Al]. He slept long and well.", "He slept long and well. She met Al.", Orphaned, 0.0);
    // Half an accented letter is no letter.
    check("caf[e]", "caf\u{65}\u{301}", Orphaned, 0.0);
}

#[test]
fn what_was_moved_is_found_where_it_stands_once() {
    let long = "This is a long paragraph, which stays where it is, so that the other one moves.\n";
    let check_moved = |old: &str, new: &str, result, similarity| {
        check(&format!("{old}\n{long}"), &format!("{long}{new}\n"), result, similarity);
    };
    check_moved("[Huawei] sued ZTE.", "[Huawei] sued ZTE.", Moved, 1.0);
    check_moved("Huawei sued [ZTE] again.", "Huawei sued [ZTE] again.", Moved, 1.0);
    check_moved("The [cat] met the dog, the cat said.", "The [cat] met the dog, the cat said.", Moved, 1.0);
    check_moved("[Huawei] sued.", "Huawei sued. Huawei lost.", Orphaned, 0.0);
    check_moved("[Huawei] sued. Huawei lost.", "Huawei won.", Orphaned, 0.0);
}

#[test]
fn several_spans_have_the_worst_result() {
    check("[not] a [cat]", "[not] really a [cat]", Shifted, 1.0);
    check("[cat] and [dog]", "[cat] or [dog]", Shifted, 1.0);
    check("the [cat] and [dog]", "the cat and fox", Orphaned, 0.0);
}

/// The table, over characters that know where they went.
struct Oracle {
    old: Vec<char>,
    places: [Vec<Position>; 2],
    /// For each old character, its new index.
    went: Vec<Option<usize>>,
    deleted: Vec<(usize, String)>,
    inserted: Vec<(usize, String)>,
}

impl Oracle {
    fn new(old: &Text, new: &Text, diff: &TextDiff) -> Self {
        let characters: Vec<char> = old.as_str().chars().collect();
        let mut went = vec![None; characters.len()];
        for block in diff.equal() {
            let CodePointRange { start, end } = block.old.code_points();
            for (from, to) in (start..end).zip(block.new.start.code_points..) {
                went[to_index(from)] = Some(to_index(to));
            }
        }
        let parts = |text: &Text, part: fn(&super::super::diff::Change) -> TextRange| {
            diff.changes()
                .map(|change| {
                    (to_index(part(&change).start.code_points), text.slice(&part(&change)).to_owned())
                })
                .collect()
        };
        Self {
            places: [boundaries(old.as_str()), boundaries(new.as_str())],
            deleted: parts(old, |change| change.deleted),
            inserted: parts(new, |change| change.inserted),
            old: characters,
            went,
        }
    }

    fn range(&self, side: usize, start: usize, end: usize) -> TextRange {
        TextRange { start: self.places[side][start], end: self.places[side][end] }
    }

    /// What should become of the span `start..end`, in characters.
    fn segment(&self, start: usize, end: usize) -> (AnchoringResult, f64, Option<TextRange>) {
        let survivors: Vec<usize> = self.went[start..end].iter().copied().flatten().collect();
        let length = end - start;
        let (Some(first), Some(last)) = (survivors.first(), survivors.last()) else {
            return match self.moved(start, end) {
                Some(to) => (Moved, 1.0, Some(self.range(1, to, to + length))),
                None => (Orphaned, 0.0, None),
            };
        };
        let range = self.range(1, *first, last + 1);
        let similarity = f64::from(to_u32(survivors.len())) / f64::from(to_u32(length));
        if survivors.len() == length && last + 1 - first == length {
            let same = range == self.range(0, start, end);
            return (if same { Unchanged } else { Shifted }, 1.0, Some(range));
        }
        if survivors.len() * 2 >= length {
            (Modified, similarity, Some(range))
        } else {
            (Orphaned, similarity, None)
        }
    }

    fn moved(&self, start: usize, end: usize) -> Option<usize> {
        let quote: String = self.old[start..end].iter().collect();
        if end - start >= MOVED_QUOTE_CODE_POINTS_MIN
            && once(&self.deleted, &quote).is_some()
            && let Some(to) = once(&self.inserted, &quote)
        {
            return Some(to);
        }
        let (from, deletion) = self.deleted.iter().rev().find(|(from, _)| *from <= start)?;
        let until = (from + deletion.chars().count()).min(end + MOVED_CONTEXT_CODE_POINTS);
        let from = (*from).max(start.saturating_sub(MOVED_CONTEXT_CODE_POINTS));
        let text = |start: usize, end: usize| self.old[start..end].iter().collect::<String>();
        if text(from, start).trim().is_empty() || text(end, until).trim().is_empty() {
            return None;
        }
        // So little is by chance where it is.
        if text(from, until).len() < 4 {
            return None;
        }
        once(&self.deleted, &text(from, until))?;
        Some(once(&self.inserted, &text(from, until))? + (start - from))
    }
}

/// Where `quote` stands in `parts`, in characters of their text, if it stands there once.
fn once(parts: &[(usize, String)], quote: &str) -> Option<usize> {
    let mut places = parts.iter().flat_map(|(start, part)| {
        let found = if part.len() < quote.len() { Vec::new() } else { occurrences(part, quote) };
        found.into_iter().map(move |at| {
            start + part.as_bytes()[..at].iter().filter(|byte| (**byte & 0xC0) != 0x80).count()
        })
    });
    let (first, second) = (places.next()?, places.next());
    if second.is_some() { None } else { Some(first) }
}

fn to_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap()
}

/// Every span of a text whose words repeat, where random ones once found a difference.
#[test]
fn every_span_of_a_text_that_repeats_itself_goes_where_its_characters_go() {
    let (old, new) = ("The The The The on on on a The sat. ", "Thee s The The The on on on a That. ");
    let (old, new) = (Text::new(old), Text::new(new));
    let reanchoring = Reanchoring::new(&old, &new);
    let oracle = Oracle::new(&old, &new, reanchoring.diff());
    for start in 0..oracle.old.len() {
        for end in start + 1..=oracle.old.len() {
            let span = oracle.range(0, start, end);
            let got = reanchoring.anchor(&Anchor::from_ranges(vec![span]).unwrap());
            let range = got.anchor.as_ref().map(|anchor| anchor.spans()[0]);
            assert_eq!(
                (got.result, got.similarity, range),
                oracle.segment(start, end),
                "{:?}",
                old.slice(&span)
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn spans_go_where_their_characters_go(
        (old, new) in revisions(),
        spans in vec((any::<Index>(), any::<Index>()), 1..20),
    ) {
        let (old, new) = (Text::new(old), Text::new(new));
        let reanchoring = Reanchoring::new(&old, &new);
        let oracle = Oracle::new(&old, &new, reanchoring.diff());
        for (start, length) in spans {
            let start = start.index(oracle.old.len() + 1);
            let end = start + length.index((oracle.old.len() - start).min(40) + 1);
            if start == end {
                continue;
            }
            let span = oracle.range(0, start, end);
            let got = reanchoring.anchor(&Anchor::from_ranges(vec![span]).unwrap());
            let range = got.anchor.as_ref().map(|anchor| anchor.spans()[0]);
            prop_assert_eq!((got.result, got.similarity, range), oracle.segment(start, end));
            if let (false, Some(range)) = (got.needs_review, range) {
                prop_assert_eq!(new.slice(&range), old.slice(&span));
            }
        }
    }

    #[test]
    fn mentions_stay_whole_and_in_order(
        (old, new) in revisions(),
        edges in vec(any::<Index>(), 2..12),
    ) {
        let (old, new) = (Text::new(old), Text::new(new));
        let all = boundaries(old.as_str());
        let mut edges: Vec<_> = edges.iter().map(|edge| all[edge.index(all.len())]).collect();
        edges.sort_unstable();
        edges.dedup();
        let spans: Vec<_> =
            edges.chunks_exact(2).map(|edge| TextRange { start: edge[0], end: edge[1] }).collect();
        let Some(anchor) = Anchor::from_ranges(spans.clone()) else { return Ok(()) };
        let reanchoring = Reanchoring::new(&old, &new);
        let got = reanchoring.anchor(&anchor);
        let single = |span: &TextRange| reanchoring.anchor(&Anchor::from_ranges(vec![*span]).unwrap());
        let worst = spans.iter().map(|span| single(span).result).max().unwrap();
        let ranges: Vec<_> = spans.iter().filter_map(|span| single(span).anchor).map(|one| one.hull()).collect();
        let expected = if worst == Orphaned { None } else { Anchor::from_ranges(ranges) };
        prop_assert_eq!(got.result, if expected.is_some() { worst } else { Orphaned });
        prop_assert_eq!(got.needs_review, matches!(got.result, Modified | Orphaned));
        prop_assert_eq!(got.anchor, expected);
    }

    #[test]
    fn empty_spans_go_with_their_neighbours((old, new) in revisions(), place in any::<Index>()) {
        let (old, new) = (Text::new(old), Text::new(new));
        let reanchoring = Reanchoring::new(&old, &new);
        let oracle = Oracle::new(&old, &new, reanchoring.diff());
        let place = place.index(oracle.old.len() + 1);
        let got = reanchoring.segment(&oracle.range(0, place, place));
        let before = place.checked_sub(1).map(|before| oracle.went[before].map(|to| to + 1));
        let after = oracle.went.get(place).copied();
        let (needs_review, to) = match (before, after) {
            (None, None) => (false, Some(0)),
            (Some(to), None) | (None, Some(to)) => (to.is_none(), to),
            (Some(Some(before)), Some(after)) => (after != Some(before), Some(before)),
            (Some(None), Some(after)) => (true, after),
        };
        prop_assert_eq!(matches!(got.result, Modified | Orphaned), needs_review);
        let expected = to.map(|to| oracle.range(1, to, to));
        prop_assert_eq!((got.result != Orphaned).then_some(got.range), expected);
    }
}
