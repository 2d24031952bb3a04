//! Parquet tables, which DuckDB, pandas and Hugging Face datasets open: <https://parquet.apache.org/docs/file-format/>.
//!
//! An export is two tables, whose rows are in the same order of articles:
//!
//! | `articles.parquet` | |
//! | --- | --- |
//! | `id`, `title`, `text`, `language`, `source_uri` | strings, empty where nothing is said |
//! | `metadata` | a JSON object as a string |
//! | `text_revision`, `text_sha256` | the text's number, and SHA-256 of its UTF-8 bytes: a text that has another one is refused |
//! | `create_time`, `update_time` | timestamps in UTC |
//! | `older_texts` | list of `text`, `create_time` |
//! | `submitted_layers` | list of `layer`, `submit_time` |
//!
//! | `annotations.parquet` | |
//! | --- | --- |
//! | `article`, `id`, `layer`, `label` | strings |
//! | `kind` | `span`, `relation` or `article` |
//! | `start`, `end`, `text` | from the first span's start to the last one's end, so that Python's `text[start:end]` is it; not for orphans; `text` up to 1,024 characters |
//! | `spans` | list of `code_points_start`, `code_points_end`, `utf8_start`, `utf8_end`, `utf16_start`, `utf16_end`, `quote` |
//! | `arguments` | list of `role`, `annotation` |
//! | `attributes` | a JSON object as a string: numbers with a point or an exponent are doubles |
//! | `note`, `score`, `state` | `state` is `suggested`, `accepted` or `rejected` |
//! | `anchoring` | `result`, `similarity`, `from_text_revision`, `needs_review` |
//! | `derived_from`, `text_revision`, `create_time`, `update_time` | |
//!
//! Maps are JSON, because datasets open no Parquet maps, and attributes are of several kinds. The project, its label schema
//! and its layers stand in the first `articles.parquet`, in its key-value metadata `spandrel`. A table is at most about
//! 64 MiB, since whoever reads it must hold it: more articles are in tables of the same names in `part-002`, and so on.
//!
//! Read are also tables of others: annotations need `article`, `label`, and `start` and `end` unless they are about the
//! whole article; articles need `text`, or `tokens` with `ner_tags`; `label` and `labels` are labels of the article, whose
//! names may stand in the metadata `huggingface`. Other columns become metadata of articles and attributes of annotations.
//! Offsets count code points. Compression: Snappy or none. Lines of problems are rows, from 1.

use super::{
    exchange::{Feature, Reader, Writer},
    format::{FormatFacts, WriteOptions},
};
use crate::domain::text::Unit;

mod annotation_rows;
mod article_rows;
mod cells;
mod columns;
mod joining;
mod labels;
mod pages;
mod project;
mod reading;
mod table;
#[cfg(test)]
mod tests;
mod writing;

/// What the format is.
pub(super) const FACTS: FormatFacts = FormatFacts {
    id: "parquet",
    title: "Parquet tables",
    reference: "https://parquet.apache.org/docs/file-format/",
    extensions: &["parquet"],
    unit: Some(Unit::CodePoints),
    unit_is_unsaid: false,
    is_folder: true,
    carries: &Feature::ALL,
};

/// What every file begins and ends with.
const MAGIC: &[u8] = b"PAR1";

/// Whether a file may be one of these.
pub(super) fn is_likely(_path: &str, beginning: &[u8]) -> bool {
    beginning.starts_with(MAGIC)
}

/// A reader of such files.
pub(super) fn reader() -> Box<dyn Reader> {
    Box::new(reading::ParquetReader::default())
}

/// A writer of such files.
pub(super) fn writer(options: WriteOptions) -> Box<dyn Writer> {
    Box::new(writing::ParquetWriter::new(options))
}
