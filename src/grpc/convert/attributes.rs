//! Attributes.

use std::collections::BTreeMap;

use crate::{
    domain::{
        Error, Result,
        attributes::{self, AttributeValue, Attributes},
    },
    proto::v1::{self, attribute_value::Kind},
};

/// The attributes in the field `field`.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED.
pub fn parse(field: &str, entries: BTreeMap<String, v1::AttributeValue>) -> Result<Attributes> {
    let value = |(name, value): (String, v1::AttributeValue)| {
        let v1::AttributeValue { kind } = value;
        let value = match kind {
            Some(Kind::BoolValue(value)) => AttributeValue::Bool(value),
            Some(Kind::IntValue(value)) => AttributeValue::Int(value),
            Some(Kind::DoubleValue(value)) => AttributeValue::Double(value),
            Some(Kind::StringValue(value)) => AttributeValue::String(value),
            Some(Kind::StringList(v1::StringList { values })) => AttributeValue::StringList(values),
            None => {
                return Err(Error::field(
                    format!("{field}[{name:?}]"),
                    "has no value; send a bool, int, double or string, or a list of strings",
                ));
            }
        };
        Ok((name, value))
    };
    let entries: Vec<_> = entries.into_iter().map(value).collect::<Result<_>>()?;
    attributes::attributes(field, entries)
}

/// Attributes as clients see them.
#[must_use]
pub fn message(attributes: &Attributes) -> BTreeMap<String, v1::AttributeValue> {
    attributes.iter().map(|(name, value)| (name.clone(), value_message(value))).collect()
}

/// An attribute's value as clients see it.
#[must_use]
pub fn value_message(value: &AttributeValue) -> v1::AttributeValue {
    let kind = match value {
        AttributeValue::Bool(value) => Kind::BoolValue(*value),
        AttributeValue::Int(value) => Kind::IntValue(*value),
        AttributeValue::Double(value) => Kind::DoubleValue(*value),
        AttributeValue::String(value) => Kind::StringValue(value.clone()),
        AttributeValue::StringList(values) => Kind::StringList(v1::StringList { values: values.clone() }),
    };
    v1::AttributeValue { kind: Some(kind) }
}
