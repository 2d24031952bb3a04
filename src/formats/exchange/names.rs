//! What annotations are called in a file: as in the file that they came from, or by the next free number.

use std::collections::{HashMap, HashSet};

use super::local_ids::LocalId;
use crate::domain::{annotations::Annotation, ids::AnnotationId};

/// A name for each annotation. One that came from a file keeps what it was called there, if `keeps` says so and no other one
/// of these is called that; any other is called by its letter and the next number that is free.
pub(in crate::formats) fn names_of(
    annotations: &[&Annotation],
    letter: impl Fn(&Annotation) -> char,
    keeps: impl Fn(&Annotation, &LocalId) -> bool,
) -> HashMap<AnnotationId, String> {
    let mut names = HashMap::with_capacity(annotations.len());
    let mut taken = HashSet::with_capacity(annotations.len());
    for annotation in annotations {
        if let Some(name) = LocalId::of(annotation.id)
            && keeps(annotation, &name)
            && let name = name.to_string()
            && taken.insert(name.clone())
        {
            names.insert(annotation.id, name);
        }
    }
    let mut next: HashMap<char, u64> = HashMap::new();
    for annotation in annotations {
        if names.contains_key(&annotation.id) {
            continue;
        }
        let letter = letter(annotation);
        let number = next.entry(letter).or_insert(1);
        let name = loop {
            let name = format!("{letter}{number}");
            *number = number.saturating_add(1);
            if taken.insert(name.clone()) {
                break name;
            }
        };
        names.insert(annotation.id, name);
    }
    names
}
