//! What an annotation says beside its label: attributes by name, each of one kind.

use std::collections::BTreeMap;

use super::{
    details::{bounded, too_many},
    errors::{Error, Result},
};
use crate::limits;

/// An annotation's attributes within their limits, by name.
pub type Attributes = BTreeMap<String, AttributeValue>;

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number, which is finite.
    Double(f64),
    /// A string.
    String(String),
    /// Several strings, in order.
    StringList(Vec<String>),
}

/// Checks the attributes in the field `field`.
///
/// # Errors
///
/// FIELD_INVALID for an empty name, a control character in one, and a number that is not finite; LIMIT_EXCEEDED for more
/// than 64 attributes, a name over 128 bytes, a string over 4,096, more than 256 strings in a list.
pub fn attributes(
    field: &str,
    entries: impl IntoIterator<Item = (String, AttributeValue)>,
) -> Result<Attributes> {
    let entries: Attributes = entries.into_iter().collect();
    if entries.len() > limits::ATTRIBUTES_MAX {
        return Err(too_many(field, "the map", entries.len(), limits::ATTRIBUTES_MAX, "attributes"));
    }
    for (name, value) in &entries {
        check_name(field, name)?;
        value.check(&format!("{field}[{name:?}]"))?;
    }
    Ok(entries)
}

/// Checks the name of an attribute: 1 to 128 bytes without control characters.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED.
pub fn check_name(field: &str, name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::field(field, "the name of an attribute is empty; names have 1 to 128 bytes"));
    }
    if name.len() > limits::ATTRIBUTE_NAME_BYTES_MAX {
        let limit = limits::ATTRIBUTE_NAME_BYTES_MAX;
        return Err(too_many(field, "the name of an attribute", name.len(), limit, "bytes"));
    }
    match name.chars().find(|character| character.is_control()) {
        Some(character) => Err(Error::field(
            field,
            format!("the attribute {name:?} has the control character {character:?}"),
        )),
        None => Ok(()),
    }
}

impl AttributeValue {
    /// What kind of value it is, as messages say it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Double(_) => "double",
            Self::String(_) => "string",
            Self::StringList(_) => "string list",
        }
    }

    fn check(&self, field: &str) -> Result<()> {
        let string = |value: &String| {
            let limit = limits::ATTRIBUTE_STRING_BYTES_MAX;
            bounded(field, "the value", value.clone(), limit).map(drop)
        };
        match self {
            Self::Bool(_) | Self::Int(_) => Ok(()),
            Self::Double(number) if number.is_finite() => Ok(()),
            Self::Double(number) => Err(Error::field(field, format!("is {number}; send a finite number"))),
            Self::String(value) => string(value),
            Self::StringList(values) if values.len() > limits::ATTRIBUTE_LIST_STRINGS_MAX => {
                let limit = limits::ATTRIBUTE_LIST_STRINGS_MAX;
                Err(too_many(field, "the list", values.len(), limit, "strings"))
            }
            Self::StringList(values) => values.iter().try_for_each(string),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_stay_within_their_limits() {
        let one = |name: &str, value| attributes("attributes", [(name.to_owned(), value)]);
        let string = |bytes| AttributeValue::String("v".repeat(bytes));
        let list = |count, bytes| AttributeValue::StringList(vec!["v".repeat(bytes); count]);
        for value in
            [string(4_096), list(256, 1), AttributeValue::Double(-0.0), AttributeValue::StringList(vec![])]
        {
            assert!(one("Negation", value).is_ok());
        }
        let check = |refused: Result<Attributes>, expected: &str| {
            assert_eq!(refused.unwrap_err().to_string(), expected);
        };
        check(one("", string(1)), "attributes: the name of an attribute is empty; names have 1 to 128 bytes");
        check(
            one(&"n".repeat(129), string(1)),
            "attributes: the name of an attribute has 129 bytes; at most 128 are allowed",
        );
        check(one("a\nb", string(1)), "attributes: the attribute \"a\\nb\" has the control character '\\n'");
        check(
            one("a", string(4_097)),
            "attributes[\"a\"]: the value has 4097 bytes; at most 4096 are allowed",
        );
        check(one("a", list(257, 1)), "attributes[\"a\"]: the list has 257 strings; at most 256 are allowed");
        check(one("a", AttributeValue::Double(f64::NAN)), "attributes[\"a\"]: is NaN; send a finite number");
        let many = attributes("attributes", (0..65).map(|n: u32| (n.to_string(), string(1))));
        check(many, "attributes: the map has 65 attributes; at most 64 are allowed");
    }
}
