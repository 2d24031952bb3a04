//! Where a quote stands in a text.

use memchr::memmem::Finder;

use super::text::{to_index, to_offset};

/// The places where a quote stands, in bytes, ascending. They may overlap: `aa` stands twice in `aaa`.
///
/// All of them together take time linear in the text, however repetitive text and quote are. Two occurrences that
/// overlap are a period of the quote apart. So the one after `i` is at `i + p`, with `p` the smallest period, if `p`
/// more bytes say so. Otherwise it is at least half the quote's length away, which pays for comparing the quote
/// anew: were it at a distance `d` with `d + p` at most the quote's length, the greatest common divisor of `d` and
/// `p` would be a period too (Fine and Wilf, 1965), hence `d` a multiple of `p` and the quote at `i + p` after all.
#[derive(Debug)]
pub(super) struct Occurrences<'t, 'q> {
    text: &'t [u8],
    quote: Finder<'q>,
    /// The quote's smallest period, once it was needed.
    period: Option<usize>,
    /// The occurrence before the next.
    last: Option<usize>,
}

impl<'t, 'q> Occurrences<'t, 'q> {
    /// The occurrences of `quote` in `text`; none of an empty quote.
    pub(super) fn new(text: &'t str, quote: &'q str) -> Self {
        Self { text: text.as_bytes(), quote: Finder::new(quote.as_bytes()), period: None, last: None }
    }
}

impl Iterator for Occurrences<'_, '_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let quote = self.quote.needle();
        let mut from = 0;
        if let Some(last) = self.last {
            let end = last + quote.len();
            if end >= self.text.len() {
                return None;
            }
            let period = *self.period.get_or_insert_with(|| smallest_period(quote));
            if self.text.get(end..end + period) == quote.get(quote.len() - period..) {
                self.last = Some(last + period);
                return self.last;
            }
            from = last + 1;
        }
        let text = self.text.get(from..).filter(|_| !quote.is_empty())?;
        self.last = Some(from + self.quote.find(text)?);
        self.last
    }
}

/// The smallest `p > 0` such that bytes `p` apart are equal throughout `quote`: its length without its longest
/// border, which is found as Knuth, Morris and Pratt (1977) do.
fn smallest_period(quote: &[u8]) -> usize {
    let mut borders: Vec<u32> = Vec::with_capacity(quote.len());
    let mut border = 0;
    for byte in quote {
        if !borders.is_empty() {
            while border > 0 && quote.get(border) != Some(byte) {
                border = borders.get(border - 1).map_or(0, |&shorter| to_index(shorter));
            }
            border += usize::from(quote.get(border) == Some(byte));
        }
        borders.push(to_offset(border));
    }
    quote.len() - border
}

#[cfg(test)]
#[allow(clippy::string_slice, reason = "a slice off a boundary fails the test")]
mod tests {
    use proptest::{
        collection::vec,
        prelude::*,
        sample::{Index, select},
    };

    use super::*;
    use crate::domain::oracle;

    fn check(text: &str, quote: &str, expected: &[usize]) {
        assert_eq!(Occurrences::new(text, quote).collect::<Vec<_>>(), expected, "{quote:?} in {text:?}");
    }

    #[test]
    fn every_place_is_found_overlapping_ones_too() {
        check("Huawei and ZTE, then Huawei", "Huawei", &[0, 21]);
        check("日本日本", "本", &[3, 9]);
        check("aaa", "aa", &[0, 1]);
        check("abaababaaba", "abaaba", &[0, 5]);
        check("ababab", "ab", &[0, 2, 4]);
        check("abc", "abc", &[0]);
        check("abc", "abcd", &[]);
        check("abc", "x", &[]);
        check("", "x", &[]);
        check("abc", "", &[]);
    }

    #[test]
    fn the_smallest_period_is_what_two_overlapping_occurrences_are_apart() {
        for (quote, period) in [("a", 1), ("aaaa", 1), ("abab", 2), ("ababa", 2), ("abaaba", 3), ("abcd", 4)]
        {
            assert_eq!(smallest_period(quote.as_bytes()), period, "{quote}");
        }
    }

    /// Comparing the whole quote at each place would take some 10^12 steps here.
    #[test]
    fn a_repetitive_quote_in_a_repetitive_text_takes_linear_time() {
        let mib = 1_024 * 1_024;
        let text = "a".repeat(2 * mib);
        for (quote, count) in [
            ("a".repeat(1_000), 2 * mib - 999),
            ("a".repeat(mib), mib + 1),
            ("a".repeat(mib) + "b", 0),
            ("b".to_owned() + &"a".repeat(mib), 0),
        ] {
            assert_eq!(Occurrences::new(&text, &quote).count(), count);
        }
        let text = format!("{}b", "a".repeat(999)).repeat(2_000);
        let quote = format!("{}b", "a".repeat(999)).repeat(1_000);
        assert_eq!(Occurrences::new(&text, &quote).count(), 1_001);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn occurrences_are_what_looking_everywhere_finds(
            word in vec(select(&["a", "b", "aab", "é"][..]), 1..5),
            (times, more) in (1..4_usize, any::<Index>()),
            noise in vec(select(&["a", "b", "é", "😀"][..]), 0..10),
            copies in vec(any::<Index>(), 0..6),
        ) {
            // A quote that repeats itself, in copies that share any of its borders: chance alone makes no such overlaps.
            let word = word.concat();
            let quote = word.repeat(times) + &word[..word.floor_char_boundary(more.index(word.len()))];
            let borders: Vec<usize> = (0..quote.len())
                .filter(|&border| quote.is_char_boundary(border) && quote.ends_with(&quote[..border]))
                .collect();
            let mut text = noise.concat() + &quote;
            for copy in copies {
                text += &quote[borders[copy.index(borders.len())]..];
            }
            text += &noise.concat();
            let found: Vec<usize> = Occurrences::new(&text, &quote).collect();
            prop_assert_eq!(found, oracle::occurrences(&text, &quote));
        }
    }
}
