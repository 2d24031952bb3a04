//! The annotations of an article by what they become: words, multiword tokens, sentences, empty nodes, mentions.

use std::collections::{BTreeMap, HashSet};

use super::{MULTIWORD, fields::FORM};
use crate::{
    domain::{annotations::Annotation, attributes::AttributeValue},
    formats::columns::rows::{Piece, Pieces, SENTENCE, Sentence, TOKEN, is_form, ranges_of},
};

/// The annotations of an article by what they become.
pub(super) struct Parts<'a> {
    /// Words, and multiword tokens whose words are no parts of the text.
    pub(super) tokens: Pieces<'a>,
    pub(super) sentences: Pieces<'a>,
    /// What covers nothing, such as empty nodes, and where it is.
    pub(super) empty: Vec<(usize, &'a Annotation)>,
    pub(super) spans: Vec<&'a Annotation>,
    /// Multiword tokens whose words are parts of the text.
    groups: Pieces<'a>,
    /// The words of the other multiword tokens, by where these begin.
    fused: BTreeMap<usize, Vec<&'a Annotation>>,
}

/// A word that is written.
#[derive(Debug, Clone)]
pub(super) struct Word<'a> {
    pub(super) form: String,
    /// Whether the form is an attribute.
    pub(super) has_form: bool,
    pub(super) annotation: Option<&'a Annotation>,
    /// Which token of the sentence it is, or is of, and whether it is the first and the last one of that.
    pub(super) cell: usize,
    pub(super) is_first: bool,
    pub(super) is_last: bool,
    /// Where that ends.
    pub(super) end: usize,
}

/// A word or a multiword token that is written.
#[derive(Debug, Clone)]
pub(super) struct WordUnit<'a> {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) form: String,
    /// The multiword token.
    pub(super) group: Option<&'a Annotation>,
    pub(super) words: Vec<Word<'a>>,
}

impl<'a> Parts<'a> {
    pub(super) fn of(text: &str, annotations: &[&'a Annotation]) -> Self {
        let mut parts = Self {
            tokens: Pieces::default(),
            sentences: Pieces::default(),
            empty: Vec::new(),
            spans: Vec::new(),
            groups: Pieces::default(),
            fused: BTreeMap::new(),
        };
        let mut words: BTreeMap<usize, Vec<(usize, &'a Annotation)>> = BTreeMap::new();
        for annotation in annotations.iter().filter(|annotation| annotation.label.as_str() == TOKEN) {
            if let [(start, end)] = ranges_of(annotation).as_slice() {
                words.entry(*start).or_default().push((*end, annotation));
            }
        }
        let mut fused = HashSet::new();
        for annotation in annotations.iter().filter(|annotation| annotation.label.as_str() == MULTIWORD) {
            if let [(start, end)] = ranges_of(annotation).as_slice()
                && text.get(*start..*end).is_some_and(is_form)
            {
                let piece = Piece { start: *start, end: *end, annotation: Some(annotation) };
                let inside: Vec<_> = words
                    .range(*start..*end)
                    .flat_map(|(start, words)| words.iter().map(|(end, word)| (*start, *end, *word)))
                    .collect();
                if are_tiles(&inside, *start, *end) {
                    parts.groups.take(piece);
                } else if are_fused(&inside, *start, *end) && parts.tokens.take(piece) {
                    fused.insert(annotation.id);
                    fused.extend(inside.iter().map(|(_, _, word)| word.id));
                    parts.fused.insert(*start, inside.into_iter().map(|(_, _, word)| word).collect());
                }
            }
        }
        let groups: HashSet<_> = parts.groups.iter().filter_map(|piece| Some(piece.annotation?.id)).collect();
        for annotation in annotations {
            if fused.contains(&annotation.id) || groups.contains(&annotation.id) {
                continue;
            }
            parts.put(text, annotation);
        }
        parts
    }

    fn put(&mut self, text: &str, annotation: &'a Annotation) {
        let (label, ranges) = (annotation.label.as_str(), ranges_of(annotation));
        match ranges.as_slice() {
            [] => {}
            [(start, end)] if start == end => self.empty.push((*start, annotation)),
            [(start, end)] => {
                let piece = Piece { start: *start, end: *end, annotation: Some(annotation) };
                let is_token = label == TOKEN && text.get(*start..*end).is_some_and(is_form);
                let is_put = (is_token && self.tokens.take(piece))
                    || (label == SENTENCE && self.sentences.take(piece));
                if !is_put {
                    self.spans.push(annotation);
                }
            }
            [_, _, ..] => self.spans.push(annotation),
        }
    }
}

/// Whether words are all of what is from `start` to `end`, one behind another.
fn are_tiles(words: &[(usize, usize, &Annotation)], start: usize, end: usize) -> bool {
    let last = words.iter().try_fold(start, |at, (first, last, word)| {
        (at == *first && last > first && !word.attributes.contains_key(FORM)).then_some(*last)
    });
    !words.is_empty() && last == Some(end)
}

/// Whether words are each said to be all of what is from `start` to `end`, with forms of their own.
fn are_fused(words: &[(usize, usize, &Annotation)], start: usize, end: usize) -> bool {
    let is_one = |(first, last, word): &(usize, usize, &Annotation)| {
        (*first, *last) == (start, end) && form_of(word).is_some()
    };
    !words.is_empty() && words.iter().all(is_one)
}

fn form_of(word: &Annotation) -> Option<&str> {
    match word.attributes.get(FORM) {
        Some(AttributeValue::String(form)) if !form.is_empty() && !form.contains(['\t', '\n', '\r']) => {
            Some(form)
        }
        _ => None,
    }
}

/// The words of a sentence.
pub(super) fn units_of<'a>(
    text: &str,
    sentence: &Sentence<'a>,
    parts: &Parts<'a>,
    lose: &mut dyn FnMut(&str, &Annotation),
) -> Vec<WordUnit<'a>> {
    let form = |start: usize, end: usize| text.get(start..end).unwrap_or_default().to_owned();
    let mut units: Vec<WordUnit<'a>> = Vec::new();
    for (cell, piece) in sentence.tokens.iter().enumerate() {
        let fused =
            piece.annotation.filter(|it| it.label.as_str() == MULTIWORD).and(parts.fused.get(&piece.start));
        let word = |annotation: Option<&'a Annotation>, form: String, has_form, is_first, is_last| Word {
            form,
            has_form,
            annotation,
            cell,
            is_first,
            is_last,
            end: piece.end,
        };
        if let Some(fused) = fused {
            let count = fused.len();
            let words = fused.iter().enumerate().map(|(at, one)| {
                word(Some(one), form_of(one).unwrap_or_default().to_owned(), true, at == 0, at + 1 == count)
            });
            units.push(WordUnit {
                start: piece.start,
                end: piece.end,
                form: form(piece.start, piece.end),
                group: piece.annotation,
                words: words.collect(),
            });
            continue;
        }
        let one = word(piece.annotation, form(piece.start, piece.end), false, true, true);
        match units.last_mut() {
            Some(unit) if unit.group.is_some() && piece.end <= unit.end => unit.words.push(one),
            Some(_) | None => {
                let group = parts.groups.around(piece.start, piece.end).filter(|it| it.start == piece.start);
                let group = group.and_then(|it| Some((it.end, it.annotation?))).filter(|(end, group)| {
                    let is_whole = sentence.tokens.iter().skip(cell).any(|it| it.end == *end);
                    if !is_whole {
                        lose("conllu: multiword tokens across sentences", group);
                    }
                    is_whole
                });
                let end = group.map_or(piece.end, |(end, _)| end);
                units.push(WordUnit {
                    start: piece.start,
                    end,
                    form: form(piece.start, end),
                    group: group.map(|(_, group)| group),
                    words: vec![one],
                });
            }
        }
    }
    units
}
