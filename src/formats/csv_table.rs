//! CSV, <https://www.rfc-editor.org/rfc/rfc4180>: a row an annotation, and a row for an article that has none. The rows of an
//! article stand together; the first one says what there is to say of the article, its text too, the others its id only.
//!
//! | column | here |
//! | --- | --- |
//! | `article` | the article's id |
//! | `title`, `language`, `source_uri`, `text` | the same of it |
//! | `metadata` | its metadata, a JSON object |
//! | `unit` | what `start` and `end` count: `code_points`, `utf16` or `utf8` |
//! | `annotation`, `layer`, `label` | its id, or what the file calls it; its layer; its label |
//! | `kind` | `span`, `relation` or `article`: what it is about |
//! | `start`, `end` | where it is: a number, or several with `;` between them |
//! | `quote` | what it covers: the parts with a space between them |
//! | `arguments` | of a relation, a JSON array of `{"role", "annotation"}` |
//! | `attributes` | a JSON object |
//! | `note`, `score`, `state` | the same; the state is `suggested`, `accepted` or `rejected` |
//! | `derived_from` | names, with `;` between them |
//!
//! What is read is any table with a header that has a text, by these names or those that others use: `content` or `data` for
//! the text, `doc_id` or `id` for the article, `start_offset`, `begin` and so on; doccano's `text,label` are labels of the
//! article as a whole. Commas, or where there are none semicolons or tabs, stand between cells. Where no column says what the
//! offsets count, the quotes do. Any other column is an attribute in a table of spans, and metadata in one of articles.

mod columns;
mod reading;
mod rows;
mod writing;

#[cfg(test)]
mod tests;

use super::{
    exchange::{Feature, Reader, Writer},
    format::{FormatFacts, WriteOptions},
};
use crate::domain::{annotations::State, text::Unit};

/// What the format is.
pub(super) const FACTS: FormatFacts = FormatFacts {
    id: "csv",
    title: "CSV table",
    reference: "https://www.rfc-editor.org/rfc/rfc4180",
    extensions: &["csv"],
    unit: None,
    unit_is_unsaid: true,
    is_folder: false,
    carries: &[
        Feature::ArticleIds,
        Feature::Titles,
        Feature::Languages,
        Feature::SourceUris,
        Feature::Metadata,
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
        Feature::Derivations,
    ],
};

/// It is about spans of the text.
const SPAN: &str = "span";
/// It is about other annotations.
const RELATION: &str = "relation";
/// It is about the article.
const ARTICLE: &str = "article";

/// Words for states.
const STATES: [(&str, State); 3] =
    [("suggested", State::Suggested), ("accepted", State::Accepted), ("rejected", State::Rejected)];

/// What offsets may count. Their words are how they are shown.
const UNITS: [Unit; 3] = [Unit::CodePoints, Unit::Utf16, Unit::Utf8];

/// What stands between several numbers or names in a cell.
const SEPARATOR: &str = ";";

/// Whether a file may be one of these: it is called so, and its header has a text or is one of these.
pub(super) fn is_likely(path: &str, beginning: &[u8]) -> bool {
    let is_named =
        std::path::Path::new(path).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let is_written_here = beginning.starts_with(columns::header().as_bytes());
    let first = beginning.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let header = columns::Header::of_line(&String::from_utf8_lossy(first));
    is_written_here || is_named && header.is_some_and(|header| header.missing().is_none())
}

/// A reader of such files.
pub(super) fn reader() -> Box<dyn Reader> {
    Box::new(reading::CsvReader)
}

/// A writer of such files.
pub(super) fn writer(options: WriteOptions) -> Box<dyn Writer> {
    Box::new(writing::CsvWriter::new(options.unit.unwrap_or(Unit::CodePoints)))
}
