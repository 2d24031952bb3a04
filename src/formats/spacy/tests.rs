#![allow(clippy::string_slice, reason = "a slice off a boundary fails the test")]

use serde_json::Value;

use crate::formats::{
    Format,
    exchange::testing::{Read, read, write},
};

fn check(line: &str) {
    let read = read(Format::Spacy, &[("a.jsonl", line)]);
    assert_eq!(read.problems, [""; 0], "{line}");
    let written = write(Format::Spacy, read.contents());
    let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(value(written.text("p.jsonl")), value(line));
}

#[test]
fn documents_come_out_as_they_went_in() {
    check(
        r#"{"text":"Ada met Bob","ents":[{"start":0,"end":3,"label":"PER","kb_id":"Q7259"}],"tokens":[{"id":0,"start":0,"end":3},{"id":1,"start":4,"end":7},{"id":2,"start":8,"end":11}]}"#,
    );
    check(
        r#"{"text":"😀 Ada met","ents":[],"sents":[{"start":0,"end":9}],"cats":{"letter":1.0,"note":0.25},"tokens":[{"id":0,"start":0,"end":1,"tag":"SYM","head":1},{"id":1,"start":2,"end":5,"tag":"NNP","head":2},{"id":2,"start":6,"end":9,"tag":"VBD","head":2}]}"#,
    );
    check(
        r#"{"text":"Ada met","ents":[{"start":0,"end":3,"label":"PER"}],"spans":{"errors":[{"start":0,"end":3,"label":"E"}],"sc":[{"start":0,"end":7,"label":"S"}]},"tokens":[{"id":0,"start":0,"end":3},{"id":1,"start":4,"end":7}]}"#,
    );
}

fn said(read: &Read) -> Vec<(String, String)> {
    let annotations = read.contents().flat_map(|article| &article.annotations);
    let said = annotations.filter(|annotation| annotation.label.as_str() != "Token");
    said.map(|it| (it.label.to_string(), it.target.mention().map_or(String::new(), |it| it.quotes.join("|"))))
        .collect()
}

#[test]
fn files_for_training_are_read() {
    let tuples = r#"[["😀 Ada met", {"entities": [[2, 5, "PER"]], "cats": {"x": 1}}]]"#;
    let tuples = read(Format::Spacy, &[("a.json", tuples)]);
    assert_eq!(said(&tuples), [("PER".to_owned(), "Ada".to_owned()), ("x".to_owned(), String::new())]);
    let old = r#"[{"id":0,"paragraphs":[{"raw":"é Ada  Lovelace met.","sentences":[{"tokens":[{"orth":"é","ner":"O"},{"orth":"Ada","tag":"NNP","ner":"B-PER"},{"orth":"Lovelace","ner":"L-PER"},{"orth":"met","ner":"U-X"},{"orth":".","ner":"O"}]}]}]}]"#;
    let old = read(Format::Spacy, &[("a.json", old)]);
    assert_eq!(old.problems, [""; 0]);
    assert_eq!(
        said(&old),
        [
            ("PER".to_owned(), "Ada  Lovelace".to_owned()),
            ("X".to_owned(), "met".to_owned()),
            ("Sentence".to_owned(), "é Ada  Lovelace met.".to_owned())
        ]
    );
}

#[test]
fn what_is_wrong_is_refused_alone() {
    let check = |line: &str, problem: &str| {
        let read = read(Format::Spacy, &[("a.jsonl", line)]);
        assert!(read.problems[0].starts_with(&format!("a.jsonl:1: {problem}")), "{:?}", read.problems);
    };
    check(r#"{"ents":[]}"#, "has no text");
    check(r#"{"text":"ab","ents":[{"start":0,"label":"X"}]}"#, "ents[0]: has no end");
    check(r#"{"text":"ab","ents":[{"start":0,"end":1,"label":""}]}"#, "ents[0]: its label is empty");
    check(
        r#"{"paragraphs":[{"raw":"ab","sentences":[{"tokens":[{"orth":"x"}]}]}]}"#,
        "paragraphs[0]: its text has no \"x\"",
    );
}

#[test]
fn every_cut_is_refused() {
    let line = r#"{"text":"😀 Ada","ents":[{"start":2,"end":5,"label":"PER"}],"tokens":[{"id":0,"start":0,"end":1}]}"#;
    for cut in (1..line.len()).filter(|cut| line.is_char_boundary(*cut)) {
        assert!(!read(Format::Spacy, &[("a.jsonl", &line[..cut])]).problems.is_empty(), "{cut}");
    }
}
