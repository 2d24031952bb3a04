//! What spaCy is trained with.

use serde_json::{Map, Value};

use super::{
    super::exchange::{
        AnnotationRecord, ArticleRecord, JsonPlace, Record, Sink, SpansRecord, Stopped, TOKEN, TargetRecord,
        attribute_of, json_text_of, kind_of, objects,
    },
    SENTENCE,
    reading::{Wrong, category},
};
use crate::domain::text::Unit;

/// A tuple of a text and what is said about it.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn tuple(
    place: &JsonPlace<'_>,
    tuple: &[Value],
    sink: &mut dyn Sink,
) -> Result<ArticleRecord, Wrong> {
    let [Value::String(text), Value::Object(said)] = tuple else {
        return Err("is an array, but not [text, {\"entities\": [[start, end, label]]}]".to_owned());
    };
    let mut article = place.article(None, text.clone());
    for (name, value) in said {
        match (name.as_str(), value) {
            ("entities", Value::Array(entities)) => {
                for (index, entity) in entities.iter().enumerate() {
                    let parts = entity.as_array().map(Vec::as_slice);
                    let Some([start, end, Value::String(label), ..]) = parts else {
                        return Err(format!("entities[{index}] is not [start, end, label]"));
                    };
                    let (Some(start), Some(end)) = (start.as_u64(), end.as_u64()) else {
                        return Err(format!(
                            "entities[{index}] is not [start, end, label] of two whole numbers"
                        ));
                    };
                    let target = TargetRecord::Spans(SpansRecord::one(start, end, ""));
                    let label = label.clone();
                    let line = place.line;
                    article.annotations.push(AnnotationRecord {
                        line,
                        label,
                        target,
                        ..AnnotationRecord::default()
                    });
                }
            }
            ("cats", Value::Object(cats)) => {
                article
                    .annotations
                    .extend(cats.iter().map(|(label, score)| category(place, label.clone(), score)));
            }
            (_, _) => sink.loss("spacy: what is said for training", place.example(name)),
        }
    }
    Ok(article)
}

/// A document of paragraphs of sentences of tokens, as spaCy 2 was trained with: an article a paragraph.
///
/// # Errors
///
/// When the sink wants no more.
pub(super) fn paragraphs(
    place: &JsonPlace<'_>,
    mut document: Map<String, Value>,
    sink: &mut dyn Sink,
) -> Result<(), Stopped> {
    let paragraphs = match objects("paragraphs", document.shift_remove("paragraphs")) {
        Ok(paragraphs) => paragraphs,
        Err(wrong) => return sink.problem(place.invalid(wrong)),
    };
    let name = document.get("id").map_or_else(|| place.number.to_string(), json_text_of);
    for (index, paragraph) in paragraphs.into_iter().enumerate() {
        let number = index.saturating_add(1);
        match self::paragraph(place, &format!("{}-{name}-{number}", place.stem), paragraph, sink) {
            Ok(article) => sink.record(Record::Article(Box::new(article)))?,
            Err(wrong) => sink.problem(place.invalid(format!("paragraphs[{index}]: {wrong}")))?,
        }
    }
    Ok(())
}

fn paragraph(
    place: &JsonPlace<'_>,
    id: &str,
    mut paragraph: Map<String, Value>,
    sink: &mut dyn Sink,
) -> Result<ArticleRecord, Wrong> {
    let raw = match paragraph.shift_remove("raw") {
        Some(Value::String(raw)) => Some(raw),
        Some(Value::Null) | None => None,
        Some(other) => return Err(format!("raw is {}; it is a string", kind_of(&other))),
    };
    let mut article = place.article(Some(&Value::from(id)), raw.clone().unwrap_or_default());
    article.unit = Some(Unit::Utf8);
    for sentence in objects("sentences", paragraph.shift_remove("sentences"))? {
        let mut sentence = sentence;
        let mut placed = Vec::new();
        let mut open = None;
        for token in objects("tokens", sentence.shift_remove("tokens"))? {
            let Some(Value::String(form)) = token.get("orth") else {
                return Err("a token has no orth that is a string".to_owned());
            };
            let from = article.annotations.iter().rev().find_map(last_end).unwrap_or(0);
            let start = if let Some(raw) = &raw {
                let found = raw.get(from..).and_then(|rest| rest.find(form.as_str()));
                from + found.ok_or_else(|| format!("its text has no {form:?} from byte {from} on"))?
            } else {
                if !article.text.is_empty() {
                    article.text.push(' ');
                }
                let start = article.text.len();
                article.text.push_str(form);
                start
            };
            placed.push((start, start + form.len()));
            article.annotations.push(token_of(place, (start, start + form.len()), &token, sink));
            let tag = token.get("ner").and_then(Value::as_str).unwrap_or("O").to_owned();
            open = entity(&mut article, place, (start, start + form.len()), &tag, open);
        }
        if let (Some((start, _)), Some((_, end))) = (placed.first(), placed.last()) {
            article.annotations.push(spanning(place, SENTENCE, (*start, *end)));
        }
    }
    for name in paragraph.keys() {
        sink.loss("spacy: what is said for training", place.example(name));
    }
    Ok(article)
}

/// Where the last part of what is said ends, in bytes.
fn last_end(annotation: &AnnotationRecord) -> Option<usize> {
    let TargetRecord::Spans(spans) = &annotation.target else { return None };
    let (_, end) = spans.spans.last()?.range?;
    usize::try_from(end).ok()
}

fn spanning(place: &JsonPlace<'_>, label: &str, (start, end): (usize, usize)) -> AnnotationRecord {
    let number = |at: usize| u64::try_from(at).unwrap_or(u64::MAX);
    let target = TargetRecord::Spans(SpansRecord::one(number(start), number(end), ""));
    AnnotationRecord { line: place.line, label: label.to_owned(), target, ..AnnotationRecord::default() }
}

fn token_of(
    place: &JsonPlace<'_>,
    range: (usize, usize),
    token: &Map<String, Value>,
    sink: &mut dyn Sink,
) -> AnnotationRecord {
    let mut record = spanning(place, TOKEN, range);
    for (name, value) in token.iter().filter(|(name, _)| !["orth", "ner", "id"].contains(&name.as_str())) {
        let (value, is_exact) = attribute_of(value);
        if !is_exact {
            sink.loss("values within values, which are kept as text", place.example(name));
        }
        record.attributes.insert(name.clone(), value);
    }
    record
}

/// Begins an entity, or lets the one that is open go on: `B-`, `I-`, `L-` and `U-`. Answers where the open one stands.
fn entity(
    article: &mut ArticleRecord,
    place: &JsonPlace<'_>,
    range: (usize, usize),
    tag: &str,
    open: Option<usize>,
) -> Option<usize> {
    let (letter, label) = tag.split_once('-').filter(|(_, label)| !label.is_empty())?;
    if letter == "I" || letter == "L" {
        let going_on = open.and_then(|at| Some((at, article.annotations.get_mut(at)?)));
        if let Some((at, annotation)) = going_on.filter(|(_, annotation)| annotation.label == label)
            && let TargetRecord::Spans(spans) = &mut annotation.target
            && let Some(span) = spans.spans.last_mut()
        {
            let end = u64::try_from(range.1).unwrap_or(u64::MAX);
            span.range = span.range.map(|(start, _)| (start, end));
            return Some(at);
        }
    }
    article.annotations.push(spanning(place, label, range));
    Some(article.annotations.len().saturating_sub(1))
}
