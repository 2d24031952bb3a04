//! Annotations by what they are in a file.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    header::LayerKind,
    plan::{Item, Slot, Slots},
};
use crate::{
    domain::{
        annotations::{Annotation, Target},
        attributes::AttributeValue,
        ids::AnnotationId,
    },
    formats::{
        cas::{
            CHAIN, DEPENDENT, GOVERNOR, HOST, LINK, RELATION_LABEL, SENTENCE, TOKEN, VALUE, feature_of,
            is_type, relation_type_of, slot_of, type_of, type_of_label,
        },
        exchange::{Feature, LocalId},
    },
};

/// Annotations by what they are in a file.
#[derive(Debug, Default)]
pub(super) struct Sorted<'a> {
    pub(super) sentences: Vec<&'a Annotation>,
    pub(super) tokens: Vec<&'a Annotation>,
    /// What has columns.
    pub(super) items: Vec<Item<'a>>,
    /// What has cells of what it comes from.
    pub(super) slots: Slots,
}

type Lost<'l> = &'l mut dyn FnMut(&str, AnnotationId);

/// Sorts annotations, telling `lost` what has no place.
pub(super) fn sorted<'a>(annotations: &[&'a Annotation], lost: Lost<'_>) -> Sorted<'a> {
    let by_id: HashMap<_, _> = annotations.iter().map(|annotation| (annotation.id, *annotation)).collect();
    let (links, chains) = chains(annotations, &by_id);
    let mut sorted = Sorted::default();
    for annotation in annotations {
        let Target::Spans(mention) = &annotation.target else { continue };
        let label = annotation.label.as_str();
        if label == SENTENCE || label == TOKEN {
            for (name, value) in &annotation.attributes {
                let is_written = label == SENTENCE && name == "id";
                // What is no string is counted elsewhere.
                if matches!(value, AttributeValue::String(_)) && !is_written {
                    lost(Feature::StringAttributes.name(), annotation.id);
                }
            }
            let place = if label == SENTENCE { &mut sorted.sentences } else { &mut sorted.tokens };
            place.push(annotation);
            continue;
        }
        let hull = mention.anchor.hull();
        let range = (hull.start.utf16, hull.end.utf16);
        let chain = links.get(&annotation.id).copied();
        let kind = if chain.is_some() { LayerKind::Chain } else { LayerKind::Span };
        let (type_name, value) = type_of(label);
        let reserved: &[&str] = if value.is_some() { &[VALUE] } else { &[] };
        let mut values = values(annotation, reserved);
        if let Some(value) = value {
            values.insert(VALUE.to_owned(), value.to_owned());
        }
        sorted.items.push(Item { annotation, kind, type_name, values, range, between: None, chain });
    }
    for annotation in annotations {
        if chains.contains(&annotation.id) {
            continue;
        }
        relation(annotation, &by_id, &mut sorted, lost);
    }
    sorted
}

fn relation<'a>(
    annotation: &'a Annotation,
    by_id: &HashMap<AnnotationId, &'a Annotation>,
    sorted: &mut Sorted<'a>,
    lost: Lost<'_>,
) {
    let label = annotation.label.as_str();
    let arguments = match annotation.target.arguments() {
        [] => return,
        [first, second] => [first, second],
        _ => {
            lost(Feature::OtherRelations.name(), annotation.id);
            return;
        }
    };
    let [first, second] = arguments;
    if let Some((type_name, feature)) = slot_of(label).filter(|_| first.role == HOST) {
        let host = by_id.get(&first.annotation).map(|host| type_of(host.label.as_str()).0);
        let is_plain =
            |name: &str| ![SENTENCE, TOKEN].iter().any(|label| type_of_label(label).as_deref() == Some(name));
        if host.as_ref() == Some(&type_name) && is_plain(&type_name) && annotation.attributes.is_empty() {
            let role = Some(second.role.clone()).filter(|role| !role.is_empty());
            let slot = Slot { feature: feature.to_owned(), role, target: second.annotation };
            sorted.slots.entry(first.annotation).or_default().push(slot);
        } else {
            lost(Feature::Relations.name(), annotation.id);
        }
        return;
    }
    let (type_name, said) = relation_type_of(label);
    let roles = [GOVERNOR, DEPENDENT].map(|role| format!("{role}Role"));
    let reserved =
        [RELATION_LABEL, roles.first().map_or("", String::as_str), roles.last().map_or("", String::as_str)];
    let mut values = values(annotation, &reserved);
    if let Some(label) = said {
        values.insert(RELATION_LABEL.to_owned(), label.to_owned());
    }
    for (name, (argument, usual)) in roles.iter().zip([(first, GOVERNOR), (second, DEPENDENT)]) {
        if argument.role != usual {
            values.insert(name.clone(), argument.role.clone());
        }
    }
    let between = Some((first.annotation, second.annotation));
    let (kind, range, chain) = (LayerKind::Relation, (0, 0), None);
    sorted.items.push(Item { annotation, kind, type_name, values, range, between, chain });
}

/// The place in its chain of each link, and which relations are chains.
#[allow(clippy::type_complexity, reason = "two maps that belong together, used at once")]
fn chains(
    annotations: &[&Annotation],
    by_id: &HashMap<AnnotationId, &Annotation>,
) -> (HashMap<AnnotationId, (u64, usize)>, HashSet<AnnotationId>) {
    let (mut links, mut chains, mut numbers) = (HashMap::new(), HashSet::new(), HashSet::new());
    for annotation in annotations {
        let label = annotation.label.as_str();
        let link = label.strip_suffix(CHAIN).filter(|_| is_type(label)).map(|stem| [stem, LINK].concat());
        let (Some(link), arguments) = (link, annotation.target.arguments()) else { continue };
        let mut of_chain = HashSet::new();
        let is_link = |argument: &crate::domain::annotations::Argument| {
            let is_there = by_id
                .get(&argument.annotation)
                .is_some_and(|it| it.label.as_str() == link && matches!(it.target, Target::Spans(_)));
            is_there && argument.role.is_empty() && !links.contains_key(&argument.annotation)
        };
        if arguments.is_empty() || !arguments.iter().all(is_link) || !annotation.attributes.is_empty() {
            continue;
        }
        of_chain.extend(arguments.iter().map(|argument| argument.annotation));
        let own = match LocalId::of(annotation.id) {
            Some(LocalId::Numbered('c', number)) if !numbers.contains(&number) => number,
            Some(LocalId::Numbered(..) | LocalId::Number(_) | LocalId::Short(_)) | None => {
                (1..u64::MAX).find(|number| !numbers.contains(number)).unwrap_or_default()
            }
        };
        numbers.insert(own);
        chains.insert(annotation.id);
        for (argument, place) in arguments.iter().zip(1..) {
            links.insert(argument.annotation, (own, place));
        }
    }
    (links, chains)
}

/// What attributes say, as strings; lists are not carried.
fn values(annotation: &Annotation, reserved: &[&str]) -> BTreeMap<String, String> {
    let text = |value: &AttributeValue| match value {
        AttributeValue::Bool(value) => Some(value.to_string()),
        AttributeValue::Int(value) => Some(value.to_string()),
        AttributeValue::Double(value) => Some(value.to_string()),
        AttributeValue::String(value) => Some(value.clone()),
        AttributeValue::StringList(_) => None,
    };
    let attributes = annotation.attributes.iter();
    attributes.filter_map(|(name, value)| Some((feature_of(name, reserved), text(value)?))).collect()
}
