//! From a file to the article that it is.

use std::collections::BTreeMap;

use super::{
    COMMENTS_KEY, DIALECT_KEY, FORMAT_KEY, LAYERS_KEY,
    cells::{Dialect, unescape_text},
    document::Document,
    header::Layer,
    lines::{Header, UnitLine, version},
};
use crate::{
    formats::exchange::{
        ArticleRecord, FileProblem, Line, Reader, Record, Sink, SourceFile, Stopped, article_id_of,
    },
    limits::{METADATA_ENTRIES_MAX, METADATA_KEY_BYTES_MAX, METADATA_VALUE_BYTES_MAX},
};

/// Reads a file an article.
#[derive(Debug)]
pub(super) struct TsvReader;

impl Reader for TsvReader {
    fn file(&mut self, file: &mut SourceFile<'_>, sink: &mut dyn Sink) -> Result<(), Stopped> {
        match document(file, sink)? {
            Ok(document) => article(file, document, sink),
            Err(problem) => sink.problem(problem),
        }
    }

    fn finish(&mut self, _sink: &mut dyn Sink) -> Result<(), Stopped> {
        Ok(())
    }
}

fn document(
    file: &mut SourceFile<'_>,
    sink: &mut dyn Sink,
) -> Result<Result<Document, FileProblem>, Stopped> {
    let version = match version(file)? {
        Ok(version) => version,
        Err(problem) => return Ok(Err(problem)),
    };
    let mut document = Document::new(Header { version, ..Header::default() });
    let mut is_header = true;
    let (mut was_ended, mut has_header) = (None, false);
    while let Some(line) = file.next_line()? {
        let line = match line {
            Ok(line) => line,
            Err(problem) => return Ok(Err(problem)),
        };
        let done = match line.text.strip_prefix('#') {
            Some(said) if is_header && !said.starts_with("Text=") && !said.starts_with("Sentence.") => {
                header_line(&mut document.header, said)
            }
            Some(said) => {
                is_header = false;
                sentence_line(&mut document, &line, said, file.path(), sink)
            }
            None if line.text.is_empty() => {
                has_header = true;
                document.end_sentence(false)
            }
            None => {
                is_header = false;
                unit_line(&mut document, &line, &mut was_ended)
            }
        };
        if let Err(message) = done {
            return Ok(Err(file.invalid(line.number, message)));
        }
    }
    if !has_header {
        let message = "no empty line ends the header; is the file cut off?";
        return Ok(Err(file.invalid(file.line().saturating_sub(1), message)));
    }
    Ok(match document.end_sentence(true) {
        Ok(()) => Ok(document),
        Err(message) => Err(file.invalid(file.line().saturating_sub(1), message)),
    })
}

fn header_line(header: &mut Header, said: &str) -> Result<(), String> {
    if let Some(layer) = Layer::parse(said) {
        header.layers.push(layer?);
        return Ok(());
    }
    let (name, value) =
        said.split_once('=').ok_or("the line is none of a header, such as #T_SP=; is the file cut off?")?;
    header.comments.push((name.to_owned(), value.to_owned()));
    Ok(())
}

fn sentence_line(
    document: &mut Document,
    line: &Line,
    said: &str,
    path: &str,
    sink: &mut dyn Sink,
) -> Result<(), String> {
    let as_java = document.header.has_java_text();
    if let Some(text) = said.strip_prefix("Text=") {
        document.text_line(&unescape_text(text, as_java))
    } else if let Some(id) = said.strip_prefix("Sentence.id=") {
        document.sentence_id(unescape_text(id, as_java))
    } else if !said.contains('=') {
        Err("the line is none before a sentence, such as #Text=; is the file cut off?".to_owned())
    } else {
        sink.loss("webanno-tsv: another line before a sentence", format!("{path}:{}", line.number));
        Ok(())
    }
}

fn unit_line(document: &mut Document, line: &Line, was_ended: &mut Option<bool>) -> Result<(), String> {
    let unit = UnitLine::parse(&line.text, document.header.columns())?;
    if line.ending.is_empty() && was_ended.is_some_and(|was_ended| was_ended != unit.is_ended) {
        return Err("the line does not end as those before it; is the file cut off?".to_owned());
    }
    *was_ended = Some(unit.is_ended);
    document.unit(&unit, line.number)
}

fn article(file: &SourceFile<'_>, document: Document, sink: &mut dyn Sink) -> Result<(), Stopped> {
    let finished = document.finish();
    for (line, message) in finished.problems {
        sink.problem(file.invalid(line, message))?;
    }
    let record = ArticleRecord {
        path: file.path().to_owned(),
        line: 1,
        id: article_id_of(file.stem()),
        source_uri: file.path().to_owned(),
        metadata: metadata(file.path(), finished.header, finished.dialect, sink),
        text: finished.text,
        annotations: finished.annotations,
        ..ArticleRecord::default()
    };
    sink.record(Record::Article(Box::new(record)))
}

/// What the header says, as far as that fits.
fn metadata(path: &str, header: Header, dialect: Dialect, sink: &mut dyn Sink) -> BTreeMap<String, String> {
    let Header { version, layers, comments } = header;
    let mut metadata = BTreeMap::from([(FORMAT_KEY.to_owned(), version)]);
    let mut keep = |name: String, value: String, sink: &mut dyn Sink| {
        let fits = (1..=METADATA_KEY_BYTES_MAX).contains(&name.len())
            && value.len() <= METADATA_VALUE_BYTES_MAX
            && metadata.len() < METADATA_ENTRIES_MAX
            && !metadata.contains_key(&name);
        if fits {
            metadata.insert(name, value);
        } else {
            sink.loss("webanno-tsv: a long header", format!("{path} {name}"));
        }
        fits
    };
    let lines: Vec<_> = layers.iter().map(Layer::line).collect();
    if !lines.is_empty() {
        keep(LAYERS_KEY.to_owned(), lines.join("\n"), sink);
    }
    let dialect = dialect.words();
    if !dialect.is_empty() {
        keep(DIALECT_KEY.to_owned(), dialect, sink);
    }
    let mut names = Vec::new();
    for (name, value) in comments {
        if keep(name.clone(), value, sink) {
            names.push(name);
        }
    }
    if !names.is_empty() {
        keep(COMMENTS_KEY.to_owned(), names.join("\n"), sink);
    }
    metadata
}
