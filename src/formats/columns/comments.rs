//! Comments of sentences, `# key = value`: attributes of them, and back.

use std::collections::BTreeMap;

use super::META;
use crate::{
    domain::{articles::ArticleDetails, attributes::AttributeValue},
    formats::exchange::{ArticleRecord, Feature},
    limits::{
        ATTRIBUTE_NAME_BYTES_MAX, METADATA_BYTES_MAX, METADATA_ENTRIES_MAX, METADATA_KEY_BYTES_MAX,
        METADATA_VALUE_BYTES_MAX,
    },
};

/// What is kept of comments that are not `# key = value`, and of the order of those of a sentence.
pub(in crate::formats) const COMMENT: &str = "comment";
const ORDER: &str = "comment_order";
/// What stands between keys where their order is kept.
const JOINER: &str = "; ";

/// A comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::formats) struct Comment<'l> {
    /// Before the `=`; [`COMMENT`] for a comment of another form.
    pub(in crate::formats) key: &'l str,
    /// After it; none where there is only a word, such as `newpar`. Of a comment of another form, all behind the `#`.
    pub(in crate::formats) value: Option<&'l str>,
}

impl<'l> Comment<'l> {
    /// Reads a line that begins with `#`.
    pub(in crate::formats) fn parse(line: &'l str) -> Self {
        let is_key = |key: &str| {
            !key.is_empty()
                && key.len() <= ATTRIBUTE_NAME_BYTES_MAX
                && !key.contains(|character: char| character.is_control() || character == ';')
                && key.trim() == key
                && ![COMMENT, ORDER].contains(&key)
        };
        let rest = line.strip_prefix("# ").unwrap_or_default();
        match rest.split_once(" = ") {
            Some((key, value)) if is_key(key) => Self { key, value: Some(value) },
            None if is_key(rest) && !rest.contains([' ', '=']) => Self { key: rest, value: None },
            Some(_) | None => Self { key: COMMENT, value: line.strip_prefix('#') },
        }
    }
}

/// The line of a comment, without its break.
pub(in crate::formats) fn comment_line(key: &str, value: Option<&str>) -> String {
    match value {
        Some(value) if key == COMMENT => format!("#{value}"),
        Some(value) => format!("# {key} = {value}"),
        None => format!("# {key}"),
    }
}

/// Puts in what a comment `meta::key` says of an article; false if it has no room for it.
pub(in crate::formats) fn put_metadata(record: &mut ArticleRecord, key: &str, value: &str) -> bool {
    let value = value.to_owned();
    match key.strip_prefix(META).unwrap_or(key) {
        "title" => record.title = value,
        "language" => record.language = value,
        "source_uri" => record.source_uri = value,
        name => {
            let metadata = &mut record.metadata;
            let bytes: usize = metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
            let fits = metadata.len() < METADATA_ENTRIES_MAX - FORM_ENTRIES_MAX
                && bytes + name.len() + value.len() <= METADATA_BYTES_MAX - FORM_BYTES_MAX
                && value.len() <= METADATA_VALUE_BYTES_MAX
                && (1..=METADATA_KEY_BYTES_MAX).contains(&name.len());
            if fits {
                metadata.insert(name.to_owned(), value);
            }
            return fits;
        }
    }
    true
}

/// What comments say of an article, each with its key; what none can say is told to `lose`. `is_form` knows the metadata that
/// is of the form of the file.
pub(in crate::formats) fn article_comments(
    details: &ArticleDetails,
    is_form: &dyn Fn(&str) -> bool,
    is_source_said: bool,
    lose: &mut dyn FnMut(Feature),
) -> Vec<(String, String)> {
    let own = [
        ("title", &details.title, Feature::Titles),
        ("language", &details.language, Feature::Languages),
        ("source_uri", &details.source_uri, Feature::SourceUris),
    ];
    let others = details.metadata.iter().filter(|(key, _)| !is_form(key));
    let others = others.map(|(key, value)| (key.as_str(), value, Feature::Metadata));
    let mut lines = Vec::new();
    for (name, value, feature) in own.into_iter().filter(|(_, value, _)| !value.is_empty()).chain(others) {
        let key = format!("{META}{name}");
        let line = comment_line(&key, Some(value));
        let read = Comment::parse(&line);
        let is_taken = feature == Feature::Metadata && own.iter().any(|(own, _, _)| *own == name);
        let is_same =
            read.key == key && read.value == Some(value) && !line.contains('\n') && !line.ends_with('\r');
        if is_same && !is_taken && (feature != Feature::SourceUris || is_source_said) {
            lines.push((key, line));
        } else {
            lose(feature);
        }
    }
    lines
}

/// Entries and bytes of metadata that are left for the form of the file.
const FORM_ENTRIES_MAX: usize = 8;
const FORM_BYTES_MAX: usize = 6_144;

/// The order in which the comments of a file come.
#[derive(Debug, Clone, Default)]
pub(in crate::formats) struct CommentOrder(Vec<String>);

impl CommentOrder {
    /// The order that [`CommentOrder::as_string`] wrote.
    pub(in crate::formats) fn parse(text: &str) -> Self {
        Self(text.split(JOINER).filter(|key| !key.is_empty()).map(str::to_owned).collect())
    }

    /// The keys in their order.
    pub(in crate::formats) fn as_string(&self) -> String {
        self.0.join(JOINER)
    }

    /// Whether comments of this key come.
    pub(in crate::formats) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|it| it == key)
    }

    /// Learns from the comments of a sentence; false if they come in another order.
    fn learn(&mut self, keys: &[&str]) -> bool {
        let place = |order: &Vec<String>, key: &str| order.iter().position(|it| it == key);
        let mut next = 0;
        for at in keys.iter().filter_map(|key| place(&self.0, key)) {
            if at < next {
                return false;
            }
            next = at + 1;
        }
        let mut next = 0;
        for key in keys {
            if let Some(at) = place(&self.0, key) {
                next = at + 1;
            } else if self.as_string().len() + JOINER.len() + key.len() <= METADATA_VALUE_BYTES_MAX {
                self.0.insert(next, (*key).to_owned());
                next += 1;
            }
        }
        true
    }

    /// What the comments of a sentence say as attributes; those with a key in `known` are only learnt the order of.
    pub(in crate::formats) fn attributes(
        &mut self,
        comments: &[Comment<'_>],
        known: &dyn Fn(&str) -> bool,
    ) -> BTreeMap<String, AttributeValue> {
        let mut keys: Vec<&str> = comments.iter().map(|comment| comment.key).collect();
        keys.dedup();
        let mut attributes = BTreeMap::new();
        if !self.learn(&keys) {
            attributes.insert(ORDER.to_owned(), AttributeValue::String(keys.join(JOINER)));
        }
        for Comment { key, value } in comments.iter().filter(|comment| !known(comment.key)) {
            let new =
                value.map_or(AttributeValue::Bool(true), |value| AttributeValue::String(value.to_owned()));
            let value = match (attributes.remove(*key), new) {
                (None, new) => new,
                (Some(AttributeValue::String(first)), AttributeValue::String(second)) => {
                    AttributeValue::StringList(vec![first, second])
                }
                (Some(AttributeValue::StringList(mut list)), AttributeValue::String(next)) => {
                    list.push(next);
                    AttributeValue::StringList(list)
                }
                (Some(old), _) => old,
            };
            attributes.insert((*key).to_owned(), value);
        }
        attributes
    }

    /// Comments, each a key and a line, as they come in a file.
    pub(in crate::formats) fn sort(
        &self,
        attributes: &BTreeMap<String, AttributeValue>,
        comments: &mut [(String, String)],
    ) {
        let own = match attributes.get(ORDER) {
            Some(AttributeValue::String(order)) => Some(Self::parse(order)),
            _ => None,
        };
        let order = own.as_ref().unwrap_or(self);
        let place = |key: &str| order.0.iter().position(|it| it == key);
        let new = place("text").unwrap_or(order.0.len());
        comments.sort_by_key(|(key, _)| match (place(key), usual_place(key)) {
            (Some(place), _) => (place, ORDERED),
            (None, FIRST) => (0, FIRST),
            (None, usual) => (new, usual),
        });
    }
}

const FIRST: usize = 0;
const ORDERED: usize = 5;

/// Where a comment comes in files that order them as most do.
fn usual_place(key: &str) -> usize {
    match key {
        "newdoc" | "newdoc id" => FIRST,
        "spaces_before" | "text" | "text_escaped" => 3,
        "spaces_after" => 4,
        key if key.starts_with("meta::") || key.starts_with("global.") => FIRST,
        key if key.starts_with("newpar") => 1,
        _ => 2,
    }
}

/// The comments that attributes of a sentence are, each with its key, and how many attributes are none.
pub(in crate::formats) fn comments_of(
    attributes: &BTreeMap<String, AttributeValue>,
    lose: &mut dyn FnMut(&AttributeValue),
) -> Vec<(String, String)> {
    let mut comments = Vec::new();
    for (key, value) in attributes.iter().filter(|(key, _)| *key != ORDER) {
        let mut push = |value: Option<&str>| {
            let line = comment_line(key, value);
            let read = Comment::parse(&line);
            let is_same = (read.key, read.value) == (key.as_str(), value);
            if is_same && !line.contains('\n') && !line.ends_with('\r') && !is_taken(key) {
                comments.push((key.clone(), line));
                return true;
            }
            false
        };
        let is_kept = match value {
            AttributeValue::Bool(true) => push(None),
            AttributeValue::String(value) => push(Some(value)),
            AttributeValue::StringList(list) if list.len() > 1 => list.iter().all(|value| push(Some(value))),
            AttributeValue::StringList(_)
            | AttributeValue::Bool(false)
            | AttributeValue::Int(_)
            | AttributeValue::Double(_) => false,
        };
        if !is_kept {
            lose(value);
        }
    }
    comments
}

/// Whether a comment of this key says something else than an attribute.
fn is_taken(key: &str) -> bool {
    ["newdoc", "global.columns", "global.Entity", "text_escaped", "spaces_before", "spaces_after"]
        .contains(&key)
        || key.starts_with("meta::")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_keys_and_values_or_kept_whole() {
        let check = |line: &str, key: &str, value: Option<&str>| {
            let read = Comment::parse(line);
            assert_eq!((read.key, read.value), (key, value), "{line}");
            assert_eq!(comment_line(read.key, read.value), line);
        };
        check("# sent_id = a-1", "sent_id", Some("a-1"));
        check("# text = x = y", "text", Some("x = y"));
        check("# newpar", "newpar", None);
        check("# A remark of somebody.", COMMENT, Some(" A remark of somebody."));
        check("#\thttp://example.org\t[2010]\t", COMMENT, Some("\thttp://example.org\t[2010]\t"));
        check("#", COMMENT, Some(""));
        check("# comment = x", COMMENT, Some(" comment = x"));
    }

    #[test]
    fn the_order_of_comments_comes_back() {
        let mut order = CommentOrder::default();
        let sentences: [&[&str]; 4] = [
            &["# b = 1", "# a = 1"],
            &["# b = 2", "# c = 2", "# a = 2"],
            &["# a = 3", "# b = 3"],
            &["#x", "#y"],
        ];
        let attributes: Vec<_> = sentences
            .iter()
            .map(|lines| {
                let comments: Vec<_> = lines.iter().map(|line| Comment::parse(line)).collect();
                order.attributes(&comments, &|_| false)
            })
            .collect();
        let order = CommentOrder::parse(&order.as_string());
        for (lines, attributes) in sentences.iter().zip(attributes) {
            let mut comments = comments_of(&attributes, &mut |value| panic!("{value:?} is lost"));
            order.sort(&attributes, &mut comments);
            let written: Vec<_> = comments.iter().map(|(_, line)| line.as_str()).collect();
            assert_eq!(written, *lines);
        }
    }
}
