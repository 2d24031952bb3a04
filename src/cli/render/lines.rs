//! The text with bars under its spans, for a terminal.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use anstyle::Style;

use super::{
    Layers, Mention, Options,
    bars::{Piece, levels},
    cells::{columns_of, glyph, shortened},
    names,
    palette::Palette,
    rails::Rails,
    rows::{Boundaries, Row, Rows},
    segments::{Segment, Sweep},
};

/// The fewest columns that a text is broken to.
const TEXT_COLUMNS_MIN: usize = 20;
/// Columns of a layer's name beside its bars.
const LAYER_COLUMNS_MAX: usize = 12;

/// The text, row by row, each with the bars of its spans under it and the rails of the long ones beside it.
pub(super) fn lines(text: &str, mentions: &[Mention], palette: &Palette, options: &Options) -> String {
    let segments = Segment::all(text, mentions);
    let boundaries = Boundaries::of(&segments);
    let layers = match options.layers {
        Layers::Together => Vec::new(),
        Layers::SideBySide => layers(mentions),
    };
    let digits = text.lines().count().max(1).ilog10() + 1;
    let digits = usize::try_from(digits).unwrap_or(1);
    let margin = layers.iter().map(|layer| columns_of(&layer.shown)).fold(digits, usize::max);
    // Two spaces around the rails, and one column for a space that hangs over.
    let beside_text = |rails: usize| margin + rails + 3;
    let width = |rails| options.width.saturating_sub(beside_text(rails)).max(TEXT_COLUMNS_MIN);
    // Side by side, the column of the rails is where it is seen that layers differ.
    let (rails, columns) = if layers.is_empty() {
        let rails = Rails::plan(&segments, Rows::new(text, &boundaries, width(0)));
        let columns = rails.columns();
        (rails, columns)
    } else {
        (Rails::none(), 1)
    };
    let width = width(columns);
    let labels = names(mentions, options.layers);
    let mut page = Page { mentions, segments: &segments, labels, palette, rails, layers, margin, width };

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

/// A layer whose bars stand for themselves.
struct Layer<'p> {
    name: &'p str,
    shown: String,
}

/// The layers by name.
fn layers(mentions: &[Mention]) -> Vec<Layer<'_>> {
    let names: BTreeSet<&str> = mentions.iter().map(|mention| mention.layer.as_str()).collect();
    names.into_iter().map(|name| Layer { name, shown: shortened(name, LAYER_COLUMNS_MAX) }).collect()
}

struct Page<'p> {
    mentions: &'p [Mention],
    segments: &'p [Segment],
    labels: Vec<String>,
    palette: &'p Palette,
    rails: Rails,
    /// The layers when they stand side by side.
    layers: Vec<Layer<'p>>,
    /// Columns of what stands left of rails and text.
    margin: usize,
    width: usize,
}

impl Page<'_> {
    fn print(&self, text: &str, row: &Row, open: &[usize], out: &mut String) {
        let has_bar = |index: &&usize| {
            !(self.rails.has(**index)
                && self.segments.get(**index).is_some_and(|segment| segment.passes(row)))
        };
        let standing: Vec<Segment> =
            open.iter().filter(has_bar).filter_map(|index| self.segments.get(*index)).copied().collect();

        let start = out.len();
        let number = row.number.map_or_else(String::new, |number| number.to_string());
        let differs = self.layers.len() > 1 && !self.layers_agree(row, &standing);
        self.print_margin(&number, row, Some(differs), out);
        self.print_cells(text, row, open, out);
        end_line(out, start);

        if self.layers.is_empty() {
            for level in levels(row, &standing, &self.labels, self.width) {
                self.print_level("", row, &level, out);
            }
        }
        for layer in &self.layers {
            let is_of = |segment: &&Segment| self.layer(segment.mention) == layer.name;
            let its: Vec<Segment> = standing.iter().filter(is_of).copied().collect();
            let mut name = layer.shown.as_str();
            for level in levels(row, &its, &self.labels, self.width) {
                self.print_level(std::mem::take(&mut name), row, &level, out);
            }
        }
    }

    fn print_level(&self, beside: &str, row: &Row, level: &[Piece], out: &mut String) {
        let start = out.len();
        self.print_margin(beside, row, None, out);
        let mut column = 0;
        for piece in level {
            out.extend(std::iter::repeat_n(' ', piece.column.saturating_sub(column)));
            column = piece.column + columns_of(&piece.text);
            styled(self.bar(piece.mention), &piece.text, out);
        }
        end_line(out, start);
    }

    /// What stands left of a row's text, where `differs` says whether its layers do, or of a level of its bars.
    fn print_margin(&self, beside: &str, row: &Row, differs: Option<bool>, out: &mut String) {
        let pad = self.margin.saturating_sub(columns_of(beside));
        styled(self.palette.aside(), &format!("{:pad$}{beside}", ""), out);
        out.push(' ');
        if !self.layers.is_empty() {
            out.push(if differs == Some(true) { '≠' } else { ' ' });
        }
        for (rail, mention) in self.rails.beside(self.segments, row, differs.is_some()) {
            styled(self.bar(mention), rail.encode_utf8(&mut [0; 4]), out);
        }
        out.push(' ');
    }

    /// Whether all layers say the same of what stands in the row, without what was rejected.
    fn layers_agree(&self, row: &Row, standing: &[Segment]) -> bool {
        let mut said: BTreeMap<&str, BTreeSet<(usize, usize, &str)>> =
            self.layers.iter().map(|layer| (layer.name, BTreeSet::new())).collect();
        for segment in standing.iter().filter(|segment| !row.covered(segment).is_empty()) {
            let Some(mention) = self.mentions.get(segment.mention) else { continue };
            if !mention.standing.is_rejected {
                let said = said.entry(mention.layer.as_str()).or_default();
                said.insert((segment.start, segment.end, mention.label.as_str()));
            }
        }
        let mut said = said.values();
        said.next().is_none_or(|first| said.all(|other| other == first))
    }

    /// The row's text, each cell in the colour of the shortest span that covers it.
    fn print_cells(&self, text: &str, row: &Row, open: &[usize], out: &mut String) {
        let mut segments: Vec<&Segment> = open.iter().filter_map(|index| self.segments.get(*index)).collect();
        // What was rejected has a bar that says so, and no colour in the text.
        segments
            .retain(|segment| !self.mentions.get(segment.mention).is_some_and(|it| it.standing.is_rejected));
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

    fn bar(&self, mention: usize) -> Style {
        self.mentions.get(mention).map_or_else(Style::new, |mention| self.palette.mention(mention))
    }

    fn label(&self, mention: usize) -> &str {
        self.mentions.get(mention).map_or("", |mention| &mention.label)
    }

    fn layer(&self, mention: usize) -> &str {
        self.mentions.get(mention).map_or("", |mention| &mention.layer)
    }
}

/// Appends the text in the style, and nothing but the text when the style is none.
pub(crate) fn styled(style: Style, text: &str, out: &mut String) {
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
