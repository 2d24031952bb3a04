//! What a start does once for a project that an older version wrote: it derives what that version did not keep.
//!
//! Nobody is served meanwhile. What is derived is written in small batches, and last that all is there: a start that was
//! cut off begins again, and passes over what is done.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::annotation_reads::VIEW_ENTRIES_MAX;
use crate::{
    domain::{
        Error, Problem, Result,
        ids::{LayerId, ProjectId},
        layers::{LayerCounts, Tally},
        revisions::{Revision, Timestamp},
    },
    limits::MAINTENANCE_ROWS_MAX,
    store::{
        annotation_index::AnnotationIndex,
        article_table,
        engine::{Draft, Engine, EngineExt, Maintenance, Partition, Stamp, View, successor},
        keys::{self, ArticleNumber, KeyRange},
        layer_table, project_table,
        sort_key::DocumentPosition,
    },
};

type Counts = BTreeMap<LayerId, LayerCounts>;
type Rows = Vec<(Bytes, Option<Bytes>)>;

/// Counts a project's annotations by layer, unless that was done.
///
/// # Errors
///
/// STORAGE_CORRUPT, STORAGE_UNAVAILABLE.
pub(super) async fn upgrade(engine: &dyn Engine, partition: Partition, project: &ProjectId) -> Result<()> {
    if engine.read(partition, |view| project_table::is_derived(view)).await?.value {
        return Ok(());
    }
    tracing::info!(%project, "counting the annotations of a project that an older version wrote");
    let head = *engine.head(partition).borrow();
    let (mut totals, mut annotations) = (Counts::new(), 0_u64);
    let mut from = keys::all_statistics().from;
    while let Some((key, index)) = next_index(engine, partition, from).await? {
        from = successor(&key);
        let counted = match derived(engine, partition, index, head).await {
            // What is wrong with one article is said by whoever asks for it, and the others are counted.
            Err(Error { problem: Problem::StorageCorrupt(what), .. }) => {
                let article = index.article().0;
                tracing::error!(%project, article, what, "the annotations of an article cannot be counted");
                continue;
            }
            counted => counted?,
        };
        for (layer, counts) in counted {
            annotations = annotations.saturating_add(counts.annotations());
            let sum = totals.entry(layer).or_default();
            *sum = sum.plus(counts);
        }
    }
    put_totals(engine, partition, totals).await?;
    tracing::info!(%project, annotations, "the annotations are counted");
    Ok(())
}

/// Counts the annotations of an index, unless that was done, and returns what they add to the project's: nothing when they
/// are not those of an article as it stands.
async fn derived(
    engine: &dyn Engine,
    partition: Partition,
    index: AnnotationIndex,
    head: Revision,
) -> Result<Counts> {
    let counted = engine.read(partition, move |view| index.counted(view)).await?.value;
    let counts = if let Some(counts) = counted {
        counts.into_iter().collect()
    } else {
        let counts = count(engine, partition, index).await?;
        let said = counts.clone();
        write(engine, partition, move |draft| index.derive(draft, &said, head), &[]).await?;
        counts
    };
    let is_current = move |view: &dyn View| {
        let stored = article_table::get(view, index.article())?;
        Ok(stored.is_some_and(|stored| stored.annotation_generation == index.generation()))
    };
    let is_current = engine.read(partition, is_current).await?.value;
    Ok(if is_current { counts } else { Counts::new() })
}

/// The next statistics from a key on, and what they are of.
async fn next_index(
    engine: &dyn Engine,
    partition: Partition,
    from: Bytes,
) -> Result<Option<(Bytes, AnnotationIndex)>> {
    let read = engine.read(partition, move |view| {
        for row in view.ascending(&from, &keys::all_statistics().to) {
            let (key, _) = row?;
            let place = keys::number_of(&key).map(ArticleNumber).zip(keys::generation_of(&key));
            // Others go on with a long value.
            let place = place.filter(|(number, generation)| key == keys::statistics(*number, *generation));
            if let Some((number, generation)) = place {
                return Ok(Some((key, AnnotationIndex::new(number, generation))));
            }
        }
        Ok(None)
    });
    Ok(read.await?.value)
}

/// Counts annotations, in views of a bounded length.
async fn count(engine: &dyn Engine, partition: Partition, index: AnnotationIndex) -> Result<Counts> {
    let mut counts = Counts::new();
    let mut after: Option<DocumentPosition> = None;
    loop {
        let read = engine.read(partition, move |view| {
            let mut last = None;
            for entry in index.in_document_order(view, None, after)?.take(VIEW_ENTRIES_MAX) {
                let entry = entry?;
                let annotation = entry.annotation()?;
                let tally = Tally::of(&annotation);
                let sum = counts.entry(tally.layer.clone()).or_default();
                *sum = sum.plus(tally.counts());
                last = Some(entry.key.position());
            }
            Ok((counts, last))
        });
        (counts, after) = read.await?.value;
        if after.is_none() {
            return Ok(counts);
        }
    }
}

/// Puts what all articles have of each layer, and then that all is derived.
async fn put_totals(engine: &dyn Engine, partition: Partition, totals: Counts) -> Result<()> {
    let begun = engine.read(partition, |view| {
        let KeyRange { from, to } = KeyRange::prefix(keys::LAYER_TALLIES);
        view.ascending(&from, &to).map(|row| Ok((row?.0, None))).collect::<Result<Rows>>()
    });
    put(engine, partition, begun.await?.value).await?;
    let (key, value) = project_table::derived_row();
    let totals: Vec<_> = totals.into_iter().collect();
    write(engine, partition, move |draft| layer_table::add_all(draft, &totals), &[(key, Some(value))]).await
}

/// Writes what `write` makes of a draft, and then `last`.
async fn write(
    engine: &dyn Engine,
    partition: Partition,
    write: impl FnOnce(&mut Draft<'_>) -> Result<()> + Send + 'static,
    last: &[(Bytes, Option<Bytes>)],
) -> Result<()> {
    let made = engine.read(partition, move |view| {
        let mut draft = Draft::new(view, Stamp { revision: Revision(0), time: Timestamp(0) });
        write(&mut draft)?;
        Ok(draft.into_parts().0)
    });
    let mut rows: Rows = made.await?.value.into_iter().collect();
    rows.extend_from_slice(last);
    put(engine, partition, rows).await
}

async fn put(engine: &dyn Engine, partition: Partition, rows: Rows) -> Result<()> {
    for rows in rows.chunks(MAINTENANCE_ROWS_MAX) {
        engine.maintain(partition, Maintenance::of(rows.to_vec())).await?;
    }
    Ok(())
}
