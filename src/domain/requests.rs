//! Which request a write carries out: a retry is known by it, and answered with what the first try did.

use std::fmt;

use uuid::Uuid;

use super::errors::{Error, Result};

/// A request that its client gave an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// The id.
    pub id: RequestId,
    /// What was asked for. The same id may be used once with each method.
    pub method: Method,
    /// Tells another request with the same id: XXH3-128 of everything but the id.
    pub body: [u8; 16],
}

/// The id of a request: a UUID that is not nil.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(Uuid);

impl RequestId {
    /// Parses the id in the field `field`; empty is none.
    ///
    /// # Errors
    ///
    /// FIELD_INVALID.
    pub fn parse(field: &str, id: &str) -> Result<Option<Self>> {
        const HYPHENATED_BYTES: usize = 36;
        if id.is_empty() {
            return Ok(None);
        }
        match Uuid::try_parse(id) {
            Ok(uuid) if id.len() == HYPHENATED_BYTES && !uuid.is_nil() => Ok(Some(Self(uuid))),
            Ok(_) | Err(_) => Err(Error::field(
                field,
                "is not a UUID such as 0190163d-8694-739b-aea5-966c26f8ad91; make a new one for each request, and send \
                 it again with each retry of it",
            )),
        }
    }

    /// The id of these bytes, unless they are all 0.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        Some(Uuid::from_bytes(bytes)).filter(|uuid| !uuid.is_nil()).map(Self)
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// A method that takes request ids. Its number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// ProjectService.CreateProject
    CreateProject,
    /// ProjectService.UpdateProject
    UpdateProject,
    /// ProjectService.DeleteProject
    DeleteProject,
    /// ArticleService.CreateArticle
    CreateArticle,
    /// ArticleService.UpdateArticle
    UpdateArticle,
    /// ArticleService.DeleteArticle
    DeleteArticle,
    /// ArticleService.BatchCreateArticles
    BatchCreateArticles,
    /// AnnotationService.CreateAnnotation
    CreateAnnotation,
    /// AnnotationService.UpdateAnnotation
    UpdateAnnotation,
    /// AnnotationService.DeleteAnnotation
    DeleteAnnotation,
    /// AnnotationService.BatchCreateAnnotations
    BatchCreateAnnotations,
    /// AnnotationService.CommitAnnotations
    CommitAnnotations,
    /// ChangeService.UndoCommit
    UndoCommit,
    /// ProjectService.UpdateLabelSchema
    UpdateLabelSchema,
    /// ArticleService.ReviseArticle
    ReviseArticle,
    /// LayerService.CreateLayer
    CreateLayer,
    /// LayerService.UpdateLayer
    UpdateLayer,
    /// LayerService.DeleteLayer
    DeleteLayer,
    /// LayerService.SubmitLayer
    SubmitLayer,
    /// LayerService.ReopenLayer
    ReopenLayer,
    /// LayerService.CopyLayer
    CopyLayer,
}

impl Method {
    /// All of them, in the order of their numbers, which begin with 1. These numbers are on people's disks: new methods
    /// go to the end.
    pub const ALL: [Self; 21] = [
        Self::CreateProject,
        Self::UpdateProject,
        Self::DeleteProject,
        Self::CreateArticle,
        Self::UpdateArticle,
        Self::DeleteArticle,
        Self::BatchCreateArticles,
        Self::CreateAnnotation,
        Self::UpdateAnnotation,
        Self::DeleteAnnotation,
        Self::BatchCreateAnnotations,
        Self::CommitAnnotations,
        Self::UndoCommit,
        Self::UpdateLabelSchema,
        Self::ReviseArticle,
        Self::CreateLayer,
        Self::UpdateLayer,
        Self::DeleteLayer,
        Self::SubmitLayer,
        Self::ReopenLayer,
        Self::CopyLayer,
    ];

    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        let index = Self::ALL.iter().position(|method| *method == self);
        index.and_then(|index| u8::try_from(index + 1).ok()).unwrap_or_default()
    }

    /// The method with this number.
    #[must_use]
    pub fn of_number(number: u32) -> Option<Self> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        Self::ALL.get(index).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These numbers are on people's disks.
    #[test]
    fn methods_keep_their_numbers() {
        assert_eq!(Method::CreateProject.number(), 1);
        assert_eq!(Method::DeleteArticle.number(), 6);
        assert_eq!(Method::UndoCommit.number(), 13);
        assert_eq!(Method::CopyLayer.number(), 21);
        for method in Method::ALL {
            assert_eq!(Method::of_number(method.number().into()), Some(method));
        }
        assert_eq!(Method::of_number(0), None);
        assert_eq!(Method::of_number(22), None);
    }

    #[test]
    fn an_id_is_a_uuid() {
        let check = |text: &str, expected: Option<&str>| {
            let parsed = RequestId::parse("request_id", text).map(|id| id.map(|id| id.to_string()));
            assert_eq!(parsed, Ok(expected.map(str::to_owned)), "{text}");
        };
        check("", None);
        check("0190163d-8694-739b-aea5-966c26f8ad91", Some("0190163d-8694-739b-aea5-966c26f8ad91"));
        check("0190163D-8694-739B-AEA5-966C26F8AD91", Some("0190163d-8694-739b-aea5-966c26f8ad91"));
        for wrong in [
            "7",
            "00000000-0000-0000-0000-000000000000",
            "0190163d8694739baea5966c26f8ad91",
            "{0190163d-8694-739b-aea5-966c26f8ad91}",
            "0190163d-8694-739b-aea5-966c26f8ad9g",
        ] {
            let error = RequestId::parse("request_id", wrong).unwrap_err();
            assert!(error.to_string().starts_with("request_id: is not a UUID such as"), "{wrong}: {error}");
        }
    }
}
