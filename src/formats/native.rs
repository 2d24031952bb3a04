//! Spandrel's own files: JSON lines with everything that a project says, so that what is exported and imported again is the
//! same. A line is an object with one name, which says what the line is of:
//!
//! | name | what it is of |
//! | --- | --- |
//! | `project` | what people say of the project: `displayName`, `description`, `metadata` |
//! | `labelSchema` | what may be said, in the words of [`super::schema_file`] |
//! | `layer` | a layer that is declared: `id`, `kind`, `annotator` and more |
//! | `article` | an article: `id`, `text`, and what is said of the text; its older texts |
//! | `annotation` | what is said about the article of the line before that one: `label`, and one of `anchor`, `relation` and `article` |
//!
//! Names and values are those of the API in protobuf's JSON, and what has its default is left out. An annotation's `id` is its
//! UUID; in files that people write it may be any name, or be left out. A span needs one range, in any unit, or a quote.

mod lines;
mod reading;
mod writing;

#[cfg(test)]
mod tests;

use super::{
    exchange::{Feature, Reader, Writer},
    format::{FormatFacts, WriteOptions},
};

/// What the format is.
pub(super) const FACTS: FormatFacts = FormatFacts {
    id: "native",
    title: "Spandrel JSON lines",
    reference: "",
    extensions: &["jsonl"],
    unit: None,
    unit_is_unsaid: false,
    is_folder: false,
    carries: &Feature::ALL,
};

/// Whether a file may be one of these.
pub(super) fn is_likely(_path: &str, beginning: &[u8]) -> bool {
    let beginning = beginning.trim_ascii_start();
    let beginning = beginning.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    beginning.is_some_and(|beginning| {
        lines::NAMES.iter().any(|name| {
            let rest = beginning.strip_prefix(b"\"").and_then(|rest| rest.strip_prefix(name.as_bytes()));
            let rest = rest.and_then(|rest| rest.strip_prefix(b"\"")).map(<[u8]>::trim_ascii_start);
            let rest = rest.and_then(|rest| rest.strip_prefix(b":")).map(<[u8]>::trim_ascii_start);
            rest.is_some_and(|rest| rest.starts_with(b"{"))
        })
    })
}

/// A reader of such files.
pub(super) fn reader() -> Box<dyn Reader> {
    Box::new(reading::NativeReader::default())
}

/// A writer of such files.
pub(super) fn writer(_options: WriteOptions) -> Box<dyn Writer> {
    Box::new(writing::NativeWriter::default())
}
