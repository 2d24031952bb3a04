//! What a start of sled will read again, and whether it is what was written: looked at before sled opens the file.
//!
//! sled's file is cut into segments. Its snapshot says where each page stood at the last start; of everything that
//! was written since, it reads the segments once more, and takes a message whose checksum is wrong for the end of its
//! segment, without a word: a crash may leave such messages in segments that were being used again. So may a disk
//! that forgets, and then rows are missing or old. What is found here is a doubt that only a look at all rows can
//! settle.
//!
//! The format is that of sled 0.34.7 (`pagecache/logger.rs`, `pagecache/iterator.rs`, `serialization.rs`), which will
//! not change any more.
//!
//! ```text
//! segment   header:20 message... at offsets that are multiples of the segment's size; zeros when it is not used
//! header    !crc32:4 lsn:8 stable lsn:8, little-endian, both numbers XORed with 7fff_ffff_ffff_ffff
//! message   !crc32:4 kind:1 length:varint segment:varint page:varint body:length; the checksum is of the body and then
//!           of the header behind the checksum
//! ```
//!
//! A segment ends with a message of kind `CAP`, or where less than the longest header is left. `lsn` counts bytes
//! since the database was made; the number of a segment is the lsn that it begins at, divided by its size.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
};

const HEADER_BYTES: usize = 20;
const MESSAGE_HEADER_BYTES_MAX: usize = 32;
/// As much of a segment as is looked at to see whether it is blank: more than a disk loses at once by itself.
const BLANK_LOOK_BYTES: usize = 64 * 1_024;
const LSN_MASK: u64 = 0x7fff_ffff_ffff_ffff;

const KIND_CORRUPTED: u8 = 0;
const KIND_CAP: u8 = 2;
const KIND_MAX: u8 = 11;

/// The doubt that the database in `folder` gives about itself, if it gives one.
///
/// # Errors
///
/// When its files cannot be read.
pub(super) fn doubt(folder: &Path, segment_bytes: usize) -> io::Result<Option<String>> {
    let snapshot_lsn = last_snapshot(folder)?;
    let mut file = File::open(folder.join("db"))?;
    let mut replayed = Vec::new();
    let mut blank = Vec::new();
    let mut doubt = None;
    let (mut offset, file_bytes) = (0, file.metadata()?.len());
    let size = u64::try_from(segment_bytes).unwrap_or(u64::MAX);
    while offset + number(HEADER_BYTES) <= file_bytes {
        let mut header = [0; HEADER_BYTES];
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(&mut header)?;
        match lsn_of(header) {
            Some(lsn) if lsn.saturating_add(size) > snapshot_lsn => replayed.push((lsn, offset)),
            Some(_) => {}
            None if header == [0; HEADER_BYTES] => blank.push(offset),
            None => {
                doubt.get_or_insert_with(|| format!("the segment at byte {offset} has no header"));
            }
        }
        offset += size;
    }
    replayed.sort_unstable();
    if doubt.is_none() {
        doubt = doubt_of_blank(&mut file, &blank, size, snapshot_lsn, &replayed)?;
    }
    let newest = replayed.last().copied();
    let mut segment = Vec::with_capacity(segment_bytes);
    // All of them, and also once there is a doubt: sled takes what it cannot read for the end of the log, and builds
    // on that, so that one bad read would make a database that lacks what was behind it.
    for (lsn, offset) in replayed {
        segment.clear();
        file.seek(SeekFrom::Start(offset))?;
        file.by_ref().take(size).read_to_end(&mut segment)?;
        segment.resize(segment_bytes, 0);
        // Whatever breaks off in the newest segment is the end of the log, which the count of acknowledged writes knows.
        if doubt.is_none()
            && newest != Some((lsn, offset))
            && let Some(at) = break_in(&segment, lsn / size)
        {
            doubt = Some(format!("what stands at byte {} is not what was written", offset + number(at)));
        }
    }
    Ok(doubt)
}

/// Whether a segment whose header is zeros may have had another one: sled passes over it. One that is not used is blank
/// from end to end. One that is, and was used since the snapshot, is missed among those that are replayed; but so is one
/// that sled has used again, so that this is a doubt only where both are found.
fn doubt_of_blank(
    file: &mut File,
    blank: &[u64],
    size: u64,
    snapshot_lsn: u64,
    replayed: &[(u64, u64)],
) -> io::Result<Option<String>> {
    let Some(first) = blank.first() else { return Ok(None) };
    let mut begin = Vec::with_capacity(BLANK_LOOK_BYTES);
    for offset in blank {
        begin.clear();
        file.seek(SeekFrom::Start(*offset))?;
        file.by_ref().take(number(BLANK_LOOK_BYTES).min(size)).read_to_end(&mut begin)?;
        if begin.iter().any(|byte| *byte != 0) {
            return Ok(Some(format!("the segment at byte {offset} has lost its header")));
        }
    }
    let expected = (snapshot_lsn / size..).map(|number| number * size);
    let is_missed = replayed.iter().zip(expected).any(|((lsn, _), expected)| *lsn != expected);
    Ok(is_missed.then(|| format!("the segment at byte {first} is blank, and one of the log is missing")))
}

/// The lsn that the newest snapshot reaches to; 0 without one.
fn last_snapshot(folder: &Path) -> io::Result<u64> {
    let mut last = 0;
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let lsn = name.to_str().and_then(|name| name.strip_prefix("snap."));
        last = last.max(lsn.and_then(|lsn| u64::from_str_radix(lsn, 16).ok()).unwrap_or(0));
    }
    Ok(last)
}

/// The lsn that a segment begins at, if its header is whole.
fn lsn_of(header: [u8; HEADER_BYTES]) -> Option<u64> {
    let (checksum, rest) = header.split_first_chunk()?;
    let (lsn, _) = rest.split_first_chunk()?;
    (u32::from_le_bytes(*checksum) == !crc32fast::hash(rest)).then(|| u64::from_le_bytes(*lsn) ^ LSN_MASK)
}

/// Where a segment's messages break off before its end, if they do.
fn break_in(segment: &[u8], number: u64) -> Option<usize> {
    let mut at = HEADER_BYTES;
    while at + MESSAGE_HEADER_BYTES_MAX <= segment.len() {
        match message(segment.get(at..)?, number) {
            Some((KIND_CAP, _)) => return None,
            Some((_, bytes)) => at += bytes,
            None => return Some(at),
        }
    }
    None
}

/// The kind and the length of the message that `bytes` begins with, if that is whole and of this segment.
fn message(bytes: &[u8], segment: u64) -> Option<(u8, usize)> {
    let (checksum, rest) = bytes.split_first_chunk()?;
    let (kind, mut numbers) = rest.split_first()?;
    let body_bytes = usize::try_from(varint(&mut numbers)?).ok()?;
    let (own_segment, _page) = (varint(&mut numbers)?, varint(&mut numbers)?);
    let header_bytes = rest.len() - numbers.len();
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(numbers.get(..body_bytes)?);
    hasher.update(rest.get(..header_bytes)?);
    let is_whole = u32::from_le_bytes(*checksum) == !hasher.finalize();
    let is_known = *kind != KIND_CORRUPTED && *kind <= KIND_MAX && own_segment == segment;
    (is_whole && is_known).then_some((*kind, checksum.len() + header_bytes + body_bytes))
}

/// Takes a number from the front of `bytes`.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let (first, rest) = bytes.split_first()?;
    let (value, rest) = match *first {
        first @ ..=240 => (u64::from(first), rest),
        first @ 241..=248 => {
            let (second, rest) = rest.split_first()?;
            (240 + 256 * (u64::from(first) - 241) + u64::from(*second), rest)
        }
        249 => {
            let ([second, third], rest) = rest.split_first_chunk()?;
            (2_288 + 256 * u64::from(*second) + u64::from(*third), rest)
        }
        first => {
            let (digits, rest) = rest.split_at_checked(usize::from(first - 247))?;
            let mut number = [0; 8];
            number.get_mut(..digits.len())?.copy_from_slice(digits);
            (u64::from_le_bytes(number), rest)
        }
    };
    *bytes = rest;
    Some(value)
}

fn number(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
