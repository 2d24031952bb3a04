//! What fields hold, and which comparisons they take.

use super::{
    comparison::{Bare, Comparison, Literal, Order},
    lexer::{Comparator, Parsed, Wrong},
    value::{Pattern, Value},
};
use crate::domain::ids::{AnnotationId, AnnotationName, ArticleName};

/// What a field holds, and so what it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word of somebody's own, such as a label: `:` is `=`.
    Token,
    /// Text that people write: `:` looks for a part.
    Prose,
    /// A BCP 47 tag: `:` is a range of tags.
    Language,
    /// One of some names, which the API writes with this before them.
    Enum(&'static [&'static str], &'static str),
    /// Yes or no.
    Bool,
    /// A number.
    Number,
    /// A time.
    Time,
    /// An annotation's UUID.
    AnnotationId,
    /// An annotation's full name.
    AnnotationName,
    /// An article's full name.
    ArticleName,
    /// Several full names of annotations.
    AnnotationNames,
    /// An attribute, of any kind.
    Attribute,
    /// Whole strings that are there or not.
    Set,
    /// A message, which is there or not.
    Message,
}

impl Kind {
    /// Whether a field holds several values, of which `:` looks for one.
    pub(super) fn is_several(self) -> bool {
        matches!(self, Self::AnnotationNames | Self::Set)
    }
}

/// A field and a sign, which a value follows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left<'f> {
    /// The field's name.
    pub(super) field: &'f str,
    /// What it holds.
    pub(super) kind: Kind,
    /// Where the sign stands.
    pub(super) at: usize,
    /// The sign.
    pub(super) comparator: Comparator,
}

impl Left<'_> {
    /// The comparison with `value`; `!=` is that with `=`, which the caller negates.
    pub(super) fn with(&self, value: &Value) -> Parsed<Comparison> {
        self.check_comparator()?;
        if value.is_star() && self.comparator == Comparator::Has && self.kind != Kind::Set {
            return Ok(Comparison::Present);
        }
        let has = self.comparator == Comparator::Has;
        match self.kind {
            Kind::Prose if has => {
                let pattern = value.pattern()?;
                match pattern.exact() {
                    Some("") => Err(self.wrong(value)),
                    Some(part) => Ok(Comparison::Matches(Pattern::Contains(part.to_owned()))),
                    None => Ok(matching(pattern)),
                }
            }
            Kind::Language if has => match value.pattern()?.exact() {
                Some("") | None => Err(self.wrong(value)),
                Some(range) => Ok(Comparison::LanguageRange(range.to_ascii_lowercase())),
            },
            Kind::Token | Kind::Prose | Kind::Language => self.text(value),
            Kind::Enum(names, prefix) => {
                let short = value.text.strip_prefix(prefix).unwrap_or(&value.text);
                let known = names.iter().find(|name| **name == short);
                known.map(|name| Comparison::Is(name)).ok_or_else(|| self.wrong(value))
            }
            Kind::Bool => match value.text.as_str() {
                "true" => Ok(Comparison::Bool(true)),
                "false" => Ok(Comparison::Bool(false)),
                _ => Err(self.wrong(value)),
            },
            Kind::Number => {
                let number = value.number().ok_or_else(|| self.wrong(value))?;
                Ok(Comparison::Number(Order::of(self.comparator), number))
            }
            Kind::Time => {
                let instant = value.instant().ok_or_else(|| self.wrong(value))?;
                Ok(Comparison::Time(Order::of(self.comparator), instant))
            }
            Kind::AnnotationId | Kind::AnnotationName | Kind::ArticleName | Kind::AnnotationNames => {
                self.name(value)
            }
            Kind::Attribute => self.attribute(value),
            Kind::Set => match value.pattern()? {
                Pattern::Exact(text) if !text.is_empty() => Ok(Comparison::Matches(Pattern::Exact(text))),
                Pattern::Any
                | Pattern::Exact(_)
                | Pattern::Prefix(_)
                | Pattern::Suffix(_)
                | Pattern::Contains(_) => Err(self.wrong(value)),
            },
            Kind::Message => Err(self.wrong(value)),
        }
    }

    fn text(&self, value: &Value) -> Parsed<Comparison> {
        let order = Order::of(self.comparator);
        if order == Order::Equal {
            value.pattern().map(matching)
        } else {
            Ok(Comparison::Text(order, self.ordered(value)?))
        }
    }

    fn name(&self, value: &Value) -> Parsed<Comparison> {
        let pattern = value.pattern()?;
        let well_formed = match (&pattern, self.kind) {
            (Pattern::Exact(id), Kind::AnnotationId) => AnnotationId::parse("", id).is_ok(),
            (Pattern::Exact(name), Kind::ArticleName) => ArticleName::parse("", name).is_ok(),
            (Pattern::Exact(name), _) => AnnotationName::parse("", name).is_ok(),
            _ => true,
        };
        if well_formed { Ok(matching(pattern)) } else { Err(self.wrong(value)) }
    }

    fn attribute(&self, value: &Value) -> Parsed<Comparison> {
        let bare = match value.text.as_str() {
            _ if value.quoted => None,
            "true" => Some(Bare::Bool(true)),
            "false" => Some(Bare::Bool(false)),
            _ => value.number().map(Bare::Number),
        };
        let order = Order::of(self.comparator);
        if order == Order::Equal {
            let pattern = value.pattern()?;
            if pattern == Pattern::Any {
                return Ok(Comparison::Present);
            }
            return Ok(Comparison::Attribute(Literal { pattern, bare }, self.comparator == Comparator::Has));
        }
        if let Some(Bare::Bool(_)) = bare {
            let message = format!("{} has no order; compare it with =", value.text);
            return Err(Wrong::At(value.at, message));
        }
        let pattern = Pattern::Exact(self.ordered(value)?);
        Ok(Comparison::AttributeOrder(order, Literal { pattern, bare }))
    }

    /// The text of a value that others come before and after.
    fn ordered(&self, value: &Value) -> Parsed<String> {
        if let Some(star) = value.stars.first() {
            let message = format!(
                "the * in {} stands for anything, which nothing is {}; write \\* in quotes for the character itself",
                value.shown(),
                if matches!(self.comparator, Comparator::Less | Comparator::LessOrEqual) {
                    "before"
                } else {
                    "after"
                }
            );
            let quote = usize::from(value.quoted);
            return Err(Wrong::At(if value.quoted { value.at } else { value.at + star + quote }, message));
        }
        Ok(value.text.clone())
    }

    fn check_comparator(&self) -> Parsed<()> {
        let sign = self.comparator.sign();
        if self.signs().split(' ').any(|allowed| allowed == sign) {
            return Ok(());
        }
        let message = format!(
            "{} is not compared by {sign}, only by {}, as in {}",
            self.field,
            self.signs(),
            self.example()
        );
        Err(Wrong::At(self.at, message))
    }

    /// The signs by which it is compared.
    pub(super) fn signs(&self) -> &'static str {
        match self.kind {
            Kind::Token | Kind::Prose | Kind::Language | Kind::Number | Kind::Time | Kind::Attribute => {
                "= != < <= > >= :"
            }
            Kind::Enum(..) | Kind::Bool | Kind::AnnotationId | Kind::AnnotationName | Kind::ArticleName => {
                "= != :"
            }
            Kind::AnnotationNames | Kind::Set | Kind::Message => ":",
        }
    }

    fn wrong(&self, value: &Value) -> Wrong {
        let what = match self.kind {
            Kind::Token | Kind::Attribute => "a string",
            Kind::Prose => "a string that is not empty",
            Kind::Language => "a language tag, and : finds all that begin with its parts",
            Kind::Enum(names, _) => &format!("one of {}", names.join(", ")),
            Kind::Bool => "true or false",
            Kind::Number => "a number",
            Kind::Time => "a time as RFC 3339 has it",
            Kind::AnnotationId => "a UUID in lower case, or a part of one with a *",
            Kind::AnnotationName | Kind::AnnotationNames => {
                "projects/{project}/articles/{article}/annotations/{uuid}, or a part of it with a *"
            }
            Kind::ArticleName => "projects/{project}/articles/{article}, or a part of it with a *",
            Kind::Set => "a whole string without *",
            Kind::Message => "*, which asks whether it is there; its fields follow a dot",
        };
        let message = format!(
            "{} is compared with {what}, as in {}; {} is none",
            self.field,
            self.example(),
            value.shown()
        );
        Wrong::At(value.at, message)
    }

    /// A comparison of this field that would be right.
    pub(super) fn example(&self) -> String {
        let field = self.field;
        let has = self.comparator == Comparator::Has;
        match self.kind {
            Kind::Token => format!("{field} = \"PER\""),
            Kind::Prose if has => format!("{field}:\"part\""),
            Kind::Prose => format!("{field} = \"Word*\""),
            Kind::Language if has => format!("{field}:\"en\""),
            Kind::Language => format!("{field} = \"en-US\""),
            Kind::Enum(names, _) => format!("{field} = {}", names.first().unwrap_or(&"")),
            Kind::Number if field == "score" => "score >= 0.5".to_owned(),
            Kind::Number => format!("{field} > 1"),
            Kind::Time => format!("{field} > \"2026-01-31T00:00:00Z\""),
            Kind::AnnotationId => format!("{field} = \"0190163d-8694-739b-aea5-966c26f8ad91\""),
            Kind::AnnotationName => format!("{field} = \"projects/p/articles/a/*\""),
            Kind::ArticleName => format!("{field} = \"projects/p/articles/a\""),
            Kind::AnnotationNames => format!("{field}:\"projects/p/articles/a/*\""),
            Kind::Bool | Kind::Attribute => format!("{field} = true"),
            Kind::Set => format!("{field}:\"gold\""),
            Kind::Message => format!("{field}:*"),
        }
    }
}

/// A pattern that anything equals asks whether there is something.
fn matching(pattern: Pattern) -> Comparison {
    if pattern == Pattern::Any { Comparison::Present } else { Comparison::Matches(pattern) }
}
