//! JSON as files of records have it: a record a line, an array of records, or one record alone.

use std::{fmt, io::BufRead};

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::Value;

use super::{
    reading::{FileProblem, Sink, Stopped},
    source_file::SourceFile,
};

/// A JSON value as a string of metadata: a string as it is, unless it would be taken for something else; anything else as
/// JSON. [`json_value_of`] takes it back.
pub(in crate::formats) fn metadata_of(value: &Value) -> String {
    match value {
        Value::String(text) if json_value_of(text) == *value => text.clone(),
        other => other.to_string(),
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
        other => other.to_string(),
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
    each: &mut dyn FnMut(&JsonPlace<'_>, Value, &mut dyn Sink) -> Result<(), Stopped>,
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
    /// Bytes of the file up to the end of the record; none in an array.
    pub(in crate::formats) resume_at: Option<u64>,
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

type Each<'e> = &'e mut dyn FnMut(&JsonPlace<'_>, Value, &mut dyn Sink) -> Result<(), Stopped>;

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
        let mut place =
            JsonPlace { path: &path, stem: &stem, line: line.number, number, resume_at: Some(file.offset()) };
        match serde_json::from_str(&line.text) {
            Ok(value) => each(&place, value, sink)?,
            Err(error) if error.is_eof() && number == 1 => {
                // Perhaps one record alone, over several lines.
                let rest = match file.whole_text()? {
                    Ok(rest) => rest,
                    Err(problem) => return sink.problem(problem),
                };
                let whole = [line.text.as_str(), line.ending, rest.as_str()].concat();
                place.resume_at = None;
                return match serde_json::from_str(&whole) {
                    Ok(value) => each(&place, value, sink),
                    Err(error) => sink.problem(syntax(&path, place.line.saturating_sub(1), &error)),
                };
            }
            Err(error) => sink.problem(syntax(&path, line.number.saturating_sub(1), &error))?,
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
    let counted = Counted { file, lines: &lines };
    let mut deserializer = serde_json::Deserializer::from_reader(counted);
    let visitor =
        Elements { path: &path, stem: &stem, lines: &lines, sink: &mut *sink, each, stopped: &mut stopped };
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
}

impl std::io::Read for Counted<'_, '_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.lines.set(self.file.line());
        Ok(read)
    }
}

struct Elements<'e, 'f> {
    path: &'f str,
    stem: &'f str,
    lines: &'f std::cell::Cell<u64>,
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
        let Self { path, stem, lines, sink, each, stopped } = self;
        let mut number = 0;
        while let Some(value) = elements.next_element::<Value>()? {
            number += 1;
            let place = JsonPlace { path, stem, line: lines.get(), number, resume_at: None };
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
