//! How an annotation's row and its log entry change together, whoever changes it.

use bytes::Bytes;

use super::answers::Scope;
use crate::{
    domain::{
        Result,
        annotations::Annotation,
        ids::{AnnotationId, ArticleId},
    },
    store::{
        annotation_index::{AnnotationIndex, Entry},
        engine::{Change, Draft, Partition},
        keys::{ArticleNumber, Generation},
        records,
        sort_key::SortKey,
    },
};

/// Puts an annotation, with its encoding, in the place of what is `stored` of it, or deletes that, and says so in the log.
/// Whether its id was free, if nothing is stored; otherwise nothing is done.
pub(super) fn put(
    draft: &mut Draft<'_>,
    partition: Partition,
    (number, article): (ArticleNumber, &ArticleId),
    id: AnnotationId,
    stored: Option<Entry>,
    after: Option<(&Annotation, Bytes)>,
) -> Result<bool> {
    let index = AnnotationIndex::new(number, Generation::FIRST);
    match (&stored, &after) {
        (None, Some((after, value))) => {
            if !index.insert(draft, SortKey::of_annotation(after), value)? {
                return Ok(false);
            }
        }
        (Some(entry), Some((after, value))) => {
            index.replace(draft, entry.key, SortKey::of_annotation(after), value)?;
        }
        (Some(_), None) => drop(index.remove(draft, id)?),
        (None, None) => {}
    }
    let before = stored.map(|entry| entry.value);
    let record = records::annotation_change((number, article), id, before, after.map(|(_, value)| value));
    draft.change(Change { scope: Scope::annotations(partition, article).number(), record });
    Ok(true)
}
