//! Finds in inserted text what was deleted elsewhere.

use crate::{
    domain::{
        diff::{Change, TextDiff},
        text::{Position, Text, TextRange, Unit, to_index, to_offset},
    },
    limits::{
        MOVED_CANDIDATES_MAX, MOVED_CONTEXT_CODE_POINTS, MOVED_QUOTE_BYTES_MAX, MOVED_QUOTE_CODE_POINTS_MIN,
        MOVED_TEXT_BYTES_MAX,
    },
};

/// Bytes that places are looked up by.
const GRAM_BYTES: usize = 8;
/// Bytes of the shortest thing that is looked up.
const GRAM_BYTES_MIN: usize = 4;
/// So many grams of a quote are looked up; a gram at fewer places than this is rare enough.
const GRAMS_SAMPLED: usize = 8;

/// The deleted and the inserted text of a difference, ready to be searched.
///
/// A quote is moved to where it stands in inserted text if it has four characters or more and stands once in deleted
/// text, namely where it was, and once in inserted text. Otherwise the same is asked of the quote with what was deleted
/// right before it and right after it, 32 characters each or fewer where the deletion begins or ends, together four bytes
/// or more. What was inserted at two places is two texts: nothing is found across them.
#[derive(Debug, Default)]
pub(super) struct Moves {
    deletions: Vec<TextRange>,
    deleted: Index,
    inserted: Index,
}

impl Moves {
    pub(super) fn new(old: &Text, new: &Text, diff: &TextDiff) -> Self {
        let (mut deletions, mut insertions) = (Vec::new(), Vec::new());
        for Change { deleted, inserted } in diff.changes() {
            deletions.extend(Some(deleted).filter(|range| !range.is_empty()));
            insertions.extend(Some(inserted).filter(|range| !range.is_empty()));
        }
        let bytes = |ranges: &[TextRange]| -> usize {
            ranges.iter().map(|range| to_index(range.end.utf8 - range.start.utf8)).sum()
        };
        let searched = [bytes(&deletions), bytes(&insertions)];
        if searched.contains(&0) || searched.iter().any(|bytes| *bytes > MOVED_TEXT_BYTES_MAX) {
            return Self::default();
        }
        Self { deleted: Index::new(old, &deletions), inserted: Index::new(new, &insertions), deletions }
    }

    /// Where `span` of the text `old`, all of which was deleted, was moved to.
    pub(super) fn find(&self, old: &Text, new: &Text, span: &TextRange) -> Option<TextRange> {
        let quote = old.slice(span);
        if quote.len() > MOVED_QUOTE_BYTES_MAX {
            return None;
        }
        if quote.chars().nth(MOVED_QUOTE_CODE_POINTS_MIN - 1).is_some()
            && let Some(start) = self.inserted.once(new, quote)
            && self.deleted.once(old, quote).is_some()
        {
            return Some(placed(start, span));
        }
        let deletion = self.deletions.partition_point(|range| range.end <= span.start);
        let deletion = self.deletions.get(deletion)?;
        let prefix = old.slice(&TextRange { start: deletion.start, end: span.start });
        let suffix = old.slice(&TextRange { start: span.end, end: deletion.end });
        let kept = |(at, _): (usize, char)| at;
        let from =
            prefix.char_indices().rev().take(MOVED_CONTEXT_CODE_POINTS).last().map_or(prefix.len(), kept);
        let until = suffix.char_indices().nth(MOVED_CONTEXT_CODE_POINTS).map_or(suffix.len(), kept);
        let (prefix, suffix) =
            (prefix.get(from..).unwrap_or_default(), suffix.get(..until).unwrap_or_default());
        if prefix.trim().is_empty() || suffix.trim().is_empty() {
            return None;
        }
        let in_context = [prefix, quote, suffix].concat();
        let start = self.inserted.once(new, &in_context)?;
        self.deleted.once(old, &in_context)?;
        let prefix = Text::new(prefix).length();
        Some(placed(start.shifted(Position::default(), prefix), span))
    }
}

/// What `span` covers, at `start`.
fn placed(start: Position, span: &TextRange) -> TextRange {
    TextRange { start, end: start.shifted(span.start, span.end) }
}

/// Parts of a text, ready to be searched.
#[derive(Debug, Default)]
struct Index {
    parts: Vec<TextRange>,
    /// Each place in a part where four bytes or more of it begin, in bytes of the text, after the first eight of them.
    /// Sorted, so that all places where something shorter begins stand together too.
    grams: Vec<(Gram, u32)>,
}

/// Eight bytes, or fewer and then zeros.
type Gram = [u8; GRAM_BYTES];

impl Index {
    /// Indexes `parts` of `text`, which ascend. Takes 12 bytes for each of theirs.
    fn new(text: &Text, parts: &[TextRange]) -> Self {
        let mut grams = Vec::new();
        for part in parts {
            let mut rest = text.slice(part).as_bytes();
            for at in part.start.utf8.. {
                if rest.len() < GRAM_BYTES_MIN {
                    break;
                }
                grams.push((gram(rest, 0), at));
                rest = rest.get(1..).unwrap_or_default();
            }
        }
        grams.sort_unstable();
        Self { parts: parts.to_vec(), grams }
    }

    /// Where `quote` begins in `text`, if it stands once in its parts.
    ///
    /// Only places with the rarest of some of its grams are looked at; if they are more than 256, it is not known to
    /// stand once.
    fn once(&self, text: &Text, quote: &str) -> Option<Position> {
        let (offset, places) = self.rarest(quote)?;
        if places.len() > MOVED_CANDIDATES_MAX {
            return None;
        }
        let mut found = places.iter().filter_map(|&(_, at)| {
            let start = at.checked_sub(offset)?;
            let end = start.checked_add(to_offset(quote.len()))?;
            let stands =
                text.as_str().as_bytes().get(to_index(start)..to_index(end)) == Some(quote.as_bytes());
            let within = || {
                let part = self.parts.partition_point(|part| part.end.utf8 < end);
                self.parts.get(part).is_some_and(|part| part.start.utf8 <= start)
            };
            (stands && within()).then_some(start)
        });
        let (first, second) = (found.next()?, found.next());
        if second.is_some() { None } else { text.position(Unit::Utf8, first).ok() }
    }

    /// The rarest of at most eight grams of `quote`: where it begins there, and everywhere else.
    fn rarest(&self, quote: &str) -> Option<(u32, &[(Gram, u32)])> {
        let bytes = quote.as_bytes();
        let last = bytes.len().checked_sub(GRAM_BYTES_MIN)?.saturating_sub(GRAM_BYTES - GRAM_BYTES_MIN);
        let mut rarest: Option<(u32, &[(Gram, u32)])> = None;
        for offset in (0..=last).step_by(last / GRAMS_SAMPLED + 1) {
            let rest = bytes.get(offset..).unwrap_or_default();
            let (lowest, highest) = (gram(rest, 0), gram(rest, u8::MAX));
            let same = self.grams.get(self.grams.partition_point(|(gram, _)| *gram < lowest)..)?;
            let same = same.get(..same.partition_point(|(gram, _)| *gram <= highest))?;
            if rarest.is_none_or(|(_, places)| same.len() < places.len()) {
                rarest = Some((to_offset(offset), same));
            }
            if same.len() < GRAMS_SAMPLED {
                break;
            }
        }
        rarest
    }
}

/// The first bytes of `bytes`, then `padding`.
fn gram(bytes: &[u8], padding: u8) -> Gram {
    let mut gram = [padding; GRAM_BYTES];
    for (into, byte) in gram.iter_mut().zip(bytes) {
        *into = *byte;
    }
    gram
}
