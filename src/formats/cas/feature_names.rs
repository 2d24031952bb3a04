//! The names of attributes as names of features, which are words of letters, digits and `_`: anything else is written as
//! `_x0020_`, its code point.

use crate::domain::attributes::Attributes;
use std::fmt::Write as _;

/// Features that every annotation has.
const TAKEN: [&str; 3] = ["begin", "end", "sofa"];

/// The feature for an attribute. Those that are `reserved` mean something else there.
pub(in crate::formats) fn feature_of(attribute: &str, reserved: &[&str]) -> String {
    let mut feature = String::with_capacity(attribute.len());
    let must_differ = TAKEN.contains(&attribute) || reserved.contains(&attribute);
    for (at, character) in attribute.char_indices() {
        let looks_escaped =
            character == '_' && attribute.get(at..).is_some_and(|rest| rest.starts_with("_x"));
        let is_word = character.is_ascii_alphanumeric() || character == '_';
        let may_begin = at > 0 || !character.is_ascii_digit();
        if is_word && may_begin && !looks_escaped && !(at == 0 && must_differ) {
            feature.push(character);
        } else {
            let _ = write!(feature, "_x{:04X}_", u32::from(character));
        }
    }
    feature
}

/// What features say, by the attributes that they were made of.
pub(in crate::formats) fn attributes_of(features: Attributes) -> Attributes {
    features.into_iter().map(|(feature, value)| (attribute_of(&feature), value)).collect()
}

/// The attribute that a feature was made of.
fn attribute_of(feature: &str) -> String {
    let mut attribute = String::with_capacity(feature.len());
    let mut rest = feature;
    while let Some((before, after)) = rest.split_once("_x") {
        attribute.push_str(before);
        let escaped = after.split_once('_').and_then(|(digits, rest)| {
            let is_hex =
                (4..=6).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let code = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
            Some((char::from_u32(code)?, rest))
        });
        if let Some((character, after)) = escaped {
            attribute.push(character);
            rest = after;
        } else {
            attribute.push_str("_x");
            rest = after;
        }
    }
    attribute.push_str(rest);
    attribute
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_are_no_words_are_written_otherwise() {
        let check = |attribute: &str, expected: &str| {
            assert_eq!(feature_of(attribute, &["value"]), expected);
            assert_eq!(attribute_of(expected), attribute);
        };
        check("PosValue", "PosValue");
        check("a b", "a_x0020_b");
        check("1st", "_x0031_st");
        check("value", "_x0076_alue");
        check("id", "id");
        check("_x0020_", "_x005F_x0020_");
    }

    proptest! {
        #[test]
        fn every_name_comes_back(name in "\\PC{1,12}|(_x|[0-9a-f]|_){1,12}") {
            let feature = feature_of(&name, &["value"]);
            prop_assert!(feature.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
            prop_assert_eq!(attribute_of(&feature), name);
        }
    }
}
