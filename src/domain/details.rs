//! What people write beside texts and spans: names, titles, metadata; each checked once, against its limit.

use std::collections::BTreeMap;

use super::errors::{Error, Problem, Result};
use crate::limits;

/// A metadata map within its limits.
pub type Metadata = BTreeMap<String, String>;

/// A field of a resource that a mask can name.
pub trait Field: Copy + PartialEq + 'static {
    /// All of them, with their names in the API.
    const NAMES: &'static [(&'static str, Self)];
}

/// Which fields an update changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mask<F> {
    /// All of them: the update replaces, and must send an etag.
    Everything,
    /// These.
    Only(Vec<F>),
}

impl<F: Field> Mask<F> {
    /// Parses the paths of the mask in the field `field`; `None` is no mask.
    ///
    /// # Errors
    ///
    /// FIELD_INVALID for a path that no update can change, or that stands there twice.
    pub fn parse(field: &str, paths: Option<&[String]>) -> Result<Self> {
        let Some(paths) = paths else { return Ok(Self::Everything) };
        let names = || F::NAMES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        if paths.is_empty() {
            return Err(Error::field(
                field,
                format!("names no field; name some of {}, or leave it out", names()),
            ));
        }
        let mut fields = Vec::with_capacity(paths.len());
        for (index, path) in paths.iter().enumerate() {
            let known = F::NAMES.iter().find(|(name, _)| name == path);
            let Some((_, field_of_path)) = known else {
                let message = format!("{path:?} cannot be changed by an update; what can is {}", names());
                return Err(Error::field(format!("{field}.paths[{index}]"), message));
            };
            if fields.contains(field_of_path) {
                return Err(Error::field(
                    format!("{field}.paths[{index}]"),
                    format!("{path:?} is named twice"),
                ));
            }
            fields.push(*field_of_path);
        }
        Ok(Self::Only(fields))
    }

    /// Whether the update changes `field`.
    #[must_use]
    pub fn names(&self, field: F) -> bool {
        match self {
            Self::Everything => true,
            Self::Only(fields) => fields.contains(&field),
        }
    }

    /// Checks that an update which replaces everything says what it replaces.
    ///
    /// # Errors
    ///
    /// FIELD_INVALID at `field` without mask and etag.
    pub fn require_etag(&self, field: &str, etag: &str) -> Result<()> {
        match self {
            Self::Everything if etag.is_empty() => Err(Error::field(
                field,
                "an update without update_mask replaces everything and needs the etag that was read",
            )),
            Self::Everything | Self::Only(_) => Ok(()),
        }
    }
}

/// Checks a text of at most `limit` bytes.
///
/// # Errors
///
/// LIMIT_EXCEEDED at `field`.
pub fn bounded(field: &str, what: &'static str, text: String, limit: usize) -> Result<String> {
    if text.len() <= limit { Ok(text) } else { Err(too_many(field, what, text.len(), limit, "bytes")) }
}

/// A BCP 47 tag as far as its form goes: letters and digits in parts of 1 to 8, the first of letters; empty is none.
///
/// # Errors
///
/// FIELD_INVALID or LIMIT_EXCEEDED at `field`.
pub fn language(field: &str, tag: String) -> Result<String> {
    let tag = bounded(field, "the language tag", tag, limits::LANGUAGE_BYTES_MAX)?;
    let part =
        |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let primary = tag.split('-').next().unwrap_or_default();
    if tag.is_empty() || (tag.split('-').all(part) && primary.bytes().all(|byte| byte.is_ascii_alphabetic()))
    {
        return Ok(tag);
    }
    Err(Error::field(field, format!("{tag:?} is not a BCP 47 language tag, such as en, pt-BR or zh-Hant")))
}

/// Checks a metadata map against its limits.
///
/// # Errors
///
/// FIELD_INVALID for an empty key, LIMIT_EXCEEDED for what is too long or too many.
pub fn metadata(field: &str, entries: impl IntoIterator<Item = (String, String)>) -> Result<Metadata> {
    let entries: Metadata = entries.into_iter().collect();
    if entries.len() > limits::METADATA_ENTRIES_MAX {
        return Err(too_many(field, "the map", entries.len(), limits::METADATA_ENTRIES_MAX, "entries"));
    }
    for (key, value) in &entries {
        if key.is_empty() {
            return Err(Error::field(field, "a key is empty; keys have 1 to 128 bytes"));
        }
        if key.len() > limits::METADATA_KEY_BYTES_MAX {
            return Err(too_many(field, "a key", key.len(), limits::METADATA_KEY_BYTES_MAX, "bytes"));
        }
        if value.len() > limits::METADATA_VALUE_BYTES_MAX {
            return Err(too_many(field, "a value", value.len(), limits::METADATA_VALUE_BYTES_MAX, "bytes"));
        }
    }
    let bytes = entries.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > limits::METADATA_BYTES_MAX {
        return Err(too_many(field, "the map", bytes, limits::METADATA_BYTES_MAX, "bytes"));
    }
    Ok(entries)
}

/// A LIMIT_EXCEEDED at `field`: `what` is `actual` `unit`, more than `limit`.
#[must_use]
pub fn too_many(field: &str, what: &'static str, actual: usize, limit: usize, unit: &'static str) -> Error {
    let number = |count| u64::try_from(count).unwrap_or(u64::MAX);
    Error::at(field, Problem::LimitExceeded { what, actual: number(actual), limit: number(limit), unit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Part {
        Title,
        Metadata,
    }

    impl Field for Part {
        const NAMES: &'static [(&'static str, Self)] =
            &[("title", Self::Title), ("metadata", Self::Metadata)];
    }

    #[test]
    fn masks_name_fields_that_can_change() {
        let check = |paths: &[&str], expected: Result<Mask<Part>, &str>| {
            let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
            let mask = Mask::parse("update_mask", Some(&paths)).map_err(|error| error.to_string());
            match expected {
                Ok(expected) => assert_eq!(mask, Ok(expected)),
                Err(expected) => assert!(mask.clone().unwrap_err().contains(expected), "{mask:?}"),
            }
        };
        check(&["title"], Ok(Mask::Only(vec![Part::Title])));
        check(&["metadata", "title"], Ok(Mask::Only(vec![Part::Metadata, Part::Title])));
        check(
            &["text"],
            Err("update_mask.paths[0]: \"text\" cannot be changed by an update; what can is title, metadata"),
        );
        check(&["title", "title"], Err("update_mask.paths[1]: \"title\" is named twice"));
        check(&["metadata.key"], Err("cannot be changed"));
        check(&[], Err("names no field"));
        assert_eq!(Mask::<Part>::parse("update_mask", None), Ok(Mask::Everything));
    }

    #[test]
    fn languages_have_the_form_of_a_tag() {
        for tag in ["", "en", "pt-BR", "zh-Hant-TW", "de-1996", "x-klingon"] {
            assert!(language("language", tag.to_owned()).is_ok(), "{tag}");
        }
        for tag in ["e n", "-", "en-", "en_US", "1en", "englishlanguage", &"a-".repeat(30)] {
            assert!(language("language", tag.to_owned()).is_err(), "{tag}");
        }
    }

    #[test]
    fn metadata_stays_within_its_limits() {
        let one = |key: &str, value: String| metadata("metadata", [(key.to_owned(), value)]);
        assert!(one("key", "v".repeat(2_048)).is_ok());
        assert!(one("", String::new()).is_err());
        assert!(one(&"k".repeat(129), String::new()).is_err());
        assert!(one("key", "v".repeat(2_049)).is_err());
        let many = |count: usize, bytes| {
            metadata("metadata", (0..count).map(|n| (n.to_string(), "v".repeat(bytes))))
        };
        assert!(many(64, 1).is_ok());
        assert!(many(65, 1).is_err());
        assert!(many(9, 2_000).is_err());
    }
}
