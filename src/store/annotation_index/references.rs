//! Which relations use an annotation.

use super::{AnnotationIndex, Draft, RunTable, View, keys};
use crate::domain::{Error, Result, ids::AnnotationId};

const ID_BYTES: usize = 16;

impl AnnotationIndex {
    /// Says that `relation` uses `annotation`.
    ///
    /// # Errors
    ///
    /// See [`AnnotationIndex`].
    pub fn add_reference(
        &self,
        draft: &mut Draft<'_>,
        annotation: AnnotationId,
        relation: AnnotationId,
    ) -> Result<()> {
        self.references().insert(draft, &reference(annotation, relation), &[]).map(drop)
    }

    /// Says that `relation` does not use `annotation` any more.
    ///
    /// # Errors
    ///
    /// See [`AnnotationIndex`].
    pub fn remove_reference(
        &self,
        draft: &mut Draft<'_>,
        annotation: AnnotationId,
        relation: AnnotationId,
    ) -> Result<()> {
        self.references().remove(draft, &reference(annotation, relation)).map(drop)
    }

    /// The relations that use an annotation, in the order of their ids.
    ///
    /// # Errors
    ///
    /// See [`AnnotationIndex`].
    pub fn references_to(&self, view: &dyn View, annotation: AnnotationId) -> Result<Vec<AnnotationId>> {
        let mut relations = Vec::new();
        for entry in self.references().ascending(view, annotation.as_bytes(), None) {
            let (key, _) = entry?;
            let (of, relation) = key.split_at_checked(ID_BYTES).unwrap_or_default();
            if of != annotation.as_bytes() {
                break;
            }
            let relation = relation.try_into();
            let relation = relation
                .map_err(|_| Error::corrupt(format!("{key:02x?} says of no relation what it uses")))?;
            relations.push(AnnotationId::from_bytes(relation));
        }
        Ok(relations)
    }

    pub(super) fn references(&self) -> RunTable {
        RunTable::new(keys::references(self.article, self.generation))
    }
}

fn reference(annotation: AnnotationId, relation: AnnotationId) -> [u8; 2 * ID_BYTES] {
    let mut key = [0; 2 * ID_BYTES];
    let (of, by) = key.split_at_mut(ID_BYTES);
    of.copy_from_slice(annotation.as_bytes());
    by.copy_from_slice(relation.as_bytes());
    key
}
