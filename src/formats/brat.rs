//! brat's folders, <https://brat.nlplab.org/standoff.html>: a text in `x.txt` and what is said about it in `x.ann`; and
//! `annotation.conf`, which says what may be. Offsets are code points.
//!
//! | line | here |
//! | --- | --- |
//! | `T` | spans |
//! | `E` | a relation whose first argument, `trigger`, is the mention of the event |
//! | `R` | a relation |
//! | `*` | a relation with the role `member` |
//! | `A`, `M` | an attribute of what it is about: true, or its value |
//! | `#` | a line of the note; its kind stands before it, unless it is `AnnotatorNotes` |
//! | `N` | an entry of the attribute `Reference`, a list, with its name |
//! | `annotation.conf` | the label schema, with what `visual.conf` and `kb_shortcuts.conf` of its folder show |
//!
//! The two files of an article come one right after the other; a text without the other file has no annotations. What is said
//! of an annotation follows its line, attributes by name first, then notes and references, and is numbered from the first on;
//! where a file has another order, that is kept as metadata of its article.

mod layout;
mod reading;
mod statements;
mod writing;

#[cfg(test)]
mod tests;

use super::{
    exchange::{Feature, Reader, Writer},
    format::{FormatFacts, WriteOptions},
};
use crate::domain::{
    schema::{AttributeDefinition, AttributeKind},
    text::Unit,
};

/// What the format is.
pub(super) const FACTS: FormatFacts = FormatFacts {
    id: "brat",
    title: "brat standoff",
    reference: "https://brat.nlplab.org/standoff.html",
    extensions: &["ann", "txt", "conf"],
    unit: Some(Unit::CodePoints),
    unit_is_unsaid: false,
    is_folder: true,
    carries: &[
        Feature::LabelSchema,
        Feature::ArticleIds,
        Feature::Spans,
        Feature::DiscontinuousSpans,
        Feature::CrossingSpans,
        Feature::NestedSpans,
        Feature::Relations,
        Feature::OtherRelations,
        Feature::NestedRelations,
        Feature::Roles,
        Feature::StringAttributes,
        Feature::Flags,
        Feature::Notes,
    ],
};

/// The kind of a note that nobody names.
const NOTES: &str = "AnnotatorNotes";
/// The attribute that lists entries of collections.
const REFERENCE: &str = "Reference";

/// What the references to collections are, of which `annotation.conf` says nothing.
fn reference_attribute() -> AttributeDefinition {
    AttributeDefinition {
        name: REFERENCE.to_owned(),
        kind: AttributeKind::StringList,
        ..AttributeDefinition::default()
    }
}

/// Whether a file may be one of these.
pub(super) fn is_likely(path: &str, beginning: &[u8]) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_annotated = std::path::Path::new(name).extension().is_some_and(|extension| extension == "ann");
    let first = beginning.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_line = first.first().is_some_and(|letter| b"TERAMN#*".contains(letter)) && first.contains(&b'\t');
    name == "annotation.conf" || is_annotated && (beginning.is_empty() || is_line)
}

/// A reader of such files.
pub(super) fn reader() -> Box<dyn Reader> {
    Box::new(reading::BratReader::default())
}

/// A writer of such files.
pub(super) fn writer(options: WriteOptions) -> Box<dyn Writer> {
    Box::new(writing::BratWriter::new(options.unit.unwrap_or(Unit::CodePoints)))
}
