//! The lines of a file by the articles and sentences that they are of.

use crate::formats::columns::{NEWDOC_ID, comments::Comment};

/// A line and its number.
pub(super) type Numbered = (u64, String);

/// What is read of an article, line by line.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) line: u64,
    pub(super) begins: Option<Begins>,
    /// Comments and words of each sentence.
    pub(super) sentences: Vec<(Vec<Numbered>, Vec<Numbered>)>,
    pub(super) comments: Vec<Numbered>,
    /// How many of them an empty line comes after.
    settled: usize,
    words: Vec<Numbered>,
    pub(super) is_broken: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Begins {
    Newdoc,
    Named(String),
}

impl Document {
    /// Takes a line; answers the next document if one begins there, and this one ends.
    pub(super) fn line(&mut self, number: u64, text: String) -> Option<Self> {
        if text.is_empty() {
            self.end_sentence();
            self.settled = self.comments.len();
            return None;
        }
        if self.line == 0 {
            self.line = number;
        }
        if !text.starts_with('#') {
            self.words.push((number, text));
            return None;
        }
        // Comments come before words.
        self.end_sentence();
        let comment = Comment::parse(&text);
        let begins = match (comment.key, comment.value) {
            (NEWDOC_ID, Some(id)) => Some(Begins::Named(id.to_owned())),
            ("newdoc", None) => Some(Begins::Newdoc),
            (_, _) => None,
        };
        // Some files say of every sentence which document it is of.
        let goes_on = begins == self.begins && matches!(begins, Some(Begins::Named(_)));
        if begins.is_some() && !goes_on {
            if self.begins.is_some() || !self.sentences.is_empty() {
                let mut other = Self { line: number, begins, ..Self::default() };
                other.comments = self.comments.split_off(self.settled.min(self.comments.len()));
                other.comments.push((number, text));
                return Some(other);
            }
            self.begins = begins;
        }
        self.comments.push((number, text));
        None
    }

    pub(super) fn end_sentence(&mut self) {
        if !self.words.is_empty() {
            self.sentences.push((std::mem::take(&mut self.comments), std::mem::take(&mut self.words)));
            self.settled = 0;
        }
    }
}
