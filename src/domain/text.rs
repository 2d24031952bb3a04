//! Texts and positions in them, in the three units that clients count in.

use std::fmt;

use super::errors::Problem;

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

impl Unit {
    /// Every unit, in the order in which a span's fields list them.
    pub const ALL: [Self; 3] = [Self::Utf8, Self::Utf16, Self::CodePoints];
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Bytes of UTF-8 before it.
    pub utf8: u32,
    /// UTF-16 code units before it.
    pub utf16: u32,
    /// Code points before it.
    pub code_points: u32,
}

impl Position {
    /// What is before it, counted in `unit`.
    #[must_use]
    pub fn in_unit(self, unit: Unit) -> u32 {
        match unit {
            Unit::Utf8 => self.utf8,
            Unit::Utf16 => self.utf16,
            Unit::CodePoints => self.code_points,
        }
    }

    /// Where `count` ASCII characters end: the three units agree on them.
    fn in_ascii(count: u32) -> Self {
        Self { utf8: count, utf16: count, code_points: count }
    }

    /// The end of `part`, which starts here.
    pub(super) fn after(self, part: &str) -> Self {
        // A character takes a surrogate pair exactly when its UTF-8 is four bytes long, whose first is 0xF0 or more.
        let pairs: u32 = part.bytes().map(|byte| u32::from(byte >= 0xF0)).sum();
        let characters = to_offset(part.chars().count());
        Self {
            utf8: self.utf8 + to_offset(part.len()),
            utf16: self.utf16 + characters + pairs,
            code_points: self.code_points + characters,
        }
    }

    /// What is from `start` to `end` elsewhere, put here: where it ends.
    pub(super) fn shifted(self, start: Self, end: Self) -> Self {
        Self {
            utf8: self.utf8 + (end.utf8 - start.utf8),
            utf16: self.utf16 + (end.utf16 - start.utf16),
            code_points: self.code_points + (end.code_points - start.code_points),
        }
    }

    /// The end of `character`, which starts here.
    fn after_character(self, character: char) -> Self {
        Self {
            utf8: self.utf8 + to_offset(character.len_utf8()),
            utf16: self.utf16 + to_offset(character.len_utf16()),
            code_points: self.code_points + 1,
        }
    }
}

/// Declares a half-open range in one unit, so that units never meet as bare integers.
macro_rules! unit_range {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
        pub struct $name {
            /// The first position inside.
            pub start: u32,
            /// The first position after it.
            pub end: u32,
        }
    };
}

unit_range!(
    /// A half-open range in bytes of UTF-8.
    Utf8Range
);
unit_range!(
    /// A half-open range in UTF-16 code units.
    Utf16Range
);
unit_range!(
    /// A half-open range in code points.
    CodePointRange
);

/// A half-open range of a text, in all three units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TextRange {
    /// The first position inside.
    pub start: Position,
    /// The first position after it.
    pub end: Position,
}

impl TextRange {
    /// The range in bytes of UTF-8.
    #[must_use]
    pub fn utf8(&self) -> Utf8Range {
        Utf8Range { start: self.start.utf8, end: self.end.utf8 }
    }

    /// The range in UTF-16 code units.
    #[must_use]
    pub fn utf16(&self) -> Utf16Range {
        Utf16Range { start: self.start.utf16, end: self.end.utf16 }
    }

    /// The range in code points.
    #[must_use]
    pub fn code_points(&self) -> CodePointRange {
        CodePointRange { start: self.start.code_points, end: self.end.code_points }
    }

    /// Whether no character is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start.utf8 == self.end.utf8
    }
}

/// Bytes of UTF-8 from one checkpoint to the next: 12 bytes of positions for each KiB of text.
const CHECKPOINT_BYTES: usize = 1_024;

/// A text that does not change, with what it takes to find a position in it quickly. Shared in an `Arc`.
///
/// It is kept byte for byte: nothing is normalised or trimmed, and a byte order mark is a character like any other.
/// It is shorter than 4 GiB, which whoever takes texts in makes sure of.
pub struct Text {
    content: Box<str>,
    length: Position,
    /// The boundary at or before each multiple of `CHECKPOINT_BYTES`; none for ASCII, whose units are all the same.
    checkpoints: Box<[Position]>,
}

impl Text {
    /// The text `content`. Reads it once.
    pub fn new(content: impl Into<Box<str>>) -> Self {
        let content = content.into();
        if content.is_ascii() {
            let length = Position::in_ascii(to_offset(content.len()));
            return Self { content, length, checkpoints: Box::default() };
        }
        let mut checkpoints = Vec::with_capacity(content.len().div_ceil(CHECKPOINT_BYTES));
        let mut at = Position::default();
        let mut rest = &*content;
        while !rest.is_empty() {
            checkpoints.push(at);
            let next = content.floor_char_boundary(checkpoints.len() * CHECKPOINT_BYTES);
            let (part, after) = rest.split_at_checked(next - to_index(at.utf8)).unwrap_or((rest, ""));
            at = at.after(part);
            rest = after;
        }
        Self { content, length: at, checkpoints: checkpoints.into_boxed_slice() }
    }

    /// The text, exactly as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.content
    }

    /// Its length, which is its last position.
    #[must_use]
    pub fn length(&self) -> Position {
        self.length
    }

    /// The position `offset` units from the start. Takes time in proportion to its distance from a checkpoint.
    ///
    /// # Errors
    ///
    /// `SPAN_OUT_OF_BOUNDS` past the end; `OFFSET_NOT_ON_BOUNDARY` inside a character or a surrogate pair.
    pub fn position(&self, unit: Unit, offset: u32) -> Result<Position, Problem> {
        let length = self.length.in_unit(unit);
        if offset > length {
            return Err(Problem::SpanOutOfBounds { start: offset, end: offset, unit, length });
        }
        if self.checkpoints.is_empty() {
            return Ok(Position::in_ascii(offset));
        }
        match unit {
            Unit::Utf8 => self.position_of_byte(offset),
            Unit::Utf16 | Unit::CodePoints => self.position_by_walking(unit, offset),
        }
    }

    /// What stands in `range`; nothing if its ends are not boundaries of this text.
    #[must_use]
    pub fn slice(&self, range: &TextRange) -> &str {
        self.content.get(to_index(range.start.utf8)..to_index(range.end.utf8)).unwrap_or_default()
    }

    /// The memory it takes, in bytes, for a cache that weighs texts.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.content.len() + size_of_val(&*self.checkpoints)
    }

    /// The bytes that finding so many positions goes through, at most.
    #[must_use]
    pub fn walked_bytes(&self, positions: usize) -> usize {
        if self.checkpoints.is_empty() { 0 } else { positions.saturating_mul(CHECKPOINT_BYTES) }
    }

    fn position_of_byte(&self, offset: u32) -> Result<Position, Problem> {
        let index = to_index(offset);
        let checkpoint = self.checkpoints.get(index / CHECKPOINT_BYTES).or(self.checkpoints.last());
        let checkpoint = checkpoint.copied().unwrap_or_default();
        self.content.get(to_index(checkpoint.utf8)..index).map(|part| checkpoint.after(part)).ok_or_else(
            || Problem::OffsetNotOnBoundary {
                offset,
                unit: Unit::Utf8,
                floor: to_offset(self.content.floor_char_boundary(index)),
                ceiling: to_offset(self.content.ceil_char_boundary(index)),
            },
        )
    }

    fn position_by_walking(&self, unit: Unit, offset: u32) -> Result<Position, Problem> {
        let after = self.checkpoints.partition_point(|checkpoint| checkpoint.in_unit(unit) <= offset);
        let mut at =
            after.checked_sub(1).and_then(|last| self.checkpoints.get(last)).copied().unwrap_or_default();
        let rest = self.content.get(to_index(at.utf8)..).unwrap_or_default();
        for character in rest.chars() {
            if at.in_unit(unit) == offset {
                break;
            }
            let next = at.after_character(character);
            if next.in_unit(unit) > offset {
                let (floor, ceiling) = (at.in_unit(unit), next.in_unit(unit));
                return Err(Problem::OffsetNotOnBoundary { offset, unit, floor, ceiling });
            }
            at = next;
        }
        Ok(at)
    }
}

impl fmt::Debug for Text {
    /// Its length alone: texts are long, and whose they are is nobody's business in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Text").field("length", &self.length).finish_non_exhaustive()
    }
}

/// A count as the API has it. Texts are shorter than 4 GiB.
pub(super) fn to_offset(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// An offset as an index of the content.
pub(super) fn to_index(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::oracle::{boundaries, texts};

    /// `expected` is [utf8, utf16, code points], or what the refusal says.
    fn check(text: &str, unit: Unit, offset: u32, expected: Result<[u32; 3], &str>) {
        let got = Text::new(text)
            .position(unit, offset)
            .map(|at| [at.utf8, at.utf16, at.code_points])
            .map_err(|problem| problem.to_string());
        assert_eq!(got, expected.map_err(str::to_owned), "offset {offset} in {unit} of {text:?}");
    }

    #[test]
    fn a_position_is_known_in_all_three_units() {
        use Unit::{CodePoints, Utf8, Utf16};
        check("", Utf8, 0, Ok([0, 0, 0]));
        check("plain", Utf16, 3, Ok([3, 3, 3]));
        check("Müller", Utf8, 3, Ok([3, 2, 2]));
        check("Müller", Utf16, 2, Ok([3, 2, 2]));
        check("日本語", CodePoints, 2, Ok([6, 2, 2]));
        check("a😀b", Utf16, 3, Ok([5, 3, 2]));
        check("a😀b", CodePoints, 3, Ok([6, 4, 3]));
        check("\u{feff}x", CodePoints, 1, Ok([3, 1, 1]));
        check("\r\nü", Utf8, 1, Ok([1, 1, 1]));
    }

    #[test]
    fn an_offset_inside_a_character_names_the_boundaries_around_it() {
        let inside = |offset, unit, floor, ceiling| {
            format!(
                "offset {offset} in {unit} is inside a character; the boundaries around it are {floor} and {ceiling}"
            )
        };
        check("aüb", Unit::Utf8, 2, Err(&inside(2, "utf8", 1, 3)));
        check("a😀b", Unit::Utf8, 2, Err(&inside(2, "utf8", 1, 5)));
        check("a😀b", Unit::Utf8, 4, Err(&inside(4, "utf8", 1, 5)));
        check("a😀b", Unit::Utf16, 2, Err(&inside(2, "utf16", 1, 3)));
    }

    #[test]
    fn an_offset_past_the_end_names_the_length() {
        let past = |offset, unit, length| {
            format!("offset {offset} in {unit} is past the end of the text, whose length is {length}")
        };
        check("", Unit::Utf8, 1, Err(&past(1, "utf8", 0)));
        check("plain", Unit::CodePoints, 6, Err(&past(6, "code_points", 5)));
        check("a😀b", Unit::Utf16, 5, Err(&past(5, "utf16", 4)));
        check("a😀b", Unit::CodePoints, u32::MAX, Err(&past(u32::MAX, "code_points", 3)));
    }

    #[test]
    fn a_text_as_long_as_any_is_read_once() {
        let piece = "日本語 a😀\r\n"; // 17 bytes, 9 code units, 8 code points
        let pieces = 64 * 1_024 * 1_024 / 17;
        let text = Text::new(piece.repeat(pieces));
        let pieces = to_offset(pieces);
        let at = |pieces| Position { utf8: 17 * pieces, utf16: 9 * pieces, code_points: 8 * pieces };
        assert_eq!(text.length(), at(pieces));
        for half in [pieces / 2, pieces] {
            for unit in Unit::ALL {
                assert_eq!(text.position(unit, at(half).in_unit(unit)), Ok(at(half)));
            }
        }
    }

    #[test]
    fn checkpoints_weigh_little_and_an_ascii_text_has_none() {
        let kib = 1_024;
        let weight = |content: String| Text::new(content).memory_bytes() - size_of::<Text>();
        assert_eq!(weight("a".repeat(64 * kib)), 64 * kib);
        assert_eq!(weight("é".repeat(32 * kib)), 64 * kib + 64 * 12);
    }

    #[test]
    fn a_slice_off_the_boundaries_is_empty() {
        let range = |start, end| TextRange {
            start: Position { utf8: start, ..Position::default() },
            end: Position { utf8: end, ..Position::default() },
        };
        let text = Text::new("aüb");
        assert_eq!(text.slice(&range(1, 3)), "ü");
        for (start, end) in [(1, 2), (2, 3), (3, 1), (0, 5), (9, 9)] {
            assert_eq!(text.slice(&range(start, end)), "", "[{start}, {end})");
        }
    }

    #[test]
    fn a_log_line_does_not_hold_the_text() {
        assert_eq!(
            format!("{:?}", Text::new("secret")),
            "Text { length: Position { utf8: 6, utf16: 6, code_points: 6 }, .. }"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_offset_of_every_unit_is_what_a_walk_over_the_characters_says(content in texts()) {
            let text = Text::new(content.as_str());
            let boundaries = boundaries(&content);
            let length = *boundaries.last().unwrap();
            prop_assert_eq!(text.as_str(), &content);
            prop_assert_eq!(text.length(), length);
            for unit in Unit::ALL {
                let end = length.in_unit(unit);
                for around in boundaries.windows(2) {
                    let (floor, ceiling) = (around[0].in_unit(unit), around[1].in_unit(unit));
                    prop_assert_eq!(text.position(unit, floor), Ok(around[0]));
                    for offset in floor + 1..ceiling {
                        let expected = Problem::OffsetNotOnBoundary { offset, unit, floor, ceiling };
                        prop_assert_eq!(text.position(unit, offset), Err(expected));
                    }
                }
                prop_assert_eq!(text.position(unit, end), Ok(length));
                for offset in [end + 1, end + 2, end + 1_024, u32::MAX] {
                    let expected = Problem::SpanOutOfBounds { start: offset, end: offset, unit, length: end };
                    prop_assert_eq!(text.position(unit, offset), Err(expected));
                }
            }
        }
    }
}
