//! What two texts have in common, and where it stands in either.
//!
//! Lines are compared first, then words within the lines that differ, then characters within the words that differ.
//! What is equal by chance between things that were replaced is then let go, and an insertion that may stand at several
//! places is put where lines, sentences or words begin. All of it depends on the texts alone: work is counted, never
//! timed, so that the same texts always have the same difference.

mod align;
mod cleanup;
mod tokens;

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use self::{
    align::Budget,
    tokens::{Pair, Token},
};
use super::text::{Position, Text, TextRange, to_index};
use crate::limits::{DIFF_REPLACED_BYTES_MAX, DIFF_STEPS};

/// The difference of two texts, as what is equal in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextDiff {
    equal: Vec<EqualBlock>,
    lengths: [Position; 2],
}

/// A range of the old text that stands in the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EqualBlock {
    /// Where it stood; never empty.
    pub old: TextRange,
    /// Where it stands; as long in every unit.
    pub new: TextRange,
}

/// What stands between two equal blocks, in both texts; one of the two may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// What was there.
    pub deleted: TextRange,
    /// What is there instead.
    pub inserted: TextRange,
}

impl TextDiff {
    /// Compares `old` with `new`.
    ///
    /// Edges of blocks are boundaries of characters, and of grapheme clusters as far as they are not overlong.
    ///
    /// It takes time linear in both texts, and at most [`DIFF_STEPS`] steps of searching for the best answer; once they
    /// are spent, each search ends at a few edits and takes what it has. It takes memory for what differs: up to 60 bytes
    /// for each byte where each character is a word of its own, mostly far less.
    #[must_use]
    pub fn between(old: &Text, new: &Text) -> Self {
        let mut comparison =
            Comparison { old: old.as_str(), new: new.as_str(), budget: Budget::new(DIFF_STEPS) };
        let lines = comparison.lines();
        let words = comparison.within_gaps(&lines, Comparison::words);
        let characters = comparison.within_gaps(&words, Comparison::characters);
        let lengths = (old.as_str().len(), new.as_str().len());
        let matches = cleanup::without_chance(characters, lengths);
        let matches = cleanup::aligned(matches, comparison.old, comparison.new);
        Self { equal: positioned(old, new, &matches), lengths: [old.length(), new.length()] }
    }

    /// What is equal in both texts, in their order. Blocks touch in one text at most.
    #[must_use]
    pub fn equal(&self) -> &[EqualBlock] {
        &self.equal
    }

    /// What differs, in the order of the texts.
    pub fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        let [old_length, new_length] = self.lengths;
        let end = EqualBlock {
            old: TextRange { start: old_length, end: old_length },
            new: TextRange { start: new_length, end: new_length },
        };
        let mut from = (Position::default(), Position::default());
        self.equal.iter().copied().chain(std::iter::once(end)).filter_map(move |block| {
            let change = Change {
                deleted: TextRange { start: from.0, end: block.old.start },
                inserted: TextRange { start: from.1, end: block.new.start },
            };
            from = (block.old.end, block.new.end);
            (!change.deleted.is_empty() || !change.inserted.is_empty()).then_some(change)
        })
    }
}

/// The bytes `old..old + len` of the old text are the bytes `new..new + len` of the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Match {
    old: usize,
    new: usize,
    len: usize,
    /// How unlikely it is to be chance: how many words, those that stand once counting for more.
    weight: usize,
}

/// What a word counts that stands once in what is compared, on either side.
const UNIQUE_WORD_WEIGHT: usize = 24;
/// What a line counts that stands once, on either side.
const UNIQUE_LINE_WEIGHT: usize = 4_096;
/// A line that stands more often counts one for so many bytes.
const LINE_WEIGHT_BYTES: usize = 8;

struct Comparison<'t> {
    old: &'t str,
    new: &'t str,
    budget: Budget,
}

impl<'t> Comparison<'t> {
    fn lines(&mut self) -> Vec<Match> {
        let pairs =
            tokens::pairs(&tokens::lines(self.old, 0), &tokens::lines(self.new, 0), true, &mut self.budget);
        let weight = |pair: &Pair| {
            if pair.unique && pair.len > LINE_WEIGHT_BYTES {
                UNIQUE_LINE_WEIGHT
            } else {
                pair.len / LINE_WEIGHT_BYTES
            }
        };
        let matches = pairs.iter().map(|pair| pair.matched(weight(pair)));
        cleanup::without_chance(joined(matches), (self.old.len(), self.new.len()))
    }

    /// What is equal between the words of a gap, and the white space around them where it is equal too.
    fn words(&mut self, old: Range<usize>, new: Range<usize>) -> Vec<Match> {
        let lengths = (old.end, new.end);
        let (old_words, new_words) = self.tokens(&old, &new, tokens::words);
        let pairs = tokens::pairs(&old_words, &new_words, true, &mut self.budget);
        let mut matches: Vec<Match> = Vec::with_capacity(pairs.len());
        let (mut at_old, mut at_new) = (old.start, new.start);
        for pair in pairs {
            let space = (at_old..pair.old, at_new..pair.new);
            if self.old.get(space.0) == self.new.get(space.1) && pair.old > at_old {
                matches.push(Match { old: at_old, new: at_new, len: pair.old - at_old, weight: 0 });
            }
            matches.push(pair.matched(if pair.unique { UNIQUE_WORD_WEIGHT } else { 1 }));
            (at_old, at_new) = (pair.old + pair.len, pair.new + pair.len);
        }
        cleanup::without_chance_between(joined(matches), (old.start, new.start), lengths)
    }

    /// What is equal between the characters of a gap, where words changed and were not replaced.
    fn characters(&mut self, old: Range<usize>, new: Range<usize>) -> Vec<Match> {
        if old.len().max(new.len()) > DIFF_REPLACED_BYTES_MAX {
            return self.ends(&old, &new);
        }
        let (old_characters, new_characters) = self.tokens(&old, &new, tokens::characters);
        let mut pairs = tokens::pairs(&old_characters, &new_characters, false, &mut self.budget);
        let counts = (old_characters.len(), new_characters.len());
        let (fewer, more) = (counts.0.min(counts.1), counts.0.max(counts.1));
        // Where nothing was deleted, the old text is there still, if it is not scattered over a much longer one.
        let pieces = joined(pairs.iter().map(|pair| pair.matched(0))).len();
        let grown = pairs.len() == fewer && (pieces <= 2 || more <= 3 * fewer);
        if !grown {
            let (old_words, new_words) = self.tokens(&old, &new, tokens::words);
            keep_changed_words(&mut pairs, &old_words, |pair| pair.old);
            keep_changed_words(&mut pairs, &new_words, |pair| pair.new);
            keep_changed_words(&mut pairs, &old_words, |pair| pair.old);
        }
        joined(pairs.iter().map(|pair| pair.matched(0)))
    }

    /// What is equal at both ends of a gap that is too long for more, if it is half of it or only one side has more; else
    /// the white space there.
    fn ends(&self, old: &Range<usize>, new: &Range<usize>) -> Vec<Match> {
        let part = |text: &'t str, range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
        let (old_text, new_text) = (part(self.old, old), part(self.new, new));
        let equal = |(one, other): &(u8, u8)| one == other;
        let mut prefix = old_text.bytes().zip(new_text.bytes()).take_while(equal).count();
        let both = |len: &usize| whole(old_text, *len) && whole(new_text, *len);
        prefix = (0..=prefix).rev().find(both).unwrap_or(0);
        let rest = old_text.len().min(new_text.len()) - prefix;
        let backwards = old_text.bytes().rev().zip(new_text.bytes().rev());
        let mut suffix = backwards.take(rest).take_while(equal).count();
        let both =
            |len: &usize| whole(old_text, old_text.len() - len) && whole(new_text, new_text.len() - len);
        suffix = (0..=suffix).rev().find(both).unwrap_or(0);
        let (shorter, longer) = (old_text.len().min(new_text.len()), old_text.len().max(new_text.len()));
        if prefix + suffix < shorter.min(longer / 2) {
            let (start, end) = (old_text.get(..prefix), old_text.get(old_text.len() - suffix..));
            let (start, end) = (start.unwrap_or_default(), end.unwrap_or_default());
            prefix = start.len() - start.trim_start().len();
            suffix = end.len() - end.trim_end().len();
        }
        let found = [
            Match { old: old.start, new: new.start, len: prefix, weight: 0 },
            Match { old: old.end - suffix, new: new.end - suffix, len: suffix, weight: 0 },
        ];
        joined(found)
    }

    /// Both sides of a gap in pieces.
    fn tokens(
        &self,
        old: &Range<usize>,
        new: &Range<usize>,
        split: fn(&'t str, usize) -> Vec<Token<'t>>,
    ) -> (Vec<Token<'t>>, Vec<Token<'t>>) {
        let part = |text: &'t str, range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
        (split(part(self.old, old), old.start), split(part(self.new, new), new.start))
    }

    /// `matches`, with what `compare` finds in each gap between them that has something on both sides.
    fn within_gaps(
        &mut self,
        matches: &[Match],
        compare: fn(&mut Self, Range<usize>, Range<usize>) -> Vec<Match>,
    ) -> Vec<Match> {
        let mut finer = Vec::with_capacity(matches.len());
        let end = Match { old: self.old.len(), new: self.new.len(), len: 0, weight: 0 };
        let (mut at_old, mut at_new) = (0, 0);
        for found in matches.iter().chain(std::iter::once(&end)) {
            if at_old < found.old && at_new < found.new {
                finer.extend(compare(self, at_old..found.old, at_new..found.new));
            }
            finer.push(*found);
            (at_old, at_new) = (found.old + found.len, found.new + found.len);
        }
        joined(finer)
    }
}

impl Pair {
    fn matched(&self, weight: usize) -> Match {
        let Self { old, new, len, unique: _ } = *self;
        Match { old, new, len, weight }
    }
}

/// Keeps the pairs outside of `words`, and those in words of which they are two thirds of the bytes, or half in one piece.
fn keep_changed_words(pairs: &mut Vec<Pair>, words: &[Token<'_>], at: fn(&Pair) -> usize) {
    let mut kept = Vec::with_capacity(pairs.len());
    let mut rest = pairs.as_slice();
    for word in words {
        let before = rest.partition_point(|pair| at(pair) < word.at);
        let inside = rest.partition_point(|pair| at(pair) < word.at + word.text.len());
        kept.extend_from_slice(rest.get(..before).unwrap_or_default());
        let survivors = rest.get(before..inside).unwrap_or_default();
        let pieces = joined(survivors.iter().map(|pair| pair.matched(0)));
        let longest = pieces.iter().map(|piece| piece.len).max().unwrap_or(0);
        let all: usize = pieces.iter().map(|piece| piece.len).sum();
        if all * 3 >= word.text.len() * 2 || longest * 2 >= word.text.len() {
            kept.extend_from_slice(survivors);
        }
        rest = rest.get(inside..).unwrap_or_default();
    }
    kept.extend_from_slice(rest);
    *pairs = kept;
}

/// Makes one of matches that touch on both sides, and leaves empty ones out. They ascend.
fn joined(matches: impl IntoIterator<Item = Match>) -> Vec<Match> {
    let mut joined: Vec<Match> = Vec::new();
    for found in matches.into_iter().filter(|found| found.len > 0) {
        match joined.last_mut() {
            Some(last) if last.old + last.len == found.old && last.new + last.len == found.new => {
                last.len += found.len;
                last.weight += found.weight;
            }
            _ => joined.push(found),
        }
    }
    joined
}

/// The matches in every unit.
fn positioned(old: &Text, new: &Text, matches: &[Match]) -> Vec<EqualBlock> {
    let (mut in_old, mut in_new) = (Walk::new(old), Walk::new(new));
    let mut blocks = Vec::with_capacity(matches.len());
    for found in matches {
        let (old_start, new_start) = (in_old.to(found.old), in_new.to(found.new));
        // The new text has the same characters there: they need not be counted again.
        let old = TextRange { start: old_start, end: in_old.to(found.old + found.len) };
        let end = new_start.shifted(old.start, old.end);
        in_new.skip(end);
        blocks.push(EqualBlock { old, new: TextRange { start: new_start, end } });
    }
    blocks
}

/// Goes through a text once.
struct Walk<'t> {
    text: &'t str,
    at: Position,
}

impl<'t> Walk<'t> {
    fn new(text: &'t Text) -> Self {
        Self { text: text.as_str(), at: Position::default() }
    }

    fn to(&mut self, byte: usize) -> Position {
        self.at = self.at.after(self.text.get(to_index(self.at.utf8)..byte).unwrap_or_default());
        self.at
    }

    fn skip(&mut self, at: Position) {
        self.at = at;
    }
}

/// Whether `byte` is between two grapheme clusters of `text`. What stands near it decides: a cluster that begins more
/// than 64 bytes before may be divided between two of its code points.
fn whole(text: &str, byte: usize) -> bool {
    let start = text.floor_char_boundary(byte.saturating_sub(64));
    let end = text.ceil_char_boundary(byte.saturating_add(64).min(text.len()));
    let around = text.get(start..end).unwrap_or_default();
    let cluster = around.grapheme_indices(true).map(|(at, _)| start + at).take_while(|at| *at <= byte).last();
    text.is_char_boundary(byte)
        && (byte == text.len()
            || cluster.is_none_or(|cluster| cluster == byte || (cluster == start && start > 0)))
}

#[cfg(test)]
mod tests;
