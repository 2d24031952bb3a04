//! spaCy's documents as JSON, one a line: what [`Doc.to_json`] writes and `Doc.from_json` reads. Offsets are code points.
//!
//! | there | here |
//! | --- | --- |
//! | `ents` | spans |
//! | `spans` | spans, with the attribute `group`; `sc` for those that `ents` cannot have is nobody's attribute |
//! | `tokens` | spans with the label `Token`, if any of them says more than where it is |
//! | `sents` | spans with the label `Sentence` |
//! | `cats` | labels of the article, with their scores |
//! | `kb_id`, `id`, and whatever else is said of a span or a token | attributes |
//! | any other name | metadata |
//!
//! Tokens are written of every text, since spaCy makes its text of them: its own, or its words by Unicode Standard Annex 29; cut
//! where a span begins or ends. Also read are tuples for training, `["text", {"entities": [[0, 3, "PER"]]}]`, and spaCy 2's
//! files for training, `paragraphs` of `sentences` of `tokens`. `DocBin` is not: no library reads it without Python.
//!
//! [`Doc.to_json`]: https://spacy.io/api/doc#to_json

mod reading;
mod tokens;
mod training;
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
    id: "spacy",
    title: "spaCy Doc JSON lines",
    reference: "https://spacy.io/api/doc#to_json",
    extensions: &["jsonl", "json"],
    unit: Some(Unit::CodePoints),
    unit_is_unsaid: false,
    is_folder: false,
    carries: &[
        Feature::Metadata,
        Feature::Spans,
        Feature::CrossingSpans,
        Feature::NestedSpans,
        Feature::ArticleLabels,
        Feature::StringAttributes,
        Feature::Flags,
        Feature::OtherAttributes,
    ],
};

/// The group of spans that `ents` cannot have.
const OTHERS: &str = "sc";
/// The attribute of spans of any other group.
const GROUP: &str = "group";
/// The label of sentences.
const SENTENCE: &str = "Sentence";

/// Whether a file may be one of these.
pub(super) fn is_likely(_path: &str, beginning: &[u8]) -> bool {
    let text = String::from_utf8_lossy(beginning);
    let has = |name: &str| text.contains(&format!("\"{name}\""));
    let begins = text.trim_start_matches('\u{feff}').trim_start();
    begins.starts_with(['{', '['])
        && (has("ents") && has("text")
            || has("paragraphs") && has("tokens")
            || begins.starts_with("[\"") && has("entities"))
}

/// A reader of such files.
pub(super) fn reader() -> Box<dyn Reader> {
    Box::new(reading::SpacyReader)
}

/// A writer of such files.
pub(super) fn writer(_options: WriteOptions) -> Box<dyn Writer> {
    Box::new(writing::SpacyWriter::new())
}
