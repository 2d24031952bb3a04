//! Label schemas.

use std::mem;

use super::{attempt, attributes, timestamp};
use crate::{
    app::label_schemas::SchemaUpdate,
    domain::{
        Error, Result,
        annotations::TargetKind,
        details::Mask,
        ids::ProjectName,
        requests::Method,
        revisions::ProjectUid,
        schema::{
            AttributeDefinition, AttributeKind, ExclusiveSet, LabelDefinition, Overlap, ProjectSchema,
            RoleDefinition, SchemaDefinition, SchemaMode, SpanRules,
        },
    },
    proto::v1,
    store::engine::Attempt,
};

pub use crate::app::label_schemas::name;

/// What stands after the project's name in the name of its label schema.
const SUFFIX: &str = "/labelSchema";

/// The project that the name of a label schema in the field `field` is of.
///
/// # Errors
///
/// FIELD_INVALID.
pub fn project_of(field: &str, name: &str) -> Result<ProjectName> {
    let malformed = || {
        let message = format!("{name:?} is not the name of a label schema: projects/{{project}}/labelSchema");
        Error::field(field, message)
    };
    ProjectName::parse(field, name.strip_suffix(SUFFIX).ok_or_else(malformed)?)
}

/// What UpdateLabelSchema asks for.
///
/// # Errors
///
/// FIELD_INVALID.
pub fn update(mut request: v1::UpdateLabelSchemaRequest) -> Result<(SchemaUpdate, Attempt)> {
    let id = mem::take(&mut request.request_id);
    let attempt = attempt(Method::UpdateLabelSchema, request.validate_only, &id, &request)?;
    let v1::UpdateLabelSchemaRequest { label_schema, update_mask, force, validate_only: _, request_id: _ } =
        request;
    let schema = super::required("label_schema", label_schema)?;
    let project = project_of("label_schema.name", &schema.name)?;
    let etag = schema.etag.clone();
    let definition = definition(schema).map_err(|error| error.within("label_schema"))?;
    let mask = Mask::parse("update_mask", update_mask.as_ref().map(|mask| mask.paths.as_slice()))?;
    Ok((SchemaUpdate { project, definition, mask, etag, force }, attempt))
}

/// What a schema says that a client sent. Fields are relative to it.
///
/// # Errors
///
/// FIELD_INVALID for an enum's number that is none, and for values of no kind.
pub fn definition(schema: v1::LabelSchema) -> Result<SchemaDefinition> {
    let mode = match schema.mode() {
        v1::LabelSchemaMode::Unspecified if schema.mode != 0 => return Err(unknown("mode", schema.mode)),
        v1::LabelSchemaMode::Unspecified | v1::LabelSchemaMode::Open => SchemaMode::Open,
        v1::LabelSchemaMode::Closed => SchemaMode::Closed,
    };
    let v1::LabelSchema {
        name: _,
        mode: _,
        labels,
        attributes,
        span_rules,
        exclusive_sets,
        revision: _,
        create_time: _,
        update_time: _,
        etag: _,
    } = schema;
    let exclusive = exclusive_sets.into_iter().map(|set| {
        let v1::ExclusiveSet { name, labels } = set;
        ExclusiveSet { name, labels }
    });
    Ok(SchemaDefinition {
        mode,
        labels: each("labels", labels, label)?,
        attributes: each("attributes", attributes, attribute)?,
        spans: rules(span_rules)?,
        exclusive: exclusive.collect(),
    })
}

/// A label schema as clients see it.
#[must_use]
pub fn label_schema(project: &ProjectName, uid: ProjectUid, schema: &ProjectSchema) -> v1::LabelSchema {
    let etag = schema.etag(uid).to_string();
    let ProjectSchema { schema, revision, create_time, update_time } = schema;
    let was_set = revision.0 > 0;
    v1::LabelSchema {
        name: name(project),
        revision: revision.0,
        create_time: was_set.then(|| timestamp(*create_time)),
        update_time: was_set.then(|| timestamp(*update_time)),
        etag,
        ..sent(schema.definition())
    }
}

/// What a schema says, as clients see it, without what the server knows of it.
#[must_use]
pub fn sent(definition: &SchemaDefinition) -> v1::LabelSchema {
    let SchemaDefinition { mode, labels, attributes, spans, exclusive } = definition;
    let mode = match mode {
        SchemaMode::Open => v1::LabelSchemaMode::Open,
        SchemaMode::Closed => v1::LabelSchemaMode::Closed,
    };
    let exclusive_sets = exclusive.iter().map(|set| {
        let ExclusiveSet { name, labels } = set;
        v1::ExclusiveSet { name: name.clone(), labels: labels.clone() }
    });
    v1::LabelSchema {
        mode: mode.into(),
        labels: labels.iter().map(sent_label).collect(),
        attributes: attributes.iter().map(sent_attribute).collect(),
        span_rules: sent_rules(*spans),
        exclusive_sets: exclusive_sets.collect(),
        ..v1::LabelSchema::default()
    }
}

fn label(definition: v1::LabelDefinition) -> Result<LabelDefinition> {
    let v1::LabelDefinition {
        label,
        kinds,
        parent,
        display_name,
        description,
        color,
        shortcut,
        r#abstract,
        span_rules,
        symmetric,
        transitive,
        roles,
    } = definition;
    Ok(LabelDefinition {
        label,
        kinds: self::kinds(&kinds)?,
        parent,
        display_name,
        description,
        color,
        shortcut,
        is_abstract: r#abstract,
        spans: rules(span_rules)?,
        symmetric,
        transitive,
        roles: each("roles", roles, role)?,
    })
}

fn sent_label(definition: &LabelDefinition) -> v1::LabelDefinition {
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
    v1::LabelDefinition {
        label: label.clone(),
        kinds: sent_kinds(kinds),
        parent: parent.clone(),
        display_name: display_name.clone(),
        description: description.clone(),
        color: color.clone(),
        shortcut: shortcut.clone(),
        r#abstract: *is_abstract,
        span_rules: sent_rules(*spans),
        symmetric: *symmetric,
        transitive: *transitive,
        roles: roles.iter().map(sent_role).collect(),
    }
}

fn role(definition: v1::RoleDefinition) -> Result<RoleDefinition> {
    let v1::RoleDefinition { role, labels, kinds, min_count, max_count } = definition;
    Ok(RoleDefinition { role, labels, kinds: self::kinds(&kinds)?, min_count, max_count })
}

fn sent_role(definition: &RoleDefinition) -> v1::RoleDefinition {
    let RoleDefinition { role, labels, kinds, min_count, max_count } = definition;
    v1::RoleDefinition {
        role: role.clone(),
        labels: labels.clone(),
        kinds: sent_kinds(kinds),
        min_count: *min_count,
        max_count: *max_count,
    }
}

fn attribute(definition: v1::AttributeDefinition) -> Result<AttributeDefinition> {
    let kind = match definition.kind() {
        v1::AttributeKind::Unspecified => return Err(unknown("kind", definition.kind)),
        v1::AttributeKind::Bool => AttributeKind::Bool,
        v1::AttributeKind::Int => AttributeKind::Int,
        v1::AttributeKind::Double => AttributeKind::Double,
        v1::AttributeKind::String => AttributeKind::String,
        v1::AttributeKind::StringList => AttributeKind::StringList,
    };
    let v1::AttributeDefinition {
        name,
        kind: _,
        display_name,
        description,
        labels,
        kinds,
        allowed_values,
        minimum,
        maximum,
        required,
        default_value,
    } = definition;
    let value = |field, value: Option<_>| value.map(|value| attributes::value(field, value)).transpose();
    Ok(AttributeDefinition {
        name,
        kind,
        display_name,
        description,
        labels,
        kinds: self::kinds(&kinds)?,
        allowed_values,
        minimum: value("minimum", minimum)?,
        maximum: value("maximum", maximum)?,
        required,
        default: value("default_value", default_value)?,
    })
}

fn sent_attribute(definition: &AttributeDefinition) -> v1::AttributeDefinition {
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
    let kind = match kind {
        AttributeKind::Bool => v1::AttributeKind::Bool,
        AttributeKind::Int => v1::AttributeKind::Int,
        AttributeKind::Double => v1::AttributeKind::Double,
        AttributeKind::String => v1::AttributeKind::String,
        AttributeKind::StringList => v1::AttributeKind::StringList,
    };
    v1::AttributeDefinition {
        name: name.clone(),
        kind: kind.into(),
        display_name: display_name.clone(),
        description: description.clone(),
        labels: labels.clone(),
        kinds: sent_kinds(kinds),
        allowed_values: allowed_values.clone(),
        minimum: minimum.as_ref().map(attributes::sent_value),
        maximum: maximum.as_ref().map(attributes::sent_value),
        required: *required,
        default_value: default.as_ref().map(attributes::sent_value),
    }
}

fn rules(rules: Option<v1::SpanRules>) -> Result<SpanRules> {
    let rules = rules.unwrap_or_default();
    let overlap = match rules.overlap() {
        v1::Overlap::Unspecified if rules.overlap != 0 => {
            return Err(unknown("span_rules.overlap", rules.overlap));
        }
        v1::Overlap::Unspecified => None,
        v1::Overlap::None => Some(Overlap::None),
        v1::Overlap::Nested => Some(Overlap::Nested),
        v1::Overlap::Any => Some(Overlap::Any),
    };
    let v1::SpanRules { overlap: _, discontinuous, empty, grapheme_splits } = rules;
    Ok(SpanRules { overlap, discontinuous, empty, grapheme_splits })
}

fn sent_rules(rules: SpanRules) -> Option<v1::SpanRules> {
    let SpanRules { overlap, discontinuous, empty, grapheme_splits } = rules;
    let overlap = match overlap {
        None => v1::Overlap::Unspecified,
        Some(Overlap::None) => v1::Overlap::None,
        Some(Overlap::Nested) => v1::Overlap::Nested,
        Some(Overlap::Any) => v1::Overlap::Any,
    };
    (rules != SpanRules::default()).then(|| v1::SpanRules {
        overlap: overlap.into(),
        discontinuous,
        empty,
        grapheme_splits,
    })
}

fn kinds(numbers: &[i32]) -> Result<Vec<TargetKind>> {
    let kind = |(index, number): (usize, &i32)| match v1::TargetKind::try_from(*number) {
        Ok(v1::TargetKind::Spans) => Ok(TargetKind::Spans),
        Ok(v1::TargetKind::Relation) => Ok(TargetKind::Relation),
        Ok(v1::TargetKind::Article) => Ok(TargetKind::Article),
        Ok(v1::TargetKind::Unspecified) | Err(_) => Err(unknown(&format!("kinds[{index}]"), *number)),
    };
    numbers.iter().enumerate().map(kind).collect()
}

fn sent_kinds(kinds: &[TargetKind]) -> Vec<i32> {
    let number = |kind: &TargetKind| match kind {
        TargetKind::Spans => v1::TargetKind::Spans,
        TargetKind::Relation => v1::TargetKind::Relation,
        TargetKind::Article => v1::TargetKind::Article,
    };
    kinds.iter().map(|kind| number(kind).into()).collect()
}

/// Each element of the list in the field `field`, whose errors say which one it is.
fn each<A, B>(field: &str, list: Vec<A>, one: impl Fn(A) -> Result<B>) -> Result<Vec<B>> {
    let at = |(index, element)| one(element).map_err(|error| error.within(&format!("{field}[{index}]")));
    list.into_iter().enumerate().map(at).collect()
}

fn unknown(field: &str, number: i32) -> Error {
    let message = if number == 0 {
        "is missing; name one".to_owned()
    } else {
        format!("is {number}, which this server does not know")
    };
    Error::field(field, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::domain::schema::samples::{everything, some_schema};

    #[test]
    fn a_schema_that_was_sent_is_read_as_it_was() {
        let sent = sent(everything().definition());
        assert_eq!(definition(sent), Ok(everything().into_definition()));
    }

    #[test]
    fn names_are_of_one_schema_a_project() {
        let check = |name: &str, expected: Result<&str, &str>| {
            let got = project_of("name", name).map(|project| self::name(&project));
            assert_eq!(
                got.map_err(|error| error.to_string()),
                expected.map(str::to_owned).map_err(str::to_owned)
            );
        };
        check("projects/p/labelSchema", Ok("projects/p/labelSchema"));
        check(
            "projects/p",
            Err("name: \"projects/p\" is not the name of a label schema: projects/{project}/labelSchema"),
        );
        assert!(project_of("name", "projects//labelSchema").is_err());
    }

    #[test]
    fn what_is_not_known_is_refused_where_it_stands() {
        let check = |change: fn(&mut v1::LabelSchema), expected: &str| {
            let mut schema = sent(everything().definition());
            change(&mut schema);
            assert_eq!(definition(schema).unwrap_err().to_string(), expected);
        };
        check(|schema| schema.mode = 7, "mode: is 7, which this server does not know");
        check(|schema| schema.labels[1].kinds = vec![0], "labels[1].kinds[0]: is missing; name one");
        check(
            |schema| schema.labels[1].span_rules.get_or_insert_default().overlap = 9,
            "labels[1].span_rules.overlap: is 9, which this server does not know",
        );
        check(
            |schema| schema.labels[2].roles[0].kinds = vec![4],
            "labels[2].roles[0].kinds[0]: is 4, which this server does not know",
        );
        check(|schema| schema.attributes[0].kind = 0, "attributes[0].kind: is missing; name one");
        check(
            |schema| schema.attributes[0].default_value = Some(v1::AttributeValue { kind: None }),
            "attributes[0].default_value: has no value; send a bool, int, double or string, or a list of strings",
        );
    }

    proptest! {
        #[test]
        fn any_schema_is_sent_and_read_as_it_was(schema in some_schema()) {
            let sent = sent(schema.definition());
            prop_assert!(sent.encoded_len() <= schema.definition().bytes());
            prop_assert_eq!(definition(sent), Ok(schema.into_definition()));
        }
    }
}
