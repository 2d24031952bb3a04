//! Rails left of the text: how a span of many rows is followed from the row it begins in to the one it ends in.

use std::collections::BTreeSet;

use super::{
    rows::{Row, Rows},
    segments::{Segment, Sweep},
};

/// Rails side by side; a span that finds none free has a bar under each of its rows.
const RAILS_MAX: usize = 6;

/// The rails, from left to right, each with the index of the segment that it shows.
#[derive(Debug)]
pub(super) struct Rails {
    /// The segments that cover whole rows.
    long: BTreeSet<usize>,
    tracks: Vec<Option<usize>>,
}

impl Rails {
    /// As many rails as are used at once.
    pub(super) fn plan(segments: &[Segment], rows: Rows<'_>) -> Self {
        let mut long: BTreeSet<usize> = BTreeSet::new();
        let mut sweep = Sweep::new(segments);
        for row in rows {
            sweep.enter(&row);
            let passes = |index: &&usize| segments.get(**index).is_some_and(|segment| segment.passes(&row));
            if !row.cells.is_empty() {
                long.extend(sweep.open.iter().filter(passes));
            }
            sweep.leave(&row);
        }
        // A rail that ends where another begins may share a row with it, so they do not share a track.
        let mut ends: Vec<usize> = Vec::new();
        for segment in long.iter().filter_map(|index| segments.get(*index)) {
            match ends.iter_mut().find(|end| **end < segment.start) {
                Some(end) => *end = segment.end,
                None => ends.push(segment.end),
            }
        }
        let tracks = vec![None; ends.len().min(RAILS_MAX)];
        Self { long, tracks }
    }

    /// No rails: each span has a bar under each of its rows.
    pub(super) fn none() -> Self {
        Self { long: BTreeSet::new(), tracks: Vec::new() }
    }

    /// How many columns they take.
    pub(super) fn columns(&self) -> usize {
        self.tracks.len()
    }

    /// Gives rails to the segments that begin in the row.
    pub(super) fn enter(&mut self, segments: &[Segment], open: &[usize], row: &Row) {
        let begins = |index: usize| segments.get(index).is_some_and(|segment| segment.start >= row.start);
        for index in open.iter().copied().filter(|index| self.long.contains(index) && begins(*index)) {
            if let Some(track) = self.tracks.iter_mut().find(|track| track.is_none()) {
                *track = Some(index);
            }
        }
    }

    /// Frees the rails of the segments that end in the row.
    pub(super) fn leave(&mut self, segments: &[Segment], row: &Row) {
        for track in &mut self.tracks {
            *track = track.filter(|index| segments.get(*index).is_some_and(|segment| segment.end > row.end));
        }
    }

    /// Whether the segment has a rail.
    pub(super) fn has(&self, index: usize) -> bool {
        self.tracks.contains(&Some(index))
    }

    /// The rails beside the row's text, or beside the bars under it.
    pub(super) fn beside<'r>(
        &'r self,
        segments: &'r [Segment],
        row: &'r Row,
        is_text: bool,
    ) -> impl Iterator<Item = (char, usize)> + 'r {
        self.tracks.iter().map(move |track| {
            let Some(segment) = track.and_then(|index| segments.get(index)) else { return (' ', 0) };
            let ends = segment.end <= row.end;
            let rail = match (is_text, ends) {
                (true, true) => '╰',
                (false, true) => ' ',
                (true, false) if segment.start >= row.start => '╭',
                (_, false) => '│',
            };
            (rail, segment.mention)
        })
    }
}
