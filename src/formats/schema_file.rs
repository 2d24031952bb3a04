//! A label schema as a file, in YAML or JSON of the same shape. Names and words are those of the API's `LabelSchema`, in
//! lower case:
//!
//! ```yaml
//! mode: closed                  # or open, when left out
//! span_rules:                   # for all labels that say nothing else
//!   overlap: nested             # none, nested or any
//!   discontinuous: true
//!   empty: false
//!   grapheme_splits: false
//! labels:
//!   - Place                     # short for "label: Place"
//!   - label: Person
//!     kinds: [spans]            # spans, relation, article
//!     parent: Entity
//!     color: "#1f77b4"
//!     shortcut: p
//!   - label: Entity
//!     abstract: true
//!   - label: Family
//!     kinds: relation           # a list of one needs no brackets
//!     symmetric: true
//!     roles:
//!       - role: member
//!         labels: [Person]
//!         min_count: 2
//! attributes:
//!   - name: certainty
//!     kind: string              # bool, int, double, string, string_list
//!     allowed_values: [low, high]
//!     default_value: high
//!     labels: [Entity]
//! exclusive_sets:
//!   - name: genre
//!     labels: [News, Novel]
//! ```

use super::tree::{self, FileError, Node, Tree};
use crate::{
    domain::{
        annotations::TargetKind,
        attributes::AttributeValue,
        schema::{
            AttributeDefinition, AttributeKind, ExclusiveSet, LabelDefinition, LabelSchema, Overlap,
            RoleDefinition, SchemaDefinition, SchemaMode, SpanRules,
        },
    },
    limits::SETTINGS_FILE_BYTES_MAX,
};

mod parts;
mod writing;

use self::parts::{Part, words};

type Result<T> = std::result::Result<T, FileError>;

/// Reads a schema from YAML.
///
/// # Errors
///
/// What is no YAML, has names or words that are not known, or is no schema; with the line and column.
pub fn read_yaml(text: &str) -> Result<LabelSchema> {
    check_size(text)?;
    schema(&tree::read_yaml(text)?)
}

/// Reads a schema from JSON.
///
/// # Errors
///
/// What is no JSON, with its line and column; what has names or words that are not known, or is no schema, with its path.
pub fn read_json(text: &str) -> Result<LabelSchema> {
    check_size(text)?;
    schema(&tree::read_json(text)?)
}

/// Writes a schema as YAML, which [`read_yaml`] reads as the same schema.
#[must_use]
pub fn write_yaml(schema: &LabelSchema) -> String {
    tree::write_yaml(&writing::tree(schema.definition()))
}

/// Writes a schema as JSON, which [`read_json`] reads as the same schema.
#[must_use]
pub fn write_json(schema: &LabelSchema) -> String {
    tree::write_json(&writing::tree(schema.definition()))
}

fn check_size(text: &str) -> Result<()> {
    if text.len() <= SETTINGS_FILE_BYTES_MAX {
        return Ok(());
    }
    let message = format!("the file has {} bytes; at most {SETTINGS_FILE_BYTES_MAX} are allowed", text.len());
    Err(FileError::new(None, "", message))
}

fn schema(file: &Tree) -> Result<LabelSchema> {
    let part = Part::new(file);
    let definition = if file.is_nothing() {
        SchemaDefinition::default()
    } else {
        part.check_names(&["mode", "labels", "attributes", "span_rules", "exclusive_sets"])?;
        SchemaDefinition {
            mode: part.word("mode", words::MODES)?.unwrap_or_default(),
            labels: part.each("labels", label)?,
            attributes: part.each("attributes", attribute)?,
            spans: span_rules(&part)?,
            exclusive: part.each("exclusive_sets", exclusive_set)?,
        }
    };
    LabelSchema::parse(definition).map_err(|error| file.wrong(&error))
}

fn label(part: &Part<'_>) -> Result<LabelDefinition> {
    if let Some(label) = part.as_text() {
        return Ok(LabelDefinition { label: label.to_owned(), ..LabelDefinition::default() });
    }
    part.check_names(&[
        "label",
        "kinds",
        "parent",
        "display_name",
        "description",
        "color",
        "shortcut",
        "abstract",
        "span_rules",
        "symmetric",
        "transitive",
        "roles",
    ])?;
    Ok(LabelDefinition {
        label: part.required_text("label")?,
        kinds: part.words("kinds", words::KINDS)?,
        parent: part.text("parent")?,
        display_name: part.text("display_name")?,
        description: part.text("description")?,
        color: part.text("color")?,
        shortcut: part.text("shortcut")?,
        is_abstract: part.answer("abstract")?.unwrap_or_default(),
        spans: span_rules(part)?,
        symmetric: part.answer("symmetric")?.unwrap_or_default(),
        transitive: part.answer("transitive")?.unwrap_or_default(),
        roles: part.each("roles", role)?,
    })
}

fn role(part: &Part<'_>) -> Result<RoleDefinition> {
    if let Some(role) = part.as_text() {
        return Ok(RoleDefinition { role: role.to_owned(), ..RoleDefinition::default() });
    }
    part.check_names(&["role", "labels", "kinds", "min_count", "max_count"])?;
    Ok(RoleDefinition {
        role: part.text("role")?,
        labels: part.texts("labels")?,
        kinds: part.words("kinds", words::KINDS)?,
        min_count: part.count("min_count")?,
        max_count: part.count("max_count")?,
    })
}

fn attribute(part: &Part<'_>) -> Result<AttributeDefinition> {
    part.check_names(&[
        "name",
        "kind",
        "display_name",
        "description",
        "labels",
        "kinds",
        "allowed_values",
        "minimum",
        "maximum",
        "required",
        "default_value",
    ])?;
    let kind = part.word("kind", words::ATTRIBUTE_KINDS)?.unwrap_or_default();
    Ok(AttributeDefinition {
        name: part.required_text("name")?,
        kind,
        display_name: part.text("display_name")?,
        description: part.text("description")?,
        labels: part.texts("labels")?,
        kinds: part.words("kinds", words::KINDS)?,
        allowed_values: part.texts("allowed_values")?,
        minimum: part.value("minimum", kind)?,
        maximum: part.value("maximum", kind)?,
        required: part.answer("required")?.unwrap_or_default(),
        default: part.value("default_value", kind)?,
    })
}

fn exclusive_set(part: &Part<'_>) -> Result<ExclusiveSet> {
    part.check_names(&["name", "labels"])?;
    Ok(ExclusiveSet { name: part.text("name")?, labels: part.texts("labels")? })
}

fn span_rules(part: &Part<'_>) -> Result<SpanRules> {
    let Some(part) = part.at("span_rules") else { return Ok(SpanRules::default()) };
    part.check_names(&["overlap", "discontinuous", "empty", "grapheme_splits"])?;
    Ok(SpanRules {
        overlap: part.word("overlap", words::OVERLAPS)?,
        discontinuous: part.answer("discontinuous")?,
        empty: part.answer("empty")?,
        grapheme_splits: part.answer("grapheme_splits")?,
    })
}

#[cfg(test)]
mod tests;
