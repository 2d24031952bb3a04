//! What is read and written before it is committed: rows over rows, and what a decision makes of them.

use std::{collections::BTreeMap, fmt, ops::Bound};

use bytes::Bytes;

use super::engine::{Change, Revision, Row, Rows, Stamp, View, successor};
use crate::domain::Result;

/// Uncommitted writes over a view, readable as one.
pub struct Overlay<'v> {
    base: &'v dyn View,
    writes: BTreeMap<Bytes, Option<Bytes>>,
}

impl<'v> Overlay<'v> {
    /// No writes over `base`.
    #[must_use]
    pub fn new(base: &'v dyn View) -> Self {
        Self::resumed(base, BTreeMap::new())
    }

    /// `writes` over `base`, as [`Overlay::into_writes`] gave them.
    #[must_use]
    pub fn resumed(base: &'v dyn View, writes: BTreeMap<Bytes, Option<Bytes>>) -> Self {
        Self { base, writes }
    }

    /// Sets the value at `key`.
    pub fn put(&mut self, key: Bytes, value: Bytes) {
        self.writes.insert(key, Some(value));
    }

    /// Deletes the row at `key`, if there is one.
    pub fn delete(&mut self, key: Bytes) {
        self.writes.insert(key, None);
    }

    /// The writes in the order of their keys; `None` deletes.
    #[must_use]
    pub fn writes(&self) -> &BTreeMap<Bytes, Option<Bytes>> {
        &self.writes
    }

    /// Takes the writes.
    #[must_use]
    pub fn into_writes(self) -> BTreeMap<Bytes, Option<Bytes>> {
        self.writes
    }

    fn bounds<'k>(from: &'k [u8], to: &'k [u8]) -> (Bound<&'k [u8]>, Bound<&'k [u8]>) {
        (Bound::Included(from), Bound::Excluded(to.max(from)))
    }
}

impl fmt::Debug for Overlay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlay").field("writes", &self.writes.len()).finish_non_exhaustive()
    }
}

impl View for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        self.writes.get(key).map_or_else(|| self.base.get(key), |write| Ok(write.clone()))
    }

    fn ascending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        let mut writes = self.writes.range::<[u8], _>(Self::bounds(from, to)).peekable();
        if writes.peek().is_none() {
            return self.base.ascending(from, to);
        }
        Box::new(Merge { base: self.base.ascending(from, to).peekable(), writes, is_first: |a, b| a < b })
    }

    fn descending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        let mut writes = self.writes.range::<[u8], _>(Self::bounds(from, to)).rev().peekable();
        if writes.peek().is_none() {
            return self.base.descending(from, to);
        }
        Box::new(Merge { base: self.base.descending(from, to).peekable(), writes, is_first: |a, b| a > b })
    }

    fn floor(&self, from: &[u8], at: &[u8]) -> Result<Option<Row>> {
        let bounds = (Bound::Included(from), Bound::Included(at));
        if from > at {
            return Ok(None);
        }
        let write = self.writes.range::<[u8], _>(bounds).next_back();
        if let Some((key, Some(value))) = write.filter(|(key, _)| *key == at) {
            return Ok(Some((key.clone(), value.clone())));
        }
        let row = self.base.floor(from, at)?;
        match (write, row) {
            (None, row) => Ok(row),
            // No write up to `at` is behind this row, so that it stands.
            (Some((written, _)), Some(row)) if row.0 > *written => Ok(Some(row)),
            (Some((key, Some(value))), _) => Ok(Some((key.clone(), value.clone()))),
            (Some((_, None)), _) => self.descending(from, &successor(at)).next().transpose(),
        }
    }
}

/// The rows of a view and the writes over it, in one order; a write hides the row of its key.
struct Merge<'v, W: Iterator<Item = (&'v Bytes, &'v Option<Bytes>)>> {
    base: std::iter::Peekable<Rows<'v>>,
    writes: std::iter::Peekable<W>,
    is_first: fn(&Bytes, &Bytes) -> bool,
}

impl<'v, W: Iterator<Item = (&'v Bytes, &'v Option<Bytes>)>> Iterator for Merge<'v, W> {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((write_key, _)) = self.writes.peek() else { return self.base.next() };
            match self.base.peek() {
                Some(Err(_)) => return self.base.next(),
                Some(Ok((key, _))) if (self.is_first)(key, write_key) => return self.base.next(),
                Some(Ok((key, _))) if key == *write_key => drop(self.base.next()),
                Some(Ok(_)) | None => {}
            }
            if let Some((key, Some(value))) = self.writes.next() {
                return Some(Ok((key.clone(), value.clone())));
            }
        }
    }
}

/// What a decision reads and writes: the state with the earlier decisions of its group, and its own writes.
pub struct Draft<'v> {
    rows: Overlay<'v>,
    stamp: Stamp,
    changes: Vec<Change>,
    undone: Option<Revision>,
}

impl<'v> Draft<'v> {
    /// An empty draft over `base`.
    #[must_use]
    pub fn new(base: &'v dyn View, stamp: Stamp) -> Self {
        Self { rows: Overlay::new(base), stamp, changes: Vec::new(), undone: None }
    }

    /// The same with what an earlier draft wrote, as [`Draft::into_parts`] gave it.
    #[must_use]
    pub fn resumed(base: &'v dyn View, stamp: Stamp, writes: BTreeMap<Bytes, Option<Bytes>>) -> Self {
        Self { rows: Overlay::resumed(base, writes), stamp, changes: Vec::new(), undone: None }
    }

    /// The revision and time that the commit gets.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Sets the value at `key`.
    pub fn put(&mut self, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.rows.put(key.into(), value.into());
    }

    /// Deletes the row at `key`, if there is one.
    pub fn delete(&mut self, key: impl Into<Bytes>) {
        self.rows.delete(key.into());
    }

    /// Says what was done to a resource: the log keeps it, and the answer is made from it.
    pub fn change(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// Says that this undoes the commit `revision`.
    pub fn undo(&mut self, revision: Revision) {
        self.undone = Some(revision);
    }

    /// The commit that this undoes.
    #[must_use]
    pub fn undone(&self) -> Option<Revision> {
        self.undone
    }

    /// The writes by key, and the changes in order.
    #[must_use]
    pub fn into_parts(self) -> (BTreeMap<Bytes, Option<Bytes>>, Vec<Change>) {
        (self.rows.into_writes(), self.changes)
    }
}

impl View for Draft<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        self.rows.get(key)
    }

    fn ascending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        self.rows.ascending(from, to)
    }

    fn descending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        self.rows.descending(from, to)
    }

    fn floor(&self, from: &[u8], at: &[u8]) -> Result<Option<Row>> {
        self.rows.floor(from, at)
    }
}

impl fmt::Debug for Draft<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft").field("stamp", &self.stamp).field("rows", &self.rows).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::testing::MemoryRows;

    proptest! {
        #[test]
        fn the_floor_over_writes_is_where_a_scan_finds_it(
            rows in prop::collection::btree_map(key(), Just(Bytes::from_static(b"row")), 0..12),
            writes in prop::collection::btree_map(key(), prop::option::of(Just(Bytes::from_static(b"write"))), 0..12),
            (from, at) in (key(), key()),
        ) {
            let rows = MemoryRows(rows);
            let overlay = Overlay::resumed(&rows, writes);
            let found = if from > at { None } else { overlay.descending(&from, &successor(&at)).next() };
            prop_assert_eq!(overlay.floor(&from, &at), found.transpose());
        }
    }

    fn key() -> impl Strategy<Value = Bytes> {
        prop::collection::vec(0..3u8, 0..4).prop_map(Bytes::from)
    }
}
