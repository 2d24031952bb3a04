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

/// Steps to the next number before they become longer.
const SINGLE_STEPS: u32 = 64;

/// The rows of a range; in the place of some that cannot be read stands why.
///
/// Behind a row that cannot be read it goes on at the next number. Where that fails again and again it goes twice as far
/// each time: so it comes to an end however much is unreadable.
pub(super) struct Resuming<'v> {
    view: &'v dyn View,
    from: Bytes,
    to: Bytes,
    rows: Option<Rows<'v>>,
    /// How often it could not go on since the last row.
    failures: u32,
    /// Where it became unreadable, and why.
    gap: Option<(Bytes, Error)>,
    /// The row behind the gap.
    behind: Option<Row>,
}

impl<'v> Resuming<'v> {
    pub(super) fn new(view: &'v dyn View, range: KeyRange) -> Self {
        let KeyRange { from, to } = range;
        Self { view, from, to, rows: None, failures: 0, gap: None, behind: None }
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
                    self.failures = 0;
                    self.from = successor(&row.0);
                    let Some(gap) = self.gap.take() else { return Some(Ok(row)) };
                    let why = Self::explain(&gap, &row.0);
                    self.behind = Some(row);
                    return Some(Err(why));
                }
                Some(Err(error)) => {
                    self.gap.get_or_insert_with(|| (self.from.clone(), error));
                    let step = 1_u64 << self.failures.saturating_sub(SINGLE_STEPS).min(u64::BITS - 1);
                    let next = keys::further(&self.from, step).filter(|next| *next < self.to);
                    self.from = next.unwrap_or_else(|| self.to.clone());
                    self.failures = self.failures.saturating_add(1);
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
