//! The check that an article's annotations are as they should be.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    AnnotationIndex, CLASSES, Entry, KeyRange, SortKey, View, base_of, hull, is_long, long_values,
    statistics::count_class_up,
};
use crate::{
    domain::{
        Error, Result,
        ids::{AnnotationId, LayerId},
        layers::{LayerCounts, Tally},
    },
    proto::stored::AnnotationStatistics,
    store::records,
};

const ID_BYTES: usize = 16;

impl AnnotationIndex {
    /// Every annotation as it stands in its run, whatever statistics and directory say. What cannot be read of one
    /// ends nothing; a row that cannot be read ends the iteration.
    ///
    /// # Errors
    ///
    /// See [`AnnotationIndex`].
    pub fn stored<'v>(&self, view: &'v dyn View) -> impl Iterator<Item = Result<Entry>> + use<'v> {
        let index = *self;
        // What cannot be read of them is said elsewhere.
        let base = index.head(view).map(|head| base_of(&head)).unwrap_or_default();
        index.run().ascending(view, &[], None).map(move |entry| {
            let (key, stored) = entry?;
            index.entry(view, SortKey::decode(&key)?, &stored, base)
        })
    }

    /// Reads everything of the index and checks that runs, directory, long values and statistics agree.
    ///
    /// # Errors
    ///
    /// STORAGE_CORRUPT that says what does not.
    pub fn verify(&self, view: &dyn View) -> Result<()> {
        let (mut is_whole, mut used) = (true, BTreeSet::new());
        self.verify_as(view, |entry| {
            // One that cannot be read is said by whoever reads it.
            let Ok(annotation) = entry.annotation() else {
                is_whole = false;
                return None;
            };
            used.extend(annotation.uses().map(|target| (target, annotation.id)));
            let tally = Tally::of(&annotation);
            Some((tally.layer.clone(), tally.counts()))
        })?;
        self.references().verify(view)?;
        let said = self.all_references(view).collect::<Result<BTreeSet<_>>>()?;
        if is_whole && said != used {
            let differs = said.symmetric_difference(&used).next();
            return self
                .broken(&format!("a reference is kept and not meant, or meant and not kept: {differs:?}"));
        }
        Ok(())
    }

    /// As [`AnnotationIndex::verify`], of annotations that count as `tally` says, if that can be said.
    pub(super) fn verify_as(
        &self,
        view: &dyn View,
        mut tally: impl FnMut(&Entry) -> Option<(LayerId, LayerCounts)>,
    ) -> Result<()> {
        self.run().verify(view)?;
        self.directory().verify(view)?;
        let stored_head = self.head(view)?;
        let mut counted = AnnotationStatistics {
            by_length_class: vec![0; usize::from(CLASSES)],
            has_directory: self.run().has_several_rows(view)?,
            ..stored_head
        };
        let base = base_of(&counted);
        let mut layers = Some(BTreeMap::<LayerId, LayerCounts>::new());
        let mut hulls = Vec::new();
        let mut long = BTreeSet::new();
        for entry in self.run().ascending(view, &[], None) {
            let (key, stored) = entry?;
            let key = SortKey::decode(&key)?;
            count_class_up(&mut counted, key);
            hulls.push((key.id(), hull(key)));
            let entry = self.entry(view, key, &stored, base)?;
            layers = layers.zip(tally(&entry)).map(|(mut layers, (layer, counts))| {
                let sum = layers.entry(layer).or_default();
                *sum = sum.plus(counts);
                layers
            });
            if is_long(&stored) {
                long.insert(key.id());
            }
        }
        hulls.sort_unstable();
        self.verify_ids(view, &hulls, counted.has_directory)?;
        self.verify_long_values(view, &long)?;
        self.verify_statistics(view, &counted, layers)
    }

    fn verify_statistics(
        &self,
        view: &dyn View,
        counted: &AnnotationStatistics,
        layers: Option<BTreeMap<LayerId, LayerCounts>>,
    ) -> Result<()> {
        let statistics = self.statistics(view)?;
        if statistics.head != *counted {
            let head = statistics.head;
            return self.broken(&format!("the statistics say {head:?}, the run {counted:?}"));
        }
        if let (Some(said), Some(layers)) = (statistics.layers, layers) {
            let layers: Vec<_> =
                layers.iter().map(|(layer, counts)| records::layer_tally(layer, counts)).collect();
            if said != layers {
                return self.broken(&format!("the statistics say {said:?}, the run {layers:?}"));
            }
        }
        let has_row = view.get(&self.statistics_key())?.is_some();
        if has_row == (super::total(counted) == 0 && counted.base.is_none()) {
            return self.broken("there are statistics of nothing");
        }
        Ok(())
    }

    /// Each id is there once, and the directory, if there is to be one, says where.
    fn verify_ids(
        &self,
        view: &dyn View,
        hulls: &[(AnnotationId, Vec<u8>)],
        has_directory: bool,
    ) -> Result<()> {
        if let Some((twice, _)) =
            hulls.iter().zip(hulls.iter().skip(1)).find(|(one, next)| one.0 == next.0).map(|(one, _)| one)
        {
            return self.broken(&format!("annotation {twice} is there twice"));
        }
        let only_in_run =
            |id: &AnnotationId| self.broken(&format!("the run has annotation {id}, the directory has not"));
        let mut expected = hulls.iter().filter(|_| has_directory);
        for entry in self.directory().ascending(view, &[], None) {
            let (id, stored) = entry?;
            let unlisted = || self.broken(&format!("the directory has id {id:?}, the run has not"));
            let Some((id_in_run, hull)) = expected.next() else { return unlisted() };
            match id_in_run.as_bytes().as_slice().cmp(&id) {
                Ordering::Less => return only_in_run(id_in_run),
                Ordering::Greater => return unlisted(),
                Ordering::Equal if stored == hull.as_slice() => {}
                Ordering::Equal => {
                    return self.broken(&format!("annotation {id_in_run} is not where the directory says"));
                }
            }
        }
        expected.next().map_or(Ok(()), |(id, _)| only_in_run(id))
    }

    /// Every long value is one of an annotation. (That each is there and whole was seen when it was read.)
    fn verify_long_values(&self, view: &dyn View, long: &BTreeSet<AnnotationId>) -> Result<()> {
        let first = self.long_key(AnnotationId::from_bytes([0; ID_BYTES]));
        let range = KeyRange::prefix(&first.slice(..first.len() - ID_BYTES));
        for value in long_values::scan(view, &range, first.len()) {
            let (key, _) = value?;
            let id = key.last_chunk().map(|id| AnnotationId::from_bytes(*id));
            if !id.is_some_and(|id| long.contains(&id)) {
                return self.broken(&format!("the long value at {key:02x?} is no annotation's"));
            }
        }
        Ok(())
    }

    fn broken(&self, what: &str) -> Result<()> {
        Err(Error::corrupt(format!("the annotations of {:?}, {:?}: {what}", self.article, self.generation)))
    }
}
