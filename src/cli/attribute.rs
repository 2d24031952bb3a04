//! Attributes as they are typed and shown: `polarity=negative`, `count=3`, `senses=[bank, shore]`, `id:string=007`.

use std::collections::BTreeMap;

use super::render::printable;
use crate::proto::v1::{self, attribute_value::Kind};

/// What `-h` says of the flag.
pub(super) const HELP_SHORT: &str =
    "An attribute, such as polarity=negative; may be given again, and --help says how values are written";
/// What `--help` says of it.
pub(super) const HELP: &str = "\
An attribute: NAME=VALUE; may be given again.

true and false are yes and no; 7 is a whole number and 0.5, 7.0 or 1e3 a number; [a, b] is a list of strings; anything else \
is a string, and so is what stands in double quotes, with JSON's escapes. NAME:KIND=VALUE says which it is, with bool, int, \
double, string or list as KIND; after :string everything is taken as it is.";

/// An attribute with its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Attribute {
    /// Its name.
    pub(super) name: String,
    /// Its value.
    pub(super) value: v1::AttributeValue,
}

/// Which kind of value is meant.
#[derive(Debug, Clone, Copy)]
enum Named {
    Bool,
    Int,
    Double,
    String,
    List,
}

impl Named {
    const NAMES: [(&'static str, Self); 5] = [
        ("bool", Self::Bool),
        ("int", Self::Int),
        ("double", Self::Double),
        ("string", Self::String),
        ("list", Self::List),
    ];

    fn of(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(it, _)| *it == name).map(|(_, kind)| *kind)
    }

    /// The value that is written so.
    fn value(self, written: &str) -> Result<Kind, String> {
        match self {
            Self::Bool => match written {
                "true" => Ok(Kind::BoolValue(true)),
                "false" => Ok(Kind::BoolValue(false)),
                _ => Err(format!("{written:?} is no bool: write true or false")),
            },
            Self::Int => written.parse().map(Kind::IntValue).map_err(|_| {
                format!("{written:?} is no int: write a whole number from {} to {}", i64::MIN, i64::MAX)
            }),
            Self::Double => match written.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Kind::DoubleValue(number)),
                _ => Err(format!("{written:?} is no double: write a finite number such as 0.5")),
            },
            Self::String => Ok(Kind::StringValue(written.to_owned())),
            Self::List => list(bracketed(written).unwrap_or(written)).map(Kind::StringList),
        }
    }
}

/// Parses `NAME=VALUE` or `NAME:KIND=VALUE`.
pub(super) fn parse(argument: &str) -> Result<Attribute, String> {
    let wrong = || "must be NAME=VALUE, such as polarity=negative".to_owned();
    let (name, written) = argument.split_once('=').ok_or_else(wrong)?;
    // A name may have colons of its own: dc:title is one, unless a kind stands after the last.
    let named = name.rsplit_once(':').and_then(|(name, kind)| Some((name, Named::of(kind)?)));
    let (name, kind) = match named {
        Some((name, kind)) => (name, kind.value(written)?),
        None => (name, meant(written)?),
    };
    if name.is_empty() {
        return Err(wrong());
    }
    Ok(Attribute { name: name.to_owned(), value: v1::AttributeValue { kind: Some(kind) } })
}

/// The attributes by name.
pub(super) fn map(attributes: Vec<Attribute>) -> Result<BTreeMap<String, v1::AttributeValue>, String> {
    let mut map = BTreeMap::new();
    for Attribute { name, value } in attributes {
        if map.insert(name.clone(), value).is_some() {
            return Err(format!("--attribute {name} is given twice: several strings are {name}=[a, b]"));
        }
    }
    Ok(map)
}

/// The value that is written without its kind.
fn meant(written: &str) -> Result<Kind, String> {
    if matches!(written, "true" | "false") {
        return Named::Bool.value(written);
    }
    if let Some(items) = bracketed(written) {
        return list(items).map(Kind::StringList);
    }
    if let Some(string) = quoted(written)? {
        return Ok(Kind::StringValue(string));
    }
    match number(written) {
        Some(Named::Int) => Named::Int
            .value(written)
            .map_err(|_| format!("{written} is too large for an int: write NAME:string= or NAME:double=")),
        Some(kind) => kind.value(written),
        None => Named::String.value(written),
    }
}

fn bracketed(written: &str) -> Option<&str> {
    written.strip_prefix('[')?.strip_suffix(']')
}

/// The string between double quotes, if that is what is written.
fn quoted(written: &str) -> Result<Option<String>, String> {
    if written.len() < 2 || !written.starts_with('"') || !written.ends_with('"') {
        return Ok(None);
    }
    serde_json::from_str(written).map(Some).map_err(|_| {
        format!(
            "{written} is no string in quotes: a quote inside is \\\" and a backslash \\\\; or write NAME:string="
        )
    })
}

/// Which number is written, as JSON writes them: 007 is none, for it would lose its zeros.
fn number(written: &str) -> Option<Named> {
    let digits = written.strip_prefix('-').unwrap_or(written);
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    serde_json::from_str::<serde_json::Number>(written).ok()?;
    let is_whole = digits.bytes().all(|digit| digit.is_ascii_digit());
    Some(if is_whole { Named::Int } else { Named::Double })
}

/// `a, b, "c, d"`: spaces around an item are left out unless they are in quotes.
fn list(written: &str) -> Result<v1::StringList, String> {
    let mut values = Vec::new();
    let mut rest = written.trim();
    while !rest.is_empty() {
        let (item, after) = item(rest)?;
        values.push(item);
        rest = match after.strip_prefix(',') {
            Some(after) => after.trim_start(),
            None if after.is_empty() => break,
            None => return Err(format!("a comma must stand before {after:?} in the list")),
        };
    }
    Ok(v1::StringList { values })
}

/// The first item of a list, and what stands after it.
fn item(rest: &str) -> Result<(String, &str), String> {
    if !rest.starts_with('"') {
        let end = rest.find(',').unwrap_or(rest.len());
        let (item, after) = rest.split_at(end);
        let item = item.trim_end();
        if item.is_empty() {
            return Err("an item of the list is missing: an empty one is \"\"".to_owned());
        }
        return Ok((item.to_owned(), after));
    }
    let mut items = serde_json::Deserializer::from_str(rest).into_iter::<String>();
    match items.next() {
        Some(Ok(item)) => {
            let after = rest.get(items.byte_offset()..).unwrap_or_default();
            Ok((item, after.trim_start()))
        }
        _ => Err(format!("{rest:?} does not begin with a string in quotes: a quote inside is \\\"")),
    }
}

/// The attribute as it would be typed, on one line that a terminal may print.
pub(super) fn shown(name: &str, value: &v1::AttributeValue) -> String {
    format!("{}={}", printable(name), value_shown(value))
}

/// The value as it would be typed.
pub(super) fn value_shown(value: &v1::AttributeValue) -> String {
    let written = match &value.kind {
        Some(Kind::BoolValue(it)) => it.to_string(),
        Some(Kind::IntValue(it)) => it.to_string(),
        // With a point or an exponent, or it would be read as an int.
        Some(Kind::DoubleValue(it)) => format!("{it:?}"),
        Some(Kind::StringValue(it)) if is_read_back(it) => it.clone(),
        Some(Kind::StringValue(it)) => json(it),
        Some(Kind::StringList(v1::StringList { values })) => {
            let items: Vec<_> =
                values.iter().map(|it| if is_bare_item(it) { it.clone() } else { json(it) }).collect();
            format!("[{}]", items.join(", "))
        }
        None => String::new(),
    };
    printable(&written)
}

fn is_read_back(string: &str) -> bool {
    meant(string).is_ok_and(|kind| kind == Kind::StringValue(string.to_owned()))
}

fn is_bare_item(item: &str) -> bool {
    !item.is_empty() && item.trim() == item && !item.starts_with('"') && !item.contains([',', '[', ']'])
}

fn json(string: &str) -> String {
    serde_json::Value::from(string).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn strings(values: &[&str]) -> Kind {
        Kind::StringList(v1::StringList { values: values.iter().map(ToString::to_string).collect() })
    }

    fn string(value: &str) -> Kind {
        Kind::StringValue(value.to_owned())
    }

    #[test]
    fn a_value_is_what_it_looks_like_unless_its_kind_is_said() {
        let check = |argument: &str, name: &str, kind: Kind| {
            let value = v1::AttributeValue { kind: Some(kind) };
            assert_eq!(parse(argument), Ok(Attribute { name: name.to_owned(), value }), "{argument}");
        };
        check("a=true", "a", Kind::BoolValue(true));
        check("a=false", "a", Kind::BoolValue(false));
        check("a=True", "a", string("True"));
        check("a=7", "a", Kind::IntValue(7));
        check("a=-9223372036854775808", "a", Kind::IntValue(i64::MIN));
        check("a=7.0", "a", Kind::DoubleValue(7.0));
        check("a=1e3", "a", Kind::DoubleValue(1_000.0));
        for text in ["007", "+7", ".5", "7.", "NaN", "inf", "0x10", "", "a=b", "1,5", "\"", "a \"b\"", "[a"] {
            check(&format!("a={text}"), "a", string(text));
        }
        check(r#"a="7""#, "a", string("7"));
        check(r#"a="tab\tand \"quotes\"""#, "a", string("tab\tand \"quotes\""));
        check("a=[]", "a", strings(&[]));
        check("a=[b]", "a", strings(&["b"]));
        check("a=[ b c ,d,7]", "a", strings(&["b c", "d", "7"]));
        check(r#"a=["b, c" , ""]"#, "a", strings(&["b, c", ""]));
        check("a:string=true", "a", string("true"));
        check("a:string=[sic]", "a", string("[sic]"));
        check(r#"a:string="b""#, "a", string("\"b\""));
        check("a:int=+7", "a", Kind::IntValue(7));
        check("a:double=7", "a", Kind::DoubleValue(7.0));
        check("a:bool=true", "a", Kind::BoolValue(true));
        check("a:list=b, c", "a", strings(&["b", "c"]));
        check("a:list=[b]", "a", strings(&["b"]));
        check("dc:title=x", "dc:title", string("x"));
        check("dc:title:string=7", "dc:title", string("7"));
        check("é ü=x", "é ü", string("x"));
    }

    #[test]
    fn what_is_no_attribute_is_refused_with_what_would_be_one() {
        let check = |argument: &str, message: &str| {
            let error = parse(argument).unwrap_err();
            assert!(error.contains(message), "{argument}: {error}");
        };
        for argument in ["", "a", "=b", ":string=b"] {
            check(argument, "must be NAME=VALUE");
        }
        check("a=9223372036854775808", "write NAME:string= or NAME:double=");
        check("a:bool=yes", "write true or false");
        check("a:int=1.5", "write a whole number");
        check("a:double=inf", "write a finite number");
        check(r#"a="b"c""#, r#"a quote inside is \""#);
        check("a=[b,,c]", "an empty one is \"\"");
        check(r#"a=["b"c]"#, "a comma must stand before");
        check(r#"a=["b]"#, "does not begin with a string in quotes");
        let twice = vec![parse("a=1").unwrap(), parse("a=2").unwrap()];
        assert!(map(twice).unwrap_err().contains("a=[a, b]"));
    }

    #[test]
    fn what_is_shown_is_harmless() {
        let value = v1::AttributeValue { kind: Some(string("a\u{1b}[2J")) };
        assert_eq!(shown("n\u{202e}", &value), "n⟨U+202E⟩=a␛[2J");
    }

    fn any_value() -> impl Strategy<Value = Kind> {
        let text = r#"[a-c "\[\],.:=\\0-9-]{0,6}|true|false|[ -~]{0,8}"#;
        prop_oneof![
            any::<bool>().prop_map(Kind::BoolValue),
            any::<i64>().prop_map(Kind::IntValue),
            prop::num::f64::NORMAL.prop_map(Kind::DoubleValue),
            text.prop_map(Kind::StringValue),
            prop::collection::vec(text, 0..4).prop_map(|values| Kind::StringList(v1::StringList { values })),
        ]
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_typed(kind in any_value()) {
            let value = v1::AttributeValue { kind: Some(kind) };
            let typed = format!("name={}", value_shown(&value));
            prop_assert_eq!(parse(&typed), Ok(Attribute { name: "name".into(), value }), "{}", typed);
        }
    }
}
