//! Where annotations stand once their text was revised. The difference of both texts decides; a quote only proves.
//!
//! For one span with the quote `q`, of which some characters survive, that is, stand in an equal block:
//!
//! | result | when | where it stands then |
//! | --- | --- | --- |
//! | unchanged | all of `q` is within one equal block that stands where it stood, in every unit | there |
//! | shifted | all of `q` is within one equal block | with the block |
//! | moved | no character of `q` survives, and `q` was found where it was moved to | there |
//! | modified | half of the characters of `q` or more survive | from the first survivor to the last |
//! | orphaned | otherwise | nowhere |
//!
//! What is inserted at an edge of a span stays outside; what is inserted within makes it modified, although all of it
//! survives. A span that covers nothing lies between two characters. It goes with the equal block that has both (one, at
//! the start or end of a text); if they were parted, or one is gone, it is modified and stays with the one before it, or
//! else with the one after it; if both are gone, it is orphaned.

mod moves;

use std::ops::Deref;

use self::moves::Moves;
use super::{
    annotations::AnchoringResult,
    diff::{EqualBlock, TextDiff},
    spans::Anchor,
    text::{Position, Text, TextRange},
};

/// Two texts of one article, compared once for all of its annotations.
#[derive(Debug)]
pub struct Reanchoring<T> {
    old: T,
    new: T,
    diff: TextDiff,
    moves: Moves,
}

/// What became of an anchor.
#[derive(Debug, Clone, PartialEq)]
pub struct Reanchored {
    /// The worst of its spans' results.
    pub result: AnchoringResult,
    /// How many of a span's characters are still there, divided by how many it had, in code points; of its spans, the
    /// least. 1 for those that were kept or moved. For an orphan, what is left although it was too little.
    pub similarity: f64,
    /// Whether somebody should look at it: it was modified or orphaned.
    pub needs_review: bool,
    /// Its spans in the new text, in order; none for an orphan.
    pub anchor: Option<Anchor>,
}

/// What became of one span.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Segment {
    result: AnchoringResult,
    similarity: f64,
    range: TextRange,
}

impl Segment {
    const ORPHAN: Self = Self { result: AnchoringResult::Orphaned, similarity: 0.0, range: EMPTY };
}

const EMPTY: TextRange = TextRange { start: START, end: START };
const START: Position = Position { utf8: 0, utf16: 0, code_points: 0 };

impl<T: Deref<Target = Text>> Reanchoring<T> {
    /// Compares both texts and makes what was inserted ready to be searched. See [`TextDiff::between`] for the time that
    /// it takes. Of more than 4 MiB of deleted or inserted text nothing is found moved.
    #[must_use]
    pub fn new(old: T, new: T) -> Self {
        let diff = TextDiff::between(&old, &new);
        let moves = Moves::new(&old, &new, &diff);
        Self { old, new, diff, moves }
    }

    /// What both texts have in common.
    #[must_use]
    pub fn diff(&self) -> &TextDiff {
        &self.diff
    }

    /// Where `anchor`, which stands in the old text, stands in the new one.
    ///
    /// Spans that were moved to one place, or into another order, orphan their anchor: which of them is where could only
    /// be guessed. It takes a logarithm of the text's changes, and time linear in the changes within the spans. A span of
    /// up to 64 KiB that is gone is looked up among what was inserted, and compared with its text at 256 places at most.
    #[must_use]
    pub fn anchor(&self, anchor: &Anchor) -> Reanchored {
        let (mut result, mut similarity) = (AnchoringResult::Unchanged, 1.0_f64);
        let mut ranges = Vec::with_capacity(anchor.spans().len());
        for span in anchor.spans() {
            let segment = self.segment(span);
            result = result.max(segment.result);
            similarity = similarity.min(segment.similarity);
            ranges.push(segment.range);
        }
        let found = if result == AnchoringResult::Orphaned { None } else { Anchor::from_ranges(ranges) };
        let result = if found.is_some() { result } else { AnchoringResult::Orphaned };
        let needs_review = match result {
            AnchoringResult::Unchanged | AnchoringResult::Shifted | AnchoringResult::Moved => false,
            AnchoringResult::Modified | AnchoringResult::Orphaned => true,
        };
        Reanchored { result, similarity, needs_review, anchor: found }
    }

    fn segment(&self, span: &TextRange) -> Segment {
        if span.is_empty() {
            return self.empty(span.start);
        }
        let mut survivors: Option<TextRange> = None;
        let mut count = 0;
        for block in self.blocks(span) {
            let part = TextRange { start: block.old.start.max(span.start), end: block.old.end.min(span.end) };
            if part == *span {
                return kept(span, carried(block, span));
            }
            count += part.end.code_points - part.start.code_points;
            let range = carried(block, &part);
            survivors = Some(TextRange { start: survivors.map_or(range.start, |all| all.start), ..range });
        }
        let Some(range) = survivors else {
            return self.moves.find(&self.old, &self.new, span).map_or(Segment::ORPHAN, |range| Segment {
                result: AnchoringResult::Moved,
                similarity: 1.0,
                range,
            });
        };
        let length = span.end.code_points - span.start.code_points;
        let enough = u64::from(count) * 2 >= u64::from(length);
        Segment {
            result: if enough { AnchoringResult::Modified } else { AnchoringResult::Orphaned },
            similarity: f64::from(count) / f64::from(length),
            range,
        }
    }

    /// The equal blocks that share characters with `span`.
    fn blocks(&self, span: &TextRange) -> &[EqualBlock] {
        let blocks = self.diff.equal();
        let first = blocks.partition_point(|block| block.old.end <= span.start);
        let rest = blocks.get(first..).unwrap_or_default();
        let count = rest.partition_point(|block| block.old.start < span.end);
        rest.get(..count).unwrap_or_default()
    }

    /// Where the span that covers nothing at `place` stands.
    fn empty(&self, place: Position) -> Segment {
        let blocks = self.diff.equal();
        let behind = blocks.partition_point(|block| block.old.end < place);
        let near =
            || blocks.get(behind..).unwrap_or_default().iter().take_while(|block| block.old.start <= place);
        let before = near().find(|block| block.old.start < place);
        let after = near().find(|block| block.old.end > place);
        let at_edge = place == Position::default() || place == self.old.length();
        let range = |block| carried(block, &TextRange { start: place, end: place });
        let whole = TextRange { start: place, end: place };
        match (before, after) {
            (Some(block), Some(other)) if block == other => kept(&whole, range(block)),
            (Some(block), None) | (None, Some(block)) if at_edge => kept(&whole, range(block)),
            (Some(block), Some(_)) => {
                Segment { result: AnchoringResult::Modified, similarity: 1.0, range: range(block) }
            }
            (Some(block), None) | (None, Some(block)) => {
                Segment { result: AnchoringResult::Modified, similarity: 0.5, range: range(block) }
            }
            (None, None) if self.old.as_str().is_empty() => kept(&whole, EMPTY),
            (None, None) => Segment::ORPHAN,
        }
    }
}

/// What became of `span`, all of which is at `range` now.
fn kept(span: &TextRange, range: TextRange) -> Segment {
    let result = if range == *span { AnchoringResult::Unchanged } else { AnchoringResult::Shifted };
    Segment { result, similarity: 1.0, range }
}

/// Where `part`, which is within the old side of `block`, is in the new text.
fn carried(block: &EqualBlock, part: &TextRange) -> TextRange {
    TextRange {
        start: block.new.start.shifted(block.old.start, part.start),
        end: block.new.start.shifted(block.old.start, part.end),
    }
}

#[cfg(test)]
mod tests;
