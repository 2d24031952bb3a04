//! The calculator: ids, texts, spans, annotations and refusals. Pure: no clock, no I/O, no async, and it uses
//! nothing else of this crate but its limits.

pub mod errors;
pub mod ids;
#[cfg(test)]
mod oracle;
mod quotes;
pub mod spans;
pub mod text;

pub use errors::{Error, Problem, Result};
