use crate::formats::{
    Format,
    exchange::testing::{project, read, write, write_project},
};

const ARTICLE: &str = r#"{"article":{"id":"a","text":"😀 Ada met Bob"}}"#;

fn read_lines(lines: &[&str]) -> crate::formats::exchange::testing::Read {
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
        Some((before, after)) => [before, &after[66..]].concat(),
        None => line.to_owned(),
    }
}

#[test]
fn every_cut_of_a_file_is_read_as_far_as_it_goes_or_refused() {
    let whole = EVERYTHING.join("\n");
    for cut in (0..whole.len()).filter(|cut| whole.is_char_boundary(*cut)) {
        let read = read(Format::Native, &[("p.jsonl", &whole[..cut])]);
        let at_line_end = whole[..cut].is_empty()
            || EVERYTHING.iter().any(|line| whole[..cut].ends_with(line))
            || whole[..cut].ends_with('\n');
        assert!(at_line_end || !read.problems.is_empty(), "{cut}");
    }
}

#[test]
fn local_names_are_kept() {
    let read = read_lines(&[
        ARTICLE,
        r#"{"annotation":{"id":"T1","label":"PER","anchor":{"spans":[{"quote":"Ada"}]}}}"#,
        r#"{"annotation":{"id":"R1","label":"is","relation":{"arguments":[{"annotation":"T1"}]}}}"#,
    ]);
    let written = write(Format::Native, read.contents());
    let again = crate::formats::exchange::testing::read(Format::Native, &written.as_files());
    assert_eq!(again.problems, [""; 0]);
    let ids = |read: &crate::formats::exchange::testing::Read| {
        read.contents()
            .flat_map(|it| it.annotations.iter().map(|it| it.id).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&read), ids(&again));
}
