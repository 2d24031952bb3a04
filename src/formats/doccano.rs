//! doccano's JSON, <https://doccano.github.io/doccano/>: an article an object, one a line or in an array. What doccano writes is
//! told by its source, `backend/data_export/pipeline`. Offsets count code points or UTF-16, and the files do not say.
//!
//! | there | here |
//! | --- | --- |
//! | `id` | the article's id |
//! | `text`; `data` and `column_data` where it is not there | the text |
//! | `label`, `labels`, `column_label`, `cats` of strings | labels of the article as a whole |
//! | `label`, `labels`, `column_label`, `entities` of `[start, end, label]` | spans |
//! | the same of `{id, start_offset, end_offset, label}` | spans with ids |
//! | the same of `{name, span: [start, end], type}`, as data sets have it | spans with quotes |
//! | `annotations`, as doccano wrote them before 1.0 | each of these, on a layer for each `user` |
//! | `relations` of `{id, from_id, to_id, type}` | relations of `from` and `to` |
//! | any other name, such as `Comments` and `meta` | metadata |
//!
//! What a model is to write (sequence to sequence) looks like labels and is read as labels; one that no label can be, for its
//! length or its line breaks, is the attribute `text` of an annotation `text` on the article.
//!
//! What is written is what doccano itself writes for a project of that kind: `label` for spans alone and for labels alone,
//! `entities` and `cats` once a file has both, objects with ids and `relations` once it has a relation or such an id.

mod reading;
mod writing;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::{
    exchange::{Feature, Reader, Writer},
    format::{FormatFacts, WriteOptions},
};
use crate::domain::text::Unit;

/// What the format is.
pub(super) const FACTS: FormatFacts = FormatFacts {
    id: "doccano",
    title: "doccano JSON lines",
    reference: "https://doccano.github.io/doccano/",
    extensions: &["jsonl", "json"],
    unit: None,
    unit_is_unsaid: true,
    is_folder: false,
    carries: &[
        Feature::ArticleIds,
        Feature::Metadata,
        Feature::Spans,
        Feature::CrossingSpans,
        Feature::NestedSpans,
        Feature::Relations,
        Feature::ArticleLabels,
    ],
};

/// What the text is called; the first one that is there.
const TEXTS: [&str; 3] = ["text", "data", "column_data"];

/// What lists of labels are called.
const LABELS: [&str; 6] = ["label", "labels", "column_label", "entities", "cats", "annotations"];

const RELATIONS: &str = "relations";

/// The roles of a relation.
const FROM: &str = "from";
const TO: &str = "to";

/// The label, and the attribute, of a text that no label can be.
const TEXT: &str = "text";

/// Whether a file may be one of these: its first record has a text and labels, and nothing that others have.
pub(super) fn is_likely(_path: &str, beginning: &[u8]) -> bool {
    const OF_OTHERS: [&str; 13] = [
        "answer",
        "_input_hash",
        "_task_hash",
        "spans",
        "tokens",
        "options",
        "ents",
        "sents",
        "denotations",
        "sourcedb",
        "predictions",
        "annotation_id",
        "lead_time",
    ];
    let text = String::from_utf8_lossy(beginning);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let text = text.strip_prefix('[').unwrap_or(text);
    let Some(Ok(first)) = serde_json::Deserializer::from_str(text).into_iter::<Map<String, Value>>().next()
    else {
        return false;
    };
    TEXTS.iter().any(|name| first.get(*name).is_some_and(Value::is_string))
        && LABELS.iter().any(|name| first.get(*name).is_some_and(|labels| !labels.is_object()))
        && !OF_OTHERS.iter().any(|name| first.contains_key(*name))
}

/// A reader of such files.
pub(super) fn reader() -> Box<dyn Reader> {
    Box::new(reading::DoccanoReader)
}

/// A writer of such files.
pub(super) fn writer(options: WriteOptions) -> Box<dyn Writer> {
    Box::new(writing::DoccanoWriter::new(options.unit.unwrap_or(Unit::CodePoints)))
}
