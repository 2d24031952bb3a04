//! One packed row: entries in the order of their keys, in one value.
//!
//! ```text
//! row    format:1  entry...
//! entry  key length:varint  value length:varint  key  value
//! ```
//!
//! The format is 1; a varint is that of Protocol Buffers. A row is edited by splicing: its other entries are copied,
//! not decoded and encoded again.

use std::{cmp::Ordering, ops::Range};

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    domain::{Error, Result},
    limits::{RUN_BYTES_MAX, RUN_ENTRY_BYTES_MAX},
};

const FORMAT: u8 = 1;
const FORMAT_BYTES: usize = 1;

/// A row whose format is known. Its entries are checked as they are read.
#[derive(Debug, Clone)]
pub(super) struct PackedRow(Bytes);

/// Where an entry stands in its row: from `at` to `end`, its key up to its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    at: usize,
    key: usize,
    value: usize,
    end: usize,
}

/// What a search found.
#[derive(Debug)]
pub(super) enum Search {
    /// The entry.
    Found(Place),
    /// Where the entry would stand.
    Absent(usize),
}

/// An entry as it stands in a row, or `None` if it is too long for one.
pub(super) fn encode_entry(key: &[u8], value: &[u8]) -> Option<Bytes> {
    let length = entry_bytes(key.len(), value.len());
    if length > RUN_ENTRY_BYTES_MAX {
        return None;
    }
    let mut entry = BytesMut::with_capacity(length);
    prost::encode_length_delimiter(key.len(), &mut entry).ok()?;
    prost::encode_length_delimiter(value.len(), &mut entry).ok()?;
    entry.put_slice(key);
    entry.put_slice(value);
    Some(entry.freeze())
}

/// What an entry takes in a row.
pub(super) fn entry_bytes(key: usize, value: usize) -> usize {
    let lengths = prost::length_delimiter_len(key) + prost::length_delimiter_len(value);
    lengths.saturating_add(key).saturating_add(value)
}

impl PackedRow {
    /// A row of encoded entries.
    pub(super) fn of(entries: &[u8]) -> Self {
        let mut row = BytesMut::with_capacity(FORMAT_BYTES + entries.len());
        row.put_u8(FORMAT);
        row.put_slice(entries);
        Self(row.freeze())
    }

    /// The row that was stored as `bytes`.
    pub(super) fn open(bytes: Bytes) -> Result<Self> {
        match bytes.first() {
            Some(&FORMAT) => Ok(Self(bytes)),
            Some(other) => Err(Error::corrupt(format!("a packed row has format {other}, not {FORMAT}"))),
            None => Err(Error::corrupt("a packed row has no bytes")),
        }
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.0
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.len() <= FORMAT_BYTES
    }

    /// Where the first entry stands.
    pub(super) fn start() -> usize {
        FORMAT_BYTES
    }

    /// The encoded entries.
    fn entries(&self) -> &[u8] {
        self.0.get(FORMAT_BYTES..).unwrap_or_default()
    }

    /// The entry that stands at `at`, or `None` at the row's end.
    pub(super) fn place(&self, at: usize) -> Result<Option<Place>> {
        let Some(mut rest) = self.0.get(at..).filter(|rest| !rest.is_empty()) else { return Ok(None) };
        let mut length = || prost::decode_length_delimiter(&mut rest).ok();
        let lengths = length().zip(length());
        let key = self.0.len() - rest.len();
        let place = lengths.and_then(|(key_bytes, value_bytes)| {
            let value = key.checked_add(key_bytes)?;
            let end = value.checked_add(value_bytes)?;
            Some(Place { at, key, value, end })
        });
        match place.filter(|place| place.end <= self.0.len()) {
            Some(place) => Ok(Some(place)),
            None => Err(Error::corrupt(format!("a packed row has no whole entry at byte {at}"))),
        }
    }

    /// The entries' places, in order. An error ends the iteration.
    pub(super) fn places(&self) -> impl Iterator<Item = Result<Place>> {
        let mut at = Some(Self::start());
        std::iter::from_fn(move || {
            let place = self.place(at?).transpose();
            at = place.as_ref().and_then(|place| place.as_ref().ok()).map(|place| place.end);
            place
        })
    }

    pub(super) fn key(&self, place: Place) -> &[u8] {
        self.0.get(place.key..place.value).unwrap_or_default()
    }

    /// The entry's key, sharing the row's memory.
    pub(super) fn shared_key(&self, place: Place) -> Bytes {
        self.0.slice(place.key..place.value)
    }

    /// The entry's value, sharing the row's memory.
    pub(super) fn shared_value(&self, place: Place) -> Bytes {
        self.0.slice(place.value..place.end)
    }

    /// Looks for the entry of `key`.
    pub(super) fn search(&self, key: &[u8]) -> Result<Search> {
        for place in self.places() {
            let place = place?;
            match self.key(place).cmp(key) {
                Ordering::Less => {}
                Ordering::Equal => return Ok(Search::Found(place)),
                Ordering::Greater => return Ok(Search::Absent(place.at)),
            }
        }
        Ok(Search::Absent(self.len()))
    }

    /// The row with `entry`, which may be nothing, in the place of what stands in `range`.
    pub(super) fn spliced(&self, range: &Range<usize>, entry: &[u8]) -> Self {
        let before = self.0.get(..range.start).unwrap_or_default();
        let after = self.0.get(range.end..).unwrap_or_default();
        let mut row = BytesMut::with_capacity(before.len() + entry.len() + after.len());
        row.put_slice(before);
        row.put_slice(entry);
        row.put_slice(after);
        Self(row.freeze())
    }

    /// The row with the entries of `next`, which are greater, behind its own.
    pub(super) fn joined(&self, next: &Self) -> Self {
        self.spliced(&(self.len()..self.len()), next.entries())
    }

    /// Where to split: between two groups of keys, which are those that begin with the same `group_bytes`, if the
    /// rows on both sides are then not too long; else where the middle is nearest. Entries are at most
    /// [`RUN_ENTRY_BYTES_MAX`], so that no side is more than half of that longer than half of the row.
    pub(super) fn split_point(&self, group_bytes: usize) -> Result<usize> {
        let mut best = (true, usize::MAX, self.len());
        let mut last_group = None;
        for place in self.places() {
            let place = place?;
            let key = self.key(place);
            let group = key.get(..group_bytes).unwrap_or(key);
            if let Some(last_group) = last_group {
                let (left, right) = (place.at, FORMAT_BYTES + self.len() - place.at);
                let is_between_groups = last_group != group && left.max(right) <= RUN_BYTES_MAX;
                best = best.min((!is_between_groups, left.abs_diff(right), place.at));
            }
            last_group = Some(group);
        }
        Ok(best.2)
    }

    /// The rows on both sides of a boundary, and the shortest key that tells them apart: greater than all on the
    /// left, not greater than any on the right.
    pub(super) fn split(&self, boundary: usize) -> Result<(Self, Bytes, Self)> {
        let mut last_of_left: &[u8] = &[];
        let mut first_of_right: &[u8] = &[];
        for place in self.places() {
            let place = place?;
            if place.at < boundary {
                last_of_left = self.key(place);
            } else {
                first_of_right = self.key(place);
                break;
            }
        }
        let shared =
            last_of_left.iter().zip(first_of_right).take_while(|(left, right)| left == right).count();
        let separator = first_of_right.get(..=shared).unwrap_or(first_of_right);
        let left = Self(Bytes::copy_from_slice(self.0.get(..boundary).unwrap_or_default()));
        let right = Self::of(self.0.get(boundary..).unwrap_or_default());
        Ok((left, Bytes::copy_from_slice(separator), right))
    }
}

impl Place {
    /// Where the entry stands.
    pub(super) fn range(self) -> Range<usize> {
        self.at..self.end
    }

    /// Where the next entry stands.
    pub(super) fn end(self) -> usize {
        self.end
    }
}
