//! The columns of a word as attributes, and back.

use std::collections::BTreeMap;

use super::COLUMNS;
use crate::domain::attributes::AttributeValue;

/// What stands for nothing.
pub(super) const NOTHING: &str = "_";
/// Attributes that stand in columns of their own, and where.
const OWN: [(&str, usize); 7] =
    [("lemma", 2), ("upos", 3), ("xpos", 4), ("feats", 5), ("head", 6), ("deprel", 7), ("deps", 8)];
/// What MISC says of the text, or of what is named.
pub(super) const SPACE_AFTER: &str = "SpaceAfter";
pub(super) const SPACES_AFTER: &str = "SpacesAfter";
pub(super) const SPACES_BEFORE: &str = "SpacesBefore";
pub(super) const ENTITY: &str = "Entity";
/// The form of a word that is not in the text, and the number of an empty node.
pub(super) const FORM: &str = "form";
pub(super) const ID: &str = "id";

/// The attributes of a word: those of its columns, without `head` and `deprel`, which are a relation.
pub(super) fn attributes_of(cells: &[&str]) -> BTreeMap<String, AttributeValue> {
    let own =
        OWN.into_iter().filter(|(name, _)| !["head", "deprel"].contains(name)).filter_map(|(name, at)| {
            let value = cells.get(at).copied().filter(|value| *value != NOTHING)?;
            Some((name.to_owned(), AttributeValue::String(value.to_owned())))
        });
    own.collect()
}

/// What MISC has, by key, and whether it is as it will be written: every key once, and in their order.
pub(super) fn misc_of<'r>(cells: &[&'r str]) -> (BTreeMap<&'r str, Option<&'r str>>, bool) {
    let text = cells.get(COLUMNS - 1).copied().unwrap_or(NOTHING);
    let mut misc = BTreeMap::new();
    if text == NOTHING {
        return (misc, true);
    }
    let mut is_ordered = true;
    for item in text.split('|') {
        let (key, value) = item.split_once('=').map_or((item, None), |(key, value)| (key, Some(value)));
        is_ordered &= misc.last_key_value().is_none_or(|(last, _)| *last < key);
        misc.entry(key).or_insert(value);
    }
    (misc, is_ordered)
}

/// Whether an attribute of this name stands in MISC.
pub(super) fn is_misc_key(key: &str) -> bool {
    let taken = |character: char| character.is_control() || "|=".contains(character);
    !key.is_empty()
        && !key.contains(taken)
        && key.trim() == key
        && key != NOTHING
        && ![SPACE_AFTER, SPACES_AFTER, SPACES_BEFORE, ENTITY, FORM, ID].contains(&key)
        && !OWN.iter().any(|(name, _)| *name == key)
}

/// Puts attributes of a word into its columns and its MISC; those that fit in neither are told to `lose`.
pub(super) fn put(
    attributes: &BTreeMap<String, AttributeValue>,
    cells: &mut [String],
    misc: &mut BTreeMap<String, Option<String>>,
    lose: &mut dyn FnMut(&str, &AttributeValue),
) {
    for (name, value) in attributes {
        let own = OWN.into_iter().find(|(own, _)| own == name);
        match (own, value) {
            (Some((_, at)), AttributeValue::String(text)) if is_cell(text) => {
                if let Some(cell) = cells.get_mut(at) {
                    cell.clone_from(text);
                }
            }
            (None, AttributeValue::String(text)) if is_misc_key(name) && is_misc_value(text) => {
                misc.insert(name.clone(), Some(text.clone()));
            }
            (None, AttributeValue::Bool(true)) if is_misc_key(name) => {
                misc.insert(name.clone(), None);
            }
            (None, AttributeValue::String(text)) if name == SPACE_AFTER && text == "No" => {
                misc.insert(name.clone(), Some(text.clone()));
            }
            (_, _) => lose(name, value),
        }
    }
}

/// MISC as it is written.
pub(super) fn misc_text(misc: &BTreeMap<String, Option<String>>) -> String {
    if misc.is_empty() {
        return NOTHING.to_owned();
    }
    let item = |(key, value): (&String, &Option<String>)| match value {
        Some(value) => format!("{key}={value}"),
        None => key.clone(),
    };
    misc.iter().map(item).collect::<Vec<_>>().join("|")
}

fn is_cell(text: &str) -> bool {
    !text.is_empty() && !text.contains(['\t', '\n', '\r'])
}

fn is_misc_value(text: &str) -> bool {
    !text.contains(['|', '\t', '\n', '\r'])
}
