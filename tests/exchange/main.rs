//! Formats of annotated articles on files that nobody here wrote: what is read of them, what is written again, and what other
//! people's programs make of that.
//!
//! The corpora lie beside the repository, or where `SPANDREL_CORPORA` says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::as_conversions,
    clippy::wildcard_enum_match_arm,
    clippy::print_stdout,
    clippy::case_sensitive_file_extension_comparisons,
    clippy::doc_markdown,
    clippy::format_push_string,
    clippy::format_collect,
    clippy::too_many_lines,
    reason = "a test ends where it did not get what it expected"
)]

mod brat;
mod cas;
mod columns;
mod csv_table;
mod damage;
#[allow(dead_code, reason = "each corpus needs some of it")]
mod files;
mod json;
mod matrix;
mod parquet;
mod readers;
mod tasks;
mod webanno_tsv;
