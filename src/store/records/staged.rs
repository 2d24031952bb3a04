//! Annotations that were staged before the commit was known that switches to them.

use crate::{
    domain::{
        annotations::Annotation,
        revisions::{Revision, Timestamp},
    },
    proto::stored,
};

/// The commit that switched to a generation of annotations: what the annotations in it stand for that were staged before
/// that commit was known. By default the first generation's, in which there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenerationBase {
    /// Its revision.
    pub revision: Revision,
    /// Its time.
    pub time: Timestamp,
    /// The text revision that it made.
    pub text_revision: u32,
}

impl Default for GenerationBase {
    fn default() -> Self {
        Self { revision: Revision(0), time: Timestamp(0), text_revision: 1 }
    }
}

/// Encodes an annotation of a generation that is staged for a commit that makes `text_revision`: revision and time of
/// its last change, and that text revision, are left to the generation's base.
#[must_use]
pub fn staged_annotation(annotation: &Annotation, text_revision: u32) -> stored::AnnotationRecord {
    let own = annotation.text_revision;
    stored::AnnotationRecord {
        text_revision: if own == text_revision { 0 } else { own },
        revision: 0,
        updated_after_us: 0,
        ..super::annotation(annotation)
    }
}

/// Says in the record of an annotation what it leaves to the base of its generation. Returns whether it left anything.
pub fn resolve(record: &mut stored::AnnotationRecord, base: GenerationBase) -> bool {
    let is_staged = record.revision == 0 && base.revision.0 != 0;
    if is_staged {
        let text_revision = if record.text_revision == 0 { base.text_revision } else { record.text_revision };
        record.text_revision = if text_revision == 1 { 0 } else { text_revision };
        record.revision = base.revision.0;
        record.updated_after_us = base.time.0.saturating_sub(record.create_time_us);
    }
    is_staged
}

/// Encodes the base of a generation.
#[must_use]
pub fn generation_base(base: GenerationBase) -> stored::GenerationBase {
    let GenerationBase { revision, time, text_revision } = base;
    stored::GenerationBase { revision: revision.0, time_us: time.0, text_revision }
}

/// Reads the base of a generation.
#[must_use]
pub fn read_generation_base(base: stored::GenerationBase) -> GenerationBase {
    let stored::GenerationBase { revision, time_us, text_revision } = base;
    GenerationBase { revision: Revision(revision), time: Timestamp(time_us), text_revision }
}
