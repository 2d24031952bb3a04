//! JSON, by RFC 8259. A name that is there twice is refused, which the RFC leaves open.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{FileError, Node, Place, Tree};
use crate::limits::FILE_NAMES_MAX;

/// Reads a file. Only errors of its form know their place.
pub(in crate::formats) fn read(text: &str) -> Result<Tree, FileError> {
    serde_json::from_str(text).map_err(|error| {
        let place = Place { line: error.line(), column: error.column() };
        // It ends with the place, which is given otherwise.
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        FileError::new(Some(place), "", message)
    })
}

/// Writes a file.
pub(in crate::formats) fn write(tree: &Tree) -> String {
    format!("{:#}\n", value(tree))
}

fn value(tree: &Tree) -> Value {
    match &tree.node {
        Node::Scalar { text, plain: true } => {
            serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
        }
        Node::Scalar { text, plain: false } => Value::String(text.clone()),
        Node::List(parts) => Value::Array(parts.iter().map(value).collect()),
        Node::Map(entries) => {
            let entries = entries.iter().map(|(name, part)| (name.clone(), value(part)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyPart)
    }
}

/// Takes whatever there is.
struct AnyPart;

impl<'de> Visitor<'de> for AnyPart {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::plain(&value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::plain(&value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::plain(&value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::plain(&value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::string(value))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::plain(&"~"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(part) = parts.next_element()? {
            list.push(part);
        }
        Ok(Tree::list(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut parts: A) -> Result<Tree, A::Error> {
        let mut entries: Vec<(String, Tree)> = Vec::new();
        while let Some(name) = parts.next_key::<String>()? {
            if entries.iter().any(|(other, _)| *other == name) {
                return Err(A::Error::custom(format!("{name:?} is there twice")));
            }
            if entries.len() >= FILE_NAMES_MAX {
                return Err(A::Error::custom(format!("has more than {FILE_NAMES_MAX} names")));
            }
            entries.push((name, parts.next_value()?));
        }
        Ok(Tree::map(entries))
    }
}
