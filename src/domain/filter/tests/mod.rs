//! What filters mean, as tables; then what holds of all of them.

mod annotations;
mod articles;
mod messages;
mod properties;
mod spans;

use super::*;
use crate::domain::{
    annotations::{Anchoring, State, TargetKind},
    attributes::{AttributeValue, Attributes},
    ids::{AnnotationId, AnnotationName, ArticleName},
    revisions::Timestamp,
    text::{Position, TextRange},
};

/// An annotation as plain as can be.
#[derive(Debug, Clone)]
struct Plain {
    id: AnnotationId,
    layer: String,
    label: String,
    target: TargetKind,
    spans: Vec<TextRange>,
    quotes: Vec<String>,
    attributes: Attributes,
    note: String,
    score: Option<f64>,
    state: State,
    anchoring: Option<Anchoring>,
    creator: String,
    derived_from: Vec<AnnotationName>,
    text_revision: u32,
    create_time: Timestamp,
    update_time: Timestamp,
}

impl AnnotationSubject for Plain {
    fn id(&self) -> AnnotationId {
        self.id
    }
    fn layer(&self) -> &str {
        &self.layer
    }
    fn label(&self) -> &str {
        &self.label
    }
    fn target(&self) -> TargetKind {
        self.target
    }
    fn spans(&self) -> &[TextRange] {
        &self.spans
    }
    fn quotes(&self) -> &[String] {
        &self.quotes
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
    fn creator(&self) -> &str {
        &self.creator
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

/// The id with this number.
fn id(number: u8) -> AnnotationId {
    AnnotationId::from_bytes([0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, number])
}

fn article() -> ArticleName {
    ArticleName::parse("", "projects/p/articles/a").unwrap()
}

/// What is marked in one stretch of ASCII text.
fn range((start, end): (u32, u32)) -> TextRange {
    let at = |offset| Position { utf8: offset, utf16: offset, code_points: offset };
    TextRange { start: at(start), end: at(end) }
}

/// An annotation of these ranges, or of the article if there are none.
fn plain(number: u8, label: &str, ranges: &[(u32, u32)]) -> Plain {
    Plain {
        id: id(number),
        layer: "default".to_owned(),
        label: label.to_owned(),
        target: if ranges.is_empty() { TargetKind::Article } else { TargetKind::Spans },
        spans: ranges.iter().copied().map(range).collect(),
        quotes: Vec::new(),
        attributes: Attributes::new(),
        note: String::new(),
        score: None,
        state: State::Accepted,
        anchoring: None,
        creator: String::new(),
        derived_from: Vec::new(),
        text_revision: 1,
        create_time: Timestamp(0),
        update_time: Timestamp(0),
    }
}

/// The numbers of those that pass.
fn passing(filter: &AnnotationFilter, annotations: &[Plain]) -> Vec<u8> {
    let article = article();
    let sets = filter.sets(&article, &annotations.iter());
    let passes = annotations.iter().filter(|annotation| filter.passes(&article, *annotation, &sets));
    passes.map(|annotation| annotation.id.as_bytes()[15]).collect()
}
