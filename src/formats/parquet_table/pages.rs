//! The headers of pages, which are looked at before anything is decoded: the decoder takes as much memory as they say.
//!
//! A header is a Thrift struct in the compact protocol, `PageHeader` of <https://github.com/apache/parquet-format>.

use parquet::file::metadata::ColumnChunkMetaData;

use crate::limits::{EXCHANGE_RECORD_BYTES_MAX, PARQUET_PAGE_VALUES_MAX};

/// What Snappy makes of a byte, at most: a copy of 64 bytes takes three.
const UNPACKED_MAX: u64 = 22;
/// Structs in structs, far more than a header has.
const DEPTH_MAX: u32 = 8;

/// What a header says.
#[derive(Debug, Default)]
struct Page {
    unpacked: u64,
    packed: u64,
    values: u64,
}

/// Checks that what the pages of a column say of themselves can be.
pub(super) fn check(bytes: &[u8], column: &ColumnChunkMetaData) -> Result<(), String> {
    let start = column.dictionary_page_offset().unwrap_or(i64::MAX).min(column.data_page_offset());
    let start = usize::try_from(start).ok();
    let end = start
        .zip(usize::try_from(column.compressed_size()).ok())
        .and_then(|(start, size)| start.checked_add(size));
    let Some(mut pages) = start.zip(end).and_then(|(start, end)| bytes.get(start..end)) else {
        return Err(format!("the column {} is said to be where the file has nothing", column.column_path()));
    };
    while !pages.is_empty() {
        let mut header = Header(pages);
        let page = header.page(0).filter(|page| page.can_be(header.0.len()));
        let rest = page.and_then(|page| header.0.get(usize::try_from(page.packed).ok()?..));
        pages =
            rest.ok_or_else(|| format!("the column {} has a page that cannot be", column.column_path()))?;
    }
    Ok(())
}

impl Page {
    fn can_be(&self, left: usize) -> bool {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        self.packed <= count(left)
            && self.unpacked <= self.packed.saturating_mul(UNPACKED_MAX).min(count(EXCHANGE_RECORD_BYTES_MAX))
            && self.values <= PARQUET_PAGE_VALUES_MAX
    }
}

/// Types of the compact protocol that are looked for.
const I32: u8 = 5;
const STRUCT: u8 = 12;

/// What is left of a header, and after it.
struct Header<'b>(&'b [u8]);

impl Header<'_> {
    /// A page's header, up to its end.
    fn page(&mut self, depth: u32) -> Option<Page> {
        let mut page = Page::default();
        let mut field = 0;
        while let kind @ 1.. = self.field(&mut field)? {
            match (field, kind) {
                (2, I32) => page.unpacked = self.int()?,
                (3, I32) => page.packed = self.int()?,
                // Of a page of data, of a dictionary, and of data in version 2: each begins with the number of values.
                (5 | 7 | 8, STRUCT) => {
                    let mut inner = 0;
                    while let kind @ 1.. = self.field(&mut inner)? {
                        match (inner, kind) {
                            (1, I32) => page.values = self.int()?,
                            (_, kind) => self.skip(kind, depth)?,
                        }
                    }
                }
                (_, kind) => self.skip(kind, depth)?,
            }
        }
        Some(page)
    }

    /// The type of the next field of a struct, whose number follows that of the last one; 0 at its end.
    fn field(&mut self, number: &mut i64) -> Option<u8> {
        let byte = self.byte()?;
        let (delta, kind) = (byte >> 4, byte & 0xF);
        if kind == 0 {
            return Some(0);
        }
        *number = if delta == 0 { zigzag(self.varint()?)? } else { number.checked_add(i64::from(delta))? };
        Some(kind)
    }

    fn skip(&mut self, kind: u8, depth: u32) -> Option<()> {
        let deeper = depth.checked_add(1).filter(|depth| *depth <= DEPTH_MAX)?;
        match kind {
            // Booleans, whose type says them.
            1 | 2 => Some(()),
            3 => self.byte().map(drop),
            4..=6 => self.varint().map(drop),
            7 => self.bytes(8),
            8 => self.varint().and_then(|length| self.bytes(length)),
            9 | 10 => {
                let byte = self.byte()?;
                let (size, kind) = (u64::from(byte >> 4), byte & 0xF);
                let size = if size == 0xF { self.varint()? } else { size };
                // A boolean in a list takes a byte.
                let kind = if matches!(kind, 1 | 2) { 3 } else { kind };
                (0..size).try_for_each(|_| self.skip(kind, deeper))
            }
            STRUCT => {
                let mut number = 0;
                while let kind @ 1.. = self.field(&mut number)? {
                    self.skip(kind, deeper)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    /// A number that is not negative.
    fn int(&mut self) -> Option<u64> {
        zigzag(self.varint()?).and_then(|number| u64::try_from(number).ok())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn bytes(&mut self, count: u64) -> Option<()> {
        self.0 = self.0.get(usize::try_from(count).ok()?..)?;
        Some(())
    }
}

fn zigzag(number: u64) -> Option<i64> {
    let half = i64::try_from(number >> 1).ok()?;
    Some(if number & 1 == 0 { half } else { !half })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_say_how_large_a_page_is() {
        let check = |bytes: &[u8], expected: Option<(u64, u64, u64)>| {
            let page = Header(bytes).page(0);
            assert_eq!(page.map(|page| (page.unpacked, page.packed, page.values)), expected);
        };
        // A page of data, 300 bytes in 20, with a checksum, 3 values, and statistics.
        let page = [
            0x15, 0, 0x15, 0xD8, 0x04, 0x15, 40, 0x15, 1, 0x1C, 0x15, 6, 0x4C, 0x18, 2, b'a', b'b', 0x11, 0,
            0, 0,
        ];
        check(&page, Some((300, 20, 3)));
        check(&page[..20], None);
        // It has -1 bytes.
        check(&[0x25, 1, 0], None);
        check(&[0x1D, 0], None);
    }

    #[test]
    fn pages_of_more_than_they_hold_cannot_be() {
        let can_be = |unpacked, packed, values| Page { unpacked, packed, values }.can_be(100);
        assert!(can_be(2_000, 100, 16));
        assert!(!can_be(2_000, 101, 16));
        assert!(!can_be(3_000, 100, 16));
        assert!(!can_be(2_000, 100, u64::MAX));
    }
}
