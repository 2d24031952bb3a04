//! From what people write to a schema that holds together, or to a refusal that says where it does not.

use std::collections::{BTreeSet, HashMap};

use super::{
    AttributeDefinition, EffectiveSpanRules, ExclusiveSet, Kinds, LabelDefinition, LabelFacts, LabelSchema,
    RoleDefinition, RoleFacts, SchemaDefinition,
    labels::{self, place},
    rules::{compared, number},
};
use crate::{
    domain::{
        annotations::{Label, TargetKind},
        attributes::{self, AttributeValue},
        details::{bounded, too_many},
        errors::{Error, Result, shortened},
    },
    limits,
};

type Places = HashMap<String, usize>;

pub(super) fn parse(mut definition: SchemaDefinition) -> Result<LabelSchema> {
    check_sizes(&definition)?;
    for (index, label) in definition.labels.iter_mut().enumerate() {
        check_label(label).map_err(|error| error.within(&format!("labels[{index}]")))?;
    }
    let by_label = labels::places(&definition.labels)?;
    let spans = definition.spans.over(EffectiveSpanRules::default());
    let mut facts = labels::facts(&definition.labels, &by_label, spans)?;
    for (index, (label, facts)) in definition.labels.iter().zip(&mut facts).enumerate() {
        facts.roles =
            roles(&label.roles, &by_label).map_err(|error| error.within(&format!("labels[{index}]")))?;
        if !facts.roles.is_empty() && !facts.kinds.has(TargetKind::Relation) {
            let message = "are of relations; give the label the kind of relations, or leave the roles out";
            return Err(Error::field(format!("labels[{index}].roles"), message));
        }
    }
    let mut universal = Vec::new();
    for (index, attribute) in definition.attributes.iter_mut().enumerate() {
        let field = format!("attributes[{index}]");
        check_attribute(attribute).map_err(|error| error.within(&field))?;
        if attribute.labels.is_empty() {
            universal.push(index);
        }
        let named = places(&by_label, &format!("{field}.labels"), &attribute.labels)?;
        for place in topmost(&named, &facts) {
            if let Some(facts) = facts.get_mut(place) {
                facts.attributes.push(index);
            }
        }
    }
    check_names_of_attributes(&definition.attributes, &by_label, &facts)?;
    for (index, set) in definition.exclusive.iter().enumerate() {
        let field = format!("exclusive_sets[{index}]");
        for place in set_of(set, &by_label, &facts).map_err(|error| error.within(&field))? {
            if let Some(facts) = facts.get_mut(place) {
                facts.sets.push(index);
            }
        }
    }
    Ok(LabelSchema { definition, spans, by_label, facts, universal })
}

fn check_sizes(definition: &SchemaDefinition) -> Result<()> {
    let SchemaDefinition { mode: _, labels, attributes, spans: _, exclusive } = definition;
    for (field, what, count, limit, unit) in [
        ("labels", "the schema", labels.len(), limits::SCHEMA_LABELS_MAX, "labels"),
        ("attributes", "the schema", attributes.len(), limits::SCHEMA_ATTRIBUTES_MAX, "attributes"),
        ("exclusive_sets", "the schema", exclusive.len(), limits::SCHEMA_SETS_MAX, "exclusive sets"),
        ("", "the schema", definition.bytes(), limits::SCHEMA_BYTES_MAX, "bytes"),
    ] {
        if count > limit {
            return Err(too_many(field, what, count, limit, unit));
        }
    }
    Ok(())
}

/// Checks a label by itself. Fields are relative to it.
fn check_label(definition: &mut LabelDefinition) -> Result<()> {
    let LabelDefinition {
        label,
        kinds,
        parent: _,
        display_name,
        description,
        color,
        shortcut,
        is_abstract: _,
        spans: _,
        symmetric: _,
        transitive: _,
        roles,
    } = definition;
    Label::parse("label", label)?;
    in_order(kinds);
    check_words(display_name, description)?;
    check_color(color)?;
    check_line("shortcut", "the shortcut", shortcut, limits::SCHEMA_SHORTCUT_BYTES_MAX)?;
    if roles.len() > limits::SCHEMA_ROLES_MAX {
        return Err(too_many("roles", "the label", roles.len(), limits::SCHEMA_ROLES_MAX, "roles"));
    }
    for (index, role) in roles.iter_mut().enumerate() {
        let RoleDefinition { role, labels: _, kinds, min_count, max_count } = role;
        in_order(kinds);
        check_line(&format!("roles[{index}].role"), "the role", role, limits::ROLE_BYTES_MAX)?;
        if *max_count > 0 && min_count > max_count {
            let message = format!("is {min_count}, more than max_count, which is {max_count}");
            return Err(Error::field(format!("roles[{index}].min_count"), message));
        }
    }
    Ok(())
}

fn roles(definitions: &[RoleDefinition], by_label: &Places) -> Result<Vec<RoleFacts>> {
    let mut seen = HashMap::new();
    let one = |(index, definition): (usize, &RoleDefinition)| {
        let RoleDefinition { role, labels, kinds, min_count: _, max_count: _ } = definition;
        if let Some(first) = seen.insert(role.clone(), index) {
            let message = format!("{role:?} is roles[{first}] already");
            return Err(Error::field(format!("roles[{index}].role"), message));
        }
        let labels = places(by_label, &format!("roles[{index}].labels"), labels)?;
        Ok(RoleFacts { labels: labels.into_iter().collect(), kinds: Kinds::of(kinds) })
    };
    definitions.iter().enumerate().map(one).collect()
}

/// Checks an attribute by itself. Fields are relative to it.
fn check_attribute(definition: &mut AttributeDefinition) -> Result<()> {
    attributes::check_name("name", &definition.name)?;
    check_words(&definition.display_name, &definition.description)?;
    in_order(&mut definition.kinds);
    let kind = definition.kind;
    if !definition.allowed_values.is_empty() && !kind.is_text() {
        let message =
            format!("are for strings, and the attribute has the kind {}; leave them out", kind.name());
        return Err(Error::field("allowed_values", message));
    }
    let mut seen = HashMap::new();
    for (index, value) in definition.allowed_values.iter().enumerate() {
        let field = format!("allowed_values[{index}]");
        bounded(&field, "the value", value.clone(), limits::ATTRIBUTE_STRING_BYTES_MAX)?;
        if let Some(first) = seen.insert(value.as_str(), index) {
            let message = format!("{:?} is allowed_values[{first}] already", shortened(value));
            return Err(Error::field(field, message));
        }
    }
    for (field, limit) in [("minimum", &definition.minimum), ("maximum", &definition.maximum)] {
        let Some(limit) = limit else { continue };
        if !kind.is_number() || !kind.is_of(limit) {
            let message =
                format!("has the kind {}, and the attribute the kind {}", limit.kind(), kind.name());
            return Err(Error::field(field, message));
        }
        check_value(field, limit)?;
    }
    if let (Some(minimum), Some(maximum)) = (&definition.minimum, &definition.maximum)
        && compared(minimum, maximum).is_some_and(std::cmp::Ordering::is_gt)
    {
        let message = format!("is {}, more than maximum, which is {}", number(minimum), number(maximum));
        return Err(Error::field("minimum", message));
    }
    if let Some(default) = &definition.default {
        check_value("default_value", default)?;
        definition.check(default).map_err(|(_, description)| Error::field("default_value", description))?;
    }
    Ok(())
}

fn check_value(field: &str, value: &AttributeValue) -> Result<()> {
    attributes::attributes(field, [("value".to_owned(), value.clone())]).map(drop).map_err(|error| {
        let problem = error.problem;
        Error::at(field, problem)
    })
}

/// No annotation has two attributes of one name: definitions of the same name are of labels that are not below each
/// other, or of different kinds.
fn check_names_of_attributes(
    definitions: &[AttributeDefinition],
    by_label: &Places,
    facts: &[LabelFacts],
) -> Result<()> {
    let mut by_name: HashMap<&str, Vec<(usize, usize, usize)>> = HashMap::new();
    for (index, definition) in definitions.iter().enumerate() {
        let places = by_name.entry(&definition.name).or_default();
        if definition.labels.is_empty() {
            places.push((0, usize::MAX, index));
        }
        let labels = definition.labels.iter().filter_map(|label| facts.get(*by_label.get(label)?));
        places.extend(labels.map(|facts| (facts.enter, facts.exit, index)));
    }
    for places in by_name.values_mut() {
        places.sort_unstable_by_key(|(enter, exit, index)| (*enter, std::cmp::Reverse(*exit), *index));
        // Those that the one at hand is within: of a forest, each is within the one before it.
        let mut open: Vec<(usize, usize)> = Vec::new();
        for (enter, exit, index) in places.iter().copied() {
            open.retain(|(exit, _)| enter < *exit);
            for (_, other) in &open {
                let kinds =
                    |index: usize| definitions.get(index).map(|definition| Kinds::of(&definition.kinds));
                let meet = kinds(index).zip(kinds(*other)).is_some_and(|(one, other)| one.meets(other));
                if meet && index != *other {
                    let (first, second) = (index.min(*other), index.max(*other));
                    let name = definitions.get(index).map_or("", |definition| &definition.name);
                    let message =
                        format!("{name:?} is attributes[{first}] already, for some of the same labels");
                    return Err(Error::field(format!("attributes[{second}].name"), message));
                }
            }
            open.push((exit, index));
        }
    }
    Ok(())
}

fn set_of(set: &ExclusiveSet, by_label: &Places, facts: &[LabelFacts]) -> Result<BTreeSet<usize>> {
    let ExclusiveSet { name, labels } = set;
    check_line("name", "the name", name, limits::DISPLAY_NAME_BYTES_MAX)?;
    if labels.is_empty() {
        return Err(Error::field("labels", "is empty; name the labels that exclude each other"));
    }
    let places = places(by_label, "labels", labels)?;
    for (index, label) in labels.iter().enumerate() {
        let facts = by_label.get(label).and_then(|place| facts.get(*place));
        if facts.is_some_and(|facts| !facts.kinds.has(TargetKind::Article)) {
            let message = format!("{:?} is no label of articles; a set is of those", shortened(label));
            return Err(Error::field(format!("labels[{index}]"), message));
        }
    }
    Ok(places)
}

/// The places of the labels that the list in the field `field` names.
fn places(by_label: &Places, field: &str, labels: &[String]) -> Result<BTreeSet<usize>> {
    let mut places = BTreeSet::new();
    for (index, label) in labels.iter().enumerate() {
        let field = format!("{field}[{index}]");
        if !places.insert(place(by_label, &field, label)?) {
            return Err(Error::field(field, format!("{:?} is named twice", shortened(label))));
        }
    }
    Ok(places)
}

/// Those that are below none of the others.
fn topmost(places: &BTreeSet<usize>, facts: &[LabelFacts]) -> Vec<usize> {
    let parent = |place: &usize| facts.get(*place).and_then(|facts| facts.parent);
    let is_topmost =
        |place: &usize| std::iter::successors(parent(place), parent).all(|above| !places.contains(&above));
    places.iter().copied().filter(is_topmost).collect()
}

fn in_order(kinds: &mut Vec<TargetKind>) {
    kinds.sort_unstable();
    kinds.dedup();
}

fn check_words(display_name: &str, description: &str) -> Result<()> {
    check_line("display_name", "the display name", display_name, limits::DISPLAY_NAME_BYTES_MAX)?;
    let limit = limits::DESCRIPTION_BYTES_MAX;
    bounded("description", "the description", description.to_owned(), limit).map(drop)
}

/// A text within its limit and without control characters.
fn check_line(field: &str, what: &'static str, line: &str, limit: usize) -> Result<()> {
    bounded(field, what, line.to_owned(), limit)?;
    match line.chars().find(|character| character.is_control()) {
        Some(character) => Err(Error::field(field, format!("has the control character {character:?}"))),
        None => Ok(()),
    }
}

fn check_color(color: &mut str) -> Result<()> {
    let digits = color.strip_prefix('#').unwrap_or_default();
    let is_color = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !color.is_empty() && !is_color {
        let message = format!("{:?} is no color; write #rrggbb, such as #1f77b4", shortened(color));
        return Err(Error::field("color", message));
    }
    color.make_ascii_lowercase();
    Ok(())
}
