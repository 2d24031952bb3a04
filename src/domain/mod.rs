//! The calculator: ids, texts, spans, annotations and refusals. Pure: no clock, no I/O, no async, and it uses
//! nothing else of this crate but its limits.

pub mod annotations;
pub mod articles;
pub mod attributes;
pub mod copies;
pub mod details;
pub mod diff;
pub mod errors;
pub mod filter;
pub mod ids;
pub mod layers;
#[cfg(test)]
mod oracle;
pub mod projects;
mod quotes;
pub mod reanchoring;
pub mod requests;
pub mod revising;
pub mod revisions;
pub mod schema;
pub mod spans;
pub mod text;
pub mod text_revisions;

pub use errors::{Error, Problem, Result};
