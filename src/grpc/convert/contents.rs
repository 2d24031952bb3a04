//! What an annotation is about and what is said of it.

use super::{attributes, spans};
use crate::{
    app::contents::{Content, TargetRequest},
    domain::{
        Error, Result,
        annotations::{self, Anchoring, AnchoringResult, Argument, Label, Mention, Relation, State, Target},
        details::bounded,
        ids::{AnnotationName, ArticleName, LayerId},
    },
    limits,
    proto::v1,
};

/// What a client says that an annotation of `article` is. Fields are relative to the annotation.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED.
pub(super) fn parse(article: &ArticleName, annotation: v1::Annotation) -> Result<Content> {
    let v1::Annotation {
        name: _,
        layer,
        label,
        target,
        attributes,
        note,
        score,
        state,
        anchoring: _,
        text_revision,
        creator: _,
        derived_from,
        revision: _,
        create_time: _,
        update_time: _,
        etag: _,
    } = annotation;
    Ok(Content {
        layer: if layer.is_empty() { None } else { Some(LayerId::parse("layer", &layer)?) },
        label: if label.is_empty() { None } else { Some(Label::parse("label", &label)?) },
        target: target.map(|target| target_request(article, target)).transpose()?,
        attributes: attributes::parse("attributes", attributes)?,
        note: bounded("note", "the note", note, limits::NOTE_BYTES_MAX)?,
        score: score.map(|score| annotations::score("score", score)).transpose()?,
        state: sent_state("state", state)?,
        derived_from: annotations::derived_from("derived_from", &derived_from)?,
        text_revision,
    })
}

fn target_request(article: &ArticleName, target: v1::annotation::Target) -> Result<TargetRequest> {
    use v1::annotation::Target;
    match target {
        Target::Anchor(v1::Anchor { spans }) => {
            Ok(TargetRequest::Spans(spans.into_iter().map(spans::request).collect()))
        }
        Target::Relation(v1::Relation { arguments }) => {
            let argument = |(index, argument): (usize, v1::Argument)| {
                let v1::Argument { role, annotation } = argument;
                let field = format!("relation.arguments[{index}].annotation");
                let name = AnnotationName::parse(&field, &annotation)?;
                if name.article != *article {
                    let message = format!("is not in {article}; a relation stays within its article");
                    return Err(Error::field(field, message));
                }
                Ok(Argument { role, annotation: name.annotation })
            };
            let arguments = arguments.into_iter().enumerate().map(argument).collect::<Result<_>>()?;
            let relation = Relation::new(arguments).map_err(|error| error.within("relation"))?;
            Ok(TargetRequest::Relation(relation))
        }
        Target::Article(v1::WholeArticle {}) => Ok(TargetRequest::Article),
    }
}

/// The state in the field `field`; none when it was left out.
///
/// # Errors
///
/// FIELD_INVALID.
pub(super) fn sent_state(field: &str, number: i32) -> Result<Option<State>> {
    match v1::State::try_from(number) {
        Ok(v1::State::Unspecified) => Ok(None),
        Ok(v1::State::Suggested) => Ok(Some(State::Suggested)),
        Ok(v1::State::Accepted) => Ok(Some(State::Accepted)),
        Ok(v1::State::Rejected) => Ok(Some(State::Rejected)),
        Err(_) => {
            let message = format!("is {number}; send SUGGESTED (1), ACCEPTED (2) or REJECTED (3)");
            Err(Error::field(field, message))
        }
    }
}

/// What an annotation is about, as clients see it.
pub(super) fn target(article: &ArticleName, target: &Target) -> v1::annotation::Target {
    match target {
        Target::Spans(Mention { anchor, quotes, splits_graphemes: _ }) => {
            let quotes = quotes.iter().cloned().chain(std::iter::repeat(String::new()));
            let spans = anchor.spans().iter().zip(quotes);
            let spans = spans.map(|(range, quote)| spans::span(range, quote)).collect();
            v1::annotation::Target::Anchor(v1::Anchor { spans })
        }
        Target::Relation(Relation { arguments }) => {
            let argument = |Argument { role, annotation }: &Argument| v1::Argument {
                role: role.clone(),
                annotation: article.annotation(*annotation).to_string(),
            };
            v1::annotation::Target::Relation(v1::Relation {
                arguments: arguments.iter().map(argument).collect(),
            })
        }
        Target::Article => v1::annotation::Target::Article(v1::WholeArticle {}),
    }
}

/// What a review says, as clients see it.
#[must_use]
pub fn state(state: State) -> v1::State {
    match state {
        State::Suggested => v1::State::Suggested,
        State::Accepted => v1::State::Accepted,
        State::Rejected => v1::State::Rejected,
    }
}

/// How an annotation came to its place, as clients see it.
#[must_use]
pub fn anchoring_result(result: AnchoringResult) -> v1::AnchoringResult {
    match result {
        AnchoringResult::Unchanged => v1::AnchoringResult::Unchanged,
        AnchoringResult::Shifted => v1::AnchoringResult::Shifted,
        AnchoringResult::Moved => v1::AnchoringResult::Moved,
        AnchoringResult::Modified => v1::AnchoringResult::Modified,
        AnchoringResult::Orphaned => v1::AnchoringResult::Orphaned,
    }
}

/// What a text made of an annotation, as clients see it.
#[must_use]
pub fn anchoring(anchoring: Anchoring) -> v1::Anchoring {
    let Anchoring { result, similarity, from_text_revision, needs_review } = anchoring;
    let result = anchoring_result(result).into();
    v1::Anchoring { result, similarity, from_text_revision, needs_review }
}
