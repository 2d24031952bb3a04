//! Articles.

use super::{
    details::{self, Field, Mask, Metadata},
    errors::Result,
    ids::{ArticleId, ArticleName, ProjectId},
    revisions::{Etag, ProjectUid, Revision, Timestamp},
    text::Position,
};
use crate::limits;

/// An article as it stands, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Article {
    /// Its id.
    pub id: ArticleId,
    /// What people say of its text.
    pub details: ArticleDetails,
    /// Which text it has.
    pub text: TextIdentity,
    /// When it was last changed itself.
    pub revision: Revision,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it was last changed itself.
    pub update_time: Timestamp,
}

/// What tells one text of an article from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextIdentity {
    /// 1 for the first.
    pub revision: u32,
    /// SHA-256 of its UTF-8 bytes.
    pub sha256: [u8; 32],
    /// Its length.
    pub length: Position,
}

/// What people say of a text, within its limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArticleDetails {
    /// Its title.
    pub title: String,
    /// Its language, a BCP 47 tag.
    pub language: String,
    /// Where it came from.
    pub source_uri: String,
    /// Anything else.
    pub metadata: Metadata,
}

/// A field that an update of an article can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArticleField {
    /// `title`
    Title,
    /// `language`
    Language,
    /// `source_uri`
    SourceUri,
    /// `metadata`
    Metadata,
}

impl Field for ArticleField {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("title", Self::Title),
        ("language", Self::Language),
        ("source_uri", Self::SourceUri),
        ("metadata", Self::Metadata),
    ];
}

impl Article {
    /// Its name in `project`.
    #[must_use]
    pub fn name(&self, project: &ProjectId) -> ArticleName {
        ArticleName { project: project.clone(), article: self.id.clone() }
    }

    /// Its etag in the project's life `uid`.
    #[must_use]
    pub fn etag(&self, uid: ProjectUid) -> Etag {
        Etag::new(uid, self.revision)
    }
}

impl ArticleDetails {
    /// Checks every field against its limit.
    ///
    /// # Errors
    ///
    /// FIELD_INVALID or LIMIT_EXCEEDED at the field, within `article`.
    pub fn parse(
        title: String,
        language: String,
        source_uri: String,
        metadata: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self> {
        let uri_limit = limits::SOURCE_URI_BYTES_MAX;
        Ok(Self {
            title: details::bounded("title", "the title", title, limits::TITLE_BYTES_MAX)?,
            language: details::language("language", language)?,
            source_uri: details::bounded("source_uri", "the source URI", source_uri, uri_limit)?,
            metadata: details::metadata("metadata", metadata)?,
        })
    }

    /// Takes the fields that `mask` names from `new`.
    pub fn update(&mut self, mask: &Mask<ArticleField>, new: &Self) {
        let Self { title, language, source_uri, metadata } = new;
        if mask.names(ArticleField::Title) {
            self.title.clone_from(title);
        }
        if mask.names(ArticleField::Language) {
            self.language.clone_from(language);
        }
        if mask.names(ArticleField::SourceUri) {
            self.source_uri.clone_from(source_uri);
        }
        if mask.names(ArticleField::Metadata) {
            self.metadata.clone_from(metadata);
        }
    }
}
