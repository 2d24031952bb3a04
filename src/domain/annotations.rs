//! Annotations.

use std::{collections::HashMap, fmt};

use super::{
    attributes::Attributes,
    details::{self, Field, Mask, too_many},
    errors::{Error, Result},
    ids::{AnnotationId, AnnotationName, LayerId},
    revisions::{Etag, ProjectUid, Revision, Timestamp},
    spans::Anchor,
};
use crate::limits::{DERIVED_FROM_MAX, LABEL_BYTES_MAX, RELATION_ARGUMENTS_MAX, ROLE_BYTES_MAX};

/// An annotation, as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    /// Its id.
    pub id: AnnotationId,
    /// Whose pass it belongs to.
    pub layer: LayerId,
    /// What it says.
    pub label: Label,
    /// What it is about.
    pub target: Target,
    /// What else it says.
    pub attributes: Attributes,
    /// What somebody remarked on it; may be empty.
    pub note: String,
    /// How sure a model is of it, 0 to 1.
    pub score: Option<f64>,
    /// What the review says of it.
    pub state: State,
    /// What the latest text made of it, unless it was made or put there since.
    pub anchoring: Option<Anchoring>,
    /// What it was made from; not all of them need to be there.
    pub derived_from: Vec<AnnotationName>,
    /// The text that it stands in.
    pub text_revision: u32,
    /// When it was last changed.
    pub revision: Revision,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
}

/// What an annotation is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// Spans of the text.
    Spans(Mention),
    /// Other annotations.
    Relation(Relation),
    /// The article as a whole.
    Article,
}

/// Spans of a text, proven to be where they say.
#[derive(Debug, Clone, PartialEq)]
pub struct Mention {
    /// The spans.
    pub anchor: Anchor,
    /// What each covers; empty when they are too long to be kept.
    pub quotes: Vec<String>,
    /// Whether an end of a span is inside of what a reader takes for one character.
    pub splits_graphemes: bool,
}

/// Which kind of thing an annotation is about.
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
    /// `relation`
    Relation,
    /// `article`
    Article,
    /// `attributes`
    Attributes,
    /// `note`
    Note,
    /// `score`
    Score,
    /// `state`
    State,
    /// `derived_from`
    DerivedFrom,
}

impl Field for AnnotationField {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("label", Self::Label),
        ("anchor", Self::Anchor),
        ("relation", Self::Relation),
        ("article", Self::Article),
        ("attributes", Self::Attributes),
        ("note", Self::Note),
        ("score", Self::Score),
        ("state", Self::State),
        ("derived_from", Self::DerivedFrom),
    ];
}

/// Whether an update changes what the annotation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retarget {
    /// It stays.
    No,
    /// It changes to something of this kind.
    To(TargetKind),
    /// It changes to anything.
    ToAny,
}

/// Whether an update with this mask changes what the annotation is about.
#[must_use]
pub fn target_of_mask(mask: &Mask<AnnotationField>) -> Retarget {
    match mask {
        Mask::Everything => Retarget::ToAny,
        Mask::Only(_) => targets_of(mask).next().map_or(Retarget::No, Retarget::To),
    }
}

/// Checks that the mask in the field `field` names one kind of target at most.
///
/// # Errors
///
/// FIELD_INVALID.
pub fn check_mask(field: &str, mask: &Mask<AnnotationField>) -> Result<()> {
    let mut named = targets_of(mask);
    match (mask, named.next(), named.next()) {
        (Mask::Only(_), Some(one), Some(other)) => {
            let message =
                format!("names {} and {}; an annotation has one of them", one.field(), other.field());
            Err(Error::field(field, message))
        }
        (_, _, _) => Ok(()),
    }
}

fn targets_of(mask: &Mask<AnnotationField>) -> impl Iterator<Item = TargetKind> + '_ {
    const FIELDS: [(AnnotationField, TargetKind); 3] = [
        (AnnotationField::Anchor, TargetKind::Spans),
        (AnnotationField::Relation, TargetKind::Relation),
        (AnnotationField::Article, TargetKind::Article),
    ];
    FIELDS.into_iter().filter(|(field, _)| mask.names(*field)).map(|(_, kind)| kind)
}

impl Target {
    /// Which kind it is of.
    #[must_use]
    pub fn kind(&self) -> TargetKind {
        match self {
            Self::Spans(_) => TargetKind::Spans,
            Self::Relation(_) => TargetKind::Relation,
            Self::Article => TargetKind::Article,
        }
    }

    /// The spans, if it is spans.
    #[must_use]
    pub fn mention(&self) -> Option<&Mention> {
        match self {
            Self::Spans(mention) => Some(mention),
            Self::Relation(_) | Self::Article => None,
        }
    }

    /// The arguments, if it is a relation; otherwise none.
    #[must_use]
    pub fn arguments(&self) -> &[Argument] {
        match self {
            Self::Relation(relation) => &relation.arguments,
            Self::Spans(_) | Self::Article => &[],
        }
    }
}

impl TargetKind {
    /// Its field in the API.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Spans => "anchor",
            Self::Relation => "relation",
            Self::Article => "article",
        }
    }
}

impl Relation {
    /// The relation between these arguments, in this order.
    ///
    /// # Errors
    ///
    /// Fields are relative to the relation. FIELD_INVALID for none, for a role with a control character, and for the same
    /// annotation twice in one role; LIMIT_EXCEEDED over 2,048 arguments, and for a role over 128 bytes.
    pub fn new(arguments: Vec<Argument>) -> Result<Self> {
        if arguments.is_empty() {
            let message = format!("a relation has 1 to {RELATION_ARGUMENTS_MAX} arguments; it has none");
            return Err(Error::field("arguments", message));
        }
        if arguments.len() > RELATION_ARGUMENTS_MAX {
            let count = arguments.len();
            return Err(too_many("arguments", "the relation", count, RELATION_ARGUMENTS_MAX, "arguments"));
        }
        let mut seen = HashMap::with_capacity(arguments.len());
        for (index, argument) in arguments.iter().enumerate() {
            let Argument { role, annotation } = argument;
            let field = || format!("arguments[{index}]");
            if role.len() > ROLE_BYTES_MAX {
                let field = format!("{}.role", field());
                return Err(too_many(&field, "the role", role.len(), ROLE_BYTES_MAX, "bytes"));
            }
            if let Some(character) = role.chars().find(|character| character.is_control()) {
                let message = format!("has the control character {character:?}");
                return Err(Error::field(format!("{}.role", field()), message));
            }
            if let Some(first) = seen.insert((role.as_str(), *annotation), index) {
                return Err(Error::field(field(), format!("is arguments[{first}] once more")));
            }
        }
        Ok(Self { arguments })
    }
}

/// Checks the score in the field `field`.
///
/// # Errors
///
/// FIELD_INVALID for what is not from 0 to 1.
pub fn score(field: &str, score: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&score) {
        Ok(score)
    } else {
        Err(Error::field(field, format!("is {score}; send 0 to 1, or leave it out")))
    }
}

/// Parses the full names in the field `field` that an annotation is derived from.
///
/// # Errors
///
/// FIELD_INVALID for what is no name; LIMIT_EXCEEDED for more than 64.
pub fn derived_from(field: &str, names: &[String]) -> Result<Vec<AnnotationName>> {
    if names.len() > DERIVED_FROM_MAX {
        return Err(too_many(field, "the list", names.len(), DERIVED_FROM_MAX, "names"));
    }
    let parse = |(index, name): (usize, &String)| AnnotationName::parse(&format!("{field}[{index}]"), name);
    names.iter().enumerate().map(parse).collect()
}

impl Annotation {
    /// Whether it lost its place in the text.
    #[must_use]
    pub fn is_orphan(&self) -> bool {
        matches!(self.target, Target::Spans(_))
            && self.anchoring.is_some_and(|anchoring| anchoring.result == AnchoringResult::Orphaned)
    }

    /// The annotations that it uses, if it is a relation; each may come more than once.
    pub fn uses(&self) -> impl Iterator<Item = AnnotationId> + '_ {
        self.target.arguments().iter().map(|argument| argument.annotation)
    }

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
            return Err(Error::field(field, "is empty; say what the annotation says, such as PER or ORG"));
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
