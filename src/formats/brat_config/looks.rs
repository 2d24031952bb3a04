//! How types look: `visual.conf` and `kb_shortcuts.conf`.

use super::places;
use crate::{
    domain::schema::SchemaDefinition,
    formats::{Losses, colors},
    limits,
};

/// Takes display names from `[labels]` and colors from `[drawing]`.
pub(super) fn labels_and_colors(definition: &mut SchemaDefinition, file: &str, losses: &mut Losses) {
    let places = places(definition);
    let mut section = "";
    for line in contents(file) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
            continue;
        }
        match section {
            "labels" => {
                let mut names = line.split('|').map(str::trim);
                let name = names.next().unwrap_or_default();
                let Some(shown) = names.next().filter(|shown| !shown.is_empty() && *shown != name) else {
                    continue;
                };
                let place = places.get(name).and_then(|at| definition.labels.get_mut(*at));
                match place {
                    Some(label) if shown.len() <= limits::DISPLAY_NAME_BYTES_MAX => {
                        shown.clone_into(&mut label.display_name);
                    }
                    Some(_) | None => {
                        let is_attribute =
                            definition.attributes.iter_mut().find(|attribute| attribute.name == name);
                        match is_attribute.filter(|_| shown.len() <= limits::DISPLAY_NAME_BYTES_MAX) {
                            Some(attribute) => shown.clone_into(&mut attribute.display_name),
                            None => losses.add("brat: how a role or an unknown type is shown", line),
                        }
                    }
                }
                if names.next().is_some() {
                    losses.add("brat: a short form of a label", line);
                }
            }
            "drawing" => drawing(definition, line, &places, losses),
            _ => losses.add("brat: a section of visual.conf", format!("[{section}] {line}")),
        }
    }
}

/// `Person<tab>bgColor:#FF821C, fgColor:black`
fn drawing(
    definition: &mut SchemaDefinition,
    line: &str,
    places: &std::collections::HashMap<String, usize>,
    losses: &mut Losses,
) {
    let (name, looks) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    for look in looks.split(',').map(str::trim).filter(|look| !look.is_empty()) {
        let (key, value) = look.split_once(':').unwrap_or((look, ""));
        let label = places.get(name).and_then(|at| definition.labels.get_mut(*at));
        // Spans have a background, arcs have a color.
        let color = if matches!(key, "bgColor" | "color") { colors::of(value) } else { None };
        match (label, color) {
            (Some(label), Some(color)) => label.color = color,
            (None, _) | (_, None) => losses.add("brat: how a type is drawn", format!("{name} {look}")),
        }
    }
}

/// `P<tab>Person`
pub(super) fn shortcuts(definition: &mut SchemaDefinition, file: &str, losses: &mut Losses) {
    let places = places(definition);
    for line in contents(file) {
        let (key, name) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let label = places.get(name.trim()).and_then(|at| definition.labels.get_mut(*at));
        match label {
            Some(label) if key.len() <= limits::SCHEMA_SHORTCUT_BYTES_MAX => {
                key.clone_into(&mut label.shortcut);
            }
            Some(_) | None => losses.add("brat: a shortcut of an unknown type", line),
        }
    }
}

fn contents(file: &str) -> impl Iterator<Item = &str> {
    let file = file.strip_prefix('\u{feff}').unwrap_or(file);
    file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}
