//! doccano's, PubAnnotation's and our own JSON over what others published.

use std::{path::Path, time::Instant};

use serde_json::{Map, Value, json};
use spandrel::{
    domain::text::Unit,
    formats::{Format, exchange::UnitChoice},
};

use crate::files;

fn is_json(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "json" || extension == "jsonl")
}

/// The records of a file, whatever kind of JSON file it is; none where it is not JSON.
fn records(bytes: &[u8]) -> Vec<Value> {
    let whole: Result<Vec<Value>, _> = serde_json::Deserializer::from_slice(bytes).into_iter().collect();
    let whole = whole.unwrap_or_default();
    match whole.as_slice() {
        [Value::Array(records)] => records.clone(),
        records => records.to_vec(),
    }
}

/// What a record of doccano says, whichever of its dialects says it: the same things stand under different names, lists that are
/// empty may be left out, and so may the `id`, which is always written.
fn meant(record: &Value, with_id: bool) -> Value {
    let mut meant = Map::new();
    let (mut spans, mut labels, mut relations) = (Vec::new(), Vec::new(), Vec::new());
    for (name, value) in record.as_object().unwrap() {
        match name.as_str() {
            "text" | "data" | "column_data" => {
                meant.insert("text".to_owned(), value.clone());
            }
            "label" | "labels" | "column_label" | "entities" | "cats" => {
                for label in value.as_array().unwrap() {
                    match label {
                        Value::String(_) => labels.push(label.clone()),
                        // Its name is what it covers, and is held against the text.
                        Value::Object(span) if span.contains_key("span") => {
                            spans.push(json!([span["span"][0], span["span"][1], span["type"]]));
                        }
                        span => spans.push(span.clone()),
                    }
                }
            }
            "relations" => relations.extend(value.as_array().unwrap().iter().cloned()),
            "id" if !with_id => {}
            _ => {
                meant.insert(name.clone(), value.clone());
            }
        }
    }
    meant.extend([
        ("spans".to_owned(), Value::Array(spans)),
        ("labels".to_owned(), Value::Array(labels)),
        ("relations".to_owned(), Value::Array(relations)),
    ]);
    Value::Object(meant)
}

/// What came of the files of a corpus.
#[derive(Debug, Default, PartialEq, Eq)]
struct Came {
    files: usize,
    articles: usize,
    annotations: usize,
    /// What is wrong with them.
    problems: Vec<String>,
}

/// Reads files of one format, each by itself, and writes them again: what is written means the same as what was read.
fn round_trip(
    format: Format,
    corpus: &str,
    meant: impl Fn(&Value, &Value) -> (Value, Value),
) -> Option<Came> {
    let all = files::corpus(corpus)?;
    let begun = Instant::now();
    let mut came = Came::default();
    for (path, bytes) in all.iter().filter(|(path, _)| is_json(path)) {
        let read = files::read_in(format, UnitChoice::Of(Unit::CodePoints), &[(path.as_str(), bytes)]);
        let written = files::write(format, read.contents());
        println!("{path}: lost on the way in: {:?}, and out: {:?}", read.lost(), written.lost());
        let again = written.files.values().next().map(|file| records(file)).unwrap_or_default();
        let before = records(bytes);
        if before.first().is_some_and(has_text) {
            let beginning = &bytes[..bytes.len().min(64 << 10)];
            assert_eq!(Format::guess(path, beginning), Some(format), "{path}");
        }
        let before: Vec<_> = before.iter().filter(|record| has_text(record)).collect();
        assert_eq!(before.len(), again.len(), "{path}");
        for (before, after) in before.into_iter().zip(&again) {
            let (before, after) = meant(before, after);
            assert_eq!(before, after, "{path}");
        }
        came.files += 1;
        came.articles += read.articles.len();
        came.annotations += read.annotations();
        came.problems.extend(read.problems);
    }
    println!("{corpus}: {came:?}, 0 mismatches, {:?}", begun.elapsed());
    Some(came)
}

/// What has no text is refused.
fn has_text(record: &Value) -> bool {
    ["text", "data", "column_data"].iter().any(|name| record.get(*name).is_some_and(Value::is_string))
}

fn doccano(corpus: &str) -> Option<Came> {
    round_trip(Format::Doccano, corpus, |before, after| {
        let with_id = before.get("id").is_some();
        (meant(before, with_id), meant(after, with_id))
    })
}

#[test]
fn doccano_comes_back_equal_and_what_is_wrong_says_where() {
    let Some(came) = doccano("doccano") else { return };
    // Images and sounds, examples that are no JSON, and records that doccano's own tests are to refuse.
    let mut problems = Vec::new();
    for kind in ["image_captioning", "image_classification", "speech_to_text"] {
        for line in 1..=3 {
            problems.push(format!(
                "backend/data_export/pipeline/examples/{kind}/example.jsonl:{line}: has no text; labels of images and sounds \
                 are not read"
            ));
        }
    }
    for (kind, line) in [("bounding_box", 13), ("segmentation", 9)] {
        let path = format!("backend/data_export/pipeline/examples/{kind}/example.jsonl");
        problems.push(format!("{path}:{line}: is not JSON: trailing comma, at column 1"));
    }
    for (file, line) in [
        ("intent/example.jsonl", 5),
        ("seq2seq/example.json", 4),
        ("seq2seq/example.json", 5),
        ("seq2seq/example.jsonl", 3),
        ("seq2seq/example.jsonl", 4),
        ("sequence_labeling/example.jsonl", 3),
        ("text_classification/example.json", 5),
    ] {
        problems.push(format!("backend/data_import/tests/data/{file}:{line}: has no text"));
    }
    problems.sort();
    let mut sorted = came.problems.clone();
    sorted.sort();
    assert_eq!(sorted, problems);
    assert_eq!((came.files, came.articles, came.annotations), (27, 54, 77));
}

#[test]
fn data_sets_with_quotes_come_back_equal() {
    let Some(came) = doccano("stockmark-ja-sample") else { return };
    assert_eq!(came, Came { files: 1, articles: 600, annotations: 1554, problems: Vec::new() });
}

#[test]
fn pubannotation_comes_back_equal() {
    let corpus = "inception-io/inception-external-search-pubannotation";
    let same = |before: &Value, after: &Value| (before.clone(), after.clone());
    let Some(came) = round_trip(Format::PubAnnotation, corpus, same) else { return };
    // What a search answers is no annotated text.
    let problem = "src/test/resources/singleQueryResult.json:13: text is an array; it is a string".to_owned();
    assert_eq!(came, Came { files: 4, articles: 10, annotations: 8, problems: vec![problem] });
}

#[test]
fn what_came_from_others_goes_through_our_own_format_unchanged() {
    let check = |format: Format, corpus: &str| {
        let Some(all) = files::corpus(corpus) else { return };
        for (path, bytes) in all.iter().filter(|(path, _)| is_json(path)) {
            let read = files::read_in(format, UnitChoice::Of(Unit::CodePoints), &[(path.as_str(), bytes)]);
            let written = files::write(Format::Native, read.contents());
            let again = files::read(Format::Native, &written.as_files());
            assert_eq!((written.lost(), again.problems.as_slice()), (vec![], [].as_slice()), "{path}");
            assert_eq!(read.articles.len(), again.articles.len(), "{path}");
            for (before, after) in read.contents().zip(again.contents()) {
                assert_eq!(before.annotations, after.annotations, "{path}");
                assert_eq!((&before.details, before.text.as_str()), (&after.details, after.text.as_str()));
            }
            let rewritten = files::write(Format::Native, again.contents());
            assert_eq!(written.files, rewritten.files, "{path}");
            let (before, after) =
                (files::write(format, read.contents()), files::write(format, again.contents()));
            assert_eq!((&before.files, before.lost()), (&after.files, after.lost()), "{path}");
        }
    };
    check(Format::Doccano, "stockmark-ja-sample");
    check(Format::PubAnnotation, "inception-io/inception-external-search-pubannotation");
}

#[test]
fn cuts_are_refused_with_their_line() {
    let check = |format: Format, corpus: &str, file: &str| {
        let Some(all) = files::corpus(corpus) else { return };
        let (path, bytes) = all.iter().find(|(path, _)| path.ends_with(file)).unwrap();
        let whole = files::read_in(format, UnitChoice::Of(Unit::CodePoints), &[(path.as_str(), bytes)]);
        // Cuts all over the file, of no regular distance to anything in it.
        for cut in (1..bytes.len() - 2).step_by(bytes.len() / 31 + 1) {
            let beginning = &bytes[..cut];
            let read =
                files::read_in(format, UnitChoice::Of(Unit::CodePoints), &[(path.as_str(), beginning)]);
            let lines = beginning.split(|byte| *byte == b'\n').count();
            assert_eq!(read.problems.len(), 1, "{path} cut at {cut}");
            let problem = &read.problems[0];
            let is_located = [lines, lines.saturating_sub(1)]
                .iter()
                .any(|line| problem.starts_with(&format!("{path}:{line}: ")));
            assert!(is_located, "{cut}: {problem}");
            for (before, after) in whole.contents().zip(read.contents()) {
                assert_eq!(before.annotations, after.annotations);
            }
        }
    };
    check(Format::Doccano, "stockmark-ja-sample", "ner.json");
    check(Format::PubAnnotation, "inception-io/inception-external-search-pubannotation", "3181839.json");
    check(
        Format::PubAnnotation,
        "inception-io/inception-external-search-pubannotation",
        "samplePubAnnotation.json",
    );
}
