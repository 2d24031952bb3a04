//! An article's text with its spans, as people read it. Pure: text and spans in, a string out.
//!
//! On a terminal a bar under the text shows where each span begins and ends; spans that nest or cross have bars
//! on several levels, those that go on in the next row end in `┄`, and those of many rows have a rail at the left.
//!
//! ```text
//! 1  Bank of China, Caracas
//!            ╰GPE╯  ╰─GPE─╯
//!    ╰─── ORG ───╯
//! ```
//!
//! A text is untrusted: what a terminal would obey is shown as a picture.

mod bars;
mod brackets;
mod cells;
mod lines;
mod palette;
mod rails;
mod rows;
mod segments;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt::Write as _, ops::Range};

pub(crate) use cells::{columns_of, printable, shortened};
use lines::styled;
use palette::Palette;

use crate::domain::ids::LayerId;

/// Columns of a label in or beside a bar.
const LABEL_COLUMNS_MAX: usize = 24;

/// What one annotation marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mention {
    /// What is said.
    pub(crate) label: String,
    /// Who says it.
    pub(crate) layer: String,
    /// Where, in bytes of the text; several ranges are one discontinuous mention.
    pub(crate) ranges: Vec<Range<usize>>,
}

/// How spans are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Marks {
    /// Bars under the text.
    Bars,
    /// Brackets in the text.
    Brackets,
}

/// How a text is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// How spans are shown.
    pub(crate) marks: Marks,
    /// Whether there are colours.
    pub(crate) color: bool,
    /// Columns of the terminal, for bars; brackets leave lines as long as they are.
    pub(crate) width: usize,
}

/// The text with its spans; ends with a line break unless it is empty.
pub(crate) fn text(text: &str, mentions: &[Mention], options: &Options) -> String {
    let palette = palette(mentions, options);
    match options.marks {
        Marks::Bars => lines::lines(text, mentions, &palette, options),
        Marks::Brackets => brackets::brackets(text, mentions, &palette),
    }
}

/// The labels with their colours and counts, the most frequent first; empty when there are none.
pub(crate) fn legend(mentions: &[Mention], options: &Options) -> String {
    let palette = palette(mentions, options);
    let mut labels: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for mention in mentions {
        *labels.entry(&mention.label).or_default().entry(&mention.layer).or_default() += 1;
    }
    let mut labels: Vec<_> =
        labels.into_iter().map(|(label, layers)| (layers.values().sum::<usize>(), label, layers)).collect();
    labels.sort_by(|left, right| right.0.cmp(&left.0).then(left.1.cmp(right.1)));
    let name_columns = labels.iter().map(|(_, label, _)| columns_of(&printable(label))).max().unwrap_or(0);
    let count_columns = labels.first().map_or(0, |(count, ..)| count.to_string().len());

    let mut out = String::new();
    for (count, label, layers) in labels {
        let name = printable(label);
        let pad = name_columns.saturating_sub(columns_of(&name));
        styled(palette.text(label), &format!(" {name} "), &mut out);
        // Writing to a String does not fail.
        let _ = write!(out, "{:pad$} {count:>count_columns$}", "");
        if has_layers(mentions) {
            let layers: Vec<String> =
                layers.iter().map(|(layer, count)| format!("{} {count}", printable(layer))).collect();
            styled(palette.aside(), &format!("  {}", layers.join(", ")), &mut out);
        }
        out.push('\n');
    }
    if mentions.iter().any(|mention| mention.ranges.len() > 1) {
        styled(palette.aside(), " #1, #2 ... mark the parts of one mention", &mut out);
        out.push('\n');
    }
    out
}

/// The colour of a label that stands alone: the one it has in a text where no other label has it.
pub(crate) fn label(label: &str) -> anstyle::Style {
    Palette::of(std::iter::once(label)).bar(label)
}

fn palette(mentions: &[Mention], options: &Options) -> Palette {
    if options.color {
        Palette::of(mentions.iter().map(|mention| mention.label.as_str()))
    } else {
        Palette::default()
    }
}

/// What each mention is called in the text: its label, its layer where there are several and it is not the one that
/// needs no name, and a number where it has several parts.
fn names(mentions: &[Mention]) -> Vec<String> {
    let has_layers = has_layers(mentions);
    let mut parted = 0_usize;
    mentions
        .iter()
        .map(|mention| {
            let mut name = shortened(&mention.label, LABEL_COLUMNS_MAX);
            if has_layers && mention.layer != LayerId::DEFAULT {
                name.push('@');
                name.push_str(&shortened(&mention.layer, LABEL_COLUMNS_MAX));
            }
            if mention.ranges.len() > 1 {
                parted += 1;
                let number = format!("#{parted}");
                name.push_str(&number);
            }
            name
        })
        .collect()
}

fn has_layers(mentions: &[Mention]) -> bool {
    mentions.windows(2).any(|pair| matches!(pair, [left, right] if left.layer != right.layer))
}
