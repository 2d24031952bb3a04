//! XML as far as these files need it: elements with attributes and children.

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};
use std::fmt::Write as _;

/// An element.
#[derive(Debug, Default)]
pub(super) struct Element {
    /// Its name, with its prefix.
    pub(super) name: String,
    /// Its attributes, in the order of the file.
    pub(super) attributes: Vec<(String, String)>,
    /// What is in it.
    pub(super) children: Vec<Element>,
    /// The text in it.
    pub(super) text: String,
    /// The line that it stands on.
    pub(super) line: u64,
}

impl Element {
    /// An attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first child of a name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first child of a name.
    pub(super) fn child_text(&self, name: &str) -> &str {
        self.child(name).map(|child| child.text.trim()).unwrap_or_default()
    }
}

const DEPTH_MAX: usize = 64;

/// The one element that a document is.
///
/// # Errors
///
/// The line, and what is wrong there.
pub(super) fn parse(document: &str) -> Result<Element, (u64, String)> {
    let mut reader = Reader::from_str(document);
    let mut lines = Lines { document, at: 0, line: 1 };
    let mut open: Vec<Element> = Vec::new();
    let mut whole: Option<Element> = None;
    loop {
        let line = lines.at(reader.buffer_position());
        let invalid = |message: String| (line, message);
        let event = reader.read_event().map_err(|error| invalid(format!("is not XML: {error}")))?;
        let line = lines.at(reader.buffer_position());
        let invalid = |message: String| (line, message);
        match event {
            Event::Start(start) => {
                if open.len() > DEPTH_MAX {
                    return Err(invalid(format!("elements are more than {DEPTH_MAX} deep")));
                }
                open.push(element(&start, line).map_err(invalid)?);
            }
            Event::Empty(start) => {
                let element = element(&start, line).map_err(invalid)?;
                close(element, &mut open, &mut whole).map_err(invalid)?;
            }
            Event::End(_) => {
                let element =
                    open.pop().ok_or_else(|| invalid("an element ends that did not begin".to_owned()))?;
                close(element, &mut open, &mut whole).map_err(invalid)?;
            }
            Event::Text(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text.replace("\r\n", "\n"));
                }
            }
            Event::CData(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
            }
            Event::GeneralRef(reference) => {
                let name: &str = &reference;
                let character = match reference.resolve_char_ref() {
                    Ok(Some(character)) => character,
                    Ok(None) => {
                        named(name).ok_or_else(|| invalid(format!("&{name}; is no character of XML")))?
                    }
                    Err(error) => return Err(invalid(format!("&{name}; is no character: {error}"))),
                };
                if let Some(element) = open.last_mut() {
                    element.text.push(character);
                }
            }
            Event::DocType(_) => return Err(invalid("has a DOCTYPE, which is not read".to_owned())),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    let end = lines.at(u64::try_from(document.len()).unwrap_or(u64::MAX));
    if let Some(element) = open.last() {
        return Err((end, format!("ends within <{}>; is the file cut off?", element.name)));
    }
    whole.ok_or((end, "has no element; is the file cut off?".to_owned()))
}

fn named(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

fn element(start: &BytesStart<'_>, line: u64) -> Result<Element, String> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| format!("is not XML: {error}"))?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
        attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
    }
    Ok(Element { name: start.name().as_ref().to_owned(), attributes, line, ..Element::default() })
}

fn close(element: Element, open: &mut [Element], whole: &mut Option<Element>) -> Result<(), String> {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None if whole.is_none() => *whole = Some(element),
        None => return Err("has two elements at the top".to_owned()),
    }
    Ok(())
}

/// The lines of places that come in order.
struct Lines<'d> {
    document: &'d str,
    at: usize,
    line: u64,
}

impl Lines<'_> {
    fn at(&mut self, place: u64) -> u64 {
        let place = usize::try_from(place).unwrap_or(usize::MAX).min(self.document.len());
        let passed = self.document.as_bytes().get(self.at..place).unwrap_or_default();
        self.line += u64::try_from(memchr::memchr_iter(b'\n', passed).count()).unwrap_or_default();
        self.at = self.at.max(place);
        self.line
    }
}

/// A text with what means something in XML escaped, for attributes and content; what XML cannot have becomes U+FFFD.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(escaped, "&#{};", u32::from(character));
            }
            other if is_character(other) => escaped.push(other),
            _ => escaped.push('\u{fffd}'),
        }
    }
    escaped
}

/// Whether XML can have the character.
pub(super) fn is_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}
