//! A project's label schema as it is stored. Reading checks everything again: what does not hold is damage.

use crate::{
    domain::{
        Error, Result,
        annotations::TargetKind,
        attributes::AttributeValue,
        revisions::{Revision, Timestamp},
        schema::{
            AttributeDefinition, AttributeKind, ExclusiveSet, LabelDefinition, LabelSchema, Overlap,
            ProjectSchema, RoleDefinition, SchemaDefinition, SchemaMode, SpanRules,
        },
    },
    proto::stored::{self, schema_value_record::Kind},
};

/// Encodes a label schema.
#[must_use]
pub fn label_schema(schema: &ProjectSchema) -> stored::LabelSchemaRecord {
    let ProjectSchema { schema, revision, create_time, update_time } = schema;
    let SchemaDefinition { mode, labels, attributes, spans, exclusive } = schema.definition();
    stored::LabelSchemaRecord {
        closed: *mode == SchemaMode::Closed,
        labels: labels.iter().map(label).collect(),
        attributes: attributes.iter().map(attribute).collect(),
        spans: span_rules(*spans),
        exclusive: exclusive.iter().map(exclusive_set).collect(),
        revision: revision.0,
        create_time_us: create_time.0,
        update_time_us: update_time.0,
    }
}

/// Reads a label schema.
///
/// # Errors
///
/// STORAGE_CORRUPT.
pub fn read_label_schema(record: stored::LabelSchemaRecord) -> Result<ProjectSchema> {
    let stored::LabelSchemaRecord {
        closed,
        labels,
        attributes,
        spans,
        exclusive,
        revision,
        create_time_us,
        update_time_us,
    } = record;
    let definition = SchemaDefinition {
        mode: if closed { SchemaMode::Closed } else { SchemaMode::Open },
        labels: labels.into_iter().map(read_label).collect::<Result<_>>()?,
        attributes: attributes.into_iter().map(read_attribute).collect::<Result<_>>()?,
        spans: read_span_rules(spans)?,
        exclusive: exclusive.into_iter().map(read_exclusive_set).collect(),
    };
    Ok(ProjectSchema {
        schema: LabelSchema::parse(definition)
            .map_err(|error| Error::corrupt(format!("a label schema does not hold: {error}")))?,
        revision: Revision(revision),
        create_time: Timestamp(create_time_us),
        update_time: Timestamp(update_time_us),
    })
}

fn label(definition: &LabelDefinition) -> stored::LabelDefinitionRecord {
    let LabelDefinition {
        label,
        kinds,
        parent,
        display_name,
        description,
        color,
        shortcut,
        is_abstract,
        spans,
        symmetric,
        transitive,
        roles,
    } = definition;
    stored::LabelDefinitionRecord {
        label: label.clone(),
        kinds: kind_numbers(kinds),
        parent: parent.clone(),
        display_name: display_name.clone(),
        description: description.clone(),
        color: color.clone(),
        shortcut: shortcut.clone(),
        r#abstract: *is_abstract,
        spans: span_rules(*spans),
        symmetric: *symmetric,
        transitive: *transitive,
        roles: roles.iter().map(role).collect(),
    }
}

fn read_label(record: stored::LabelDefinitionRecord) -> Result<LabelDefinition> {
    let stored::LabelDefinitionRecord {
        label,
        kinds,
        parent,
        display_name,
        description,
        color,
        shortcut,
        r#abstract,
        spans,
        symmetric,
        transitive,
        roles,
    } = record;
    Ok(LabelDefinition {
        label,
        kinds: read_kinds(&kinds)?,
        parent,
        display_name,
        description,
        color,
        shortcut,
        is_abstract: r#abstract,
        spans: read_span_rules(spans)?,
        symmetric,
        transitive,
        roles: roles.into_iter().map(read_role).collect::<Result<_>>()?,
    })
}

fn role(definition: &RoleDefinition) -> stored::RoleDefinitionRecord {
    let RoleDefinition { role, labels, kinds, min_count, max_count } = definition;
    stored::RoleDefinitionRecord {
        role: role.clone(),
        labels: labels.clone(),
        kinds: kind_numbers(kinds),
        min_count: *min_count,
        max_count: *max_count,
    }
}

fn read_role(record: stored::RoleDefinitionRecord) -> Result<RoleDefinition> {
    let stored::RoleDefinitionRecord { role, labels, kinds, min_count, max_count } = record;
    Ok(RoleDefinition { role, labels, kinds: read_kinds(&kinds)?, min_count, max_count })
}

fn attribute(definition: &AttributeDefinition) -> stored::AttributeDefinitionRecord {
    let AttributeDefinition {
        name,
        kind,
        display_name,
        description,
        labels,
        kinds,
        allowed_values,
        minimum,
        maximum,
        required,
        default,
    } = definition;
    stored::AttributeDefinitionRecord {
        name: name.clone(),
        kind: match kind {
            AttributeKind::Bool => 1,
            AttributeKind::Int => 2,
            AttributeKind::Double => 3,
            AttributeKind::String => 4,
            AttributeKind::StringList => 5,
        },
        display_name: display_name.clone(),
        description: description.clone(),
        labels: labels.clone(),
        kinds: kind_numbers(kinds),
        allowed_values: allowed_values.clone(),
        minimum: minimum.as_ref().map(value),
        maximum: maximum.as_ref().map(value),
        required: *required,
        default: default.as_ref().map(value),
    }
}

fn read_attribute(record: stored::AttributeDefinitionRecord) -> Result<AttributeDefinition> {
    let stored::AttributeDefinitionRecord {
        name,
        kind,
        display_name,
        description,
        labels,
        kinds,
        allowed_values,
        minimum,
        maximum,
        required,
        default,
    } = record;
    Ok(AttributeDefinition {
        name,
        kind: match kind {
            1 => AttributeKind::Bool,
            2 => AttributeKind::Int,
            3 => AttributeKind::Double,
            4 => AttributeKind::String,
            5 => AttributeKind::StringList,
            other => return Err(unknown("a kind of attributes", other)),
        },
        display_name,
        description,
        labels,
        kinds: read_kinds(&kinds)?,
        allowed_values,
        minimum: minimum.map(read_value).transpose()?,
        maximum: maximum.map(read_value).transpose()?,
        required,
        default: default.map(read_value).transpose()?,
    })
}

fn value(value: &AttributeValue) -> stored::SchemaValueRecord {
    let kind = match value {
        AttributeValue::Bool(value) => Kind::Bool(*value),
        AttributeValue::Int(value) => Kind::Int(*value),
        AttributeValue::Double(value) => Kind::Double(*value),
        AttributeValue::String(value) => Kind::String(value.clone()),
        AttributeValue::StringList(values) => {
            Kind::Strings(stored::SchemaStringsRecord { values: values.clone() })
        }
    };
    stored::SchemaValueRecord { kind: Some(kind) }
}

fn read_value(record: stored::SchemaValueRecord) -> Result<AttributeValue> {
    let stored::SchemaValueRecord { kind } = record;
    match kind {
        Some(Kind::Bool(value)) => Ok(AttributeValue::Bool(value)),
        Some(Kind::Int(value)) => Ok(AttributeValue::Int(value)),
        Some(Kind::Double(value)) => Ok(AttributeValue::Double(value)),
        Some(Kind::String(value)) => Ok(AttributeValue::String(value)),
        Some(Kind::Strings(stored::SchemaStringsRecord { values })) => Ok(AttributeValue::StringList(values)),
        None => Err(Error::corrupt("a value in a label schema is of no kind")),
    }
}

fn exclusive_set(set: &ExclusiveSet) -> stored::ExclusiveSetRecord {
    let ExclusiveSet { name, labels } = set;
    stored::ExclusiveSetRecord { name: name.clone(), labels: labels.clone() }
}

fn read_exclusive_set(record: stored::ExclusiveSetRecord) -> ExclusiveSet {
    let stored::ExclusiveSetRecord { name, labels } = record;
    ExclusiveSet { name, labels }
}

fn span_rules(rules: SpanRules) -> Option<stored::SpanRulesRecord> {
    if rules == SpanRules::default() {
        return None;
    }
    let SpanRules { overlap, discontinuous, empty, grapheme_splits } = rules;
    let answer = |answer: Option<bool>| answer.map_or(0, |yes| if yes { 2 } else { 1 });
    Some(stored::SpanRulesRecord {
        overlap: match overlap {
            None => 0,
            Some(Overlap::None) => 1,
            Some(Overlap::Nested) => 2,
            Some(Overlap::Any) => 3,
        },
        discontinuous: answer(discontinuous),
        empty: answer(empty),
        grapheme_splits: answer(grapheme_splits),
    })
}

fn read_span_rules(record: Option<stored::SpanRulesRecord>) -> Result<SpanRules> {
    let stored::SpanRulesRecord { overlap, discontinuous, empty, grapheme_splits } =
        record.unwrap_or_default();
    let answer = |number| match number {
        0 => Ok(None),
        1 => Ok(Some(false)),
        2 => Ok(Some(true)),
        other => Err(unknown("an answer", other)),
    };
    Ok(SpanRules {
        overlap: match overlap {
            0 => None,
            1 => Some(Overlap::None),
            2 => Some(Overlap::Nested),
            3 => Some(Overlap::Any),
            other => return Err(unknown("an overlap", other)),
        },
        discontinuous: answer(discontinuous)?,
        empty: answer(empty)?,
        grapheme_splits: answer(grapheme_splits)?,
    })
}

fn kind_numbers(kinds: &[TargetKind]) -> Vec<u32> {
    let number = |kind: &TargetKind| match kind {
        TargetKind::Spans => 1,
        TargetKind::Relation => 2,
        TargetKind::Article => 3,
    };
    kinds.iter().map(number).collect()
}

fn read_kinds(numbers: &[u32]) -> Result<Vec<TargetKind>> {
    let kind = |number: &u32| match number {
        1 => Ok(TargetKind::Spans),
        2 => Ok(TargetKind::Relation),
        3 => Ok(TargetKind::Article),
        other => Err(unknown("a kind", *other)),
    };
    numbers.iter().map(kind).collect()
}

fn unknown(what: &str, number: u32) -> Error {
    Error::corrupt(format!("{what} in a label schema is {number}, which there is not"))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};
    use prost::Message as _;

    use super::*;
    use crate::domain::{Problem, schema::samples::everything};

    const TIME: Timestamp = Timestamp(1_700_000_000_000_000);

    const SCHEMA: &str = "080112230a06506572736f6e1202010322045a6fc3ab2a01643207233166373762343a01704001121a0a065772697465721a0650\
        6572736f6e4a08080110011802200112280a0646616d696c791201025001580162170a066d656d6265721206506572736f6e1a01\
        01200228031a380a04726f6c6510041a04526f6c652204776861742a065772697465723201013a046865726f3a0776696c6c6169\
        6e50015a0622046865726f1a140a036167651002420210014a0310ac025a0210001a1f0a0573636f726510034a09190000000000\
        00f83f5a0919000000000000d0bf1a0c0a047375726510015a0208011a110a047461677310055a072a050a01610a002204080310\
        022a0f0a0567656e72651206506572736f6e30ac02388080f9c0c1c48203408180f9c0c1c48203";

    fn a_project_schema() -> ProjectSchema {
        ProjectSchema {
            schema: everything(),
            revision: Revision(300),
            create_time: TIME,
            update_time: Timestamp(TIME.0 + 1),
        }
    }

    /// These bytes are on people's disks.
    #[test]
    fn a_schema_keeps_its_bytes() {
        assert_eq!(hex::encode(label_schema(&a_project_schema()).encode_to_vec()), SCHEMA);
        let record = stored::LabelSchemaRecord::decode(hex::decode(SCHEMA).unwrap().as_slice()).unwrap();
        assert_eq!(read_label_schema(record), Ok(a_project_schema()));
    }

    /// What an older version wrote without a field is read with its default.
    #[test]
    fn what_is_left_out_is_read_as_its_default() {
        let read = read_label_schema(stored::LabelSchemaRecord::default()).unwrap();
        assert!(read.schema.is_default());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn any_bytes_are_a_schema_or_damage(
            damages in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let mut bytes = hex::decode(SCHEMA).unwrap();
            for (at, byte) in damages {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let Ok(record) = stored::LabelSchemaRecord::decode(bytes.as_slice()) else { return Ok(()) };
            match read_label_schema(record) {
                Ok(schema) => prop_assert_eq!(read_label_schema(label_schema(&schema)), Ok(schema)),
                Err(error) => prop_assert!(matches!(error.problem, Problem::StorageCorrupt(_)), "{}", error),
            }
        }
    }
}
