//! From JSON to records.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    super::exchange::{
        AnnotationRecord, ArticleRecord, JsonPlace, Reader, Record, Sink, SourceFile, SpansRecord, Stopped,
        TargetRecord, article_id_of, json_text_of, keep_metadata, kind_of, objects, offset,
        read_json_records, required_text,
    },
    FROM, LABELS, RELATIONS, TEXT, TEXTS, TO,
};
use crate::domain::{annotations::Label, attributes::AttributeValue};

/// What is wrong with a part.
type Wrong = String;

/// Reads objects.
#[derive(Debug)]
pub(super) struct DoccanoReader;

impl Reader for DoccanoReader {
    fn file(&mut self, file: &mut SourceFile<'_>, sink: &mut dyn Sink) -> Result<(), Stopped> {
        read_json_records(file, sink, &mut |place, value, sink| {
            let Value::Object(object) = value else {
                let message = format!("the record is {}; it is an object with a text", kind_of(&value));
                return sink.problem(place.invalid(message));
            };
            let (read, wrong) = article(place, object, sink);
            for wrong in wrong {
                sink.problem(place.invalid(wrong))?;
            }
            read.map_or(Ok(()), |article| sink.record(Record::Article(Box::new(article))))
        })
    }

    fn finish(&mut self, _: &mut dyn Sink) -> Result<(), Stopped> {
        Ok(())
    }
}

/// The article of a record, and what is wrong with the record.
fn article(
    place: &JsonPlace<'_>,
    mut object: Map<String, Value>,
    sink: &mut dyn Sink,
) -> (Option<ArticleRecord>, Vec<Wrong>) {
    let article = match begun(place, &mut object) {
        Ok(article) => article,
        Err(wrong) => return (None, vec![wrong]),
    };
    let mut reading = Reading { place, article, wrong: Vec::new(), sink };
    for name in LABELS {
        if let Some(labels) = object.shift_remove(name) {
            reading.labels(name, labels);
        }
    }
    match objects(RELATIONS, object.shift_remove(RELATIONS)) {
        Ok(relations) => {
            for (index, relation) in relations.into_iter().enumerate() {
                let read = reading.relation(relation);
                reading.note(RELATIONS, index, read);
            }
        }
        Err(wrong) => reading.wrong.push(wrong),
    }
    let Reading { place: _, mut article, wrong, sink } = reading;
    keep_metadata(&mut article, object, place, sink);
    (Some(article), wrong)
}

/// The article with its text.
fn begun(place: &JsonPlace<'_>, object: &mut Map<String, Value>) -> Result<ArticleRecord, Wrong> {
    let Some(name) = TEXTS.into_iter().find(|name| object.contains_key(*name)) else {
        let about_a_file = object.contains_key("filename");
        let hint = if about_a_file { "; labels of images and sounds are not read" } else { "" };
        return Err(format!("has no text{hint}"));
    };
    let text = required_text(object, name)?;
    let id = match object.shift_remove("id") {
        Some(id @ (Value::String(_) | Value::Number(_))) => Some(id),
        None | Some(Value::Null) => None,
        Some(other) => return Err(format!("id is {}; it is a number or a string", kind_of(&other))),
    };
    Ok(place.article(id.as_ref(), text))
}

/// A record on its way.
struct Reading<'r, 'p> {
    place: &'r JsonPlace<'p>,
    article: ArticleRecord,
    wrong: Vec<Wrong>,
    sink: &'r mut dyn Sink,
}

impl Reading<'_, '_> {
    fn note(&mut self, name: &str, index: usize, read: Result<AnnotationRecord, Wrong>) {
        match read {
            Ok(annotation) => self.article.annotations.push(annotation),
            Err(wrong) => self.wrong.push(format!("{name}[{index}]: {wrong}")),
        }
    }

    /// What stands under `name`: a list, or one label.
    fn labels(&mut self, name: &str, labels: Value) {
        match labels {
            Value::Null => {}
            Value::Array(labels) => {
                for (index, label) in labels.into_iter().enumerate() {
                    let read = self.label(name, label);
                    self.note(name, index, read);
                }
            }
            Value::Object(_) => {
                self.wrong.push(format!("{name} is an object; it is a list of labels, or one of them"));
            }
            one @ (Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                let read = self.label(name, one);
                self.note(name, 0, read);
            }
        }
    }

    fn label(&mut self, name: &str, label: Value) -> Result<AnnotationRecord, Wrong> {
        let line = self.place.line;
        match label {
            Value::Array(parts) => match parts.as_slice() {
                [start, end, label] => {
                    let offset = |name: &str, value: &Value| {
                        value
                            .as_u64()
                            .ok_or_else(|| format!("its {name} is {value}; it is a whole number from 0"))
                    };
                    let spans = SpansRecord::one(offset("start", start)?, offset("end", end)?, "");
                    let (label, target) = (word("label", label)?, TargetRecord::Spans(spans));
                    Ok(AnnotationRecord { line, label, target, ..AnnotationRecord::default() })
                }
                _ => Err(format!("is a list of {}; it is [start, end, label]", parts.len())),
            },
            Value::Object(object) => self.object(name, object),
            Value::Null => Err("is null; it is a label".to_owned()),
            word @ (Value::Bool(_) | Value::Number(_) | Value::String(_)) if name == "entities" => {
                Err(format!(
                    "is {}; it is [start, end, label], or an object with start_offset, end_offset and label",
                    kind_of(&word)
                ))
            }
            word @ (Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                Ok(of_article(line, json_text_of(&word)))
            }
        }
    }

    /// What an object says: a span, or, before doccano 1.0, a label of the article.
    fn object(&mut self, name: &str, mut object: Map<String, Value>) -> Result<AnnotationRecord, Wrong> {
        let line = self.place.line;
        let mut annotation = if object.contains_key("span") {
            AnnotationRecord { line, ..quoted(&mut object)? }
        } else if name == "annotations" && !object.contains_key("start_offset") {
            let label = object.shift_remove("label").or_else(|| object.shift_remove(TEXT));
            of_article(line, word("label", &label.ok_or("has no label")?)?)
        } else {
            let spans =
                SpansRecord::one(offset(&object, "start_offset")?, offset(&object, "end_offset")?, "");
            let label = word("label", object.get("label").ok_or("has no label")?)?;
            for name in ["start_offset", "end_offset", "label"] {
                object.shift_remove(name);
            }
            let target = TargetRecord::Spans(spans);
            AnnotationRecord { line, label, target, ..AnnotationRecord::default() }
        };
        annotation.id = name_of(object.shift_remove("id"))?;
        annotation.layer = match object.shift_remove("user") {
            None | Some(Value::Null) => None,
            Some(Value::Number(user)) => Some(format!("user-{user}")),
            Some(user) => Some(article_id_of(&word("user", &user)?)),
        };
        annotation.attributes.extend(self.attributes(object));
        Ok(annotation)
    }

    fn relation(&mut self, mut relation: Map<String, Value>) -> Result<AnnotationRecord, Wrong> {
        let mut take = |name: &str| match relation.shift_remove(name) {
            Some(value) => word(name, &value),
            None => Err(format!("has no {name}")),
        };
        let arguments = vec![(FROM.to_owned(), take("from_id")?), (TO.to_owned(), take("to_id")?)];
        let label = take("type")?;
        // Spans have numbers of their own.
        let id = match name_of(relation.shift_remove("id"))? {
            id if id.is_empty() => id,
            id => format!("R{id}"),
        };
        let (line, target) = (self.place.line, TargetRecord::Relation(arguments));
        let attributes = self.attributes(relation);
        Ok(AnnotationRecord { line, id, label, target, attributes, ..AnnotationRecord::default() })
    }

    /// What an object says beside what doccano knows.
    fn attributes(&mut self, rest: Map<String, Value>) -> BTreeMap<String, AttributeValue> {
        let mut attributes = BTreeMap::new();
        for (name, value) in rest {
            let number = |number: &serde_json::Number| {
                number.as_i64().map(AttributeValue::Int).or(number.as_f64().map(AttributeValue::Double))
            };
            let value = match value {
                Value::Null => continue,
                Value::Bool(value) => Some(AttributeValue::Bool(value)),
                Value::Number(value) => number(&value),
                Value::String(value) => Some(AttributeValue::String(value)),
                Value::Array(_) | Value::Object(_) => None,
            };
            match value {
                Some(value) => {
                    attributes.insert(name, value);
                }
                None => self.sink.loss("doccano: lists and objects in a label", self.place.example(&name)),
            }
        }
        attributes
    }
}

/// A label of the article as a whole, or a text that somebody wrote about it.
fn of_article(line: u64, label: String) -> AnnotationRecord {
    if label.is_empty() || Label::parse(TEXT, &label).is_ok() {
        return AnnotationRecord { line, label, ..AnnotationRecord::default() };
    }
    let attributes = BTreeMap::from([(TEXT.to_owned(), AttributeValue::String(label))]);
    AnnotationRecord { line, label: TEXT.to_owned(), attributes, ..AnnotationRecord::default() }
}

/// A span with its quote.
fn quoted(object: &mut Map<String, Value>) -> Result<AnnotationRecord, Wrong> {
    let span = object.shift_remove("span").unwrap_or_default();
    let ends = span.as_array().map(|ends| ends.iter().map(Value::as_u64).collect::<Vec<_>>());
    let Some([Some(start), Some(end)]) = ends.as_deref() else {
        return Err(format!("its span is {span}; it is [start, end]"));
    };
    let label = word("type", &object.shift_remove("type").ok_or("has no type")?)?;
    let quote = object.shift_remove("name").map(|name| word("name", &name)).transpose()?;
    let target = TargetRecord::Spans(SpansRecord::one(*start, *end, quote.unwrap_or_default()));
    Ok(AnnotationRecord { label, target, ..AnnotationRecord::default() })
}

/// What an annotation is called; nothing where it has no id.
fn name_of(id: Option<Value>) -> Result<String, Wrong> {
    id.filter(|id| !id.is_null()).map_or(Ok(String::new()), |id| word("id", &id))
}

/// A string, or a number as one.
fn word(name: &str, value: &Value) -> Result<String, Wrong> {
    match value {
        Value::String(_) | Value::Number(_) | Value::Bool(_) => Ok(json_text_of(value)),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(format!("its {name} is {}; it is a string or a number", kind_of(value)))
        }
    }
}
