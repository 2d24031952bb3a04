//! Rows in order, past those that cannot be read.

use bytes::Bytes;

use super::{
    super::{
        engine::{Row, Rows, View, successor},
        keys::{self, KeyRange},
    },
    in_words,
};
use crate::domain::Error;

/// The rows of a range; in the place of some that cannot be read stands why.
///
/// Behind a row that cannot be read it goes on at a key further on, twice as far each time that this fails: so it comes
/// to an end however much is unreadable, and misses about as much as is.
pub(super) struct Resuming<'v> {
    view: &'v dyn View,
    from: Bytes,
    to: Bytes,
    rows: Option<Rows<'v>>,
    /// How far the next step goes.
    step: u64,
    /// Where it became unreadable, and why.
    gap: Option<(Bytes, Error)>,
    /// The row behind the gap.
    behind: Option<Row>,
}

impl<'v> Resuming<'v> {
    pub(super) fn new(view: &'v dyn View, range: KeyRange) -> Self {
        let KeyRange { from, to } = range;
        Self { view, from, to, rows: None, step: 1, gap: None, behind: None }
    }

    fn explain(gap: &(Bytes, Error), to: &Bytes) -> String {
        let (from, error) = gap;
        format!("what stands from key {from:02x?} to {to:02x?} cannot be read: {}", in_words(error))
    }
}

impl Iterator for Resuming<'_> {
    type Item = Result<Row, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(row) = self.behind.take() {
            return Some(Ok(row));
        }
        loop {
            let view = self.view;
            match self.rows.get_or_insert_with(|| view.ascending(&self.from, &self.to)).next() {
                Some(Ok(row)) => {
                    self.step = 1;
                    self.from = successor(&row.0);
                    let Some(gap) = self.gap.take() else { return Some(Ok(row)) };
                    let why = Self::explain(&gap, &row.0);
                    self.behind = Some(row);
                    return Some(Err(why));
                }
                Some(Err(error)) => {
                    self.gap.get_or_insert_with(|| (self.from.clone(), error));
                    let next = keys::further(&self.from, self.step).filter(|next| *next < self.to);
                    self.from = next.unwrap_or_else(|| self.to.clone());
                    self.step = self.step.saturating_mul(2);
                    self.rows = None;
                }
                None => {
                    let gap = self.gap.take()?;
                    return Some(Err(Self::explain(&gap, &self.to)));
                }
            }
        }
    }
}
