//! An article's text with its spans, as people read it. Pure: text and spans in, a string out.
//!
//! On a terminal a bar under the text shows where each span begins and ends; spans that nest or cross have bars
//! on several levels, those that go on in the next row end in `┄`, and those of many rows have a rail at the left.
//!
//! ```text
//! 1  Bank of China, Caracas
//!            ╰GPE╯  ╰GPE₂?╯
//!    ╰── ORG₁ ───╯
//! ```
//!
//! A number beside a label is what the lists under the text call the span by. `?` is what nobody has looked at yet, `✗`
//! what was rejected, `!` what has to be looked at since its text was revised.
//!
//! A text is untrusted: what a terminal would obey is shown as a picture.

mod bars;
mod brackets;
mod cells;
mod legend;
mod lines;
mod palette;
mod rails;
mod rows;
mod segments;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub(crate) use cells::{columns_of, printable, shortened};
pub(crate) use legend::legend;
pub(crate) use lines::styled;
pub(crate) use palette::Palette;

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
    /// What the lists under the text call it by, from 1; 0 when they do not.
    pub(crate) number: usize,
    /// How far the review got with it.
    pub(crate) standing: Standing,
}

/// How far a review got with an annotation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Nobody has looked at it yet.
    pub(crate) is_suggested: bool,
    /// It does not hold.
    pub(crate) is_rejected: bool,
    /// Its text was revised, and somebody has to look at it.
    pub(crate) needs_review: bool,
}

impl Standing {
    /// The mark beside a label.
    pub(crate) fn mark(self) -> &'static str {
        match (self.is_rejected, self.is_suggested, self.needs_review) {
            (true, _, true) => "✗!",
            (true, _, false) => "✗",
            (false, true, true) => "?!",
            (false, true, false) => "?",
            (false, false, true) => "!",
            (false, false, false) => "",
        }
    }
}

/// How spans are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Marks {
    /// Bars under the text.
    Bars,
    /// Brackets in the text.
    Brackets,
}

/// How the spans of several layers are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Layers {
    /// Among each other.
    #[default]
    Together,
    /// The bars of each layer for themselves; ≠ marks the rows in which layers differ.
    SideBySide,
}

/// How a text is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// How spans are shown.
    pub(crate) marks: Marks,
    /// How layers are shown, for bars.
    pub(crate) layers: Layers,
    /// Whether there are colours.
    pub(crate) color: bool,
    /// Columns of the terminal, for bars; brackets leave lines as long as they are.
    pub(crate) width: usize,
}

/// The text with its spans; ends with a line break unless it is empty.
pub(crate) fn text(text: &str, mentions: &[Mention], palette: &Palette, options: &Options) -> String {
    match options.marks {
        Marks::Bars => lines::lines(text, mentions, palette, options),
        Marks::Brackets => brackets::brackets(text, mentions, palette),
    }
}

/// The colour of a label that stands alone: the one it has in a text where no other label has it.
pub(crate) fn label(label: &str) -> anstyle::Style {
    Palette::of(std::iter::once(label)).bar(label)
}

/// A number that a thing is called by, as linguists write it: IBM₁ ... it₁.
pub(crate) fn subscript(number: usize) -> String {
    const DIGITS: [char; 10] = ['₀', '₁', '₂', '₃', '₄', '₅', '₆', '₇', '₈', '₉'];
    if number == 0 { String::new() } else { digits(number, DIGITS) }
}

/// A number in digits of another shape.
fn digits(number: usize, shapes: [char; 10]) -> String {
    let shape = |digit: char| digit.to_digit(10).and_then(|digit| shapes.get(usize::try_from(digit).ok()?));
    number.to_string().chars().filter_map(shape).collect()
}

/// What each mention is called in the text: its label, its number, how far the review got with it, its layer where
/// layers are told apart by their names and it is not the one that needs none, and a number where it has several parts.
fn names(mentions: &[Mention], layers: Layers) -> Vec<String> {
    let has_layers = layers == Layers::Together && has_layers(mentions);
    let mut parted = 0_usize;
    mentions
        .iter()
        .map(|mention| {
            let mut name = shortened(&mention.label, LABEL_COLUMNS_MAX);
            name.push_str(&subscript(mention.number));
            name.push_str(mention.standing.mark());
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
