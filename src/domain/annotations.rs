//! Annotations.

use std::fmt;

use super::{
    details::{self, Field},
    errors::{Error, Result},
    ids::{AnnotationId, LayerId},
    revisions::{Etag, ProjectUid, Revision, Timestamp},
    spans::Anchor,
};
use crate::limits::LABEL_BYTES_MAX;

/// An annotation, as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    /// Its id.
    pub id: AnnotationId,
    /// Whose pass it belongs to.
    pub layer: LayerId,
    /// What it says.
    pub label: Label,
    /// Where it stands.
    pub mention: Mention,
    /// When it was last changed.
    pub revision: Revision,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
}

/// Spans of a text, proven to be where they say.
#[derive(Debug, Clone, PartialEq)]
pub struct Mention {
    /// The spans.
    pub anchor: Anchor,
    /// What each covers; empty when they are too long to be kept.
    pub quotes: Vec<String>,
    /// The text revision that the spans count in.
    pub text_revision: u32,
}

/// What an annotation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TargetKind {
    /// Spans of the text.
    Spans,
    /// Other annotations, each in a role.
    Relation,
    /// The article as a whole.
    Article,
}

/// Other annotations of the same article and layer, and what each is to the relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// At least one, in the order in which they were sent.
    pub arguments: Vec<Argument>,
}

/// What takes part in a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// What it is to the relation: 0 to 128 bytes without control characters.
    pub role: String,
    /// Which annotation.
    pub annotation: AnnotationId,
}

/// What the review says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Nobody has looked at it yet.
    Suggested,
    /// It holds.
    #[default]
    Accepted,
    /// It does not hold.
    Rejected,
}

/// What a new text made of an annotation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Anchoring {
    /// How it came to where it is.
    pub result: AnchoringResult,
    /// How much of what it covered is still there, 0 to 1.
    pub similarity: f64,
    /// The text revision that it stood in before.
    pub from_text_revision: u32,
    /// Whether somebody should look at it.
    pub needs_review: bool,
}

/// How an annotation came from one text to the next; the later, the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AnchoringResult {
    /// It covers the same characters at the same place.
    Unchanged,
    /// It covers the same characters, further on or back.
    Shifted,
    /// Its words went elsewhere, and it with them.
    Moved,
    /// Some of what it covered was changed.
    Modified,
    /// What it covered is not there any more.
    Orphaned,
}

/// What an annotation says of its spans: 1 to 256 bytes without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(String);

/// A field that an update of an annotation can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnnotationField {
    /// `label`
    Label,
    /// `anchor`
    Anchor,
}

impl Field for AnnotationField {
    const NAMES: &'static [(&'static str, Self)] = &[("label", Self::Label), ("anchor", Self::Anchor)];
}

impl Annotation {
    /// Its etag in the project's life `uid`.
    #[must_use]
    pub fn etag(&self, uid: ProjectUid) -> Etag {
        Etag::new(uid, self.revision)
    }
}

impl Label {
    /// Parses the label in the field `field`.
    ///
    /// # Errors
    ///
    /// FIELD_INVALID when it is empty or has control characters; LIMIT_EXCEEDED over 256 bytes.
    pub fn parse(field: &str, label: &str) -> Result<Self> {
        if label.is_empty() {
            return Err(Error::field(field, "is empty; say what the span is, such as PER or ORG"));
        }
        let label = details::bounded(field, "the label", label.to_owned(), LABEL_BYTES_MAX)?;
        match label.chars().find(|character| character.is_control()) {
            Some(character) => Err(Error::field(field, format!("has the control character {character:?}"))),
            None => Ok(Self(label)),
        }
    }

    /// The label as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
