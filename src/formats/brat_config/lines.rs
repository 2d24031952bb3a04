//! The lines of `annotation.conf`: sections, macros, and types with what they take.

use crate::{
    formats::{FileError, Losses, tree::Place},
    limits::{SCHEMA_BYTES_MAX, SETTINGS_FILE_BYTES_MAX},
};

/// A part of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Entities,
    Events,
    Relations,
    Attributes,
    /// Macros alone.
    Macros,
}

/// A line that is a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) section: Section,
    /// From 1.
    pub(super) number: usize,
    /// How far it is indented: each tab or blank is a level.
    pub(super) depth: usize,
    /// Whether it begins with `!`: a type that only groups others.
    pub(super) is_abstract: bool,
    /// Its names: the first is the type, others are what people call it.
    pub(super) names: Vec<String>,
    /// `Name:Value|Value`, each with its values.
    pub(super) arguments: Arguments,
}

impl Line {
    /// What is wrong with it.
    pub(super) fn wrong(&self, message: impl Into<String>) -> FileError {
        wrong(self.number, message)
    }

    pub(super) fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    /// The values of the argument `name`.
    pub(super) fn values(&self, name: &str) -> Option<&[String]> {
        self.arguments.iter().find(|(other, _)| other == name).map(|(_, values)| values.as_slice())
    }
}

fn wrong(number: usize, message: impl Into<String>) -> FileError {
    FileError::new(Some(Place { line: number, column: 1 }), "", message)
}

pub(super) fn read(file: &str, losses: &mut Losses) -> Result<Vec<Line>, FileError> {
    let mut section = None;
    let mut is_skipped = false;
    let mut macros: Vec<(String, String)> = Vec::new();
    let mut lines: Vec<Line> = Vec::new();
    let mut bytes = 0;
    let file = file.strip_prefix('\u{feff}').unwrap_or(file);
    for (number, line) in (1..).zip(file.lines()) {
        let line = line.trim_end();
        let content = line.trim_start();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = section_of(name);
            is_skipped = section.is_none();
            if is_skipped {
                losses.add("brat: a section that is not known", name);
            }
            continue;
        }
        // Lines between types of a menu.
        if is_skipped || content.bytes().all(|byte| byte == b'-') {
            continue;
        }
        let section =
            section.ok_or_else(|| wrong(number, "stands before the first section, such as [entities]"))?;
        if let Some((name, meaning)) = macro_of(content) {
            let meaning = expanded(meaning, &macros, number)?;
            macros.push((name.to_owned(), meaning));
            continue;
        }
        let depth = line.chars().count() - content.chars().count();
        let content = expanded(content, &macros, number)?;
        bytes += content.len();
        if bytes > SETTINGS_FILE_BYTES_MAX {
            return Err(wrong(number, "makes the file too long, with what its macros mean"));
        }
        let above = |line: &&Line| line.section == section && line.depth < depth;
        let inherits = depth > 0 && content.contains("<INHERIT>");
        let above = inherits.then(|| lines.iter().rev().find(above)).flatten();
        let inherited = above.map(|above| above.arguments.clone());
        lines.push(type_of(section, number, (depth, inherited), &content)?);
    }
    Ok(lines)
}

fn section_of(name: &str) -> Option<Section> {
    match name.trim() {
        "entities" | "spans" => Some(Section::Entities),
        "events" => Some(Section::Events),
        "relations" => Some(Section::Relations),
        "attributes" | "modifications" => Some(Section::Attributes),
        "macro" | "macros" => Some(Section::Macros),
        _ => None,
    }
}

/// `<NAME>=meaning`
fn macro_of(content: &str) -> Option<(&str, &str)> {
    let (name, meaning) = content.strip_prefix('<')?.split_once('>')?;
    let meaning = meaning.trim_start().strip_prefix('=')?;
    let is_name = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    (!name.is_empty() && name.chars().all(is_name)).then_some((name, meaning.trim()))
}

/// A line with the meanings of its macros, which may hold macros before them: a file of 8 MiB stays within it.
fn expanded(content: &str, macros: &[(String, String)], number: usize) -> Result<String, FileError> {
    let mut expanded = String::with_capacity(content.len());
    let mut rest = content;
    while let Some((before, after)) = rest.split_once('<') {
        expanded.push_str(before);
        let name = after.split_once('>');
        let meaning = name.and_then(|(name, after)| {
            let (_, meaning) = macros.iter().rev().find(|(other, _)| other == name)?;
            Some((meaning.as_str(), after))
        });
        let (meaning, after) = meaning.unwrap_or(("<", after));
        expanded.push_str(meaning);
        rest = after;
        if expanded.len() > SCHEMA_BYTES_MAX {
            return Err(wrong(number, "is longer than a whole schema may be, with what its macros mean"));
        }
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// What a type takes.
type Arguments = Vec<(String, Vec<String>)>;

fn type_of(
    section: Section,
    number: usize,
    (depth, mut inherited): (usize, Option<Arguments>),
    content: &str,
) -> Result<Line, FileError> {
    let (names, arguments) = content.split_once([' ', '\t']).unwrap_or((content, ""));
    let is_abstract = names.starts_with('!');
    let names: Vec<_> =
        names.trim_start_matches('!').split('|').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    if names.is_empty() {
        return Err(wrong(number, format!("{content:?} has no type at its beginning")));
    }
    let mut all = Vec::new();
    for argument in split(arguments) {
        if argument == "<INHERIT>" {
            let above = inherited.take();
            all.extend(above.ok_or_else(|| wrong(number, "<INHERIT> stands below no type, or twice"))?);
            continue;
        }
        let (name, values) = argument.split_once(':').ok_or_else(|| {
            wrong(number, format!("{argument:?} is no argument; it is written Role:Type, or Role:Type|Type"))
        })?;
        let values = values.split('|').map(str::trim).filter(|value| !value.is_empty());
        all.push((name.trim().to_owned(), values.map(str::to_owned).collect()));
    }
    Ok(Line { section, number, depth, is_abstract, names, arguments: all })
}

/// The parts between commas, but for commas within braces.
fn split(arguments: &str) -> impl Iterator<Item = &str> {
    let mut is_within = false;
    let parts = arguments.split(move |character| {
        is_within = match character {
            '{' => true,
            '}' => false,
            _ => is_within,
        };
        character == ',' && !is_within
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}
