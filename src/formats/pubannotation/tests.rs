use serde_json::Value;

use crate::formats::{
    Format,
    exchange::testing::{read, write},
};

const FILE: &str = r#"{"target":"https://example.org/1","sourcedb":"PubMed","sourceid":"1","divid":0,"note":"x","text":"😀 IRF-4 and IFN-α",
"denotations":[{"id":"T1","span":{"begin":2,"end":7},"obj":"Protein"},{"id":"T2","span":[{"begin":2,"end":7},{"begin":12,"end":17}],"obj":"Protein"}],
"relations":[{"id":"R1","subj":"T1","pred":"interactWith","obj":"T2"}],
"attributes":[{"id":"A1","subj":"T1","pred":"sure","obj":true},{"id":"A2","subj":"T1","pred":"uniprot","obj":"Q15306"},{"id":"A3","subj":"T1","pred":"uniprot","obj":"Q2"},{"id":"A4","subj":"R1","pred":"count","obj":3}],
"tracks":[{"project":"alice","denotations":[{"id":"T1","span":{"begin":12,"end":17},"obj":"Drug"}]}]}"#;

#[test]
fn everything_comes_out_as_it_went_in() {
    let read = read(Format::PubAnnotation, &[("a.json", FILE)]);
    assert_eq!(read.problems, [""; 0]);
    let article = read.contents().next().unwrap();
    assert_eq!(
        (article.id.as_str(), article.details.source_uri.as_str()),
        ("PubMed-1-0", "https://example.org/1")
    );
    let quotes: Vec<_> = article
        .annotations
        .iter()
        .filter_map(|it| it.target.mention())
        .map(|it| it.quotes.join("|"))
        .collect();
    assert_eq!(quotes, ["IRF-4", "IRF-4|IFN-α", "IFN-α"]);
    let written = write(Format::PubAnnotation, read.contents());
    let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(value(written.text("p.jsonl")), value(FILE));
    assert_eq!(written.lost(), [""; 0]);
}

#[test]
fn what_is_wrong_is_refused_alone() {
    let check = |text: &str, expected: &[&str], annotations: usize| {
        let read = read(Format::PubAnnotation, &[("a.json", text)]);
        assert_eq!(read.problems, expected, "{text}");
        assert_eq!(read.contents().flat_map(|it| &it.annotations).count(), annotations);
    };
    check(r#"{"denotations":[]}"#, &["a.json:1: has no text"], 0);
    check(r#"{"text":["a"]}"#, &["a.json:1: text is an array; it is a string"], 0);
    check(r#"{"text":"ab","denotations":{}}"#, &["a.json:1: denotations is an object; it is an array"], 0);
    check(
        r#"{"text":"ab","denotations":[{"id":"T1","span":{"begin":0},"obj":"X"},{"id":"T2","span":{"begin":0,"end":1},"obj":"X"}]}"#,
        &["a.json:1: denotations[0]: has no end"],
        1,
    );
    check(
        r#"{"text":"ab","attributes":[{"subj":"T1","pred":"x","obj":true}]}"#,
        &["a.json:1: attributes[0]: subj is \"T1\", which is none of the annotations"],
        0,
    );
    check(r#"[{"text":"a"}, 3]"#, &["a.json:1: the record is a number; it is an object with a text"], 0);
}

#[test]
fn every_cut_is_refused() {
    for cut in (1..FILE.len()).filter(|cut| FILE.is_char_boundary(*cut)) {
        let read = read(Format::PubAnnotation, &[("a.json", &FILE[..cut])]);
        assert_eq!((read.problems.len(), read.articles.len()), (1, 0), "{cut}");
    }
}
