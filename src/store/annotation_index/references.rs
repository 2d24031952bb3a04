//! Which relations use an annotation: a run of the used one's id and the relation's.

use std::collections::BTreeSet;

use super::{AnnotationId, AnnotationIndex, Draft, RunTable, View, keys};
use crate::domain::{Error, Result, annotations::Annotation};

const ID_BYTES: usize = 16;

impl AnnotationIndex {
    /// Says what an annotation uses as it is `after` a change, and no more what it used `before`.
    ///
    /// # Errors
    ///
    /// See [`AnnotationIndex`].
    pub fn refer(
        &self,
        draft: &mut Draft<'_>,
        before: Option<&Annotation>,
        after: Option<&Annotation>,
    ) -> Result<()> {
        let used = |annotation: Option<&Annotation>| -> BTreeSet<_> {
            annotation.into_iter().flat_map(|it| it.uses().map(|target| (target, it.id))).collect()
        };
        let (before, after) = (used(before), used(after));
        for (target, relation) in before.difference(&after) {
            self.remove_reference(draft, *target, *relation)?;
        }
        for (target, relation) in after.difference(&before) {
            self.add_reference(draft, *target, *relation)?;
        }
        Ok(())
    }

    /// Says that `relation` uses `target`. Whether that was new.
    ///
    /// # Errors
    ///
    /// See [`AnnotationIndex`].
    pub fn add_reference(
        &self,
        draft: &mut Draft<'_>,
        target: AnnotationId,
        relation: AnnotationId,
    ) -> Result<bool> {
        Ok(self.references().insert(draft, &key(target, relation), &[])?.is_none())
    }

    /// Says so no more. Whether it was said.
    ///
    /// # Errors
    ///
    /// See [`AnnotationIndex`].
    pub fn remove_reference(
        &self,
        draft: &mut Draft<'_>,
        target: AnnotationId,
        relation: AnnotationId,
    ) -> Result<bool> {
        Ok(self.references().remove(draft, &key(target, relation))?.is_some())
    }

    /// The relations that use `target`, in the order of their ids. Rows are read as they are needed; an error ends the
    /// iteration.
    pub fn references_to<'v>(
        &self,
        view: &'v dyn View,
        target: AnnotationId,
    ) -> impl Iterator<Item = Result<AnnotationId>> + use<'v> {
        let mut behind = key(target, AnnotationId::from_bytes([u8::MAX; ID_BYTES])).to_vec();
        behind.push(0);
        let entries = self.references().ascending(view, target.as_bytes(), Some(&behind));
        entries.map(|entry| read(&entry?.0).map(|(_, relation)| relation))
    }

    /// Every reference: what is used, and the relation that does.
    pub(super) fn all_references<'v>(
        &self,
        view: &'v dyn View,
    ) -> impl Iterator<Item = Result<(AnnotationId, AnnotationId)>> + use<'v> {
        self.references().ascending(view, &[], None).map(|entry| read(&entry?.0))
    }

    /// Id of what is used and id of the relation, to nothing.
    pub(super) fn references(&self) -> RunTable {
        RunTable::new(keys::references(self.article, self.generation))
    }
}

fn key(target: AnnotationId, relation: AnnotationId) -> [u8; 2 * ID_BYTES] {
    let mut key = [0; 2 * ID_BYTES];
    let (first, second) = key.split_at_mut(ID_BYTES);
    first.copy_from_slice(target.as_bytes());
    second.copy_from_slice(relation.as_bytes());
    key
}

fn read(key: &[u8]) -> Result<(AnnotationId, AnnotationId)> {
    let ids = key.split_first_chunk().and_then(|(target, relation)| {
        Some((AnnotationId::from_bytes(*target), AnnotationId::from_bytes(relation.try_into().ok()?)))
    });
    ids.ok_or_else(|| Error::corrupt("a reference to an annotation is not 32 bytes"))
}
