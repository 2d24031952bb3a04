#![allow(clippy::string_slice, reason = "a slice off a boundary fails the test")]

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    domain::{
        revisions::Timestamp,
        text::{Text, Unit},
    },
    formats::{
        Format,
        exchange::testing::{Read, project, read, write, write_project},
    },
};

const ARTICLE: &str = r#"{"article":{"id":"a","text":"😀 Ada met Bob"}}"#;

fn read_lines(lines: &[&str]) -> Read {
    read(Format::Native, &[("p.jsonl", lines.join("\n"))])
}

/// The quotes of all annotations, and the problems.
fn check(annotation: &str, quotes: &[&str], problem: Option<&str>) {
    let read = read_lines(&[ARTICLE, annotation]);
    let covered: Vec<_> = read
        .contents()
        .flat_map(|article| &article.annotations)
        .filter_map(|annotation| annotation.target.mention())
        .flat_map(|mention| mention.quotes.clone())
        .collect();
    assert_eq!(covered, quotes, "{:?}", read.problems);
    match problem {
        None => assert_eq!(read.problems, [""; 0]),
        Some(problem) => assert!(read.problems[0].contains(problem), "{:?}", read.problems),
    }
}

#[test]
fn spans_are_written_in_any_unit_or_as_quotes() {
    check(
        r#"{"annotation":{"label":"PER","anchor":{"spans":[{"codePoints":{"start":2,"end":5}}]}}}"#,
        &["Ada"],
        None,
    );
    check(
        r#"{"annotation":{"label":"PER","anchor":{"spans":[{"utf16":{"start":3,"end":6}}]}}}"#,
        &["Ada"],
        None,
    );
    check(
        r#"{"annotation":{"label":"PER","anchor":{"spans":[{"utf8":{"start":5,"end":8}}]}}}"#,
        &["Ada"],
        None,
    );
    check(r#"{"annotation":{"label":"PER","anchor":{"spans":[{"quote":"Bob"}]}}}"#, &["Bob"], None);
    check(
        r#"{"annotation":{"label":"PER","anchor":{"spans":[{"utf16":{"start":3,"end":6}},{"codePoints":{"start":10,"end":13}}]}}}"#,
        &["Ada", "Bob"],
        None,
    );
}

#[test]
fn what_is_wrong_with_a_line_is_said() {
    let span =
        |span: &str| format!(r#"{{"annotation":{{"id":"T1","label":"PER","anchor":{{"spans":[{span}]}}}}}}"#);
    check(
        &span(r#"{"utf8":{"start":5,"end":8},"utf16":{"start":2,"end":5}}"#),
        &[],
        Some("p.jsonl:2: anchor.spans[0]: the ranges in utf8 and in utf16 are not of the same characters"),
    );
    check(&span(r#"{"utf8":{"start":5,"end":8},"quote":"Bob"}"#), &[], Some("p.jsonl:2: T1.spans[0].quote"));
    check(&span(r#"{"utf8":{"start":5,"end":80}}"#), &[], Some("p.jsonl:2: T1.spans[0].utf8.end"));
    check(&span(r#"{"utf16":{"start":0,"end":1}}"#), &[], Some("p.jsonl:2: T1.spans[0].utf16.end"));
    check(
        &span(r#"{"bytes":{"start":0,"end":1}}"#),
        &[],
        Some("p.jsonl:2: unknown field `bytes`, expected one of"),
    );
    check(r#"{"annotation":{"label":"PER"}}"#, &[], Some("none or several of anchor, relation and article"));
    check(r#"{"annotation":{"label":"PER","article":{}}"#, &[], Some("p.jsonl:2: is not JSON: EOF"));
    check(r#"{"span":{}}"#, &[], Some("unknown variant `span`, expected one of `project`"));
    check(r#"{"annotation":{"label":"PER","article":{},"state":"DONE"}}"#, &[], Some("state is \"DONE\""));
    let read = read_lines(&[r#"{"annotation":{"label":"PER","article":{}}}"#]);
    assert!(read.problems[0].contains("without an article"));
    let read = read_lines(&[
        r#"{"article":{"id":"a","text":"x","textSha256":"00"}}"#,
        r#"{"article":{"id":"b","text":""}}"#,
    ]);
    assert!(read.problems[0].contains("it was changed since"), "{:?}", read.problems);
    assert_eq!(read.articles.len(), 1);
}

const EVERYTHING: &[&str] = &[
    r#"{"project":{"displayName":"Letters","description":"d","metadata":{"k":"v"}}}"#,
    r#"{"labelSchema":{"labels":[{"label":"PER"}]}}"#,
    r#"{"layer":{"id":"alice","displayName":"Alice","kind":"LAYER_KIND_HUMAN","annotator":"alice@example.org"}}"#,
    r#"{"article":{"id":"a","title":"T","language":"en","sourceUri":"s","metadata":{"k":"v"},"text":"😀 Ada met Bob","olderTexts":[{"text":"😀 Ada met","createTime":"2026-11-25T12:00:00Z"}],"submittedLayers":[{"layer":"alice","submitTime":"2026-11-25T13:00:00.000001Z"}],"createTime":"2026-11-25T12:00:00Z","updateTime":"2026-11-25T13:00:00Z"}}"#,
    r#"{"annotation":{"id":"0190163d-8694-739b-aea5-966c26f8ad91","layer":"alice","label":"PER","anchor":{"spans":[{"utf8":{"start":5,"end":8},"utf16":{"start":3,"end":6},"codePoints":{"start":2,"end":5},"quote":"Ada"},{"utf8":{"start":13,"end":16},"utf16":{"start":11,"end":14},"codePoints":{"start":10,"end":13},"quote":"Bob"}]},"attributes":{"b":{"boolValue":false},"d":{"doubleValue":0.1},"i":{"intValue":"9007199254740993"},"l":{"stringList":{"values":["x",""]}},"s":{"stringValue":"é"}},"note":"n","score":0.25,"state":"STATE_SUGGESTED","anchoring":{"result":"ANCHORING_RESULT_SHIFTED","similarity":1.0,"fromTextRevision":1,"needsReview":false},"derivedFrom":["projects/p/articles/a/annotations/0190163d-8694-739b-aea5-966c26f8ad99"],"createTime":"2026-11-25T12:00:00Z","updateTime":"2026-11-25T12:30:00Z"}}"#,
    r#"{"annotation":{"id":"0190163d-8694-739b-aea5-966c26f8ad92","layer":"alice","label":"gone","anchor":{"spans":[{"utf8":{"start":5,"end":8},"utf16":{"start":3,"end":6},"codePoints":{"start":2,"end":5},"quote":"Ada"}]},"state":"STATE_REJECTED","anchoring":{"result":"ANCHORING_RESULT_ORPHANED","similarity":0.0,"fromTextRevision":1,"needsReview":true},"textRevision":1,"createTime":"2026-11-25T12:00:00Z"}}"#,
    r#"{"annotation":{"id":"0190163d-8694-739b-aea5-966c26f8ad93","layer":"default","label":"meets","relation":{"arguments":[{"role":"who","annotation":"0190163d-8694-739b-aea5-966c26f8ad91"}]}}}"#,
    r#"{"annotation":{"id":"0190163d-8694-739b-aea5-966c26f8ad94","layer":"default","label":"letter","article":{}}}"#,
];

#[test]
fn everything_comes_out_as_it_went_in() {
    let read = read_lines(EVERYTHING);
    assert_eq!(read.problems, [""; 0]);
    let mut described = project();
    described.details = read.project.clone().unwrap();
    described.schema.clone_from(&read.schema);
    described.layers.clone_from(&read.layers);
    let written = write_project(Format::Native, &described, read.contents());
    let lines: Vec<String> = written.text("p.jsonl").lines().map(without_hash).collect();
    assert_eq!(lines, EVERYTHING);
    assert_eq!(written.lost(), [""; 0]);
}

/// Lines without the hash of the text, which nobody writes by hand.
fn without_hash(line: &str) -> String {
    match line.split_once("\"textSha256\":\"") {
        Some((before, after)) => [before, after.split_at(66).1].concat(),
        None => line.to_owned(),
    }
}

#[test]
fn every_cut_of_a_file_is_read_as_far_as_it_goes_or_refused() {
    let whole = EVERYTHING.join("\n");
    for cut in (0..whole.len()).filter(|cut| whole.is_char_boundary(*cut)) {
        let (beginning, _) = whole.split_at(cut);
        let read = read(Format::Native, &[("p.jsonl", beginning)]);
        let at_line_end = beginning.is_empty()
            || EVERYTHING.iter().any(|line| beginning.ends_with(line))
            || beginning.ends_with('\n');
        assert!(at_line_end || !read.problems.is_empty(), "{cut}");
    }
}

#[test]
fn local_names_are_kept() {
    let before = read_lines(&[
        ARTICLE,
        r#"{"annotation":{"id":"T1","label":"PER","anchor":{"spans":[{"quote":"Ada"}]}}}"#,
        r#"{"annotation":{"id":"R1","label":"is","relation":{"arguments":[{"annotation":"T1"}]}}}"#,
    ]);
    let written = write(Format::Native, before.contents());
    let again = read(Format::Native, &written.as_files());
    assert_eq!(again.problems, [""; 0]);
    let ids = |read: &Read| {
        read.contents()
            .flat_map(|it| it.annotations.iter().map(|it| it.id).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&before), ids(&again));
}

/// A span of a text, in one unit or in all of them.
fn span_of(text: &Text, ends: [usize; 2], way: u8) -> Value {
    let count = text.as_str().chars().count();
    let mut ends = ends.map(|end| u32::try_from(end % (count + 1)).unwrap());
    ends.sort_unstable();
    let [start, end] = ends.map(|end| text.position(Unit::CodePoints, end).unwrap());
    let range = |unit: Unit| json!({"start": start.in_unit(unit), "end": end.in_unit(unit)});
    match way % 4 {
        0 => json!({"utf8": range(Unit::Utf8)}),
        1 => json!({"utf16": range(Unit::Utf16)}),
        2 => json!({"codePoints": range(Unit::CodePoints)}),
        _ => {
            json!({"utf8": range(Unit::Utf8), "utf16": range(Unit::Utf16), "codePoints": range(Unit::CodePoints)})
        }
    }
}

prop_compose! {
    fn annotations(text: String)(
        spans in prop::collection::vec((any::<[u16; 2]>(), any::<u8>(), "[A-Za-zé]{1,3}"), 0..6),
        is_one in any::<bool>(),
        number in any::<i64>(),
        double in any::<f64>().prop_filter("JSON has it", |it| it.is_finite()),
        strings in prop::collection::vec("\\PC{0,3}", 0..3),
        note in "[a-z\n]{0,5}",
        score in prop::option::of(0.0..=1.0),
        state in prop::sample::select(vec!["STATE_SUGGESTED", "STATE_ACCEPTED", "STATE_REJECTED"]),
        micros in prop::option::of(1_i64..4_000_000_000_000_000),
    ) -> Vec<String> {
        let text = Text::new(text.as_str());
        // Now and then, all ranges count the same.
        let way = |way: u8| if is_one { 1 } else { way };
        let mut lines: Vec<Value> = spans.iter().enumerate().map(|(index, (ends, unit, label))| {
            let anchor = json!({"spans": [span_of(&text, ends.map(usize::from), way(*unit))]});
            json!({"id": format!("T{index}"), "label": label, "anchor": anchor})
        }).collect();
        if let Some(first) = lines.first_mut() {
            first["attributes"] = json!({
                "i": {"intValue": number.to_string()}, "d": {"doubleValue": double}, "l": {"stringList": {"values": strings}},
            });
            first["note"] = json!(note);
            first["score"] = json!(score);
            first["state"] = json!(state);
            if let Some(micros) = micros {
                first["createTime"] = json!(Timestamp(micros).to_string());
            }
            lines.push(json!({"id": "R1", "label": "is", "relation": {"arguments": [{"role": "of", "annotation": "T0"}]}}));
        }
        lines.push(json!({"id": "D1", "label": "letter", "article": {}}));
        lines.iter().map(|line| json!({"annotation": line}).to_string()).collect()
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back_equal(
        (text, annotations) in "[a-z é😀\n]{0,12}".prop_flat_map(|text| (Just(text.clone()), annotations(text))),
    ) {
        let mut lines = vec![json!({"article": {"id": "a", "text": text}}).to_string()];
        lines.extend(annotations);
        let before = read(Format::Native, &[("a.jsonl", lines.join("\n"))]);
        prop_assert_eq!(&before.problems, &[""; 0]);
        let written = write(Format::Native, before.contents());
        prop_assert_eq!(written.lost(), [""; 0]);
        let after = read(Format::Native, &written.as_files());
        prop_assert_eq!(&after.problems, &[""; 0]);
        let article = |read: &Read| {
            let article = read.contents().next().unwrap();
            (article.details.clone(), article.text.as_str().to_owned(), article.annotations.clone())
        };
        prop_assert_eq!(article(&before), article(&after));
        prop_assert_eq!(before.articles[0].article.annotations.len(), lines.len() - 1);
        prop_assert_eq!(&write(Format::Native, after.contents()).files, &written.files);
    }
}

/// Annotations of an article whose line was refused became annotations of the one before.
#[test]
fn what_follows_a_refused_article_is_not_of_the_one_before() {
    let whole = r#"{"annotation":{"label":"letter","article":{}}}"#;
    for refused in [r#"{"article":{"id":"b","text":"x","unknown":1}}"#, r#"{"article":{"id":"b""#] {
        let read = read_lines(&[ARTICLE, whole, refused, whole]);
        assert_eq!(read.articles[0].article.annotations.len(), 1);
        assert_eq!(read.problems.len(), 2, "{:?}", read.problems);
    }
}
