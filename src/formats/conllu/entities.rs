//! Mentions in brackets: `Entity=(1-person(2-place)1)`.

use std::collections::BTreeMap;

/// What a bracket says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bracket<'e> {
    /// A mention begins: its fields.
    Open(&'e str),
    /// One begins and ends.
    Whole(&'e str),
    /// The one of this id ends.
    Close(&'e str),
}

/// What fields of mentions are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EntityFields(Vec<String>);

/// The field of labels.
const TYPE: &str = "etype";
/// A first field of this name only tells brackets apart; the values of the others are percent-encoded.
const BARE_ID: &str = "id";
/// What a mention without a type is.
const UNTYPED: &str = "Entity";

/// A mention's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mention {
    /// The id that its last bracket has.
    pub(super) id: String,
    /// Which part of how many it is.
    pub(super) part: (usize, usize),
    pub(super) label: String,
    pub(super) attributes: BTreeMap<String, String>,
}

/// The brackets of a value; none if it has something else in it.
pub(super) fn brackets(value: &str) -> Option<Vec<Bracket<'_>>> {
    let mut brackets = Vec::new();
    let mut rest = value;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('(') {
            let end = inside.find(['(', ')']).unwrap_or(inside.len());
            let (fields, after) = inside.split_at_checked(end)?;
            let whole = after.strip_prefix(')');
            brackets.push(if whole.is_some() { Bracket::Whole(fields) } else { Bracket::Open(fields) });
            rest = whole.unwrap_or(after);
        } else {
            let (id, after) = rest.split_once(')')?;
            if id.is_empty() || id.contains('(') {
                return None;
            }
            brackets.push(Bracket::Close(id));
            rest = after;
        }
    }
    Some(brackets)
}

/// The id and the part of `e5[1/2]`.
pub(super) fn part_of(id: &str) -> (&str, (usize, usize)) {
    let parsed = id.strip_suffix(']').and_then(|it| it.rsplit_once('[')).and_then(|(id, part)| {
        let (part, count) = part.split_once('/')?;
        let (part, count) = (part.parse().ok()?, count.parse().ok()?);
        (1 <= part && part <= count).then_some((id, (part, count)))
    });
    parsed.unwrap_or((id, (1, 1)))
}

impl EntityFields {
    /// Those that `# global.Entity = ...` names, or those of `CorefUD`.
    pub(super) fn parse(names: Option<&str>) -> Self {
        Self(names.unwrap_or("eid-etype-head-other").split('-').map(str::to_owned).collect())
    }

    /// Those of mentions that came from no such file.
    pub(super) fn own(attributes: impl Iterator<Item = String>) -> Self {
        let mut names = vec![BARE_ID.to_owned(), TYPE.to_owned()];
        names.extend(attributes);
        Self(names)
    }

    /// As `# global.Entity = ...` names them.
    pub(super) fn as_string(&self) -> String {
        self.0.join("-")
    }

    /// Whether the first field only tells brackets apart.
    pub(super) fn is_own(&self) -> bool {
        self.0.first().is_some_and(|name| name == BARE_ID)
    }

    /// The name of the first field.
    pub(super) fn id_name(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// Reads a mention.
    pub(super) fn read(&self, text: &str) -> Mention {
        let mut values = text.splitn(self.0.len(), '-');
        let (id, part) = part_of(values.next().unwrap_or_default());
        let mut mention =
            Mention { id: id.to_owned(), part, label: UNTYPED.to_owned(), attributes: BTreeMap::new() };
        if !self.is_own() {
            mention.attributes.insert(self.id_name().to_owned(), id.to_owned());
        }
        for (name, value) in self.0.iter().skip(1).zip(values).filter(|(_, value)| !value.is_empty()) {
            let value = if self.is_own() { decoded(value) } else { value.to_owned() };
            if name == TYPE {
                mention.label = value;
            } else {
                mention.attributes.insert(name.clone(), value);
            }
        }
        mention
    }

    /// Writes a mention, without the bracket before it; what does not fit in is told to `lose`, by name.
    pub(super) fn write(&self, mention: &Mention, lose: &mut dyn FnMut(&str)) -> String {
        let mut values = Vec::with_capacity(self.0.len());
        for (index, name) in self.0.iter().enumerate() {
            let value = match name.as_str() {
                _ if index == 0 => {
                    values.push(bracket_id(mention));
                    continue;
                }
                TYPE if mention.label == UNTYPED && !self.is_own() => "",
                TYPE => mention.label.as_str(),
                name => mention.attributes.get(name).map_or("", String::as_str),
            };
            let is_last = index + 1 == self.0.len();
            if self.is_own() {
                let is_said = name == TYPE || mention.attributes.contains_key(name);
                values.push(if is_said { encoded(value) } else { String::new() });
            } else if is_plain(value, is_last) {
                values.push(value.to_owned());
            } else {
                lose(name);
                values.push(String::new());
            }
        }
        while values.last().is_some_and(String::is_empty) {
            values.pop();
        }
        for name in mention.attributes.keys().filter(|name| !self.0.contains(name)) {
            lose(name);
        }
        values.join("-")
    }
}

/// The id as brackets have it.
pub(super) fn bracket_id(mention: &Mention) -> String {
    match mention.part {
        (1, 1) => mention.id.clone(),
        (part, count) => format!("{}[{part}/{count}]", mention.id),
    }
}

/// Whether a field can be called so.
pub(super) fn is_field_name(name: &str) -> bool {
    let is_plain = |character: char| !character.is_whitespace() && !"-()|=%".contains(character);
    !name.is_empty() && name.chars().all(is_plain) && ![TYPE, BARE_ID].contains(&name)
}

/// Whether a value may stand between hyphens as it is.
pub(super) fn is_plain(value: &str, is_last: bool) -> bool {
    let taken = |character: char| character.is_whitespace() || "()|".contains(character);
    !value.contains(taken) && (is_last || !value.contains('-'))
}

/// A value without what means something between brackets; `%` alone is one of no characters.
fn encoded(value: &str) -> String {
    if value.is_empty() {
        return "%".to_owned();
    }
    let mut encoded = String::with_capacity(value.len());
    for character in value.chars() {
        if character.is_ascii()
            && !character.is_ascii_alphanumeric()
            && !".,:;_/!?*+#&'\"".contains(character)
        {
            encoded.extend(['%', digit(u32::from(character) / 16), digit(u32::from(character) % 16)]);
        } else {
            encoded.push(character);
        }
    }
    encoded
}

fn digit(value: u32) -> char {
    char::from_digit(value, 16).unwrap_or_default().to_ascii_uppercase()
}

fn decoded(value: &str) -> String {
    if value == "%" {
        return String::new();
    }
    let mut decoded = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('%') {
        decoded.push_str(before);
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(u8::is_ascii);
        decoded.push(byte.map_or('%', char::from));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    decoded.push_str(rest);
    decoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn brackets_are_read() {
        use Bracket::{Close, Open, Whole};
        let check = |value: &str, expected: Option<&[Bracket<'_>]>| {
            assert_eq!(brackets(value).as_deref(), expected, "{value}");
        };
        check("(1-person(2-place)1)", Some(&[Open("1-person"), Whole("2-place"), Close("1")]));
        check("4)3)(5-x", Some(&[Close("4"), Close("3"), Open("5-x")]));
        check("", Some(&[]));
        for wrong in ["x", ")", "1", "(1)2"] {
            check(wrong, None);
        }
        assert_eq!(part_of("e5[1/2]"), ("e5", (1, 2)));
        for plain in ["e5", "e5[3/2]", "e5[0/2]", "e5[a/2]", "[]"] {
            assert_eq!(part_of(plain), (plain, (1, 1)));
        }
    }

    #[test]
    fn fields_are_read_and_written() {
        let fields = EntityFields::parse(Some("GRP-etype-infstat-identity"));
        for text in ["1-person-new", "1-person", "1-person--A-B", "1-person-new-Durham%2C_England", "1"] {
            let mention = fields.read(text);
            assert_eq!(fields.write(&mention, &mut |name| panic!("{name}")), text);
        }
        let mention = fields.read("1-person-new-A-B");
        assert_eq!(mention.label, "person");
        assert_eq!(mention.attributes.len(), 3);
    }

    proptest! {
        #[test]
        fn own_fields_take_anything(label in ".{1,8}", value in ".{0,8}") {
            let fields = EntityFields::own(["a".to_owned(), "b".to_owned()].into_iter());
            let attributes = BTreeMap::from([("a".to_owned(), value)]);
            let mention = Mention { id: "7".to_owned(), part: (1, 1), label, attributes };
            let written = fields.write(&mention, &mut |name| panic!("{name}"));
            prop_assert_eq!(fields.read(&written), mention);
            prop_assert!(!written.contains(['(', ')', '|', '\t', '\n']));
        }
    }
}
