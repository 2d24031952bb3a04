//! A colour for each label: the same one wherever the label stands, as long as two labels do not fall together.

use std::collections::BTreeMap;

use anstyle::{Ansi256Color, Style};

use super::Mention;

/// Backgrounds that black text is read on, each with a tone of it that is read on black and on white.
const COLOURS: [(u8, u8); 12] = [
    (153, 32),
    (157, 34),
    (223, 172),
    (218, 168),
    (189, 99),
    (229, 142),
    (159, 37),
    (216, 166),
    (183, 134),
    (193, 70),
    (252, 244),
    (181, 131),
];
const BLACK: u8 = 16;

/// The colours of a text's labels; none when nothing is coloured.
#[derive(Debug, Default)]
pub(crate) struct Palette(Option<BTreeMap<String, (u8, u8)>>);

impl Palette {
    /// Gives each label the colour that its name hashes to, or the next one that is free.
    pub(crate) fn of<'l>(labels: impl Iterator<Item = &'l str>) -> Self {
        let mut names: Vec<&str> = labels.collect();
        names.sort_unstable();
        names.dedup();
        let mut colours = BTreeMap::new();
        let mut taken = Vec::new();
        for name in names {
            let turn = usize::try_from(fnv_1a(name.as_bytes())).unwrap_or(0) % COLOURS.len();
            let mut wheel = COLOURS.iter().cycle().skip(turn).take(COLOURS.len());
            let first = wheel.clone().next().copied().unwrap_or_default();
            let colour = wheel.find(|colour| !taken.contains(*colour)).copied().unwrap_or(first);
            taken.push(colour);
            colours.insert(name.to_owned(), colour);
        }
        Self(Some(colours))
    }

    /// How text with the label is shown.
    pub(crate) fn text(&self, label: &str) -> Style {
        self.colour(label).map_or_else(Style::new, |(background, _)| {
            Style::new()
                .fg_color(Some(Ansi256Color(BLACK).into()))
                .bg_color(Some(Ansi256Color(background).into()))
        })
    }

    /// How the label's bars and its name are shown.
    pub(crate) fn bar(&self, label: &str) -> Style {
        self.colour(label)
            .map_or_else(Style::new, |(_, tone)| Style::new().fg_color(Some(Ansi256Color(tone).into())))
    }

    /// How a mention's bars and its name are shown: struck through where it was rejected.
    pub(super) fn mention(&self, mention: &Mention) -> Style {
        let style = self.bar(&mention.label);
        if self.0.is_some() && mention.standing.is_rejected { style.strikethrough() } else { style }
    }

    /// How what is not the text is shown.
    pub(crate) fn aside(&self) -> Style {
        if self.0.is_some() { Style::new().dimmed() } else { Style::new() }
    }

    fn colour(&self, label: &str) -> Option<(u8, u8)> {
        self.0.as_ref()?.get(label).copied()
    }
}

/// FNV-1a, 32 bits, after draft-eastlake-fnv: the same on every machine and in every version.
fn fnv_1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
