//! YAML 1.2, as far as a file of settings needs it: one document, without tags, anchors and aliases.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span};

use super::{FileError, Node, Place, Tree};
use crate::limits::{FILE_DEPTH_MAX, FILE_NAMES_MAX};

/// Reads a file.
pub(in crate::formats) fn read(text: &str) -> Result<Tree, FileError> {
    let mut open = vec![Open { place: None, kind: Kind::File, parts: Vec::new(), names: Vec::new() }];
    for event in Parser::new_from_str(text) {
        let (event, Span { start, end: _ }) = event.map_err(|error| unreadable(&error))?;
        let place = Some(place_of(&start));
        let wrong = |message: &str| Err(FileError::new(place, "", message));
        match event {
            Event::DocumentStart(_) if open.last().is_some_and(|file| !file.parts.is_empty()) => {
                return wrong("a second document begins; send one");
            }
            Event::Alias(_) => return wrong("aliases are not read; write the part out"),
            Event::Scalar(_, _, anchor, _)
            | Event::SequenceStart(anchor, _)
            | Event::MappingStart(anchor, _)
                if anchor > 0 =>
            {
                return wrong("anchors are not read, since no alias is; leave it out");
            }
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => {
                return wrong("tags are not read; leave it out");
            }
            Event::Scalar(text, style, _, None) => {
                let node = Node::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain };
                close(&mut open, Tree { place, node })?;
            }
            Event::SequenceStart(_, None) | Event::MappingStart(_, None) => {
                if open.len() > FILE_DEPTH_MAX {
                    return wrong("is nested deeper than anything that is read here");
                }
                let kind = if matches!(event, Event::SequenceStart(..)) { Kind::List } else { Kind::Map };
                open.push(Open { place, kind, parts: Vec::new(), names: Vec::new() });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { place, kind, parts, names }) = open.pop() else { break };
                let node = match kind {
                    Kind::List | Kind::File => Node::List(parts),
                    Kind::Map => Node::Map(names.into_iter().zip(parts).collect()),
                };
                close(&mut open, Tree { place, node })?;
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
    }
    let file = open.pop().and_then(|mut file| file.parts.pop());
    Ok(file.unwrap_or_else(|| Tree::plain(&"")))
}

/// A part whose end was not read yet.
struct Open {
    place: Option<Place>,
    kind: Kind,
    parts: Vec<Tree>,
    /// Of a mapping: one more than parts when a name was read and its part was not.
    names: Vec<String>,
}

#[derive(PartialEq)]
enum Kind {
    File,
    List,
    Map,
}

/// Puts a part that was read whole where it belongs.
fn close(open: &mut [Open], part: Tree) -> Result<(), FileError> {
    let Some(outer) = open.last_mut() else { return Ok(()) };
    if outer.kind != Kind::Map || outer.names.len() > outer.parts.len() {
        outer.parts.push(part);
        return Ok(());
    }
    let Tree { place, node } = part;
    match node {
        Node::Scalar { text, plain: _ } if outer.names.contains(&text) => {
            Err(FileError::new(place, "", format!("{text:?} is there twice")))
        }
        Node::Scalar { .. } if outer.names.len() >= FILE_NAMES_MAX => {
            Err(FileError::new(place, "", format!("has more than {FILE_NAMES_MAX} names")))
        }
        Node::Scalar { text, plain: _ } => {
            outer.names.push(text);
            Ok(())
        }
        Node::List(_) | Node::Map(_) => Err(FileError::new(place, "", "a name is a text")),
    }
}

fn place_of(marker: &Marker) -> Place {
    Place { line: marker.line(), column: marker.col() + 1 }
}

fn unreadable(error: &ScanError) -> FileError {
    FileError::new(Some(place_of(error.marker())), "", error.info())
}

/// Writes a file: in blocks, lists of short words in one line.
pub(in crate::formats) fn write(tree: &Tree) -> String {
    let mut file = String::new();
    part(&mut file, tree, 0, Before::Line);
    file
}

/// What stands before a part.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    /// Nothing but its indent.
    Line,
    /// `- `, so that its first line is indented already.
    Dash,
    /// `name:`
    Name,
}

fn part(file: &mut String, tree: &Tree, indent: usize, before: Before) {
    match &tree.node {
        Node::Scalar { text, plain } => {
            space(file, before);
            scalar(file, text, *plain);
            file.push('\n');
        }
        Node::List(parts) if parts.is_empty() => {
            space(file, before);
            file.push_str("[]\n");
        }
        Node::List(parts) if let Some(line) = in_one_line(parts) => {
            space(file, before);
            file.push_str(&line);
            file.push('\n');
        }
        Node::List(parts) => {
            new_line(file, before);
            for one in parts {
                file.push_str(&" ".repeat(indent));
                file.push_str("- ");
                part(file, one, indent + 2, Before::Dash);
            }
        }
        Node::Map(entries) if entries.is_empty() => {
            space(file, before);
            file.push_str("{}\n");
        }
        Node::Map(entries) => {
            new_line(file, before);
            for (index, (name, one)) in entries.iter().enumerate() {
                if before != Before::Dash || index > 0 {
                    file.push_str(&" ".repeat(indent));
                }
                scalar(file, name, false);
                file.push(':');
                part(file, one, indent + 2, Before::Name);
            }
        }
    }
}

fn space(file: &mut String, before: Before) {
    if before == Before::Name {
        file.push(' ');
    }
}

fn new_line(file: &mut String, before: Before) {
    if before == Before::Name {
        file.push('\n');
    }
}

/// A list as `[a, b]`, if that is short.
fn in_one_line(parts: &[Tree]) -> Option<String> {
    const LINE_BYTES_MAX: usize = 80;
    let mut line = String::from("[");
    for (index, one) in parts.iter().enumerate() {
        let Node::Scalar { text, plain } = &one.node else { return None };
        line.push_str(if index > 0 { ", " } else { "" });
        scalar(&mut line, text, *plain);
        if line.len() > LINE_BYTES_MAX {
            return None;
        }
    }
    line.push(']');
    Some(line)
}

/// A text without quotes where it stays itself in every reader, also of YAML 1.1; otherwise in double ones.
fn scalar(file: &mut String, text: &str, plain: bool) {
    if plain || stays_itself(text) {
        file.push_str(text);
        return;
    }
    file.push('"');
    for character in text.chars() {
        match character {
            '"' => file.push_str("\\\""),
            '\\' => file.push_str("\\\\"),
            '\n' => file.push_str("\\n"),
            '\t' => file.push_str("\\t"),
            '\r' => file.push_str("\\r"),
            // All that YAML takes for printable, but for the ends of lines and the byte order mark.
            ' '..='~'
            | '\u{a0}'..='\u{2027}'
            | '\u{202a}'..='\u{d7ff}'
            | '\u{e000}'..='\u{fefe}'
            | '\u{ff00}'..='\u{fffd}'
            | '\u{10000}'.. => file.push(character),
            _ => file.extend(['\\', 'u'].into_iter().chain(format!("{:04x}", u32::from(character)).chars())),
        }
    }
    file.push('"');
}

fn stays_itself(text: &str) -> bool {
    let is_word =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.' | '/');
    let words = text.split(' ').all(|word| !word.is_empty() && word.chars().all(is_word));
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    words
        && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && !reserved.contains(&text.to_ascii_lowercase().as_str())
}
