//! JSON as files of records have it: a record a line, an array of records, or one record alone.

use std::{fmt, io::BufRead};

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{
    reading::{FileProblem, Sink, Stopped},
    records::ArticleRecord,
    source_file::SourceFile,
    source_paths::article_id_of,
};
use crate::{
    domain::{Problem, attributes::AttributeValue},
    limits::{
        EXCHANGE_RECORD_BYTES_MAX, METADATA_BYTES_MAX, METADATA_ENTRIES_MAX, METADATA_KEY_BYTES_MAX,
        METADATA_VALUE_BYTES_MAX,
    },
};

/// A JSON value as a string of metadata: a string as it is, unless it would be taken for something else; anything else as
/// JSON. [`json_value_of`] takes it back.
pub(in crate::formats) fn metadata_of(value: &Value) -> String {
    match value {
        Value::String(text) if json_value_of(text) == *value => text.clone(),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => value.to_string(),
    }
}

/// The JSON value of a string of metadata: what it is as JSON, and itself if it is none.
pub(in crate::formats) fn json_value_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// A JSON value as a text that is shown: a string as it is, anything else as JSON.
pub(in crate::formats) fn json_text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

/// A JSON value as that of an attribute, and whether it is that exactly: what is within another value is kept as text.
pub(in crate::formats) fn attribute_of(value: &Value) -> (AttributeValue, bool) {
    match value {
        Value::Bool(value) => (AttributeValue::Bool(*value), true),
        Value::String(value) => (AttributeValue::String(value.clone()), true),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => (AttributeValue::Int(number), true),
            (None, Some(number)) => (AttributeValue::Double(number), true),
            (None, None) => (AttributeValue::String(number.to_string()), false),
        },
        Value::Array(values) => {
            let strings: Option<Vec<_>> =
                values.iter().map(|value| value.as_str().map(str::to_owned)).collect();
            match strings {
                Some(strings) => (AttributeValue::StringList(strings), true),
                None => (AttributeValue::String(value.to_string()), false),
            }
        }
        Value::Null | Value::Object(_) => (AttributeValue::String(value.to_string()), false),
    }
}

/// The JSON value of an attribute.
pub(in crate::formats) fn value_of(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Bool(value) => Value::from(*value),
        AttributeValue::Int(value) => Value::from(*value),
        AttributeValue::Double(value) => Value::from(*value),
        AttributeValue::String(value) => Value::from(value.as_str()),
        AttributeValue::StringList(values) => Value::from(values.clone()),
    }
}

/// Reads a file of JSON records, each told to `each` with the line that it ends on (in an array: where reading has come to),
/// in a number of bytes that does not grow with the file. Which of the three kinds it is shows at its beginning.
///
/// # Errors
///
/// What `each` answers, and when the file cannot be read on. What is wrong with the file is told to the sink.
pub(in crate::formats) fn read_json_records(
    file: &mut SourceFile<'_>,
    sink: &mut dyn Sink,
    each: Each<'_>,
) -> Result<(), Stopped> {
    file.skip_byte_order_mark()?;
    let first = skip_space(file)?;
    match first {
        None => Ok(()),
        Some(b'[') => array(file, sink, each),
        Some(_) => lines(file, sink, each),
    }
}

/// Where a record stands.
#[derive(Debug)]
pub(in crate::formats) struct JsonPlace<'f> {
    /// The file.
    pub(in crate::formats) path: &'f str,
    /// Its path without the extension.
    pub(in crate::formats) stem: &'f str,
    /// The line, from 1.
    pub(in crate::formats) line: u64,
    /// The record's number in the file, from 1.
    pub(in crate::formats) number: u64,
    /// Whether the file is this record alone, over several lines.
    pub(in crate::formats) alone: bool,
}

impl JsonPlace<'_> {
    /// A problem of the record.
    pub(in crate::formats) fn invalid(&self, message: impl Into<String>) -> FileProblem {
        FileProblem::invalid(self.path, self.line, message)
    }

    /// Where the record is, for reports of losses.
    pub(in crate::formats) fn example(&self, what: &str) -> String {
        format!("{}:{} {what}", self.path, self.line)
    }

    /// An article of the record, which calls itself `id`, or nothing.
    pub(in crate::formats) fn article(&self, id: Option<&Value>, text: String) -> ArticleRecord {
        let id = id.map(json_text_of).filter(|id| !id.is_empty());
        let id = match id {
            Some(id) => article_id_of(&id),
            None if self.alone => article_id_of(self.stem),
            None => article_id_of(&format!("{}-{}", self.stem, self.number)),
        };
        let (path, source_uri) = (self.path.to_owned(), self.path.to_owned());
        ArticleRecord { path, line: self.line, id, source_uri, text, ..ArticleRecord::default() }
    }
}

/// Keeps what a record says beside its text as metadata of the article, as far as that fits.
pub(in crate::formats) fn keep_metadata(
    article: &mut ArticleRecord,
    rest: Map<String, Value>,
    place: &JsonPlace<'_>,
    sink: &mut dyn Sink,
) {
    let mut bytes: usize = article.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    for (name, value) in rest {
        let text = metadata_of(&value);
        let more = bytes.saturating_add(name.len()).saturating_add(text.len());
        let fits = (1..=METADATA_KEY_BYTES_MAX).contains(&name.len())
            && text.len() <= METADATA_VALUE_BYTES_MAX
            && more <= METADATA_BYTES_MAX
            && article.metadata.len() < METADATA_ENTRIES_MAX;
        if fits {
            bytes = more;
            article.metadata.insert(name, text);
        } else {
            sink.loss("metadata that is too long", place.example(&name));
        }
    }
}

/// What kind of value it is, as messages say it.
pub(in crate::formats) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The objects of the array `name` of a record; none where it is not there.
///
/// # Errors
///
/// What is wrong with it.
pub(in crate::formats) fn objects(
    name: &str,
    value: Option<Value>,
) -> Result<Vec<Map<String, Value>>, String> {
    let array = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(array)) => array,
        Some(other) => return Err(format!("{name} is {}; it is an array", kind_of(&other))),
    };
    let object = |(index, value)| match value {
        Value::Object(object) => Ok(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(format!("{name}[{index}] is {}; it is an object", kind_of(&value)))
        }
    };
    array.into_iter().enumerate().map(object).collect()
}

/// The text `name` of a record.
///
/// # Errors
///
/// What is wrong with it.
pub(in crate::formats) fn required_text(
    object: &mut Map<String, Value>,
    name: &str,
) -> Result<String, String> {
    match object.shift_remove(name) {
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(format!("{name} is {}; it is a string", kind_of(&other))),
        None => Err(format!("has no {name}")),
    }
}

/// The offset `name` of a record, without taking it away.
///
/// # Errors
///
/// What is wrong with it.
pub(in crate::formats) fn offset(object: &Map<String, Value>, name: &str) -> Result<u64, String> {
    match object.get(name) {
        Some(value) => {
            value.as_u64().ok_or_else(|| format!("{name} is {value}; it is a whole number from 0"))
        }
        None => Err(format!("has no {name}")),
    }
}

fn skip_space(file: &mut SourceFile<'_>) -> Result<Option<u8>, Stopped> {
    loop {
        let available = file.fill_buf()?;
        let Some(first) = available.first().copied() else { return Ok(None) };
        let spaces = available.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if spaces == 0 {
            return Ok(Some(first));
        }
        file.consume(spaces);
    }
}

/// What is done with each record.
pub(in crate::formats) type Each<'e> =
    &'e mut dyn FnMut(&JsonPlace<'_>, Value, &mut dyn Sink) -> Result<(), Stopped>;

/// A record a line; where the first line is only the beginning of a record, the file is one record over several lines.
fn lines(file: &mut SourceFile<'_>, sink: &mut dyn Sink, each: Each<'_>) -> Result<(), Stopped> {
    let (path, stem) = (file.path().to_owned(), file.stem().to_owned());
    let mut number = 0;
    while let Some(line) = file.next_line()? {
        let line = match line {
            Ok(line) => line,
            Err(problem) => {
                sink.problem(problem)?;
                continue;
            }
        };
        if line.text.trim().is_empty() {
            continue;
        }
        number += 1;
        let mut place = JsonPlace { path: &path, stem: &stem, line: line.number, number, alone: false };
        match serde_json::from_str(&line.text) {
            Ok(value) => each(&place, value, sink)?,
            Err(error) if error.is_eof() && number == 1 => {
                // Perhaps one record alone, over several lines.
                let rest = match file.whole_text()? {
                    Ok(rest) => rest,
                    Err(problem) => return sink.problem(problem),
                };
                let whole = [line.text.as_str(), line.ending, rest.as_str()].concat();
                place.alone = true;
                return match serde_json::from_str(&whole) {
                    Ok(value) => each(&place, value, sink),
                    Err(_) if is_record(rest.lines().next()) => {
                        sink.problem(syntax(&path, place.line.saturating_sub(1), &error))?;
                        rest_of_lines(&rest, &place, sink, each)
                    }
                    Err(error) => sink.problem(syntax(&path, place.line.saturating_sub(1), &error)),
                };
            }
            Err(error) => {
                let before = line.number.saturating_sub(1);
                let hint = if line.text.contains('\r') { CARRIAGE_RETURNS } else { "" };
                let mut problem = syntax(&path, before, &error);
                problem.error = Problem::RecordInvalid(format!("{}{hint}", problem.message())).into();
                sink.problem(problem)?;
            }
        }
    }
    Ok(())
}

/// What may be wrong where a line that is no JSON has carriage returns within it.
const CARRIAGE_RETURNS: &str =
    "; the line has carriage returns, with which old files end lines: tr '\\r' '\\n' makes lines of them";

/// Whether a line is a record by itself.
fn is_record(line: Option<&str>) -> bool {
    line.is_some_and(|line| serde_json::from_str::<Map<String, Value>>(line).is_ok())
}

/// Reads the lines after the first one, which was no record.
fn rest_of_lines(
    rest: &str,
    first: &JsonPlace<'_>,
    sink: &mut dyn Sink,
    each: Each<'_>,
) -> Result<(), Stopped> {
    for (index, text) in rest.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let after = u64::try_from(index).unwrap_or(u64::MAX).saturating_add(1);
        let (line, number) = (first.line.saturating_add(after), first.number.saturating_add(after));
        let place = JsonPlace { path: first.path, stem: first.stem, line, number, alone: false };
        match serde_json::from_str(text) {
            Ok(value) => each(&place, value, sink)?,
            Err(error) => sink.problem(syntax(first.path, line.saturating_sub(1), &error))?,
        }
    }
    Ok(())
}

/// What is wrong with JSON that begins after line `before`.
pub(in crate::formats) fn syntax(path: &str, before: u64, error: &serde_json::Error) -> FileProblem {
    let line = before.saturating_add(u64::try_from(error.line()).unwrap_or_default());
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    FileProblem::invalid(path, line, format!("is not JSON: {message}, at column {}", error.column()))
}

fn array(file: &mut SourceFile<'_>, sink: &mut dyn Sink, each: Each<'_>) -> Result<(), Stopped> {
    let (path, stem, before) =
        (file.path().to_owned(), file.stem().to_owned(), file.line().saturating_sub(1));
    let lines = std::cell::Cell::new(file.line());
    let mut stopped = None;
    let bytes = std::cell::Cell::new(0);
    let counted = Counted { file, lines: &lines, bytes: &bytes };
    let mut deserializer = serde_json::Deserializer::from_reader(counted);
    let visitor = Elements {
        path: &path,
        stem: &stem,
        lines: &lines,
        bytes: &bytes,
        sink: &mut *sink,
        each,
        stopped: &mut stopped,
    };
    let read = deserializer.deserialize_seq(visitor).and_then(|()| deserializer.end());
    match (stopped, read) {
        (Some(stopped), _) => Err(stopped),
        (None, Ok(())) => Ok(()),
        (None, Err(error)) if error.is_io() => Err(Stopped::Input(error.into())),
        (None, Err(error)) => sink.problem(syntax(&path, before, &error)),
    }
}

/// A file that says how far it was read, while somebody else reads it.
struct Counted<'c, 'f, 'i> {
    file: &'c mut SourceFile<'i>,
    lines: &'f std::cell::Cell<u64>,
    /// Bytes since the last record.
    bytes: &'f std::cell::Cell<usize>,
}

impl std::io::Read for Counted<'_, '_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.lines.set(self.file.line());
        self.bytes.set(self.bytes.get().saturating_add(read));
        if self.bytes.get() > EXCHANGE_RECORD_BYTES_MAX {
            let message = format!("the record is longer than {EXCHANGE_RECORD_BYTES_MAX} bytes");
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, message));
        }
        Ok(read)
    }
}

struct Elements<'e, 'f> {
    path: &'f str,
    stem: &'f str,
    lines: &'f std::cell::Cell<u64>,
    bytes: &'f std::cell::Cell<usize>,
    sink: &'e mut dyn Sink,
    each: Each<'e>,
    stopped: &'e mut Option<Stopped>,
}

impl<'de> Visitor<'de> for Elements<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Self { path, stem, lines, bytes, sink, each, stopped } = self;
        let mut number = 0;
        while let Some(value) = elements.next_element::<Value>()? {
            number += 1;
            bytes.set(0);
            let place = JsonPlace { path, stem, line: lines.get(), number, alone: false };
            if let Err(why) = each(&place, value, sink) {
                *stopped = Some(why);
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::formats::exchange::{Record, SourceFile};

    #[derive(Default)]
    struct Problems(Vec<String>);

    impl Sink for Problems {
        fn record(&mut self, _: Record) -> Result<(), Stopped> {
            Ok(())
        }
        fn problem(&mut self, problem: FileProblem) -> Result<(), Stopped> {
            self.0.push(format!("{}: {}", problem.line, problem.message()));
            Ok(())
        }
        fn loss(&mut self, _: &str, _: String) {}
    }

    fn read(text: &str) -> (Vec<(u64, Value)>, Vec<String>) {
        let (mut values, mut problems) = (Vec::new(), Problems::default());
        let mut input = std::io::BufReader::with_capacity(4, text.as_bytes());
        let mut file = SourceFile::new("x.json", &mut input);
        read_json_records(&mut file, &mut problems, &mut |place, value, _| {
            values.push((place.line, value));
            Ok(())
        })
        .unwrap();
        (values, problems.0)
    }

    #[test]
    fn three_kinds_of_files_are_read() {
        let expected = |lines: &[u64]| {
            lines.iter().zip([json!({"a": 1}), json!({"a": 2})]).map(|(l, v)| (*l, v)).collect()
        };
        assert_eq!(read("{\"a\": 1}\n\n{\"a\": 2}"), (expected(&[1, 3]), vec![]));
        assert_eq!(read("\u{feff} [\n{\"a\": 1},\n{\n\"a\": 2}]\n"), (expected(&[2, 4]), vec![]));
        assert_eq!(read("{\n \"a\": 1\n}\n"), (expected(&[1]), vec![]));
        assert_eq!(read(" \n"), (vec![], vec![]));
        assert_eq!(read("[]"), (vec![], vec![]));
    }

    #[test]
    fn what_is_no_json_says_where() {
        let (values, problems) = read("{\"a\": 1}\n{\"a\" 2}\n{\"a\": 2}\n{\"a");
        assert_eq!(values.len(), 2);
        assert_eq!(
            problems,
            [
                "2: is not JSON: expected `:`, at column 6",
                "4: is not JSON: EOF while parsing a string, at column 3"
            ]
        );
        // The first line was cut; the others are not.
        let (values, problems) = read("{\"a\": \n{\"a\": 1}\n{\"a\": 2}\n");
        assert_eq!((values.len(), problems.len()), (2, 1), "{problems:?}");
        let (values, problems) = read("[{\"a\": 1},\n{\"a\"");
        assert_eq!(values.len(), 1);
        assert_eq!(problems, ["2: is not JSON: EOF while parsing an object, at column 4"]);
    }

    proptest! {
        #[test]
        fn metadata_keeps_what_a_value_is(text in "\\PC{0,8}|-?[0-9]{1,4}|true|null|\\[1\\]|\"a\"", nested in any::<bool>()) {
            let value = if nested { json!([text]) } else { Value::String(text) };
            prop_assert_eq!(json_value_of(&metadata_of(&value)), value);
        }
    }
}
