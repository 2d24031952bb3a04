//! The slow and obvious answers to what a span request means, and texts to ask about.

use arbitrary::{Result, Unstructured};
use spandrel::{
    domain::{
        Error, Problem,
        spans::SpanRequest,
        text::{CodePointRange, Position, TextRange, Unit, Utf8Range, Utf16Range},
    },
    limits::{ERROR_POSITIONS_MAX, QUOTE_CONTEXT_BYTES_MAX},
};

const TEXT_BYTES_MAX: usize = 16 * 1_024;

/// What texts are made of: what breaks careless counting.
const PIECES: [&str; 16] = [
    "a",
    "b",
    "ab",
    " ",
    "\r\n",
    "\0",
    "\u{feff}",
    "é",
    "e\u{301}",
    "ß",
    "日本",
    "\u{ffff}",
    "𝒳",
    "👍🏽",
    "👩‍👩‍👧",
    "🇪🇺",
];

/// A text of pieces or of any characters, sometimes so long that it has checkpoints.
pub fn text(input: &mut Unstructured<'_>) -> Result<String> {
    let mut text = if input.ratio(2, 3)? {
        let count = input.int_in_range(0..=24)?;
        (0..count).map(|_| input.choose(&PIECES).copied()).collect::<Result<String>>()?
    } else {
        let length = input.arbitrary_len::<u8>()?.min(256);
        String::from_utf8_lossy(input.bytes(length)?).into_owned()
    };
    if input.ratio(1, 4)? {
        let times = input.int_in_range(1..=200)?;
        text = text.repeat(times.min(TEXT_BYTES_MAX / text.len().max(1)).max(1));
    }
    Ok(text)
}

/// A quote, prefix or suffix: a part of the text, or something else.
pub fn part(input: &mut Unstructured<'_>, text: &str) -> Result<String> {
    if input.ratio(1, 4)? {
        return self::text(input);
    }
    let start = text.floor_char_boundary(input.int_in_range(0..=text.len())?);
    let end = text.ceil_char_boundary(start + input.int_in_range(0..=text.len() - start)?);
    Ok(text[start..end].to_owned())
}

/// An offset: mostly about where the text is.
pub fn offset(input: &mut Unstructured<'_>, length: Position) -> Result<u32> {
    if input.ratio(1, 16)? { input.arbitrary() } else { input.int_in_range(0..=length.utf8 + 2) }
}

/// Some ranges in some units, which may agree, with or without a quote.
pub fn request(input: &mut Unstructured<'_>, content: &str) -> Result<SpanRequest> {
    let boundaries = boundaries(content);
    let length = boundaries[boundaries.len() - 1];
    let (start, end) = (*input.choose(&boundaries)?, *input.choose(&boundaries)?);
    let mut range = |unit: Unit| -> Result<Option<(u32, u32)>> {
        Ok(match input.int_in_range(0..=3)? {
            0 => None,
            1 => Some((offset(input, length)?, offset(input, length)?)),
            _ => Some((start.min(end).in_unit(unit), start.max(end).in_unit(unit))),
        })
    };
    let utf8 = range(Unit::Utf8)?.map(|(start, end)| Utf8Range { start, end });
    let utf16 = range(Unit::Utf16)?.map(|(start, end)| Utf16Range { start, end });
    let code_points = range(Unit::CodePoints)?.map(|(start, end)| CodePointRange { start, end });
    let quote = match input.int_in_range(0..=3)? {
        0 => String::new(),
        1 => part(input, content)?,
        _ => content[index(start.min(end).utf8)..index(start.max(end).utf8)].to_owned(),
    };
    let mut context = || if input.ratio(1, 4)? { part(input, content) } else { Ok(String::new()) };
    Ok(SpanRequest { utf8, utf16, code_points, quote, prefix: context()?, suffix: context()? })
}

/// Every position between two characters, the start and the end.
pub fn boundaries(content: &str) -> Vec<Position> {
    let mut at = Position::default();
    let mut boundaries = vec![at];
    for character in content.chars() {
        at.utf8 += u32::try_from(character.len_utf8()).unwrap();
        at.utf16 += u32::try_from(character.len_utf16()).unwrap();
        at.code_points += 1;
        boundaries.push(at);
    }
    boundaries
}

/// Where an offset is among the boundaries.
pub fn position(boundaries: &[Position], unit: Unit, offset: u32) -> std::result::Result<Position, Problem> {
    let length = boundaries[boundaries.len() - 1].in_unit(unit);
    if offset > length {
        return Err(Problem::SpanOutOfBounds { start: offset, end: offset, unit, length });
    }
    if let Some(found) = boundaries.iter().find(|boundary| boundary.in_unit(unit) == offset) {
        return Ok(*found);
    }
    let numbers = || boundaries.iter().map(|boundary| boundary.in_unit(unit));
    let floor = numbers().filter(|number| *number < offset).max().unwrap();
    let ceiling = numbers().filter(|number| *number > offset).min().unwrap();
    Err(Problem::OffsetNotOnBoundary { offset, unit, floor, ceiling })
}

/// What Rust, JavaScript and Python find in a range when each takes the numbers of its own unit.
pub fn slices(content: &str, range: &TextRange) -> [String; 3] {
    let bounds = |unit: Unit| index(range.start.in_unit(unit))..index(range.end.in_unit(unit));
    let units: Vec<u16> = content.encode_utf16().collect();
    let characters: Vec<char> = content.chars().collect();
    [
        content[bounds(Unit::Utf8)].to_owned(),
        String::from_utf16(&units[bounds(Unit::Utf16)]).unwrap(),
        characters[bounds(Unit::CodePoints)].iter().collect(),
    ]
}

/// Where `part` stands in `content`, in bytes, overlapping places too.
pub fn occurrences(content: &str, part: &str) -> Vec<usize> {
    let starts = content.char_indices().map(|(at, _)| at);
    starts.filter(|at| !part.is_empty() && content[*at..].starts_with(part)).collect()
}

/// The place that a request means, or the refusal and the field that it blames.
pub fn resolve(content: &str, request: &SpanRequest) -> std::result::Result<TextRange, Error> {
    let SpanRequest { utf8, utf16, code_points, quote, prefix, suffix } = request;
    for (field, context) in [("prefix", prefix), ("suffix", suffix)] {
        if context.len() > QUOTE_CONTEXT_BYTES_MAX {
            let (actual, limit) = (count(context.len()), count(QUOTE_CONTEXT_BYTES_MAX));
            let what = if field == "prefix" { "the prefix" } else { "the suffix" };
            return Err(Error::at(field, Problem::LimitExceeded { what, actual, limit, unit: "bytes" }));
        }
        if !context.is_empty() && quote.is_empty() {
            return Err(Error::field(field, ""));
        }
    }
    let boundaries = boundaries(content);
    let sent = [
        utf8.map(|range| (Unit::Utf8, range.start, range.end)),
        utf16.map(|range| (Unit::Utf16, range.start, range.end)),
        code_points.map(|range| (Unit::CodePoints, range.start, range.end)),
    ];
    let sent: Vec<_> = sent.into_iter().flatten().collect();
    let covers = |unit, start, end| {
        locate(&boundaries, unit, start, end).is_ok_and(|range| slices(content, &range)[0] == *quote)
    };
    // Only the problem's kind is compared where it has words, which are the library's own.
    let mismatch = |unit: Unit, start, end, covered: &str| {
        let others = Unit::ALL.into_iter().filter(|other| *other != unit);
        let matches_in_unit =
            others.into_iter().find(|other| !quote.is_empty() && covers(*other, start, end));
        let covered = covered.to_owned();
        (
            matches_in_unit,
            Error::at("quote", Problem::QuoteMismatch { covered, sent_unit: unit, matches_in_unit }),
        )
    };
    let mut agreed: Option<(Unit, u32, u32, TextRange)> = None;
    for (unit, start, end) in sent {
        let range =
            locate(&boundaries, unit, start, end).map_err(|error| match mismatch(unit, start, end, "") {
                (Some(_), mismatch) => mismatch,
                (None, _) => error,
            })?;
        match agreed {
            None => agreed = Some((unit, start, end, range)),
            Some((first, first_start, first_end, expected)) if expected != range => {
                let problem = Problem::RangesDisagree {
                    first,
                    first_start,
                    first_end,
                    second: unit,
                    second_start: start,
                    second_end: end,
                    expected_start: expected.start.in_unit(unit),
                    expected_end: expected.end.in_unit(unit),
                };
                return Err(Error::at(unit.to_string(), problem));
            }
            Some(_) => {}
        }
    }
    let Some((unit, start, end, range)) = agreed else {
        return if quote.is_empty() { Err(Problem::SpanRequired.into()) } else { find(content, request) };
    };
    if range.start == range.end {
        return Err(Error::at(unit.to_string(), Problem::SpanEmpty));
    }
    let [covered, ..] = slices(content, &range);
    if !quote.is_empty() && covered != *quote {
        return Err(mismatch(unit, start, end, &covered).1);
    }
    if !content[..index(range.start.utf8)].ends_with(prefix.as_str()) {
        return Err(Error::field("prefix", ""));
    }
    if !content[index(range.end.utf8)..].starts_with(suffix.as_str()) {
        return Err(Error::field("suffix", ""));
    }
    Ok(range)
}

fn locate(
    boundaries: &[Position],
    unit: Unit,
    start: u32,
    end: u32,
) -> std::result::Result<TextRange, Error> {
    let length = boundaries[boundaries.len() - 1].in_unit(unit);
    if start > end || end > length {
        let edge = if start > length { "start" } else { "end" };
        return Err(Error::at(
            format!("{unit}.{edge}"),
            Problem::SpanOutOfBounds { start, end, unit, length },
        ));
    }
    let at = |edge, offset| {
        position(boundaries, unit, offset).map_err(|problem| Error::at(format!("{unit}.{edge}"), problem))
    };
    Ok(TextRange { start: at("start", start)?, end: at("end", end)? })
}

fn find(content: &str, request: &SpanRequest) -> std::result::Result<TextRange, Error> {
    let SpanRequest { quote, prefix, suffix, .. } = request;
    let boundaries = boundaries(content);
    let at = |byte: usize| boundaries.iter().find(|boundary| index(boundary.utf8) == byte).copied().unwrap();
    let everywhere = occurrences(content, quote);
    let in_context: Vec<_> = everywhere
        .iter()
        .filter(|start| content[..**start].ends_with(prefix.as_str()))
        .filter(|start| content[**start + quote.len()..].starts_with(suffix.as_str()))
        .collect();
    let problem = match in_context[..] {
        [start] => return Ok(TextRange { start: at(*start), end: at(*start + quote.len()) }),
        [] => Problem::QuoteNotFound { without_context: everywhere.len() },
        _ => Problem::QuoteAmbiguous {
            count: in_context.len(),
            starts: in_context.iter().take(ERROR_POSITIONS_MAX).map(|start| at(**start)).collect(),
        },
    };
    Err(Error::at("quote", problem))
}

/// Expects that both answers are the same: the same place, or the same field and problem.
pub fn assert_same(
    got: std::result::Result<TextRange, Error>,
    expected: std::result::Result<TextRange, Error>,
    context: &dyn std::fmt::Debug,
) {
    match (got, expected) {
        (Ok(got), Ok(expected)) => assert_eq!(got, expected, "{context:?}"),
        (Err(got), Err(expected)) => {
            assert_eq!(got.field, expected.field, "{got} and not {expected}: {context:?}");
            match (got.problem, expected.problem) {
                (Problem::FieldInvalid(_), Problem::FieldInvalid(_)) => {}
                (
                    Problem::QuoteMismatch { sent_unit, matches_in_unit, covered: _ },
                    Problem::QuoteMismatch { sent_unit: unit, matches_in_unit: fitting, covered: _ },
                ) => assert_eq!((sent_unit, matches_in_unit), (unit, fitting), "{context:?}"),
                (got, expected) => assert_eq!(got, expected, "{context:?}"),
            }
        }
        (got, expected) => panic!("{got:?} and not {expected:?}: {context:?}"),
    }
}

pub fn index(offset: u32) -> usize {
    usize::try_from(offset).unwrap()
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap()
}
