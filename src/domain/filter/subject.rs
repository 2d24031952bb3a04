//! What a filter looks at in an annotation.

use crate::domain::{
    annotations::{Anchoring, Annotation, State, TargetKind},
    attributes::Attributes,
    ids::{AnnotationId, AnnotationName},
    revisions::Timestamp,
    text::TextRange,
};

/// What a filter looks at in an annotation.
pub trait AnnotationSubject {
    /// Its id.
    fn id(&self) -> AnnotationId;
    /// Its layer's id.
    fn layer(&self) -> &str;
    /// Its label.
    fn label(&self) -> &str;
    /// What it is about.
    fn target(&self) -> TargetKind;
    /// Where it stands, in the order of the text; empty if it is not about spans, or lost its place.
    fn spans(&self) -> &[TextRange];
    /// What its spans cover; empty if it is not about spans, or they are too long to be kept.
    fn quotes(&self) -> &[String];
    /// Its attributes.
    fn attributes(&self) -> &Attributes;
    /// Its note, or empty.
    fn note(&self) -> &str;
    /// Its score, if it has one.
    fn score(&self) -> Option<f64>;
    /// What the review says.
    fn state(&self) -> State;
    /// What a new text made of it, if there was one.
    fn anchoring(&self) -> Option<Anchoring>;
    /// Who created it, or empty.
    fn creator(&self) -> &str;
    /// What it is derived from.
    fn derived_from(&self) -> &[AnnotationName];
    /// The text revision that its spans count in.
    fn text_revision(&self) -> u32;
    /// When it was created.
    fn create_time(&self) -> Timestamp;
    /// When it was last changed.
    fn update_time(&self) -> Timestamp;
}

impl AnnotationSubject for Annotation {
    fn id(&self) -> AnnotationId {
        self.id
    }

    fn layer(&self) -> &str {
        self.layer.as_str()
    }

    fn label(&self) -> &str {
        self.label.as_str()
    }

    fn target(&self) -> TargetKind {
        self.target.kind()
    }

    fn spans(&self) -> &[TextRange] {
        // Those of an orphan count in a text that the others do not stand in.
        let mention = self.target.mention().filter(|_| !self.is_orphan());
        mention.map_or(&[], |mention| mention.anchor.spans())
    }

    fn quotes(&self) -> &[String] {
        self.target.mention().map_or(&[], |mention| &mention.quotes)
    }

    fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    fn note(&self) -> &str {
        &self.note
    }

    fn score(&self) -> Option<f64> {
        self.score
    }

    fn state(&self) -> State {
        self.state
    }

    fn anchoring(&self) -> Option<Anchoring> {
        self.anchoring
    }

    /// Nobody is known by name until there is authentication.
    fn creator(&self) -> &'static str {
        ""
    }

    fn derived_from(&self) -> &[AnnotationName] {
        &self.derived_from
    }

    fn text_revision(&self) -> u32 {
        self.text_revision
    }

    fn create_time(&self) -> Timestamp {
        self.create_time
    }

    fn update_time(&self) -> Timestamp {
        self.update_time
    }
}
