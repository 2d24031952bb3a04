#![allow(clippy::string_slice, reason = "a slice off a boundary fails the test")]

use proptest::prelude::*;
use serde_json::{Value, json};

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
fn what_is_not_kept_is_told() {
    let check = |record: Value, expected: &[&str], again: Value| {
        let read = read(Format::PubAnnotation, &[("a.jsonl", record.to_string())]);
        assert_eq!(
            (&read.problems, read.lost()),
            (&vec![], expected.iter().map(|it| (*it).to_owned()).collect())
        );
        let written = write(Format::PubAnnotation, read.contents());
        assert_eq!(serde_json::from_str::<Value>(written.text("p.jsonl")).unwrap(), again);
    };
    let span = json!({"begin": 0, "end": 1});
    check(
        json!({"sourceid": "x", "text": "ab", "blocks": [{"id": "B1", "span": span, "obj": "title", "by": "me"}]}),
        &[
            "pubannotation: that a denotation is a block: 1",
            "pubannotation: what else is said of an annotation: 1",
        ],
        json!({"sourceid": "x", "text": "ab", "denotations": [{"id": "B1", "span": span, "obj": "title"}]}),
    );
    check(
        json!({
            "text": "ab", "denotations": [{"span": span, "obj": "X"}, {"id": "T1", "span": span, "obj": "X"}],
            "modifications": [{"id": "M1", "pred": "Negation", "obj": "T1"}],
        }),
        &["pubannotation: what else is said of a modification: 1"],
        json!({
            "sourceid": "a-1", "text": "ab",
            "denotations": [{"id": "T2", "span": span, "obj": "X"}, {"id": "T1", "span": span, "obj": "X"}],
            "attributes": [{"id": "A1", "subj": "T1", "pred": "Negation", "obj": true}],
        }),
    );
    check(
        json!({"sourcedb": "D", "sourceid": "1", "text": "ab", "tracks": [{"project": "GO BP", "by": "me"}]}),
        &[
            "pubannotation: names of projects that no layer can have: 1",
            "pubannotation: what else is said of a track: 1",
        ],
        json!({"sourcedb": "D", "sourceid": "1", "text": "ab"}),
    );
}

#[test]
fn what_pubannotation_does_not_have_is_told() {
    let native = r#"{"article":{"id":"a","sourceUri":"b.txt","metadata":{"text":"x","sourcedb":"D"},"text":"Ada met Bob"}}
{"annotation":{"id":"T1","label":"PER","anchor":{"spans":[{"quote":"Ada"}]},"attributes":{"l":{"stringList":{"values":["x"]}}},"note":"n"}}
{"annotation":{"id":"T2","label":"PER","anchor":{"spans":[{"quote":"Bob"}]}}}
{"annotation":{"id":"D1","label":"good","article":{}}}
{"annotation":{"id":"R1","label":"is","relation":{"arguments":[{"annotation":"T1"},{"annotation":"D1"}]}}}
{"annotation":{"id":"R2","label":"is","relation":{"arguments":[{"annotation":"T1"},{"annotation":"T2"}]}}}
"#;
    let read = read(Format::Native, &[("a.jsonl", native)]);
    assert_eq!(read.problems, [""; 0]);
    let written = write(Format::PubAnnotation, read.contents());
    assert_eq!(
        written.lost(),
        [
            "article labels: 1",
            "relations: 1",
            "notes: 1",
            "source URIs: 1",
            "metadata: 1",
            "article ids: 1",
            "annotation ids: 1",
            "attributes of other kinds: 1",
            "roles: 1"
        ]
    );
}

#[test]
fn every_cut_is_refused() {
    for cut in (1..FILE.len()).filter(|cut| FILE.is_char_boundary(*cut)) {
        let read = read(Format::PubAnnotation, &[("a.json", FILE.split_at(cut).0)]);
        assert_eq!((read.problems.len(), read.articles.len()), (1, 0), "{cut}");
    }
}

prop_compose! {
    fn records()(
        ids in prop::collection::hash_set("[a-z0-9]{1,4}", 1..4),
        words in prop::collection::vec("[a-zé😀]{1,4}", 1..6),
        spans in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 2), 0..5),
        values in prop::collection::vec(prop_oneof![any::<bool>().prop_map(Value::from), any::<i64>().prop_map(Value::from), "[a-z]{0,3}".prop_map(Value::from), (0.0..1.0).prop_map(Value::from)], 0..4),
        track in any::<bool>(),
    ) -> Vec<Value> {
        let text = words.join(" ");
        let count = text.chars().count();
        let denotations: Vec<_> = spans.iter().enumerate().map(|(index, ends)| {
            let mut ends = [ends[0].index(count), ends[1].index(count)];
            ends.sort_unstable();
            json!({"id": format!("T{index}"), "obj": "X", "span": {"begin": ends[0], "end": ends[1] + 1}})
        }).collect();
        let (mut relations, mut attributes) = (Vec::new(), Vec::new());
        if denotations.len() > 1 {
            relations.push(json!({"id": "R1", "subj": "T1", "pred": "is", "obj": "T0"}));
            attributes = values.iter().enumerate().map(|(index, value)| json!({
                "id": format!("A{}", index + 1), "subj": if index % 2 == 0 { "T0" } else { "R1" }, "pred": format!("p{index}"), "obj": value,
            })).collect();
        }
        ids.into_iter().map(|id| {
            let mut record = json!({"denotations": denotations, "relations": relations, "attributes": attributes});
            if track {
                record["project"] = json!("alice");
                record = json!({"tracks": [record]});
            }
            record["text"] = json!(text);
            record["sourceid"] = json!(id);
            record["target"] = json!("https://example.org/1");
            record
        }).collect()
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back_equal(records in records()) {
        let lines = records.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
        let before = read(Format::PubAnnotation, &[("a.jsonl", lines)]);
        prop_assert_eq!(&before.problems, &[""; 0]);
        let written = write(Format::PubAnnotation, before.contents());
        prop_assert_eq!((before.lost(), written.lost()), (vec![], vec![]));
        let after = read(Format::PubAnnotation, &written.as_files());
        prop_assert_eq!(&after.problems, &[""; 0]);
        prop_assert_eq!(before.articles.len(), after.articles.len());
        for (before, after) in before.contents().zip(after.contents()) {
            prop_assert_eq!(&before.annotations, &after.annotations);
            prop_assert_eq!((&before.id, before.text.as_str(), &before.details), (&after.id, after.text.as_str(), &after.details));
        }
    }
}
