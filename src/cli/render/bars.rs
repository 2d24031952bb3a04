//! The bars under a row, one for each mention that stands in it, with the mention's label in or beside it.

use std::{collections::BTreeMap, iter::repeat_n, ops::Range};

use super::{
    cells::{columns_of, shortened},
    rows::Row,
    segments::Segment,
};

/// A mention's bars in one row, drawn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    /// The index of its mention.
    pub(super) mention: usize,
    /// Where it is printed.
    pub(super) column: usize,
    /// What is printed.
    pub(super) text: String,
    /// The columns that nothing else may take.
    taken: Range<usize>,
}

/// What one segment covers of a row.
#[derive(Debug, Clone, Copy)]
struct Bar {
    from: usize,
    to: usize,
    opens: bool,
    closes: bool,
}

/// The bars under a row, level by level. The innermost stand nearest to the text.
pub(super) fn levels(row: &Row, standing: &[Segment], labels: &[String], width: usize) -> Vec<Vec<Piece>> {
    let mut mentions: BTreeMap<usize, (usize, Vec<Bar>)> = BTreeMap::new();
    for segment in standing {
        if let Some(bar) = Bar::under(row, segment) {
            let (length, bars) = mentions.entry(segment.mention).or_default();
            *length += segment.len();
            bars.push(bar);
        }
    }
    let mut mentions: Vec<(usize, (usize, Vec<Bar>))> = mentions.into_iter().collect();
    mentions.sort_by_key(|(mention, (length, _))| (*length, *mention));

    let mut levels: Vec<Vec<Piece>> = Vec::new();
    for (mention, (_, bars)) in mentions {
        let label = labels.get(mention).map_or("", String::as_str);
        let Some(piece) = draw(mention, &bars, label, width) else { continue };
        let is_free = |level: &&mut Vec<Piece>| {
            level
                .iter()
                .all(|other| other.taken.end <= piece.taken.start || piece.taken.end <= other.taken.start)
        };
        match levels.iter_mut().find(is_free) {
            Some(level) => level.push(piece),
            None => levels.push(vec![piece]),
        }
    }
    for level in &mut levels {
        level.sort_by_key(|piece| piece.column);
    }
    levels
}

impl Bar {
    fn under(row: &Row, segment: &Segment) -> Option<Self> {
        let cells = row.cells.get(row.covered(segment))?;
        let (first, last) = (cells.first()?, cells.last()?);
        Some(Self {
            from: first.column,
            to: last.column + last.width,
            opens: segment.start >= row.start,
            closes: segment.end <= row.end,
        })
    }

    fn width(&self) -> usize {
        self.to - self.from
    }

    /// Draws `╰─ label ─╯`, with `┄` at an end where the segment goes on in another row.
    fn draw(&self, label: &str, out: &mut String) {
        if self.width() < 2 {
            out.push(if self.opens || self.closes { '┴' } else { '┄' });
            return;
        }
        let inside = self.width() - 2;
        let name = if label.is_empty() || columns_of(label) + 4 > inside {
            label.to_owned()
        } else {
            format!(" {label} ")
        };
        let fill = inside.saturating_sub(columns_of(&name));
        out.push(if self.opens { '╰' } else { '┄' });
        out.extend(repeat_n('─', fill / 2));
        out.push_str(&name);
        out.extend(repeat_n('─', fill - fill / 2));
        out.push(if self.closes { '╯' } else { '┄' });
    }
}

/// Draws the bars of a mention, joined where there are several, with the label inside or else beside them.
fn draw(mention: usize, bars: &[Bar], label: &str, width: usize) -> Option<Piece> {
    let (from, to) = (bars.first()?.from, bars.last()?.to);
    let label_width = columns_of(label);
    let holds_label = |bar: &Bar| bar.width() >= label_width + 2;
    let mut text = String::new();
    let mut column = from;
    for bar in bars.iter().filter(|bar| bar.to > bar.from) {
        text.extend(repeat_n('┄', bar.from.saturating_sub(column)));
        bar.draw(if holds_label(bar) { label } else { "" }, &mut text);
        column = bar.to;
    }
    if bars.iter().any(holds_label) {
        return Some(Piece { mention, column: from, text, taken: from..to });
    }
    if to + label_width > width && from >= label_width {
        let column = from - label_width;
        let text = format!("{label}{text}");
        return Some(Piece { mention, column, text, taken: column.saturating_sub(1)..to });
    }
    let label = shortened(label, width.saturating_sub(to).max(1));
    let taken = from..to + columns_of(&label) + 1;
    Some(Piece { mention, column: from, text: text + &label, taken })
}
