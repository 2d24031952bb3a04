//! What the annotations of a generation amount to: a long value of two parts. What reads need is in its first row.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;

use super::{AnnotationIndex, Draft, LENGTH_CLASSES, View, long_values};
use crate::{
    domain::{
        Error, Result,
        details::too_many,
        ids::LayerId,
        layers::{LayerCounts, Tally},
        revisions::Revision,
    },
    proto::stored::{AnnotationStatistics, LayerTallies, LayerTally},
    store::{
        keys, records,
        records::GenerationBase,
        sort_key::{CLASSES, SortKey},
    },
};

/// How a row of a format before 4 begins, in which nothing else is counted. A long value begins with its length, and so
/// with 0.
const WITHOUT_LAYERS: u8 = 0x0a;

/// All of a generation's statistics.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Statistics {
    pub(super) head: AnnotationStatistics,
    /// By layer; absent in formats before 4.
    pub(super) layers: Option<Vec<LayerTally>>,
}

impl Statistics {
    /// Counts an annotation; refuses it when more than `layers_max` layers would be counted.
    pub(super) fn count_up(&mut self, key: SortKey, tally: Tally<'_>, layers_max: usize) -> Result<()> {
        count_class_up(&mut self.head, key);
        let layers = counted(&mut self.layers)?;
        match position(layers, tally.layer) {
            Ok(at) => {
                if let Some(layer) = layers.get_mut(at) {
                    let counts = records::read_layer_tally(layer).1.plus(tally.counts());
                    *layer = records::layer_tally(tally.layer, &counts);
                }
            }
            Err(at) if layers.len() < layers_max => {
                layers.insert(at, records::layer_tally(tally.layer, &tally.counts()));
            }
            Err(_) => {
                let count = layers.len() + 1;
                return Err(too_many("annotation.layer", "the article", count, layers_max, "layers"));
            }
        }
        Ok(())
    }

    /// Forgets an annotation.
    pub(super) fn count_down(&mut self, key: SortKey, tally: Tally<'_>) -> Result<()> {
        let uncounted =
            || Error::corrupt(format!("the statistics do not count annotation {} as it is", key.id()));
        let count = self.head.by_length_class.get_mut(usize::from(key.class())).filter(|count| **count > 0);
        *count.ok_or_else(uncounted)? -= 1;
        let layers = counted(&mut self.layers)?;
        let at = position(layers, tally.layer).map_err(|_| uncounted())?;
        let layer = layers.get_mut(at).ok_or_else(uncounted)?;
        let left = records::read_layer_tally(layer).1.minus(tally.counts()).ok_or_else(uncounted)?;
        if left.is_empty() {
            layers.remove(at);
        } else {
            *layer = records::layer_tally(tally.layer, &left);
        }
        Ok(())
    }
}

impl AnnotationIndex {
    /// How many annotations there are of each layer, ordered by the layers' ids.
    ///
    /// # Errors
    ///
    /// See [`AnnotationIndex`].
    pub fn layer_counts(&self, view: &dyn View) -> Result<Vec<(LayerId, LayerCounts)>> {
        let mut layers = self.statistics(view)?.layers;
        let layers = counted(&mut layers)?.iter().map(|layer| {
            let (id, counts) = records::read_layer_tally(layer);
            Ok((LayerId::parse("layer", id).map_err(|error| Error::corrupt(error.to_string()))?, counts))
        });
        layers.collect()
    }

    /// Whether one of the annotations is on this layer; also if statistics of a format before 4 do not say it.
    ///
    /// # Errors
    ///
    /// See [`AnnotationIndex`].
    pub fn has_layer(&self, view: &dyn View, layer: &str) -> Result<bool> {
        let layers = self.statistics(view)?.layers;
        Ok(layers.is_none_or(|layers| layers.iter().any(|tally| tally.layer == layer)))
    }

    /// As [`AnnotationIndex::layer_counts`]; `None` for statistics of a format before 4, which do not say it.
    ///
    /// # Errors
    ///
    /// See [`AnnotationIndex`].
    pub fn counted(&self, view: &dyn View) -> Result<Option<Vec<(LayerId, LayerCounts)>>> {
        let is_counted = self.statistics(view)?.layers.is_some();
        is_counted.then(|| self.layer_counts(view)).transpose()
    }

    /// Makes statistics of a format before 4 into those of this one, with what was counted at the revision `head`.
    ///
    /// # Errors
    ///
    /// See [`AnnotationIndex`].
    pub fn derive(
        &self,
        draft: &mut Draft<'_>,
        counts: &BTreeMap<LayerId, LayerCounts>,
        head: Revision,
    ) -> Result<()> {
        let mut statistics = self.statistics(draft)?;
        statistics.head.changed_revision = head.0;
        statistics.layers =
            Some(counts.iter().map(|(layer, counts)| records::layer_tally(layer, counts)).collect());
        self.put_statistics(draft, &statistics)
    }

    /// The last commit that changed one of the annotations. 0 while there are none and never was a base: so it is the
    /// same as an earlier one only if the annotations are, too.
    ///
    /// # Errors
    ///
    /// See [`AnnotationIndex`].
    pub fn changed_revision(&self, view: &dyn View) -> Result<Revision> {
        Ok(Revision(self.head(view)?.changed_revision))
    }

    /// Whether an annotation was created, changed or deleted after `seen`, when there were any or none.
    ///
    /// # Errors
    ///
    /// See [`AnnotationIndex`].
    pub fn is_changed_since(&self, view: &dyn View, seen: Revision, had_any: bool) -> Result<bool> {
        let changed = self.changed_revision(view)?;
        // Where none is left, nothing says when the last one went.
        Ok(changed > seen || (changed == Revision(0) && had_any))
    }

    /// What the annotations stand for that were staged.
    ///
    /// # Errors
    ///
    /// See [`AnnotationIndex`].
    pub fn base(&self, view: &dyn View) -> Result<Option<GenerationBase>> {
        Ok(self.head(view)?.base.map(records::read_generation_base))
    }

    /// Says what the annotations stand for that were staged: the commit that switches to this generation.
    ///
    /// # Errors
    ///
    /// See [`AnnotationIndex`].
    pub fn set_base(&self, draft: &mut Draft<'_>, base: GenerationBase) -> Result<()> {
        let mut statistics = self.statistics(draft)?;
        statistics.head.base = Some(records::generation_base(base));
        statistics.head.changed_revision = statistics.head.changed_revision.max(base.revision.0);
        self.put_statistics(draft, &statistics)
    }

    /// What reads need of the statistics. Reads one row.
    pub(super) fn head(&self, view: &dyn View) -> Result<AnnotationStatistics> {
        let Some(row) = view.get(&self.statistics_key())? else { return self.checked(Some(none())) };
        if row.first() == Some(&WITHOUT_LAYERS) {
            return self.checked(AnnotationStatistics::decode(row).ok());
        }
        let head =
            long_values::head(&row).and_then(|head| AnnotationStatistics::decode_length_delimited(head).ok());
        self.checked(head)
    }

    pub(super) fn statistics(&self, view: &dyn View) -> Result<Statistics> {
        let key = self.statistics_key();
        let Some(row) = view.get(&key)? else {
            return Ok(Statistics { head: self.checked(Some(none()))?, layers: Some(Vec::new()) });
        };
        if row.first() == Some(&WITHOUT_LAYERS) {
            let head = self.checked(AnnotationStatistics::decode(row).ok())?;
            return Ok(Statistics { head, layers: None });
        }
        let mut value = long_values::get(view, &key)?.unwrap_or_default();
        let head = self.checked(AnnotationStatistics::decode_length_delimited(&mut value).ok())?;
        let LayerTallies { layers } = records::decode(&value)?;
        let is_ordered = layers.is_sorted_by(|one, next| one.layer < next.layer);
        if !is_ordered || layers.iter().any(|layer| records::read_layer_tally(layer).1.is_empty()) {
            return Err(self.no_statistics());
        }
        Ok(Statistics { head, layers: Some(layers) })
    }

    pub(super) fn put_statistics(&self, draft: &mut Draft<'_>, statistics: &Statistics) -> Result<()> {
        let key = self.statistics_key();
        let Statistics { head, layers } = statistics;
        if draft.get(&key)?.is_some_and(|row| row.first() == Some(&WITHOUT_LAYERS)) {
            draft.delete(key.clone());
        }
        if super::total(head) == 0 && head.base.is_none() {
            return long_values::delete(draft, &key);
        }
        let layers = layers.clone().ok_or_else(not_counted)?;
        let mut head = head.clone();
        while head.by_length_class.len() > LENGTH_CLASSES
            && head.by_length_class.pop_if(|count| *count == 0).is_some()
        {}
        let mut value = head.encode_length_delimited_to_vec();
        value.extend_from_slice(&LayerTallies { layers }.encode_to_vec());
        long_values::put(draft, &key, &value)
    }

    fn checked(&self, head: Option<AnnotationStatistics>) -> Result<AnnotationStatistics> {
        let classes = usize::from(CLASSES);
        let head = head.filter(|head| head.by_length_class.len() <= classes);
        let mut head = head.ok_or_else(|| self.no_statistics())?;
        head.by_length_class.resize(classes, 0);
        Ok(head)
    }

    fn no_statistics(&self) -> Error {
        Error::corrupt(format!("the statistics of the annotations of {:?} are none", self.article))
    }

    pub(super) fn statistics_key(&self) -> Bytes {
        keys::statistics(self.article, self.generation)
    }
}

/// Statistics of nothing.
fn none() -> AnnotationStatistics {
    AnnotationStatistics::default()
}

pub(super) fn count_class_up(head: &mut AnnotationStatistics, key: SortKey) {
    if let Some(count) = head.by_length_class.get_mut(usize::from(key.class())) {
        *count = count.saturating_add(1);
    }
}

pub(super) fn base_of(head: &AnnotationStatistics) -> GenerationBase {
    head.base.map_or_else(GenerationBase::default, records::read_generation_base)
}

fn position(layers: &[LayerTally], layer: &LayerId) -> std::result::Result<usize, usize> {
    layers.binary_search_by(|tally| tally.layer.as_str().cmp(layer.as_str()))
}

fn counted(layers: &mut Option<Vec<LayerTally>>) -> Result<&mut Vec<LayerTally>> {
    layers.as_mut().ok_or_else(not_counted)
}

fn not_counted() -> Error {
    Error::corrupt("the annotations of an article were not counted by layer when the folder was opened")
}
