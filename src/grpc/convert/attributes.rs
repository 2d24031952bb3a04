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
    let named = |(name, sent)| {
        let value = value(&format!("{field}[{name:?}]"), sent)?;
        Ok((name, value))
    };
    let entries: Vec<_> = entries.into_iter().map(named).collect::<Result<_>>()?;
    attributes::attributes(field, entries)
}

/// The value of an attribute in the field `field`.
///
/// # Errors
///
/// FIELD_INVALID.
pub fn value(field: &str, value: v1::AttributeValue) -> Result<AttributeValue> {
    let v1::AttributeValue { kind } = value;
    match kind {
        Some(Kind::BoolValue(value)) => Ok(AttributeValue::Bool(value)),
        Some(Kind::IntValue(value)) => Ok(AttributeValue::Int(value)),
        Some(Kind::DoubleValue(value)) => Ok(AttributeValue::Double(value)),
        Some(Kind::StringValue(value)) => Ok(AttributeValue::String(value)),
        Some(Kind::StringList(v1::StringList { values })) => Ok(AttributeValue::StringList(values)),
        None => {
            Err(Error::field(field, "has no value; send a bool, int, double or string, or a list of strings"))
        }
    }
}

/// Attributes as clients see them.
#[must_use]
pub fn message(attributes: &Attributes) -> BTreeMap<String, v1::AttributeValue> {
    attributes.iter().map(|(name, value)| (name.clone(), sent_value(value))).collect()
}

/// An attribute's value as clients see it.
#[must_use]
pub fn sent_value(value: &AttributeValue) -> v1::AttributeValue {
    let kind = match value {
        AttributeValue::Bool(value) => Kind::BoolValue(*value),
        AttributeValue::Int(value) => Kind::IntValue(*value),
        AttributeValue::Double(value) => Kind::DoubleValue(*value),
        AttributeValue::String(value) => Kind::StringValue(value.clone()),
        AttributeValue::StringList(values) => Kind::StringList(v1::StringList { values: values.clone() }),
    };
    v1::AttributeValue { kind: Some(kind) }
}
