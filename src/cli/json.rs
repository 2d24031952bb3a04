//! Answers as protobuf JSON: lowerCamelCase names, every field that has a value or a default.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::Value;

use super::failure::Failure;
use crate::proto::DESCRIPTORS;

static POOL: LazyLock<Result<DescriptorPool, String>> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).map_err(|error| error.to_string()));

/// A message as one line, without line break.
///
/// Defaults are written, since a `start` of 0 is a number that matters; the fields named in `not_sent` are left
/// out, since an empty text would be taken for one: `a` is the message's own, `a.b` that of each `a` anywhere in it.
///
/// # Errors
///
/// When the message is not what `full_name` says.
pub(super) fn line<M: Message>(full_name: &str, message: &M, not_sent: &[&str]) -> Result<String, Failure> {
    let unreadable = |cause: String| Failure::Local(format!("cannot write {full_name} as JSON: {cause}"));
    let pool = POOL.as_ref().map_err(|cause| unreadable(cause.clone()))?;
    let descriptor =
        pool.get_message_by_name(full_name).ok_or_else(|| unreadable("it is not in the API".to_owned()))?;
    let message = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())
        .map_err(|error| unreadable(error.to_string()))?;
    let options = SerializeOptions::new().skip_default_fields(false);
    let mut value = message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .map_err(|error| unreadable(error.to_string()))?;
    if let Value::Object(fields) = &mut value {
        fields.retain(|name, _| !not_sent.contains(&name.as_str()));
    }
    for (outer, inner) in not_sent.iter().filter_map(|path| path.split_once('.')) {
        leave_out(&mut value, outer, inner);
    }
    Ok(harmless(&value.to_string()))
}

/// Removes `inner` from each object that is called `outer`.
fn leave_out(value: &mut Value, outer: &str, inner: &str) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let Value::Object(fields) = value
                    && name == outer
                {
                    fields.shift_remove(inner);
                }
                leave_out(value, outer, inner);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| leave_out(item, outer, inner)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The same JSON with escapes for what a terminal would obey, which stands in strings alone.
pub(super) fn harmless(json: &str) -> String {
    let obeyed = |c: char| matches!(c, '\u{7f}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if obeyed(character) {
            // All of them are in the basic plane, where the escape is the code.
            let escape = format!("\\u{:04x}", u32::from(character));
            out.push_str(&escape);
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1;

    #[test]
    fn a_number_that_is_0_is_written_and_a_range_that_is_absent_is_not() {
        let span = v1::Span {
            utf8: Some(v1::Range { start: 0, end: 3 }),
            quote: "ZTE".into(),
            ..v1::Span::default()
        };
        let expected = r#"{"utf8":{"start":0,"end":3},"quote":"ZTE","prefix":"","suffix":""}"#;
        assert_eq!(line("spandrel.v1.Span", &span, &[]).unwrap(), expected);
    }

    #[test]
    fn names_times_and_64_bits_are_as_protobuf_json_says() {
        let time = prost_types::Timestamp { seconds: 1_700_000_000, nanos: 5_000_000 };
        let project = v1::Project {
            name: "projects/p".into(),
            revision: 7,
            create_time: Some(time),
            ..v1::Project::default()
        };
        let expected = concat!(
            r#"{"name":"projects/p","displayName":"","description":"","metadata":{},"revision":"7","#,
            r#""createTime":"2023-11-14T22:13:20.005Z","etag":"","uid":""}"#
        );
        assert_eq!(line("spandrel.v1.Project", &project, &[]).unwrap(), expected);
    }

    #[test]
    fn what_was_not_sent_is_left_out() {
        let article = v1::Article { name: "projects/p/articles/a".into(), ..v1::Article::default() };
        assert!(line("spandrel.v1.Article", &article, &[]).unwrap().contains(r#""text":"""#));
        assert!(!line("spandrel.v1.Article", &article, &["text"]).unwrap().contains(r#""text""#));
    }

    #[test]
    fn what_was_not_sent_of_what_is_in_it_is_left_out() {
        use v1::resource::Kind;
        // Keys of people's own are no fields, however they are called.
        let metadata = [("article".to_owned(), "x".to_owned()), ("text".to_owned(), "y".to_owned())].into();
        let article = v1::Article { title: "T".into(), metadata, ..v1::Article::default() };
        let resource = v1::Resource { kind: Some(Kind::Article(article)) };
        let change =
            v1::Change { before: Some(resource.clone()), after: Some(resource), ..v1::Change::default() };
        let commit = v1::Changes { changes: vec![change.clone(), change], ..v1::Changes::default() };
        let line = line("spandrel.v1.Changes", &commit, &["article.text"]).unwrap();
        assert_eq!(line.matches(r#""text""#).count(), 4, "{line}");
        assert_eq!(line.matches(r#""article":"x""#).count(), 4, "{line}");
        assert!(!line.contains(r#""text":"""#), "{line}");
    }

    #[test]
    fn nothing_in_it_is_obeyed_by_a_terminal() {
        let article = v1::Article { text: "a\u{1b}[31m\u{9b}1m\u{202e}\n".into(), ..v1::Article::default() };
        let line = line("spandrel.v1.Article", &article, &[]).unwrap();
        assert!(line.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{line}");
        let back: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(back["text"], "a\u{1b}[31m\u{9b}1m\u{202e}\n");
    }
}
