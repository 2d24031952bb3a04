//! What texts are compared by: lines, words, and what a reader sees as one character.

use std::collections::HashMap;

use unicode_segmentation::UnicodeSegmentation as _;

use super::align::{Budget, Sequences, align};
use crate::limits::DIFF_TOKENS_MAX;

/// A piece of a text, as it stands there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'t> {
    /// In bytes from the start of the text.
    pub(super) at: usize,
    pub(super) text: &'t str,
}

/// Two tokens that were matched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) old: usize,
    pub(super) new: usize,
    /// In bytes.
    pub(super) len: usize,
    /// The token stands once on either side.
    pub(super) unique: bool,
}

/// Each line with what ends it. `at` is where `text` starts.
pub(super) fn lines(text: &str, mut at: usize) -> Vec<Token<'_>> {
    let lines = text.split_inclusive('\n').map(|text| {
        let token = Token { at, text };
        at += text.len();
        token
    });
    bounded(lines)
}

/// Words, numbers, signs and ideographs (Unicode Standard Annex 29), without white space. `at` is where `text` starts.
pub(super) fn words(text: &str, at: usize) -> Vec<Token<'_>> {
    let words = text.split_word_bound_indices().filter(|(_, word)| !word.trim().is_empty());
    bounded(words.map(|(start, text)| Token { at: at + start, text }))
}

/// Extended grapheme clusters.
pub(super) fn characters(text: &str, at: usize) -> Vec<Token<'_>> {
    text.grapheme_indices(true).map(|(start, text)| Token { at: at + start, text }).collect()
}

/// The tokens, or none if they are too many to be compared.
fn bounded<'t>(tokens: impl Iterator<Item = Token<'t>>) -> Vec<Token<'t>> {
    let tokens: Vec<_> = tokens.take(DIFF_TOKENS_MAX + 1).collect();
    if tokens.len() > DIFF_TOKENS_MAX { Vec::new() } else { tokens }
}

/// Tokens as numbers: equal ones have the same, whichever side they stand on.
#[derive(Debug, Default)]
struct Numbers<'t> {
    by_text: HashMap<&'t str, u32>,
    /// How often each stands in the old text and in the new one.
    counts: Vec<[u32; 2]>,
}

impl<'t> Numbers<'t> {
    fn number(&mut self, tokens: &[Token<'t>], side: usize) -> Vec<u32> {
        let mut numbers = Vec::with_capacity(tokens.len());
        for token in tokens {
            let next = u32::try_from(self.by_text.len()).unwrap_or(u32::MAX);
            let number = *self.by_text.entry(token.text).or_insert(next);
            if number == next {
                self.counts.push([0, 0]);
            }
            let count = self.counts.get_mut(usize::try_from(number).unwrap_or(usize::MAX));
            if let Some(count) = count.and_then(|counts| counts.get_mut(side)) {
                *count += 1;
            }
            numbers.push(number);
        }
        numbers
    }

    fn counts(&self, number: u32) -> [u32; 2] {
        self.counts.get(usize::try_from(number).unwrap_or(usize::MAX)).copied().unwrap_or_default()
    }
}

/// The tokens that are the same ones, in order.
pub(super) fn pairs<'t>(
    old: &[Token<'t>],
    new: &[Token<'t>],
    patience: bool,
    budget: &mut Budget,
) -> Vec<Pair> {
    let mut numbers = Numbers::default();
    let (old_numbers, new_numbers) = (numbers.number(old, 0), numbers.number(new, 1));
    if numbers.counts.iter().all(|counts| counts.contains(&0)) {
        return Vec::new();
    }
    let sequences = Sequences { old: &old_numbers, new: &new_numbers, distinct: numbers.counts.len() };
    let mut pairs = Vec::new();
    for run in align(&sequences, patience, budget) {
        let (old, new) = (old.iter().skip(run.old), new.iter().skip(run.new));
        let numbers_of_run = old_numbers.iter().skip(run.old);
        for ((old, new), number) in old.zip(new).zip(numbers_of_run).take(run.len) {
            let unique = numbers.counts(*number) == [1, 1];
            pairs.push(Pair { old: old.at, new: new.at, len: old.text.len(), unique });
        }
    }
    pairs
}
