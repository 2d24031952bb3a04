//! A label schema as `annotation.conf`.
//!
//! What the file says is told by reading it: whatever of the schema does not come back is lost.

use std::{collections::HashSet, fmt::Write as _};

use super::{BratConfig, MEMBER, TRIGGER, read};
use crate::{
    domain::{
        annotations::TargetKind,
        attributes::AttributeValue,
        schema::{
            AttributeDefinition, AttributeKind, LabelDefinition, RoleDefinition, SchemaDefinition,
            SchemaMode, SpanRules,
        },
    },
    formats::Losses,
};

/// Writes a schema, and what of it brat cannot say. The file is empty where it could say nothing.
#[must_use]
pub fn write(definition: &SchemaDefinition) -> (String, Losses) {
    let file = written(definition);
    let back = read(BratConfig { annotation: &file, ..BratConfig::default() });
    let (file, back) = match back {
        Ok((schema, _)) => (file, schema.into_definition()),
        Err(_) => {
            (String::new(), SchemaDefinition { mode: SchemaMode::Closed, ..SchemaDefinition::default() })
        }
    };
    (file, lost(definition, &back))
}

/// What does not come back.
fn lost(definition: &SchemaDefinition, back: &SchemaDefinition) -> Losses {
    let SchemaDefinition { mode, labels, attributes, spans, exclusive } = definition;
    let mut losses = Losses::default();
    if *mode != SchemaMode::Closed {
        losses.add("brat: a schema that is not closed", format!("{mode:?}"));
    }
    for label in labels.iter().filter(|label| !back.labels.contains(label)) {
        losses.add("brat: what annotation.conf does not say of a label", label.label.as_str());
    }
    for attribute in attributes.iter().filter(|attribute| !back.attributes.contains(attribute)) {
        losses.add("brat: what annotation.conf does not say of an attribute", attribute.name.as_str());
    }
    if *spans != SpanRules::default() {
        losses.add("brat: rules for the spans of all labels", "spans");
    }
    for _ in exclusive {
        losses.add("brat: sets of labels of which an article has one", "exclusive");
    }
    losses
}

/// Where a label stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Entities,
    Relations,
    Events,
}

impl Section {
    fn of(label: &LabelDefinition) -> Option<Self> {
        let has = |kind| label.kinds.contains(&kind);
        match (has(TargetKind::Spans), has(TargetKind::Relation)) {
            (true, true) => Some(Self::Events),
            (true, false) => Some(Self::Entities),
            (false, true) => Some(Self::Relations),
            // One of anything is a mention first of all.
            (false, false) => label.kinds.is_empty().then_some(Self::Entities),
        }
    }
}

fn written(definition: &SchemaDefinition) -> String {
    let mut file = String::new();
    for (section, name) in [
        (Section::Entities, "[entities]"),
        (Section::Relations, "\n[relations]"),
        (Section::Events, "\n[events]"),
    ] {
        file.push_str(name);
        file.push('\n');
        let labels = definition.labels.iter();
        let labels = labels.filter(|label| Section::of(label) == Some(section) && is_word(&label.label));
        Tree { labels: labels.collect(), section, seen: HashSet::new() }.add("", 0, &mut file);
    }
    file.push_str("\n[attributes]\n");
    definition.attributes.iter().for_each(|attribute| add_attribute(attribute, &mut file));
    file
}

/// The labels of a section.
struct Tree<'s> {
    labels: Vec<&'s LabelDefinition>,
    section: Section,
    seen: HashSet<&'s str>,
}

/// How deep labels stand below each other, at most.
const DEPTH_MAX: usize = 64;

impl Tree<'_> {
    /// Adds the labels below `parent`; those whose parent is not of the section stand at its top.
    fn add(&mut self, parent: &str, depth: usize, file: &mut String) {
        if depth > DEPTH_MAX {
            return;
        }
        for label in self.labels.clone() {
            let is_top = !self.labels.iter().any(|other| other.label == label.parent);
            let is_here = if depth == 0 { is_top } else { label.parent == parent };
            if is_here && self.seen.insert(&label.label) {
                file.extend(std::iter::repeat_n('\t', depth));
                add_label(label, self.section, file);
                self.add(&label.label, depth.saturating_add(1), file);
            }
        }
    }
}

fn add_label(label: &LabelDefinition, section: Section, file: &mut String) {
    if label.is_abstract {
        file.push('!');
    }
    file.push_str(&label.label);
    add_display_name(&label.display_name, file);
    let is_set = label.symmetric && label.transitive;
    let mut arguments: Vec<String> = Vec::new();
    for role in label.roles.iter().filter(|role| is_word(&role.role)) {
        match section {
            Section::Relations if is_set && role.role == MEMBER => {
                arguments.extend(["Arg1", "Arg2"].map(|name| format!("{name}:{}", types(role))));
            }
            Section::Relations => arguments.push(format!("{}:{}", role.role, types(role))),
            Section::Events if role.role == TRIGGER => {}
            Section::Events => arguments.push(format!("{}{}:{}", role.role, counts(role), types(role))),
            Section::Entities => {}
        }
    }
    let kinds = [(label.symmetric, "symmetric"), (label.transitive, "transitive")];
    let kinds: Vec<_> = kinds.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
    if section == Section::Relations && !kinds.is_empty() {
        arguments.push(format!("<REL-TYPE>:{}", kinds.join("-")));
    }
    if !arguments.is_empty() {
        file.push('\t');
        file.push_str(&arguments.join(", "));
    }
    file.push('\n');
}

fn add_display_name(name: &str, file: &mut String) {
    if is_word(name) {
        file.push('|');
        file.push_str(name);
    }
}

fn types(role: &RoleDefinition) -> String {
    types_of(&role.labels, &role.kinds)
}

/// Labels as they stand in arguments.
fn types_of(labels: &[String], kinds: &[TargetKind]) -> String {
    if !labels.is_empty() {
        return labels.join("|");
    }
    match kinds {
        [TargetKind::Spans] => "<ENTITY>".to_owned(),
        [TargetKind::Relation] => "<EVENT>".to_owned(),
        _ => "<ANY>".to_owned(),
    }
}

fn counts(role: &RoleDefinition) -> String {
    match (role.min_count, role.max_count) {
        (1, 1) => String::new(),
        (0, 1) => "?".to_owned(),
        (0, 0) => "*".to_owned(),
        (_, 0) => "+".to_owned(),
        (min, max) if min == max => format!("{{{min}}}"),
        (min, max) => format!("{{{min}-{max}}}"),
    }
}

fn add_attribute(attribute: &AttributeDefinition, file: &mut String) {
    let AttributeDefinition {
        name,
        kind,
        display_name,
        labels,
        kinds,
        allowed_values,
        default,
        description: _,
        minimum: _,
        maximum: _,
        required: _,
    } = attribute;
    // One without values is a flag there.
    let is_said = match kind {
        AttributeKind::Bool => true,
        AttributeKind::String => !allowed_values.is_empty() && allowed_values.iter().all(|it| is_value(it)),
        AttributeKind::Int | AttributeKind::Double | AttributeKind::StringList => false,
    };
    if !is_said || !is_word(name) {
        return;
    }
    file.push_str(name);
    add_display_name(display_name, file);
    let _ = write!(file, "\tArg:{}", types_of(labels, kinds));
    if !allowed_values.is_empty() {
        let _ = write!(file, ", Value:{}", allowed_values.join("|"));
    }
    if let Some(AttributeValue::String(value)) = default {
        let _ = write!(file, ", <DEFAULT>:{value}");
    }
    file.push('\n');
}

/// Whether it can stand as a name.
fn is_word(name: &str) -> bool {
    let is_plain = |character: char| !character.is_whitespace() && !"|,:<>{}[]!#=?*+".contains(character);
    !name.is_empty() && !name.bytes().all(|byte| byte == b'-') && name.chars().all(is_plain)
}

/// Whether it can stand among values.
fn is_value(value: &str) -> bool {
    let is_plain = |character: char| !character.is_control() && !"|,<>{}".contains(character);
    !value.is_empty() && value.trim() == value && value.chars().all(is_plain)
}
