//! UIMA CAS as XMI, <https://docs.oasis-open.org/uima/v1.0/uima-v1.0.html>, as Apache UIMA writes it: a file an article, and
//! `TypeSystem.xml`, <https://uima.apache.org/d/uimaj-current/references.html#ugr.ref.xml.component_descriptor.type_system>, with
//! the types of all. Offsets are units of UTF-16. What becomes what is in [`super::cas`]; further views with a text are
//! further articles, and `documentId` is metadata where the file is called otherwise.
//!
//! Files wait for a type system, for as long as they fit in memory: it says what a feature is. Without it, features are
//! strings, except for those that refer to others in the types that come with the annotation tools.

mod reading;
mod type_system;
mod writing;
mod xml;

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
    id: "uima-xmi",
    title: "UIMA CAS XMI",
    reference: "https://docs.oasis-open.org/uima/v1.0/uima-v1.0.html",
    extensions: &["xmi", "xml"],
    unit: Some(Unit::Utf16),
    unit_is_unsaid: false,
    is_folder: true,
    carries: CARRIED,
};

/// Whether a file may be one of these.
pub(super) fn is_likely(_path: &str, beginning: &[u8]) -> bool {
    let has = |part: &[u8]| memchr::memmem::find(beginning, part).is_some();
    let beginning = beginning.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(beginning).trim_ascii_start();
    beginning.starts_with(b"<") && (has(b"<xmi:XMI") || has(b"<typeSystemDescription"))
}

/// A reader of such files.
pub(super) fn reader() -> Box<dyn Reader> {
    Box::new(reading::XmiReader::default())
}

/// A writer of such files.
pub(super) fn writer(_options: WriteOptions) -> Box<dyn Writer> {
    Box::new(writing::XmiWriter::default())
}
