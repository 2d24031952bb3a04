//! UIMA CAS as JSON, <https://github.com/apache/uima-uimaj-io-jsoncas>, version 0.4.0: a file an article, with its types. Offsets
//! are units of UTF-16. What becomes what is in [`super::cas`]; further views with a text are further articles, and `documentId`
//! is metadata where the file is called otherwise.

mod reading;
mod writing;

#[cfg(test)]
mod tests;

use super::{
    cas::CARRIED,
    exchange::{Reader, Writer},
    format::{FormatFacts, WriteOptions},
};
use crate::domain::text::Unit;

/// What the format is.
pub(super) const FACTS: FormatFacts = FormatFacts {
    id: "uima-json",
    title: "UIMA CAS JSON",
    reference: "https://github.com/apache/uima-uimaj-io-jsoncas",
    extensions: &["json"],
    unit: Some(Unit::Utf16),
    unit_is_unsaid: false,
    is_folder: true,
    carries: CARRIED,
};

/// Whether a file may be one of these.
pub(super) fn is_likely(_path: &str, beginning: &[u8]) -> bool {
    let beginning = beginning.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(beginning).trim_ascii_start();
    let Some(rest) = beginning.strip_prefix(b"{") else { return false };
    [&b"\"%TYPES\""[..], b"\"%FEATURE_STRUCTURES\"", b"\"%VIEWS\"", b"\"%HEADER\""]
        .iter()
        .any(|name| rest.trim_ascii_start().starts_with(name))
}

/// A reader of such files.
pub(super) fn reader() -> Box<dyn Reader> {
    Box::new(reading::JsonCasReader)
}

/// A writer of such files.
pub(super) fn writer(_options: WriteOptions) -> Box<dyn Writer> {
    Box::new(writing::JsonCasWriter)
}
