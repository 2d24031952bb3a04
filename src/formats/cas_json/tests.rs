//! What is read of files, and what is written.

#![allow(clippy::string_slice, reason = "a slice off a boundary fails the test")]

use serde_json::Value;

use crate::formats::{
    Format,
    cas::testing::{check_everything, said},
    exchange::testing::{read, write},
};

const FILE: &str = r#"{"%TYPES": {
"webanno.custom.Span": {"%NAME": "webanno.custom.Span", "%SUPER_TYPE": "uima.tcas.Annotation",
  "weight": {"%NAME": "weight", "%RANGE": "uima.cas.Double"}, "tags": {"%NAME": "tags", "%RANGE": "uima.cas.StringArray"},
  "other": {"%NAME": "other", "%RANGE": "webanno.custom.Span"}},
"webanno.custom.Relation": {"%NAME": "webanno.custom.Relation", "%SUPER_TYPE": "uima.tcas.Annotation",
  "Governor": {"%NAME": "Governor", "%RANGE": "uima.tcas.Annotation"}, "Dependent": {"%NAME": "Dependent", "%RANGE": "uima.tcas.Annotation"}}},
"%FEATURE_STRUCTURES": [
{"%ID": 1, "%TYPE": "uima.cas.Sofa", "sofaNum": 1, "sofaID": "_InitialView", "mimeType": "text", "sofaString": "😀 one two"},
{"%ID": 2, "%TYPE": "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity", "@sofa": 1, "begin": 3, "end": 6, "value": "PER"},
{"%ID": 3, "%TYPE": "webanno.custom.Span", "@sofa": 1, "begin": 7, "end": 10, "weight": 1, "@tags": 5, "@other": 4},
{"%ID": 4, "%TYPE": "webanno.custom.Span", "@sofa": 1, "begin": 0, "end": 0, "certain": true, "count": 3},
{"%ID": 5, "%TYPE": "uima.cas.StringArray", "%ELEMENTS": ["a", "b c"]},
{"%ID": 6, "%TYPE": "webanno.custom.Relation", "@sofa": 1, "begin": 7, "end": 10, "@Governor": 2, "@Dependent": 3}],
"%VIEWS": {"_InitialView": {"%SOFA": 1, "%MEMBERS": [2, 3, 4, 6]}}}"#;

#[test]
fn everything_is_read_and_comes_back() {
    let one = read(Format::CasJson, &[("a/b.json", FILE)]);
    assert_eq!((one.problems.as_slice(), one.lost().as_slice()), (&[][..], &[][..]));
    let article = one.contents().next().unwrap();
    assert_eq!((article.id.as_str(), article.text.as_str()), ("a~b", "😀 one two"));
    assert_eq!(
        said(article),
        [
            "PER 3-6 {}",
            "webanno.custom.Relation Governor=2,Dependent=3 {}",
            "webanno.custom.Span 0-0 {\"certain\": Bool(true), \"count\": Int(3)}",
            "webanno.custom.Span 7-10 {\"tags\": StringList([\"a\", \"b c\"]), \"weight\": Double(1.0)}",
            "webanno.custom.Span:other owner=3,=4 {}",
        ]
    );
    let written = write(Format::CasJson, one.contents());
    assert_eq!(written.lost(), [""; 0]);
    let two = read(Format::CasJson, &written.as_files());
    assert_eq!(two.problems, [""; 0]);
    assert_eq!(said(two.contents().next().unwrap()), said(article));
    let value: Value = serde_json::from_str(written.text("a/b.json")).unwrap();
    assert_eq!(value["%VIEWS"]["_InitialView"]["%MEMBERS"].as_array().unwrap().len(), 5);
}

#[test]
fn whatever_is_written_reads_back() {
    check_everything(Format::CasJson);
}

#[test]
fn what_is_wrong_is_refused() {
    let check = |text: &str, expected: &str| {
        assert_eq!(read(Format::CasJson, &[("a.json", text)]).problems, [expected]);
    };
    check("[1]", "a.json:1: is an array; a CAS is an object");
    check("{\"text\": \"x\"}", "a.json:1: has none of %TYPES, %FEATURE_STRUCTURES, %VIEWS; is it a CAS?");
    check(
        "{\"%FEATURE_STRUCTURES\": [{\"%ID\": 1}]}",
        "a.json:1: %FEATURE_STRUCTURES[0] is no object with a number as %ID and a %TYPE",
    );
}

#[test]
fn every_cut_is_refused() {
    for cut in (1..FILE.len()).filter(|cut| FILE.is_char_boundary(*cut)) {
        let read = read(Format::CasJson, &[("a.json", &FILE[..cut])]);
        assert_eq!((read.problems.len(), read.articles.len()), (1, 0), "{cut}");
    }
}
