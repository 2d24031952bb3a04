//! Parts of a file that know their path, and what they are asked for.

use super::{AttributeKind, AttributeValue, FileError, Node, Result, Tree};

/// Words and what they mean.
pub(super) mod words {
    use super::super::{AttributeKind, Overlap, SchemaMode, TargetKind};

    pub(in super::super) const MODES: &[(&str, SchemaMode)] =
        &[("open", SchemaMode::Open), ("closed", SchemaMode::Closed)];
    pub(in super::super) const KINDS: &[(&str, TargetKind)] =
        &[("spans", TargetKind::Spans), ("relation", TargetKind::Relation), ("article", TargetKind::Article)];
    pub(in super::super) const ATTRIBUTE_KINDS: &[(&str, AttributeKind)] = &[
        ("bool", AttributeKind::Bool),
        ("int", AttributeKind::Int),
        ("double", AttributeKind::Double),
        ("string", AttributeKind::String),
        ("string_list", AttributeKind::StringList),
    ];
    pub(in super::super) const OVERLAPS: &[(&str, Overlap)] =
        &[("none", Overlap::None), ("nested", Overlap::Nested), ("any", Overlap::Any)];

    /// The word that means `meaning`.
    pub(in super::super) fn of<T: PartialEq>(words: &[(&'static str, T)], meaning: &T) -> &'static str {
        words.iter().find(|(_, other)| other == meaning).map_or("", |(word, _)| word)
    }
}

/// A part of a file and its path.
pub(super) struct Part<'t> {
    tree: &'t Tree,
    path: String,
}

impl<'t> Part<'t> {
    pub(super) fn new(tree: &'t Tree) -> Self {
        Self { tree, path: String::new() }
    }

    /// The part of this name, unless it is left out or says nothing.
    pub(super) fn at(&self, name: &str) -> Option<Part<'t>> {
        let Node::Map(entries) = &self.tree.node else { return None };
        let (_, tree) = entries.iter().find(|(other, _)| other == name)?;
        let dot = if self.path.is_empty() { "" } else { "." };
        (!tree.is_nothing()).then(|| Part { tree, path: format!("{}{dot}{name}", self.path) })
    }

    fn wrong(&self, message: impl Into<String>) -> FileError {
        FileError::new(self.tree.place, self.path.clone(), message)
    }

    /// Checks that it is a mapping without other names than these.
    pub(super) fn check_names(&self, names: &[&str]) -> Result<()> {
        let Node::Map(entries) = &self.tree.node else {
            let message = format!("is {}, not a mapping with some of {}", self.tree.what(), names.join(", "));
            return Err(self.wrong(message));
        };
        match entries.iter().find(|(name, _)| !names.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, part)) => {
                let message = format!("{name:?} is not known; what is known here is {}", names.join(", "));
                Err(FileError::new(part.place, self.path.clone(), message))
            }
        }
    }

    /// What it says, if that is a text or a number.
    pub(super) fn as_text(&self) -> Option<&'t str> {
        match &self.tree.node {
            Node::Scalar { text, plain: _ } => Some(text),
            Node::List(_) | Node::Map(_) => None,
        }
    }

    fn scalar(&self) -> Result<&'t str> {
        self.as_text().ok_or_else(|| self.wrong(format!("is {}, not a text", self.tree.what())))
    }

    pub(super) fn text(&self, name: &str) -> Result<String> {
        self.at(name).map_or(Ok(String::new()), |part| Ok(part.scalar()?.to_owned()))
    }

    pub(super) fn required_text(&self, name: &str) -> Result<String> {
        let part = self.at(name).ok_or_else(|| self.wrong(format!("{name} is missing")))?;
        Ok(part.scalar()?.to_owned())
    }

    /// The parts of the list of this name; a part that is no list is a list of it alone.
    fn list(&self, name: &str) -> Vec<Part<'t>> {
        let Some(Part { tree, path }) = self.at(name) else { return Vec::new() };
        match &tree.node {
            Node::List(parts) => {
                let at = |(index, tree)| Part { tree, path: format!("{path}[{index}]") };
                parts.iter().enumerate().map(at).collect()
            }
            Node::Scalar { .. } | Node::Map(_) => vec![Part { tree, path }],
        }
    }

    pub(super) fn each<T>(&self, name: &str, one: impl Fn(&Part<'_>) -> Result<T>) -> Result<Vec<T>> {
        self.list(name).iter().map(one).collect()
    }

    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>> {
        self.each(name, |part| Ok(part.scalar()?.to_owned()))
    }

    fn as_word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T> {
        let text = self.scalar()?;
        words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning).ok_or_else(|| {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.wrong(format!("{text:?} is none of {}", known.join(", ")))
        })
    }

    pub(super) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>> {
        self.at(name).map(|part| part.as_word(words)).transpose()
    }

    pub(super) fn words<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Vec<T>> {
        self.each(name, |part| part.as_word(words))
    }

    fn as_answer(&self) -> Result<bool> {
        match &self.tree.node {
            Node::Scalar { text, plain: true } if text == "true" => Ok(true),
            Node::Scalar { text, plain: true } if text == "false" => Ok(false),
            Node::Scalar { .. } | Node::List(_) | Node::Map(_) => {
                Err(self.wrong("is neither true nor false"))
            }
        }
    }

    pub(super) fn answer(&self, name: &str) -> Result<Option<bool>> {
        self.at(name).map(|part| part.as_answer()).transpose()
    }

    fn number<T: std::str::FromStr>(&self, what: &str) -> Result<T> {
        let number = match &self.tree.node {
            Node::Scalar { text, plain: true } => text.parse().ok(),
            Node::Scalar { .. } | Node::List(_) | Node::Map(_) => None,
        };
        number.ok_or_else(|| self.wrong(format!("is not {what}")))
    }

    pub(super) fn count(&self, name: &str) -> Result<u32> {
        self.at(name).map_or(Ok(0), |part| part.number("a whole number of 0 or more"))
    }

    /// A value of an attribute of `kind`.
    pub(super) fn value(&self, name: &str, kind: AttributeKind) -> Result<Option<AttributeValue>> {
        let Some(part) = self.at(name) else { return Ok(None) };
        Ok(Some(match kind {
            AttributeKind::Bool => AttributeValue::Bool(part.as_answer()?),
            AttributeKind::Int => AttributeValue::Int(part.number("a whole number of 64 bits")?),
            AttributeKind::Double => AttributeValue::Double(part.number("a number")?),
            AttributeKind::String => AttributeValue::String(part.scalar()?.to_owned()),
            AttributeKind::StringList => AttributeValue::StringList(self.texts(name)?),
        }))
    }
}
