//! What is said of files: their format, and what their offsets count.

use clap::ValueEnum;

use crate::{
    domain::text::Unit,
    formats::{Format, FormatFacts, exchange::UnitChoice},
};

/// Parses a format's id.
pub(in crate::cli) fn format(id: &str) -> Result<Format, String> {
    Format::parse("", id).map_err(|error| error.problem.to_string())
}

/// What offsets count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum OffsetUnit {
    /// Bytes of UTF-8.
    Utf8,
    /// UTF-16 code units, as JavaScript and Java count.
    Utf16,
    /// Unicode code points, as Python counts.
    CodePoints,
}

/// What offsets of files that are read count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ImportUnit {
    /// Bytes of UTF-8.
    Utf8,
    /// UTF-16 code units, as JavaScript and Java count.
    Utf16,
    /// Unicode code points, as Python counts.
    CodePoints,
    /// What fits the quotes.
    Auto,
}

impl From<OffsetUnit> for Unit {
    fn from(unit: OffsetUnit) -> Self {
        match unit {
            OffsetUnit::Utf8 => Self::Utf8,
            OffsetUnit::Utf16 => Self::Utf16,
            OffsetUnit::CodePoints => Self::CodePoints,
        }
    }
}

impl ImportUnit {
    /// The unit; none where quotes say it.
    pub(in crate::cli) fn unit(self) -> Option<Unit> {
        match self {
            Self::Utf8 => Some(Unit::Utf8),
            Self::Utf16 => Some(Unit::Utf16),
            Self::CodePoints => Some(Unit::CodePoints),
            Self::Auto => None,
        }
    }

    /// What the offsets of a format's files count, if this was said of them.
    pub(in crate::cli) fn choice(said: Option<Self>, facts: &FormatFacts) -> UnitChoice {
        let unit = match said {
            Some(said) => said.unit(),
            None => facts.unit,
        };
        unit.map_or(UnitChoice::FromQuotes, UnitChoice::Of)
    }
}
