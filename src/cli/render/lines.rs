//! The text with bars under its spans, for a terminal.

use std::cmp::Reverse;

use anstyle::Style;

use super::{
    Mention, Options,
    bars::levels,
    cells::glyph,
    names,
    palette::Palette,
    rails::Rails,
    rows::{Boundaries, Row, Rows},
    segments::{Segment, Sweep},
};

/// The fewest columns that a text is broken to.
const TEXT_COLUMNS_MIN: usize = 20;

/// The text, row by row, each with the bars of its spans under it and the rails of the long ones beside it.
pub(super) fn lines(text: &str, mentions: &[Mention], palette: &Palette, options: &Options) -> String {
    let segments = Segment::all(text, mentions);
    let boundaries = Boundaries::of(&segments);
    let digits = text.lines().count().max(1).ilog10() + 1;
    let digits = usize::try_from(digits).unwrap_or(1);
    // Two spaces around the rails, and one column for a space that hangs over.
    let beside_text = |rails: usize| digits + rails + 3;
    let width = |rails| options.width.saturating_sub(beside_text(rails)).max(TEXT_COLUMNS_MIN);
    let rails = Rails::plan(&segments, Rows::new(text, &boundaries, width(0)));
    let width = width(rails.columns());
    let labels = names(mentions);
    let mut page = Page { mentions, segments: &segments, labels, palette, rails, digits, width };

    let mut out = String::with_capacity(text.len() * 2);
    let mut sweep = Sweep::new(&segments);
    for row in Rows::new(text, &boundaries, width) {
        sweep.enter(&row);
        page.rails.enter(&segments, &sweep.open, &row);
        page.print(text, &row, &sweep.open, &mut out);
        page.rails.leave(&segments, &row);
        sweep.leave(&row);
    }
    out
}

struct Page<'p> {
    mentions: &'p [Mention],
    segments: &'p [Segment],
    labels: Vec<String>,
    palette: &'p Palette,
    rails: Rails,
    digits: usize,
    width: usize,
}

impl Page<'_> {
    fn print(&self, text: &str, row: &Row, open: &[usize], out: &mut String) {
        let start = out.len();
        self.print_margin(row, true, out);
        self.print_cells(text, row, open, out);
        end_line(out, start);

        let has_bar = |index: &&usize| {
            !(self.rails.has(**index)
                && self.segments.get(**index).is_some_and(|segment| segment.passes(row)))
        };
        let standing: Vec<Segment> =
            open.iter().filter(has_bar).filter_map(|index| self.segments.get(*index)).copied().collect();
        for level in levels(row, &standing, &self.labels, self.width) {
            let start = out.len();
            self.print_margin(row, false, out);
            let mut column = 0;
            for piece in level {
                out.extend(std::iter::repeat_n(' ', piece.column.saturating_sub(column)));
                column = piece.column + super::cells::columns_of(&piece.text);
                styled(self.palette.bar(self.label(piece.mention)), &piece.text, out);
            }
            end_line(out, start);
        }
    }

    fn print_margin(&self, row: &Row, is_text: bool, out: &mut String) {
        let number = row.number.filter(|_| is_text).map_or_else(String::new, |number| number.to_string());
        styled(self.palette.aside(), &format!("{number:>width$}", width = self.digits), out);
        out.push(' ');
        for (rail, mention) in self.rails.beside(self.segments, row, is_text) {
            styled(self.palette.bar(self.label(mention)), rail.encode_utf8(&mut [0; 4]), out);
        }
        out.push(' ');
    }

    /// The row's text, each cell in the colour of the shortest span that covers it.
    fn print_cells(&self, text: &str, row: &Row, open: &[usize], out: &mut String) {
        let mut segments: Vec<&Segment> = open.iter().filter_map(|index| self.segments.get(*index)).collect();
        segments.sort_by_key(|segment| Reverse(segment.len()));
        let mut paint: Vec<Option<usize>> = vec![None; row.cells.len()];
        for segment in segments {
            for cell in paint.get_mut(row.covered(segment)).unwrap_or_default() {
                *cell = Some(segment.mention);
            }
        }
        let painted: Vec<_> = row.cells.iter().zip(paint).collect();
        for run in painted.chunk_by(|(_, left), (_, right)| left == right) {
            let shown: String = run
                .iter()
                .map(|(cell, _)| match text.get(cell.start..cell.end).unwrap_or_default() {
                    "" => "│".into(),
                    "\t" => " ".repeat(cell.width).into(),
                    cluster => glyph(cluster).text,
                })
                .collect();
            let mention = run.first().and_then(|(_, mention)| *mention);
            let style = mention.map_or_else(Style::new, |mention| self.palette.text(self.label(mention)));
            styled(style, &shown, out);
        }
    }

    fn label(&self, mention: usize) -> &str {
        self.mentions.get(mention).map_or("", |mention| &mention.label)
    }
}

/// Appends the text in the style, and nothing but the text when the style is none.
pub(super) fn styled(style: Style, text: &str, out: &mut String) {
    use std::fmt::Write as _;
    if style == Style::new() || text.trim_matches(' ').is_empty() && style.get_bg_color().is_none() {
        out.push_str(text);
    } else {
        // Writing to a String does not fail.
        let _ = write!(out, "{style}{text}{style:#}");
    }
}

/// Ends the line that began at `start`, without the spaces at its end.
fn end_line(out: &mut String, start: usize) {
    let kept = out.get(start..).unwrap_or_default().trim_end_matches(' ').len();
    out.truncate(start + kept);
    out.push('\n');
}
