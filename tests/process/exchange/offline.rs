//! What needs no server.

use super::{ADA, BOB, fed, lines};
use crate::command::{names, spandrel, text};

#[test]
fn files_are_converted_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| text(&folder.path().join(name)).to_owned();
    std::fs::write(at("a.jsonl"), ADA).unwrap();
    std::fs::write(at("b.jsonl"), BOB).unwrap();
    let (out, said) = spandrel(
        0,
        &["convert", &at("a.jsonl"), &at("b.jsonl"), "--to", "native", "--output", &at("c.jsonl")],
    );
    assert!(out.starts_with("converted 2 articles and 4 annotations from Spandrel JSON lines to "), "{out}");
    assert!(!out.contains("not read") && !out.contains("cannot carry"), "{out}");
    assert_eq!(said, "reads as Spandrel JSON lines; say --from to read it otherwise\n");
    let converted = std::fs::read_to_string(at("c.jsonl")).unwrap();
    // What was written is read as what it is, and stays the same.
    let (out, said) = spandrel(0, &["convert", &at("c.jsonl"), "--from", "native", "--to", "native"]);
    assert_eq!(out, converted);
    assert!(said.starts_with("converted 2 articles and 4 annotations"), "{said}");
    let (out, _) = fed(0, &["convert", "-", "--to", "native"], converted.as_bytes());
    assert_eq!(out, converted);
}

#[test]
fn what_is_refused_is_told_and_the_rest_is_converted() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| text(&folder.path().join(name)).to_owned();
    // The same article again, and a record that is cut off.
    std::fs::write(at("a.jsonl"), BOB.to_owned() + BOB + r#"{"article":{"id":"#).unwrap();
    let (out, said) = spandrel(1, &["convert", &at("a.jsonl"), "--to", "native", "-o", &at("b.jsonl")]);
    assert!(out.starts_with("converted 1 article and 1 annotation from "), "{out}");
    assert!(out.contains("\n  2 records refused\n"), "{out}");
    assert!(said.contains("a.jsonl:3: RECORD_INVALID: the article bob is there twice"), "{said}");
    assert!(said.contains("a.jsonl:5: RECORD_INVALID: is not JSON"), "{said}");
    assert_eq!(names(folder.path()), ["a.jsonl", "b.jsonl"]);
    let (out, _) =
        spandrel(1, &["convert", &at("a.jsonl"), "--to", "native", "-o", &at("c.jsonl"), "--json"]);
    let events = lines(&out);
    assert_eq!(events.len(), 3);
    let summary = &events[2]["summary"];
    assert_eq!((&summary["records"], &summary["failed"]), (&"2".into(), &"2".into()));
    let (_, said) = spandrel(1, &["convert", &at("a.jsonl"), "--to", "native", "-o", &at("b.jsonl")]);
    assert!(said.contains("exists; name another file"), "{said}");
    let (_, said) = spandrel(2, &["convert", &at("a.jsonl"), "--to", "parquet"]);
    assert!(said.contains("say where with --output FOLDER"), "{said}");
}

#[test]
fn formats_are_listed() {
    let (out, _) = spandrel(0, &["formats"]);
    assert!(out.starts_with("FORMAT ") && out.contains("\nbrat ") && out.contains("code points"), "{out}");
    let (out, _) = spandrel(0, &["formats", "native"]);
    assert!(
        out.starts_with("native  Spandrel JSON lines\n") && out.ends_with("loses         nothing\n"),
        "{out}"
    );
    let (out, _) = spandrel(0, &["formats", "--json"]);
    let formats = lines(&out);
    assert_eq!((formats.len(), &formats[0]["id"]), (15, &"native".into()));
    let readme = include_str!("../../../README.md");
    for format in &formats {
        let id = format["id"].as_str().unwrap();
        assert!(readme.contains(&format!("| `{id}`")) || readme.contains(&format!("· `{id}` |")), "{id}");
    }
    assert!(formats[3]["carries"].is_array() && formats[3]["unit"] == "OFFSET_UNIT_CODE_POINTS", "{out}");
}
