//! How files are read: one after another, each from its beginning to its end.

use std::{fmt, io};

use super::{records::Record, source_file::SourceFile};
use crate::domain::{Error, Problem};

/// Reads the files of one format.
pub trait Reader: Send {
    /// Reads a file. What is wrong with it is told to the sink, and what can be read of it, is.
    ///
    /// # Errors
    ///
    /// When the sink wants no more, or the file cannot be read on.
    fn file(&mut self, file: &mut SourceFile<'_>, sink: &mut dyn Sink) -> Result<(), Stopped>;

    /// There are no more files: what waited for another one waits in vain.
    ///
    /// # Errors
    ///
    /// When the sink wants no more.
    fn finish(&mut self, sink: &mut dyn Sink) -> Result<(), Stopped>;
}

/// Takes what is read.
pub trait Sink {
    /// Takes a record.
    ///
    /// # Errors
    ///
    /// When it wants no more.
    fn record(&mut self, record: Record) -> Result<(), Stopped>;

    /// Takes a record that cannot be read, or a part of one.
    ///
    /// # Errors
    ///
    /// When it wants no more.
    fn problem(&mut self, problem: FileProblem) -> Result<(), Stopped>;

    /// Takes something that the file says and that is not carried over: what it is, such as `brat: the order of fragments`,
    /// and where, or which.
    fn loss(&mut self, feature: &str, example: String);
}

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct FileProblem {
    /// The file.
    pub path: String,
    /// The line, from 1; 0 where lines say nothing.
    pub line: u64,
    /// What is wrong and what would be right: RECORD_INVALID for what the format does not allow. Its field begins with what
    /// the file calls the annotation, if it calls it anything.
    pub error: Error,
}

/// Why reading ends before the file does.
#[derive(Debug)]
pub enum Stopped {
    /// Who takes the records wants no more.
    Sink,
    /// The file cannot be read on.
    Input(io::Error),
}

impl FileProblem {
    /// A record that the format does not allow.
    #[must_use]
    pub fn invalid(path: &str, line: u64, message: impl Into<String>) -> Self {
        let error = Problem::RecordInvalid(message.into()).into();
        Self { path: path.to_owned(), line, error }
    }

    /// What is wrong, for people.
    #[must_use]
    pub fn message(&self) -> String {
        self.error.to_string()
    }
}

/// The file, the line and what is wrong.
impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, error } = self;
        if *line == 0 { write!(f, "{path}: {error}") } else { write!(f, "{path}:{line}: {error}") }
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Input(error)
    }
}
