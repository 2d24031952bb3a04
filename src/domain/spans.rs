//! From what a client sends of a span to the one place in the text that it means, or to a refusal that says why
//! there is none. Nothing is guessed: a quote is the text byte for byte, a range stands on boundaries.

use super::{
    errors::{Error, Problem, Result, shortened},
    quotes::Occurrences,
    text::{CodePointRange, Position, Text, TextRange, Unit, Utf8Range, Utf16Range, to_index, to_offset},
};
use crate::limits::{
    ANNOTATION_QUOTE_CODE_POINTS_MAX, ANNOTATION_SPANS_MAX, ERROR_POSITIONS_MAX, QUOTE_CONTEXT_BYTES_MAX,
};

/// A span as it is sent: one range, or several that agree; a quote that is what they cover; or a quote alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpanRequest {
    /// The range in bytes of UTF-8, if given.
    pub utf8: Option<Utf8Range>,
    /// The range in UTF-16 code units, if given.
    pub utf16: Option<Utf16Range>,
    /// The range in code points, if given.
    pub code_points: Option<CodePointRange>,
    /// What the span covers; empty when not given.
    pub quote: String,
    /// What stands right before the quote, as far as it is needed to tell equal quotes apart.
    pub prefix: String,
    /// What stands right after it.
    pub suffix: String,
}

impl SpanRequest {
    fn ranges(&self) -> impl Iterator<Item = SentRange> {
        let utf8 = self.utf8.map(|range| SentRange { unit: Unit::Utf8, start: range.start, end: range.end });
        let utf16 =
            self.utf16.map(|range| SentRange { unit: Unit::Utf16, start: range.start, end: range.end });
        let code_points = self.code_points.map(|range| SentRange {
            unit: Unit::CodePoints,
            start: range.start,
            end: range.end,
        });
        [utf8, utf16, code_points].into_iter().flatten()
    }

    /// The unit of the first range that was sent; none for a quote alone.
    #[must_use]
    pub fn unit(&self) -> Option<Unit> {
        self.ranges().next().map(|sent| sent.unit)
    }

    fn contexts(&self) -> [(&'static str, &str); 2] {
        [("prefix", &self.prefix), ("suffix", &self.suffix)]
    }
}

/// A range in one unit, not yet held against the text.
#[derive(Debug, Clone, Copy)]
struct SentRange {
    unit: Unit,
    start: u32,
    end: u32,
}

/// Whether a span may cover nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    /// It may.
    Allowed,
    /// It may not.
    Refused,
}

/// Finds the place in `text` that `request` means.
///
/// A range and a quote must fit each other, and so must the prefix and suffix that come with them. A quote alone
/// must stand in the text once, counting only the places with the prefix right before and the suffix right after.
///
/// # Errors
///
/// Fields are relative to the span. `LIMIT_EXCEEDED` for a prefix or suffix over 1,024 bytes, `FIELD_INVALID` for one
/// without a quote or not around the range; `SPAN_REQUIRED`, `SPAN_OUT_OF_BOUNDS`, `OFFSET_NOT_ON_BOUNDARY`,
/// `RANGES_DISAGREE`, `SPAN_EMPTY`; `QUOTE_MISMATCH`, which also stands for a range out of bounds or off a boundary
/// whose numbers cover the quote in another unit; `QUOTE_NOT_FOUND` and `QUOTE_AMBIGUOUS`.
pub fn resolve(text: &Text, request: &SpanRequest, empty: Empty) -> Result<TextRange> {
    check_contexts(request)?;
    let Some((sent, range)) = agreed_range(text, request)? else {
        return if request.quote.is_empty() {
            Err(Problem::SpanRequired.into())
        } else {
            find(text, request)
        };
    };
    if range.is_empty() && empty == Empty::Refused {
        return Err(Error::at(sent.unit.to_string(), Problem::SpanEmpty));
    }
    if !request.quote.is_empty() {
        let covered = text.slice(&range);
        if covered != request.quote {
            return Err(mismatch(covered, sent.unit, other_unit(text, sent, &request.quote)));
        }
        check_surroundings(text, &range, request)?;
    }
    Ok(range)
}

/// Finds the window of `text` that a list is narrowed to: exactly one range, which may be empty.
///
/// # Errors
///
/// Fields are relative to the window. `FIELD_INVALID` for no range, a second one, a quote, a prefix or a suffix;
/// `SPAN_OUT_OF_BOUNDS` and `OFFSET_NOT_ON_BOUNDARY` as for a span.
pub fn resolve_window(text: &Text, request: &SpanRequest) -> Result<TextRange> {
    for (field, sent) in [("quote", request.quote.as_str())].into_iter().chain(request.contexts()) {
        if !sent.is_empty() {
            return Err(Error::field(field, format!("a window is one range alone; leave the {field} out")));
        }
    }
    let mut ranges = request.ranges();
    let Some(sent) = ranges.next() else {
        return Err(Error::field("", "a window needs one range: utf8, utf16 or code_points"));
    };
    if let Some(second) = ranges.next() {
        let message = format!("a window is one range alone; {} was sent too", sent.unit);
        return Err(Error::field(second.unit.to_string(), message));
    }
    locate(text, sent)
}

/// What an annotation stands on: 1 to 64 ranges of one text, in its order, none sharing a character, none twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    spans: Vec<TextRange>,
}

impl Anchor {
    /// Finds the places in `text` that `requests` mean.
    ///
    /// # Errors
    ///
    /// Fields are relative to the anchor. `FIELD_INVALID` at `spans` for none and at `spans[i]` for one that does not
    /// stand after the one before it; `LIMIT_EXCEEDED` at `spans` for more than 64; and what [`resolve`] refuses.
    pub fn resolve(text: &Text, requests: &[SpanRequest], empty: Empty) -> Result<Self> {
        if requests.is_empty() {
            let message = format!("an anchor needs 1 to {ANNOTATION_SPANS_MAX} spans; it has none");
            return Err(Error::field("spans", message));
        }
        if requests.len() > ANNOTATION_SPANS_MAX {
            return Err(limit_exceeded("spans", "the anchor", requests.len(), ANNOTATION_SPANS_MAX, "spans"));
        }
        let mut spans: Vec<TextRange> = Vec::with_capacity(requests.len());
        for (index, request) in requests.iter().enumerate() {
            let field = format!("spans[{index}]");
            let span = resolve(text, request, empty).map_err(|error| error.within(&field))?;
            let stands_on = |before: &&TextRange| span.start < before.end || span == **before;
            if let Some(before) = spans.last().filter(stands_on) {
                return Err(Error::field(field, out_of_order(&span, before, index, request)));
            }
            spans.push(span);
        }
        Ok(Self { spans })
    }

    /// The anchor of these ranges, as they are read from storage; none if they cannot be one.
    #[must_use]
    pub fn from_ranges(spans: Vec<TextRange>) -> Option<Self> {
        let before =
            |a: &Position, b: &Position| Unit::ALL.iter().all(|unit| a.in_unit(*unit) < b.in_unit(*unit));
        let follows = |a: &Position, b: &Position| a == b || before(a, b);
        let directed = spans.iter().all(|span| follows(&span.start, &span.end));
        let mut pairs = spans.iter().zip(spans.iter().skip(1));
        let sorted = pairs.all(|(span, next)| follows(&span.end, &next.start) && span != next);
        let counted = (1..=ANNOTATION_SPANS_MAX).contains(&spans.len());
        (counted && directed && sorted).then_some(Self { spans })
    }

    /// Its ranges.
    #[must_use]
    pub fn spans(&self) -> &[TextRange] {
        &self.spans
    }

    /// The first of its spans that covers nothing, by its index.
    #[must_use]
    pub fn first_empty(&self) -> Option<usize> {
        self.spans.iter().position(TextRange::is_empty)
    }

    /// From its first character to its last, with what is between its spans.
    #[must_use]
    pub fn hull(&self) -> TextRange {
        let edge = |span: Option<&TextRange>| span.copied().unwrap_or_default();
        TextRange { start: edge(self.spans.first()).start, end: edge(self.spans.last()).end }
    }

    /// What its spans cover in `text`, one quote a span; none at all when they have more than 1,024 code points
    /// together.
    #[must_use]
    pub fn quotes(&self, text: &Text) -> Vec<String> {
        let lengths = self.spans.iter().map(|span| span.end.code_points - span.start.code_points);
        if lengths.map(to_index).sum::<usize>() > ANNOTATION_QUOTE_CODE_POINTS_MAX {
            return Vec::new();
        }
        self.spans.iter().map(|span| text.slice(span).to_owned()).collect()
    }
}

/// The place that every range of `request` means, with the first of them; none if there is no range.
fn agreed_range(text: &Text, request: &SpanRequest) -> Result<Option<(SentRange, TextRange)>> {
    let mut agreed: Option<(SentRange, TextRange)> = None;
    for sent in request.ranges() {
        let range = locate(text, sent).map_err(|error| match other_unit(text, sent, &request.quote) {
            None => error,
            fitting => mismatch("", sent.unit, fitting),
        })?;
        match agreed {
            None => agreed = Some((sent, range)),
            Some((first, expected)) if range != expected => {
                let problem = Problem::RangesDisagree {
                    first: first.unit,
                    first_start: first.start,
                    first_end: first.end,
                    second: sent.unit,
                    second_start: sent.start,
                    second_end: sent.end,
                    expected_start: expected.start.in_unit(sent.unit),
                    expected_end: expected.end.in_unit(sent.unit),
                };
                return Err(Error::at(sent.unit.to_string(), problem));
            }
            Some(_) => {}
        }
    }
    Ok(agreed)
}

/// The place that one range means.
fn locate(text: &Text, sent: SentRange) -> Result<TextRange> {
    let SentRange { unit, start, end } = sent;
    let length = text.length().in_unit(unit);
    if start > end || end > length {
        let edge = if start > length { "start" } else { "end" };
        return Err(Error::at(
            format!("{unit}.{edge}"),
            Problem::SpanOutOfBounds { start, end, unit, length },
        ));
    }
    let position = |edge, offset| {
        text.position(unit, offset).map_err(|problem| Error::at(format!("{unit}.{edge}"), problem))
    };
    Ok(TextRange { start: position("start", start)?, end: position("end", end)? })
}

/// The unit in which the numbers of `sent` cover `quote`, if it is not the one they were sent in.
fn other_unit(text: &Text, sent: SentRange, quote: &str) -> Option<Unit> {
    let fits = |unit| locate(text, SentRange { unit, ..sent }).is_ok_and(|range| text.slice(&range) == quote);
    Unit::ALL.into_iter().find(|&unit| !quote.is_empty() && unit != sent.unit && fits(unit))
}

fn mismatch(covered: &str, sent_unit: Unit, matches_in_unit: Option<Unit>) -> Error {
    let covered = shortened(covered);
    Error::at("quote", Problem::QuoteMismatch { covered, sent_unit, matches_in_unit })
}

/// The one place where the quote of `request` stands, between its prefix and its suffix.
fn find(text: &Text, request: &SpanRequest) -> Result<TextRange> {
    let SpanRequest { quote, prefix, suffix, .. } = request;
    // One search for all three together: it stays linear, and each place that it finds is one of the quote's.
    let in_context = [prefix.as_str(), quote, suffix].concat();
    let mut count = 0;
    let mut starts = Vec::new();
    for at in Occurrences::new(text.as_str(), &in_context) {
        count += 1;
        if count <= ERROR_POSITIONS_MAX {
            starts.push(byte_position(text, at + prefix.len())?);
        }
    }
    let problem = match *starts.as_slice() {
        [start] => {
            return Ok(TextRange { start, end: byte_position(text, to_index(start.utf8) + quote.len())? });
        }
        [] if in_context.len() == quote.len() => Problem::QuoteNotFound { without_context: 0 },
        [] => Problem::QuoteNotFound { without_context: Occurrences::new(text.as_str(), quote).count() },
        _ => Problem::QuoteAmbiguous { count, starts },
    };
    Err(Error::at("quote", problem))
}

fn byte_position(text: &Text, index: usize) -> Result<Position> {
    Ok(text.position(Unit::Utf8, to_offset(index))?)
}

/// A prefix and a suffix belong to a quote and are short.
fn check_contexts(request: &SpanRequest) -> Result<()> {
    for (field, context) in request.contexts() {
        if context.len() > QUOTE_CONTEXT_BYTES_MAX {
            let what = if field == "prefix" { "the prefix" } else { "the suffix" };
            return Err(limit_exceeded(field, what, context.len(), QUOTE_CONTEXT_BYTES_MAX, "bytes"));
        }
        if !context.is_empty() && request.quote.is_empty() {
            return Err(Error::field(
                field,
                format!("a {field} is what stands around a quote; send the quote too"),
            ));
        }
    }
    Ok(())
}

/// The prefix and suffix of `request` must stand around `range`.
fn check_surroundings(text: &Text, range: &TextRange, request: &SpanRequest) -> Result<()> {
    let SpanRequest { prefix, suffix, .. } = request;
    let before = text.as_str().get(..to_index(range.start.utf8)).unwrap_or_default();
    if !before.ends_with(prefix.as_str()) {
        let first = before.char_indices().rev().take(prefix.chars().count().min(80)).last();
        let stands = first.and_then(|(at, _)| before.get(at..)).unwrap_or_default();
        let message =
            format!("{:?} does not stand right before the range; {stands:?} does", shortened(prefix));
        return Err(Error::field("prefix", message));
    }
    let after = text.as_str().get(to_index(range.end.utf8)..).unwrap_or_default();
    if !after.starts_with(suffix.as_str()) {
        let stands: String = after.chars().take(suffix.chars().count().min(80)).collect();
        let message =
            format!("{:?} does not stand right after the range; {stands:?} does", shortened(suffix));
        return Err(Error::field("suffix", message));
    }
    Ok(())
}

/// What is wrong with `span`, which does not stand after `before`, in the unit that its client counts in.
fn out_of_order(span: &TextRange, before: &TextRange, index: usize, request: &SpanRequest) -> String {
    let unit = request.unit().unwrap_or(Unit::Utf8);
    let show = |range: &TextRange| format!("[{}, {})", range.start.in_unit(unit), range.end.in_unit(unit));
    let (this, that, other) = (show(span), show(before), index.saturating_sub(1));
    if span == before {
        format!("{this} in {unit} is spans[{other}] once more")
    } else if span.end <= before.start {
        format!(
            "{this} in {unit} comes before spans[{other}], {that}; send the spans in the order of the text"
        )
    } else {
        let end = before.end.in_unit(unit);
        format!(
            "{this} in {unit} overlaps spans[{other}], {that}; a span starts where the one before it ends, at {end}, or after"
        )
    }
}

fn limit_exceeded(field: &str, what: &'static str, actual: usize, limit: usize, unit: &'static str) -> Error {
    let count = |count| u64::try_from(count).unwrap_or(u64::MAX);
    Error::at(field, Problem::LimitExceeded { what, actual: count(actual), limit: count(limit), unit })
}

#[cfg(test)]
mod tests;
