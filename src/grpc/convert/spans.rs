//! Spans, ranges and units.

use crate::{
    domain::{
        Error, Result,
        spans::SpanRequest,
        text::{CodePointRange, Position, TextRange, Unit, Utf8Range, Utf16Range},
    },
    proto::v1,
};

/// A span that a client sent.
#[must_use]
pub fn request(span: v1::Span) -> SpanRequest {
    let v1::Span { utf8, utf16, code_points, quote, prefix, suffix } = span;
    SpanRequest {
        utf8: utf8.map(|v1::Range { start, end }| Utf8Range { start, end }),
        utf16: utf16.map(|v1::Range { start, end }| Utf16Range { start, end }),
        code_points: code_points.map(|v1::Range { start, end }| CodePointRange { start, end }),
        quote,
        prefix,
        suffix,
    }
}

/// A span as clients see it.
#[must_use]
pub fn span(range: &TextRange, quote: String) -> v1::Span {
    let TextRange { start, end } = range;
    v1::Span {
        utf8: Some(v1::Range { start: start.utf8, end: end.utf8 }),
        utf16: Some(v1::Range { start: start.utf16, end: end.utf16 }),
        code_points: Some(v1::Range { start: start.code_points, end: end.code_points }),
        quote,
        prefix: String::new(),
        suffix: String::new(),
    }
}

/// A position or length as clients see it.
#[must_use]
pub fn length(position: Position) -> v1::TextLength {
    let Position { utf8, utf16, code_points } = position;
    v1::TextLength { utf8, utf16, code_points }
}

/// The unit in the field `field`.
///
/// # Errors
///
/// FIELD_INVALID when there is none.
pub fn unit(field: &str, unit: i32) -> Result<Unit> {
    match v1::OffsetUnit::try_from(unit) {
        Ok(v1::OffsetUnit::Utf8) => Ok(Unit::Utf8),
        Ok(v1::OffsetUnit::Utf16) => Ok(Unit::Utf16),
        Ok(v1::OffsetUnit::CodePoints) => Ok(Unit::CodePoints),
        Ok(v1::OffsetUnit::Unspecified) | Err(_) => {
            let message =
                "say what the offsets count: OFFSET_UNIT_UTF8, OFFSET_UNIT_UTF16 or OFFSET_UNIT_CODE_POINTS";
            Err(Error::field(field, message))
        }
    }
}

/// The unit as clients see it.
#[must_use]
pub fn unit_of(unit: Unit) -> v1::OffsetUnit {
    match unit {
        Unit::Utf8 => v1::OffsetUnit::Utf8,
        Unit::Utf16 => v1::OffsetUnit::Utf16,
        Unit::CodePoints => v1::OffsetUnit::CodePoints,
    }
}
