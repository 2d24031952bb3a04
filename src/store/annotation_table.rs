//! Annotations of an article, with what hangs on each: its place, and what relations use.

use super::{
    annotation_index::{AnnotationIndex, Entry},
    engine::Draft,
    sort_key::SortKey,
};
use crate::domain::{
    Result,
    annotations::{Annotation, Argument},
    ids::AnnotationId,
};

/// Puts an annotation, with its encoding, in the place of what is stored there under its id, or deletes that. Whether its id
/// was free, if nothing is stored; otherwise nothing is done.
///
/// # Errors
///
/// See [`AnnotationIndex`].
pub fn put(
    draft: &mut Draft<'_>,
    index: AnnotationIndex,
    before: Option<(&Entry, &Annotation)>,
    after: Option<(&Annotation, &[u8])>,
) -> Result<bool> {
    match (before, after) {
        (None, Some((after, value))) => {
            if !index.insert(draft, SortKey::of_annotation(after), value)? {
                return Ok(false);
            }
        }
        (Some((entry, _)), Some((after, value))) => {
            index.replace(draft, entry.key, SortKey::of_annotation(after), value)?;
        }
        (Some((entry, _)), None) => drop(index.remove(draft, entry.key.id())?),
        (None, None) => return Ok(true),
    }
    let of = |annotation: &Annotation| annotation.target.arguments().to_vec();
    let id = before.map(|(entry, _)| entry.key.id()).or(after.map(|(after, _)| after.id));
    let before = before.map_or_else(Vec::new, |(_, before)| of(before));
    let after = after.map_or_else(Vec::new, |(after, _)| of(after));
    id.map_or(Ok(()), |id| put_references(draft, index, id, &before, &after))?;
    Ok(true)
}

/// Says of each argument that the relation uses it, or does not any more.
fn put_references(
    draft: &mut Draft<'_>,
    index: AnnotationIndex,
    relation: AnnotationId,
    before: &[Argument],
    after: &[Argument],
) -> Result<()> {
    if before == after {
        return Ok(());
    }
    for argument in before {
        index.remove_reference(draft, argument.annotation, relation)?;
    }
    for argument in after {
        index.add_reference(draft, argument.annotation, relation)?;
    }
    Ok(())
}
