//! Layers: one annotator's, or one model's, pass over articles.

use super::{
    annotations::{Annotation, State, TargetKind},
    details::{self, Field, Mask, Metadata},
    errors::Result,
    ids::LayerId,
    revisions::{Etag, ProjectUid, Revision, Timestamp},
};
use crate::limits;

/// A layer that was declared in a project. Annotations may be on others, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Its id.
    pub id: LayerId,
    /// What people say of it.
    pub details: LayerDetails,
    /// When it was last changed.
    pub revision: Revision,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
}

/// What people say of a layer, within its limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayerDetails {
    /// What people call it.
    pub display_name: String,
    /// Who makes it.
    pub kind: LayerKind,
    /// What it is for.
    pub description: String,
    /// Anything else.
    pub metadata: Metadata,
    /// Who or what annotates: a person's name or address, a model with its version.
    pub annotator: String,
}

/// Who makes a layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LayerKind {
    /// Nobody said.
    #[default]
    Unspecified,
    /// An annotator.
    Human,
    /// A model.
    Model,
    /// Whoever decides what holds.
    Gold,
}

/// A field that an update of a layer can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerField {
    /// `display_name`
    DisplayName,
    /// `kind`
    Kind,
    /// `description`
    Description,
    /// `metadata`
    Metadata,
    /// `annotator`
    Annotator,
}

impl Field for LayerField {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("display_name", Self::DisplayName),
        ("kind", Self::Kind),
        ("description", Self::Description),
        ("metadata", Self::Metadata),
        ("annotator", Self::Annotator),
    ];
}

impl Layer {
    /// Its etag in the project's life `uid`.
    #[must_use]
    pub fn etag(&self, uid: ProjectUid) -> Etag {
        Etag::new(uid, self.revision)
    }
}

impl LayerDetails {
    /// Checks every field against its limit.
    ///
    /// # Errors
    ///
    /// FIELD_INVALID or LIMIT_EXCEEDED at the field, within `layer`.
    pub fn parse(
        display_name: String,
        kind: LayerKind,
        description: String,
        metadata: impl IntoIterator<Item = (String, String)>,
        annotator: String,
    ) -> Result<Self> {
        let (name_max, description_max) = (limits::DISPLAY_NAME_BYTES_MAX, limits::DESCRIPTION_BYTES_MAX);
        let annotator_max = limits::ANNOTATOR_BYTES_MAX;
        Ok(Self {
            display_name: details::bounded("display_name", "the display name", display_name, name_max)?,
            kind,
            description: details::bounded("description", "the description", description, description_max)?,
            metadata: details::metadata("metadata", metadata)?,
            annotator: details::bounded("annotator", "the annotator", annotator, annotator_max)?,
        })
    }

    /// Takes the fields that `mask` names from `new`.
    pub fn update(&mut self, mask: &Mask<LayerField>, new: &Self) {
        let Self { display_name, kind, description, metadata, annotator } = new;
        if mask.names(LayerField::DisplayName) {
            self.display_name.clone_from(display_name);
        }
        if mask.names(LayerField::Kind) {
            self.kind = *kind;
        }
        if mask.names(LayerField::Description) {
            self.description.clone_from(description);
        }
        if mask.names(LayerField::Metadata) {
            self.metadata.clone_from(metadata);
        }
        if mask.names(LayerField::Annotator) {
            self.annotator.clone_from(annotator);
        }
    }
}

/// How far a layer of an article is. One that was never submitted is open, and nothing is kept of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArticleLayer {
    /// The layer.
    pub layer: LayerId,
    /// How far it is.
    pub state: LayerState,
    /// When it was last submitted.
    pub submit_time: Option<Timestamp>,
    /// When it was last submitted or opened again.
    pub revision: Revision,
    /// When it was first submitted.
    pub create_time: Timestamp,
    /// When it was last submitted or opened again.
    pub update_time: Timestamp,
}

/// Whether a layer of an article may be changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LayerState {
    /// It may.
    #[default]
    Open,
    /// Its annotator is done with it.
    Submitted,
}

impl ArticleLayer {
    /// Its etag in the project's life `uid`.
    #[must_use]
    pub fn etag(&self, uid: ProjectUid) -> Etag {
        Etag::new(uid, self.revision)
    }
}

/// How many annotations a layer has. Each counts once among the first four, and once by its state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LayerCounts {
    /// On spans of the text.
    pub spans: u64,
    /// Between others.
    pub relations: u64,
    /// On the article as a whole.
    pub article_labels: u64,
    /// On spans of an earlier text alone.
    pub orphans: u64,
    /// Nobody has looked at.
    pub suggested: u64,
    /// That hold.
    pub accepted: u64,
    /// That do not hold.
    pub rejected: u64,
    /// That somebody should look at after a new text.
    pub needs_review: u64,
}

/// What an annotation counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally<'a> {
    /// Of which layer.
    pub layer: &'a LayerId,
    /// What it is about.
    pub kind: TargetKind,
    /// Whether its spans are of an earlier text alone.
    pub is_orphaned: bool,
    /// What the review says.
    pub state: State,
    /// Whether somebody should look at it after a new text.
    pub needs_review: bool,
}

impl<'a> Tally<'a> {
    /// Of an annotation.
    #[must_use]
    pub fn of(annotation: &'a Annotation) -> Self {
        Self {
            layer: &annotation.layer,
            kind: annotation.target.kind(),
            is_orphaned: annotation.is_orphan(),
            state: annotation.state,
            needs_review: annotation.anchoring.is_some_and(|anchoring| anchoring.needs_review),
        }
    }

    /// What it adds to the counts of its layer.
    #[must_use]
    pub fn counts(self) -> LayerCounts {
        let Self { layer: _, kind, is_orphaned, state, needs_review } = self;
        LayerCounts {
            spans: u64::from(kind == TargetKind::Spans && !is_orphaned),
            relations: u64::from(kind == TargetKind::Relation && !is_orphaned),
            article_labels: u64::from(kind == TargetKind::Article && !is_orphaned),
            orphans: u64::from(is_orphaned),
            suggested: u64::from(state == State::Suggested),
            accepted: u64::from(state == State::Accepted),
            rejected: u64::from(state == State::Rejected),
            needs_review: u64::from(needs_review),
        }
    }
}

impl LayerCounts {
    /// All annotations.
    #[must_use]
    pub fn annotations(&self) -> u64 {
        [self.spans, self.relations, self.article_labels, self.orphans]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// Whether nothing is counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The counts of both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.with(other, |one, other| Some(one.saturating_add(other))).unwrap_or_default()
    }

    /// The counts without those of `other`; `None` when they are not in these.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        self.with(other, u64::checked_sub)
    }

    fn with(self, other: Self, operation: impl Fn(u64, u64) -> Option<u64>) -> Option<Self> {
        let Self { spans, relations, article_labels, orphans, suggested, accepted, rejected, needs_review } =
            self;
        Some(Self {
            spans: operation(spans, other.spans)?,
            relations: operation(relations, other.relations)?,
            article_labels: operation(article_labels, other.article_labels)?,
            orphans: operation(orphans, other.orphans)?,
            suggested: operation(suggested, other.suggested)?,
            accepted: operation(accepted, other.accepted)?,
            rejected: operation(rejected, other.rejected)?,
            needs_review: operation(needs_review, other.needs_review)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_counts_once_by_what_it_is_about_and_once_by_its_state() {
        let layer = LayerId::parse("", "gold").unwrap();
        let check = |kind, is_orphaned, state, needs_review, expected: [u64; 8]| {
            let [
                spans,
                relations,
                article_labels,
                orphans,
                suggested,
                accepted,
                rejected,
                needs_review_count,
            ] = expected;
            let counts = Tally { layer: &layer, kind, is_orphaned, state, needs_review }.counts();
            let expected = LayerCounts {
                spans,
                relations,
                article_labels,
                orphans,
                suggested,
                accepted,
                rejected,
                needs_review: needs_review_count,
            };
            assert_eq!(counts, expected);
            assert_eq!(counts.annotations(), 1);
            assert_eq!(counts.plus(counts).minus(counts), Some(counts));
            assert_eq!(counts.minus(counts.plus(counts)), None);
        };
        check(TargetKind::Spans, false, State::Accepted, false, [1, 0, 0, 0, 0, 1, 0, 0]);
        check(TargetKind::Spans, true, State::Rejected, true, [0, 0, 0, 1, 0, 0, 1, 1]);
        check(TargetKind::Relation, false, State::Suggested, true, [0, 1, 0, 0, 1, 0, 0, 1]);
        check(TargetKind::Article, false, State::Accepted, false, [0, 0, 1, 0, 0, 1, 0, 0]);
    }
}
