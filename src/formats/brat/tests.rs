#![allow(clippy::string_slice, reason = "a slice off a boundary fails the test")]

use crate::formats::{
    Format,
    exchange::testing::{read, write},
};

const TEXT: &str = "😀 Ada met\nBob in Kyoto";
const LINES: &str = "T1\tPER 2 5\tAda\nA1\tCertain T1\n#1\tAnnotatorNotes T1\ta countess\nN1\tReference T1 Wikipedia:974\tAda Lovelace\nT2\tPER 10 13\tBob\nT3\tMeeting 6 9\tmet\nE1\tMeeting:T3 Who:T1 Whom:T2\nA2\tManner E1 Warm\nR1\tKnows Arg1:T1 Arg2:T2\t\nR2\tKnows Arg1:T2 Arg2:T1\t\n*\tAlias T1 T2\nT4\tPLACE 6 9;14 22\tmet in Kyoto\n";

/// The pair of files comes out as it went in.
fn check(text: &str, lines: &str) {
    let read = read(Format::Brat, &[("news/a.ann", lines), ("news/a.txt", text)]);
    assert_eq!(read.problems, [""; 0], "{lines}");
    let written = write(Format::Brat, read.contents());
    assert_eq!((written.text("news/a.txt"), written.text("news/a.ann")), (text, lines));
    assert_eq!(written.lost(), [""; 0]);
}

#[test]
fn files_come_out_byte_for_byte() {
    check(TEXT, LINES);
    check(TEXT, "");
    check(
        "\u{feff}Ada\r\nmet",
        "T1\tPER 1 4\tAda\nT2\tX 4 9\t  met\n".replace("4 9", "4 8").replace("  met", "  me").as_str(),
    );
    check(TEXT, "T1\tPER 2 5\tAda\r\nT2\tPER 10 13\tBob");
    check(TEXT, "T2\tPER 2 5\tAda\nT10\tPER 2 5\tAda\n");
    // Old files, and those that were edited by hand.
    check(
        TEXT,
        "A7\tCertain T1\nT1\tPER 2 5\tAda\nM3\tNegated T1\n#2\tRemark T1\tone\n#1\tAnnotatorNotes T1\ttwo: three\n",
    );
    check(TEXT, "T4\tPLACE 6 9;14 22\tmet ... in Kyoto\n");
    check("a\tb", "T1\tX 0 3\ta\tb\n");
}

#[test]
fn texts_and_annotations_find_each_other() {
    let names = |files: &[(&str, &str)]| {
        let read = read(Format::Brat, files);
        let counts = read.contents().map(|it| format!("{}: {}", it.id, it.annotations.len()));
        (counts.collect::<Vec<_>>(), read.problems)
    };
    let line = "T1\tPER 0 1\tA\n";
    assert_eq!(
        names(&[("a.txt", "A"), ("a.ann", line), ("b.txt", "B")]),
        (vec!["a: 1".to_owned(), "b: 0".to_owned()], vec![])
    );
    assert_eq!(
        names(&[("a.ann", line), ("b.ann", line), ("a.txt", "A"), ("b.txt", "A")]).0,
        ["a: 1", "b: 1"]
    );
    let (articles, problems) = names(&[("a.txt", "A"), ("b.txt", "B"), ("a.ann", line)]);
    assert_eq!(
        (articles.as_slice(), problems.as_slice()),
        (
            &["a: 0".to_owned(), "b: 0".to_owned()][..],
            &["a.ann: has no text: a.txt did not come, or came before others did".to_owned()][..]
        )
    );
}

#[test]
fn what_is_wrong_is_refused_with_its_line() {
    let check = |lines: &str, problem: &str| {
        let read = read(
            Format::Brat,
            &[("a.ann", format!("T1\tPER 2 5\tAda\n{lines}")), ("a.txt", TEXT.to_owned())],
        );
        assert!(read.problems[0].starts_with(problem), "{:?}", read.problems);
        assert_eq!(read.articles[0].article.annotations.len(), 1);
    };
    check("T2\tPER 2 5\tEve\n", "a.ann:2: T2.quote: is \"Eve\", and the range covers \"Ada\"");
    check(
        "T2\tPER 3 6\tAda\n",
        "a.ann:2: T2.quote: is \"Ada\", and the range covers \"da \"; this range fits the quote in utf16",
    );
    check("T2\tPER 2 500\tAda\n", "a.ann:2: T2.spans[0].code_points.end");
    check("T1\tPER 2 5\tAda\n", "a.ann:2: T1: is there twice");
    check("R1\tKnows Arg1:T1 Arg2:T9\n", "a.ann:2: R1.relation.arguments[1]: is \"T9\", which is not there");
    check("X1\tPER\n", "a.ann:2: \"X1\\tPER\" is not as brat writes it");
    check("A1\tCertain T9\n", "a.ann:2: A1\tCertain T9 is about T9, which is not there");
    check("A1\tCertain T1\nA2\tCertain T1 x\n", "a.ann:3: T1 has the attribute Certain already");
    let latin = read(Format::Brat, &[("a.txt", &b"caf\xe9"[..])]);
    assert!(
        latin.problems[0].starts_with("a.txt:1: is not UTF-8: the byte 0xE9 at byte 4"),
        "{:?}",
        latin.problems
    );
}

#[test]
fn a_configuration_is_a_schema_and_tells_roles() {
    let configuration =
        "[entities]\nPER\n[relations]\n[events]\nMeeting Who:PER, Whom*:PER\n[attributes]\nCertain Arg:PER\n";
    let lines = "T1\tPER 2 5\tAda\nT2\tPER 10 13\tBob\nT3\tMeeting 6 9\tmet\nE1\tMeeting:T3 Who:T1 Whom:T2 Whom2:T1\n";
    let files = [("annotation.conf", configuration), ("a.ann", lines), ("a.txt", TEXT)];
    let read = read(Format::Brat, &files);
    assert_eq!(read.problems, [""; 0]);
    assert!(read.schema.is_some());
    let event = &read.articles[0].article.annotations[3];
    let roles: Vec<_> = event.target.arguments().iter().map(|argument| argument.role.as_str()).collect();
    assert_eq!(roles, ["trigger", "Who", "Whom", "Whom"]);
    assert_eq!(write(Format::Brat, read.contents()).text("a.ann"), lines);
}

#[test]
fn every_cut_is_read_as_far_as_it_goes_or_refused() {
    for cut in (0..LINES.len()).filter(|cut| LINES.is_char_boundary(*cut)) {
        let read = read(Format::Brat, &[("a.ann", &LINES[..cut]), ("a.txt", TEXT)]);
        assert_eq!(read.articles.len(), 1);
    }
}

#[test]
fn what_brat_cannot_say_is_counted() {
    let native = r#"{"article":{"id":"a","text":"Ada met Bob"}}
{"annotation":{"id":"T1","label":"PER","anchor":{"spans":[{"quote":"Ada"}]},"attributes":{"n":{"intValue":"3"},"s":{"stringValue":"two words"},"f":{"boolValue":true}},"score":0.5}}
{"annotation":{"id":"T2","label":"two words","anchor":{"spans":[{"quote":"Bob"}]}}}
{"annotation":{"id":"R1","label":"Knows","relation":{"arguments":[{"role":"a","annotation":"T1"},{"role":"b","annotation":"T2"}]}}}
{"annotation":{"label":"letter","article":{}}}
"#;
    let read = read(Format::Native, &[("p.jsonl", native)]);
    let written = write(Format::Brat, read.contents());
    assert_eq!(written.text("a.ann"), "T1\tPER 0 3\tAda\nA1\tf T1\n");
    let mut lost = written.lost();
    lost.sort();
    let spaces = "brat: labels and roles with spaces or colons, and what uses them: 2";
    assert_eq!(
        lost,
        ["article labels: 1", "attributes of other kinds: 1", spaces, "scores: 1", "string attributes: 1"]
    );
}
