//! What was copied and what the log says are put together here: the newer revision wins.

use bytes::Bytes;
use prost::Message as _;

use crate::{
    domain::{
        Error, Result,
        annotations::Annotation,
        ids::AnnotationId,
        revisions::{ProjectUid, Revision},
    },
    store::{
        annotation_index::AnnotationIndex,
        annotation_table, article_table,
        engine::{Change, Draft},
        keys::{self, ArticleNumber, Generation},
        long_values,
        records::{self, ResourceChange},
        schema_table,
    },
};

/// A change of the log as the project's new life has it.
pub(super) fn renewed(record: &Bytes, uid: ProjectUid) -> Result<Change> {
    let record = match records::read_change(record)? {
        ResourceChange::Project { mut before, mut after } => {
            for project in [&mut before, &mut after].into_iter().flatten() {
                project.uid = uid;
            }
            records::change(&ResourceChange::Project { before, after })
        }
        ResourceChange::LabelSchema { .. }
        | ResourceChange::Article { .. }
        | ResourceChange::Annotation { .. } => record.clone(),
    };
    Ok(Change { scope: 0, record })
}

/// Carries out a change of anything within the project that the commit `revision` made, unless what is there is newer.
pub(super) fn apply(draft: &mut Draft<'_>, revision: Revision, change: ResourceChange) -> Result<()> {
    match change {
        ResourceChange::Project { .. } => Ok(()),
        ResourceChange::LabelSchema { before: _, after } => {
            if schema_table::revision(draft)? < revision {
                schema_table::put(draft, after.as_deref())?;
            }
            Ok(())
        }
        ResourceChange::Article { number, before: _, after: None, cascaded: _ } => {
            // One that was brought back later may have been copied as it is since.
            if article_table::get(draft, number)?.is_none_or(|there| there.article.revision < revision) {
                long_values::delete(draft, &keys::article(number))?;
                draft.put(keys::sweep(number), Bytes::new());
            }
            Ok(())
        }
        ResourceChange::Article { number, before, after: Some(after), cascaded: _ } => {
            let is_newer = match article_table::get(draft, number)? {
                Some(there) => there.article.revision < revision,
                // One that was there before and is not there now is deleted further on.
                None => before.is_none(),
            };
            if is_newer {
                draft.delete(keys::sweep(number));
                article_table::put(draft, number, &after)?;
            }
            Ok(())
        }
        ResourceChange::Annotation { number: ArticleNumber(0), article, .. } => {
            Err(Error::corrupt(format!("a change does not say which article {article} was")))
        }
        ResourceChange::Annotation { number, article: _, id, before: _, after, cascaded: _ } => {
            if draft_has_no(draft, number)? {
                return Ok(());
            }
            let index = AnnotationIndex::new(number, Generation::FIRST);
            if let Some(after) = after {
                return put_newer(draft, &index, &after, &records::annotation(&after).encode_to_vec());
            }
            let Some(there) = index.get(draft, id)? else { return Ok(()) };
            let before = records::decode_annotation(id, &there.value)?;
            if before.revision < revision {
                annotation_table::put(draft, index, Some((&there, &before)), None)?;
            }
            Ok(())
        }
    }
}

/// Puts an annotation that was copied.
pub(super) fn put_annotation(
    draft: &mut Draft<'_>,
    (number, generation): (ArticleNumber, Generation),
    id: AnnotationId,
    value: &Bytes,
) -> Result<()> {
    let annotation = records::decode_annotation(id, value)?;
    put_newer(draft, &AnnotationIndex::new(number, generation), &annotation, value)
}

fn put_newer(
    draft: &mut Draft<'_>,
    index: &AnnotationIndex,
    annotation: &Annotation,
    value: &[u8],
) -> Result<()> {
    if annotation_table::put(draft, *index, None, Some((annotation, value)))? {
        return Ok(());
    }
    let there = index.get(draft, annotation.id)?;
    let there =
        there.ok_or_else(|| Error::corrupt(format!("annotation {} is and is not there", annotation.id)))?;
    let before = records::decode_annotation(annotation.id, &there.value)?;
    if before.revision < annotation.revision {
        annotation_table::put(draft, *index, Some((&there, &before)), Some((annotation, value)))?;
    }
    Ok(())
}

/// Whether an article is not there: it was deleted before it was copied.
fn draft_has_no(draft: &Draft<'_>, number: ArticleNumber) -> Result<bool> {
    use crate::store::engine::View as _;
    Ok(draft.get(&keys::article(number))?.is_none())
}
