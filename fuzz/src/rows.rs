//! Rows that nobody wrote, where stored ones are read.

use std::{collections::BTreeMap, ops::Bound};

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use spandrel::{
    domain,
    store::engine::{Draft, Revision, Row, Rows, Stamp, Timestamp, View},
};

/// A partition's rows.
#[derive(Debug, Clone, Default)]
pub struct StoredRows(pub BTreeMap<Bytes, Bytes>);

impl StoredRows {
    /// Lets `write` fill a draft, and carries it out unless that fails.
    pub fn commit<T>(
        &mut self,
        write: impl FnOnce(&mut Draft<'_>) -> domain::Result<T>,
    ) -> domain::Result<T> {
        let mut draft = Draft::new(self, Stamp { revision: Revision(1), time: Timestamp(0) });
        let written = write(&mut draft)?;
        let (rows, _) = draft.into_parts();
        for (key, value) in rows {
            match value {
                Some(value) => drop(self.0.insert(key, value)),
                None => drop(self.0.remove(&key)),
            }
        }
        Ok(written)
    }
}

impl View for StoredRows {
    fn get(&self, key: &[u8]) -> domain::Result<Option<Bytes>> {
        Ok(self.0.get(key).cloned())
    }

    fn ascending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        assert!(from <= to, "a scan from {from:02x?} to {to:02x?}");
        let rows = self.0.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)));
        Box::new(rows.map(|(key, value)| Ok((key.clone(), value.clone()))))
    }

    fn descending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        assert!(from <= to, "a scan from {from:02x?} to {to:02x?}");
        let rows = self.0.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)));
        Box::new(rows.rev().map(|(key, value)| Ok((key.clone(), value.clone()))))
    }
}

/// Some bytes, mostly few.
pub fn bytes(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let length =
        if input.ratio(1, 8)? { input.int_in_range(0..=6_000)? } else { input.int_in_range(0..=40)? };
    let given = input.bytes(length.min(input.len()))?.to_vec();
    // Long ones are long though the input is short.
    Ok(if given.is_empty() { vec![7; length] } else { given.into_iter().cycle().take(length).collect() })
}

/// A packed row: of any bytes, or of entries that mostly are some.
pub fn packed_row(input: &mut Unstructured<'_>) -> Result<Bytes> {
    if input.ratio(1, 8)? {
        return Ok(bytes(input)?.into());
    }
    let mut row = vec![if input.ratio(1, 16)? { input.arbitrary()? } else { 1 }];
    for _ in 0..input.int_in_range(0..=12)? {
        let (key, value) = (key(input)?, bytes(input)?);
        let lie = |input: &mut Unstructured<'_>, length| {
            Ok(if input.ratio(1, 32)? { input.arbitrary()? } else { length })
        };
        for length in [lie(input, key.len())?, lie(input, value.len())?] {
            prost::encode_length_delimiter(length, &mut row).unwrap();
        }
        row.extend(key);
        row.extend(value);
    }
    Ok(row.into())
}

/// A short key of few different bytes, so that keys meet.
pub fn key(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    const BYTES: [u8; 6] = [0, 1, 2, 3, 254, 255];
    let length = input.int_in_range(0..=4)?;
    (0..length).map(|_| input.choose(&BYTES).copied()).collect()
}

/// A row of a packed table at `prefix`.
pub fn packed(input: &mut Unstructured<'_>, prefix: &[u8]) -> Result<Row> {
    let lowest = if input.arbitrary()? { Vec::new() } else { key(input)? };
    Ok(([prefix, &lowest].concat().into(), packed_row(input)?))
}
