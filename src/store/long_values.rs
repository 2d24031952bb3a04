//! Values that may be longer than a row: the first row says how long the whole is, further rows follow it.
//!
//! The first row is at the value's key and starts with the whole length (4 bytes, big-endian); the others are at the
//! key followed by their number (2 bytes, big-endian, from 1).

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    engine::{Draft, View},
    keys::KeyRange,
};
use crate::{
    domain::{Error, Result},
    limits::VALUE_BYTES_MAX,
};

const LENGTH_BYTES: usize = 4;

/// The rows of a long value.
///
/// # Errors
///
/// STORAGE_CORRUPT when it has more than 65,535 rows, which no limit of this crate allows.
pub fn rows(key: &Bytes, value: &[u8]) -> Result<Vec<(Bytes, Bytes)>> {
    let too_long = || Error::corrupt(format!("a value of {} bytes is too long to be stored", value.len()));
    let length = u32::try_from(value.len()).map_err(|_| too_long())?;
    let (head, tail) = value.split_at(value.len().min(VALUE_BYTES_MAX - LENGTH_BYTES));
    let mut first = BytesMut::with_capacity(LENGTH_BYTES + head.len());
    first.put_u32(length);
    first.put_slice(head);
    let mut rows = vec![(key.clone(), first.freeze())];
    for (index, chunk) in tail.chunks(VALUE_BYTES_MAX).enumerate() {
        let number = u16::try_from(index + 1).map_err(|_| too_long())?;
        rows.push((chunk_key(key, number), Bytes::copy_from_slice(chunk)));
    }
    Ok(rows)
}

/// Writes a long value over the one that stands at `key`, if any.
///
/// # Errors
///
/// As [`rows`] and [`View::get`].
pub fn put(draft: &mut Draft<'_>, key: &Bytes, value: &[u8]) -> Result<()> {
    delete(draft, key)?;
    for (key, value) in rows(key, value)? {
        draft.put(key, value);
    }
    Ok(())
}

/// Deletes the long value at `key`, if there is one.
///
/// # Errors
///
/// As [`View::get`].
pub fn delete(draft: &mut Draft<'_>, key: &Bytes) -> Result<()> {
    let Some(first) = draft.get(key)? else { return Ok(()) };
    let (_, chunks) = head_of(key, &first)?;
    for number in 1..=chunks {
        draft.delete(chunk_key(key, number));
    }
    draft.delete(key.clone());
    Ok(())
}

/// Reads the long value at `key`.
///
/// # Errors
///
/// As [`View::get`]; STORAGE_CORRUPT when a row is missing or too short.
pub fn get(view: &dyn View, key: &Bytes) -> Result<Option<Bytes>> {
    let Some(first) = view.get(key)? else { return Ok(None) };
    let (length, chunks) = head_of(key, &first)?;
    let head = first.slice(LENGTH_BYTES..);
    if chunks == 0 {
        return if head.len() == length { Ok(Some(head)) } else { Err(damaged(key)) };
    }
    let mut value = BytesMut::with_capacity(length);
    value.put_slice(&head);
    for number in 1..=chunks {
        value.put_slice(&view.get(&chunk_key(key, number))?.ok_or_else(|| damaged(key))?);
    }
    if value.len() == length { Ok(Some(value.freeze())) } else { Err(damaged(key)) }
}

/// What the first row of a long value holds of it.
#[must_use]
pub fn head(first: &[u8]) -> Option<&[u8]> {
    first.get(LENGTH_BYTES..)
}

/// Goes through the long values whose keys have exactly `key_bytes` bytes, in the order of their keys, without
/// reading one twice.
pub fn scan<'v>(
    view: &'v dyn View,
    range: &KeyRange,
    key_bytes: usize,
) -> impl Iterator<Item = Result<(Bytes, Bytes)>> + use<'v> {
    view.ascending(&range.from, &range.to).filter_map(move |row| match row {
        Ok((key, first)) if key.len() == key_bytes => Some(match head_of(&key, &first) {
            Ok((_, 0)) => Ok((key, first.slice(LENGTH_BYTES..))),
            Ok(_) => {
                get(view, &key).and_then(|value| value.ok_or_else(|| damaged(&key))).map(|value| (key, value))
            }
            Err(error) => Err(error),
        }),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    })
}

/// How many rows follow the first row of the long value at `key`.
///
/// # Errors
///
/// STORAGE_CORRUPT when the first row is none.
pub fn further_rows(key: &[u8], first: &Bytes) -> Result<u16> {
    head_of(key, first).map(|(_, chunks)| chunks)
}

/// The key of the first row and the number of the row at `key`, which is a further one.
#[must_use]
pub fn place_of(key: &Bytes) -> Option<(Bytes, u16)> {
    let (first, number) = key.split_last_chunk()?;
    Some((key.slice(..first.len()), u16::from_be_bytes(*number)))
}

/// The whole length, and the number of rows after the first.
fn head_of(key: &[u8], first: &Bytes) -> Result<(usize, u16)> {
    let length = first.first_chunk::<LENGTH_BYTES>().map(|bytes| u32::from_be_bytes(*bytes));
    let length = length.and_then(|length| usize::try_from(length).ok()).ok_or_else(|| damaged(key))?;
    let beyond = length.saturating_sub(VALUE_BYTES_MAX - LENGTH_BYTES);
    let chunks = u16::try_from(beyond.div_ceil(VALUE_BYTES_MAX)).map_err(|_| damaged(key))?;
    Ok((length, chunks))
}

fn chunk_key(key: &[u8], number: u16) -> Bytes {
    let mut chunk = BytesMut::with_capacity(key.len() + 2);
    chunk.put_slice(key);
    chunk.put_u16(number);
    chunk.freeze()
}

fn damaged(key: &[u8]) -> Error {
    Error::corrupt(format!("the value at key {key:02x?} is incomplete"))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;
    use crate::{domain::Problem, store::testing::MemoryRows};

    const KEY: &[u8] = &[0x20, 7];

    fn put_rows(rows: &mut MemoryRows, value: &[u8]) {
        rows.commit(|draft| put(draft, &Bytes::from_static(KEY), value)).unwrap();
    }

    /// These bytes are on people's disks.
    #[test]
    fn rows_keep_their_bytes() {
        let check = |value: &[u8], expected: &[(&str, String)]| {
            let mut rows = MemoryRows::default();
            put_rows(&mut rows, value);
            let found: Vec<_> =
                rows.0.iter().map(|(key, value)| (hex::encode(key), hex::encode(value))).collect();
            let expected: Vec<_> =
                expected.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
            assert_eq!(found, expected);
            assert_eq!(get(&rows, &Bytes::from_static(KEY)), Ok(Some(Bytes::copy_from_slice(value))));
        };
        check(&[], &[("2007", "00000000".to_owned())]);
        check(&[0xee, 0xff], &[("2007", "00000002eeff".to_owned())]);
        let ee = |bytes| "ee".repeat(bytes);
        check(&[0xee; 4_092], &[("2007", format!("00000ffc{}", ee(4_092)))]);
        check(&[0xee; 4_093], &[("2007", format!("00000ffd{}", ee(4_092))), ("20070001", ee(1))]);
        check(
            &[0xee; 8_189],
            &[("2007", format!("00001ffd{}", ee(4_092))), ("20070001", ee(4_096)), ("20070002", ee(1))],
        );
    }

    proptest! {
        /// Whatever stands at a long value's keys, it is one or it is damage, and is written over all the same unless
        /// it cannot be said where it ends.
        #[test]
        fn any_rows_are_a_value_or_damage(
            length in select(&[0_u32, 3, 4_092, 4_093, 8_188, 8_189, 1 << 28, u32::MAX][..]),
            first in vec(any::<u8>(), 0..8),
            chunks in prop::collection::btree_map(0..4_u16, vec(any::<u8>(), 0..8), 0..4),
            as_first in any::<bool>(),
        ) {
            let first = if as_first { [&length.to_be_bytes()[..], &first].concat() } else { first };
            let chunk = |(number, value): (u16, Vec<u8>)| (chunk_key(KEY, number), Bytes::from(value));
            let mut rows = MemoryRows(chunks.into_iter().map(chunk).collect());
            rows.0.insert(Bytes::from_static(KEY), first.into());
            let key = Bytes::from_static(KEY);
            for read in [get(&rows, &key).map(drop), scan(&rows, &KeyRange::prefix(&[0x20]), 2).try_for_each(|row| row.map(drop))] {
                if let Err(error) = read {
                    prop_assert!(matches!(error.problem, Problem::StorageCorrupt(_)), "{error}");
                }
            }
            if rows.commit(|draft| put(draft, &key, b"new")).is_ok() {
                prop_assert_eq!(get(&rows, &key), Ok(Some(Bytes::from_static(b"new"))));
            }
        }
    }
}
