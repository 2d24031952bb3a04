//! `WebAnno` TSV 3.1, 3.2 and 3.3,
//! <https://inception-project.github.io/releases/32.2/docs/user-guide.html#sect_formats_webannotsv3>: a line a token, and a
//! column a feature. Offsets are units of UTF-16.
//!
//! | there | here |
//! | --- | --- |
//! | `#Text=` | the text; several of one sentence are its lines |
//! | a sentence and `#Sentence.id=`; a token | `Sentence` with the attribute `id`; `Token` |
//! | `#T_SP=`, a span layer | spans, whose labels and attributes are as in [`super::cas`] |
//! | `#T_RL=`, a relation layer | relations of `Governor` and `Dependent` |
//! | `ROLE_` columns | relations `Type:feature` of the `host` and of what is linked, in its role |
//! | `#T_CH=`, a chain layer | spans, and a relation of all that are of one chain, in order |
//! | numbers in brackets, `1-1` and the numbers of chains | what annotations are called |
//! | `#FORMAT=`, the layers | metadata, `webanno-tsv.format` and `webanno-tsv.layers` |
//! | other lines of the header, `#Summary=` | metadata; `webanno-tsv.comments` has their order |
//!
//! Files of version 2 are refused. What stands between sentences, beyond a line break and spaces, is not in such files.

mod cells;
mod document;
mod header;
mod layout;
mod lines;
mod plan;
mod reading;
mod relations;
mod sorting;
mod writing;

#[cfg(test)]
mod tests;

use self::{reading::TsvReader, writing::TsvWriter};
use super::{
    exchange::{Feature, Reader, Writer},
    format::{FormatFacts, WriteOptions},
};
use crate::domain::text::Unit;

/// What the format is.
pub(super) const FACTS: FormatFacts = FormatFacts {
    id: "webanno-tsv",
    title: "WebAnno TSV 3",
    reference: "https://inception-project.github.io/releases/32.2/docs/user-guide.html#sect_formats_webannotsv3",
    extensions: &["tsv"],
    unit: Some(Unit::Utf16),
    unit_is_unsaid: false,
    is_folder: true,
    carries: &[
        Feature::ArticleIds,
        Feature::Spans,
        Feature::CrossingSpans,
        Feature::NestedSpans,
        Feature::EmptySpans,
        Feature::Relations,
        Feature::Roles,
        Feature::StringAttributes,
    ],
};

/// What every file begins with.
const FORMAT: &str = "#FORMAT=WebAnno TSV ";
/// The metadata with the version.
const FORMAT_KEY: &str = "webanno-tsv.format";
/// The metadata with the layers, a line each.
const LAYERS_KEY: &str = "webanno-tsv.layers";
/// The metadata with the names of other lines of the header.
const COMMENTS_KEY: &str = "webanno-tsv.comments";

/// The metadata with how the file is written otherwise than `WebAnno` does.
const DIALECT_KEY: &str = "webanno-tsv.dialect";

/// Whether a file may be one of these.
pub(super) fn is_likely(_path: &str, beginning: &[u8]) -> bool {
    let beginning = beginning.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(beginning);
    beginning.starts_with(FORMAT.as_bytes())
}

/// A reader of such files.
pub(super) fn reader() -> Box<dyn Reader> {
    Box::new(TsvReader)
}

/// A writer of such files.
pub(super) fn writer(_options: WriteOptions) -> Box<dyn Writer> {
    Box::new(TsvWriter)
}
