//! Values of a filter: strings with wildcards, numbers, times.

use std::{borrow::Cow, cmp::Ordering, fmt};

use super::lexer::{Parsed, Wrong};
use crate::domain::revisions::Timestamp;

/// A value as it stands in a filter, not yet of any kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Value {
    /// Where it begins, in bytes of the filter.
    pub(super) at: usize,
    /// Its characters, without quotes and escapes.
    pub(super) text: String,
    /// Where a `*` stands in the text that was not escaped, in bytes.
    pub(super) stars: Vec<usize>,
    /// Whether it stood in quotes.
    pub(super) quoted: bool,
}

/// Which strings equal a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pattern {
    /// `*`: all that are there.
    Any,
    /// This one.
    Exact(String),
    /// Those that begin so.
    Prefix(String),
    /// Those that end so.
    Suffix(String),
    /// Those in which it stands.
    Contains(String),
}

/// A number, as exactly as it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// A whole one.
    Int(i64),
    /// Any other, which is finite.
    Double(f64),
}

/// A time, to the nanosecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Instant {
    /// Microseconds since 1970-01-01T00:00:00Z, rounded down.
    micros: i64,
    /// Nanoseconds beyond them, below 1,000.
    nanos: u16,
}

impl Value {
    /// The value as it is named in messages.
    pub(super) fn shown(&self) -> String {
        format!("{:?}", crate::domain::errors::shortened(&self.text))
    }

    /// Whether it is a `*` alone.
    pub(super) fn is_star(&self) -> bool {
        self.text == "*" && !self.stars.is_empty()
    }

    /// Which strings it equals.
    pub(super) fn pattern(&self) -> Parsed<Pattern> {
        let last = self.text.len().wrapping_sub(1);
        if self.stars.iter().any(|star| *star != 0 && *star != last) {
            let message = format!(
                "{} has a * inside; a * stands for anything at the beginning or the end of a value, and \\* in quotes \
                 for the character itself",
                self.shown()
            );
            return Err(Wrong::At(self.at, message));
        }
        let (leads, trails) = (self.stars.contains(&0), self.stars.contains(&last));
        let mut text = self.text.as_str();
        if leads {
            text = text.strip_prefix('*').unwrap_or(text);
        }
        if trails {
            text = text.strip_suffix('*').unwrap_or(text);
        }
        let owned = text.to_owned();
        Ok(match (leads, trails) {
            (true, _) | (_, true) if owned.is_empty() => Pattern::Any,
            (true, true) => Pattern::Contains(owned),
            (true, false) => Pattern::Suffix(owned),
            (false, true) => Pattern::Prefix(owned),
            (false, false) => Pattern::Exact(owned),
        })
    }

    /// The number it is, if it is one.
    pub(super) fn number(&self) -> Option<Number> {
        Number::parse(&self.text)
    }

    /// The time it is, if it is one.
    pub(super) fn instant(&self) -> Option<Instant> {
        Instant::parse(&self.text)
    }
}

impl Pattern {
    /// The one string that equals it, if there is but one.
    pub(super) fn exact(&self) -> Option<&str> {
        match self {
            Self::Exact(text) => Some(text),
            Self::Any | Self::Prefix(_) | Self::Suffix(_) | Self::Contains(_) => None,
        }
    }

    /// Whether `text` equals it.
    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => text == exact,
            Self::Prefix(start) => text.starts_with(start.as_str()),
            Self::Suffix(end) => text.ends_with(end.as_str()),
            Self::Contains(part) => text.contains(part.as_str()),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (leads, text, trails) = match self {
            Self::Any => ("", "", "*"),
            Self::Exact(text) => ("", text.as_str(), ""),
            Self::Prefix(text) => ("", text.as_str(), "*"),
            Self::Suffix(text) => ("*", text.as_str(), ""),
            Self::Contains(text) => ("*", text.as_str(), "*"),
        };
        write!(f, "\"{leads}{}{trails}\"", escaped(text))
    }
}

/// `text` as it stands between double quotes.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    let plain = |character: char| !matches!(character, '"' | '\\' | '*') && !character.is_control();
    if text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '"' | '\\' | '*' => escaped.extend(['\\', character]),
            _ if character.is_control() => {
                escaped.extend(["\\u", &format!("{:04x}", u32::from(character))]);
            }
            _ => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

impl Number {
    /// Parses an integer or a decimal number, which may have an exponent. A whole number beyond 64 bits is rounded.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (unsigned, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let exponent_digits =
            exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)));
        if !(digits(whole) && fraction.is_none_or(digits) && exponent_digits) {
            return None;
        }
        if fraction.is_none()
            && exponent.is_none()
            && let Ok(number) = text.parse()
        {
            return Some(Self::Int(number));
        }
        text.parse().ok().filter(|number: &f64| number.is_finite()).map(Self::Double)
    }

    /// How the two are ordered; exactly, also where a double cannot hold the integer. None for a double that is no
    /// number.
    pub(super) fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(&b)),
            (Self::Double(a), Self::Double(b)) => a.partial_cmp(&b),
            (Self::Int(a), Self::Double(b)) => compare_int(a, b),
            (Self::Double(a), Self::Int(b)) => compare_int(b, a).map(Ordering::reverse),
        }
    }
}

/// How the integer and the double are ordered. A double is ±m·2^e with m below 2^53 (IEEE 754, binary64).
fn compare_int(int: i64, double: f64) -> Option<Ordering> {
    /// Every double from here on is beyond 64 bits.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if double.is_nan() {
        return None;
    }
    if double >= BEYOND {
        return Some(Ordering::Less);
    }
    if double < -BEYOND {
        return Some(Ordering::Greater);
    }
    let whole = double.trunc();
    let bits = whole.abs().to_bits();
    let (exponent, fraction) = (bits >> 52, bits & ((1 << 52) - 1));
    // What is whole and not 0 is at least 1, and so is never subnormal.
    let magnitude = match exponent {
        0 => 0,
        1_075.. => i128::from(fraction | (1 << 52)) << (exponent - 1_075),
        _ => i128::from((fraction | (1 << 52)) >> (1_075 - exponent)),
    };
    let truncated = if double < 0.0 { -magnitude } else { magnitude };
    Some(i128::from(int).cmp(&truncated).then_with(|| whole.partial_cmp(&double).unwrap_or(Ordering::Equal)))
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => number.fmt(f),
            Self::Double(number) => write!(f, "{number:?}"),
        }
    }
}

impl From<Timestamp> for Instant {
    fn from(Timestamp(micros): Timestamp) -> Self {
        Self { micros, nanos: 0 }
    }
}

const SECOND_MICROS: i64 = 1_000_000;
const DAY_SECONDS: i64 = 86_400;

impl Instant {
    /// Parses a time as RFC 3339 has it, with up to nine digits of a second; leap seconds are not known.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.split_at_checked(10)?;
        let time = time.strip_prefix(['T', 't', ' '])?;
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let (clock, rest) = time.split_at_checked(8)?;
        let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
        let (fraction, zone) = match rest.strip_prefix('.') {
            None => ("", rest),
            Some(rest) => rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?,
        };
        if rest.starts_with('.') && !(1..=9).contains(&fraction.len()) {
            return None;
        }
        if hour > 23 || minute > 59 || second > 59 || day < 1 || day > days_of_month(year, month)? {
            return None;
        }
        let seconds = days(year, month, day) * DAY_SECONDS + hour * 3_600 + minute * 60 + second
            - offset_minutes(zone)? * 60;
        let nanos: i64 = format!("{fraction:0<9}").parse().ok()?;
        let micros = seconds * SECOND_MICROS + nanos / 1_000;
        // An offset may lead out of the years that have four digits.
        let four_digits = days(0, 1, 1) * DAY_SECONDS..days(10_000, 1, 1) * DAY_SECONDS;
        four_digits.contains(&seconds).then_some(())?;
        Some(Self { micros, nanos: u16::try_from(nanos % 1_000).ok()? })
    }
}

/// The time that `text` is as RFC 3339 has it, to the microsecond.
pub(in crate::domain) fn parse_time(text: &str) -> Option<Timestamp> {
    Instant::parse(text).map(|instant| Timestamp(instant.micros))
}

/// Writes a time as RFC 3339 has it.
pub(in crate::domain) fn write_time(time: Timestamp, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    fmt::Display::fmt(&Instant::from(time), f)
}

/// The numbers of `text`, which have so many digits each and `separator` between them.
fn numbers(text: &str, separator: char, widths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next()?;
        let digits = part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit());
        *number = part.parse().ok().filter(|_| digits)?;
    }
    parts.next().is_none().then_some(numbers)
}

/// The minutes by which the local time of the zone is ahead of UTC.
fn offset_minutes(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    let (hours, minutes): (i64, i64) =
        (hours.parse().ok().filter(|_| digits(hours))?, minutes.parse().ok().filter(|_| digits(minutes))?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

fn days_of_month(year: i64, month: i64) -> Option<i64> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => Some(29),
        2 => Some(28),
        _ => None,
    }
}

/// Days from 1970-01-01 to this date of the Gregorian calendar, whose year begins in March here, so that the leap day
/// is its last (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

impl fmt::Display for Instant {
    /// As RFC 3339 has it, in UTC, with as many digits as it needs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.micros.div_euclid(SECOND_MICROS);
        let nanos = self.micros.rem_euclid(SECOND_MICROS) * 1_000 + i64::from(self.nanos);
        let (mut date, of_day) = (seconds.div_euclid(DAY_SECONDS), seconds.rem_euclid(DAY_SECONDS));
        // The inverse of `days`, from the same source.
        date += 719_468;
        let (era, day_of_era) = (date.div_euclid(146_097), date.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let (day, month) = (day_of_year - (153 * shifted + 2) / 5 + 1, (shifted + 2) % 12 + 1);
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if nanos != 0 {
            write!(f, ".{}", format!("{nanos:09}").trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        let check = |text: &str, expected| assert_eq!(Number::parse(text), expected, "{text}");
        check("0", Some(Number::Int(0)));
        check("-42", Some(Number::Int(-42)));
        check("9223372036854775807", Some(Number::Int(i64::MAX)));
        check("9223372036854775808", Some(Number::Double(9_223_372_036_854_775_808.0)));
        check("0.5", Some(Number::Double(0.5)));
        check("2.997e9", Some(Number::Double(2.997e9)));
        check("1E-3", Some(Number::Double(1e-3)));
        for text in
            ["", "-", "+1", ".5", "5.", "1e", "1e+", "NaN", "inf", "0x10", "1_000", "--1", "1e999", "½"]
        {
            check(text, None);
        }
    }

    #[test]
    fn integers_and_doubles_are_ordered_exactly() {
        let check = |int, double, expected| {
            assert_eq!(Number::Int(int).compare(Number::Double(double)), expected, "{int} {double}");
        };
        check(1, 1.0, Some(Ordering::Equal));
        check(1, 1.5, Some(Ordering::Less));
        check(-1, -1.5, Some(Ordering::Greater));
        check(0, -0.0, Some(Ordering::Equal));
        check(0, 5e-324, Some(Ordering::Less));
        check(9_007_199_254_740_993, 9_007_199_254_740_992.0, Some(Ordering::Greater));
        check(i64::MAX, 9_223_372_036_854_775_808.0, Some(Ordering::Less));
        check(i64::MIN, -9_223_372_036_854_775_808.0, Some(Ordering::Equal));
        check(i64::MIN, f64::NEG_INFINITY, Some(Ordering::Greater));
        check(i64::MAX, f64::INFINITY, Some(Ordering::Less));
        check(0, f64::NAN, None);
    }

    #[test]
    fn times_are_those_of_rfc_3339() {
        let check = |text: &str, expected: Option<(i64, u16)>| {
            let expected = expected.map(|(micros, nanos)| Instant { micros, nanos });
            assert_eq!(Instant::parse(text), expected, "{text}");
        };
        check("1970-01-01T00:00:00Z", Some((0, 0)));
        check("2012-04-21T11:30:00-04:00", Some((1_335_022_200_000_000, 0)));
        check("2012-04-21t15:30:00.000000001z", Some((1_335_022_200_000_000, 1)));
        check("2000-02-29T23:59:59.5+00:00", Some((951_868_799_500_000, 0)));
        check("0000-01-01T00:00:00Z", Some((-62_167_219_200_000_000, 0)));
        check("9999-12-31T23:59:59.999999999Z", Some((253_402_300_799_999_999, 999)));
        for text in [
            "",
            "2012-04-21",
            "2012-04-21T11:30:00",
            "2012-04-21T11:30Z",
            "2012-4-21T11:30:00Z",
            "2012-04-31T11:30:00Z",
            "1900-02-29T00:00:00Z",
            "2012-13-01T00:00:00Z",
            "2012-04-21T24:00:00Z",
            "2012-04-21T11:30:60Z",
            "2012-04-21T11:30:00.Z",
            "2012-04-21T11:30:00.0000000001Z",
            "2012-04-21T11:30:00+4:00",
            "2012-04-21T11:30:00+24:00",
            "0000-01-01T00:00:00+01:00",
            "2012-04-21T11:30:00é",
            "+012-04-21T11:30:00Z",
        ] {
            check(text, None);
        }
    }

    proptest! {
        #[test]
        fn a_time_is_parsed_from_how_it_is_written(
            micros in -62_167_219_200_000_000..253_402_300_800_000_000_i64,
            nanos in 0..1_000_u16,
        ) {
            let instant = Instant { micros, nanos };
            prop_assert_eq!(Instant::parse(&instant.to_string()), Some(instant));
        }

        #[test]
        fn a_whole_double_is_ordered_as_its_integer(int in any::<i64>(), other in any::<i32>(), shift in 0..31_u32) {
            let double = f64::from(other) * f64::from(1_u32 << shift);
            let expected = i128::from(int).cmp(&(i128::from(other) << shift));
            prop_assert_eq!(Number::Int(int).compare(Number::Double(double)), Some(expected));
        }
    }
}
