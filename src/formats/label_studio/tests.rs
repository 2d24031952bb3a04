#![allow(clippy::string_slice, reason = "a slice off a boundary fails the test")]

use serde_json::Value;

use crate::formats::{
    Format,
    exchange::testing::{read, write},
};

const TASK: &str = r#"[{"id":4,"data":{"text":"😀 Ada met Bob","source":"x"},"annotations":[{"id":9,"completed_by":1,"was_cancelled":false,"lead_time":10.5,"result":[
{"id":"Emg-jJ_hLj","type":"labels","from_name":"ner","to_name":"doc","value":{"start":2,"end":5,"text":"Ada","labels":["PER"]}},
{"id":"b","type":"labels","from_name":"ner","to_name":"doc","value":{"start":10,"end":13,"text":"Bob","labels":["PER"]}},
{"id":"b","type":"choices","from_name":"sure","to_name":"doc","value":{"start":10,"end":13,"text":"Bob","choices":["yes"]}},
{"type":"relation","from_id":"Emg-jJ_hLj","to_id":"b","direction":"right","labels":["meets"]},
{"type":"choices","from_name":"genre","to_name":"doc","value":{"choices":["letter","old"]}}]}],
"predictions":[{"model_version":"spacy-3.8","score":0.5,"result":[{"id":"p1","type":"labels","from_name":"ner","to_name":"doc","score":0.25,"value":{"start":2,"end":5,"text":"Ada","labels":["ORG"]}}]}],"meta":{"k":1}}]"#;

#[test]
fn tasks_come_out_as_they_went_in() {
    let read = read(Format::LabelStudio, &[("a.json", TASK)]);
    assert_eq!(read.problems, [""; 0]);
    let article = read.contents().next().unwrap();
    let said: Vec<_> = article.annotations.iter().map(|it| (it.layer.as_str(), it.label.as_str())).collect();
    let one = "annotator-1";
    assert_eq!(
        said,
        [(one, "PER"), (one, "PER"), (one, "meets"), (one, "letter"), (one, "old"), ("spacy-3.8", "ORG")]
    );
    let written = write(Format::LabelStudio, read.contents());
    let value = |text: &str| sorted(serde_json::from_str::<Value>(text).unwrap());
    assert_eq!(value(written.text("p.json")), value(TASK));
}

/// Results are a set: their order tells nothing.
fn sorted(mut value: Value) -> Value {
    match &mut value {
        Value::Array(parts) => {
            let mut taken: Vec<_> = parts.drain(..).map(sorted).collect();
            taken.sort_by_key(ToString::to_string);
            *parts = taken;
        }
        Value::Object(parts) => {
            let mut taken: Vec<_> =
                std::mem::take(parts).into_iter().map(|(name, part)| (name, sorted(part))).collect();
            taken.sort_by(|a, b| a.0.cmp(&b.0));
            parts.extend(taken);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    value
}

#[test]
fn what_is_wrong_is_refused_alone_and_what_is_no_text_is_counted() {
    let check = |task: &str, problem: &str, annotations: usize| {
        let read = read(Format::LabelStudio, &[("a.json", task)]);
        assert!(read.problems[0].starts_with(&format!("a.json:1: {problem}")), "{:?}", read.problems);
        assert_eq!(read.contents().flat_map(|it| &it.annotations).count(), annotations);
    };
    let task =
        |result: &str| format!(r#"{{"data":{{"text":"😀 Ada"}},"annotations":[{{"result":[{result}]}}]}}"#);
    check(r#"{"annotations":[]}"#, "has no data", 0);
    check(r#"{"data":{"n":1}}"#, "its data have no text", 0);
    let good = r#"{"id":"a","type":"labels","value":{"start":2,"end":5,"text":"Ada","labels":["PER"]}}"#;
    check(
        &task(&format!(r#"{good},{{"id":"b","type":"labels","value":{{"start":2,"labels":["X"]}}}}"#)),
        "annotations[0].result[1]: has no end",
        1,
    );
    check(
        &task(r#"{"id":"a","type":"labels","value":{"start":5,"end":2,"labels":["X"]}}"#),
        "a.spans[0].code_points.end",
        0,
    );
    check(&task(&good.replace("\"start\":2,\"end\":5", "\"start\":3,\"end\":6")), "a.spans[0].quote", 0);
    check(
        &task(&format!(r#"{good},{{"type":"relation","from_id":"a","to_id":"z"}}"#)),
        "relation.arguments[1]: is \"z\"",
        1,
    );
    let image = task(r#"{"id":"a","type":"rectanglelabels","value":{"x":1,"rectanglelabels":["Car"]}}"#);
    let read = read(Format::LabelStudio, &[("a.json", image)]);
    assert_eq!(read.lost(), ["label-studio: regions that are no spans of the text: 1"]);
}

#[test]
fn every_cut_is_refused() {
    for cut in (2..TASK.len()).filter(|cut| TASK.is_char_boundary(*cut)) {
        let read = read(Format::LabelStudio, &[("a.json", &TASK[..cut])]);
        assert!(!read.problems.is_empty(), "{cut}");
    }
}
