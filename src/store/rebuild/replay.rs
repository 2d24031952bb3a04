//! What was copied and what the log says are put together here: the newer revision wins.

use bytes::Bytes;
use prost::Message as _;

use crate::{
    domain::{
        Error, Result,
        annotations::Annotation,
        ids::AnnotationId,
        layers::{ArticleLayer, Layer, Tally},
        revisions::{ProjectUid, Revision},
        schema::ProjectSchema,
    },
    store::{
        annotation_index::AnnotationIndex,
        article_table::{self, ArticlePlace},
        engine::{Change, Draft},
        keys::{self, ArticleNumber},
        layer_table, long_values,
        records::{self, GenerationBase, ResourceChange},
        schema_table,
        sort_key::SortKey,
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
        | ResourceChange::Annotation { .. }
        | ResourceChange::Layer { .. }
        | ResourceChange::ArticleLayer { .. } => record.clone(),
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
        ResourceChange::Layer { before, after } => {
            let id = after.as_ref().or(before.as_ref()).map(|layer| layer.id.clone());
            let id = id.ok_or_else(|| Error::corrupt("a change of no layer"))?;
            if layer_table::get(draft, &id)?.is_some_and(|there| there.revision >= revision) {
                return Ok(());
            }
            match after {
                Some(after) => layer_table::put(draft, &after),
                None => layer_table::delete(draft, &id),
            }
        }
        ResourceChange::ArticleLayer { number, article: _, layer, before: _, after } => {
            let is_there = article_table::get(draft, number)?.is_some();
            let there = layer_table::article_layer(draft, number, &layer)?;
            if !is_there || there.is_some_and(|there| there.revision >= revision) {
                return Ok(());
            }
            match after {
                Some(after) => layer_table::put_article_layer(draft, number, &after),
                None => layer_table::delete_article_layer(draft, number, &layer),
            }
        }
        ResourceChange::Annotation { number, article: _, id, before: _, after, cascaded: _ } => {
            // One that is not there was deleted before it was copied.
            let Some(stored) = article_table::get(draft, number)? else { return Ok(()) };
            let index = ArticlePlace::of(number, &stored).annotations();
            match after {
                Some(after) => put_newer(draft, &index, &after, &records::annotation(&after).encode_to_vec()),
                None => match index.get(draft, id)?.map(|there| there.annotation()).transpose()? {
                    Some(there) if there.revision < revision => {
                        index.refer(draft, Some(&there), None)?;
                        index.remove(draft, id, Tally::of(&there)).map(drop)
                    }
                    Some(_) | None => Ok(()),
                },
            }
        }
    }
}

/// Puts the label schema that was copied.
pub(super) fn put_schema(draft: &mut Draft<'_>, schema: &ProjectSchema) -> Result<()> {
    if schema_table::revision(draft)? >= schema.revision {
        return Ok(());
    }
    schema_table::put(draft, Some(schema))
}

/// Puts a layer that was copied.
pub(super) fn put_layer(draft: &mut Draft<'_>, layer: &Layer) -> Result<()> {
    let there = layer_table::get(draft, &layer.id)?;
    if there.is_some_and(|there| there.revision >= layer.revision) {
        return Ok(());
    }
    layer_table::put(draft, layer)
}

/// Puts a layer of an article that was copied.
pub(super) fn put_article_layer(
    draft: &mut Draft<'_>,
    number: ArticleNumber,
    layer: &ArticleLayer,
) -> Result<()> {
    let there = layer_table::article_layer(draft, number, &layer.layer)?;
    if there.is_some_and(|there| there.revision >= layer.revision) {
        return Ok(());
    }
    layer_table::put_article_layer(draft, number, layer)
}

/// Puts an annotation that was copied.
pub(super) fn put_annotation(
    draft: &mut Draft<'_>,
    index: &AnnotationIndex,
    base: Option<GenerationBase>,
    id: AnnotationId,
    value: &Bytes,
) -> Result<()> {
    let mut record = records::decode(value)?;
    records::resolve(&mut record, base.unwrap_or_default());
    put_newer(draft, index, &records::read_annotation(id, record)?, value)
}

fn put_newer(
    draft: &mut Draft<'_>,
    index: &AnnotationIndex,
    annotation: &Annotation,
    value: &[u8],
) -> Result<()> {
    let (key, tally) = (SortKey::of_annotation(annotation), Tally::of(annotation));
    if index.insert_again(draft, key, value, tally)? {
        return index.refer(draft, None, Some(annotation));
    }
    let there = index.get(draft, annotation.id)?;
    let there =
        there.ok_or_else(|| Error::corrupt(format!("annotation {} is and is not there", annotation.id)))?;
    let before = there.annotation()?;
    if before.revision < annotation.revision {
        index.refer(draft, Some(&before), Some(annotation))?;
        index.replace(draft, (there.key, Tally::of(&before)), (key, tally), value)?;
    }
    Ok(())
}
