//! A text as the rows of a terminal: lines broken at its width, cut into cells where spans begin and end.

use std::ops::Range;

use memchr::memchr;
use unicode_segmentation::UnicodeSegmentation as _;

use super::{cells::glyph, segments::Segment};

/// Columns between two tab stops.
const TAB_COLUMNS: usize = 8;

/// What is shown in one piece: a grapheme cluster, a part of one that a span cuts off, or, where `start` is
/// `end`, the place of an empty span.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell {
    /// Its first byte in the text.
    pub(super) start: usize,
    /// The byte after it.
    pub(super) end: usize,
    /// Its first column in the row.
    pub(super) column: usize,
    /// How many columns it takes.
    pub(super) width: usize,
}

impl Cell {
    fn is_place(&self) -> bool {
        self.start == self.end
    }
}

/// A row of the terminal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// The line's number, from 1, on its first row.
    pub(super) number: Option<usize>,
    /// What is shown.
    pub(super) cells: Vec<Cell>,
    /// Its first byte in the text.
    pub(super) start: usize,
    /// The byte after it and its line break.
    pub(super) end: usize,
}

impl Row {
    /// The cells that the segment covers.
    pub(super) fn covered(&self, segment: &Segment) -> Range<usize> {
        let Segment { start, end, .. } = *segment;
        if start == end {
            let place = self.cells.partition_point(|cell| cell.start < start);
            let found = self.cells.get(place).is_some_and(|cell| cell.is_place() && cell.start == start);
            return place..place + usize::from(found);
        }
        let before = |cell: &Cell| cell.start < start || (cell.start == start && cell.is_place());
        let from = self.cells.partition_point(before);
        from..self.cells.partition_point(|cell| cell.start < end).max(from)
    }

    /// How many columns are taken.
    pub(super) fn columns(&self) -> usize {
        self.cells.last().map_or(0, |cell| cell.column + cell.width)
    }

    fn push(&mut self, end: usize, width: usize) {
        self.cells.push(Cell { start: self.end, end, column: self.columns(), width });
        self.end = end;
    }

    /// Ends the row after its last space, or where it is when there is none.
    fn break_off(&mut self, text: &str) {
        let is_space = |cell: &Cell| {
            text.get(cell.start..cell.end).is_some_and(|text| matches!(text, " " | "\t" | "\u{3000}"))
        };
        let after_space =
            self.cells.iter().rposition(|cell| !cell.is_place() && is_space(cell)).map(|space| space + 1);
        if let Some(kept) = after_space
            && let Some(cell) = self.cells.get(kept)
        {
            self.end = cell.start;
            self.cells.truncate(kept);
        }
        while self.cells.last().is_some_and(|cell| cell.is_place() && cell.start == self.end) {
            self.cells.pop();
        }
    }
}

/// Where spans begin and end, sorted.
#[derive(Debug, Default)]
pub(super) struct Boundaries {
    starts: Vec<usize>,
    ends: Vec<usize>,
    places: Vec<usize>,
    all: Vec<usize>,
}

impl Boundaries {
    pub(super) fn of(segments: &[Segment]) -> Self {
        let mut boundaries = Self::default();
        for segment in segments {
            if segment.start == segment.end {
                boundaries.places.push(segment.start);
            } else {
                boundaries.starts.push(segment.start);
                boundaries.ends.push(segment.end);
            }
        }
        boundaries.all = [&boundaries.starts[..], &boundaries.ends, &boundaries.places].concat();
        for list in
            [&mut boundaries.starts, &mut boundaries.ends, &mut boundaries.places, &mut boundaries.all]
        {
            list.sort_unstable();
            list.dedup();
        }
        boundaries
    }

    /// Where anything begins or ends.
    pub(super) fn all(&self) -> &[usize] {
        &self.all
    }

    /// The end of the cell that begins at `start` and would end at `end`.
    fn cut(&self, start: usize, end: usize) -> usize {
        let next = self.all.partition_point(|boundary| *boundary <= start);
        self.all.get(next).map_or(end, |boundary| end.min(*boundary))
    }

    fn has_place(&self, at: usize) -> bool {
        self.places.binary_search(&at).is_ok()
    }

    /// Whether a span begins at or inside the line break, or ends inside or after it.
    fn touch(&self, line_break: Range<usize>) -> bool {
        let within = |list: &[usize], from: usize, to: usize| {
            list.get(list.partition_point(|boundary| *boundary < from)).is_some_and(|found| *found < to)
        };
        within(&self.starts, line_break.start, line_break.end)
            || within(&self.ends, line_break.start + 1, line_break.end + 1)
            || within(&self.places, line_break.start + 1, line_break.end)
    }
}

/// The rows of a text, from its start to its end.
#[derive(Debug)]
pub(super) struct Rows<'t> {
    text: &'t str,
    boundaries: &'t Boundaries,
    width: usize,
    position: usize,
    line: usize,
    /// The line without its line break.
    content_end: usize,
    /// The line with it.
    line_end: usize,
    finished: bool,
}

impl<'t> Rows<'t> {
    /// The text in rows of at most `width` columns, to which a space may be added.
    pub(super) fn new(text: &'t str, boundaries: &'t Boundaries, width: usize) -> Self {
        let finished = text.is_empty() && boundaries.places.is_empty();
        Self { text, boundaries, width, position: 0, line: 0, content_end: 0, line_end: 0, finished }
    }

    fn enter_line(&mut self) {
        self.line += 1;
        let rest = self.text.as_bytes().get(self.position..).unwrap_or_default();
        if let Some(newline) = memchr(b'\n', rest) {
            let is_crlf = rest.get(..newline).is_some_and(|line| line.ends_with(b"\r"));
            self.content_end = self.position + newline - usize::from(is_crlf);
            self.line_end = self.position + newline + 1;
        } else {
            self.content_end = self.text.len();
            self.line_end = self.text.len();
        }
    }

    /// Adds cells up to `to`; false when the row is full before.
    fn fill(&self, row: &mut Row, to: usize) -> bool {
        while row.end < to {
            self.mark_place(row);
            let rest = self.text.get(row.end..to).unwrap_or_default();
            let cluster = rest.graphemes(true).next().map_or(rest.len(), str::len);
            let end = self.boundaries.cut(row.end, row.end + cluster);
            let cluster = self.text.get(row.end..end).unwrap_or_default();
            let column = row.columns();
            let width =
                if cluster == "\t" { TAB_COLUMNS - column % TAB_COLUMNS } else { glyph(cluster).width };
            let hangs = usize::from(matches!(cluster, " " | "\n" | "\r\n"));
            if column + width > self.width + hangs && row.end > row.start {
                row.break_off(self.text);
                return false;
            }
            row.push(end, width);
        }
        true
    }

    fn mark_place(&self, row: &mut Row) {
        let is_marked = row.cells.last().is_some_and(|cell| cell.is_place() && cell.start == row.end);
        if self.boundaries.has_place(row.end) && !is_marked {
            row.push(row.end, 1);
        }
    }

    /// Whether an empty span stands after the text's last line break, in a line that has nothing else.
    fn has_place_after_last_line(&self, row: &Row) -> bool {
        row.start < self.text.len() && self.text.ends_with('\n') && self.boundaries.has_place(self.text.len())
    }
}

impl Iterator for Rows<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if self.finished {
            return None;
        }
        let begins_line = self.line == 0 || self.position == self.line_end;
        if begins_line {
            self.enter_line();
        }
        let number = begins_line.then_some(self.line);
        let mut row = Row { number, cells: Vec::new(), start: self.position, end: self.position };
        let mut is_whole = self.fill(&mut row, self.content_end);
        if is_whole {
            self.mark_place(&mut row);
            if self.boundaries.touch(self.content_end..self.line_end) {
                is_whole = self.fill(&mut row, self.line_end);
            }
        }
        if is_whole {
            row.end = self.line_end;
            self.finished = row.end == self.text.len() && !self.has_place_after_last_line(&row);
        }
        self.position = row.end;
        Some(row)
    }
}
