//! What is said of an annotation that is there or was changed.

use std::collections::BTreeSet;

use super::{Quotes, Said};
use crate::{
    cli::{
        attribute,
        render::shortened,
        wording::{self, LABEL_COLUMNS_MAX, RELATION_COLUMNS_MAX, TEXT_COLUMNS_MAX},
    },
    proto::v1::{self, annotation::Target},
};

/// Columns of a value beside the one that took its place.
const VALUE_COLUMNS_MAX: usize = 24;
/// Attributes whose change is told.
const ATTRIBUTES_MAX: usize = 4;

/// An annotation that is created, there, or deleted.
pub(super) fn standing(annotation: &v1::Annotation, quotes: &Quotes<'_>) -> Said {
    Said {
        label: annotation.label.clone(),
        labelled: wording::labelled(annotation),
        text: about(annotation, quotes),
        aside: wording::details(annotation),
    }
}

/// An annotation that was changed: what it is about, and what of it is not as it was.
pub(super) fn changed(before: &v1::Annotation, after: &v1::Annotation, quotes: &Quotes<'_>) -> Said {
    let mut labelled = wording::labelled(after);
    if before.label != after.label {
        labelled = format!("{} → {labelled}", shortened(&before.label, LABEL_COLUMNS_MAX));
    }
    let mut aside = Vec::new();
    if before.state != after.state {
        let [old, new] = [before, after].map(|it| wording::state(it.state()));
        aside.push(format!("state {old} → {new}"));
    }
    aside.extend(review(before, after));
    if before.score != after.score {
        let [old, new] = [before, after].map(|it| it.score.map_or_else(|| "none".into(), wording::decimals));
        aside.push(format!("score {old} → {new}"));
    }
    aside.extend(attributes(before, after));
    if before.note != after.note {
        aside.push(match after.note.as_str() {
            "" => "no note any more".to_owned(),
            new => format!("note {}", wording::note(new)),
        });
    }
    if before.derived_from != after.derived_from {
        aside.push("other sources".to_owned());
    }
    Said { label: after.label.clone(), labelled, text: target(before, after, quotes), aside }
}

/// What an annotation is about; others are called by what they stand on, where the commit tells it.
fn about(annotation: &v1::Annotation, quotes: &Quotes<'_>) -> String {
    let called = |name: &str| quotes.get(name).cloned().unwrap_or_else(|| wording::short_id(name));
    wording::about(annotation, called, RELATION_COLUMNS_MAX)
}

/// What it is about, and what it was about if that was something else.
fn target(before: &v1::Annotation, after: &v1::Annotation, quotes: &Quotes<'_>) -> String {
    let text = about(after, quotes);
    match (&before.target, &after.target) {
        (Some(Target::Anchor(_)), Some(Target::Anchor(_))) => {
            let [old, new] = [before, after].map(wording::ranges);
            let to = new.trim_start_matches("code points ");
            if old == new {
                text
            } else if text == new {
                format!("{old} → {to}")
            } else {
                format!("{text}  {old} → {to}")
            }
        }
        (Some(Target::Relation(old)), Some(Target::Relation(new))) if old != new => {
            format!("{}  →  {text}", about(before, quotes))
        }
        (Some(old), Some(new)) if std::mem::discriminant(old) != std::mem::discriminant(new) => {
            format!("{}  →  {text}", about(before, quotes))
        }
        (Some(_) | None, Some(_) | None) => text,
    }
}

/// What a revision of the text did to it, or that somebody looked at that.
fn review(before: &v1::Annotation, after: &v1::Annotation) -> Option<String> {
    let needs_review = |it: &v1::Annotation| it.anchoring.as_ref().is_some_and(|it| it.needs_review);
    if before.anchoring == after.anchoring {
        return None;
    }
    let result = after.anchoring.as_ref().map_or("", |it| wording::anchoring(it.result()));
    match (needs_review(before), needs_review(after)) {
        (_, true) => Some(format!("{result}, needs review")),
        (true, false) if result.is_empty() => Some("reviewed".to_owned()),
        (_, false) => Some(result.to_owned()).filter(|result| !result.is_empty()),
    }
}

/// The attributes that are not as they were: `tense=past → present`, `+ count=3`, `− count`.
fn attributes(before: &v1::Annotation, after: &v1::Annotation) -> Vec<String> {
    let (old, new) = (&before.attributes, &after.attributes);
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changed: Vec<_> = names.into_iter().filter(|name| old.get(*name) != new.get(*name)).collect();
    let told =
        changed.iter().take(ATTRIBUTES_MAX).filter_map(|name| match (old.get(*name), new.get(*name)) {
            (Some(old), Some(new)) => {
                let new = shortened(&attribute::value_shown(new), VALUE_COLUMNS_MAX);
                Some(format!("{} → {new}", shortened(&attribute::shown(name, old), TEXT_COLUMNS_MAX)))
            }
            (None, Some(new)) => {
                Some(format!("+ {}", shortened(&attribute::shown(name, new), TEXT_COLUMNS_MAX)))
            }
            (Some(_), None) => Some(format!("− {}", shortened(name, VALUE_COLUMNS_MAX))),
            (None, None) => None,
        });
    let mut told: Vec<_> = told.collect();
    if changed.len() > ATTRIBUTES_MAX {
        told.push(format!("{} more attributes", changed.len() - ATTRIBUTES_MAX));
    }
    told
}
