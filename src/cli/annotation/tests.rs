//! What people read of annotations.

use super::*;

const A: &str = "projects/p/articles/a/annotations";

fn on_spans(spans: Vec<v1::Span>) -> v1::Annotation {
    v1::Annotation {
        name: format!("{A}/0190163d-8694-739b-aea5-966c26f8ad91"),
        layer: "default".into(),
        label: "ORG".into(),
        target: Some(Target::Anchor(v1::Anchor { spans })),
        state: State::Accepted.into(),
        ..v1::Annotation::default()
    }
}

fn relation(arguments: &[(&str, &str)]) -> v1::Annotation {
    let argument = |(role, name): &(&str, &str)| v1::Argument {
        role: (*role).to_owned(),
        annotation: format!("{A}/{name}"),
    };
    let relation = v1::Relation { arguments: arguments.iter().map(argument).collect() };
    v1::Annotation {
        label: "Located".into(),
        layer: "gold".into(),
        target: Some(Target::Relation(relation)),
        ..on_spans(Vec::new())
    }
}

#[test]
fn an_annotation_is_shown_in_all_units() {
    let span = v1::Span {
        utf8: Some(v1::Range { start: 4, end: 8 }),
        utf16: Some(v1::Range { start: 2, end: 4 }),
        code_points: Some(v1::Range { start: 1, end: 2 }),
        quote: "😀\u{1b}".into(),
        ..v1::Span::default()
    };
    assert_eq!(
        done(&on_spans(vec![span]), "created "),
        "created 0190163d-8694-739b-aea5-966c26f8ad91  ORG  in layer default\n  quote        😀␛\n  \
         code points  1..2\n  utf16        2..4\n  utf8         4..8\n"
    );
}

#[test]
fn everything_that_is_known_is_shown() {
    let time = Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 5 });
    let attribute = attribute::parse("tense=past").unwrap();
    let annotation = v1::Annotation {
        attributes: [(attribute.name, attribute.value)].into(),
        note: "why\nnot".into(),
        score: Some(0.123_456),
        state: State::Suggested.into(),
        anchoring: Some(v1::Anchoring {
            result: v1::AnchoringResult::Moved.into(),
            similarity: 1.0,
            from_text_revision: 1,
            needs_review: true,
        }),
        text_revision: 2,
        derived_from: vec!["projects/q/articles/b/annotations/x".into()],
        revision: 1_234,
        create_time: time,
        update_time: time,
        etag: "e".into(),
        ..relation(&[("Arg1", "x"), ("", "y")])
    };
    let shown = facts(&annotation, |name| format!("<{}>", wording::id(name)));
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(
        lines,
        [
            "0190163d-8694-739b-aea5-966c26f8ad91  Located  in layer gold",
            "  argument     Arg1  <x>",
            "  argument     <y>",
            "  state        suggested",
            "  anchoring    moved from text revision 1, similarity 1, needs review",
            "  score        0.123456",
            "  attribute    tense=past",
            "  note         why↵not",
            "  from         projects/q/articles/b/annotations/x",
            "  text         revision 2",
            "  revision     1,234",
            "  created      2023-11-14T22:13:20Z",
            "  updated      2023-11-14T22:13:20Z",
            "  etag         e",
        ]
    );
}

#[test]
fn a_row_says_what_an_annotation_is_about() {
    let quotes = [(format!("{A}/x"), "IBM".to_owned())].into();
    let check = |annotation: v1::Annotation, expected: [&str; 4]| {
        let [id, rest @ ..] = row(&annotation, &quotes);
        assert_eq!(id, "0190163d-8694-739b-aea5-966c26f8ad91");
        assert_eq!(rest, expected);
    };
    let span = v1::Span { quote: "IBM".into(), ..v1::Span::default() };
    check(on_spans(vec![span.clone()]), ["ORG", "accepted", "IBM", ""]);
    let suggested = v1::Annotation {
        state: State::Suggested.into(),
        score: Some(0.5),
        note: "n".into(),
        ..on_spans(vec![span])
    };
    check(suggested, ["ORG?", "suggested", "IBM", "score 0.5  “n”"]);
    check(relation(&[("Arg1", "x"), ("Arg2", "y")]), ["Located@gold", "accepted", "Arg1 IBM → Arg2 y", ""]);
    let whole = v1::Annotation { target: Some(Target::Article(v1::WholeArticle {})), ..on_spans(Vec::new()) };
    check(whole, ["ORG", "accepted", "(the article)", ""]);
}
