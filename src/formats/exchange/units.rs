//! What the offsets of files count, where the files do not say: quotes do.

use super::records::{AnnotationRecord, ArticleRecord, SpanRecord, TargetRecord};
use crate::domain::text::{Text, Unit};

/// What offsets count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitChoice {
    /// This.
    Of(Unit),
    /// What fits the quotes.
    FromQuotes,
}

/// What the offsets of files may count, as far as the quotes seen yet say.
#[derive(Debug, Clone)]
pub(super) struct Candidates(Vec<Unit>);

/// What one record says of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decided {
    /// Its ranges count this, or the same in everything that they may count.
    As(Unit),
    /// They mean other characters in these two, and nothing says yet which it is.
    NotYet(Unit, Unit),
}

impl Candidates {
    pub(super) fn new(choice: UnitChoice) -> Self {
        // What most files count comes first: it is taken where it makes no difference.
        const ALL: [Unit; 3] = [Unit::CodePoints, Unit::Utf16, Unit::Utf8];
        match choice {
            UnitChoice::Of(unit) => Self(vec![unit]),
            UnitChoice::FromQuotes => Self(ALL.to_vec()),
        }
    }

    /// Whether one is left.
    pub(super) fn is_decided(&self) -> bool {
        self.0.len() == 1
    }

    /// Learns from the quotes of a record, and says what its ranges count. A unit is out once a quote does not fit in it and
    /// fits in another one; so at least one is left.
    pub(super) fn learn(&mut self, record: &ArticleRecord, text: &Text) -> Decided {
        if let Some(unit) = record.unit {
            return Decided::As(unit);
        }
        let spans = || record.annotations.iter().flat_map(spans_of);
        if !self.is_decided() && !text.as_str().is_ascii() {
            for span in spans().filter(|span| !span.quote.is_empty()) {
                let fits = |unit: &Unit| covered(text, span, *unit) == Some(span.quote.as_str());
                if self.0.iter().any(fits) {
                    self.0.retain(fits);
                }
            }
            for annotation in &record.annotations {
                let fits = |unit: &Unit| joined_fits(text, annotation, *unit);
                if self.0.iter().any(|unit| fits(unit) == Some(true)) {
                    self.0.retain(|unit| fits(unit) == Some(true));
                }
            }
        }
        let first = self.0.first().copied().unwrap_or(Unit::CodePoints);
        let same = |unit: Unit| spans().all(|span| place(text, span, first) == place(text, span, unit));
        match self.0.iter().copied().find(|unit| *unit != first && !text.as_str().is_ascii() && !same(*unit))
        {
            Some(other) => Decided::NotYet(first, other),
            None => Decided::As(first),
        }
    }
}

fn spans_of(annotation: &AnnotationRecord) -> impl Iterator<Item = &SpanRecord> {
    match &annotation.target {
        TargetRecord::Spans(spans) => spans.spans.iter(),
        TargetRecord::Relation(_) | TargetRecord::Article => [].iter(),
    }
}

/// Where a range is, in bytes; none if it is nowhere in the text.
fn place(text: &Text, span: &SpanRecord, unit: Unit) -> Option<(u32, u32)> {
    let (start, end) = span.range?;
    let at = |offset: u64| Some(text.position(unit, u32::try_from(offset).ok()?).ok()?.utf8);
    Some((at(start)?, at(end)?)).filter(|(start, end)| start <= end)
}

fn covered<'t>(text: &'t Text, span: &SpanRecord, unit: Unit) -> Option<&'t str> {
    let (start, end) = place(text, span, unit)?;
    text.as_str().get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

/// Whether what an annotation covers is what the file says of all of it; none where it says nothing.
fn joined_fits(text: &Text, annotation: &AnnotationRecord, unit: Unit) -> Option<bool> {
    let TargetRecord::Spans(spans) = &annotation.target else { return None };
    let joined = spans.joined.as_ref()?;
    let parts: Option<Vec<_>> = spans.spans.iter().map(|span| covered(text, span, unit)).collect();
    Some(parts.is_some_and(|parts| joined.fits(&parts)))
}

impl super::JoinedQuote {
    /// Whether this is what is covered.
    pub(super) fn fits(&self, covered: &[&str]) -> bool {
        let joined = covered.join(self.joiner);
        if self.lines_as_spaces {
            joined.replace(['\n', '\r'], " ") == self.quote.replace(['\n', '\r'], " ")
        } else {
            joined == self.quote
        }
    }
}
