//! Annotations in words, a line each: what they are about, and what they say beside their labels.

use super::{
    attribute,
    render::{Standing, columns_of, printable, shortened},
    table::thousands,
};
use crate::{
    domain::ids::LayerId,
    proto::v1::{self, AnchoringResult, State, annotation::Target},
};

/// Columns of a label.
pub(super) const LABEL_COLUMNS_MAX: usize = 24;
/// Columns of a quote, a title, or another text that people wrote.
pub(super) const TEXT_COLUMNS_MAX: usize = 48;
/// Columns of a relation where nothing is said about the width.
pub(super) const RELATION_COLUMNS_MAX: usize = 96;
/// Columns of a role.
const ROLE_COLUMNS_MAX: usize = 24;
/// Attributes on one line.
const ATTRIBUTES_MAX: usize = 6;
/// Digits that are left of an annotation's id: those of its time, and some that are random, since many are made in one
/// minute.
const ID_START: usize = 8;
const ID_END: usize = 4;

/// An annotation's id from its full name.
pub(super) fn id(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or_default()
}

/// An annotation's id in few columns: `0190163d…ad91`.
pub(super) fn short_id(name: &str) -> String {
    let id = id(name);
    let (start, end) = (id.get(..ID_START), id.get(id.len().saturating_sub(ID_END)..));
    match (start, end) {
        (Some(start), Some(end)) if id.len() > ID_START + ID_END => printable(&format!("{start}…{end}")),
        _ => printable(id),
    }
}

/// The label with its layer, unless it is the one that needs no name: `PER@gold`.
pub(super) fn labelled(annotation: &v1::Annotation) -> String {
    shortened(&annotation.label, LABEL_COLUMNS_MAX) + &layer(annotation)
}

/// `@gold`; nothing for the layer that needs no name.
pub(super) fn layer(annotation: &v1::Annotation) -> String {
    match annotation.layer.as_str() {
        LayerId::DEFAULT => String::new(),
        layer => format!("@{}", shortened(layer, LABEL_COLUMNS_MAX)),
    }
}

/// Who makes a layer; nothing if nobody said.
pub(super) fn layer_kind(kind: v1::LayerKind) -> &'static str {
    match kind {
        v1::LayerKind::Unspecified => "",
        v1::LayerKind::Human => "human",
        v1::LayerKind::Model => "model",
        v1::LayerKind::Gold => "gold",
    }
}

/// How far a layer of an article is.
pub(super) fn layer_state(state: v1::ArticleLayerState) -> &'static str {
    match state {
        v1::ArticleLayerState::Submitted => "submitted",
        v1::ArticleLayerState::Open | v1::ArticleLayerState::Unspecified => "open",
    }
}

/// How far the review got with it.
pub(super) fn standing(annotation: &v1::Annotation) -> Standing {
    Standing {
        is_suggested: annotation.state() == State::Suggested,
        is_rejected: annotation.state() == State::Rejected,
        needs_review: annotation.anchoring.as_ref().is_some_and(|it| it.needs_review),
    }
}

/// Whether what it covered is not in the text any more.
pub(super) fn is_orphan(annotation: &v1::Annotation) -> bool {
    annotation.anchoring.as_ref().is_some_and(|it| it.result() == AnchoringResult::Orphaned)
}

/// What the annotation is about; `name` says how another annotation is called, and `columns` how many a relation may
/// take.
pub(super) fn about(annotation: &v1::Annotation, name: impl Fn(&str) -> String, columns: usize) -> String {
    match &annotation.target {
        Some(Target::Anchor(_)) => quoted(annotation, TEXT_COLUMNS_MAX),
        Some(Target::Relation(it)) => relation(it, name, columns),
        Some(Target::Article(_)) => "(the article)".to_owned(),
        None => String::new(),
    }
}

/// What an annotation stands on, or where if that is not told.
pub(super) fn quoted(annotation: &v1::Annotation, columns: usize) -> String {
    let spans = spans(annotation);
    if spans.iter().all(|span| span.quote.is_empty()) {
        return ranges(annotation);
    }
    let quotes: Vec<_> = spans.iter().map(|span| span.quote.as_str()).collect();
    shortened(&quotes.join(" … "), columns)
}

/// The spans; none of what stands on no span.
pub(super) fn spans(annotation: &v1::Annotation) -> &[v1::Span] {
    match &annotation.target {
        Some(Target::Anchor(anchor)) => &anchor.spans,
        Some(Target::Relation(_) | Target::Article(_)) | None => &[],
    }
}

/// `code points 3..9`; nothing for what stands on no span.
pub(super) fn ranges(annotation: &v1::Annotation) -> String {
    let ranges = spans(annotation).iter().filter_map(|span| span.code_points);
    let ranges: Vec<_> = ranges.map(|range| format!("{}..{}", range.start, range.end)).collect();
    if ranges.is_empty() { String::new() } else { format!("code points {}", ranges.join(", ")) }
}

/// Who takes part in a relation, in about so many columns: `Agent rebels → Target bridge` for two in two roles,
/// `IBM — the company — it` for a chain, and `Trigger bombed  Agent rebels  Target bridge, dam` for an event.
pub(super) fn relation(relation: &v1::Relation, name: impl Fn(&str) -> String, columns: usize) -> String {
    let arguments = &relation.arguments;
    let is_chain = arguments.windows(2).all(|pair| matches!(pair, [left, right] if left.role == right.role));
    let mut shown: Vec<String> = Vec::new();
    let mut width = 0;
    let mut role_before = None;
    for argument in arguments {
        let is_new_role = role_before != Some(&argument.role);
        let joint = match (role_before, is_chain, arguments.len()) {
            (None, ..) => "",
            (Some(_), true, _) => " — ",
            (Some(_), false, 2) => " → ",
            (Some(_), false, _) if is_new_role => "  ",
            (Some(_), false, _) => ", ",
        };
        let role = shortened(&argument.role, ROLE_COLUMNS_MAX);
        let role = if is_new_role && !role.is_empty() { role + " " } else { String::new() };
        let piece = format!("{joint}{role}{}", name(&argument.annotation));
        role_before = Some(&argument.role);
        width += columns_of(&piece);
        shown.push(piece);
        if width > columns {
            break;
        }
    }
    let rest = |shown: usize| match arguments.len().saturating_sub(shown) {
        0 => String::new(),
        rest => format!(" … {} more", thousands(u64::try_from(rest).unwrap_or(u64::MAX))),
    };
    // One of them is told in any case.
    while shown.len() > 1 && width + columns_of(&rest(shown.len())) > columns {
        width -= shown.pop().map_or(0, |piece| columns_of(&piece));
    }
    let rest = rest(shown.len());
    shown.concat() + &rest
}

/// What the review says.
pub(super) fn state(state: State) -> &'static str {
    match state {
        State::Unspecified => "",
        State::Suggested => "suggested",
        State::Accepted => "accepted",
        State::Rejected => "rejected",
    }
}

/// What became of it in the latest text.
pub(super) fn anchoring(result: AnchoringResult) -> &'static str {
    match result {
        AnchoringResult::Unspecified => "",
        AnchoringResult::Unchanged => "unchanged",
        AnchoringResult::Shifted => "shifted",
        AnchoringResult::Moved => "moved",
        AnchoringResult::Modified => "modified",
        AnchoringResult::Orphaned => "orphaned",
    }
}

/// A number that is looked at: at most four decimals.
pub(super) fn decimals(number: f64) -> String {
    let shown = format!("{number:.4}");
    let shown = shown.trim_end_matches('0').trim_end_matches('.');
    shown.to_owned()
}

/// What the review says, unless it was accepted, and whether it needs to be looked at.
pub(super) fn review(annotation: &v1::Annotation) -> Vec<String> {
    let mut said = Vec::new();
    if annotation.state() != State::Accepted && annotation.state() != State::Unspecified {
        said.push(state(annotation.state()).to_owned());
    }
    if let Some(it) = annotation.anchoring.as_ref().filter(|it| it.needs_review) {
        let result = match it.result() {
            result @ (AnchoringResult::Modified | AnchoringResult::Moved) => {
                format!("{}, {} the same", anchoring(result), percent(it.similarity))
            }
            result @ (AnchoringResult::Unspecified
            | AnchoringResult::Unchanged
            | AnchoringResult::Shifted
            | AnchoringResult::Orphaned) => anchoring(result).to_owned(),
        };
        said.push(format!("needs review: {result}").trim_end_matches([':', ' ']).to_owned());
    }
    said
}

fn percent(part: f64) -> String {
    format!("{:.0} %", part * 100.0)
}

/// What it says beside its label, for one line: the review, the score, attributes by name, the note, its sources.
pub(super) fn details(annotation: &v1::Annotation) -> Vec<String> {
    let mut said = review(annotation);
    said.extend(annotation.score.map(|score| format!("score {}", decimals(score))));
    let attributes = &annotation.attributes;
    let shown = attributes.iter().take(ATTRIBUTES_MAX);
    said.extend(shown.map(|(name, value)| shortened(&attribute::shown(name, value), TEXT_COLUMNS_MAX)));
    if attributes.len() > ATTRIBUTES_MAX {
        said.push(format!("… {} more attributes", attributes.len() - ATTRIBUTES_MAX));
    }
    if !annotation.note.is_empty() {
        said.push(note(&annotation.note));
    }
    match annotation.derived_from.as_slice() {
        [] => {}
        [first] => said.push(format!("from {}", short_id(first))),
        [first, rest @ ..] => said.push(format!("from {} and {} more", short_id(first), rest.len())),
    }
    said
}

/// A note in quotes.
pub(super) fn note(note: &str) -> String {
    format!("“{}”", shortened(note, TEXT_COLUMNS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> v1::Relation {
        let argument = |it: &str| {
            let (role, annotation) = it.split_once('=').unwrap_or(("", it));
            v1::Argument { role: role.to_owned(), annotation: annotation.to_owned() }
        };
        v1::Relation { arguments: line.split(' ').map(argument).collect() }
    }

    #[test]
    fn a_relation_reads_as_what_it_is() {
        let check = |line: &str, columns: usize, expected: &str| {
            let shown = relation(&arguments(line), str::to_owned, columns);
            assert_eq!(shown, expected);
        };
        check("Arg1=IBM Arg2=Armonk", 80, "Arg1 IBM → Arg2 Armonk");
        check("=IBM Arg2=Armonk", 80, "IBM → Arg2 Armonk");
        check("IBM it firm", 80, "IBM — it — firm");
        check("Mention=IBM Mention=it", 80, "Mention IBM — it");
        check("Theme=x", 80, "Theme x");
        check(
            "Trigger=bombed Agent=rebels Target=bridge Target=dam",
            80,
            "Trigger bombed  Agent rebels  Target bridge, dam",
        );
        check("one two three four", 26, "one — two — three — four");
        check("one two three four", 24, "one — two — three — four");
        check("one two three four", 23, "one — two … 2 more");
        check("one two three four", 1, "one … 3 more");
    }

    #[test]
    fn an_id_is_shown_by_its_ends() {
        let check = |name: &str, expected: &str| assert_eq!(short_id(name), expected);
        check("projects/p/articles/a/annotations/0190163d-8694-739b-aea5-966c26f8ad91", "0190163d…ad91");
        check("x", "x");
        check("\u{1b}", "␛");
    }

    #[test]
    fn what_an_annotation_says_stands_in_a_fixed_order() {
        let value = |kind| v1::AttributeValue { kind: Some(kind) };
        let attributes = [
            ("tense".to_owned(), value(v1::attribute_value::Kind::StringValue("past".into()))),
            ("count".to_owned(), value(v1::attribute_value::Kind::IntValue(3))),
        ];
        let annotation = v1::Annotation {
            attributes: attributes.into(),
            note: "a\nb".into(),
            score: Some(0.933_34),
            state: State::Suggested.into(),
            anchoring: Some(v1::Anchoring {
                result: AnchoringResult::Modified.into(),
                similarity: 0.8,
                from_text_revision: 1,
                needs_review: true,
            }),
            derived_from: vec!["projects/q/articles/b/annotations/x".into(), "y".into()],
            ..v1::Annotation::default()
        };
        let expected = [
            "suggested",
            "needs review: modified, 80 % the same",
            "score 0.9333",
            "count=3",
            "tense=past",
            "“a↵b”",
            "from x and 1 more",
        ];
        assert_eq!(details(&annotation), expected);
        let many = (0..9).map(|number| (format!("n{number}"), value(v1::attribute_value::Kind::IntValue(0))));
        let annotation = v1::Annotation {
            attributes: many.collect(),
            state: State::Accepted.into(),
            ..v1::Annotation::default()
        };
        assert_eq!(details(&annotation).last().unwrap(), "… 3 more attributes");
        assert_eq!(details(&annotation).len(), 7);
    }

    #[test]
    fn numbers_are_as_short_as_they_can_be() {
        for (number, text) in [(0.0, "0"), (1.0, "1"), (0.5, "0.5"), (0.123_45, "0.1235"), (10.0, "10")] {
            assert_eq!(decimals(number), text);
        }
    }
}
