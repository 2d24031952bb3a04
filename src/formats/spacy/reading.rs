//! From documents to records.

use serde_json::{Map, Value};

use super::{
    super::exchange::{
        AnnotationRecord, ArticleRecord, JsonPlace, Reader, Record, Sink, SourceFile, SpansRecord, Stopped,
        TOKEN, TargetRecord, attribute_of, keep_metadata, kind_of, objects, offset, read_json_records,
        required_text,
    },
    GROUP, OTHERS, SENTENCE, training,
};
use crate::domain::attributes::AttributeValue;

/// What is wrong with a part.
pub(super) type Wrong = String;

/// Reads documents.
#[derive(Debug)]
pub(super) struct SpacyReader;

impl Reader for SpacyReader {
    fn file(&mut self, file: &mut SourceFile<'_>, sink: &mut dyn Sink) -> Result<(), Stopped> {
        read_json_records(file, sink, &mut |place, value, sink| match value {
            Value::Object(document) if document.contains_key("paragraphs") => {
                training::paragraphs(place, document, sink)
            }
            Value::Object(document) => match doc(place, document, sink)? {
                Ok(article) => sink.record(Record::Article(Box::new(article))),
                Err(wrong) => sink.problem(place.invalid(wrong)),
            },
            Value::Array(tuple) => match training::tuple(place, &tuple, sink) {
                Ok(article) => sink.record(Record::Article(Box::new(article))),
                Err(wrong) => sink.problem(place.invalid(wrong)),
            },
            other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                let message = format!("the record is {}; it is an object with a text", kind_of(&other));
                sink.problem(place.invalid(message))
            }
        })
    }

    fn finish(&mut self, _: &mut dyn Sink) -> Result<(), Stopped> {
        Ok(())
    }
}

fn doc(
    place: &JsonPlace<'_>,
    mut document: Map<String, Value>,
    sink: &mut dyn Sink,
) -> Result<Result<ArticleRecord, Wrong>, Stopped> {
    let text = match required_text(&mut document, "text") {
        Ok(text) => text,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let mut article = place.article(document.get("id"), text);
    if let Some(Value::Object(cats)) = document.shift_remove("cats") {
        article.annotations.extend(cats.into_iter().map(|(label, score)| category(place, label, &score)));
    }
    let mut parts = vec![("tokens".to_owned(), None, document.shift_remove("tokens"))];
    parts.push(("sents".to_owned(), None, document.shift_remove("sents")));
    parts.push(("ents".to_owned(), None, document.shift_remove("ents")));
    if let Some(Value::Object(groups)) = document.shift_remove("spans") {
        let groups = groups.into_iter();
        parts.extend(groups.map(|(group, spans)| (format!("spans.{group}"), Some(group), Some(spans))));
    }
    for (name, group, value) in parts {
        let spans = match objects(&name, value) {
            Ok(spans) => spans,
            Err(wrong) => {
                sink.problem(place.invalid(wrong))?;
                continue;
            }
        };
        if name == "tokens" && spans.iter().all(says_nothing) {
            continue;
        }
        for (index, span) in spans.into_iter().enumerate() {
            match annotation(place, &name, group.as_deref(), span, sink) {
                Ok(annotation) => article.annotations.push(annotation),
                Err(wrong) => sink.problem(place.invalid(format!("{name}[{index}]: {wrong}")))?,
            }
        }
    }
    keep_metadata(&mut article, document, place, sink);
    Ok(Ok(article))
}

/// A label of the article; its score says how much it holds.
pub(super) fn category(place: &JsonPlace<'_>, label: String, score: &Value) -> AnnotationRecord {
    let number = score.as_f64().or_else(|| score.as_bool().map(|holds| if holds { 1.0 } else { 0.0 }));
    let mut record = AnnotationRecord { line: place.line, label, ..AnnotationRecord::default() };
    match number.filter(|score| (0.0..1.0).contains(score)) {
        Some(score) => record.score = Some(score),
        None if number == Some(1.0) => {}
        None => {
            record.attributes.insert("value".to_owned(), attribute_of(score).0);
        }
    }
    record
}

/// Whether a token says no more than where it is.
fn says_nothing(token: &Map<String, Value>) -> bool {
    token.keys().all(|name| ["id", "start", "end"].contains(&name.as_str()))
}

fn annotation(
    place: &JsonPlace<'_>,
    part: &str,
    group: Option<&str>,
    mut span: Map<String, Value>,
    sink: &mut dyn Sink,
) -> Result<AnnotationRecord, Wrong> {
    let (start, end) = (offset(&span, "start")?, offset(&span, "end")?);
    let label = match part {
        "tokens" => TOKEN.to_owned(),
        "sents" => SENTENCE.to_owned(),
        _ => required_text(&mut span, "label")?,
    };
    if label.is_empty() {
        return Err("its label is empty".to_owned());
    }
    let target = TargetRecord::Spans(SpansRecord::one(start, end, ""));
    let mut record = AnnotationRecord { line: place.line, label, target, ..AnnotationRecord::default() };
    for name in ["start", "end", "start_token", "end_token"] {
        span.shift_remove(name);
    }
    if part == "tokens" {
        span.shift_remove("id");
    }
    if let Some(group) = group.filter(|group| *group != OTHERS) {
        record.attributes.insert(GROUP.to_owned(), AttributeValue::String(group.to_owned()));
    }
    for (name, value) in span.into_iter().filter(|(_, value)| *value != "") {
        let (value, is_exact) = attribute_of(&value);
        if !is_exact {
            sink.loss("values within values, which are kept as text", place.example(&name));
        }
        record.attributes.insert(name, value);
    }
    Ok(record)
}
