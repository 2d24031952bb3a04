//! W3C Web Annotation, <https://www.w3.org/TR/annotation-model/>, as JSON-LD: for each text `x.txt` a page of annotations,
//! `x.jsonld`, since a Web Annotation does not hold the text that it is about. Offsets are code points, as the standard says of
//! its `TextPositionSelector`; tools in browsers count UTF-16, and quotes tell.
//!
//! | there | here |
//! | --- | --- |
//! | a page, a collection, an array, or one annotation | what is said about the text of the same name |
//! | a body that tags, classifies or identifies; otherwise the motivation | the label |
//! | other textual bodies | lines of the note |
//! | `TextPositionSelector`, `TextQuoteSelector` | spans; several targets of one source are a discontinuous one |
//! | a target without a selector | the article as a whole |
//! | targets that are annotations | a relation, in the roles of `urn:spandrel:role` |
//! | `creator` | the layer, unless `urn:spandrel:layer` names it |
//! | `urn:spandrel:attributes`, `urn:spandrel:score`, `urn:spandrel:state` | attributes, score and state |
//! | any other selector | refused |
//! | any other name | counted as lost |

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
    id: "web-annotation",
    title: "W3C Web Annotation",
    reference: "https://www.w3.org/TR/annotation-model/",
    extensions: &["jsonld", "txt", "json"],
    unit: Some(Unit::CodePoints),
    unit_is_unsaid: false,
    is_folder: true,
    carries: &[
        Feature::ArticleIds,
        Feature::AnnotationIds,
        Feature::Layers,
        Feature::Spans,
        Feature::DiscontinuousSpans,
        Feature::CrossingSpans,
        Feature::NestedSpans,
        Feature::EmptySpans,
        Feature::Relations,
        Feature::OtherRelations,
        Feature::NestedRelations,
        Feature::Roles,
        Feature::ArticleLabels,
        Feature::StringAttributes,
        Feature::Flags,
        Feature::OtherAttributes,
        Feature::Notes,
        Feature::Scores,
        Feature::Suggestions,
        Feature::Rejections,
    ],
};

/// The context of every page.
const CONTEXT: &str = "http://www.w3.org/ns/anno.jsonld";
/// What is said here and the standard has no word for.
const LAYER: &str = "urn:spandrel:layer";
const ROLE: &str = "urn:spandrel:role";
const ATTRIBUTES: &str = "urn:spandrel:attributes";
const SCORE: &str = "urn:spandrel:score";
const STATE: &str = "urn:spandrel:state";

/// Whether a file may be one of these.
pub(super) fn is_likely(path: &str, beginning: &[u8]) -> bool {
    let text = String::from_utf8_lossy(beginning);
    let is_json = text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']);
    is_json
        && (text.contains("www.w3.org/ns/anno.jsonld")
            || text.contains("TextQuoteSelector")
            || text.contains("TextPositionSelector")
            || std::path::Path::new(path).extension().is_some_and(|extension| extension == "jsonld"))
}

/// A reader of such files.
pub(super) fn reader() -> Box<dyn Reader> {
    Box::new(reading::WebAnnotationReader::default())
}

/// A writer of such files.
pub(super) fn writer(options: WriteOptions) -> Box<dyn Writer> {
    Box::new(writing::WebAnnotationWriter::new(options.unit.unwrap_or(Unit::CodePoints)))
}
