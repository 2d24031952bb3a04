//! Layers: those that were declared, what all articles have of each, and how far those of an article are.
//!
//! Which layers an article has annotations on, and how many, is in the statistics of its annotations. What all articles
//! have is their sum, and changes with them.

use bytes::Bytes;
use prost::Message as _;

use super::{
    catalog::id_hash,
    engine::{Draft, View},
    keys::{self, ArticleNumber},
    long_values,
    records::{self, decode},
    runs::RunTable,
};
use crate::{
    domain::{
        Error, Result,
        details::too_many,
        ids::LayerId,
        layers::{ArticleLayer, Layer, LayerCounts, LayerState, Tally},
    },
    limits::PROJECT_LAYERS_MAX,
    proto::stored,
};

/// A layer's key: a tag and a hash.
const LAYER_KEY_BYTES: usize = 17;

/// A layer that was declared, or that annotations are on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownLayer {
    /// Its id.
    pub id: LayerId,
    /// The layer, if it was declared.
    pub declared: Option<Layer>,
    /// What all articles have of it.
    pub counts: LayerCounts,
}

/// The layer called `id`, if it was declared.
///
/// # Errors
///
/// As every read.
pub fn get(view: &dyn View, id: &LayerId) -> Result<Option<Layer>> {
    let record = long_values::get(view, &key(id))?;
    record.map(|bytes| records::read_layer(decode(&bytes)?)).transpose()
}

/// The layer called `id`, if it was declared or annotations are on it.
///
/// # Errors
///
/// As every read.
pub fn known(view: &dyn View, id: &LayerId) -> Result<Option<KnownLayer>> {
    let known = KnownLayer { id: id.clone(), declared: get(view, id)?, counts: counts(view, id)? };
    Ok(Some(known).filter(|known| known.declared.is_some() || !known.counts.is_empty()))
}

/// Declares a layer that was not.
///
/// # Errors
///
/// As every read; LIMIT_EXCEEDED when [`PROJECT_LAYERS_MAX`] are declared.
pub fn declare(draft: &mut Draft<'_>, layer: &Layer) -> Result<()> {
    let count = declared_rows(draft).try_fold(1, |count: usize, row| row.map(|_| count + 1))?;
    check_count("layer_id", count)?;
    put(draft, layer)
}

/// Writes a layer over what it was.
///
/// # Errors
///
/// As every read.
pub fn put(draft: &mut Draft<'_>, layer: &Layer) -> Result<()> {
    long_values::put(draft, &key(&layer.id), &records::layer(layer).encode_to_vec())
}

/// Deletes what was declared of a layer, if anything was.
///
/// # Errors
///
/// As every read.
pub fn delete(draft: &mut Draft<'_>, id: &LayerId) -> Result<()> {
    long_values::delete(draft, &key(id))
}

/// The layers that were declared, in no order that means anything.
pub fn declared(view: &dyn View) -> impl Iterator<Item = Result<Layer>> + '_ {
    declared_rows(view).map(|row| records::read_layer(decode(&row?.1)?))
}

/// As [`declared`], from a key on: with the key, and how long the record is.
pub fn declared_from<'v>(
    view: &'v dyn View,
    from: &Bytes,
) -> impl Iterator<Item = Result<(Bytes, Layer, usize)>> + use<'v> {
    let range = keys::layers();
    let range = keys::KeyRange { from: from.clone().max(range.from), to: range.to };
    long_values::scan(view, &range, LAYER_KEY_BYTES).map(|row| {
        let (key, record) = row?;
        Ok((key, records::read_layer(decode(&record)?)?, record.len()))
    })
}

/// What all articles have of a layer.
///
/// # Errors
///
/// As every read.
pub fn counts(view: &dyn View, id: &LayerId) -> Result<LayerCounts> {
    let tally = tallies().get(view, &id_hash(id.as_str()))?;
    Ok(tally
        .map(|bytes| read_tally(&bytes))
        .transpose()?
        .map_or_else(LayerCounts::default, |(_, counts)| counts))
}

/// The layers that annotations are on, and how many, in no order that means anything.
pub fn all_counts(view: &dyn View) -> impl Iterator<Item = Result<(LayerId, LayerCounts)>> + '_ {
    tallies().ascending(view, &[], None).map(|entry| read_tally(&entry?.1))
}

/// The layers that annotations are on, from the hash of an id on: with that hash.
pub fn counted_from<'v>(
    view: &'v dyn View,
    from: &[u8],
) -> impl Iterator<Item = Result<(Bytes, LayerId)>> + use<'v> {
    tallies().ascending(view, from, None).map(|entry| {
        let (hash, tally) = entry?;
        Ok((hash, read_tally(&tally)?.0))
    })
}

/// All layers, ordered by their ids. Reads all of them.
///
/// # Errors
///
/// As every read.
pub fn list(view: &dyn View) -> Result<Vec<KnownLayer>> {
    let mut layers = std::collections::BTreeMap::new();
    let none = |id: &LayerId| KnownLayer { id: id.clone(), declared: None, counts: LayerCounts::default() };
    for layer in declared(view) {
        let layer = layer?;
        let known = layers.entry(layer.id.clone()).or_insert_with(|| none(&layer.id));
        known.declared = Some(layer);
    }
    for counted in all_counts(view) {
        let (id, counts) = counted?;
        layers.entry(id.clone()).or_insert_with(|| none(&id)).counts = counts;
    }
    Ok(layers.into_values().collect())
}

/// Counts an annotation as it is `after` a change, and no more as it was `before`.
///
/// # Errors
///
/// As every read; LIMIT_EXCEEDED at `annotation.layer` when there would be annotations on more than
/// [`PROJECT_LAYERS_MAX`] layers.
pub fn count(draft: &mut Draft<'_>, before: Option<Tally<'_>>, after: Option<Tally<'_>>) -> Result<()> {
    if before == after {
        return Ok(());
    }
    if let Some(before) = before {
        subtract(draft, before.layer, before.counts())?;
    }
    if let Some(after) = after
        && add(draft, after.layer, after.counts())?
    {
        let entries = tallies().ascending(draft, &[], None);
        check_count("annotation.layer", entries.map_while(Result::ok).count())?;
    }
    Ok(())
}

/// Counts what an article has of each layer, which came to be there.
///
/// # Errors
///
/// As every read.
pub fn add_all(draft: &mut Draft<'_>, counts: &[(LayerId, LayerCounts)]) -> Result<()> {
    counts.iter().try_for_each(|(layer, counts)| add(draft, layer, *counts).map(drop))
}

/// Counts what an article had of each layer no more.
///
/// # Errors
///
/// As every read.
pub fn subtract_all(draft: &mut Draft<'_>, counts: &[(LayerId, LayerCounts)]) -> Result<()> {
    counts.iter().try_for_each(|(layer, counts)| subtract(draft, layer, *counts))
}

/// Whether there was nothing of the layer.
fn add(draft: &mut Draft<'_>, layer: &LayerId, more: LayerCounts) -> Result<bool> {
    if more.is_empty() {
        return Ok(false);
    }
    let sum = counts(draft, layer)?.plus(more);
    put_counts(draft, layer, sum).map(|before| before.is_none())
}

fn subtract(draft: &mut Draft<'_>, layer: &LayerId, less: LayerCounts) -> Result<()> {
    let left = counts(draft, layer)?.minus(less);
    let left =
        left.ok_or_else(|| Error::corrupt(format!("what all articles have of layer {layer} is too little")))?;
    if left.is_empty() {
        return tallies().remove(draft, &id_hash(layer.as_str())).map(drop);
    }
    put_counts(draft, layer, left).map(drop)
}

fn put_counts(draft: &mut Draft<'_>, layer: &LayerId, counts: LayerCounts) -> Result<Option<Bytes>> {
    let tally = records::layer_tally(layer, &counts).encode_to_vec();
    tallies().insert(draft, &id_hash(layer.as_str()), &tally)
}

/// How far a layer of an article is, if it was ever submitted.
///
/// # Errors
///
/// As every read.
pub fn article_layer(
    view: &dyn View,
    article: ArticleNumber,
    layer: &LayerId,
) -> Result<Option<ArticleLayer>> {
    let record = of_article(article).get(view, &id_hash(layer.as_str()))?;
    record.map(|bytes| records::read_article_layer(decode(&bytes)?)).transpose()
}

/// Whether a layer is submitted in an article. Where none ever was, one look tells.
///
/// # Errors
///
/// As every read.
pub fn is_submitted(view: &dyn View, article: ArticleNumber, layer: &LayerId) -> Result<bool> {
    if of_article(article).is_empty(view)? {
        return Ok(false);
    }
    Ok(article_layer(view, article, layer)?.is_some_and(|layer| layer.state == LayerState::Submitted))
}

/// The layers of an article that were ever submitted, in no order that means anything.
pub fn article_layers(
    view: &dyn View,
    article: ArticleNumber,
) -> impl Iterator<Item = Result<ArticleLayer>> + '_ {
    article_layers_from(view, article, &[]).map(|entry| entry.map(|(_, layer)| layer))
}

/// As [`article_layers`], from the hash of an id on: with that hash.
pub fn article_layers_from<'v>(
    view: &'v dyn View,
    article: ArticleNumber,
    from: &[u8],
) -> impl Iterator<Item = Result<(Bytes, ArticleLayer)>> + use<'v> {
    of_article(article).ascending(view, from, None).map(|entry| {
        let (hash, record) = entry?;
        Ok((hash, records::read_article_layer(decode(&record)?)?))
    })
}

/// Writes how far a layer of an article is.
///
/// # Errors
///
/// As every read.
pub fn put_article_layer(draft: &mut Draft<'_>, article: ArticleNumber, layer: &ArticleLayer) -> Result<()> {
    let record = records::article_layer(layer).encode_to_vec();
    of_article(article).insert(draft, &id_hash(layer.layer.as_str()), &record).map(drop)
}

/// Forgets that a layer of an article was ever submitted.
///
/// # Errors
///
/// As every read.
pub fn delete_article_layer(draft: &mut Draft<'_>, article: ArticleNumber, layer: &LayerId) -> Result<()> {
    of_article(article).remove(draft, &id_hash(layer.as_str())).map(drop)
}

/// Hash of a layer's id to what all articles have of it.
pub(super) fn tallies() -> RunTable {
    RunTable::new(Bytes::from_static(keys::LAYER_TALLIES))
}

/// Hash of a layer's id to how far it is.
pub(super) fn of_article(article: ArticleNumber) -> RunTable {
    RunTable::new(keys::article_layers(article))
}

/// # Errors
///
/// STORAGE_CORRUPT.
pub(super) fn read_tally(bytes: &[u8]) -> Result<(LayerId, LayerCounts)> {
    let tally: stored::LayerTally = decode(bytes)?;
    let (id, counts) = records::read_layer_tally(&tally);
    let id = LayerId::parse("layer", id).map_err(|error| Error::corrupt(error.to_string()))?;
    Ok((id, counts))
}

fn declared_rows(view: &dyn View) -> impl Iterator<Item = Result<(Bytes, Bytes)>> + '_ {
    long_values::scan(view, &keys::layers(), LAYER_KEY_BYTES)
}

fn check_count(field: &str, count: usize) -> Result<()> {
    if count > PROJECT_LAYERS_MAX {
        return Err(too_many(field, "the project", count, PROJECT_LAYERS_MAX, "layers"));
    }
    Ok(())
}

fn key(id: &LayerId) -> Bytes {
    keys::layer(id_hash(id.as_str()))
}

#[cfg(test)]
mod tests;
