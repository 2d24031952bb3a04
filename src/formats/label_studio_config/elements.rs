//! XML as far as a configuration needs it: elements and their attributes. Text between them says nothing.

use quick_xml::{Reader, XmlVersion, events::BytesStart, events::Event};

use crate::{
    formats::{FileError, tree::Place},
    limits::FILE_DEPTH_MAX,
};

/// An element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) tag: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<Element>,
}

impl Element {
    /// What its attribute `name` says; empty when it is left out.
    pub(super) fn says(&self, name: &str) -> &str {
        // Case is nothing to Label Studio: perRegion is written perregion, too.
        let says = self.attributes.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        says.map_or("", |(_, value)| value.as_str())
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.says(name).eq_ignore_ascii_case("true")
    }
}

pub(super) fn read(text: &str) -> Result<Vec<Element>, FileError> {
    let mut reader = Reader::from_str(text);
    let mut open = vec![Element { tag: String::new(), attributes: Vec::new(), children: Vec::new() }];
    loop {
        let before = reader.buffer_position();
        let wrong = |message: String| FileError::new(Some(place(text, before)), "", message);
        match reader.read_event().map_err(|error| wrong(error.to_string()))? {
            Event::Start(start) if open.len() <= FILE_DEPTH_MAX => {
                open.push(element(&start).map_err(wrong)?);
            }
            Event::Start(_) => {
                return Err(wrong("is nested deeper than anything that is read here".to_owned()));
            }
            Event::Empty(start) => {
                let element = element(&start).map_err(wrong)?;
                if let Some(outer) = open.last_mut() {
                    outer.children.push(element);
                }
            }
            // That it ends what is open was checked.
            Event::End(_) => {
                if let (Some(element), Some(outer)) = (open.pop(), open.last_mut()) {
                    outer.children.push(element);
                }
            }
            Event::DocType(_) => return Err(wrong("a DOCTYPE is not read; leave it out".to_owned())),
            Event::Eof => break,
            Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::GeneralRef(_) => {}
        }
    }
    let file = open.pop().filter(|_| open.is_empty());
    let end = u64::try_from(text.len()).unwrap_or(u64::MAX);
    let elements = file
        .ok_or_else(|| FileError::new(Some(place(text, end)), "", "the file ends within an element"))?
        .children;
    if elements.is_empty() {
        return Err(FileError::new(None, "", "has no element; a configuration is a <View>"));
    }
    Ok(elements)
}

fn element(start: &BytesStart<'_>) -> Result<Element, String> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
        attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
    }
    Ok(Element { tag: start.name().as_ref().to_owned(), attributes, children: Vec::new() })
}

/// The line and column of a byte.
fn place(text: &str, at: u64) -> Place {
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    let before = text.get(..text.floor_char_boundary(at)).unwrap_or_default();
    // Blanks before an element are no part of it.
    let blanks = text.get(before.len()..).unwrap_or_default();
    let blanks = blanks.len() - blanks.trim_start().len();
    let before = text.get(..before.len() + blanks).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    Place { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
}
