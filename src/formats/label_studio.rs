//! Label Studio's tasks, <https://labelstud.io/guide/export#Label-Studio-JSON-format-of-annotated-tasks>: an array of tasks, one of
//! them, or one a line.
//!
//! | there | here |
//! | --- | --- |
//! | `data.text`, or the longest string of `data` | the text; the other data are metadata, `data.NAME` |
//! | `annotations`, `completions` | a layer each: `annotator-1`, or the annotator's address, for `completed_by`; the import's for the first one that says nobody |
//! | `predictions` | a layer each, named by `model_version`; all that they say is suggested |
//! | `labels` with `start`, `end` and `text` | spans, one for each label |
//! | `choices` of the task | labels of the article, one for each choice |
//! | any other control of the task | a label of the article named by the control, with the attribute `value` |
//! | a control of a region | an attribute of the region named by the control |
//! | `relation` | relations of `from` and `to`; labeled `relation` without a label |
//! | any other name of a task, and of an annotation | metadata |
//!
//! Offsets count code points, as the documentation says; front-ends send UTF-16, and `text` tells. Regions of images, sounds
//! and pages have no place in a text: they are counted, and left out.

mod layers;
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
    id: "label-studio",
    title: "Label Studio tasks",
    reference: "https://labelstud.io/guide/export#Label-Studio-JSON-format-of-annotated-tasks",
    extensions: &["json"],
    unit: Some(Unit::CodePoints),
    unit_is_unsaid: false,
    is_folder: false,
    carries: &[
        Feature::Metadata,
        Feature::Layers,
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
    ],
};

/// The roles of a relation.
const FROM: &str = "from";
const TO: &str = "to";
/// The label of a relation that has none.
const RELATION: &str = "relation";
/// The controls of spans and of choices, and what they are about, where nothing else is known.
const LABEL_CONTROL: &str = "label";
const CHOICE_CONTROL: &str = "choice";
const TEXT_OBJECT: &str = "text";
/// The metadata that names the text among a task's data.
const TEXT_KEY: &str = "label-studio.text";
/// The metadata that keeps the names of controls, by the kind of their results.
const NAMES_KEY: &str = "label-studio.names";
/// The attributes of what another control said than most of its kind.
const FROM_NAME: &str = "from_name";
const TO_NAME: &str = "to_name";
/// The attribute of a label of an article that is no choice.
const VALUE: &str = "value";

/// Whether a file may be one of these.
pub(super) fn is_likely(_path: &str, beginning: &[u8]) -> bool {
    let text = String::from_utf8_lossy(beginning);
    let has = |name: &str| text.contains(&format!("\"{name}\""));
    text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '['])
        && has("data")
        && (has("annotations") || has("predictions") || has("completions"))
}

/// A reader of such files.
pub(super) fn reader() -> Box<dyn Reader> {
    Box::new(reading::LabelStudioReader)
}

/// A writer of such files.
pub(super) fn writer(options: WriteOptions) -> Box<dyn Writer> {
    Box::new(writing::LabelStudioWriter::new(options.unit.unwrap_or(Unit::CodePoints)))
}
