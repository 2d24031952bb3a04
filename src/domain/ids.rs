//! Ids and resource names, parsed once at the edge.

use std::fmt;

use uuid::Uuid;

use super::errors::{Error, Result, shortened};
use crate::limits::ID_BYTES_MAX;

/// Declares an id that is `[A-Za-z0-9][A-Za-z0-9._~-]{0,127}`.
macro_rules! token_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Parses an id that stands in the field `field`.
            ///
            /// # Errors
            ///
            /// FIELD_INVALID when it is not of the form `[A-Za-z0-9][A-Za-z0-9._~-]{0,127}`.
            pub fn parse(field: &str, id: &str) -> Result<Self> {
                check_token(field, id).map(|()| Self(id.to_owned()))
            }

            /// The id as it was sent.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

token_id!(
    /// A project's id.
    ProjectId
);
token_id!(
    /// An article's id, unique in its project.
    ArticleId
);
token_id!(
    /// A layer's id.
    LayerId
);

impl LayerId {
    /// The layer of annotations that name none.
    pub const DEFAULT: &str = "default";
}

/// An annotation's id: a UUID, written in lower case with hyphens.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AnnotationId(Uuid);

impl AnnotationId {
    /// Parses an id that stands in the field `field`.
    ///
    /// # Errors
    ///
    /// FIELD_INVALID when it is not a UUID in its canonical lower-case form.
    pub fn parse(field: &str, id: &str) -> Result<Self> {
        let canonical = |uuid: &Uuid| uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == id;
        Uuid::try_parse(id).ok().filter(canonical).map(Self).ok_or_else(|| {
            Error::field(
                field,
                format!("{id:?} is not a UUID in lower case, such as 0190163d-8694-739b-aea5-966c26f8ad91"),
            )
        })
    }

    /// The UUID's 16 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id of these 16 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The id that comes `n` after this one, which is a UUIDv7: of the same time and as random, with `n` added to its last
    /// 62 bits (RFC 9562, 6.2, method 2). So many ids are made of one, and in order.
    #[must_use]
    pub fn nth_after(self, n: u32) -> Self {
        const RANDOM: u128 = (1 << 62) - 1;
        let bits = self.0.as_u128();
        let random = (bits & RANDOM).wrapping_add(n.into()) & RANDOM;
        Self(Uuid::from_u128(bits & !RANDOM | random))
    }
}

impl From<Uuid> for AnnotationId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl fmt::Display for AnnotationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for AnnotationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// `projects/{project}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProjectName {
    /// The project's id.
    pub project: ProjectId,
}

/// `projects/{project}/articles/{article}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArticleName {
    /// The project's id.
    pub project: ProjectId,
    /// The article's id.
    pub article: ArticleId,
}

/// `projects/{project}/articles/{article}/annotations/{annotation}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AnnotationName {
    /// The article's name.
    pub article: ArticleName,
    /// The annotation's id.
    pub annotation: AnnotationId,
}

/// `projects/{project}/layers/{layer}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LayerName {
    /// The project's id.
    pub project: ProjectId,
    /// The layer's id.
    pub layer: LayerId,
}

/// `projects/{project}/articles/{article}/layers/{layer}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArticleLayerName {
    /// The article's name.
    pub article: ArticleName,
    /// The layer's id.
    pub layer: LayerId,
}

impl ProjectName {
    /// Parses the name in the field `field`.
    ///
    /// # Errors
    ///
    /// FIELD_INVALID when it is not `projects/{project}`.
    pub fn parse(field: &str, name: &str) -> Result<Self> {
        let [project] = segments(field, name, ["projects"], "projects/{project}")?;
        Ok(Self { project: ProjectId::parse(field, project)? })
    }

    /// The name of an article of this project.
    #[must_use]
    pub fn article(&self, article: ArticleId) -> ArticleName {
        ArticleName { project: self.project.clone(), article }
    }

    /// The name of a layer of this project.
    #[must_use]
    pub fn layer(&self, layer: LayerId) -> LayerName {
        LayerName { project: self.project.clone(), layer }
    }
}

impl ArticleName {
    /// Parses the name in the field `field`.
    ///
    /// # Errors
    ///
    /// FIELD_INVALID when it is not `projects/{project}/articles/{article}`.
    pub fn parse(field: &str, name: &str) -> Result<Self> {
        let form = "projects/{project}/articles/{article}";
        let [project, article] = segments(field, name, ["projects", "articles"], form)?;
        Ok(Self { project: ProjectId::parse(field, project)?, article: ArticleId::parse(field, article)? })
    }

    /// The name of the project that holds it.
    #[must_use]
    pub fn parent(&self) -> ProjectName {
        ProjectName { project: self.project.clone() }
    }

    /// The name of an annotation of this article.
    #[must_use]
    pub fn annotation(&self, annotation: AnnotationId) -> AnnotationName {
        AnnotationName { article: self.clone(), annotation }
    }

    /// The name of a layer of this article.
    #[must_use]
    pub fn layer(&self, layer: LayerId) -> ArticleLayerName {
        ArticleLayerName { article: self.clone(), layer }
    }
}

impl LayerName {
    /// Parses the name in the field `field`.
    ///
    /// # Errors
    ///
    /// FIELD_INVALID when it is not `projects/{project}/layers/{layer}`.
    pub fn parse(field: &str, name: &str) -> Result<Self> {
        let form = "projects/{project}/layers/{layer}";
        let [project, layer] = segments(field, name, ["projects", "layers"], form)?;
        Ok(Self { project: ProjectId::parse(field, project)?, layer: LayerId::parse(field, layer)? })
    }

    /// The name of the project that holds it.
    #[must_use]
    pub fn parent(&self) -> ProjectName {
        ProjectName { project: self.project.clone() }
    }
}

impl ArticleLayerName {
    /// Parses the name in the field `field`.
    ///
    /// # Errors
    ///
    /// FIELD_INVALID when it is not `projects/{project}/articles/{article}/layers/{layer}`.
    pub fn parse(field: &str, name: &str) -> Result<Self> {
        let form = "projects/{project}/articles/{article}/layers/{layer}";
        let [project, article, layer] = segments(field, name, ["projects", "articles", "layers"], form)?;
        let (project, article) = (ProjectId::parse(field, project)?, ArticleId::parse(field, article)?);
        Ok(Self { article: ArticleName { project, article }, layer: LayerId::parse(field, layer)? })
    }
}

impl AnnotationName {
    /// Parses the name in the field `field`.
    ///
    /// # Errors
    ///
    /// FIELD_INVALID when it is not `projects/{project}/articles/{article}/annotations/{uuid}`.
    pub fn parse(field: &str, name: &str) -> Result<Self> {
        let form = "projects/{project}/articles/{article}/annotations/{uuid}";
        let [project, article, annotation] =
            segments(field, name, ["projects", "articles", "annotations"], form)?;
        Ok(Self {
            article: ArticleName {
                project: ProjectId::parse(field, project)?,
                article: ArticleId::parse(field, article)?,
            },
            annotation: AnnotationId::parse(field, annotation)?,
        })
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "projects/{}", self.project)
    }
}

impl fmt::Display for ArticleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "projects/{}/articles/{}", self.project, self.article)
    }
}

impl fmt::Display for LayerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "projects/{}/layers/{}", self.project, self.layer)
    }
}

impl fmt::Display for ArticleLayerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/layers/{}", self.article, self.layer)
    }
}

impl fmt::Display for AnnotationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/annotations/{}", self.article, self.annotation)
    }
}

/// The ids of a name that alternates the given collections with ids.
fn segments<'n, const N: usize>(
    field: &str,
    name: &'n str,
    collections: [&str; N],
    form: &str,
) -> Result<[&'n str; N]> {
    let wrong = || {
        let got =
            if name.is_empty() { "it is empty".to_owned() } else { format!("got {:?}", shortened(name)) };
        Error::field(field, format!("must be {form}; {got}"))
    };
    let mut parts = name.split('/');
    let mut ids = [""; N];
    for (id, collection) in ids.iter_mut().zip(collections) {
        if parts.next() != Some(collection) {
            return Err(wrong());
        }
        *id = parts.next().ok_or_else(wrong)?;
    }
    if parts.next().is_some() { Err(wrong()) } else { Ok(ids) }
}

fn check_token(field: &str, id: &str) -> Result<()> {
    let starts = id.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'-');
    if starts && id.len() <= ID_BYTES_MAX && id.bytes().all(allowed) {
        return Ok(());
    }
    Err(Error::field(
        field,
        format!(
            "{:?} is not an id: 1 to {ID_BYTES_MAX} of letters, digits and . _ ~ -, starting with a letter or digit",
            shortened(id)
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_they_went_in() {
        let name = "projects/p-1/articles/A.b_c~d/annotations/0190163d-8694-739b-aea5-966c26f8ad91";
        assert_eq!(AnnotationName::parse("name", name).unwrap().to_string(), name);
        let name = "projects/p-1/articles/A.b_c~d";
        assert_eq!(ArticleName::parse("name", name).unwrap().to_string(), name);
        let name = "projects/p-1/layers/spacy-3.8";
        assert_eq!(LayerName::parse("name", name).unwrap().to_string(), name);
        let name = "projects/p-1/articles/A.b_c~d/layers/spacy-3.8";
        assert_eq!(ArticleLayerName::parse("name", name).unwrap().to_string(), name);
    }

    #[test]
    fn what_is_no_name_is_refused_with_the_form_it_should_have() {
        for name in [
            "",
            "projects",
            "projects/",
            "projects/p/",
            "project/p",
            "projects/p/articles",
            "/projects/p",
            "projects//articles/a",
        ] {
            let error = ProjectName::parse("name", name).unwrap_err();
            assert_eq!(error.field, "name", "{name}");
        }
        let error = ArticleName::parse("parent", "projects/p").unwrap_err();
        assert!(error.to_string().contains("must be projects/{project}/articles/{article}; got"), "{error}");
    }

    #[test]
    fn ids_are_tokens() {
        for id in ["a", "0", "a.b_c~d-e", &"x".repeat(128)] {
            assert!(ProjectId::parse("project_id", id).is_ok(), "{id}");
        }
        for id in ["", ".a", "-a", "a b", "a/b", "ä", "a\0", &"x".repeat(129)] {
            assert!(ProjectId::parse("project_id", id).is_err(), "{id}");
        }
    }

    #[test]
    fn ids_that_follow_one_are_of_its_time_and_version_and_in_order() {
        let check = |id: &str, n: u32, expected: &str| {
            let id = AnnotationId::parse("", id).unwrap();
            assert_eq!(id.nth_after(n).to_string(), expected);
        };
        let first = "0190163d-8694-739b-aea5-966c26f8ad91";
        check(first, 0, first);
        check(first, 1, "0190163d-8694-739b-aea5-966c26f8ad92");
        check(first, u32::MAX, "0190163d-8694-739b-aea5-966d26f8ad90");
        check("0190163d-8694-739b-bfff-ffffffffffff", 1, "0190163d-8694-739b-8000-000000000000");
    }

    #[test]
    fn annotation_ids_are_canonical() {
        assert!(AnnotationId::parse("annotation_id", "0190163d-8694-739b-aea5-966c26f8ad91").is_ok());
        for id in [
            "0190163D-8694-739b-aea5-966c26f8ad91",
            "0190163d8694739baea5966c26f8ad91",
            "{0190163d-8694-739b-aea5-966c26f8ad91}",
            "x",
        ] {
            assert!(AnnotationId::parse("annotation_id", id).is_err(), "{id}");
        }
    }
}
