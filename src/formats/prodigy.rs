//! Prodigy's JSON lines, <https://prodi.gy/docs/api-interfaces>: an article, and what somebody answered about it, a line.
//! Offsets are code points.
//!
//! | there | here |
//! | --- | --- |
//! | `spans` | spans; `score` is the score, any other name an attribute |
//! | `tokens` | spans with the label `Token` |
//! | `relations` | relations of `head` and `child`, between spans or tokens |
//! | `label`, `accept` | labels of the article |
//! | `answer` | the state of all of these but tokens: `accept` is accepted, `reject` is rejected, `ignore` is suggested |
//! | `_annotator_id` | the layer |
//! | any other name | metadata |
//!
//! The numbers of tokens are made again where a span is written, and so is its `text`, where it has attributes: Prodigy
//! writes it of spans that a model suggested.

mod reading;
mod writing;

#[cfg(test)]
mod tests;

use super::{
    exchange::{Feature, Reader, Writer},
    format::{FormatFacts, WriteOptions},
};
use crate::domain::text::Unit;

/// What the format is.
pub(super) const FACTS: FormatFacts = FormatFacts {
    id: "prodigy",
    title: "Prodigy JSON lines",
    reference: "https://prodi.gy/docs/api-interfaces",
    extensions: &["jsonl"],
    unit: Some(Unit::CodePoints),
    unit_is_unsaid: false,
    is_folder: false,
    carries: &[
        Feature::Metadata,
        Feature::Spans,
        Feature::CrossingSpans,
        Feature::NestedSpans,
        Feature::EmptySpans,
        Feature::Relations,
        Feature::ArticleLabels,
        Feature::StringAttributes,
        Feature::Flags,
        Feature::OtherAttributes,
        Feature::Scores,
        Feature::Suggestions,
        Feature::Rejections,
        Feature::Layers,
    ],
};

/// The roles of a relation.
const HEAD: &str = "head";
const CHILD: &str = "child";

/// Whether a file may be one of these.
pub(super) fn is_likely(_path: &str, beginning: &[u8]) -> bool {
    let text = String::from_utf8_lossy(beginning);
    let has = |name: &str| text.contains(&format!("\"{name}\""));
    text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '['])
        && has("text")
        && (has("_task_hash") || has("_input_hash") || has("answer") || has("spans") && !has("ents"))
}

/// A reader of such files.
pub(super) fn reader() -> Box<dyn Reader> {
    Box::new(reading::ProdigyReader)
}

/// A writer of such files.
pub(super) fn writer(options: WriteOptions) -> Box<dyn Writer> {
    Box::new(writing::ProdigyWriter::new(options.unit.unwrap_or(Unit::CodePoints)))
}
