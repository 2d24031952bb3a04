//! What an annotation is about and what it says beside its label, to and from what is stored.

use bytes::Bytes;

use super::records::damaged;
use crate::{
    domain::{
        Error, Result,
        annotations::{Anchoring, AnchoringResult, Argument, Mention, Relation, State, Target},
        attributes::{AttributeValue, Attributes, attributes as checked},
        ids::{AnnotationId, AnnotationName},
        spans::Anchor,
    },
    proto::stored::{self, anchoring_record, attribute_record::Value},
};

/// Encodes attributes.
pub(super) fn attributes(attributes: &Attributes) -> Vec<stored::AttributeRecord> {
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
pub(super) fn read_attributes(records: Vec<stored::AttributeRecord>) -> Result<Attributes> {
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
pub(super) fn arguments(arguments: &[Argument]) -> Vec<stored::ArgumentRecord> {
    let record = |Argument { role, annotation }: &Argument| stored::ArgumentRecord {
        role: role.clone(),
        annotation: Bytes::copy_from_slice(annotation.as_bytes()),
    };
    arguments.iter().map(record).collect()
}

/// Reads what an annotation is about: spans, if there are any, arguments, or the article.
pub(super) fn read_target(
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
pub(super) fn state(state: State) -> stored::ReviewState {
    match state {
        State::Accepted => stored::ReviewState::Accepted,
        State::Suggested => stored::ReviewState::Suggested,
        State::Rejected => stored::ReviewState::Rejected,
    }
}

/// Reads what the review says.
pub(super) fn read_state(number: i32) -> Result<State> {
    match stored::ReviewState::try_from(number) {
        Ok(stored::ReviewState::Accepted) => Ok(State::Accepted),
        Ok(stored::ReviewState::Suggested) => Ok(State::Suggested),
        Ok(stored::ReviewState::Rejected) => Ok(State::Rejected),
        Err(_) => Err(Error::corrupt(format!("an annotation's state is {number}, which is none"))),
    }
}

/// Encodes what a new text made of an annotation.
pub(super) fn anchoring(anchoring: Anchoring) -> stored::AnchoringRecord {
    use anchoring_record::Result as Stored;
    let Anchoring { result, similarity, from_text_revision, needs_review } = anchoring;
    let result = match result {
        AnchoringResult::Unchanged => Stored::Unchanged,
        AnchoringResult::Shifted => Stored::Shifted,
        AnchoringResult::Moved => Stored::Moved,
        AnchoringResult::Modified => Stored::Modified,
        AnchoringResult::Orphaned => Stored::Orphaned,
    };
    stored::AnchoringRecord { result: result.into(), similarity, from_text_revision, needs_review }
}

/// Reads what a new text made of an annotation.
pub(super) fn read_anchoring(record: stored::AnchoringRecord) -> Result<Anchoring> {
    use anchoring_record::Result as Stored;
    let stored::AnchoringRecord { result: number, similarity, from_text_revision, needs_review } = record;
    let result = match Stored::try_from(number) {
        Ok(Stored::Unchanged) => AnchoringResult::Unchanged,
        Ok(Stored::Shifted) => AnchoringResult::Shifted,
        Ok(Stored::Moved) => AnchoringResult::Moved,
        Ok(Stored::Modified) => AnchoringResult::Modified,
        Ok(Stored::Orphaned) => AnchoringResult::Orphaned,
        Err(_) => return Err(Error::corrupt(format!("an anchoring's result is {number}, which is none"))),
    };
    Ok(Anchoring { result, similarity, from_text_revision, needs_review })
}

/// Reads what an annotation was made from.
pub(super) fn read_derived_from(names: &[String]) -> Result<Vec<AnnotationName>> {
    names.iter().map(|name| AnnotationName::parse("derived_from", name).map_err(damaged)).collect()
}
