//! brat's configuration, <https://brat.nlplab.org/configuration.html>: `annotation.conf`, and of `visual.conf` and
//! `kb_shortcuts.conf` what front-ends show.
//!
//! - An entity is a label of spans; an event and a relation are labels of relations. The schema is closed, as brat is.
//! - An event has spans, too: its trigger, an annotation of the same label. In brat's files that is
//!   `T3 Merge-org 303 309` and `E2 Merge-org:T3 Org-Arg:T4`; here it is the spans `Merge-org` and the relation `Merge-org`
//!   with the argument `trigger`, which is those spans, before the others. Numbers that brat appends to a role that is there
//!   several times (`Org-Arg2`) are no part of it.
//! - A relation that is symmetric and transitive is what brat writes as `* Alias T3 T4 T5`: it has one role, `member`, of
//!   two or more. Any other has its two roles, once each.
//! - An attribute without values is a bool, one with values a string.
//! - Once there are rules about overlaps, entities that have none share no characters. Without any, nothing is said.
//!
//! What a type takes holds here for all types below it; where brat's types below take less, this is more lenient.

mod lines;
mod looks;
mod types;
mod writing;

use std::collections::HashMap;

pub use self::writing::write;
use self::{lines::Section, types::Types};
use super::{FileError, Losses};
use crate::{
    domain::schema::{LabelSchema, SchemaDefinition, SchemaMode},
    limits::SETTINGS_FILE_BYTES_MAX,
};

/// The role of an event's own spans.
pub const TRIGGER: &str = "trigger";
/// The role of all who are in a relation that is symmetric and transitive.
pub const MEMBER: &str = "member";

/// What brat keeps in a folder.
#[derive(Debug, Clone, Copy, Default)]
pub struct BratConfig<'f> {
    /// `annotation.conf`
    pub annotation: &'f str,
    /// `visual.conf`; empty when there is none.
    pub visual: &'f str,
    /// `kb_shortcuts.conf`; empty when there is none.
    pub shortcuts: &'f str,
}

/// Reads a configuration, and tells what the schema does not carry.
///
/// # Errors
///
/// What brat does not read either, with its line; what makes no schema.
pub fn read(config: BratConfig<'_>) -> Result<(LabelSchema, Losses), FileError> {
    let BratConfig { annotation, visual, shortcuts } = config;
    let mut losses = Losses::default();
    for file in [annotation, visual, shortcuts] {
        if file.len() > SETTINGS_FILE_BYTES_MAX {
            let message =
                format!("the file has {} bytes; at most {SETTINGS_FILE_BYTES_MAX} are allowed", file.len());
            return Err(FileError::new(None, "", message));
        }
    }
    let lines = lines::read(annotation, &mut losses)?;
    let mut types = Types::default();
    for section in [Section::Entities, Section::Events, Section::Relations, Section::Attributes] {
        types.begin_section();
        for line in lines.iter().filter(|line| line.section == section) {
            match section {
                Section::Entities => types.entity(line, &mut losses)?,
                Section::Events => types.event(line, &mut losses)?,
                Section::Relations => types.relation(line, &mut losses)?,
                Section::Attributes => types.attribute(line, &mut losses)?,
                Section::Macros => {}
            }
        }
    }
    let mut definition = types.into_definition(&mut losses);
    looks::labels_and_colors(&mut definition, visual, &mut losses);
    looks::shortcuts(&mut definition, shortcuts, &mut losses);
    definition.mode = SchemaMode::Closed;
    let schema = LabelSchema::parse(definition)
        .map_err(|error| FileError::new(None, error.field.clone(), error.problem.to_string()))?;
    Ok((schema, losses))
}

/// Where each label of `definition` stands, for what looks many up.
fn places(definition: &SchemaDefinition) -> HashMap<String, usize> {
    definition.labels.iter().enumerate().map(|(index, label)| (label.label.clone(), index)).collect()
}

#[cfg(test)]
mod tests;
