//! What a new schema means for annotations that stand.

use std::collections::HashSet;

use super::{AttributeDefinition, LabelDefinition, LabelSchema, SchemaDefinition, SchemaMode};

impl LabelSchema {
    /// Whether no annotation that keeps the rules of `old` breaks this schema, as far as that is plain without a look at any:
    /// it only looks otherwise, is open now, or has labels that the closed `old` one did not have.
    #[must_use]
    pub fn breaks_nothing_of(&self, old: &Self) -> bool {
        let known: HashSet<&str> = old.definition.labels.iter().map(|label| label.label.as_str()).collect();
        let was_closed = old.definition.mode == SchemaMode::Closed;
        let is_old = |label: &LabelDefinition| !was_closed || known.contains(label.label.as_str());
        let mode = self.definition.mode;
        let mode = if mode == SchemaMode::Open { old.definition.mode } else { mode };
        rules(&self.definition, mode, is_old) == rules(&old.definition, old.definition.mode, |_| true)
    }
}

/// A definition without what no rule follows from, and with its labels in order.
fn rules(
    definition: &SchemaDefinition,
    mode: SchemaMode,
    is_old: impl Fn(&LabelDefinition) -> bool,
) -> SchemaDefinition {
    let SchemaDefinition { mode: _, labels, attributes, spans, exclusive } = definition;
    let label = |label: &LabelDefinition| LabelDefinition {
        display_name: String::new(),
        description: String::new(),
        color: String::new(),
        shortcut: String::new(),
        symmetric: false,
        transitive: false,
        ..label.clone()
    };
    let mut labels: Vec<_> = labels.iter().filter(|label| is_old(label)).map(label).collect();
    labels.sort_unstable_by(|one, other| one.label.cmp(&other.label));
    let attribute = |attribute: &AttributeDefinition| AttributeDefinition {
        display_name: String::new(),
        description: String::new(),
        default: None,
        ..attribute.clone()
    };
    let attributes = attributes.iter().map(attribute).collect();
    SchemaDefinition { mode, labels, attributes, spans: *spans, exclusive: exclusive.clone() }
}

#[cfg(test)]
mod tests {
    use super::super::{Overlap, samples::everything};
    use super::*;

    #[test]
    fn a_schema_that_only_looks_otherwise_breaks_nothing() {
        let check = |mode, change: fn(&mut SchemaDefinition), expected: bool| {
            let mut old = everything().into_definition();
            old.mode = mode;
            let mut new = old.clone();
            change(&mut new);
            let [old, new] = [old, new].map(|definition| LabelSchema::parse(definition).unwrap());
            assert_eq!(new.breaks_nothing_of(&old), expected, "{new:?}");
        };
        let both = |change, expected| {
            check(SchemaMode::Open, change, expected);
            check(SchemaMode::Closed, change, expected);
        };
        both(|_| {}, true);
        both(|new| new.labels[0].color = "#ffffff".to_owned(), true);
        both(|new| new.labels.swap(0, 1), true);
        both(|new| new.attributes[0].default = None, true);
        both(|new| new.mode = SchemaMode::Open, true);
        check(SchemaMode::Open, |new| new.mode = SchemaMode::Closed, false);
        let more = |new: &mut SchemaDefinition| {
            new.labels.push(LabelDefinition { label: "Dragon".to_owned(), ..LabelDefinition::default() });
        };
        check(SchemaMode::Closed, more, true);
        check(SchemaMode::Open, more, false);
        both(|new| new.labels[1].spans.overlap = Some(Overlap::Nested), false);
        both(|new| new.attributes[1].required = true, false);
        both(|new| new.exclusive.clear(), false);
        both(|new| drop(new.labels.pop()), false);
    }
}
