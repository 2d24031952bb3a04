#![allow(clippy::string_slice, reason = "a slice off a boundary fails the test")]

use serde_json::Value;

use crate::formats::{
    Format,
    exchange::testing::{read, write},
};

/// A line comes out as it went in.
fn check(line: &str) {
    let read = read(Format::Prodigy, &[("a.jsonl", line)]);
    assert_eq!(read.problems, [""; 0], "{line}");
    let written = write(Format::Prodigy, read.contents());
    let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(value(written.text("p.jsonl")), value(line));
}

const TOKENS: &str = r#""tokens":[{"text":"😀","start":0,"end":1,"id":0,"ws":true},{"text":"Ada","start":2,"end":5,"id":1,"ws":true},{"text":"met","start":6,"end":9,"id":2,"ws":true},{"text":"Bob","start":10,"end":13,"id":3,"ws":false}]"#;

#[test]
fn every_kind_of_task_comes_out_as_it_went_in() {
    let text = r#""text":"😀 Ada met Bob","meta":{"section":"x"},"_input_hash":-9,"_task_hash":1"#;
    check(&format!(
        r#"{{{text},{TOKENS},"spans":[{{"start":2,"end":5,"token_start":1,"token_end":1,"label":"PER"}}],"answer":"accept"}}"#
    ));
    check(&format!(
        r#"{{{text},{TOKENS},"spans":[{{"start":2,"end":9,"token_start":1,"token_end":2,"label":"PER","text":"Ada met","source":"m","input_hash":3}}],"answer":"reject"}}"#
    ));
    check(&format!(
        r#"{{{text},"spans":[{{"start":2,"end":5,"label":"PER","score":0.5}}],"_annotator_id":"alice","answer":"ignore"}}"#
    ));
    check(&format!(r#"{{{text},"label":"GREETING","answer":"reject"}}"#));
    check(&format!(
        r#"{{{text},"options":[{{"id":"a","text":"A"}},{{"id":"b","text":"B"}}],"accept":["a"],"answer":"accept"}}"#
    ));
    check(&format!(r#"{{{text},"spans":[],"answer":"reject"}}"#));
    check(&format!(
        r#"{{{text},{TOKENS},"spans":[{{"start":2,"end":5,"token_start":1,"token_end":1,"label":"PER"}}],"relations":[{{"head":1,"child":3,"head_span":{{"start":2,"end":5,"token_start":1,"token_end":1,"label":"PER"}},"child_span":{{"start":10,"end":13,"token_start":3,"token_end":3,"label":"Token"}},"label":"meets"}}],"answer":"accept"}}"#
    ));
}

#[test]
fn what_is_wrong_is_refused_alone() {
    let check = |line: &str, problem: &str, annotations: usize| {
        let read = read(Format::Prodigy, &[("a.jsonl", line)]);
        assert!(read.problems[0].starts_with(&format!("a.jsonl:1: {problem}")), "{:?}", read.problems);
        assert_eq!(read.contents().flat_map(|it| &it.annotations).count(), annotations);
    };
    check(r#"{"spans":[]}"#, "has no text", 0);
    check(r#"{"text":"ab","spans":{}}"#, "spans is an object; it is an array", 0);
    check(
        r#"{"text":"ab","spans":[{"start":0,"label":"X"},{"start":0,"end":1,"label":"X"}]}"#,
        "spans[0]: has no end",
        1,
    );
    check(r#"{"text":"ab","spans":[{"start":0,"end":1,"text":"b","label":"X"}]}"#, "s0.spans[0].quote", 0);
    check(
        r#"{"text":"ab","relations":[{"head":0,"child":1,"label":"X"}]}"#,
        "relations[0]: its head is neither",
        0,
    );
}

#[test]
fn every_cut_is_refused() {
    let line =
        format!(r#"{{"text":"😀 Ada met Bob",{TOKENS},"spans":[{{"start":2,"end":5,"label":"PER"}}]}}"#);
    for cut in (1..line.len()).filter(|cut| line.is_char_boundary(*cut)) {
        assert!(!read(Format::Prodigy, &[("a.jsonl", &line[..cut])]).problems.is_empty(), "{cut}");
    }
}
