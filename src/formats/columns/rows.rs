//! The sentences and tokens of an article that is to be written: those that are marked in it, and where none are, those of
//! Unicode's rules (UAX 29). Tokens end where an annotation begins or ends.

use std::collections::{BTreeMap, HashSet};

use unicode_segmentation::UnicodeSegmentation;

use crate::{
    domain::annotations::{Annotation, Target},
    formats::exchange::imported_place,
};

/// The label of tokens.
pub(in crate::formats) const TOKEN: &str = "Token";
/// The label of sentences.
pub(in crate::formats) const SENTENCE: &str = "Sentence";

/// Why something is not written as it is.
pub(in crate::formats) const ACROSS_SENTENCES: &str = "spans across sentences";
pub(in crate::formats) const WHITE_SPACE: &str = "white space at the ends of spans";

/// A range in bytes, and the annotation that it is of.
#[derive(Debug, Clone, Copy)]
pub(in crate::formats) struct Piece<'a> {
    /// Where it begins.
    pub(in crate::formats) start: usize,
    /// Where it ends.
    pub(in crate::formats) end: usize,
    /// The annotation; none for what nobody marked.
    pub(in crate::formats) annotation: Option<&'a Annotation>,
}

/// A sentence.
#[derive(Debug, Clone)]
pub(in crate::formats) struct Sentence<'a> {
    /// The whole of it.
    pub(in crate::formats) piece: Piece<'a>,
    /// Its tokens: at least one.
    pub(in crate::formats) tokens: Vec<Piece<'a>>,
}

/// An article by its sentences.
#[derive(Debug)]
pub(in crate::formats) struct Rows<'a> {
    /// They have every character in them that is no white space.
    pub(in crate::formats) sentences: Vec<Sentence<'a>>,
    /// What is marked beside tokens and sentences, in document order, longer ones first: each begins and ends where a token of
    /// one sentence does.
    pub(in crate::formats) spans: Vec<Placed<'a>>,
    /// What cannot be told, and why.
    pub(in crate::formats) losses: Vec<(&'static str, &'a Annotation)>,
}

/// Something that covers tokens.
#[derive(Debug, Clone, Copy)]
pub(in crate::formats) struct Placed<'a> {
    /// The annotation.
    pub(in crate::formats) annotation: &'a Annotation,
    /// Which of its spans it is: of one, the first.
    pub(in crate::formats) part: usize,
    /// The sentence, from 0.
    pub(in crate::formats) sentence: usize,
    /// The first token in the sentence.
    pub(in crate::formats) first: usize,
    /// The one after the last.
    pub(in crate::formats) end: usize,
}

/// The ranges of an annotation on spans, in bytes; empty for another one.
pub(in crate::formats) fn ranges_of(annotation: &Annotation) -> Vec<(usize, usize)> {
    let index = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
    match &annotation.target {
        Target::Spans(mention) => {
            mention.anchor.spans().iter().map(|span| (index(span.start.utf8), index(span.end.utf8))).collect()
        }
        Target::Relation(_) | Target::Article => Vec::new(),
    }
}

/// Annotations in the order of the file that they came from, and others behind them.
pub(in crate::formats) fn in_order(mut annotations: Vec<&Annotation>) -> Vec<&Annotation> {
    annotations.sort_by_key(|annotation| imported_place(annotation.id).map_or((1, 0), |place| (0, place)));
    annotations
}

/// Pieces that share no character, by where they begin.
#[derive(Debug, Default)]
pub(in crate::formats) struct Pieces<'a>(BTreeMap<usize, Piece<'a>>);

impl<'a> Pieces<'a> {
    /// Takes a piece, unless it is empty or shares a character with one that was taken before.
    pub(in crate::formats) fn take(&mut self, piece: Piece<'a>) -> bool {
        let before = self.0.range(..=piece.start).next_back().is_none_or(|(_, it)| it.end <= piece.start);
        let behind = self.0.range(piece.start..).next().is_none_or(|(start, _)| piece.end <= *start);
        let is_taken = before && behind && piece.start < piece.end;
        if is_taken {
            self.0.insert(piece.start, piece);
        }
        is_taken
    }

    /// The piece that has the range from `start` to `end` in it.
    pub(in crate::formats) fn around(&self, start: usize, end: usize) -> Option<&Piece<'a>> {
        self.0.range(..=start).next_back().map(|(_, piece)| piece).filter(|piece| end <= piece.end)
    }

    /// All of them, in order.
    pub(in crate::formats) fn iter(&self) -> impl Iterator<Item = &Piece<'a>> {
        self.0.values()
    }
}

/// Whether a token can stand in a row: a tab or a line break would end it.
pub(in crate::formats) fn is_form(form: &str) -> bool {
    let begins = form.starts_with(|character: char| !character.is_whitespace());
    begins && !form.contains(['\t', '\n', '\r']) && !form.starts_with("# ") && !form.starts_with("-DOCSTART-")
}

/// The rows of a text: `tokens` and `sentences` are those that are marked, `spans` everything else.
pub(in crate::formats) fn rows_of<'a>(
    text: &'a str,
    tokens: &Pieces<'a>,
    sentences: &Pieces<'a>,
    spans: &[&'a Annotation],
) -> Rows<'a> {
    let (mut losses, mut narrow) = (Vec::new(), Vec::new());
    let mut ranges: Vec<(usize, usize, &'a Annotation, usize)> = Vec::new();
    // Tokens of some files end in white space, and so do spans of them.
    let ends_token = |end: usize| tokens.around(end.saturating_sub(1), end).is_some_and(|it| it.end == end);
    let narrowed = |(start, end): (usize, usize)| {
        let (first, last) = trimmed(text, start, end)?;
        Some((first, if ends_token(end) { end } else { last }))
    };
    for annotation in spans {
        let trimmed: Option<Vec<_>> = ranges_of(annotation).into_iter().map(narrowed).collect();
        let is_whole = trimmed.as_ref().is_some_and(|trimmed| *trimmed == ranges_of(annotation));
        if !is_whole {
            narrow.push(*annotation);
        }
        let parts = trimmed.into_iter().flatten().enumerate();
        ranges.extend(parts.map(|(part, (start, end))| (start, end, *annotation, part)));
    }
    ranges.sort_by_key(|(start, end, _, _)| (*start, usize::MAX - end));
    let mut cuts: Vec<usize> = ranges.iter().flat_map(|(start, end, _, _)| [*start, *end]).collect();
    cuts.sort_unstable();
    cuts.dedup();
    let cells = cells(text, tokens, &cuts, &mut losses);
    let covered = covered(&ranges);
    let sentences = grouped(text, &cells, sentences, &covered, &mut losses);
    let (spans, split) = placed(&sentences, &ranges);
    losses.extend(split.iter().map(|annotation| (ACROSS_SENTENCES, *annotation)));
    let split: HashSet<_> = split.iter().map(|annotation| annotation.id).collect();
    let narrow = narrow.into_iter().filter(|annotation| !split.contains(&annotation.id));
    losses.extend(narrow.map(|annotation| (WHITE_SPACE, annotation)));
    Rows { sentences, spans, losses }
}

/// A range without white space at its ends; none if there is nothing else in it.
fn trimmed(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let part = text.get(start..end)?;
    let start = start + (part.len() - part.trim_start().len());
    let end = start + part.trim().len();
    (start < end).then_some((start, end))
}

/// All tokens, in order.
fn cells<'a>(
    text: &str,
    tokens: &Pieces<'a>,
    cuts: &[usize],
    losses: &mut Vec<(&'static str, &'a Annotation)>,
) -> Vec<Piece<'a>> {
    let mut cells = Vec::new();
    let mut at = 0;
    for token in tokens.iter() {
        words(text, at, token.start, cuts, &mut cells);
        let next_cut = cuts.get(cuts.partition_point(|cut| *cut <= token.start));
        if next_cut.is_some_and(|cut| *cut < token.end) {
            words(text, token.start, token.end, cuts, &mut cells);
            losses.extend(
                token.annotation.map(|annotation| ("tokens that others begin or end in", annotation)),
            );
        } else {
            cells.push(*token);
        }
        at = token.end;
    }
    words(text, at, text.len(), cuts, &mut cells);
    cells
}

/// The words of a part of the text, cut, without white space at their ends.
fn words(text: &str, start: usize, end: usize, cuts: &[usize], cells: &mut Vec<Piece<'_>>) {
    let part = text.get(start..end).unwrap_or_default();
    for (at, word) in part.split_word_bound_indices() {
        let (mut first, end) = (start + at, start + at + word.len());
        let next = cuts.partition_point(|cut| *cut <= first);
        let inside = cuts.iter().copied().skip(next).take_while(|cut| *cut < end);
        for end in inside.chain([end]) {
            if let Some((start, end)) = trimmed(text, first, end) {
                cells.push(Piece { start, end, annotation: None });
            }
            first = end;
        }
    }
}

/// What ranges cover together, in order.
fn covered(ranges: &[(usize, usize, &Annotation, usize)]) -> Vec<(usize, usize)> {
    let mut covered: Vec<(usize, usize)> = Vec::new();
    for (start, end, _, _) in ranges {
        match covered.last_mut() {
            Some(last) if *start < last.1 => last.1 = last.1.max(*end),
            Some(_) | None => covered.push((*start, *end)),
        }
    }
    covered
}

/// Tokens by sentences. Where none is marked, one ends where Unicode says, unless something goes on there.
fn grouped<'a>(
    text: &str,
    cells: &[Piece<'a>],
    marked: &Pieces<'a>,
    covered: &[(usize, usize)],
    losses: &mut Vec<(&'static str, &'a Annotation)>,
) -> Vec<Sentence<'a>> {
    let goes_on = |at: usize| {
        let last = covered.partition_point(|(start, _)| *start < at).checked_sub(1);
        last.and_then(|last| covered.get(last)).is_some_and(|(_, end)| at < *end)
    };
    let ends: Vec<usize> = text
        .split_sentence_bound_indices()
        .map(|(at, sentence)| at + sentence.len())
        .filter(|end| !goes_on(*end))
        .collect();
    let splits = |at: usize| {
        let last = cells.partition_point(|cell| cell.start < at).checked_sub(1);
        last.and_then(|last| cells.get(last)).is_some_and(|cell| at < cell.end)
    };
    let mut whole = Pieces::default();
    for piece in marked.iter() {
        let has_tokens = cells.get(cells.partition_point(|cell| cell.start < piece.start));
        let has_tokens = has_tokens.is_some_and(|cell| cell.end <= piece.end);
        if splits(piece.start) || splits(piece.end) || !has_tokens {
            losses.extend(
                piece.annotation.map(|annotation| ("sentences without tokens of their own", annotation)),
            );
        } else {
            whole.take(*piece);
        }
    }
    let mut sentences: Vec<Sentence<'a>> = Vec::new();
    let mut last_end = None;
    for cell in cells {
        let around = whole.around(cell.start, cell.end);
        let piece = around.copied().unwrap_or(Piece { annotation: None, ..*cell });
        let end = ends.get(ends.partition_point(|end| *end <= cell.start)).copied();
        match sentences.last_mut() {
            Some(last)
                if around.is_some() && last.piece.start == piece.start && last.piece.end == piece.end =>
            {
                last.tokens.push(*cell);
            }
            Some(last) if around.is_none() && last.piece.annotation.is_none() && last_end == Some(end) => {
                last.piece.end = cell.end;
                last.tokens.push(*cell);
            }
            Some(_) | None => sentences.push(Sentence { piece, tokens: vec![*cell] }),
        }
        last_end = Some(end);
    }
    sentences
}

/// Which tokens ranges cover; and the annotations whose ranges are not each in one sentence.
fn placed<'a>(
    sentences: &[Sentence<'a>],
    ranges: &[(usize, usize, &'a Annotation, usize)],
) -> (Vec<Placed<'a>>, Vec<&'a Annotation>) {
    let mut placed = Vec::with_capacity(ranges.len());
    let mut split = HashSet::new();
    for (start, end, annotation, part) in ranges {
        let begins = |sentence: &Sentence<'_>| sentence.tokens.first().is_some_and(|it| it.start <= *start);
        let found = sentences.partition_point(begins).checked_sub(1).and_then(|index| {
            let tokens = &sentences.get(index)?.tokens;
            let first = tokens.binary_search_by_key(start, |token| token.start).ok()?;
            let end = tokens.binary_search_by_key(end, |token| token.end).ok()? + 1;
            Some(Placed { annotation, part: *part, sentence: index, first, end })
        });
        match found {
            Some(found) => placed.push(found),
            None => {
                split.insert(annotation.id);
            }
        }
    }
    placed.retain(|it| !split.contains(&it.annotation.id));
    // Each once.
    let split =
        ranges.iter().map(|(_, _, annotation, _)| *annotation).filter(|it| split.remove(&it.id)).collect();
    (placed, split)
}
