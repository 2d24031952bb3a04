//! What a file calls its annotations, kept in the ids that they get here.
//!
//! An annotation that is imported has a UUID made of where it came from, so that it is known when it comes again, is not
//! mistaken for one of another import or layer, and is called the same when it leaves. It is a UUIDv8 (RFC 9562, 5.8), whose
//! 122 bits are, from the first:
//!
//! | bits | what |
//! | --- | --- |
//! | 24 | its place among the annotations of its article in the file, so that they leave in the order in which they came |
//! | 32 | XXH3 of the import's id, the article's and the layer's |
//! | 2 | how the name is kept |
//! | 64 | 0: a letter in 8 bits, 0 for none, and a number, such as `T12`; 1: the length in 4 bits, and up to 10 characters of 6 bits of `A-Za-z0-9-_`; 2: XXH3 of a longer name, which is lost; 3: it had none |

use std::fmt;

use twox_hash::XxHash3_64;
use uuid::Uuid;

use crate::domain::{
    annotations::Annotation,
    ids::{AnnotationId, ArticleId, LayerId},
};

/// Where annotations come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportKey(u32);

/// What a file called an annotation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LocalId {
    /// A letter and a number, such as `T12`.
    Numbered(char, u64),
    /// A number alone.
    Number(u64),
    /// Some other short name.
    Short(String),
}

const SHORT_CHARACTERS_MAX: usize = 10;
const CHARACTER_BITS: u32 = 6;
const CHARACTER_MASK: u64 = (1 << CHARACTER_BITS) - 1;
const LENGTH_SHIFT: u32 = 60;
const LETTER_SHIFT: u32 = 56;
const NUMBER_MAX: u64 = (1 << LETTER_SHIFT) - 1;
const PLACE_MAX: u32 = (1 << 24) - 1;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const LETTER_AND_NUMBER: u8 = 0;
const SHORT_NAME: u8 = 1;
const HASHED_NAME: u8 = 2;
const NO_NAME: u8 = 3;

impl ImportKey {
    /// The key of annotations on `layer` of `article` that an import brings.
    #[must_use]
    pub fn new(import_id: &str, article: &ArticleId, layer: &LayerId) -> Self {
        let all = [import_id, article.as_str(), layer.as_str()].join("\n");
        let hash = XxHash3_64::oneshot(all.as_bytes());
        Self(u32::try_from(hash >> 32).unwrap_or_default())
    }

    /// The id of the annotation at `place` that its file calls `name`, which may be empty; and whether the name is kept.
    /// Places above 16,777,215 are that.
    #[must_use]
    pub fn annotation(self, place: u32, name: &str) -> (AnnotationId, bool) {
        let (kind, payload) = packed(name);
        let place = u128::from(place.min(PLACE_MAX));
        let bits = place << 98 | u128::from(self.0) << 66 | u128::from(kind) << 64 | u128::from(payload);
        let (high, middle, low) = (bits >> 74, bits >> 62 & 0xFFF, bits & ((1 << 62) - 1));
        let uuid = Uuid::from_u128(high << 80 | 8 << 76 | middle << 64 | 0b10 << 62 | low);
        (uuid.into(), kind != HASHED_NAME)
    }
}

impl LocalId {
    /// What the file that an annotation was imported from called it, as far as its id keeps that.
    #[must_use]
    pub fn of(id: AnnotationId) -> Option<Self> {
        let bits = imported_bits(id)?;
        let payload = u64::try_from(bits & u128::from(u64::MAX)).ok()?;
        match u8::try_from(bits >> 64 & 0b11).ok()? {
            LETTER_AND_NUMBER => {
                let number = payload & NUMBER_MAX;
                let letter = u8::try_from(payload >> LETTER_SHIFT).ok()?;
                Some(if letter == 0 {
                    Self::Number(number)
                } else {
                    Self::Numbered(char::from(letter), number)
                })
            }
            SHORT_NAME => {
                let length = u32::try_from(payload >> LENGTH_SHIFT).ok()?;
                let character = |index: u32| {
                    let shift = index.checked_mul(CHARACTER_BITS)?;
                    let code = usize::try_from(payload.checked_shr(shift)? & CHARACTER_MASK).ok()?;
                    ALPHABET.get(code).copied().map(char::from)
                };
                (0..length).map(character).collect::<Option<String>>().map(Self::Short)
            }
            _ => None,
        }
    }
}

impl fmt::Display for LocalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbered(letter, number) => write!(f, "{letter}{number}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Short(name) => f.write_str(name),
        }
    }
}

/// The place of an imported annotation among those of its article in the file; none for another one.
#[must_use]
pub fn imported_place(id: AnnotationId) -> Option<u32> {
    imported_bits(id).and_then(|bits| u32::try_from(bits >> 98).ok())
}

/// Annotations in the order of the file that they came from, and those behind them that came from none, as they are.
#[must_use]
pub(in crate::formats) fn in_file_order(annotations: &[Annotation]) -> Vec<&Annotation> {
    let mut sorted: Vec<_> = annotations.iter().collect();
    sorted.sort_by_key(|annotation| imported_place(annotation.id).map_or((1, 0), |place| (0, place)));
    sorted
}

fn imported_bits(id: AnnotationId) -> Option<u128> {
    let uuid = Uuid::from_bytes(*id.as_bytes());
    let bits = uuid.as_u128();
    let is_v8 = uuid.get_version_num() == 8 && bits >> 62 & 0b11 == 0b10;
    is_v8.then_some((bits >> 80) << 74 | (bits >> 64 & 0xFFF) << 62 | bits & ((1 << 62) - 1))
}

/// How a name is kept, and what is kept of it.
fn packed(name: &str) -> (u8, u64) {
    if name.is_empty() {
        return (NO_NAME, 0);
    }
    if let Some(payload) = numbered(name) {
        return (LETTER_AND_NUMBER, payload);
    }
    match short(name) {
        Some(payload) => (SHORT_NAME, payload),
        None => (HASHED_NAME, XxHash3_64::oneshot(name.as_bytes())),
    }
}

fn numbered(name: &str) -> Option<u64> {
    let first = name.as_bytes().first().copied().filter(u8::is_ascii)?;
    let (letter, digits) = if first.is_ascii_digit() { (0, name) } else { (first, name.get(1..)?) };
    let canonical =
        digits.bytes().all(|digit| digit.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    let number = digits.parse::<u64>().ok().filter(|number| canonical && *number <= NUMBER_MAX)?;
    Some(u64::from(letter) << LETTER_SHIFT | number)
}

fn short(name: &str) -> Option<u64> {
    if name.len() > SHORT_CHARACTERS_MAX {
        return None;
    }
    let length = u64::try_from(name.len()).ok()?;
    name.bytes().enumerate().try_fold(length << LENGTH_SHIFT, |payload, (index, byte)| {
        let code = ALPHABET.iter().position(|character| *character == byte)?;
        let shift = u32::try_from(index).ok()?.checked_mul(CHARACTER_BITS)?;
        Some(payload | u64::try_from(code).ok()?.checked_shl(shift)?)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(import: &str, layer: &str) -> ImportKey {
        ImportKey::new(import, &ArticleId::parse("", "news").unwrap(), &LayerId::parse("", layer).unwrap())
    }

    #[test]
    fn short_names_come_back_and_long_ones_are_known_to_be_lost() {
        let check = |name: &str, expected: Option<&str>, kept: bool| {
            let (id, is_kept) = key("", "gold").annotation(7, name);
            assert_eq!(LocalId::of(id).map(|id| id.to_string()).as_deref(), expected, "{name}");
            assert_eq!((is_kept, imported_place(id)), (kept, Some(7)));
            assert_eq!(AnnotationId::parse("", &id.to_string()), Ok(id));
        };
        check("T12", Some("T12"), true);
        check("*3", Some("*3"), true);
        check("0", Some("0"), true);
        check("72057594037927935", Some("72057594037927935"), true);
        check("007", Some("007"), true);
        check("T01", Some("T01"), true);
        check("x_aB3-9Z0q", Some("x_aB3-9Z0q"), true);
        check("A", Some("A"), true);
        check("", None, true);
        check("http://example.org/anno/1", None, false);
        check("é1", None, false);
    }

    #[test]
    fn the_layout_never_changes() {
        let (id, _) = key("import-1", "gold").annotation(5, "T12");
        assert_eq!(id.to_string(), GOLDEN);
    }
    const GOLDEN: &str = "000005fa-6b3a-8941-9400-00000000000c";

    #[test]
    fn imports_and_layers_do_not_meet() {
        let ids = [("", "gold"), ("", "alice"), ("1", "gold")]
            .map(|(import, layer)| key(import, layer).annotation(0, "T1").0);
        assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2]);
    }

    #[test]
    fn other_uuids_have_no_place() {
        for uuid in ["0190163d-8694-739b-aea5-966c26f8ad91", "00000000-0000-0000-0000-000000000000"] {
            let id = AnnotationId::parse("", uuid).unwrap();
            assert_eq!((LocalId::of(id), imported_place(id)), (None, None));
        }
    }

    proptest! {
        #[test]
        fn every_short_name_comes_back(name in "[A-Za-z0-9_-]{1,10}", place in 0_u32..PLACE_MAX) {
            let (id, kept) = key("i", "l").annotation(place, &name);
            prop_assert!(kept);
            prop_assert_eq!(LocalId::of(id).unwrap().to_string(), name);
            prop_assert_eq!(imported_place(id), Some(place));
        }
    }
}
