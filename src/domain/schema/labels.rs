//! The labels as a forest: who is below whom is asked of two numbers.

use std::collections::HashMap;

use super::{EffectiveSpanRules, Kinds, LabelDefinition, LabelFacts};
use crate::{
    domain::errors::{Error, Result, shortened},
    limits::SCHEMA_LABEL_DEPTH_MAX,
};

/// Where each label stands in the list.
///
/// # Errors
///
/// FIELD_INVALID for one that is there twice.
pub(super) fn places(labels: &[LabelDefinition]) -> Result<HashMap<String, usize>> {
    let mut places = HashMap::with_capacity(labels.len());
    for (index, definition) in labels.iter().enumerate() {
        if let Some(first) = places.insert(definition.label.clone(), index) {
            let message = format!("{:?} is labels[{first}] already", definition.label);
            return Err(Error::field(format!("labels[{index}].label"), message));
        }
    }
    Ok(places)
}

/// The place of the label that the field `field` names.
///
/// # Errors
///
/// FIELD_INVALID when there is none.
pub(super) fn place(places: &HashMap<String, usize>, field: &str, label: &str) -> Result<usize> {
    places.get(label).copied().ok_or_else(|| {
        let message =
            format!("{:?} is not among the labels of this schema; define it there", shortened(label));
        Error::field(field, message)
    })
}

/// What follows for each label from what it is below of.
///
/// # Errors
///
/// FIELD_INVALID for a parent that is not there, and for a label that is below itself or deeper than 64 labels.
pub(super) fn facts(
    labels: &[LabelDefinition],
    places: &HashMap<String, usize>,
    spans: EffectiveSpanRules,
) -> Result<Vec<LabelFacts>> {
    let mut facts: Vec<LabelFacts> = vec![LabelFacts::default(); labels.len()];
    let mut children = vec![Vec::new(); labels.len()];
    let mut rest = Vec::new();
    for (index, definition) in labels.iter().enumerate().rev() {
        if definition.parent.is_empty() {
            rest.push(Step::Enter(index, 1));
            continue;
        }
        let parent = place(places, &format!("labels[{index}].parent"), &definition.parent)?;
        if let (Some(facts), Some(children)) = (facts.get_mut(index), children.get_mut(parent)) {
            facts.parent = Some(parent);
            children.push(index);
        }
    }
    let mut entered = 0;
    while let Some(step) = rest.pop() {
        match step {
            Step::Enter(index, depth) => {
                if depth > SCHEMA_LABEL_DEPTH_MAX {
                    let message = format!(
                        "has {SCHEMA_LABEL_DEPTH_MAX} labels above it; at most {} are allowed",
                        depth - 2
                    );
                    return Err(Error::field(format!("labels[{index}].parent"), message));
                }
                enter(&mut facts, labels, index, (entered, spans));
                entered += 1;
                rest.push(Step::Leave(index));
                let below = children.get(index).into_iter().flatten();
                rest.extend(below.map(|child| Step::Enter(*child, depth + 1)));
            }
            Step::Leave(index) => {
                if let Some(facts) = facts.get_mut(index) {
                    facts.exit = entered;
                }
            }
        }
    }
    // Whoever was not reached from above is below itself, or below such a label.
    match facts.iter().position(|facts| facts.exit == 0) {
        Some(index) => Err(Error::field(format!("labels[{index}].parent"), cycle(labels, places, index))),
        None => Ok(facts),
    }
}

enum Step {
    Enter(usize, usize),
    Leave(usize),
}

/// What the label at `index` has from its parent, which was entered before it.
fn enter(
    facts: &mut [LabelFacts],
    labels: &[LabelDefinition],
    index: usize,
    (entered, spans): (usize, EffectiveSpanRules),
) {
    let parent = facts.get(index).and_then(|facts| facts.parent);
    let above = parent.and_then(|parent| facts.get(parent));
    let (above_kinds, above_spans) =
        above.map_or((Kinds::default(), spans), |above| (above.kinds, above.spans));
    if let (Some(facts), Some(definition)) = (facts.get_mut(index), labels.get(index)) {
        facts.enter = entered;
        facts.kinds = if definition.kinds.is_empty() { above_kinds } else { Kinds::of(&definition.kinds) };
        facts.spans = definition.spans.over(above_spans);
    }
}

/// The circle that is met on the way up from the label at `index`.
fn cycle(labels: &[LabelDefinition], places: &HashMap<String, usize>, index: usize) -> String {
    let parent = |index: usize| labels.get(index).and_then(|label| places.get(&label.parent)).copied();
    let mut seen = Vec::new();
    let mut at = Some(index);
    while let Some(index) = at.filter(|index| !seen.contains(index)) {
        seen.push(index);
        at = parent(index);
    }
    let from = seen.iter().position(|index| Some(*index) == at).unwrap_or_default();
    let names = seen.iter().skip(from).chain(at.as_ref());
    let names: Vec<_> = names.filter_map(|index| labels.get(*index)).map(|label| &label.label).collect();
    let shown: Vec<_> = names.iter().take(8).map(|name| shortened(name)).collect();
    let more = if names.len() > shown.len() { " …" } else { "" };
    format!(
        "makes a circle of parents: {}{more}; a label is below others and never below itself",
        shown.join(" < ")
    )
}
