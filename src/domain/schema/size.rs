//! How much a schema takes when it is stored or sent: at least as much as its encoding.

use super::{
    AttributeDefinition, ExclusiveSet, LabelDefinition, RoleDefinition, SchemaDefinition, SpanRules,
};
use crate::domain::attributes::AttributeValue;

/// A tag and a length, of messages and strings within the limits.
const HEADER: usize = 4;
/// A tag and a flag, an enum, or a count: `uint32` takes up to 5 bytes.
const FLAG: usize = 2;
const COUNT: usize = 6;

impl SchemaDefinition {
    /// How many bytes its encoding takes, at most, without what the server knows of it.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let Self { mode: _, labels, attributes, spans, exclusive } = self;
        FLAG + rules(*spans)
            + labels.iter().map(label).sum::<usize>()
            + attributes.iter().map(attribute).sum::<usize>()
            + exclusive.iter().map(set).sum::<usize>()
    }
}

fn label(definition: &LabelDefinition) -> usize {
    let LabelDefinition {
        label,
        kinds,
        parent,
        display_name,
        description,
        color,
        shortcut,
        is_abstract,
        spans,
        symmetric,
        transitive,
        roles,
    } = definition;
    let flags = [*is_abstract, *symmetric, *transitive].map(usize::from).iter().sum::<usize>() * FLAG;
    HEADER
        + [label, parent, display_name, description, color, shortcut]
            .map(|text| string(text))
            .iter()
            .sum::<usize>()
        + numbers(kinds.len())
        + flags
        + rules(*spans)
        + roles.iter().map(role).sum::<usize>()
}

fn role(definition: &RoleDefinition) -> usize {
    let RoleDefinition { role, labels, kinds, min_count: _, max_count: _ } = definition;
    HEADER + string(role) + strings(labels) + numbers(kinds.len()) + 2 * COUNT
}

fn attribute(definition: &AttributeDefinition) -> usize {
    let AttributeDefinition {
        name,
        kind: _,
        display_name,
        description,
        labels,
        kinds,
        allowed_values,
        minimum,
        maximum,
        required: _,
        default,
    } = definition;
    HEADER
        + [name, display_name, description].map(|text| string(text)).iter().sum::<usize>()
        + strings(labels)
        + numbers(kinds.len())
        + strings(allowed_values)
        + [minimum, maximum, default].into_iter().flatten().map(value).sum::<usize>()
        + 2 * FLAG
}

fn value(value: &AttributeValue) -> usize {
    HEADER
        + match value {
            AttributeValue::Bool(_) => FLAG,
            AttributeValue::Int(_) => 11,
            AttributeValue::Double(_) => 9,
            AttributeValue::String(value) => HEADER + value.len(),
            AttributeValue::StringList(values) => HEADER + strings(values),
        }
}

fn set(set: &ExclusiveSet) -> usize {
    let ExclusiveSet { name, labels } = set;
    HEADER + string(name) + strings(labels)
}

fn rules(rules: SpanRules) -> usize {
    let SpanRules { overlap, discontinuous, empty, grapheme_splits } = rules;
    let flags = [overlap.is_some(), discontinuous.is_some(), empty.is_some(), grapheme_splits.is_some()];
    let set = flags.map(usize::from).iter().sum::<usize>();
    if set == 0 { 0 } else { HEADER + set * FLAG }
}

fn strings(strings: &[String]) -> usize {
    strings.iter().map(|string| HEADER + string.len()).sum()
}

fn string(string: &str) -> usize {
    if string.is_empty() { 0 } else { HEADER + string.len() }
}

fn numbers(count: usize) -> usize {
    if count == 0 { 0 } else { HEADER + count }
}
