//! Annotations, to and from what is stored.

use bytes::Bytes;

use super::damaged;
use crate::{
    domain::{
        Error, Result,
        annotations::{
            Anchoring, AnchoringResult, Annotation, Argument, Label, Mention, Relation, State, Target,
            TargetKind,
        },
        attributes::{AttributeValue, Attributes, attributes as checked},
        ids::{AnnotationId, AnnotationName, LayerId},
        revisions::{Revision, Timestamp},
        spans::Anchor,
        text::{Position, TextRange},
    },
    proto::stored::{self, attribute_record::Value},
};

/// Encodes an annotation; its id is kept beside it.
#[must_use]
pub fn annotation(annotation: &Annotation) -> stored::AnnotationRecord {
    let Annotation {
        id: _,
        layer,
        label,
        target,
        attributes,
        note,
        score,
        state,
        anchoring,
        derived_from,
        text_revision,
        revision,
        create_time,
        update_time,
    } = annotation;
    let mention = target.mention();
    stored::AnnotationRecord {
        layer: if layer.as_str() == LayerId::DEFAULT { String::new() } else { layer.as_str().to_owned() },
        label: label.as_str().to_owned(),
        spans: mention.map_or_else(Vec::new, |mention| distances(mention.anchor.spans())),
        quotes: mention.map_or_else(Vec::new, |mention| mention.quotes.clone()),
        text_revision: if *text_revision == 1 { 0 } else { *text_revision },
        revision: revision.0,
        create_time_us: create_time.0,
        updated_after_us: update_time.0 - create_time.0,
        arguments: argument_records(target.arguments()),
        is_of_article: target.kind() == TargetKind::Article,
        attributes: attribute_records(attributes),
        note: note.clone(),
        score: *score,
        state: state_record(*state).into(),
        anchoring: anchoring.map(anchoring_record),
        derived_from: derived_from.iter().map(ToString::to_string).collect(),
        splits_graphemes: mention.is_some_and(|mention| mention.splits_graphemes),
    }
}

/// Reads an annotation.
///
/// # Errors
///
/// STORAGE_CORRUPT.
pub fn read_annotation(id: AnnotationId, record: stored::AnnotationRecord) -> Result<Annotation> {
    let stored::AnnotationRecord {
        layer,
        label,
        spans,
        quotes,
        text_revision,
        revision,
        create_time_us,
        updated_after_us,
        arguments,
        is_of_article,
        attributes,
        note,
        score,
        state,
        anchoring,
        derived_from,
        splits_graphemes,
    } = record;
    let layer = if layer.is_empty() { LayerId::DEFAULT } else { &layer };
    let read_anchor = || {
        let anchor = ranges(&spans).and_then(Anchor::from_ranges);
        anchor.ok_or_else(|| Error::corrupt(format!("the spans of annotation {id} are not in order")))
    };
    let anchor = if spans.is_empty() { None } else { Some(read_anchor()?) };
    Ok(Annotation {
        id,
        layer: LayerId::parse("layer", layer).map_err(damaged)?,
        label: Label::parse("label", &label).map_err(damaged)?,
        target: read_target(anchor, (quotes, splits_graphemes), arguments, is_of_article)?,
        attributes: read_attributes(attributes)?,
        note,
        score,
        state: read_state(state)?,
        anchoring: anchoring.map(read_anchoring).transpose()?,
        derived_from: read_derived_from(&derived_from)?,
        text_revision: text_revision.max(1),
        revision: Revision(revision),
        create_time: Timestamp(create_time_us),
        update_time: Timestamp(create_time_us.saturating_add(updated_after_us)),
    })
}

/// Encodes attributes.
fn attribute_records(attributes: &Attributes) -> Vec<stored::AttributeRecord> {
    let record = |(name, value): (&String, &AttributeValue)| {
        let value = match value {
            AttributeValue::Bool(value) => Value::BoolValue(*value),
            AttributeValue::Int(value) => Value::IntValue(*value),
            AttributeValue::Double(value) => Value::DoubleValue(*value),
            AttributeValue::String(value) => Value::StringValue(value.clone()),
            AttributeValue::StringList(values) => {
                Value::StringList(stored::StringListRecord { values: values.clone() })
            }
        };
        stored::AttributeRecord { name: name.clone(), value: Some(value) }
    };
    attributes.iter().map(record).collect()
}

/// Reads attributes.
fn read_attributes(records: Vec<stored::AttributeRecord>) -> Result<Attributes> {
    if records.is_empty() {
        return Ok(Attributes::new());
    }
    let read = |stored::AttributeRecord { name, value }| {
        let value = match value.ok_or_else(|| Error::corrupt(format!("attribute {name:?} has no value")))? {
            Value::BoolValue(value) => AttributeValue::Bool(value),
            Value::IntValue(value) => AttributeValue::Int(value),
            Value::DoubleValue(value) => AttributeValue::Double(value),
            Value::StringValue(value) => AttributeValue::String(value),
            Value::StringList(stored::StringListRecord { values }) => AttributeValue::StringList(values),
        };
        Ok((name, value))
    };
    let count = records.len();
    let entries: Vec<_> = records.into_iter().map(read).collect::<Result<_>>()?;
    let attributes = checked("attributes", entries).map_err(damaged)?;
    if attributes.len() == count {
        Ok(attributes)
    } else {
        Err(Error::corrupt("an attribute stands there twice"))
    }
}

/// Encodes the arguments of a relation.
fn argument_records(arguments: &[Argument]) -> Vec<stored::ArgumentRecord> {
    let record = |Argument { role, annotation }: &Argument| stored::ArgumentRecord {
        role: role.clone(),
        annotation: Bytes::copy_from_slice(annotation.as_bytes()),
    };
    arguments.iter().map(record).collect()
}

/// Reads what an annotation is about: spans, if there are any, arguments, or the article.
fn read_target(
    spans: Option<Anchor>,
    (quotes, splits_graphemes): (Vec<String>, bool),
    arguments: Vec<stored::ArgumentRecord>,
    is_of_article: bool,
) -> Result<Target> {
    match (spans, arguments.is_empty(), is_of_article) {
        (Some(anchor), true, false) => Ok(Target::Spans(Mention { anchor, quotes, splits_graphemes })),
        (None, false, false) => {
            let read = |stored::ArgumentRecord { role, annotation }| {
                let id = annotation.as_ref().try_into();
                let id = id.map_err(|_| Error::corrupt("an argument's id is not 16 bytes"))?;
                Ok(Argument { role, annotation: AnnotationId::from_bytes(id) })
            };
            let arguments = arguments.into_iter().map(read).collect::<Result<_>>()?;
            Relation::new(arguments).map(Target::Relation).map_err(damaged)
        }
        (None, true, true) => Ok(Target::Article),
        (_, _, _) => Err(Error::corrupt("an annotation is about nothing, or about several things")),
    }
}

/// Encodes what the review says.
fn state_record(state: State) -> stored::ReviewState {
    match state {
        State::Accepted => stored::ReviewState::Unspecified,
        State::Suggested => stored::ReviewState::Suggested,
        State::Rejected => stored::ReviewState::Rejected,
    }
}

/// Reads what the review says.
fn read_state(number: i32) -> Result<State> {
    match stored::ReviewState::try_from(number) {
        Ok(stored::ReviewState::Unspecified) => Ok(State::Accepted),
        Ok(stored::ReviewState::Suggested) => Ok(State::Suggested),
        Ok(stored::ReviewState::Rejected) => Ok(State::Rejected),
        Err(_) => Err(Error::corrupt(format!("an annotation's state is {number}, which is none"))),
    }
}

/// Encodes what a new text made of an annotation.
fn anchoring_record(anchoring: Anchoring) -> stored::AnchoringRecord {
    use stored::anchoring_record::Result as Stored;
    let Anchoring { result, similarity, from_text_revision, needs_review } = anchoring;
    let result = match result {
        AnchoringResult::Unchanged => Stored::Unspecified,
        AnchoringResult::Shifted => Stored::Shifted,
        AnchoringResult::Moved => Stored::Moved,
        AnchoringResult::Modified => Stored::Modified,
        AnchoringResult::Orphaned => Stored::Orphaned,
    };
    stored::AnchoringRecord { result: result.into(), similarity, from_text_revision, needs_review }
}

/// Reads what a new text made of an annotation.
fn read_anchoring(record: stored::AnchoringRecord) -> Result<Anchoring> {
    use stored::anchoring_record::Result as Stored;
    let stored::AnchoringRecord { result: number, similarity, from_text_revision, needs_review } = record;
    let result = match Stored::try_from(number) {
        Ok(Stored::Unspecified) => AnchoringResult::Unchanged,
        Ok(Stored::Shifted) => AnchoringResult::Shifted,
        Ok(Stored::Moved) => AnchoringResult::Moved,
        Ok(Stored::Modified) => AnchoringResult::Modified,
        Ok(Stored::Orphaned) => AnchoringResult::Orphaned,
        Err(_) => return Err(Error::corrupt(format!("an anchoring's result is {number}, which is none"))),
    };
    Ok(Anchoring { result, similarity, from_text_revision, needs_review })
}

/// Reads what an annotation was made from.
fn read_derived_from(names: &[String]) -> Result<Vec<AnnotationName>> {
    names.iter().map(|name| AnnotationName::parse("derived_from", name).map_err(damaged)).collect()
}

/// Start and end of each span in each unit, each as its distance from the number before it in the same unit.
fn distances(spans: &[TextRange]) -> Vec<u32> {
    let mut last = Position::default();
    let mut distances = Vec::with_capacity(spans.len() * 6);
    for position in spans.iter().flat_map(|span| [span.start, span.end]) {
        distances.extend([
            position.utf8.wrapping_sub(last.utf8),
            position.utf16.wrapping_sub(last.utf16),
            position.code_points.wrapping_sub(last.code_points),
        ]);
        last = position;
    }
    distances
}

fn ranges(distances: &[u32]) -> Option<Vec<TextRange>> {
    let mut last = Position::default();
    let mut positions = Vec::with_capacity(distances.len() / 3);
    for distance in distances.chunks(3) {
        let [utf8, utf16, code_points] = distance.try_into().ok()?;
        last = Position {
            utf8: last.utf8.checked_add(utf8)?,
            utf16: last.utf16.checked_add(utf16)?,
            code_points: last.code_points.checked_add(code_points)?,
        };
        positions.push(last);
    }
    let pair =
        |pair: &[Position]| <[Position; 2]>::try_from(pair).ok().map(|[start, end]| TextRange { start, end });
    positions.chunks(2).map(pair).collect()
}
