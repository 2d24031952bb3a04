//! What lines say of annotations: attributes, notes and references.

use crate::domain::attributes::{AttributeValue, Attributes};

use super::{super::brat_standoff::Line, NOTES, REFERENCE};

/// Says of an annotation what a line says of it.
///
/// # Errors
///
/// What cannot be said twice.
pub(super) fn add(
    attributes: &mut std::collections::BTreeMap<String, AttributeValue>,
    note: &mut String,
    line: &Line,
) -> Result<(), String> {
    match line {
        Line::Attribute { id: _, name, target, value } => {
            let value = value.clone().map_or(AttributeValue::Bool(true), AttributeValue::String);
            if attributes.contains_key(name) {
                return Err(format!("{target} has the attribute {name} already; an attribute is there once"));
            }
            attributes.insert(name.clone(), value);
        }
        Line::Note { id: _, kind, target: _, text } => {
            let said = if kind == NOTES && kind_and_text(text).0 == NOTES {
                text.clone()
            } else {
                format!("{kind}: {text}")
            };
            if !note.is_empty() {
                note.push('\n');
            }
            note.push_str(&said);
        }
        Line::Reference { id: _, kind, target, entry, text } => {
            let said = format!("{entry} {text}");
            match attributes.entry(kind.clone()).or_insert_with(|| AttributeValue::StringList(Vec::new())) {
                AttributeValue::StringList(entries) => entries.push(said),
                AttributeValue::Bool(_)
                | AttributeValue::Int(_)
                | AttributeValue::Double(_)
                | AttributeValue::String(_) => {
                    return Err(format!("{target} has an attribute {kind} that is no reference"));
                }
            }
        }
        Line::Mention { .. } | Line::Event { .. } | Line::Relation { .. } | Line::Equivalence { .. } => {}
    }
    Ok(())
}

/// The lines that say what is said of the annotation `target`, without numbers; none of an attribute that brat cannot have.
pub(super) fn lines(target: &str, attributes: &Attributes, note: &str) -> Vec<Line> {
    let target = || target.to_owned();
    let mut lines = Vec::new();
    // Their numbers come once they are in order.
    let (mut references, id) = (Vec::new(), |letter: &str| letter.to_owned());
    for (name, value) in attributes.iter().filter(|(name, _)| is_word(name)) {
        let attribute = |value| Line::Attribute { id: id("A"), name: name.clone(), target: target(), value };
        match value {
            AttributeValue::Bool(true) => lines.push(attribute(None)),
            AttributeValue::String(value) if is_word(value) => lines.push(attribute(Some(value.clone()))),
            AttributeValue::StringList(entries) if is_reference(name, entries) => {
                references.extend(entries.iter().map(|said| {
                    let (entry, text) = said.split_once(' ').unwrap_or((said, ""));
                    let (entry, text) = (entry.to_owned(), text.to_owned());
                    Line::Reference { id: id("N"), kind: name.clone(), target: target(), entry, text }
                }));
            }
            AttributeValue::Bool(false)
            | AttributeValue::Int(_)
            | AttributeValue::Double(_)
            | AttributeValue::String(_)
            | AttributeValue::StringList(_) => {}
        }
    }
    if !note.is_empty() {
        lines.extend(note.split('\n').map(|said| {
            let (kind, text) = kind_and_text(said);
            Line::Note { id: id("#"), kind: kind.to_owned(), target: target(), text: text.to_owned() }
        }));
    }
    lines.extend(references);
    lines
}

/// Whether brat can have an attribute.
pub(super) fn has_line(name: &str, value: &AttributeValue) -> bool {
    is_word(name)
        && match value {
            AttributeValue::Bool(value) => *value,
            AttributeValue::String(value) => is_word(value),
            AttributeValue::StringList(entries) => is_reference(name, entries),
            AttributeValue::Int(_) | AttributeValue::Double(_) => false,
        }
}

/// Whether it stands in a line as one word.
pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_whitespace)
}

fn is_reference(name: &str, entries: &[String]) -> bool {
    let is_entry = |said: &String| {
        let (entry, text) = said.split_once(' ').unwrap_or(("", ""));
        is_word(entry) && !text.contains(['\n', '\r'])
    };
    name == REFERENCE && !entries.is_empty() && entries.iter().all(is_entry)
}

/// The kind of a line of a note, and what it says.
fn kind_and_text(said: &str) -> (&str, &str) {
    match said.split_once(": ") {
        Some((kind, text)) if !kind.is_empty() && kind.chars().all(char::is_alphanumeric) => (kind, text),
        Some(_) | None => (NOTES, said),
    }
}
