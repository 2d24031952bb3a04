//! Packed rows: a sorted map of small entries, kept in few and full rows.
//!
//! A row costs an engine memory and a step in its tree however short it is, so neighbours share one. A row's key is
//! the table's prefix and the lowest key that the row may hold: nothing for the first row, so that each key has a row
//! at or below it as soon as there is any. A row splits above [`RUN_BYTES_MAX`], and one that has shrunk below
//! [`RUN_BYTES_MIN`] merges with a neighbour where the two fit in one. No row is empty, and an emptied table has none.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use self::row::{PackedRow, Search};
use super::{
    engine::{Draft, Rows, View, successor},
    keys::KeyRange,
};
use crate::{
    domain::{Error, Result},
    limits::{KEY_BYTES_MAX, RUN_BYTES_MAX, RUN_BYTES_MIN, RUN_ENTRY_BYTES_MAX},
};

mod row;
#[cfg(test)]
mod tests;

/// What an engine puts before a row's key.
const PARTITION_BYTES: usize = 4;

/// A sorted map in packed rows: all rows whose keys begin with its prefix, which is no other table's beginning.
///
/// Every method that reads fails as [`View::get`] does, and with STORAGE_CORRUPT when a row is none that it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunTable {
    prefix: Bytes,
    group_bytes: usize,
}

impl RunTable {
    /// The table at `prefix`.
    #[must_use]
    pub fn new(prefix: impl Into<Bytes>) -> Self {
        Self::grouped(prefix, 0)
    }

    /// The table at `prefix`, for keys that come in order within each group of those that begin with the same
    /// `group_bytes`. Rows split between groups first. Otherwise what is in order would be inserted before the same
    /// few entries of the next group again and again, and leave only half full rows behind.
    #[must_use]
    pub fn grouped(prefix: impl Into<Bytes>, group_bytes: usize) -> Self {
        Self { prefix: prefix.into(), group_bytes }
    }

    /// Whether an entry of a key and a value of so many bytes fits a row: with their lengths, in 1 to 2 bytes each,
    /// they are at most [`RUN_ENTRY_BYTES_MAX`].
    #[must_use]
    pub fn fits(key_bytes: usize, value_bytes: usize) -> bool {
        row::entry_bytes(key_bytes, value_bytes) <= RUN_ENTRY_BYTES_MAX
    }

    /// The value of `key`. Reads one row, and shares its memory.
    ///
    /// # Errors
    ///
    /// See [`RunTable`].
    pub fn get(&self, view: &dyn View, key: &[u8]) -> Result<Option<Bytes>> {
        let Some((_, row)) = self.row_of(view, key)? else { return Ok(None) };
        Ok(match row.search(key)? {
            Search::Found(place) => Some(row.shared_value(place)),
            Search::Absent(_) => None,
        })
    }

    /// Sets the value of `key`, and returns the one that it replaces.
    ///
    /// # Errors
    ///
    /// See [`RunTable`]; STORAGE_CORRUPT, too, for an entry that does not fit ([`RunTable::fits`]) and for a key
    /// that is too long for a row's: to store neither is the caller's duty.
    pub fn insert(&self, draft: &mut Draft<'_>, key: &[u8], value: &[u8]) -> Result<Option<Bytes>> {
        let entry = self.encode(key, value)?;
        let Some((row_key, row)) = self.row_of(draft, key)? else {
            draft.put(self.prefix.clone(), PackedRow::of(&entry).into_bytes());
            return Ok(None);
        };
        let (range, replaced) = match row.search(key)? {
            Search::Found(place) => (place.range(), Some(row.shared_value(place))),
            Search::Absent(at) => (at..at, None),
        };
        self.splice(draft, row_key, &row, &range, &entry)?;
        Ok(replaced)
    }

    /// Adds `key` with its value, unless it is there already: then nothing is written.
    ///
    /// # Errors
    ///
    /// As [`RunTable::insert`].
    pub fn add(&self, draft: &mut Draft<'_>, key: &[u8], value: &[u8]) -> Result<Added> {
        let entry = self.encode(key, value)?;
        let Some((row_key, row)) = self.row_of(draft, key)? else {
            draft.put(self.prefix.clone(), PackedRow::of(&entry).into_bytes());
            return Ok(Added::Entry);
        };
        match row.search(key)? {
            Search::Found(_) => Ok(Added::Nothing),
            Search::Absent(at) => self.splice(draft, row_key, &row, &(at..at), &entry),
        }
    }

    /// Puts `entry` in the place of what stands in `range` of a row.
    fn splice(
        &self,
        draft: &mut Draft<'_>,
        row_key: Bytes,
        row: &PackedRow,
        range: &Range<usize>,
        entry: &[u8],
    ) -> Result<Added> {
        let edited = row.spliced(range, entry);
        if edited.len() <= RUN_BYTES_MAX {
            self.put_edited(draft, row_key, row, edited)?;
            return Ok(Added::Entry);
        }
        if range.start == row.len() {
            // Entries often come in order: what is behind the last one starts a row, and the row before stays full.
            let (_, separator, right) = edited.split(range.start)?;
            draft.put(self.row_key(&separator), right.into_bytes());
        } else {
            let (left, separator, right) = edited.split(edited.split_point(self.group_bytes)?)?;
            draft.put(row_key, left.into_bytes());
            draft.put(self.row_key(&separator), right.into_bytes());
        }
        Ok(Added::EntryAndRow)
    }

    /// Removes `key`, and returns the value that it had.
    ///
    /// # Errors
    ///
    /// See [`RunTable`].
    pub fn remove(&self, draft: &mut Draft<'_>, key: &[u8]) -> Result<Option<Bytes>> {
        let Some((row_key, row)) = self.row_of(draft, key)? else { return Ok(None) };
        let Search::Found(place) = row.search(key)? else { return Ok(None) };
        self.put_edited(draft, row_key, &row, row.spliced(&place.range(), &[]))?;
        Ok(Some(row.shared_value(place)))
    }

    /// Removes all entries. For tables of few rows: each is one row of the commit.
    ///
    /// # Errors
    ///
    /// See [`RunTable`].
    pub fn clear(&self, draft: &mut Draft<'_>) -> Result<()> {
        let rows: Vec<_> = self.rows(draft).collect::<Result<_>>()?;
        for (row_key, _) in rows {
            draft.delete(row_key);
        }
        Ok(())
    }

    /// The entries with `from <= key < to`, ascending; without `to`, up to the last. A row is read when its first
    /// entry is asked for, and the entries share its memory. An error ends the iteration.
    #[must_use]
    pub fn ascending<'v>(&self, view: &'v dyn View, from: &[u8], to: Option<&[u8]>) -> Entries<'v> {
        let is_empty_range = to.is_some_and(|to| to <= from);
        Entries {
            view,
            table: self.clone(),
            from: Bytes::copy_from_slice(from),
            to: to.map(Bytes::copy_from_slice),
            row: None,
            ahead: if is_empty_range { Ahead::Nothing } else { Ahead::RowOfFrom },
        }
    }

    /// As [`RunTable::ascending`], of a table that has one row at most.
    #[must_use]
    pub fn ascending_in_one_row<'v>(
        &self,
        view: &'v dyn View,
        from: &[u8],
        to: Option<&[u8]>,
    ) -> Entries<'v> {
        let mut entries = self.ascending(view, from, to);
        if matches!(entries.ahead, Ahead::RowOfFrom) {
            entries.ahead = Ahead::OneRow;
        }
        entries
    }

    /// Whether the table has no entries. Reads one row, by its key.
    ///
    /// # Errors
    ///
    /// See [`RunTable`].
    pub fn is_empty(&self, view: &dyn View) -> Result<bool> {
        Ok(view.get(&self.prefix)?.is_none())
    }

    /// Whether the table has two rows or more. Reads one row at most.
    ///
    /// # Errors
    ///
    /// See [`RunTable`].
    pub fn has_several_rows(&self, view: &dyn View) -> Result<bool> {
        Ok(view.ascending(&successor(&self.prefix), &self.end()).next().transpose()?.is_some())
    }

    /// Reads the whole table and checks what this module promises of it.
    ///
    /// # Errors
    ///
    /// STORAGE_CORRUPT that says which row breaks which promise.
    pub fn verify(&self, view: &dyn View) -> Result<()> {
        let mut last: Option<Bytes> = None;
        let mut is_first = true;
        for row in self.rows(view) {
            let (row_key, value) = row?;
            let broken = |what: &str| Err(Error::corrupt(format!("the packed row {row_key:02x?} {what}")));
            let lowest = row_key.get(self.prefix.len()..).unwrap_or_default();
            let row = PackedRow::open(value)?;
            if is_first != lowest.is_empty() {
                return broken("is not in order: the first row, and only it, is at the prefix");
            }
            if row.is_empty() {
                return broken("is empty");
            }
            if last.as_ref().is_some_and(|last| last >= lowest) {
                return broken("begins within the row before it");
            }
            if row.len() > RUN_BYTES_MAX {
                return broken("is too long");
            }
            for place in row.places() {
                let place = place?;
                let key = row.key(place);
                if key < lowest || last.as_ref().is_some_and(|last| last >= key) {
                    return broken("has entries that are out of order");
                }
                if !Self::fits(key.len(), row.shared_value(place).len()) {
                    return broken("has an entry that is too long");
                }
                last = Some(row.shared_key(place));
            }
            is_first = false;
        }
        Ok(())
    }

    fn encode(&self, key: &[u8], value: &[u8]) -> Result<Bytes> {
        let row_key_bytes = PARTITION_BYTES + self.prefix.len() + key.len();
        row::encode_entry(key, value).filter(|_| row_key_bytes <= KEY_BYTES_MAX).ok_or_else(|| {
            Error::corrupt(format!(
                "a key of {} bytes with a value of {} does not fit a packed row",
                key.len(),
                value.len()
            ))
        })
    }

    /// Puts a row that is no longer than it may be; merges it if it has shrunk too far.
    fn put_edited(&self, draft: &mut Draft<'_>, key: Bytes, old: &PackedRow, row: PackedRow) -> Result<()> {
        if row.len() >= RUN_BYTES_MIN || row.len() >= old.len() {
            draft.put(key, row.into_bytes());
            return Ok(());
        }
        let is_first = key == self.prefix;
        if row.is_empty() && !is_first {
            draft.delete(key);
            return Ok(());
        }
        let left = if is_first { None } else { draft.descending(&self.prefix, &key).next().transpose()? };
        if let Some((left_key, left)) = left {
            let left = PackedRow::open(left)?.joined(&row);
            if left.len() <= RUN_BYTES_MAX {
                draft.put(left_key, left.into_bytes());
                draft.delete(key);
                return Ok(());
            }
        }
        let right = draft.ascending(&successor(&key), &self.end()).next().transpose()?;
        if let Some((right_key, right)) = right {
            let joined = row.joined(&PackedRow::open(right)?);
            // With the next row, an empty first one always fits: the first row's key stays the prefix.
            if joined.len() <= RUN_BYTES_MAX {
                draft.put(key, joined.into_bytes());
                draft.delete(right_key);
                return Ok(());
            }
        }
        if row.is_empty() {
            draft.delete(key);
        } else {
            draft.put(key, row.into_bytes());
        }
        Ok(())
    }

    /// The row that holds `key` if any does, with its own key.
    fn row_of(&self, view: &dyn View, key: &[u8]) -> Result<Option<(Bytes, PackedRow)>> {
        let row = view.floor(&self.prefix, &self.row_key(key))?;
        row.map(|(row_key, value)| Ok((row_key, PackedRow::open(value)?))).transpose()
    }

    fn rows<'v>(&self, view: &'v dyn View) -> Rows<'v> {
        view.ascending(&self.prefix, &self.end())
    }

    fn row_key(&self, lowest: &[u8]) -> Bytes {
        let mut key = BytesMut::with_capacity(self.prefix.len() + lowest.len());
        key.put_slice(&self.prefix);
        key.put_slice(lowest);
        key.freeze()
    }

    /// The key behind the table's last.
    fn end(&self) -> Bytes {
        KeyRange::prefix(&self.prefix).to
    }
}

/// What [`RunTable::add`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// Nothing: the key was there.
    Nothing,
    /// It added the entry to a row, or made the table's first.
    Entry,
    /// It added the entry, and the table has one row more than before, at least two.
    EntryAndRow,
}

/// Entries of a [`RunTable`], ascending.
pub struct Entries<'v> {
    view: &'v dyn View,
    table: RunTable,
    from: Bytes,
    to: Option<Bytes>,
    /// The row that is being read, and where its next entry stands.
    row: Option<(PackedRow, usize)>,
    ahead: Ahead<'v>,
}

/// The rows that are still to be read.
enum Ahead<'v> {
    /// The one that holds the first key, and those behind it.
    RowOfFrom,
    /// The first of the table, and no other.
    OneRow,
    /// Those behind this key.
    Behind(Bytes),
    /// These.
    Rows(Rows<'v>),
    /// None.
    Nothing,
}

impl Entries<'_> {
    fn next_row(&mut self) -> Result<Option<PackedRow>> {
        loop {
            match &mut self.ahead {
                Ahead::RowOfFrom => {
                    let Some((row_key, row)) = self.table.row_of(self.view, &self.from)? else {
                        return Ok(None);
                    };
                    self.ahead = Ahead::Behind(row_key);
                    return Ok(Some(row));
                }
                Ahead::OneRow => {
                    self.ahead = Ahead::Nothing;
                    return self.view.get(&self.table.prefix)?.map(PackedRow::open).transpose();
                }
                Ahead::Behind(row_key) => {
                    let end = self.to.as_ref().map_or_else(|| self.table.end(), |to| self.table.row_key(to));
                    self.ahead = Ahead::Rows(self.view.ascending(&successor(row_key), &end));
                }
                Ahead::Rows(rows) => {
                    return rows.next().map(|row| row.and_then(|(_, row)| PackedRow::open(row))).transpose();
                }
                Ahead::Nothing => return Ok(None),
            }
        }
    }

    fn next_entry(&mut self) -> Result<Option<(Bytes, Bytes)>> {
        loop {
            if let Some((row, at)) = &mut self.row
                && let Some(place) = row.place(*at)?
            {
                *at = place.end();
                let key = row.key(place);
                if key < self.from.as_ref() {
                    continue;
                }
                if self.to.as_ref().is_some_and(|to| key >= to.as_ref()) {
                    return Ok(None);
                }
                return Ok(Some((row.shared_key(place), row.shared_value(place))));
            }
            let Some(row) = self.next_row()? else { return Ok(None) };
            self.row = Some((row, PackedRow::start()));
        }
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<(Bytes, Bytes)>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.next_entry().transpose();
        if !matches!(entry, Some(Ok(_))) {
            self.row = None;
            self.ahead = Ahead::Nothing;
        }
        entry
    }
}

impl std::fmt::Debug for Entries<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entries")
            .field("table", &self.table)
            .field("from", &self.from)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}
