//! The check that everything that is stored is as it should be, over a backend that nobody else uses.
//!
//! It goes on after a problem, and what cannot be read is one. `rows.rs` looks at each row by itself: that its key can be
//! one, and that it belongs to something. The others follow what is meant: from the catalog to projects, articles,
//! texts and annotations, and last the log against all of them.

mod annotations;
mod articles;
mod catalog;
mod guard;
mod layers;
mod log;
mod project;
mod requests;
mod resuming;
mod rows;
mod texts;
mod undone;
mod unlogged;
mod versions;

use std::{fmt, ops::RangeInclusive};

use self::guard::guarded;
use super::{
    committer::{Backend, Head},
    engine::Partition,
};
use crate::{
    domain::{Error, Problem, Result},
    limits::PROBLEMS_LISTED_MAX,
};

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
    /// Deleted articles that are kept: an undo may bring them back until the log has forgotten their deletion.
    pub deleted_articles: u64,
    /// Articles and projects whose rows a server will sweep at its next start.
    pub unswept: u64,
    /// How much is wrong.
    pub problem_count: u64,
    /// What is wrong, as far as it is listed.
    pub problems: Vec<String>,
}

impl Report {
    /// Counts something that is wrong, and lists it unless too much is listed.
    pub fn add_problem(&mut self, what: String) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_LISTED_MAX {
            self.problems.push(what);
        }
    }
}

/// Reads everything and checks it. Keeps in memory what one article has, which projects there are, and for each
/// project, one after another, 16 bytes of each deletion that its log keeps, and three times as much of an article's.
///
/// # Errors
///
/// When the storage cannot be read at all; what is wrong with what it holds is in the report.
pub fn verify(backend: &dyn Backend, progress: &mut dyn FnMut(&Report)) -> Result<Report> {
    let mut checker = Checker { backend, report: Report::default(), progress };
    let known = catalog::check(&mut checker);
    rows::check_partitions(&mut checker, &known);
    if checker.report.rows == 0 {
        // Every database that was served has a head at least, unless nothing was ever stored in it.
        rows::read_anything(backend)?;
    }
    (checker.progress)(&checker.report);
    Ok(checker.report)
}

/// What checks share.
struct Checker<'c> {
    backend: &'c dyn Backend,
    report: Report,
    progress: &'c mut dyn FnMut(&Report),
}

impl Checker<'_> {
    fn problem(&mut self, place: &dyn fmt::Display, what: &dyn fmt::Display) {
        self.report.add_problem(format!("{place}: {what}"));
    }

    /// The value, if there is one; why there is none is a problem.
    fn noted<T>(&mut self, place: &dyn fmt::Display, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.problem(place, &in_words(&error))).ok()
    }

    /// Runs a check that may return early or even panic over what it finds; both are problems.
    fn attempt<T>(
        &mut self,
        place: &dyn fmt::Display,
        check: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Option<T> {
        let result = guarded(|| check(self));
        self.noted(place, result)
    }

    /// Expects what must hold.
    fn expect(&mut self, holds: bool, place: &dyn fmt::Display, what: &dyn fmt::Display) {
        if !holds {
            self.problem(place, what);
        }
    }

    fn show_progress(&mut self) {
        (self.progress)(&self.report);
    }
}

/// A partition that is checked.
struct Place {
    partition: Partition,
    /// How problems name it.
    name: String,
    /// Its head, unless that cannot be read.
    head: Option<Head>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Place {
    /// The partition, with its head read.
    fn open(checker: &mut Checker<'_>, partition: Partition, name: String) -> Self {
        let view = guard::GuardedView::new(checker.backend, partition);
        let head = checker.noted(&name, Head::read(&view));
        Self { partition, name, head }
    }
}

/// The revisions of whose log entries the first row is there, in ascending ranges.
type Logged = Vec<RangeInclusive<u64>>;

/// What is wrong, without what every such error says first.
fn in_words(error: &Error) -> String {
    if let Problem::StorageCorrupt(what) = &error.problem { what.clone() } else { error.to_string() }
}
