//! YAML and JSON as one tree, whose parts know where they stand. What a scalar means is decided by who asks for it: a
//! label `no` is a label.

mod json;
mod yaml;

use std::fmt;

use crate::domain::Error;

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    /// The place, if it is known.
    pub place: Option<Place>,
    /// The part of the file, such as `labels[3].parent`; empty for none.
    pub part: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, part, message } = self;
        if let Some(Place { line, column }) = place {
            write!(f, "line {line}, column {column}: ")?;
        }
        if part.is_empty() { f.write_str(message) } else { write!(f, "{part}: {message}") }
    }
}

impl std::error::Error for FileError {}

impl FileError {
    pub(super) fn new(place: Option<Place>, part: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place, part: part.into(), message: message.into() }
    }
}

/// A part of a file.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) place: Option<Place>,
    pub(super) node: Node,
}

/// What a part is.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// A text, a number, an answer or nothing; plain when it stands without quotes.
    Scalar { text: String, plain: bool },
    /// Several parts.
    List(Vec<Tree>),
    /// Named parts, in order; no name is there twice.
    Map(Vec<(String, Tree)>),
}

impl Tree {
    pub(super) fn map(entries: Vec<(String, Self)>) -> Self {
        Self { place: None, node: Node::Map(entries) }
    }

    pub(super) fn list(parts: Vec<Self>) -> Self {
        Self { place: None, node: Node::List(parts) }
    }

    pub(super) fn string(text: &str) -> Self {
        Self { place: None, node: Node::Scalar { text: text.to_owned(), plain: false } }
    }

    /// A number or an answer.
    pub(super) fn plain(value: &impl ToString) -> Self {
        Self { place: None, node: Node::Scalar { text: value.to_string(), plain: true } }
    }

    /// Whether it says nothing, as good as left out.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(&self.node, Node::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// What it is, for messages.
    pub(super) fn what(&self) -> &'static str {
        match &self.node {
            _ if self.is_nothing() => "nothing",
            Node::Scalar { .. } => "a text or a number",
            Node::List(_) => "a list",
            Node::Map(_) => "a mapping",
        }
    }

    /// The innermost part on the way to `path`, such as `labels[3].parent`, that is there.
    fn nearest(&self, path: &str) -> &Self {
        let step = path.trim_start_matches('.');
        let next = if let Some(index) = step.strip_prefix('[') {
            index.split_once(']').and_then(|(index, rest)| match &self.node {
                Node::List(parts) => Some((parts.get(index.parse::<usize>().ok()?)?, rest)),
                Node::Scalar { .. } | Node::Map(_) => None,
            })
        } else {
            let end = step.find(['.', '[']).unwrap_or(step.len());
            let (name, rest) = step.split_at(end);
            match &self.node {
                Node::Map(entries) => {
                    entries.iter().find(|(other, _)| other == name).map(|(_, part)| (part, rest))
                }
                Node::Scalar { .. } | Node::List(_) => None,
            }
        };
        match next {
            Some((part, rest)) => part.nearest(rest),
            None => self,
        }
    }

    /// What is wrong with the part at the field of `error`.
    pub(super) fn wrong(&self, error: &Error) -> FileError {
        let Error { field, problem } = error;
        FileError::new(self.nearest(field).place, field.clone(), problem.to_string())
    }
}

pub(super) use self::{
    json::{read as read_json, write as write_json},
    yaml::{read as read_yaml, write as write_yaml},
};
