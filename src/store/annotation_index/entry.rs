//! An annotation as an index gives it.

use bytes::Bytes;
use prost::Message as _;

use super::SortKey;
use crate::{
    domain::{Result, annotations::Annotation},
    proto::stored::AnnotationRecord,
    store::records::{self, GenerationBase},
};

/// An annotation as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place and id.
    pub key: SortKey,
    /// Whatever the caller keeps for it.
    pub value: Bytes,
    /// What it stands for if it was staged.
    pub base: GenerationBase,
}

impl Entry {
    /// The annotation, where records of annotations are kept.
    ///
    /// # Errors
    ///
    /// STORAGE_CORRUPT.
    pub fn annotation(&self) -> Result<Annotation> {
        records::read_annotation(self.key.id(), self.record()?.0)
    }

    /// Its record as it is said outside of its generation, such as in the log.
    ///
    /// # Errors
    ///
    /// STORAGE_CORRUPT.
    pub fn resolved_record(&self) -> Result<Bytes> {
        if self.base == GenerationBase::default() {
            return Ok(self.value.clone());
        }
        let (record, was_staged) = self.record()?;
        Ok(if was_staged { record.encode_to_vec().into() } else { self.value.clone() })
    }

    /// Whether it still stands as it was staged: the log does not name it then.
    #[must_use]
    pub fn was_staged(&self) -> bool {
        self.base != GenerationBase::default() && self.record().is_ok_and(|(_, was_staged)| was_staged)
    }

    /// The record, and whether it left anything to the base.
    fn record(&self) -> Result<(AnnotationRecord, bool)> {
        let mut record = records::decode(&self.value)?;
        let was_staged = records::resolve(&mut record, self.base);
        Ok((record, was_staged))
    }
}
