//! PubAnnotation's JSON, <https://www.pubannotation.org/docs/annotation-format/>: an article an object, and one of them, an
//! array of them, or one a line. Offsets are code points.
//!
//! | there | here |
//! | --- | --- |
//! | `text` | the text |
//! | `target` | where the article came from |
//! | `sourcedb`, `sourceid`, `divid` | the article's id, joined by `-`, and metadata; `sourceid` alone is the id |
//! | any other name | metadata |
//! | `denotations`, `blocks` | spans; a list of spans is a discontinuous one |
//! | `relations` | relations of `subj` and `obj` |
//! | `attributes` | attributes: strings, numbers, and whether something is so; several of one name are a list |
//! | `modifications` | attributes that are true |
//! | `tracks` | layers, named by `project` |
//!
//! Ids of denotations and relations may be left out. Those of attributes are not kept: nothing refers to them.

mod reading;
mod writing;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::{
    exchange::{Feature, Reader, Writer, article_id_of, json_text_of},
    format::{FormatFacts, WriteOptions},
};
use crate::domain::text::Unit;

/// What the format is.
pub(super) const FACTS: FormatFacts = FormatFacts {
    id: "pubannotation",
    title: "PubAnnotation JSON",
    reference: "https://www.pubannotation.org/docs/annotation-format/",
    extensions: &["json", "jsonl"],
    unit: Some(Unit::CodePoints),
    unit_is_unsaid: false,
    is_folder: false,
    carries: &[
        Feature::ArticleIds,
        Feature::Metadata,
        Feature::Layers,
        Feature::Spans,
        Feature::DiscontinuousSpans,
        Feature::CrossingSpans,
        Feature::NestedSpans,
        Feature::EmptySpans,
        Feature::Relations,
        Feature::NestedRelations,
        Feature::StringAttributes,
        Feature::Flags,
    ],
};

/// The roles of a relation.
const SUBJECT: &str = "subj";
const OBJECT: &str = "obj";

const SOURCE_DATABASE: &str = "sourcedb";
const SOURCE_ID: &str = "sourceid";
const PART: &str = "divid";

/// What a record calls its article, if it calls it anything.
fn id_of(object: &Map<String, Value>) -> Option<String> {
    let word = |name: &str| object.get(name).map(json_text_of).filter(|word| !word.is_empty());
    match (word(SOURCE_DATABASE), word(SOURCE_ID), word(PART)) {
        (Some(database), Some(id), None) => Some(format!("{database}-{id}")),
        (Some(database), Some(id), Some(part)) => Some(format!("{database}-{id}-{part}")),
        (None, Some(id), None) => Some(id),
        (_, None, _) | (None, Some(_), Some(_)) => None,
    }
}

/// The id of the article of a record that says nothing else about it.
fn id_alone(object: &Map<String, Value>) -> Option<&str> {
    let is_alone = !object.contains_key(SOURCE_DATABASE) && !object.contains_key(PART);
    let id = object.get(SOURCE_ID).filter(|_| is_alone)?.as_str()?;
    Some(id).filter(|id| article_id_of(id) == *id)
}

/// Whether a file may be one of these.
pub(super) fn is_likely(_path: &str, beginning: &[u8]) -> bool {
    let text = String::from_utf8_lossy(beginning);
    let has = |name: &str| text.contains(&format!("\"{name}\""));
    text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '['])
        && has("text")
        && (has("denotations") || has("sourcedb"))
}

/// A reader of such files.
pub(super) fn reader() -> Box<dyn Reader> {
    Box::new(reading::PubAnnotationReader)
}

/// A writer of such files.
pub(super) fn writer(options: WriteOptions) -> Box<dyn Writer> {
    Box::new(writing::PubAnnotationWriter::new(options.unit.unwrap_or(Unit::CodePoints)))
}
