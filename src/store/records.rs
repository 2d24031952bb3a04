//! What is stored, to and from what is meant. Reading checks everything again: what does not hold is damage.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use uuid::Uuid;

use crate::{
    domain::{
        Error, Result,
        annotations::Annotation,
        articles::{Article, ArticleDetails, TextIdentity},
        ids::{AnnotationId, ArticleId, LayerId, ProjectId},
        layers::{ArticleLayer, Layer},
        projects::{Project, ProjectDetails},
        revisions::{ProjectUid, Revision, Timestamp},
        schema::ProjectSchema,
        text::Position,
    },
    proto::stored,
    store::{
        keys::{ArticleNumber, Generation},
        schema_records,
    },
};

mod annotations;
mod layers;
mod requests;
mod staged;
mod text_revisions;

pub use annotations::{annotation, read_annotation};
pub use layers::{article_layer, layer, layer_tally, read_article_layer, read_layer, read_layer_tally};
pub use requests::{read_origin, request};
pub use staged::{GenerationBase, generation_base, read_generation_base, resolve, staged_annotation};
pub use text_revisions::{StoredTextRevision, read_text_revision, text_revision};

/// An article and where its rows are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredArticle {
    /// The article.
    pub article: Article,
    /// The generation of its text.
    pub text_generation: Generation,
    /// The generation of its annotations.
    pub annotation_generation: Generation,
}

/// What a commit did to one resource.
#[derive(Debug, Clone, PartialEq)]
pub enum ResourceChange {
    /// To the project itself.
    Project {
        /// `None` when it was created.
        before: Option<Project>,
        /// `None` when it was deleted.
        after: Option<Project>,
    },
    /// To the label schema.
    LabelSchema {
        /// `None` when it was set for the first time.
        before: Option<Arc<ProjectSchema>>,
        /// `None` when there is none any more.
        after: Option<Arc<ProjectSchema>>,
    },
    /// To an article.
    Article {
        /// Its internal number.
        number: ArticleNumber,
        /// `None` when it was created.
        before: Option<StoredArticle>,
        /// `None` when it was deleted.
        after: Option<StoredArticle>,
        /// Whether it had annotations that were deleted with it, came back with it, or were carried to another text.
        cascaded: bool,
    },
    /// To an annotation.
    Annotation {
        /// The article's internal number.
        number: ArticleNumber,
        /// The article's id.
        article: ArticleId,
        /// The annotation's id.
        id: AnnotationId,
        /// `None` when it was created.
        before: Option<Annotation>,
        /// `None` when it was deleted.
        after: Option<Annotation>,
        /// Whether it went with what it used, or came back with it.
        cascaded: bool,
    },
    /// To a layer.
    Layer {
        /// `None` when it was created.
        before: Option<Layer>,
        /// `None` when it was deleted.
        after: Option<Layer>,
    },
    /// To a layer of an article.
    ArticleLayer {
        /// The article's internal number.
        number: ArticleNumber,
        /// The article's id.
        article: ArticleId,
        /// The layer's id.
        layer: LayerId,
        /// `None` when it was never submitted.
        before: Option<ArticleLayer>,
        /// `None` when it was never submitted.
        after: Option<ArticleLayer>,
    },
}

impl ResourceChange {
    /// The internal number of the article that it is of.
    #[must_use]
    pub fn article_number(&self) -> Option<ArticleNumber> {
        match self {
            Self::Project { .. } | Self::LabelSchema { .. } | Self::Layer { .. } => None,
            Self::Article { number, .. }
            | Self::Annotation { number, .. }
            | Self::ArticleLayer { number, .. } => Some(*number),
        }
    }
}

/// Encodes a project.
#[must_use]
pub fn project(project: &Project) -> stored::ProjectRecord {
    let Project { id, uid, details, revision, create_time, update_time } = project;
    let ProjectDetails { display_name, description, metadata } = details;
    stored::ProjectRecord {
        id: id.as_str().to_owned(),
        uid: uid_bytes(*uid),
        display_name: display_name.clone(),
        description: description.clone(),
        metadata: metadata.clone(),
        revision: revision.0,
        create_time_us: create_time.0,
        update_time_us: update_time.0,
    }
}

/// Reads a project.
///
/// # Errors
///
/// STORAGE_CORRUPT.
pub fn read_project(record: stored::ProjectRecord) -> Result<Project> {
    let stored::ProjectRecord {
        id,
        uid,
        display_name,
        description,
        metadata,
        revision,
        create_time_us,
        update_time_us,
    } = record;
    Ok(Project {
        id: ProjectId::parse("id", &id).map_err(damaged)?,
        uid: read_uid(&uid)?,
        details: ProjectDetails { display_name, description, metadata },
        revision: Revision(revision),
        create_time: Timestamp(create_time_us),
        update_time: Timestamp(update_time_us),
    })
}

/// Encodes an article.
#[must_use]
pub fn article(stored: &StoredArticle) -> stored::ArticleRecord {
    let StoredArticle { article, text_generation, annotation_generation } = stored;
    let Article { id, details, text, revision, create_time, update_time } = article;
    let ArticleDetails { title, language, source_uri, metadata } = details;
    let TextIdentity { revision: text_revision, sha256, length } = text;
    stored::ArticleRecord {
        id: id.as_str().to_owned(),
        title: title.clone(),
        language: language.clone(),
        source_uri: source_uri.clone(),
        metadata: metadata.clone(),
        text_revision: *text_revision,
        text_generation: text_generation.0,
        text_sha256: Bytes::copy_from_slice(sha256),
        utf8_length: length.utf8,
        utf16_length: length.utf16,
        code_point_length: length.code_points,
        revision: revision.0,
        create_time_us: create_time.0,
        update_time_us: update_time.0,
        annotation_generation: if *annotation_generation == Generation::FIRST {
            0
        } else {
            annotation_generation.0
        },
    }
}

/// Reads an article.
///
/// # Errors
///
/// STORAGE_CORRUPT.
pub fn read_article(record: stored::ArticleRecord) -> Result<StoredArticle> {
    let stored::ArticleRecord {
        id,
        title,
        language,
        source_uri,
        metadata,
        text_revision,
        text_generation,
        text_sha256,
        utf8_length,
        utf16_length,
        code_point_length,
        revision,
        create_time_us,
        update_time_us,
        annotation_generation,
    } = record;
    let sha256 = text_sha256
        .as_ref()
        .try_into()
        .map_err(|_| Error::corrupt("an article's SHA-256 is not 32 bytes"))?;
    let length = Position { utf8: utf8_length, utf16: utf16_length, code_points: code_point_length };
    Ok(StoredArticle {
        article: Article {
            id: ArticleId::parse("id", &id).map_err(damaged)?,
            details: ArticleDetails { title, language, source_uri, metadata },
            text: TextIdentity { revision: text_revision, sha256, length },
            revision: Revision(revision),
            create_time: Timestamp(create_time_us),
            update_time: Timestamp(update_time_us),
        },
        text_generation: Generation(text_generation),
        annotation_generation: Generation(annotation_generation.max(Generation::FIRST.0)),
    })
}

/// Reads an annotation from its bytes, which leave nothing to a base.
///
/// # Errors
///
/// STORAGE_CORRUPT.
pub fn decode_annotation(id: AnnotationId, bytes: &[u8]) -> Result<Annotation> {
    read_annotation(id, decode(bytes)?)
}

/// Encodes a change for the log.
#[must_use]
pub fn change(change: &ResourceChange) -> Bytes {
    use stored::change_record::Resource;
    let cascaded = matches!(
        change,
        ResourceChange::Article { cascaded: true, .. } | ResourceChange::Annotation { cascaded: true, .. }
    );
    let resource = match change {
        ResourceChange::Project { before, after } => Resource::Project(stored::ProjectChange {
            before: before.as_ref().map(project),
            after: after.as_ref().map(project),
        }),
        ResourceChange::LabelSchema { before, after } => {
            let record = |schema: &Option<Arc<ProjectSchema>>| {
                schema.as_ref().map(|schema| schema_records::label_schema(schema))
            };
            Resource::LabelSchema(stored::LabelSchemaChange { before: record(before), after: record(after) })
        }
        ResourceChange::Article { number, before, after, cascaded: _ } => {
            Resource::Article(stored::ArticleChange {
                number: number.0,
                before: before.as_ref().map(article),
                after: after.as_ref().map(article),
            })
        }
        ResourceChange::Annotation { number, article, id, before, after, cascaded: _ } => {
            Resource::Annotation(stored::AnnotationChange {
                article_id: article.as_str().to_owned(),
                id: Bytes::copy_from_slice(id.as_bytes()),
                before: before.as_ref().map(annotation),
                after: after.as_ref().map(annotation),
                article_number: number.0,
            })
        }
        ResourceChange::Layer { before, after } => Resource::Layer(stored::LayerChange {
            before: before.as_ref().map(layer),
            after: after.as_ref().map(layer),
        }),
        ResourceChange::ArticleLayer { number, article, layer, before, after } => {
            Resource::ArticleLayer(stored::ArticleLayerChange {
                article_number: number.0,
                article_id: article.as_str().to_owned(),
                layer: layer.as_str().to_owned(),
                before: before.as_ref().map(article_layer),
                after: after.as_ref().map(article_layer),
            })
        }
    };
    stored::ChangeRecord { resource: Some(resource), cascaded }.encode_to_vec().into()
}

/// Encodes a change of an annotation for the log, as [`change`], around what is stored of it.
#[must_use]
pub fn annotation_change(
    (number, article): (ArticleNumber, &ArticleId),
    id: AnnotationId,
    (before, after): (Option<Bytes>, Option<Bytes>),
    cascaded: bool,
) -> Bytes {
    /// `ChangeRecord`, the same on the wire.
    #[derive(prost::Message)]
    struct Encoded {
        #[prost(message, optional, tag = "3")]
        annotation: Option<EncodedAnnotationChange>,
        #[prost(bool, tag = "4")]
        cascaded: bool,
    }
    /// `AnnotationChange`, the same on the wire.
    #[derive(prost::Message)]
    struct EncodedAnnotationChange {
        #[prost(string, tag = "1")]
        article_id: String,
        #[prost(bytes = "bytes", tag = "2")]
        id: Bytes,
        #[prost(bytes = "bytes", optional, tag = "3")]
        before: Option<Bytes>,
        #[prost(bytes = "bytes", optional, tag = "4")]
        after: Option<Bytes>,
        #[prost(uint64, tag = "5")]
        article_number: u64,
    }
    let id = Bytes::copy_from_slice(id.as_bytes());
    let (article_id, article_number) = (article.as_str().to_owned(), number.0);
    let change = EncodedAnnotationChange { article_id, id, before, after, article_number };
    Encoded { annotation: Some(change), cascaded }.encode_to_vec().into()
}

/// Reads a change from the log.
///
/// # Errors
///
/// STORAGE_CORRUPT.
pub fn read_change(bytes: &[u8]) -> Result<ResourceChange> {
    use stored::change_record::Resource;
    let stored::ChangeRecord { resource, cascaded } = decode(bytes)?;
    match resource.ok_or_else(|| Error::corrupt("a change of no resource"))? {
        Resource::Project(stored::ProjectChange { before, after }) => Ok(ResourceChange::Project {
            before: before.map(read_project).transpose()?,
            after: after.map(read_project).transpose()?,
        }),
        Resource::LabelSchema(stored::LabelSchemaChange { before, after }) => {
            let read = |record| schema_records::read_label_schema(record).map(Arc::new);
            Ok(ResourceChange::LabelSchema {
                before: before.map(read).transpose()?,
                after: after.map(read).transpose()?,
            })
        }
        Resource::Article(stored::ArticleChange { number, before, after }) => Ok(ResourceChange::Article {
            number: ArticleNumber(number),
            before: before.map(read_article).transpose()?,
            after: after.map(read_article).transpose()?,
            cascaded,
        }),
        Resource::Annotation(stored::AnnotationChange { article_id, id, before, after, article_number }) => {
            let id = AnnotationId::from_bytes(
                id.as_ref().try_into().map_err(|_| Error::corrupt("an annotation's id is not 16 bytes"))?,
            );
            let read = |record| read_annotation(id, record);
            Ok(ResourceChange::Annotation {
                number: ArticleNumber(article_number),
                article: ArticleId::parse("article_id", &article_id).map_err(damaged)?,
                id,
                before: before.map(read).transpose()?,
                after: after.map(read).transpose()?,
                cascaded,
            })
        }
        Resource::Layer(stored::LayerChange { before, after }) => Ok(ResourceChange::Layer {
            before: before.map(read_layer).transpose()?,
            after: after.map(read_layer).transpose()?,
        }),
        Resource::ArticleLayer(change) => layers::read_article_layer_change(change),
    }
}

/// Decodes a stored message.
///
/// # Errors
///
/// STORAGE_CORRUPT.
pub fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M> {
    M::decode(bytes).map_err(|error| Error::corrupt(format!("a record cannot be read: {error}")))
}

/// The bytes of a project's uid.
#[must_use]
pub fn uid_bytes(uid: ProjectUid) -> Bytes {
    Bytes::copy_from_slice(uid.0.as_bytes())
}

/// Reads a project's uid.
///
/// # Errors
///
/// STORAGE_CORRUPT.
pub fn read_uid(bytes: &[u8]) -> Result<ProjectUid> {
    Uuid::from_slice(bytes).map(ProjectUid).map_err(|_| Error::corrupt("a project's uid is not 16 bytes"))
}

#[allow(clippy::needless_pass_by_value, reason = "it is mapped over errors")]
pub(super) fn damaged(error: Error) -> Error {
    Error::corrupt(error.to_string())
}

#[cfg(test)]
mod tests;
