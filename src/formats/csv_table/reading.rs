//! From rows to records.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    super::exchange::{
        AnnotationRecord, ArticleRecord, FileProblem, JoinedQuote, JsonPlace, Reader, Record, Sink,
        SourceFile, SpanRecord, SpansRecord, Stopped, TargetRecord, attribute_of, json_text_of, kind_of,
    },
    ARTICLE, RELATION, SEPARATOR, SPAN, STATES, UNITS,
    columns::{Column, Header},
    rows::{Row, Rows},
};
use crate::domain::{
    annotations::{Label, State},
    attributes::AttributeValue,
    details,
    text::{Text, Unit},
};

/// What is wrong with a row.
type Wrong = String;

/// The label, and the attribute, of a text that no label can be, such as a summary.
const TEXT: &str = "text";

/// Columns that say something of the article.
const OF_ARTICLE: [Column; 5] =
    [Column::Title, Column::Language, Column::SourceUri, Column::Metadata, Column::Unit];

/// Columns of which a row fills one that has an annotation.
const SHOWING: [Column; 5] = [Column::Label, Column::Kind, Column::Start, Column::End, Column::Arguments];

/// Columns that say something of an annotation, and show none.
const OF_ANNOTATION: [Column; 7] = [
    Column::Layer,
    Column::Quote,
    Column::Attributes,
    Column::Note,
    Column::Score,
    Column::State,
    Column::DerivedFrom,
];

/// Reads tables.
#[derive(Debug)]
pub(super) struct CsvReader;

impl Reader for CsvReader {
    fn file(&mut self, file: &mut SourceFile<'_>, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let (path, stem) = (file.path().to_owned(), file.stem().to_owned());
        let mut rows = Rows::new(file);
        let first = match rows.next()? {
            Some(Ok(first)) => first,
            Some(Err(problem)) => return sink.problem(problem),
            None => return Ok(()),
        };
        let header = Header::of(&first);
        let place = JsonPlace { path: &path, stem: &stem, line: first.line, number: 0, alone: false };
        if let Some(missing) = header.missing() {
            return sink.problem(place.invalid(missing));
        }
        for (column, name) in &header.others {
            if name.is_empty() {
                sink.loss("csv: columns without a name", place.example(&format!("column {}", column + 1)));
            }
        }
        let mut table = Table { path: &path, stem: &stem, header: &header, articles: 0 };
        let mut open: Option<Open> = None;
        while let Some(row) = rows.next()? {
            let row = match row {
                Ok(row) => row,
                Err(problem) => {
                    sink.problem(problem)?;
                    continue;
                }
            };
            open = table.row(&row, open, sink)?;
        }
        open.map_or(Ok(()), |open| open.end(sink))
    }

    fn finish(&mut self, _: &mut dyn Sink) -> Result<(), Stopped> {
        Ok(())
    }
}

/// A table, and how many articles were read of it.
struct Table<'t> {
    path: &'t str,
    stem: &'t str,
    header: &'t Header,
    articles: u64,
}

/// An article whose rows are being read.
struct Open {
    /// What its rows call it.
    name: String,
    /// What its first row says of it.
    said: [String; OF_ARTICLE.len()],
    record: ArticleRecord,
}

impl Table<'_> {
    /// Reads a row, and answers the article that it is of.
    fn row(&mut self, row: &Row, open: Option<Open>, sink: &mut dyn Sink) -> Result<Option<Open>, Stopped> {
        let (count, expected) = (row.len(), self.header.count);
        if count != expected {
            let message = format!(
                "has {count} cells and the header {expected}: put cells that have commas, quotes or line breaks in quotes, and \
                 write quotes within them twice"
            );
            sink.problem(self.place(row).invalid(message))?;
            return Ok(open);
        }
        let mut open = match open {
            Some(open) if self.continues(&open, row) => {
                let text = self.header.cell(row, Column::Text);
                if !text.is_empty() && text != open.record.text {
                    let message = format!(
                        "has another text than the row of line {} and is of the same article, {:?}: an article has one text",
                        open.record.line, open.name
                    );
                    sink.problem(self.place(row).invalid(message))?;
                    return Ok(Some(open));
                }
                self.count_other_words(&open, row, sink);
                open
            }
            other => {
                if let Some(other) = other {
                    other.end(sink)?;
                }
                self.begin(row, sink)?
            }
        };
        match self.annotation(row, sink) {
            Ok(Some(annotation)) => {
                open.record.annotations.push(annotation);
                if !self.header.has_spans() {
                    self.keep_others(&mut open.record, row, sink);
                }
            }
            Ok(None) => {
                self.keep_others(&mut open.record, row, sink);
                self.count_orphaned_words(row, sink);
            }
            Err(wrong) => sink.problem(self.place(row).invalid(wrong))?,
        }
        Ok(Some(open))
    }

    fn place(&self, row: &Row) -> JsonPlace<'_> {
        let Self { path, stem, header: _, articles } = self;
        JsonPlace { path, stem, line: row.line, number: *articles, alone: false }
    }

    /// Whether a row is of the article that the row before it is of.
    fn continues(&self, open: &Open, row: &Row) -> bool {
        if self.header.has(Column::Article) {
            let name = self.header.cell(row, Column::Article);
            return !name.is_empty() && name == open.name;
        }
        let text = self.header.cell(row, Column::Text);
        self.header.has_spans() && !text.is_empty() && text == open.record.text
    }

    fn begin(&mut self, row: &Row, sink: &mut dyn Sink) -> Result<Open, Stopped> {
        self.articles = self.articles.saturating_add(1);
        let said = OF_ARTICLE.map(|column| self.header.cell(row, column).to_owned());
        let [title, language, source_uri, metadata, unit] = &said;
        let name = self.header.cell(row, Column::Article).to_owned();
        let place = self.place(row);
        let id = Value::String(name.clone());
        let mut record = place.article(Some(&id), self.header.cell(row, Column::Text).to_owned());
        record.title.clone_from(title);
        record.language.clone_from(language);
        if self.header.has(Column::SourceUri) {
            record.source_uri.clone_from(source_uri);
        }
        match object("metadata", metadata) {
            Ok(object) => {
                record.metadata =
                    object.iter().map(|(key, value)| (key.clone(), json_text_of(value))).collect();
            }
            Err(wrong) => sink.problem(place.invalid(wrong))?,
        }
        match self::unit(unit) {
            Ok(unit) => record.unit = unit,
            Err(wrong) => sink.problem(place.invalid(wrong))?,
        }
        Ok(Open { name, said, record })
    }

    /// What a later row of an article says of it otherwise than the first one is not kept.
    fn count_other_words(&self, open: &Open, row: &Row, sink: &mut dyn Sink) {
        for (column, first) in OF_ARTICLE.iter().zip(&open.said) {
            let word = self.header.cell(row, *column);
            if !word.is_empty() && word != first {
                sink.loss("csv: what later rows say of an article", self.place(row).example(word));
            }
        }
    }

    /// Keeps what columns that nothing is known of say of an article.
    fn keep_others(&self, record: &mut ArticleRecord, row: &Row, sink: &mut dyn Sink) {
        for (place, name) in &self.header.others {
            let word = row.cell(*place);
            if word.is_empty() || name.is_empty() {
                continue;
            }
            let before = record.metadata.insert(name.clone(), word.to_owned());
            let is_lost = before.as_ref().is_some_and(|before| before != word)
                || details::metadata("metadata", record.metadata.clone()).is_err();
            if is_lost {
                match before {
                    Some(before) => record.metadata.insert(name.clone(), before),
                    None => record.metadata.remove(name),
                };
                sink.loss("csv: cells that metadata cannot keep", self.place(row).example(name));
            }
        }
    }

    /// What a row says of an annotation, and has none, is not kept.
    fn count_orphaned_words(&self, row: &Row, sink: &mut dyn Sink) {
        for column in OF_ANNOTATION {
            let word = self.header.cell(row, column);
            if !word.is_empty() {
                sink.loss(
                    "csv: what a row says of an annotation and has none",
                    self.place(row).example(word),
                );
            }
        }
    }

    /// The annotation of a row; none if it has none.
    fn annotation(&self, row: &Row, sink: &mut dyn Sink) -> Result<Option<AnnotationRecord>, Wrong> {
        let cell = |column| self.header.cell(row, column);
        if SHOWING.into_iter().all(|column| cell(column).is_empty()) {
            return Ok(None);
        }
        let score = match cell(Column::Score).trim() {
            "" => None,
            score => {
                Some(score.parse().map_err(|_| format!("score is {score:?}; it is a number from 0 to 1"))?)
            }
        };
        let state = match cell(Column::State) {
            "" => State::default(),
            word => {
                let found = STATES.iter().find(|(it, _)| *it == word);
                let wrong = || format!("state is {word:?}; say suggested, accepted or rejected");
                found.ok_or_else(wrong)?.1
            }
        };
        let layer = cell(Column::Layer);
        let derived_from = cell(Column::DerivedFrom).split(SEPARATOR).filter(|name| !name.is_empty());
        let mut annotation = AnnotationRecord {
            line: row.line,
            id: cell(Column::Annotation).to_owned(),
            layer: (!layer.is_empty()).then(|| layer.to_owned()),
            label: cell(Column::Label).to_owned(),
            target: self.target(row)?,
            attributes: BTreeMap::new(),
            note: cell(Column::Note).to_owned(),
            score,
            state,
            derived_from: derived_from.map(str::to_owned).collect(),
            kept: None,
        };
        for (name, value) in object("attributes", cell(Column::Attributes))? {
            let (value, is_exact) = attribute_of(&value);
            if !is_exact {
                sink.loss("csv: lists and objects in an attribute", self.place(row).example(&name));
            }
            annotation.attributes.insert(name, value);
        }
        if self.header.has_spans() {
            for (place, name) in &self.header.others {
                let word = row.cell(*place);
                if !word.is_empty() && !name.is_empty() {
                    let value = || AttributeValue::String(word.to_owned());
                    annotation.attributes.entry(name.clone()).or_insert_with(value);
                }
            }
        } else if Label::parse(TEXT, &annotation.label).is_err() && !annotation.label.is_empty() {
            let text = std::mem::replace(&mut annotation.label, TEXT.to_owned());
            annotation.attributes.insert(TEXT.to_owned(), AttributeValue::String(text));
        }
        Ok(Some(annotation))
    }

    fn target(&self, row: &Row) -> Result<TargetRecord, Wrong> {
        let cell = |column| self.header.cell(row, column);
        let (start, end, arguments) = (cell(Column::Start), cell(Column::End), cell(Column::Arguments));
        let quote = cell(Column::Quote);
        let kind = match cell(Column::Kind) {
            "" if !arguments.is_empty() => RELATION,
            "" if !start.is_empty() || !end.is_empty() || !quote.is_empty() => SPAN,
            "" => ARTICLE,
            kind => kind,
        };
        match kind {
            SPAN => Ok(TargetRecord::Spans(spans(start, end, quote)?)),
            RELATION => Ok(TargetRecord::Relation(self::arguments(arguments)?)),
            ARTICLE => Ok(TargetRecord::Article),
            other => Err(format!("kind is {other:?}; say {SPAN}, {RELATION} or {ARTICLE}")),
        }
    }
}

impl Open {
    /// Hands on the article, without spans that stop before the last character of their quote.
    fn end(self, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let Self { name, said: _, mut record } = self;
        let is_empty =
            |span: &SpanRecord| span.quote.is_empty() && span.range.is_none_or(|(_, end)| end == 0);
        let lacks_text = |annotation: &AnnotationRecord| match &annotation.target {
            TargetRecord::Spans(spans) => !spans.spans.iter().all(is_empty),
            TargetRecord::Relation(_) | TargetRecord::Article => false,
        };
        if record.text.is_empty() && record.annotations.iter().any(lacks_text) {
            let message = format!(
                "the article {name:?} has no text: its rows stand together, and the first one has the text"
            );
            return sink.problem(FileProblem::invalid(&record.path, record.line, message));
        }
        let mut text = None;
        let annotations = std::mem::take(&mut record.annotations);
        for annotation in annotations {
            match included_end(&annotation, &record.text, &mut text) {
                Some(message) => {
                    sink.problem(FileProblem::invalid(&record.path, annotation.line, message))?;
                }
                None => record.annotations.push(annotation),
            }
        }
        sink.record(Record::Article(Box::new(record)))
    }
}

/// What is wrong with a span whose quote fits only if its end counts as included.
fn included_end(annotation: &AnnotationRecord, text: &str, resolved: &mut Option<Text>) -> Option<String> {
    let TargetRecord::Spans(spans) = &annotation.target else { return None };
    let [SpanRecord { range: Some((start, end)), quote, prefix: _, suffix: _ }] = spans.spans.as_slice()
    else {
        return None;
    };
    let bytes = usize::try_from(*start).ok()?..usize::try_from(*end).ok()?;
    if quote.is_empty() || text.get(bytes) == Some(quote) {
        return None;
    }
    let text = resolved.get_or_insert_with(|| Text::new(text));
    let fits = |end: u64| UNITS.into_iter().any(|unit| covered(text, *start, end, unit) == Some(quote));
    let after = end.checked_add(1)?;
    let message = || {
        format!(
            "the range {start} to {end} does not cover {:?}: the quote fits when the end counts as included; write {after}, the \
             place after the last character",
            quote.chars().take(40).collect::<String>()
        )
    };
    (!fits(*end) && fits(after)).then(message)
}

fn covered(text: &Text, start: u64, end: u64, unit: Unit) -> Option<&str> {
    let at = |offset: u64| {
        let byte = text.position(unit, u32::try_from(offset).ok()?).ok()?.utf8;
        usize::try_from(byte).ok()
    };
    text.as_str().get(at(start)?..at(end)?)
}

/// What offsets count; none where nothing says it.
fn unit(word: &str) -> Result<Option<Unit>, Wrong> {
    if word.is_empty() {
        return Ok(None);
    }
    let found = UNITS.into_iter().find(|unit| unit.to_string() == word);
    found.map(Some).ok_or_else(|| format!("unit is {word:?}; say code_points, utf16 or utf8"))
}

fn spans(start: &str, end: &str, quote: &str) -> Result<SpansRecord, Wrong> {
    if start.is_empty() && end.is_empty() {
        let span = SpanRecord { quote: quote.to_owned(), ..SpanRecord::default() };
        return if quote.is_empty() {
            Err("a span has neither start and end nor a quote".to_owned())
        } else {
            Ok(SpansRecord { spans: vec![span], joined: None })
        };
    }
    let (starts, ends) = (offsets("start", start)?, offsets("end", end)?);
    if starts.len() != ends.len() {
        return Err(format!("has {} starts and {} ends; every span has both", starts.len(), ends.len()));
    }
    if let ([start], [end]) = (starts.as_slice(), ends.as_slice()) {
        return Ok(SpansRecord::one(*start, *end, quote));
    }
    let span = |range| SpanRecord { range: Some(range), ..SpanRecord::default() };
    let spans = starts.into_iter().zip(ends).map(span).collect();
    let quote = (!quote.is_empty()).then(|| quote.to_owned());
    Ok(SpansRecord {
        spans,
        joined: quote.map(|quote| JoinedQuote { quote, joiner: " ", lines_as_spaces: false }),
    })
}

fn offsets(name: &str, words: &str) -> Result<Vec<u64>, Wrong> {
    let offset = |word: &str| {
        let word = word.trim();
        // Where pandas had one that is missing, all are decimal numbers.
        let whole = word.strip_suffix(".0").unwrap_or(word);
        let wrong =
            || format!("{name} is {words:?}; it is a whole number from 0, or several with ; between them");
        whole.parse().map_err(|_| wrong())
    };
    words.split(SEPARATOR).map(offset).collect()
}

fn arguments(text: &str) -> Result<Vec<(String, String)>, Wrong> {
    let wrong = || format!("arguments is {text:?}; it is an array of {{\"role\": ..., \"annotation\": ...}}");
    let values: Vec<Map<String, Value>> = serde_json::from_str(text).map_err(|_| wrong())?;
    let argument = |object: Map<String, Value>| {
        let word = |name: &str| object.get(name).map_or(String::new(), json_text_of);
        (word("role"), word("annotation"))
    };
    Ok(values.into_iter().map(argument).collect())
}

/// The object that a cell is; an empty one where it is empty.
fn object(name: &str, text: &str) -> Result<Map<String, Value>, Wrong> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(format!("{name} is {}; it is a JSON object", kind_of(&other))),
        Err(error) => Err(format!("{name} is no JSON object: {error}")),
    }
}
