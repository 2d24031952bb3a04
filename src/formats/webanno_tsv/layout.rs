//! The sentences and tokens of an article: those that are annotated, and others where there are none, since every character
//! of a file is in a sentence, and every annotation begins and ends in a token.

use std::collections::HashSet;

use crate::domain::{
    annotations::Annotation,
    ids::AnnotationId,
    text::{Text, TextRange, Unit},
};

/// A sentence.
#[derive(Debug)]
pub(super) struct SentenceLayout {
    /// Where it is.
    pub(super) range: TextRange,
    /// What it is called.
    pub(super) id: String,
    /// Its tokens, of which it has at least one.
    pub(super) tokens: Vec<TextRange>,
}

/// Sentences, and what could not be one of them.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// In order.
    pub(super) sentences: Vec<SentenceLayout>,
    /// Sentences and tokens that are written as such.
    pub(super) written: HashSet<AnnotationId>,
    /// Whether the text between sentences comes back.
    pub(super) keeps_text: bool,
}

/// Lays out a text with these sentences and tokens.
pub(super) fn layout(text: &Text, sentences: &[&Annotation], tokens: &[&Annotation]) -> Layout {
    let mut layout = Layout { keeps_text: true, ..Layout::default() };
    let annotated = in_order(sentences);
    let tokens = in_order(tokens);
    let mut end = 0;
    let mut ranges: Vec<(TextRange, Option<&Annotation>)> = Vec::new();
    for (range, annotation) in annotated {
        if range.start.utf8 < end {
            continue;
        }
        ranges.extend(gap(text, end, range.start.utf8, false).into_iter().map(|range| (range, None)));
        end = range.end.utf8;
        ranges.push((range, Some(annotation)));
    }
    let whole = sentences.is_empty();
    let rest = gap(text, end, text.length().utf8, whole);
    ranges.extend(rest.into_iter().map(|range| (range, None)));
    let mut next = tokens.iter().peekable();
    let count = ranges.len();
    for (at, (range, annotation)) in ranges.into_iter().enumerate() {
        let mut of_sentence: Vec<(TextRange, AnnotationId)> = Vec::new();
        while let Some((token, annotation)) = next.next_if(|(token, _)| token.start.utf8 < range.end.utf8) {
            let from = of_sentence.last().map_or(range.start.utf8, |(before, _)| before.end.utf8);
            if token.start.utf8 >= from && token.end.utf8 <= range.end.utf8 {
                of_sentence.push((*token, annotation.id));
            }
        }
        let first = of_sentence.first().map(|(token, _)| *token);
        if first.is_some_and(|first| !is_found(text, &range, &first)) {
            of_sentence.clear();
        }
        layout.written.extend(of_sentence.iter().map(|(_, id)| *id));
        let mut tokens: Vec<_> = of_sentence.into_iter().map(|(token, _)| token).collect();
        if tokens.is_empty() || at + 1 == count {
            let from = tokens.last().map_or(range.start.utf8, |last| last.end.utf8);
            tokens.extend(words(text, from, range.end.utf8));
        }
        if tokens.is_empty() {
            tokens.push(range);
        }
        let id = annotation.and_then(|annotation| {
            layout.written.insert(annotation.id);
            match annotation.attributes.get("id") {
                Some(crate::domain::attributes::AttributeValue::String(id)) => Some(id.clone()),
                Some(_) | None => None,
            }
        });
        layout.sentences.push(SentenceLayout { range, id: id.unwrap_or_default(), tokens });
    }
    layout.keeps_text = keeps_text(text, &layout.sentences);
    layout
}

/// Spans that cover something, in order, the longer ones first.
fn in_order<'a>(annotations: &[&'a Annotation]) -> Vec<(TextRange, &'a Annotation)> {
    let mut ranges: Vec<_> = annotations
        .iter()
        .filter_map(|annotation| Some((annotation.target.mention()?.anchor.hull(), *annotation)))
        .filter(|(range, _)| !range.is_empty())
        .collect();
    ranges.sort_by_key(|(range, _)| (range.start.utf8, std::cmp::Reverse(range.end.utf8)));
    ranges
}

/// The lines between two sentences as sentences of their own, unless there is only space. Where `whole`, the space too.
fn gap(text: &Text, start: u32, end: u32, whole: bool) -> Vec<TextRange> {
    let covered = slice(text, start, end);
    if covered.is_empty() || covered.trim().is_empty() && !whole {
        return Vec::new();
    }
    let mut lines: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    for line in covered.split('\n') {
        let line_end = at + line.len();
        match lines.last_mut() {
            // An empty line belongs to the one before it.
            Some(last) if line.trim().is_empty() => last.1 = line_end,
            Some(_) | None => lines.push((at, line_end)),
        }
        at = line_end + 1;
    }
    // Space before the first line belongs to it.
    if let [first, second, ..] = lines.as_mut_slice()
        && covered.get(first.0..first.1).is_some_and(|line| line.trim().is_empty())
    {
        second.0 = first.0;
        lines.remove(0);
    }
    lines.into_iter().filter_map(|(from, to)| range(text, offset(start, from)?, offset(start, to)?)).collect()
}

fn offset(start: u32, more: usize) -> Option<u32> {
    start.checked_add(u32::try_from(more).ok()?)
}

/// Words, and other characters each by itself.
fn words(text: &Text, start: u32, end: u32) -> Vec<TextRange> {
    let covered = slice(text, start, end);
    let mut words: Vec<(usize, usize, bool)> = Vec::new();
    for (at, character) in covered.char_indices() {
        let (after, is_word) = (at + character.len_utf8(), character.is_alphanumeric());
        match words.last_mut() {
            _ if character.is_whitespace() || character.is_control() => {}
            Some(last) if last.1 == at && last.2 && is_word => last.1 = after,
            Some(_) | None => words.push((at, after, is_word)),
        }
    }
    words
        .into_iter()
        .filter_map(|(from, to, _)| range(text, offset(start, from)?, offset(start, to)?))
        .collect()
}

/// Whether readers find the first token of a sentence where it is: by its word.
fn is_found(text: &Text, sentence: &TextRange, first: &TextRange) -> bool {
    let expected = usize::try_from(first.start.utf8.saturating_sub(sentence.start.utf8)).ok();
    let word = super::cells::on_one_line(text.slice(first));
    text.slice(sentence).find(word.as_str()) == expected || expected == Some(0)
}

fn keeps_text(text: &Text, sentences: &[SentenceLayout]) -> bool {
    let mut end = 0;
    let mut keeps = true;
    for (at, sentence) in sentences.iter().enumerate() {
        let between = slice(text, end, sentence.range.start.utf8);
        let between = if at == 0 {
            between
        } else {
            between.strip_prefix('\n').unwrap_or(if between.is_empty() { "" } else { "?" })
        };
        keeps &= between.bytes().all(|byte| byte == b' ');
        end = sentence.range.end.utf8;
    }
    keeps && end == text.length().utf8
}

fn slice(text: &Text, start: u32, end: u32) -> &str {
    let index = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
    text.as_str().get(index(start)..index(end)).unwrap_or_default()
}

fn range(text: &Text, start: u32, end: u32) -> Option<TextRange> {
    let position = |offset| text.position(Unit::Utf8, offset).ok();
    Some(TextRange { start: position(start)?, end: position(end)? })
}
