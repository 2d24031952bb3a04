//! What is stored of the texts that an article had.

use bytes::Bytes;

use super::StoredArticle;
use crate::{
    domain::{
        Error, Result,
        articles::{Article, TextIdentity},
        revisions::{Revision, Timestamp},
        text::Position,
        text_revisions::{AnchoringCounts, TextRevision},
    },
    proto::stored,
    store::keys::Generation,
};

/// A text that an article has or had, and where the rows of it are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredTextRevision {
    /// The text.
    pub text_revision: TextRevision,
    /// The generation of the text.
    pub text_generation: Generation,
    /// The generation of the annotations that stood in it.
    pub annotation_generation: Generation,
}

impl StoredTextRevision {
    /// The first text of an article, which never had another.
    #[must_use]
    pub fn first(stored: &StoredArticle) -> Self {
        let StoredArticle { article, text_generation, annotation_generation } = stored;
        let Article { id: _, details: _, text, revision, create_time, update_time } = article;
        let is_as_created = create_time == update_time;
        let revision = if is_as_created { *revision } else { Revision(0) };
        Self {
            text_revision: TextRevision {
                text: *text,
                revision,
                create_time: *create_time,
                results: AnchoringCounts::default(),
            },
            text_generation: *text_generation,
            annotation_generation: *annotation_generation,
        }
    }

    /// The article as far as its text and annotations go, as it was while it had this text.
    #[must_use]
    pub fn article(&self, stored: &StoredArticle) -> StoredArticle {
        StoredArticle {
            article: Article { text: self.text_revision.text, ..stored.article.clone() },
            text_generation: self.text_generation,
            annotation_generation: self.annotation_generation,
        }
    }
}

/// Encodes a text that an article has or had; its number is kept beside it.
#[must_use]
pub fn text_revision(stored: &StoredTextRevision) -> stored::TextRevisionRecord {
    let StoredTextRevision { text_revision, text_generation, annotation_generation } = stored;
    let TextRevision { text, revision, create_time, results } = text_revision;
    let TextIdentity { revision: _, sha256, length } = text;
    let AnchoringCounts {
        unchanged,
        shifted,
        moved,
        modified,
        orphaned,
        needs_review,
        relations_needing_review,
    } = *results;
    stored::TextRevisionRecord {
        text_generation: text_generation.0,
        annotation_generation: annotation_generation.0,
        text_sha256: Bytes::copy_from_slice(sha256),
        utf8_length: length.utf8,
        utf16_length: length.utf16,
        code_point_length: length.code_points,
        revision: revision.0,
        create_time_us: create_time.0,
        unchanged,
        shifted,
        moved,
        modified,
        orphaned,
        needs_review,
        relations_needing_review,
    }
}

/// Reads the text of this number that an article has or had.
///
/// # Errors
///
/// STORAGE_CORRUPT.
pub fn read_text_revision(number: u32, record: stored::TextRevisionRecord) -> Result<StoredTextRevision> {
    let stored::TextRevisionRecord {
        text_generation,
        annotation_generation,
        text_sha256,
        utf8_length,
        utf16_length,
        code_point_length,
        revision,
        create_time_us,
        unchanged,
        shifted,
        moved,
        modified,
        orphaned,
        needs_review,
        relations_needing_review,
    } = record;
    let sha256 = text_sha256.as_ref().try_into();
    let sha256 = sha256.map_err(|_| Error::corrupt("the SHA-256 of a text revision is not 32 bytes"))?;
    let length = Position { utf8: utf8_length, utf16: utf16_length, code_points: code_point_length };
    Ok(StoredTextRevision {
        text_revision: TextRevision {
            text: TextIdentity { revision: number, sha256, length },
            revision: Revision(revision),
            create_time: Timestamp(create_time_us),
            results: AnchoringCounts {
                unchanged,
                shifted,
                moved,
                modified,
                orphaned,
                needs_review,
                relations_needing_review,
            },
        },
        text_generation: Generation(text_generation),
        annotation_generation: Generation(annotation_generation),
    })
}
