//! The lines of a file by the articles that they are of.

use std::collections::BTreeMap;

use super::{NEWDOC_ID, comments::Comment};

/// A line and its number.
pub(super) type Numbered = (u64, String);

/// What is read of an article, line by line.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// The line that it begins on.
    pub(super) line: u64,
    /// How it begins; none where nothing says so.
    pub(super) begins: Option<Begins>,
    /// The columns that it names, and the line.
    pub(super) header: Option<(u64, String)>,
    /// Lines that no empty line parts.
    pub(super) blocks: Vec<Vec<Numbered>>,
    /// Those that none ends yet.
    block: Vec<Numbered>,
    /// Whether a line of it cannot be read.
    pub(super) is_broken: bool,
    /// What of the file's form is kept beside it.
    pub(super) form: BTreeMap<String, String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Begins {
    /// With a line `-DOCSTART- ...`.
    Docstart(String),
    /// With a line `# newdoc`.
    Newdoc,
    /// With a line `# newdoc id = ...`.
    Named(String),
}

impl Document {
    /// Takes a line that is not empty; answers the next document if one begins there, and this one ends.
    pub(super) fn line(&mut self, number: u64, text: String) -> Option<Self> {
        if self.line == 0 {
            self.line = number;
        }
        let begins = if text.starts_with("-DOCSTART-") {
            self.end_block();
            Some(Begins::Docstart(text.clone()))
        } else {
            let comment = Comment::parse(&text);
            match (comment.key, comment.value) {
                (NEWDOC_ID, Some(id)) => Some(Begins::Named(id.to_owned())),
                ("newdoc", None) => Some(Begins::Newdoc),
                ("global.columns", Some(names)) => {
                    let header = Some((number, names.to_owned()));
                    if self.is_begun() {
                        return Some(Self { line: number, header, ..Self::default() });
                    }
                    self.header = header;
                    return None;
                }
                (_, _) => None,
            }
        };
        // Some files say of every sentence which document it is of.
        let goes_on = begins.is_some() && begins == self.begins && matches!(begins, Some(Begins::Named(_)));
        match begins {
            Some(begins) if !goes_on => {
                let block =
                    if self.is_block_of_comments() { std::mem::take(&mut self.block) } else { Vec::new() };
                let is_line = matches!(begins, Begins::Docstart(_));
                let mut next = Self { line: number, begins: Some(begins), block, ..Self::default() };
                if !is_line {
                    next.block.push((number, text));
                }
                if self.is_begun() {
                    return Some(next);
                }
                let header = self.header.take();
                *self = Self { header, line: self.line, is_broken: self.is_broken, ..next };
            }
            Some(_) | None => self.block.push((number, text)),
        }
        None
    }

    /// Whether it has anything that another beginning does not belong to.
    pub(super) fn is_begun(&self) -> bool {
        self.begins.is_some() || !self.blocks.is_empty() || !self.block.is_empty()
    }

    fn is_block_of_comments(&self) -> bool {
        self.block.iter().all(|(_, text)| text.starts_with('#'))
    }

    pub(super) fn end_block(&mut self) {
        if !self.block.is_empty() {
            self.blocks.push(std::mem::take(&mut self.block));
        }
    }

    /// What is surely no comment, by blocks.
    pub(super) fn sure_rows(&self) -> Vec<Vec<&str>> {
        self.blocks
            .iter()
            .chain([&self.block])
            .map(|it| sure_rows(it))
            .filter(|rows| !rows.is_empty())
            .collect()
    }
}

fn sure_rows(block: &[Numbered]) -> Vec<&str> {
    block.iter().map(|(_, text)| text.as_str()).filter(|text| !text.starts_with('#')).collect()
}
