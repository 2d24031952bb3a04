//! What stands in the cells of a line: values, stacked, with their numbers, and escaped.

/// A value of a cell, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stacked<'c> {
    /// The value, without its number, escaped.
    pub(super) value: &'c str,
    /// What is in brackets behind it.
    pub(super) number: Option<&'c str>,
}

/// How some writers write otherwise than `WebAnno` does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Dialect {
    /// A feature that says nothing has no value in its cell, instead of `*`.
    pub(super) is_sparse: bool,
    /// `_` and `*` within a value are not escaped.
    pub(super) has_plain_symbols: bool,
}

impl Dialect {
    const SPARSE: &str = "sparse";
    const PLAIN: &str = "plain";

    /// The dialect that these words say.
    pub(super) fn parse(words: &str) -> Self {
        let has = |word: &str| words.split(' ').any(|it| it == word);
        Self { is_sparse: has(Self::SPARSE), has_plain_symbols: has(Self::PLAIN) }
    }

    /// The words for it; none for `WebAnno`'s own.
    pub(super) fn words(self) -> String {
        let words = [(self.is_sparse, Self::SPARSE), (self.has_plain_symbols, Self::PLAIN)];
        words.into_iter().filter(|(is_so, _)| *is_so).map(|(_, word)| word).collect::<Vec<_>>().join(" ")
    }

    /// A value with what means something in cells escaped.
    pub(super) fn escape(self, value: &str) -> String {
        let escaped = escape_value(value);
        if !self.has_plain_symbols || [NOTHING, UNSAID].contains(&value) {
            return escaped;
        }
        escaped.replace("\\_", NOTHING).replace("\\*", UNSAID)
    }
}

/// Whether a value has a `_` or `*` that is not escaped.
pub(super) fn has_plain_symbol(value: &str) -> bool {
    ![NOTHING, UNSAID].contains(&value) && ['_', '*'].iter().any(|symbol| parts(value, *symbol).len() > 1)
}

/// No annotation.
pub(super) const NOTHING: &str = "_";
/// An annotation whose feature says nothing.
pub(super) const UNSAID: &str = "*";

/// The values of a cell; none for `_`.
pub(super) fn stacked(cell: &str) -> Vec<Stacked<'_>> {
    if cell == NOTHING {
        return Vec::new();
    }
    parts(cell, '|').into_iter().map(numbered).collect()
}

/// Parts of a value with several, such as `p1;p2`.
pub(super) fn parts(written: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut is_escaped) = (0, false);
    for (at, character) in written.char_indices() {
        if character == separator && !is_escaped {
            parts.push(written.get(start..at).unwrap_or_default());
            start = at + character.len_utf8();
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    parts.push(written.get(start..).unwrap_or_default());
    parts
}

/// A value and the number in brackets behind it.
pub(super) fn numbered(written: &str) -> Stacked<'_> {
    let split = written.strip_suffix(']').and_then(|rest| {
        let (value, number) = rest.rsplit_once('[')?;
        let is_number =
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
        is_number.then_some((value, number))
    });
    match split {
        Some((value, number)) => Stacked { value, number: Some(number) },
        None => Stacked { value: written, number: None },
    }
}

/// What a value says; none for `*`.
pub(super) fn said(written: &str) -> Option<String> {
    (written != UNSAID).then(|| unescape_value(written))
}

/// A value with what means something in cells escaped.
pub(super) fn escape_value(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' | '[' | ']' | '|' | '_' | ';' | '*' => escaped.extend(['\\', character]),
            '-' if characters.peek() == Some(&'>') => escaped.push_str("\\-"),
            '\t' => escaped.push_str("\\t"),
            '\n' => escaped.push_str("\\n"),
            // Readers end lines there.
            '\r' => escaped.push_str("\\r"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn unescape_value(written: &str) -> String {
    let mut value = String::with_capacity(written.len());
    let mut characters = written.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            value.push(character);
            continue;
        }
        match characters.next() {
            Some('t') => value.push('\t'),
            Some('n') => value.push('\n'),
            Some('r') => value.push('\r'),
            Some(other @ ('\\' | '[' | ']' | '|' | '_' | ';' | '*' | '-')) => value.push(other),
            Some(other) => value.extend(['\\', other]),
            None => value.push('\\'),
        }
    }
    value
}

/// A line of text with its control characters escaped.
pub(super) fn escape_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '\t' => escaped.push_str("\\t"),
            '\n' => escaped.push_str("\\n"),
            '\u{c}' => escaped.push_str("\\f"),
            '\r' => escaped.push_str("\\r"),
            '\u{8}' => escaped.push_str("\\b"),
            '\u{b}' => escaped.push(character),
            control if control < ' ' => escaped.extend(['\\', control]),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The text of such a line. Up to version 3.1 it was escaped as Java's.
pub(super) fn unescape_text(written: &str, as_java: bool) -> String {
    let mut text = String::with_capacity(written.len());
    let mut rest = written;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let mut characters = after.chars();
        let next = characters.next();
        rest = characters.as_str();
        match next {
            Some('t') => text.push('\t'),
            Some('n') => text.push('\n'),
            Some('f') => text.push('\u{c}'),
            Some('r') => text.push('\r'),
            Some('b') => text.push('\u{8}'),
            Some('\\') | None => text.push('\\'),
            Some(quote @ ('"' | '\'' | '/')) if as_java => text.push(quote),
            Some('u') if as_java => match utf16_escapes(after) {
                Some((character, after)) => {
                    text.push(character);
                    rest = after;
                }
                None => text.push_str("\\u"),
            },
            Some(control) if control < ' ' => text.push(control),
            Some(other) => text.extend(['\\', other]),
        }
    }
    text.push_str(rest);
    text
}

/// The character of `u00e9`, or of `ud83d\ude00`, and what follows it.
fn utf16_escapes(written: &str) -> Option<(char, &str)> {
    let unit = |written: &str| u16::from_str_radix(written.strip_prefix('u')?.get(..4)?, 16).ok();
    let first = unit(written)?;
    let rest = written.get(5..)?;
    let mut units = vec![first];
    let mut after = rest;
    if let Some(second) = rest.strip_prefix('\\').and_then(unit).filter(|_| (0xD800..0xDC00).contains(&first))
    {
        units.push(second);
        after = rest.get(6..)?;
    }
    let character = char::decode_utf16(units).next()?.ok()?;
    Some((character, after))
}

/// What a token covers, as its line has it: what would end the line or the cell is a space there.
pub(super) fn on_one_line(covered: &str) -> String {
    covered.replace(['\n', '\r'], " ")
}

/// How many units of UTF-16 a text has.
pub(super) fn utf16(text: &str) -> u64 {
    u64::try_from(text.encode_utf16().count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cells_have_values_with_numbers() {
        let check = |cell: &str, expected: &[(&str, Option<&str>)]| {
            let read: Vec<_> = stacked(cell).iter().map(|it| (it.value, it.number)).collect();
            assert_eq!(read, expected, "{cell}");
        };
        check("_", &[]);
        check("*", &[("*", None)]);
        check("PER[1]|LOC[2]", &[("PER", Some("1")), ("LOC", Some("2"))]);
        check("a\\|b|\\[0\\]", &[("a\\|b", None), ("\\[0\\]", None)]);
        check("1-1[0_2]", &[("1-1", Some("0_2"))]);
        check("p1;p2[3]", &[("p1;p2", Some("3"))]);
    }

    #[test]
    fn old_text_is_javas() {
        assert_eq!(unescape_text("\\u00e9 \\ud83d\\ude00 \\\"", true), "é 😀 \"");
        assert_eq!(unescape_text("\\u00e9", false), "\\u00e9");
    }

    proptest! {
        #[test]
        fn what_is_escaped_comes_back(text in "([\\\\\\[\\]|_;*\t\n\r>a-]|\\PC){0,12}") {
            let value = escape_value(&text);
            prop_assert_eq!(said(&value), Some(text.clone()));
            prop_assert_eq!(parts(&value, '|').len(), 1);
            prop_assert_eq!(numbered(&value).number, None);
            prop_assert_eq!(unescape_text(&escape_text(&text), false), text);
        }
    }
}
