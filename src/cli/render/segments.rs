//! The spans of all mentions in the order of the text.

use std::cmp::Reverse;

use super::{Mention, rows::Row};

/// One span of one mention, in bytes of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    /// Its first byte.
    pub(super) start: usize,
    /// The byte after it.
    pub(super) end: usize,
    /// The index of its mention.
    pub(super) mention: usize,
}

impl Segment {
    /// The segments of the mentions by start, the empty and then the longer first.
    pub(super) fn all(text: &str, mentions: &[Mention]) -> Vec<Self> {
        let mut segments: Vec<Self> = mentions
            .iter()
            .enumerate()
            .flat_map(|(mention, it)| it.ranges.iter().map(move |range| (mention, range)))
            .map(|(mention, range)| {
                // Whatever a server answers must not panic here.
                let start = text.floor_char_boundary(range.start);
                Self { start, end: text.ceil_char_boundary(range.end).max(start), mention }
            })
            .collect();
        segments.sort_by_key(|it| (it.start, it.start != it.end, Reverse(it.end), it.mention));
        segments
    }

    /// Whether the row lies within the segment, which neither begins nor ends in it.
    pub(super) fn passes(&self, row: &Row) -> bool {
        self.start < row.start && self.end > row.end
    }

    /// How many bytes it covers.
    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }
}

/// Which segments stand in a row, as rows are gone through in order.
#[derive(Debug)]
pub(super) struct Sweep<'s> {
    segments: &'s [Segment],
    next: usize,
    /// Indexes of the segments that stand in the present row, by start.
    pub(super) open: Vec<usize>,
}

impl<'s> Sweep<'s> {
    pub(super) fn new(segments: &'s [Segment]) -> Self {
        Self { segments, next: 0, open: Vec::new() }
    }

    pub(super) fn enter(&mut self, row: &Row) {
        while let Some(segment) = self.segments.get(self.next)
            && (segment.start < row.end || !row.covered(segment).is_empty())
        {
            self.open.push(self.next);
            self.next += 1;
        }
    }

    pub(super) fn leave(&mut self, row: &Row) {
        self.open.retain(|index| self.segments.get(*index).is_some_and(|segment| segment.end > row.end));
    }
}
