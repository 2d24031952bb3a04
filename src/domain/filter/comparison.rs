//! Comparisons of a field with a value, and when they hold.

use std::{borrow::Cow, cmp::Ordering, fmt};

use super::{
    kind::Kind,
    lexer::Comparator,
    value::{Instant, Number, Pattern, escaped},
};
use crate::domain::{attributes::AttributeValue, ids::AnnotationName, revisions::Timestamp};

/// What a field is held against.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Comparison {
    /// `:*`: it has a value.
    Present,
    /// The string equals the value; of several, one.
    Matches(Pattern),
    /// The tag is in the range of this one (RFC 4647, basic filtering).
    LanguageRange(String),
    /// It is this one of its names.
    Is(&'static str),
    /// It is this.
    Bool(bool),
    /// The number stands so to this one.
    Number(Order, Number),
    /// The string stands so to this one, by code points.
    Text(Order, String),
    /// The time stands so to this one.
    Time(Order, Instant),
    /// The attribute equals it; if the flag is set, an element of a list may, too.
    Attribute(Literal, bool),
    /// The attribute stands so to it.
    AttributeOrder(Order, Literal),
}

/// A value that is compared with an attribute of any kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Literal {
    pub(super) pattern: Pattern,
    /// What it is beside a string, if it stands there without quotes.
    pub(super) bare: Option<Bare>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bare {
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
}

/// How a value stands to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// `=`
    Equal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// What a field of a subject holds.
#[derive(Debug)]
pub(super) enum Held<'s> {
    /// Nothing.
    Absent,
    /// A string of the subject, which is no value when it is empty.
    Text(Cow<'s, str>),
    /// A string of a map, which is there even when it is empty.
    Entry(&'s str),
    /// One of some names.
    Name(&'static str),
    /// Yes or no.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A time.
    Time(Timestamp),
    /// An attribute.
    Attribute(&'s AttributeValue),
    /// Names of annotations.
    Names(&'s [AnnotationName]),
    /// Something that is there and is not compared.
    Something,
}

impl Order {
    pub(super) fn of(comparator: Comparator) -> Self {
        match comparator {
            Comparator::Equal | Comparator::NotEqual | Comparator::Has => Self::Equal,
            Comparator::Less => Self::Less,
            Comparator::LessOrEqual => Self::LessOrEqual,
            Comparator::Greater => Self::Greater,
            Comparator::GreaterOrEqual => Self::GreaterOrEqual,
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    fn is(self, ordering: Option<Ordering>) -> bool {
        ordering.is_some_and(|ordering| match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        })
    }
}

impl Comparison {
    /// Whether what a field holds stands so.
    pub(super) fn holds(&self, held: &Held<'_>) -> bool {
        match (self, held) {
            (_, Held::Absent) => false,
            (Self::Present, held) => held.is_present(),
            (Self::Matches(pattern), Held::Text(text)) => pattern.matches(text),
            (Self::Matches(pattern), Held::Entry(text)) => pattern.matches(text),
            (Self::Matches(pattern), Held::Names(names)) => {
                names.iter().any(|name| pattern.matches(&name.to_string()))
            }
            (Self::LanguageRange(range), Held::Text(tag)) => in_language_range(tag, range),
            (Self::Is(name), Held::Name(held)) => name == held,
            (Self::Bool(value), Held::Bool(held)) => value == held,
            (Self::Number(order, number), Held::Number(held)) => order.is(held.compare(*number)),
            (Self::Text(order, text), Held::Text(held)) => {
                !held.is_empty() && order.is(Some(held.as_ref().cmp(text)))
            }
            (Self::Text(order, text), Held::Entry(held)) => order.is(Some((*held).cmp(text.as_str()))),
            (Self::Time(order, time), Held::Time(held)) => order.is(Some(Instant::from(*held).cmp(time))),
            (Self::Attribute(literal, in_list), Held::Attribute(held)) => literal.equals(held, *in_list),
            (Self::AttributeOrder(order, literal), Held::Attribute(held)) => {
                order.is(literal.compare_with(held))
            }
            // No field is parsed so.
            _ => false,
        }
    }

    /// The one string that passes, if there is but one.
    pub(super) fn exact(&self) -> Option<&str> {
        if let Self::Matches(pattern) = self { pattern.exact() } else { None }
    }
}

impl Held<'_> {
    fn is_present(&self) -> bool {
        match self {
            Self::Absent => false,
            Self::Text(text) => !text.is_empty(),
            Self::Names(names) => !names.is_empty(),
            Self::Entry(_)
            | Self::Name(_)
            | Self::Bool(_)
            | Self::Number(_)
            | Self::Time(_)
            | Self::Attribute(_)
            | Self::Something => true,
        }
    }
}

/// Whether the tag is the range or goes on with another part behind it, in whatever case (RFC 4647, 3.3.1).
fn in_language_range(tag: &str, range: &str) -> bool {
    tag.split_at_checked(range.len()).is_some_and(|(start, rest)| {
        start.eq_ignore_ascii_case(range) && (rest.is_empty() || rest.starts_with('-'))
    })
}

impl Literal {
    fn equals(&self, held: &AttributeValue, in_list: bool) -> bool {
        match held {
            AttributeValue::Bool(held) => self.bare == Some(Bare::Bool(*held)),
            AttributeValue::Int(_) | AttributeValue::Double(_) => Order::Equal.is(self.compare_with(held)),
            AttributeValue::String(held) => self.pattern.matches(held),
            AttributeValue::StringList(held) => in_list && held.iter().any(|held| self.pattern.matches(held)),
        }
    }

    /// How what is held stands to this; none where the kinds have no order in common.
    fn compare_with(&self, held: &AttributeValue) -> Option<Ordering> {
        let held = match held {
            AttributeValue::Int(held) => Number::Int(*held),
            AttributeValue::Double(held) => Number::Double(*held),
            AttributeValue::String(held) => {
                return match (&self.pattern, self.bare) {
                    (Pattern::Exact(text), None) => Some(held.cmp(text)),
                    _ => None,
                };
            }
            AttributeValue::Bool(_) | AttributeValue::StringList(_) => return None,
        };
        match self.bare? {
            Bare::Number(number) => held.compare(number),
            Bare::Bool(_) => None,
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.pattern, self.bare) {
            (Pattern::Exact(text), Some(_)) => f.write_str(text),
            (pattern, _) => pattern.fmt(f),
        }
    }
}

impl Comparison {
    /// Writes the sign and the value as they follow a field that holds `kind`.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, kind: Kind) -> fmt::Result {
        match self {
            Self::Present => f.write_str(":*"),
            Self::Matches(pattern) if kind.is_several() => write!(f, ":{pattern}"),
            Self::Matches(pattern) => write!(f, " = {pattern}"),
            Self::LanguageRange(range) => write!(f, ":\"{}\"", escaped(range)),
            Self::Is(name) => write!(f, " = {name}"),
            Self::Bool(value) => write!(f, " = {value}"),
            Self::Number(order, number) => write!(f, " {} {number}", order.sign()),
            Self::Text(order, text) => write!(f, " {} \"{}\"", order.sign(), escaped(text)),
            Self::Time(order, time) => write!(f, " {} \"{time}\"", order.sign()),
            Self::Attribute(literal, false) => write!(f, " = {literal}"),
            Self::Attribute(literal, true) => write!(f, ":{literal}"),
            Self::AttributeOrder(order, literal) => write!(f, " {} {literal}", order.sign()),
        }
    }
}
