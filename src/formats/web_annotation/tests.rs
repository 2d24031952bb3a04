use crate::formats::{
    Format,
    exchange::testing::{read, write},
};

const NATIVE: &str = r#"{"article":{"id":"a","text":"😀 Ada met\nBob."}}
{"annotation":{"id":"0190163d-8694-739b-aea5-966c26f8ad91","layer":"alice","label":"PER","anchor":{"spans":[{"quote":"Ada"},{"quote":"Bob"}]},"note":"two\nlines","score":0.5,"state":"STATE_SUGGESTED","attributes":{"b":{"boolValue":true},"l":{"stringList":{"values":["x"]}}},"createTime":"2026-11-25T12:00:00Z"}}
{"annotation":{"id":"0190163d-8694-739b-aea5-966c26f8ad92","layer":"alice","label":"PER","anchor":{"spans":[{"quote":"Bob"}]}}}
{"annotation":{"id":"0190163d-8694-739b-aea5-966c26f8ad93","layer":"alice","label":"meets","relation":{"arguments":[{"role":"who","annotation":"0190163d-8694-739b-aea5-966c26f8ad91"},{"annotation":"0190163d-8694-739b-aea5-966c26f8ad92"}]},"state":"STATE_REJECTED"}}
{"annotation":{"id":"0190163d-8694-739b-aea5-966c26f8ad94","layer":"default","label":"letter","article":{}}}
"#;

#[test]
fn everything_that_it_carries_comes_back() {
    let native = read(Format::Native, &[("p.jsonl", NATIVE)]);
    let written = write(Format::WebAnnotation, native.contents());
    assert_eq!(written.lost(), [""; 0]);
    let again = read(Format::WebAnnotation, &written.as_files());
    assert_eq!(again.problems, [""; 0]);
    let mut before: Vec<_> = native.articles[0].article.annotations.clone();
    let mut after: Vec<_> = again.articles[0].article.annotations.clone();
    before.sort_by_key(|annotation| annotation.id);
    after.sort_by_key(|annotation| annotation.id);
    assert_eq!(before, after);
    assert_eq!(written.text("a.txt"), "😀 Ada met\nBob.");
}

fn check(annotation: &str, expected: Result<(&str, &str), &str>) {
    let read = read(
        Format::WebAnnotation,
        &[("a.jsonld", annotation), ("a.txt", "😀 Ada met Bob, and Bob met Eve.")],
    );
    match expected {
        Ok((label, quote)) => {
            assert_eq!(read.problems, [""; 0]);
            let annotation = &read.articles[0].article.annotations[0];
            let covered = annotation.target.mention().map_or(String::new(), |it| it.quotes.join("|"));
            assert_eq!((annotation.label.as_str(), covered.as_str()), (label, quote));
        }
        Err(problem) => assert!(read.problems[0].contains(problem), "{:?}", read.problems),
    }
}

#[test]
fn what_others_write_is_read() {
    let with = |selector: &str| {
        format!(
            r#"{{"@context":"http://www.w3.org/ns/anno.jsonld","type":"Annotation","body":{{"type":"TextualBody","value":"PER","purpose":"tagging"}},"target":{{"source":"http://example.org/a","selector":{selector}}}}}"#
        )
    };
    check(&with(r#"{"type":"TextPositionSelector","start":2,"end":5}"#), Ok(("PER", "Ada")));
    check(&with(r#"{"type":"TextQuoteSelector","exact":"Bob","prefix":"and "}"#), Ok(("PER", "Bob")));
    check(&with(r#"{"type":"TextQuoteSelector","exact":"Bob"}"#), Err("stands 2 times"));
    check(
        &with(
            r#"[{"type":"TextPositionSelector","start":3,"end":6},{"type":"TextQuoteSelector","exact":"Ada"}]"#,
        ),
        Err("fits the quote in utf16"),
    );
    check(&with(r#"{"type":"XPathSelector","value":"/p"}"#), Err("its selector is a \"XPathSelector\""));
    check(&with(r#"{"type":"TextPositionSelector","start":3}"#), Err("has no end"));
    check(
        r#"{"type":"Annotation","bodyValue":"nice","motivation":"commenting","target":"http://example.org/a"}"#,
        Ok(("commenting", "")),
    );
    check(r#"{"type":"Note","target":"x"}"#, Err("its type is \"Note\"; it is Annotation"));
    check(r#"{"type":"Annotation"}"#, Err("has no target"));
    check(r#"{"type":"Annotation","#, Err("a.jsonld:1: is not JSON"));
    check("3", Err("is a number; it is an annotation, a page or an array of them"));
}

#[test]
fn annotations_without_their_text_are_refused() {
    let read = read(Format::WebAnnotation, &[("a.jsonld", r#"{"type":"Annotation","target":"x"}"#)]);
    assert!(
        read.problems[0].starts_with("a.jsonld: has no text: a Web Annotation does not hold it"),
        "{:?}",
        read.problems
    );
}
