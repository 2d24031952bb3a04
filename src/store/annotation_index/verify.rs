//! The check that an article's annotations are as they should be.

use std::{cmp::Ordering, collections::BTreeSet};

use super::{AnnotationIndex, CLASSES, Entry, KeyRange, SortKey, View, hull, is_long, long_values};
use crate::{
    domain::{Error, Result, ids::AnnotationId},
    proto::stored::AnnotationStatistics,
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
        index.run().ascending(view, &[], None).map(move |entry| {
            let (key, stored) = entry?;
            index.entry(view, SortKey::decode(&key)?, &stored)
        })
    }

    /// Reads everything of the index and checks that runs, directory, long values and statistics agree.
    ///
    /// # Errors
    ///
    /// STORAGE_CORRUPT that says what does not.
    pub fn verify(&self, view: &dyn View) -> Result<()> {
        self.run().verify(view)?;
        self.directory().verify(view)?;
        let mut counted = AnnotationStatistics {
            by_length_class: vec![0; usize::from(CLASSES)],
            has_directory: self.run().has_several_rows(view)?,
        };
        let mut hulls = Vec::new();
        let mut long = BTreeSet::new();
        for entry in self.run().ascending(view, &[], None) {
            let (key, stored) = entry?;
            let key = SortKey::decode(&key)?;
            super::count_up(&mut counted, key);
            hulls.push((key.id(), hull(key)));
            self.entry(view, key, &stored)?;
            if is_long(&stored) {
                long.insert(key.id());
            }
        }
        hulls.sort_unstable();
        self.verify_ids(view, &hulls, counted.has_directory)?;
        self.verify_long_values(view, &long)?;
        let statistics = self.statistics(view)?;
        if statistics != counted {
            return self.broken(&format!("the statistics say {statistics:?}, the run {counted:?}"));
        }
        let has_row = view.get(&super::keys::statistics(self.article, self.generation))?.is_some();
        if has_row == hulls.is_empty() {
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
