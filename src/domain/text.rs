//! Texts and positions in them.

use std::fmt;

/// What an offset counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    /// Bytes of UTF-8.
    Utf8,
    /// UTF-16 code units.
    Utf16,
    /// Unicode code points.
    CodePoints,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "utf8",
            Self::Utf16 => "utf16",
            Self::CodePoints => "code_points",
        })
    }
}

/// One place in a text, in all three units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Bytes of UTF-8 before it.
    pub utf8: u32,
    /// UTF-16 code units before it.
    pub utf16: u32,
    /// Code points before it.
    pub code_points: u32,
}
