//! Functions of spans, as tables; then held against every pair of annotations.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*};

use super::*;

/// The set of a function's argument, `F`, is 1, 2 and so on, as they stand here; what is asked about is 0.
fn check(asked: &[(u32, u32)], others: &[&[(u32, u32)]], function: &str, expected: bool) {
    let mut annotations = vec![plain(0, "A", asked)];
    annotations.extend((1..).zip(others).map(|(number, ranges)| plain(number, "F", ranges)));
    let filter = AnnotationFilter::parse("filter", &format!("label = A AND {function}")).unwrap();
    assert_eq!(passing(&filter, &annotations) == [0], expected, "{asked:?} {function} {others:?}");
    assert_eq!(filter.inner_queries().len(), 1);
}

#[test]
fn what_overlaps_shares_a_character() {
    let check = |asked: &[(u32, u32)], other: &[(u32, u32)], expected| {
        check(asked, &[other], "overlaps(label = F)", expected);
        check(other, &[asked], "overlaps(label = F)", expected);
    };
    check(&[(0, 5)], &[(4, 9)], true);
    check(&[(0, 5)], &[(5, 9)], false);
    check(&[(0, 5)], &[(0, 5)], true);
    check(&[(0, 9)], &[(3, 4)], true);
    // What is between the spans of one is none of it.
    check(&[(0, 2), (8, 9)], &[(3, 5)], false);
    check(&[(0, 2), (8, 9)], &[(3, 5), (8, 12)], true);
    // An empty span has no character.
    check(&[(0, 9)], &[(3, 3)], false);
    check(&[(3, 3)], &[(3, 3)], false);
    check(&[(0, 9)], &[], false);
}

#[test]
fn what_contains_covers_all_that_the_other_covers() {
    let check = |outer: &[(u32, u32)], inner: &[(u32, u32)], expected| {
        check(outer, &[inner], "contains(label = F)", expected);
        check(inner, &[outer], "within(label = F)", expected);
    };
    check(&[(0, 9)], &[(3, 5)], true);
    check(&[(0, 9)], &[(0, 9)], true);
    check(&[(0, 9)], &[(3, 10)], false);
    check(&[(0, 2), (5, 9)], &[(0, 1), (6, 7)], true);
    check(&[(0, 2), (5, 9)], &[(0, 1), (3, 4), (6, 7)], false);
    check(&[(0, 2), (5, 9)], &[(0, 9)], false);
    check(&[(0, 9)], &[(0, 2), (5, 9)], true);
    // Spans that touch are one.
    check(&[(0, 5), (5, 9)], &[(3, 7)], true);
    // An empty span is within what it stands in or at an end of.
    check(&[(0, 9)], &[(0, 0)], true);
    check(&[(0, 9)], &[(9, 9)], true);
    check(&[(1, 9)], &[(0, 0)], false);
    check(&[(3, 3)], &[(3, 3)], true);
    check(&[(0, 2), (5, 9)], &[(3, 3)], false);
    check(&[(0, 9)], &[], false);
}

#[test]
fn what_is_equal_covers_the_same() {
    let check = |asked: &[(u32, u32)], other: &[(u32, u32)], expected| {
        check(asked, &[other], "equals(label = F)", expected);
        check(other, &[asked], "equals(label = F)", expected);
    };
    check(&[(0, 5)], &[(0, 5)], true);
    check(&[(0, 5)], &[(0, 6)], false);
    check(&[(0, 2), (4, 5)], &[(0, 2), (4, 5)], true);
    check(&[(0, 2), (4, 5)], &[(0, 1), (4, 5)], false);
    check(&[(0, 2), (2, 5)], &[(0, 5)], true);
    check(&[(3, 3)], &[(3, 3)], true);
    check(&[], &[], false);
}

#[test]
fn before_and_after_are_wholly_so() {
    let check = |first: &[(u32, u32)], second: &[(u32, u32)], distance: &str, expected| {
        check(first, &[second], &format!("before(label = F{distance})"), expected);
        check(second, &[first], &format!("after(label = F{distance})"), expected);
    };
    check(&[(0, 5)], &[(5, 9)], "", true);
    check(&[(0, 5)], &[(4, 9)], "", false);
    check(&[(0, 5)], &[(5, 9)], ", 0", true);
    check(&[(0, 5)], &[(6, 9)], ", 0", false);
    check(&[(0, 5)], &[(25, 29)], ", 20", true);
    check(&[(0, 5)], &[(26, 29)], ", 20", false);
    // Whatever stands between the spans of one counts as its own.
    check(&[(0, 2), (8, 9)], &[(4, 5)], "", false);
    check(&[(0, 2), (8, 9)], &[(9, 10), (15, 16)], ", 0", true);
    check(&[(0, 5)], &[(5, 5)], ", 0", true);
    check(&[(5, 5)], &[(5, 5)], "", true);
    check(&[(0, 5)], &[], "", false);
}

#[test]
fn what_cooccurs_is_in_the_article_or_near() {
    let near = |asked: &[(u32, u32)], other: &[(u32, u32)], distance: &str, expected| {
        check(asked, &[other], &format!("cooccurs(label = F{distance})"), expected);
        check(other, &[asked], &format!("cooccurs(label = F{distance})"), expected);
    };
    near(&[(0, 5)], &[(500, 509)], "", true);
    near(&[(0, 5)], &[], "", true);
    near(&[], &[], "", true);
    near(&[(0, 5)], &[], ", 1000", false);
    near(&[(0, 5)], &[(8, 9)], ", 3", true);
    near(&[(0, 5)], &[(8, 9)], ", 2", false);
    near(&[(0, 5)], &[(3, 9)], ", 0", true);
    near(&[(0, 2), (8, 9)], &[(4, 5)], ", 0", true);
    check(&[(0, 5)], &[], "cooccurs(label = F)", false);
}

#[test]
fn an_annotation_is_never_held_against_itself() {
    for function in ["overlaps", "contains", "within", "equals", "before", "after", "cooccurs"] {
        check(&[(3, 3)], &[], &format!("{function}(label = A)"), false);
        check(&[(3, 5)], &[], &format!("{function}(*)"), false);
    }
    for function in ["overlaps", "contains", "within", "equals", "cooccurs"] {
        check(&[(3, 5)], &[&[(3, 5)]], &format!("{function}(*)"), true);
    }
}

#[test]
fn functions_stand_in_functions_and_under_not() {
    let annotations = [
        plain(1, "SENT", &[(0, 50)]),
        plain(2, "SENT", &[(50, 99)]),
        plain(3, "PER", &[(3, 8)]),
        plain(4, "PER", &[(60, 65)]),
        plain(5, "ORG", &[(20, 26)]),
    ];
    let check = |filter: &str, expected: &[u8]| {
        let filter = AnnotationFilter::parse("filter", filter).unwrap();
        assert_eq!(passing(&filter, &annotations), expected, "{filter}");
    };
    check("label = PER AND within(label = SENT AND contains(label = ORG))", &[3]);
    check("label = PER AND NOT within(label = SENT AND contains(label = ORG))", &[4]);
    check("label = SENT AND NOT contains(label = ORG)", &[2]);
    check("before(label = ORG, 12) OR after(label = ORG, 34)", &[2, 3, 4]);
    check("cooccurs(label = ORG AND after(label = PER))", &[1, 2, 3, 4]);
    check("contains(before(after(within(label = SENT))))", &[1]);
    let shared =
        AnnotationFilter::parse("filter", "before(label = ORG) OR after(label = 'ORG') overlaps(*)").unwrap();
    assert_eq!(shared.inner_queries().len(), 2);
}

/// The characters, and the empty spans at least, of an annotation.
fn covered(spans: &[(u32, u32)]) -> BTreeSet<u32> {
    spans.iter().flat_map(|(start, end)| *start..*end).collect()
}

/// What a function means, said of one other annotation as slowly and plainly as can be. All spans are filled.
fn stands(relation: SpanRelation, asked: &[(u32, u32)], other: &[(u32, u32)]) -> bool {
    if let SpanRelation::Cooccurs(None) = relation {
        return true;
    }
    let (Some(first), Some(last)) = (asked.first(), asked.last()) else { return false };
    let (Some(other_first), Some(other_last)) = (other.first(), other.last()) else { return false };
    let (a, b) = (covered(asked), covered(other));
    let gap = |end: u32, start: u32| start.checked_sub(end);
    let near = |gap: Option<u32>, distance: Option<u32>| {
        gap.is_some_and(|gap| distance.is_none_or(|most| gap <= most))
    };
    let in_one = |inner: &[(u32, u32)], outer: &[(u32, u32)]| {
        // An empty span has no character to be counted by: it is in what has it between its ends.
        let joined = joined(outer);
        inner.iter().all(|(start, end)| joined.iter().any(|(from, until)| from <= start && end <= until))
    };
    match relation {
        SpanRelation::Overlaps => !a.is_disjoint(&b),
        SpanRelation::Contains => b.is_subset(&a) && in_one(other, asked),
        SpanRelation::Within => a.is_subset(&b) && in_one(asked, other),
        SpanRelation::Equals => a == b && joined(asked) == joined(other),
        SpanRelation::Before(distance) => near(gap(last.1, other_first.0), distance),
        SpanRelation::After(distance) => near(gap(other_last.1, first.0), distance),
        SpanRelation::Cooccurs(distance) => {
            let between = gap(last.1, other_first.0).or(gap(other_last.1, first.0)).unwrap_or(0);
            near(Some(between), distance)
        }
    }
}

fn joined(spans: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut joined: Vec<(u32, u32)> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if last.1 == span.0 => last.1 = span.1,
            _ => joined.push(*span),
        }
    }
    joined
}

/// Up to four spans in order, of which some touch and some are empty.
fn spans() -> impl Strategy<Value = Vec<(u32, u32)>> {
    let piece = (0..6_u32, prop_oneof![4 => 1..5_u32, 1 => Just(0_u32)]);
    let count = prop_oneof![1 => Just(0), 6 => Just(1), 3 => 2..5_usize];
    (0..40_u32, count.prop_flat_map(move |count| vec(piece.clone(), count))).prop_map(|(start, pieces)| {
        let mut at = start;
        let place = |(gap, length): (u32, u32)| {
            let from = at + gap;
            at = from + length;
            (from, at)
        };
        pieces.into_iter().map(place).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_set_says_what_every_pair_does(
        all in vec(spans(), 0..24),
        stranger in spans(),
        distance in prop_oneof![Just(None), (0..12_u32).prop_map(Some)],
    ) {
        let ranges: Vec<Vec<TextRange>> = all.iter().map(|spans| spans.iter().copied().map(range).collect()).collect();
        let number = |index: usize| u8::try_from(index).unwrap();
        let set = SpanSet::new(ranges.iter().enumerate().map(|(index, spans)| (id(number(index)), spans.as_slice())));
        let relations = [
            SpanRelation::Overlaps,
            SpanRelation::Contains,
            SpanRelation::Within,
            SpanRelation::Equals,
            SpanRelation::Before(distance),
            SpanRelation::After(distance),
            SpanRelation::Cooccurs(distance),
        ];
        let asked = all.iter().cloned().enumerate().chain([(255, stranger)]);
        for (index, spans) in asked {
            let spans_of: Vec<TextRange> = spans.iter().copied().map(range).collect();
            for relation in relations {
                let expected = all.iter().enumerate().any(|(other, other_spans)| {
                    other != index && stands(relation, &spans, other_spans)
                });
                let got = set.has(relation, id(number(index)), &spans_of);
                prop_assert_eq!(got, expected, "{:?} {:?} {:?} in {:?}", relation, index, &spans, &all);
            }
        }
    }
}
