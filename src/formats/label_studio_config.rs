//! Label Studio's labeling configuration, <https://labelstud.io/tags>: XML whose tags are what people may say of a task.
//!
//! | tag | what it becomes |
//! | --- | --- |
//! | `Labels`, `HyperTextLabels`, `ParagraphLabels` | a label of spans for each `Label` |
//! | `Choices`, `Taxonomy` | an abstract label of articles with the control's name, and below it one for each `Choice` |
//! | the same with `perRegion` | an attribute of spans with the control's name and allowed values |
//! | `Rating`, `Number`, `TextArea`, `DateTime` | a label of articles with the control's name, and the attribute `value` |
//! | the same with `perRegion` | an attribute of spans with the control's name |
//! | `Relation` | a label of relations with the roles `from` and `to` |
//!
//! Of a control that takes one choice, an article has at most one in each layer. A name that is taken already, by another
//! control, gets the control's name before it: `tone/good`. The values of a `Taxonomy` per region are paths: `a/b`.
//! The schema is closed, as Label Studio is. What is of images, sounds and the like is told as lost.

mod controls;
mod elements;

use self::{controls::Controls, elements::Element};
use super::{FileError, Losses};
use crate::{
    domain::schema::{LabelSchema, SchemaMode},
    limits::SETTINGS_FILE_BYTES_MAX,
};

/// Reads a configuration, and tells what the schema does not carry.
///
/// # Errors
///
/// What is no XML, with its line and column; what makes no schema.
pub fn read(text: &str) -> Result<(LabelSchema, Losses), FileError> {
    if text.len() > SETTINGS_FILE_BYTES_MAX {
        let message =
            format!("the file has {} bytes; at most {SETTINGS_FILE_BYTES_MAX} are allowed", text.len());
        return Err(FileError::new(None, "", message));
    }
    let elements = elements::read(text)?;
    let mut controls = Controls::default();
    // Elements that are left, the next one last.
    let mut rest: Vec<&Element> = elements.iter().rev().collect();
    while let Some(element) = rest.pop() {
        if controls.take(element) {
            rest.extend(element.children.iter().rev());
        }
    }
    let (mut definition, losses) = controls.into_definition();
    definition.mode = SchemaMode::Closed;
    let schema = LabelSchema::parse(definition)
        .map_err(|error| FileError::new(None, error.field.clone(), error.problem.to_string()))?;
    Ok((schema, losses))
}

#[cfg(test)]
mod tests;
