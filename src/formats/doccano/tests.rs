use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    domain::{annotations::Target, text::Unit},
    formats::{
        Format,
        exchange::{
            ProjectContents, UnitChoice,
            testing::{Read, project, read, read_in, write, write_project},
        },
    },
};

/// Reads lines whose offsets count code points.
fn lines(lines: &[String]) -> Read {
    read_in(Format::Doccano, UnitChoice::Of(Unit::CodePoints), &[("a.jsonl", lines.join("\n"))])
}

/// What an article says, as `label quote` and `label(argument, argument)`.
fn said(read: &Read) -> Vec<String> {
    let mut said = Vec::new();
    for article in read.contents() {
        for annotation in &article.annotations {
            let id = |argument: &crate::domain::annotations::Argument| {
                let of = article.annotations.iter().find(|it| it.id == argument.annotation).unwrap();
                of.target.mention().unwrap().quotes.join("|")
            };
            said.push(match &annotation.target {
                Target::Spans(mention) => format!("{} {}", annotation.label, mention.quotes.join("|")),
                Target::Article => format!("{}", annotation.label),
                Target::Relation(relation) => format!(
                    "{}({})",
                    annotation.label,
                    relation.arguments.iter().map(id).collect::<Vec<_>>().join(", ")
                ),
            });
        }
    }
    said
}

#[test]
fn every_dialect_is_read() {
    let check = |record: Value, expected: &[&str]| {
        let read = lines(&[record.to_string()]);
        assert_eq!(read.problems, [""; 0], "{record}");
        assert_eq!(
            (said(&read), read.lost()),
            (expected.iter().map(|it| (*it).to_owned()).collect(), vec![])
        );
    };
    check(json!({"text": "Ada met Bob", "label": [[0, 3, "PER"], [0, 3, "PER"]]}), &["PER Ada", "PER Ada"]);
    check(json!({"data": "Ada met Bob", "labels": [[0, 3, "PER"]]}), &["PER Ada"]);
    check(json!({"column_data": "Ada", "column_label": ["good"]}), &["good"]);
    check(json!({"text": "Ada", "label": "good"}), &["good"]);
    check(json!({"text": "Ada", "label": ["good", "short"]}), &["good", "short"]);
    check(json!({"text": "Ada", "label": null}), &[]);
    check(json!({"text": "Ada", "entities": [[0, 3, "PER"]], "cats": ["good"]}), &["PER Ada", "good"]);
    check(
        json!({
            "id": 7, "text": "Ada met Bob",
            "entities": [
                {"id": 0, "label": "PER", "start_offset": 0, "end_offset": 3},
                {"id": 1, "label": "PER", "start_offset": 8, "end_offset": 11},
            ],
            "relations": [{"id": 0, "from_id": 1, "to_id": 0, "type": "met"}],
        }),
        &["PER Ada", "PER Bob", "met(Bob, Ada)"],
    );
    check(
        json!({"curid": "1", "text": "Ada met Bob", "entities": [{"name": "Bob", "span": [8, 11], "type": "PER"}]}),
        &["PER Bob"],
    );
    check(
        json!({"text": "Ada", "annotations": [{"label": 2, "start_offset": 0, "end_offset": 3, "user": 1}, {"text": "x"}]}),
        &["2 Ada", "x"],
    );
}

#[test]
fn what_doccano_writes_comes_out_as_it_went_in() {
    let check = |records: &[Value]| {
        let read = lines(&records.iter().map(Value::to_string).collect::<Vec<_>>());
        assert_eq!(read.problems, [""; 0]);
        let written = write(Format::Doccano, read.contents());
        let again = written.text("p.jsonl").lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        assert_eq!(again.collect::<Vec<_>>(), records);
        assert_eq!(written.lost(), [format!("source URIs: {}", records.len())]);
    };
    check(&[
        json!({"id": 1, "text": "Ada 😀", "label": [[0, 3, "PER"], [4, 5, "SMILE"]], "Comments": ["?"]}),
        json!({"id": 2, "text": "", "label": [], "meta": {"page": 1}, "Comments": []}),
    ]);
    check(&[
        json!({"id": 1, "text": "Ada", "label": ["good"]}),
        json!({"id": "b", "text": "Bob", "label": ["a", "b"]}),
    ]);
    check(&[json!({"id": 1, "text": "Hello", "label": ["Guten\nTag", "x".repeat(300)]})]);
    check(&[
        json!({"id": 1, "text": "Ada", "entities": [[0, 3, "PER"]], "cats": ["good"]}),
        json!({"id": 2, "text": "Ada", "entities": [[0, 3, "PER"]], "cats": []}),
    ]);
    let spans = json!([
        {"id": 70, "label": "PER", "start_offset": 0, "end_offset": 3},
        {"id": 71, "label": "PER", "start_offset": 8, "end_offset": 11},
    ]);
    check(&[
        json!({
            "id": 1, "text": "Ada met Bob", "entities": spans,
            "relations": [{"id": 70, "from_id": 71, "to_id": 70, "type": "met"}, {"from_id": 70, "to_id": 71, "type": "met"}],
        }),
        json!({"id": 2, "text": "Ada met Bob", "entities": [], "relations": []}),
    ]);
}

#[test]
fn a_schema_with_relations_says_how_a_file_begins() {
    let native = r#"{"labelSchema":{"labels":[{"label":"met","kinds":["relation"]}]}}
{"article":{"id":"a","text":"Ada met Bob"}}
{"annotation":{"label":"PER","anchor":{"spans":[{"quote":"Ada"}]}}}"#;
    let read = read(Format::Native, &[("a.jsonl", native)]);
    assert_eq!(read.problems, [""; 0]);
    let described = ProjectContents { schema: read.schema.clone(), ..project() };
    let written = write_project(Format::Doccano, &described, read.contents());
    assert_eq!(
        serde_json::from_str::<Value>(written.text("p.jsonl")).unwrap(),
        json!({
            "id": "a", "text": "Ada met Bob",
            "entities": [{"id": 0, "label": "PER", "start_offset": 0, "end_offset": 3}], "relations": [],
        })
    );
    assert_eq!(written.lost(), ["label schema: 1", "annotation ids: 1"]);
}

#[test]
fn what_doccano_does_not_have_is_told() {
    let native = r#"{"article":{"id":"a","title":"T","metadata":{"text":"x","n":"1e2"},"text":"Ada met Bob"}}
{"annotation":{"id":"T1","label":"PER","anchor":{"spans":[{"quote":"Ada"}]},"attributes":{"s":{"stringValue":"x"}},"note":"n"}}
{"annotation":{"id":"T2","label":"PER","anchor":{"spans":[{"quote":"Ada"},{"quote":"Bob"}]}}}
{"annotation":{"id":"D1","label":"good","article":{}}}
{"annotation":{"id":"R1","label":"is","relation":{"arguments":[{"annotation":"T1"},{"annotation":"D1"}]}}}
{"annotation":{"id":"R2","label":"is","relation":{"arguments":[{"role":"a","annotation":"T1"},{"role":"b","annotation":"T1"}]}}}
"#;
    let read = read(Format::Native, &[("a.jsonl", native)]);
    assert_eq!(read.problems, [""; 0]);
    let written = write(Format::Doccano, read.contents());
    assert_eq!(
        written.lost(),
        [
            "titles: 1",
            "discontinuous spans: 1",
            "notes: 1",
            "string attributes: 1",
            "relations: 1",
            "roles: 1",
            "metadata: 2",
            "annotation ids: 3"
        ]
    );
    assert_eq!(
        serde_json::from_str::<Value>(written.text("p.jsonl")).unwrap(),
        json!({
            "id": "a", "text": "Ada met Bob", "n": 100.0, "cats": ["good"],
            "entities": [{"id": 0, "label": "PER", "start_offset": 0, "end_offset": 3}],
            "relations": [{"id": 2, "from_id": 0, "to_id": 0, "type": "is"}],
        })
    );
}

#[test]
fn what_is_wrong_is_refused_alone() {
    let check = |record: &str, expected: &str, said_by_it: &[&str]| {
        let read = lines(&[r#"{"text":"fine"}"#.to_owned(), record.to_owned()]);
        assert_eq!(
            (read.problems.len(), said(&read)),
            (1, said_by_it.iter().map(|it| (*it).to_owned()).collect())
        );
        assert!(read.problems[0].starts_with(expected), "{record}: {:?}", read.problems);
    };
    check(r#"{"label":["x"]}"#, "a.jsonl:2: has no text", &[]);
    check(r#"{"filename":"a.png","label":["x"]}"#, "a.jsonl:2: has no text; labels of images", &[]);
    check(r#"{"text":3}"#, "a.jsonl:2: text is a number; it is a string", &[]);
    check(r#"["Ada"]"#, "a.jsonl:2: the record is an array; it is an object", &[]);
    check(r#"{"text":"Ada","label":{"a":1}}"#, "a.jsonl:2: label is an object; it is a list of labels", &[]);
    check(
        r#"{"text":"Ada","label":[[0,1],[0,3,"PER"]]}"#,
        "a.jsonl:2: label[0]: is a list of 2; it is [start, end, label]",
        &["PER Ada"],
    );
    check(
        r#"{"text":"Ada","label":[["0",1,"PER"]]}"#,
        "a.jsonl:2: label[0]: its start is \"0\"; it is a whole number from 0",
        &[],
    );
    check(r#"{"text":"Ada","label":[[2,9,"PER"]]}"#, "a.jsonl:2: spans[0].code_points.end", &[]);
    check(r#"{"text":"Ada","label":[""]}"#, "a.jsonl:2: label: is empty", &[]);
    check(
        r#"{"text":"Ada","entities":["O"]}"#,
        "a.jsonl:2: entities[0]: is a string; it is [start, end,",
        &[],
    );
    check(
        r#"{"text":"Ada","entities":[{"label":"PER"}]}"#,
        "a.jsonl:2: entities[0]: has no start_offset",
        &[],
    );
    check(r#"{"text":"Ada","relations":[{"from_id":1}]}"#, "a.jsonl:2: relations[0]: has no to_id", &[]);
    check(
        r#"{"text":"Ada","relations":[{"id":1,"from_id":1,"to_id":2,"type":"x"}]}"#,
        "a.jsonl:2: R1.relation.arguments[0]: is \"1\", which is not there",
        &[],
    );
    check(
        "{\"text\":\"Ada\"}\r{\"text\":\"Bob\"}\r",
        "a.jsonl:2: is not JSON: trailing characters, at column 16; the line has carriage returns",
        &[],
    );
    check(
        r#"{"text":"Ada Bob","entities":[{"name":"Bob","span":[0,3],"type":"PER"}]}"#,
        "a.jsonl:2: spans[0].quote",
        &[],
    );
}

#[test]
fn the_unit_is_asked_for_where_it_makes_a_difference() {
    let check = |text: &str, unit: UnitChoice, expected: Result<&str, &str>| {
        let record = json!({"text": text, "label": [[2, 5, "PER"]]}).to_string();
        let read = read_in(Format::Doccano, unit, &[("a.jsonl", record)]);
        match expected {
            Ok(expected) => assert_eq!((said(&read), read.problems), (vec![expected.to_owned()], vec![])),
            Err(expected) => assert!(read.problems[0].contains(expected), "{:?}", read.problems),
        }
    };
    check("a Ada met", UnitChoice::FromQuotes, Ok("PER Ada"));
    check("😀 Ada", UnitChoice::FromQuotes, Err("say the unit"));
    check("😀 Ada", UnitChoice::Of(Unit::CodePoints), Ok("PER Ada"));
    check("😀Ada", UnitChoice::Of(Unit::Utf16), Ok("PER Ada"));
}

#[test]
fn its_files_are_known_by_their_first_record() {
    let check = |beginning: &str, expected: bool| {
        assert_eq!(
            Format::guess("a.jsonl", beginning.as_bytes()) == Some(Format::Doccano),
            expected,
            "{beginning}"
        );
    };
    check(r#"{"text":"Ada","label":[]}"#, true);
    check("\u{feff}[\n{\"text\":\"Ada\",\"labels\":[\"x\"]},\n{\"te", true);
    check("{\"id\":1,\"data\":\"Ada\",\"label\":[[0,3,\"PER\"]]}\n{", true);
    check(r#"{"text":"Ada"}"#, false);
    check(r#"{"text":"Ada","label":"x","answer":"accept"}"#, false);
    check(r#"{"data":{"text":"Ada"},"annotations":[]}"#, false);
    check(r#"{"text":"Ada","ents":[],"cats":{"x":1.0}}"#, false);
    check(r#"{"text":"Ada","label":["#, false);
}

#[test]
fn every_cut_of_a_file_is_read_as_far_as_it_goes_or_refused() {
    let record = json!({"text": "Ada 😀", "label": [[0, 3, "PER"]], "meta": {"a": 1}}).to_string();
    let whole = format!("{record}\n{record}\n");
    for cut in (0..whole.len()).filter(|cut| whole.is_char_boundary(*cut)) {
        let (beginning, _) = whole.split_at(cut);
        let read = lines(&[beginning.to_owned()]);
        let records = beginning.matches("{\"a\":1}}").count();
        let is_whole = beginning.is_empty() || beginning.trim_end().ends_with("}}");
        assert_eq!((read.articles.len(), read.problems.is_empty()), (records, is_whole), "{cut}");
    }
}

prop_compose! {
    fn records()(
        ids in prop::collection::hash_set(0_u64..50, 1..5),
        words in prop::collection::vec("[a-zé😀]{1,4}", 1..6),
        picks in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), "[A-Z]{1,3}"), 0..5),
        labels in prop::collection::vec("[a-z\n]{1,5}", 0..3),
        with_ids in any::<bool>(),
        extra in "[a-z0-9]{0,3}",
    ) -> Vec<Value> {
        ids.into_iter().map(|id| {
            let text = words.join(" ");
            let count = text.chars().count();
            let range = |one: &prop::sample::Index, other: &prop::sample::Index| {
                let (one, other) = (one.index(count), other.index(count));
                (one.min(other), one.max(other) + 1)
            };
            let spans: Vec<_> = picks.iter().enumerate().map(|(index, (one, other, label))| {
                let (start, end) = range(one, other);
                if with_ids {
                    json!({"id": index * 3, "label": label, "start_offset": start, "end_offset": end})
                } else {
                    json!([start, end, label])
                }
            }).collect();
            let relations: Vec<_> = if with_ids && !picks.is_empty() {
                labels.iter().enumerate().map(|(index, _)| json!({"id": index, "from_id": 0, "to_id": 0, "type": "is"})).collect()
            } else {
                Vec::new()
            };
            json!({"id": id, "text": text, "entities": spans, "cats": labels, "relations": relations, "note": extra})
        }).collect()
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back_equal(records in records()) {
        let before = lines(&records.iter().map(Value::to_string).collect::<Vec<_>>());
        prop_assert_eq!(&before.problems, &[""; 0]);
        let written = write(Format::Doccano, before.contents());
        prop_assert_eq!(written.lost(), [format!("source URIs: {}", records.len())]);
        let after = read_in(Format::Doccano, UnitChoice::Of(Unit::CodePoints), &written.as_files());
        prop_assert_eq!(&after.problems, &[""; 0]);
        for (before, after) in before.contents().zip(after.contents()) {
            prop_assert_eq!(&before.annotations, &after.annotations);
            prop_assert_eq!((&before.id, before.text.as_str(), &before.details.metadata),
                (&after.id, after.text.as_str(), &after.details.metadata));
        }
    }
}
