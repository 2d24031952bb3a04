use proptest::prelude::*;
use serde_json::json;

use crate::formats::{
    Format,
    exchange::{
        ArticleContents,
        testing::{Read, read, write},
    },
};

/// What is read of a table, as `label start-end` or `label` of each annotation, by article and text.
fn said(read: &Read) -> Vec<(String, String, Vec<String>)> {
    let annotation = |annotation: &crate::domain::annotations::Annotation| match annotation.target.mention() {
        Some(mention) => format!("{} {}", annotation.label, mention.quotes.join("|")),
        None => annotation.label.to_string(),
    };
    let article = |article: &ArticleContents| {
        let annotations = article.annotations.iter().map(annotation).collect();
        (article.id.to_string(), article.text.as_str().to_owned(), annotations)
    };
    read.contents().map(article).collect()
}

/// An article's id, its text and what is said of it.
type Expected<'e> = (&'e str, &'e str, &'e [&'e str]);

/// A table is read as these articles with these annotations, without problems and losses.
fn check(table: &str, expected: &[Expected<'_>]) -> Read {
    let read = read(Format::Csv, &[("a.csv", table)]);
    assert_eq!((read.problems.as_slice(), read.lost()), ([""; 0].map(str::to_owned).as_slice(), vec![]));
    let expected = expected.iter().map(|(id, text, said)| {
        ((*id).to_owned(), (*text).to_owned(), said.iter().map(ToString::to_string).collect())
    });
    assert_eq!(said(&read), expected.collect::<Vec<_>>(), "{table}");
    read
}

/// Of a table so much is read, and this is said to be wrong.
fn check_wrong(table: impl AsRef<[u8]>, articles: usize, annotations: usize, problems: &[&str]) {
    let read = read(Format::Csv, &[("a.csv", table.as_ref())]);
    assert_eq!(read.problems.len(), problems.len(), "{:?}", read.problems);
    for (problem, expected) in read.problems.iter().zip(problems) {
        assert!(problem.starts_with(expected), "{problem:?} does not begin {expected:?}");
    }
    let count: usize = read.contents().map(|article| article.annotations.len()).sum();
    assert_eq!((read.articles.len(), count), (articles, annotations));
}

#[test]
fn labels_of_articles_are_read_in_every_guise() {
    let expected: &[Expected<'_>] = &[("a-1", "One, two", &["good"]), ("a-2", "Three\nfour \"x\"", &[])];
    check("text,label\n\"One, two\",good\n\"Three\nfour \"\"x\"\"\",\n", expected);
    check("\u{feff}text,label\n\"One, two\",good\n\"Three\nfour \"\"x\"\"\",", expected);
    check("label;Content\ngood;One, two\n;\"Three\nfour \"\"x\"\"\"\n", expected);
    check("label\tcolumn_data\ngood\tOne, two\n\t\"Three\nfour \"\"x\"\"\"\n", expected);
    let expected: &[Expected<'_>] = &[("a-1", "One\r\ntwo", &["good"]), ("a-2", "Three", &["bad"])];
    check("text, label\r\n\"One\r\ntwo\",good\r\nThree,bad\r\n", expected);
    check("text,label\n", &[]);
    check("", &[]);
    // Old files end lines so.
    check("text,label\rOne,good\rTwo,bad", &[("a-1", "One", &["good"]), ("a-2", "Two", &["bad"])]);
}

#[test]
fn rows_of_one_article_stand_together() {
    let expected: &[Expected<'_>] = &[("x", "Ada met Bob", &["PER Ada", "PER Bob"]), ("y", "", &[])];
    check("id,text,start,end,label\nx,Ada met Bob,0,3,PER\nx,Ada met Bob,8,11,PER\ny,,,,\n", expected);
    check(
        "doc_id,text,start_offset,end_offset,label\nx,Ada met Bob,0,3,PER\nx,,8.0,11.0,PER\ny,,,,\n",
        expected,
    );
    let expected: &[Expected<'_>] =
        &[("a-1", "Ada met Bob", &["PER Ada", "PER Bob"]), ("a-2", "Bob", &["PER Bob"])];
    check("text,begin,end,label\nAda met Bob,0,3,PER\nAda met Bob,8,11,PER\nBob,0,3,PER\n", expected);
    check("text,quote,label\nAda met Bob,Ada,PER\nAda met Bob,Bob,PER\nBob,Bob,PER\n", expected);
}

#[test]
fn other_columns_are_kept() {
    let read = check("text,label,foo\nOne,good,1.0\n,,\n", &[("a-1", "One", &["good"]), ("a-2", "", &[])]);
    let metadata = &read.articles[0].article.details.metadata;
    assert_eq!(metadata.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>(), ["foo=1.0"]);
    let read = check("text,start,end,label,foo\nOne,0,3,X,1\n", &[("a-1", "One", &["X One"])]);
    let attributes = &read.articles[0].article.annotations[0].attributes;
    assert_eq!(attributes.len(), 1);
}

#[test]
fn what_cannot_be_kept_is_counted() {
    let check = |table: &str, lost: &[&str]| {
        assert_eq!(read(Format::Csv, &[("a.csv", table)]).lost(), lost, "{table}");
    };
    check("text,label,\nOne,good,1\n", &["csv: columns without a name: 1"]);
    check("text,label,note\nOne,,why\n", &["csv: what a row says of an annotation and has none: 1"]);
    check("id,text,label,title\nx,One,a,T\nx,One,b,U\n", &["csv: what later rows say of an article: 1"]);
    check("id,text,label,foo\nx,One,a,1\nx,One,b,2\n", &["csv: cells that metadata cannot keep: 1"]);
    check(
        "text,label,attributes\nOne,a,\"{\"\"x\"\":{}}\"\n",
        &["csv: lists and objects in an attribute: 1"],
    );
}

#[test]
fn quotes_say_what_offsets_count() {
    let expected: &[Expected<'_>] = &[("a-1", "😀 Ada", &["PER Ada"])];
    for start in [2, 3, 5] {
        check(&format!("text,start,end,quote,label\n😀 Ada,{start},{},Ada,PER\n", start + 3), expected);
    }
    check("text,start,end,unit,label\n😀 Ada,3,6,utf16,PER\n", expected);
    check_wrong("text,start,end,label\n😀 Ada,2,4,PER\n", 0, 0, &["a.csv:2: unit: the ranges of"]);
}

#[test]
fn what_is_wrong_is_refused_alone_with_its_line() {
    let ragged = "a.csv:3: has 3 cells and the header 2: put cells that have commas";
    check_wrong(
        "text,label\n\"a\nb,c,d\nx\",y,z\nOne,good\n",
        1,
        1,
        &["a.csv:2: has 3 cells and the header 2"],
    );
    check_wrong("text,label\nOne,good\nTwo,a,b\nThree\nFour,x", 2, 2, &[ragged, "a.csv:4: has 1 cells"]);
    check_wrong("text,label\nOne,good\n\"Two,bad\n\n", 1, 1, &["a.csv:3: the quotes that open in this row"]);
    check_wrong(
        "a,b\n1,2\n",
        0,
        0,
        &["a.csv:1: no column is the text: call one of them one of text, content"],
    );
    check_wrong("text,start,label\na,0,X\n", 0, 0, &["a.csv:1: no column says where spans end"]);
    check_wrong(b"text,label\ncaf\xe9,x\nOne,good\n", 1, 1, &["a.csv:2: is not UTF-8: the byte 0xE9"]);
    let spans = "text,start,end,quote,label\nAda met Bob,0,2,Ada,PER\nAda met Bob,8,11,Bob,PER\n";
    check_wrong(
        spans,
        1,
        1,
        &["a.csv:2: the range 0 to 2 does not cover \"Ada\": the quote fits when the end counts"],
    );
    let spans = "text,start,end,quote,label\nAda met Bob,x,3,Ada,PER\nAda met Bob,0,3,Bob,PER\n";
    check_wrong(spans, 1, 0, &["a.csv:2: start is \"x\"; it is a whole number", "a.csv:3: "]);
    let texts = "id,text,start,end,label\nx,Ada,0,3,PER\nx,Bob,0,3,PER\n";
    check_wrong(texts, 1, 1, &["a.csv:3: has another text than the row of line 2"]);
    let apart = "id,text,start,end,label\nx,Ada,0,3,PER\ny,Bob,0,3,PER\nx,,0,1,PER\n";
    check_wrong(apart, 2, 2, &["a.csv:4: the article \"x\" has no text: its rows stand together"]);
    check_wrong(
        "text,kind,label\na,word,X\n",
        1,
        0,
        &["a.csv:2: kind is \"word\"; say span, relation or article"],
    );
    check_wrong("text,label,score\na,X,high\n", 1, 0, &["a.csv:2: score is \"high\"; it is a number"]);
    check_wrong("text,label,state\na,X,new\n", 1, 0, &["a.csv:2: state is \"new\"; say suggested"]);
    check_wrong(
        "text,label,attributes\na,X,[1]\n",
        1,
        0,
        &["a.csv:2: attributes is an array; it is a JSON object"],
    );
    check_wrong("text,label,unit\na,X,feet\n", 1, 1, &["a.csv:2: unit is \"feet\"; say code_points"]);
}

#[test]
fn every_kind_of_annotation_has_its_row() {
    let native = r#"{"article":{"id":"a","title":"T","language":"en","sourceUri":"n/a.txt","metadata":{"k":"1"},"text":"Ada,\n\"met\" Bob"}}
{"annotation":{"id":"T1","label":"PER","anchor":{"spans":[{"codePoints":{"start":0,"end":3}}]},"attributes":{"n":{"intValue":"3"},"f":{"boolValue":true}},"score":0.5}}
{"annotation":{"id":"T2","label":"WHO","anchor":{"spans":[{"codePoints":{"start":0,"end":4}},{"codePoints":{"start":11,"end":14}}]},"note":"a, b","state":"STATE_SUGGESTED"}}
{"annotation":{"id":"R1","layer":"gold","label":"Knows","relation":{"arguments":[{"role":"a:b","annotation":"T1"},{"role":"","annotation":"T2"}]}}}
{"annotation":{"label":"letter","article":{}}}
{"article":{"id":"b","text":"x"}}
"#;
    let from_native = read(Format::Native, &[("p.jsonl", native)]);
    assert_eq!(from_native.problems, [""; 0]);
    let written = write(Format::Csv, from_native.contents());
    assert_eq!(written.lost(), [""; 0]);
    let nameless =
        from_native.articles[0].article.annotations.iter().find(|it| it.label.as_str() == "letter");
    let expected = r#"article,title,language,source_uri,metadata,unit,text,annotation,layer,label,kind,start,end,quote,arguments,attributes,note,score,state,derived_from
a,T,en,n/a.txt,"{""k"":""1""}",code_points,"Ada,
""met"" Bob",T1,default,PER,span,0,3,Ada,,"{""f"":true,""n"":3}",,0.5,accepted,
a,,,,,,,T2,default,WHO,span,0;11,4;14,"Ada, Bob",,,"a, b",,suggested,
a,,,,,,,R1,gold,Knows,relation,,,,"[{""role"":""a:b"",""annotation"":""T1""},{""role"":"""",""annotation"":""T2""}]",,,,accepted,
a,,,,,,,ID,default,letter,article,,,,,,,,accepted,
b,,,,,code_points,x,,,,,,,,,,,,,
"#;
    let expected = expected.replace("ID", &nameless.unwrap().id.to_string());
    assert_eq!(written.text("p.csv").replace("\r\n", "\n"), expected);
    again(&from_native);
}

/// What was read is the same after it is written and read.
fn again(first: &Read) {
    let written = write(Format::Csv, first.contents());
    let read = read(Format::Csv, &written.as_files());
    assert_eq!((read.problems.as_slice(), read.lost()), ([""; 0].map(str::to_owned).as_slice(), vec![]));
    let facts = |article: &ArticleContents| {
        (
            article.id.clone(),
            article.details.clone(),
            article.text.as_str().to_owned(),
            article.annotations.clone(),
        )
    };
    assert_eq!(
        read.contents().map(facts).collect::<Vec<_>>(),
        first.contents().map(facts).collect::<Vec<_>>()
    );
}

#[test]
fn every_cut_is_refused_or_a_shorter_table() {
    let table = "article,text,start,end,quote,label\nx,\"Ada, the\n\"\"one\"\" 😀\",0,3,Ada,PER\nx,,15,16,😀,E\ny,Bob,,,,\n";
    for cut in 0..table.len() {
        let Some(beginning) = table.get(..cut) else { continue };
        let read = read(Format::Csv, &[("a.csv", beginning)]);
        let is_within_quotes = cut > 40 && cut < 67;
        assert!(!is_within_quotes || !read.problems.is_empty(), "{cut}: {beginning:?}");
    }
}

#[test]
fn tables_are_known_by_their_header() {
    let check = |path: &str, beginning: &str, expected: Option<Format>| {
        assert_eq!(Format::guess(path, beginning.as_bytes()), expected, "{beginning:?}");
    };
    check("a.csv", "text,label\nOne,good\n", Some(Format::Csv));
    check("a.CSV", "\u{feff}\"label\";\"Text\"\r\n", Some(Format::Csv));
    check(
        "a",
        "article,title,language,source_uri,metadata,unit,text,annotation,layer,label,kind,start,end,quote,arguments,attributes,note,score,state,derived_from\r\n",
        Some(Format::Csv),
    );
    check("a.csv", "one,two\n1,2\n", None);
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_as_it_was(
        texts in prop::collection::vec("([a-c,\"\\n\\r;\t é😀]|\u{feff}){1,12}", 1..3),
        spans in prop::collection::vec((0_u32..12, 0_u32..4, "[A-C,\" ]{1,3}", "[x\",\\n]{0,3}", 0_u32..12), 0..4),
    ) {
        let mut native = String::new();
        for (index, text) in texts.iter().enumerate() {
            native.push_str(&json!({"article": {"id": format!("a{index}"), "text": text, "title": "t"}}).to_string());
            native.push('\n');
            let length = u32::try_from(text.chars().count()).unwrap();
            let place = |start: u32, end: u32| json!({"codePoints": {"start": start.min(length), "end": end.min(length)}});
            for (number, (start, more, label, note, other)) in spans.iter().enumerate() {
                let mut places = vec![place(*start, start + more)];
                if *other > start + more && *other < length {
                    places.push(place(*other, other + 1));
                }
                let annotation = json!({"annotation": {"id": format!("T{number}"), "label": label, "note": note,
                    "anchor": {"spans": places}, "attributes": {"n": {"stringValue": note}}, "score": 0.25}});
                native.push_str(&annotation.to_string());
                native.push('\n');
            }
        }
        let first = read(Format::Native, &[("p.jsonl", native)]);
        prop_assume!(first.problems.is_empty());
        again(&first);
    }

    #[test]
    fn nothing_read_panics(table in "(text|start|end|label|article|[,\"\\n\\r;0-9é{}])\\PC{0,3}{0,30}") {
        let table = format!("text,start,end,label\n{table}");
        read(Format::Csv, &[("a.csv", table)]);
    }
}
