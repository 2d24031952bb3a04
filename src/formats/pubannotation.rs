//! PubAnnotation's JSON, <https://www.pubannotation.org/docs/annotation-format/>: an article an object, and one of them, an
//! array of them, or one a line. Offsets are code points.
//!
//! | there | here |
//! | --- | --- |
//! | `text` | the text |
//! | `target` | where the article came from |
//! | `sourcedb`, `sourceid`, `divid` | the article's id, joined by `-`, and metadata |
//! | any other name | metadata |
//! | `denotations`, `blocks` | spans; a list of spans is a discontinuous one |
//! | `relations` | relations of `subj` and `obj` |
//! | `attributes` | attributes: strings, numbers, and whether something is so; several of one name are a list |
//! | `modifications` | attributes that are true |
//! | `tracks` | layers, named by `project` |

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
    id: "pubannotation",
    title: "PubAnnotation JSON",
    reference: "https://www.pubannotation.org/docs/annotation-format/",
    extensions: &["json", "jsonl"],
    unit: Some(Unit::CodePoints),
    unit_is_unsaid: false,
    is_folder: false,
    carries: &[
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
