//! Tables for people.

use super::render::{columns_of, printable, shortened};

/// Columns of one cell.
const CELL_COLUMNS_MAX: usize = 48;

/// A table that is written page by page: a page is never narrower than the one before it.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    heads: Option<[&'static str; N]>,
    widths: [usize; N],
    right: [bool; N],
}

impl<const N: usize> Table<N> {
    /// A table with these heads; a head that begins with a space stands over numbers.
    pub(super) fn new(heads: [&'static str; N]) -> Self {
        Self { heads: Some(heads), widths: [0; N], right: heads.map(|head| head.starts_with(' ')) }
    }

    /// The rows as lines, under the heads the first time. The first cell, an id, is never shortened.
    pub(super) fn page(&mut self, rows: impl IntoIterator<Item = [String; N]>) -> String {
        let heads = self.heads.take().map(|heads| heads.map(|head| head.trim().to_owned()));
        let rows: Vec<[String; N]> = heads
            .into_iter()
            .chain(rows.into_iter().map(|row| {
                let mut is_id = true;
                row.map(|cell| {
                    let most = if std::mem::take(&mut is_id) { usize::MAX } else { CELL_COLUMNS_MAX };
                    if most == usize::MAX { printable(&cell) } else { shortened(&cell, most) }
                })
            }))
            .collect();
        for row in &rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = columns_of(cell).max(*width);
            }
        }
        let mut out = String::new();
        for row in rows {
            let mut line = String::new();
            for ((cell, width), right) in row.iter().zip(self.widths).zip(self.right) {
                let pad = " ".repeat(width.saturating_sub(columns_of(cell)));
                let cell = if right { [&pad, cell.as_str(), "  "] } else { [cell.as_str(), &pad, "  "] };
                line.push_str(&cell.concat());
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// A number with its thousands apart: 1,234,567.
pub(super) fn thousands(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut out = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A moment to the second, in RFC 3339 and UTC.
pub(super) fn moment(time: Option<prost_types::Timestamp>) -> String {
    time.map_or_else(String::new, |time| prost_types::Timestamp { nanos: 0, ..time }.to_string())
}

/// Bytes in a unit that people read: `812 bytes`, `3.4 MiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut tenths, mut unit) = (bytes.saturating_mul(10), None);
    for next in UNITS {
        if tenths < 10_240 {
            break;
        }
        (tenths, unit) = (tenths / 1_024, Some(next));
    }
    unit.map_or_else(|| format!("{bytes} bytes"), |unit| format!("{}.{} {unit}", tenths / 10, tenths % 10))
}

/// `3 articles`, `1 article`.
pub(super) fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_by_people() {
        let check = |bytes: u64, expected: &str| assert_eq!(size(bytes), expected);
        check(0, "0 bytes");
        check(1_023, "1023 bytes");
        check(1_024, "1.0 KiB");
        check(1_048_575, "1023.9 KiB");
        check(3_565_158, "3.3 MiB");
        check(5 << 40, "5.0 TiB");
    }

    #[test]
    fn cells_stand_under_their_heads_and_numbers_at_the_right() {
        let mut table = Table::new(["ID", " LENGTH", "TITLE"]);
        let row = |id: &str, length: &str, title: &str| [id.to_owned(), length.to_owned(), title.to_owned()];
        assert_eq!(
            table.page([row("venezuela", "2,345", "Huawei"), row("東京", "7", "a\u{1b}b")]),
            "ID         LENGTH  TITLE\nvenezuela   2,345  Huawei\n東京            7  a␛b\n"
        );
        assert_eq!(table.page([row("b", "1", "")]), "b               1\n");
    }

    #[test]
    fn long_cells_are_shortened_but_ids_are_not() {
        let id = "x".repeat(128);
        let page = Table::new(["ID", "TITLE"]).page([[id.clone(), "語".repeat(30)]]);
        assert!(page.contains(&id));
        assert!(page.ends_with(&format!("{}…\n", "語".repeat(23))), "{page}");
    }

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [(0_u64, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
    }
}
