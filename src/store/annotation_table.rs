//! Annotations of an article, with what hangs on each: its place, what it counts for, and what it uses.

use super::{
    annotation_index::{AnnotationIndex, Entry},
    engine::Draft,
    layer_table,
    sort_key::SortKey,
};
use crate::domain::{Result, annotations::Annotation, layers::Tally};

/// Puts an annotation, with its encoding, in the place of what is stored there under its id, or deletes that. Whether its id
/// was free, if nothing is stored; otherwise nothing is done.
///
/// # Errors
///
/// See [`AnnotationIndex`]; LIMIT_EXCEEDED for too many layers.
pub fn put(
    draft: &mut Draft<'_>,
    index: AnnotationIndex,
    before: Option<(&Entry, &Annotation)>,
    after: Option<(&Annotation, &[u8])>,
) -> Result<bool> {
    match (before, after) {
        (None, Some((after, value))) => {
            if !index.insert(draft, SortKey::of_annotation(after), value, Tally::of(after))? {
                return Ok(false);
            }
        }
        (Some((entry, before)), Some((after, value))) => {
            let (old, new) =
                ((entry.key, Tally::of(before)), (SortKey::of_annotation(after), Tally::of(after)));
            index.replace(draft, old, new, value)?;
        }
        (Some((entry, before)), None) => drop(index.remove(draft, entry.key.id(), Tally::of(before))?),
        (None, None) => return Ok(true),
    }
    let (before, after) = (before.map(|(_, before)| before), after.map(|(after, _)| after));
    layer_table::count(draft, before.map(Tally::of), after.map(Tally::of))?;
    index.refer(draft, before, after)?;
    Ok(true)
}
