//! Words, values and signs of a filter, read where the grammar expects them: what may stand in a bare word depends on
//! the side of the comparison.

use super::value::Value;

/// What is wrong with a filter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wrong {
    /// At this byte: what stands there, and what would be right.
    At(usize, String),
    /// Too much of something: what it is, how much, the limit, and what both count.
    TooMany(&'static str, usize, usize, &'static str),
}

/// What a part of a filter means, or what is wrong with it.
pub(super) type Parsed<T> = Result<T, Wrong>;

/// A sign between a field and a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `:`
    Has,
}

/// Longer ones first, since the shorter are how they begin.
const COMPARATORS: [(&str, Comparator); 7] = [
    ("!=", Comparator::NotEqual),
    ("<=", Comparator::LessOrEqual),
    (">=", Comparator::GreaterOrEqual),
    ("=", Comparator::Equal),
    ("<", Comparator::Less),
    (">", Comparator::Greater),
    (":", Comparator::Has),
];

impl Comparator {
    /// The sign.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Has => ":",
        }
    }
}

/// A place in a filter, which moves on.
#[derive(Debug)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    /// The beginning of `text`.
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// The place, in bytes.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The character that stands here.
    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Passes over white space.
    pub(super) fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Passes over `sign`, if it stands here.
    pub(super) fn eat(&mut self, sign: char) -> bool {
        let eats = self.peek() == Some(sign);
        if eats {
            self.at += sign.len_utf8();
        }
        eats
    }

    /// The bare word that stands here on the left of a comparison; empty if there is none.
    pub(super) fn peek_word(&self) -> &'t str {
        prefix(self.rest(), |character| {
            !character.is_whitespace() && !character.is_control() && !"(),:=<>!.\"'".contains(character)
        })
    }

    /// Passes over the bare word `word`, if exactly it stands here.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let eats = self.peek_word() == word;
        if eats {
            self.at += word.len();
        }
        eats
    }

    /// The name of a member that stands here: a bare word or a string.
    pub(super) fn member(&mut self) -> Parsed<Option<String>> {
        if let Some(quote @ ('"' | '\'')) = self.peek() {
            return self.string(quote).map(|value| Some(value.text));
        }
        let word = self.peek_word();
        self.at += word.len();
        Ok((!word.is_empty()).then(|| word.to_owned()))
    }

    /// The sign of a comparison, if one stands here, and where.
    pub(super) fn comparator(&mut self) -> Parsed<Option<(usize, Comparator)>> {
        let at = self.at;
        let rest = self.rest();
        if rest.starts_with("==") {
            return Err(Wrong::At(at, "== is written =, as in label = \"PER\"".to_owned()));
        }
        if let Some((sign, comparator)) = COMPARATORS.iter().find(|(sign, _)| rest.starts_with(sign)) {
            self.at += sign.len();
            return Ok(Some((at, *comparator)));
        }
        if rest.starts_with('!') {
            let message = "! stands alone; != compares, and NOT or - negates, as in NOT label = \"PER\"";
            return Err(Wrong::At(at, message.to_owned()));
        }
        Ok(None)
    }

    /// The value that stands here: a string, or a bare word up to the next space, parenthesis or comma.
    pub(super) fn value(&mut self) -> Parsed<Option<Value>> {
        if let Some(quote @ ('"' | '\'')) = self.peek() {
            return self.string(quote).map(Some);
        }
        let at = self.at;
        let word = prefix(self.rest(), |character| {
            !character.is_whitespace() && !character.is_control() && !"(),".contains(character)
        });
        if word.is_empty() {
            return Ok(None);
        }
        if let Some((offset, sign)) = word.char_indices().find(|(_, sign)| "\"'=<>!\\;&|".contains(*sign)) {
            let message = format!(
                "{sign} cannot stand in a bare word; put the value in quotes, as in {}",
                quoted_whole(word)
            );
            return Err(Wrong::At(at + offset, message));
        }
        self.at += word.len();
        if matches!(word, "AND" | "OR" | "NOT") {
            let message = format!("{word} stands where a value should; put it in quotes if it is one");
            return Err(Wrong::At(at, message));
        }
        let stars = word.match_indices('*').map(|(offset, _)| offset).collect();
        Ok(Some(Value { at, text: word.to_owned(), stars, quoted: false }))
    }

    /// The string that stands here, which begins and ends with `quote`.
    fn string(&mut self, quote: char) -> Parsed<Value> {
        let at = self.at;
        self.at += quote.len_utf8();
        let (mut text, mut stars) = (String::new(), Vec::new());
        while let Some(character) = self.peek() {
            self.at += character.len_utf8();
            match character {
                _ if character == quote => return Ok(Value { at, text, stars, quoted: true }),
                '\\' => text.push(self.escape()?),
                '*' => {
                    stars.push(text.len());
                    text.push('*');
                }
                _ => text.push(character),
            }
        }
        Err(Wrong::At(at, format!("the string that begins here does not end; it needs another {quote}")))
    }

    /// The character that is meant by what stands here, behind a backslash.
    fn escape(&mut self) -> Parsed<char> {
        let at = self.at - 1;
        let wrong = |what: &str| {
            let message = format!(
                "{what}; the escapes are \\\\ \\\" \\' \\* \\n \\r \\t and \\u with four hexadecimal digits, and a \
                 backslash is written \\\\"
            );
            Err(Wrong::At(at, message))
        };
        let Some(character) = self.peek() else {
            return wrong("the filter ends in an escape");
        };
        self.at += character.len_utf8();
        match character {
            '\\' | '"' | '\'' | '*' => Ok(character),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'u' => match self.utf16_escape() {
                Some(character) => Ok(character),
                None => wrong("\\u is followed by no character's number"),
            },
            _ => wrong(&format!("\\{} is no escape", character.escape_debug())),
        }
    }

    /// The character of the UTF-16 code unit that stands here, or of a surrogate pair: `\u` and the second follow.
    fn utf16_escape(&mut self) -> Option<char> {
        let first = self.four_digits()?;
        if !(0xD800..0xDC00).contains(&first) {
            return char::from_u32(u32::from(first));
        }
        if !(self.eat('\\') && self.eat('u')) {
            return None;
        }
        let second = self.four_digits()?;
        char::decode_utf16([first, second]).next()?.ok()
    }

    fn four_digits(&mut self) -> Option<u16> {
        let digits = self.rest().get(..4)?;
        let all = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u16::from_str_radix(digits, 16).ok().filter(|_| all)?;
        self.at += 4;
        Some(number)
    }
}

/// The beginning of `text` whose characters are all `within`.
fn prefix(text: &str, within: impl Fn(char) -> bool) -> &str {
    let end = text.find(|character| !within(character)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

fn quoted_whole(word: &str) -> String {
    let inner = word.trim_matches(['"', '\'']).replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", super::super::errors::shortened(&inner))
}
