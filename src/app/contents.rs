//! What a client says an annotation is, held against the article's text: outside of the writer, for as long as the text
//! stands.

use super::{App, calculate, texts::ArticleHandle};
use crate::{
    domain::{
        Error, Problem, Result,
        annotations::{
            self, Annotation, AnnotationField, Label, Mention, Relation, Retarget, State, Target, TargetKind,
        },
        attributes::Attributes,
        details::Mask,
        ids::{AnnotationId, AnnotationName, LayerId},
        schema::splits_graphemes,
        spans::{Anchor, Empty, SpanRequest},
    },
    store::engine::Stamp,
};

/// What a client says an annotation is.
#[derive(Debug, Clone, Default)]
pub struct Content {
    /// Its layer, or none when it was left out.
    pub layer: Option<LayerId>,
    /// Its label, or none when it was left out.
    pub label: Option<Label>,
    /// What it is about, or none when it was left out.
    pub target: Option<TargetRequest>,
    /// Its attributes.
    pub attributes: Attributes,
    /// Its note.
    pub note: String,
    /// Its score.
    pub score: Option<f64>,
    /// What the review says, or none when it was left out.
    pub state: Option<State>,
    /// What it is made from.
    pub derived_from: Vec<AnnotationName>,
    /// The text revision that its spans count in; 0 is the latest.
    pub text_revision: u32,
}

/// What a client says an annotation is about.
#[derive(Debug, Clone)]
pub enum TargetRequest {
    /// Spans, not yet held against the text.
    Spans(Vec<SpanRequest>),
    /// Other annotations, which may be there or not.
    Relation(Relation),
    /// The article.
    Article,
}

/// What an annotation is about, held against the text.
#[derive(Debug, Clone)]
pub(super) struct PreparedTarget {
    pub(super) target: Target,
    pub(super) text_revision: u32,
    /// Where in the request the first span stands that covers nothing.
    pub(super) empty_at: Option<String>,
}

/// Everything that a new annotation needs.
#[derive(Debug, Clone)]
pub(super) struct Complete {
    pub(super) layer: LayerId,
    pub(super) label: Label,
    pub(super) target: PreparedTarget,
    pub(super) attributes: Attributes,
    pub(super) note: String,
    pub(super) score: Option<f64>,
    pub(super) state: State,
    pub(super) derived_from: Vec<AnnotationName>,
}

/// What an update changes; what is `None` stays.
#[derive(Debug, Clone)]
pub(super) struct Edit {
    /// The layer that was sent with an update that replaces everything: it must be the annotation's own.
    pub(super) layer: Option<LayerId>,
    pub(super) label: Option<Label>,
    pub(super) target: Option<PreparedTarget>,
    pub(super) attributes: Option<Attributes>,
    pub(super) note: Option<String>,
    /// Another score, or none from now on.
    pub(super) score: Option<Score>,
    pub(super) state: Option<State>,
    pub(super) derived_from: Option<Vec<AnnotationName>>,
}

/// A score, or that there is none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Score(Option<f64>);

impl Complete {
    /// The annotation that is created with it.
    pub(super) fn created(self, id: AnnotationId, stamp: Stamp) -> Annotation {
        let Self { layer, label, target, attributes, note, score, state, derived_from } = self;
        let PreparedTarget { target, text_revision, empty_at: _ } = target;
        Annotation {
            id,
            layer,
            label,
            target,
            attributes,
            note,
            score,
            state,
            anchoring: None,
            derived_from,
            text_revision,
            revision: stamp.revision,
            create_time: stamp.time,
            update_time: stamp.time,
        }
    }
}

impl Edit {
    /// The annotation as it is with the edit.
    ///
    /// # Errors
    ///
    /// FIELD_INVALID for another layer.
    pub(super) fn applied(self, before: &Annotation, stamp: Stamp) -> Result<Annotation> {
        let Self { layer, label, target, attributes, note, score, state, derived_from } = self;
        if let Some(layer) = layer.filter(|layer| *layer != before.layer) {
            let message = format!(
                "is {layer}, and cannot be changed from {}; create another annotation instead",
                before.layer
            );
            return Err(Error::field("annotation.layer", message));
        }
        let mut after = before.clone();
        after.label = label.unwrap_or(after.label);
        if let Some(PreparedTarget { target, text_revision, empty_at: _ }) = target {
            // The same place once more confirms it.
            let confirmed = target == before.target && text_revision == before.text_revision;
            after.anchoring = before.anchoring.filter(|_| confirmed);
            if let Some(anchoring) = &mut after.anchoring {
                anchoring.needs_review = false;
            }
            (after.target, after.text_revision) = (target, text_revision);
        }
        after.attributes = attributes.unwrap_or(after.attributes);
        after.note = note.unwrap_or(after.note);
        after.score = score.map_or(after.score, |Score(score)| score);
        after.state = state.unwrap_or(after.state);
        after.derived_from = derived_from.unwrap_or(after.derived_from);
        (after.revision, after.update_time) = (stamp.revision, stamp.time);
        Ok(after)
    }
}

impl App {
    /// What a new annotation is. Fields are relative to the annotation.
    ///
    /// # Errors
    ///
    /// FIELD_INVALID for what is missing; whatever is wrong with its spans.
    pub(super) async fn complete(&self, article: &ArticleHandle, content: Content) -> Result<Complete> {
        let Content { layer, label, target, attributes, note, score, state, derived_from, text_revision } =
            content;
        let layer = match layer {
            Some(layer) => layer,
            None => LayerId::parse("layer", LayerId::DEFAULT)?,
        };
        let label = label.ok_or_else(no_label)?;
        let target =
            self.prepare_target(article, target.ok_or_else(|| no_target("anchor"))?, text_revision).await?;
        let state = state.unwrap_or_default();
        Ok(Complete { layer, label, target, attributes, note, score, state, derived_from })
    }

    /// What an update changes. Fields are relative to the annotation.
    ///
    /// # Errors
    ///
    /// As [`App::complete`]; FIELD_INVALID for what the mask names and the annotation does not have.
    pub(super) async fn edit(
        &self,
        article: &ArticleHandle,
        content: Content,
        mask: &Mask<AnnotationField>,
    ) -> Result<Edit> {
        let Content { layer, label, target, attributes, note, score, state, derived_from, text_revision } =
            content;
        let names = |field| mask.names(field);
        let target = match annotations::target_of_mask(mask) {
            Retarget::No => None,
            Retarget::To(kind) => {
                Some(target.filter(|target| target.kind() == kind).ok_or_else(|| no_target(kind.field()))?)
            }
            Retarget::ToAny => Some(target.ok_or_else(|| no_target(TargetKind::Spans.field()))?),
        };
        let target = match target {
            Some(target) => Some(self.prepare_target(article, target, text_revision).await?),
            None => None,
        };
        let state = match mask {
            Mask::Everything => state,
            Mask::Only(_) if !names(AnnotationField::State) => None,
            Mask::Only(_) => {
                let missing = || Error::field("state", "is missing; say SUGGESTED, ACCEPTED or REJECTED");
                Some(state.ok_or_else(missing)?)
            }
        };
        Ok(Edit {
            layer: layer.filter(|_| *mask == Mask::Everything),
            label: if names(AnnotationField::Label) { Some(label.ok_or_else(no_label)?) } else { None },
            target,
            attributes: Some(attributes).filter(|_| names(AnnotationField::Attributes)),
            note: Some(note).filter(|_| names(AnnotationField::Note)),
            score: Some(Score(score)).filter(|_| names(AnnotationField::Score)),
            state,
            derived_from: Some(derived_from).filter(|_| names(AnnotationField::DerivedFrom)),
        })
    }

    async fn prepare_target(
        &self,
        article: &ArticleHandle,
        target: TargetRequest,
        text_revision: u32,
    ) -> Result<PreparedTarget> {
        let latest = article.text.revision;
        if text_revision != 0 && text_revision != latest {
            return Err(Error::at(
                "text_revision",
                Problem::TextRevisionStale { sent: text_revision, latest },
            ));
        }
        let without_spans = |target| PreparedTarget { target, text_revision: latest, empty_at: None };
        let spans = match target {
            TargetRequest::Spans(spans) => spans,
            TargetRequest::Relation(relation) => return Ok(without_spans(Target::Relation(relation))),
            TargetRequest::Article => return Ok(without_spans(Target::Article)),
        };
        if text_revision == 0 && latest > 1 && spans.iter().any(|span| span.quote.is_empty()) {
            let message = format!(
                "is missing: the text was revised, and stands at text revision {latest}; say which one the ranges count \
                 in, or send the quotes"
            );
            return Err(Error::field("text_revision", message));
        }
        self.prepare_spans(article, spans).await
    }

    async fn prepare_spans(
        &self,
        article: &ArticleHandle,
        spans: Vec<SpanRequest>,
    ) -> Result<PreparedTarget> {
        // Three ranges of two ends.
        const POSITIONS_OF_SPAN: usize = 6;
        let text = self.text(article).await?;
        let is_searched =
            |span: &&SpanRequest| span.utf8.is_none() && span.utf16.is_none() && span.code_points.is_none();
        let searched = spans.iter().filter(is_searched).count();
        let walked = text.walked_bytes((spans.len() - searched).saturating_mul(POSITIONS_OF_SPAN));
        let bytes = text.as_str().len().saturating_mul(searched).saturating_add(walked);
        let text_revision = article.text.revision;
        let resolve = move || {
            let anchor =
                Anchor::resolve(&text, &spans, Empty::Allowed).map_err(|error| error.within("anchor"))?;
            let empty_at = anchor.first_empty().map(|index| {
                let unit = spans
                    .get(index)
                    .and_then(SpanRequest::unit)
                    .map_or(String::new(), |unit| format!(".{unit}"));
                format!("anchor.spans[{index}]{unit}")
            });
            let splits_graphemes = anchor.spans().iter().any(|span| splits_graphemes(&text, span));
            let mention = Mention { quotes: anchor.quotes(&text), anchor, splits_graphemes };
            Ok(PreparedTarget { target: Target::Spans(mention), text_revision, empty_at })
        };
        calculate(bytes, resolve).await?
    }
}

impl TargetRequest {
    fn kind(&self) -> TargetKind {
        match self {
            Self::Spans(_) => TargetKind::Spans,
            Self::Relation(_) => TargetKind::Relation,
            Self::Article => TargetKind::Article,
        }
    }
}

fn no_label() -> Error {
    Error::field("label", "is missing; say what the annotation says, such as PER or ORG")
}

fn no_target(field: &str) -> Error {
    Error::field(field, "is missing; say what the annotation is about: an anchor, a relation or the article")
}
