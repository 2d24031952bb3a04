//! Rows of the table of annotations.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use serde_json::Value;

use super::{
    cells::{Cells, Kind},
    columns::{ARTICLE, RELATION, RESULTS, SPAN, STATES},
    table::Table,
};
use crate::{
    domain::{
        annotations::{Anchoring, State},
        attributes::AttributeValue,
        revisions::Timestamp,
        spans::SpanRequest,
        text::{CodePointRange, Utf8Range, Utf16Range},
    },
    formats::exchange::{AnnotationRecord, SpanRecord, SpansRecord, TargetRecord},
};

const SPAN_FIELDS: [(&str, Kind); 7] = [
    ("code_points_start", Kind::Int),
    ("code_points_end", Kind::Int),
    ("utf8_start", Kind::Int),
    ("utf8_end", Kind::Int),
    ("utf16_start", Kind::Int),
    ("utf16_end", Kind::Int),
    ("quote", Kind::Text),
];
const ANCHORING_FIELDS: [(&str, Kind); 4] = [
    ("result", Kind::Text),
    ("similarity", Kind::Double),
    ("from_text_revision", Kind::Int),
    ("needs_review", Kind::Flag),
];
const ARGUMENT_FIELDS: [(&str, Kind); 2] = [("role", Kind::Text), ("annotation", Kind::Name)];

/// What the columns hold.
const COLUMNS: [(&str, Kind); 19] = [
    ("article", Kind::Name),
    ("id", Kind::Name),
    ("layer", Kind::Text),
    ("label", Kind::Text),
    ("kind", Kind::Text),
    ("start", Kind::Int),
    ("end", Kind::Int),
    ("text", Kind::Text),
    ("spans", Kind::List(&Kind::Struct(&SPAN_FIELDS))),
    ("arguments", Kind::List(&Kind::Struct(&ARGUMENT_FIELDS))),
    ("attributes", Kind::Map),
    ("note", Kind::Text),
    ("score", Kind::Double),
    ("state", Kind::Text),
    ("anchoring", Kind::Struct(&ANCHORING_FIELDS)),
    ("derived_from", Kind::List(&Kind::Text)),
    ("text_revision", Kind::Int),
    ("create_time", Kind::Time),
    ("update_time", Kind::Time),
];

/// What is known of a table of annotations.
#[derive(Debug)]
pub(super) struct Annotations {
    /// Columns that are attributes.
    others: Vec<String>,
    /// Whether ranges name their unit.
    pub(super) has_spans: bool,
}

/// A row of it.
#[derive(Debug)]
pub(super) struct AnnotationRow {
    /// From 1.
    pub(super) number: u64,
    /// What the table calls its article.
    pub(super) article: String,
    /// The annotation, or what is wrong.
    pub(super) said: Result<Box<Said>, String>,
}

/// What a row says.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) record: AnnotationRecord,
    /// Its spans in all units that the row has.
    pub(super) requests: Vec<SpanRequest>,
    pub(super) text_revision: Option<u32>,
    pub(super) anchoring: Option<Anchoring>,
    pub(super) times: Option<(Timestamp, Timestamp)>,
}

/// Whether a table is of annotations.
pub(super) fn are_in(table: &Table) -> bool {
    // Elsewhere an article may be a text, and has a label, too.
    let about = ["start", "spans", "arguments", "kind", "layer"];
    table.has("article") && table.has("label") && about.iter().any(|name| table.has(name))
}

impl Annotations {
    /// What is known of a table of annotations.
    pub(super) fn of(table: &Table) -> Result<Self, String> {
        table.check(&COLUMNS)?;
        let is_known = |name: &str| COLUMNS.iter().any(|(known, _)| *known == name);
        let others = table.names().into_iter().filter(|name| !is_known(name));
        Ok(Self { others: others.map(str::to_owned).collect(), has_spans: table.has("spans") })
    }

    /// The rows of a batch, of which the first one has this number.
    pub(super) fn rows(&self, batch: &RecordBatch, first: u64) -> Vec<AnnotationRow> {
        let row = |(row, number)| {
            let article = Cells::of(batch, "article").name(row).unwrap_or_default();
            AnnotationRow { number, article, said: self.said(batch, row).map(Box::new) }
        };
        (0..batch.num_rows()).zip(first..).map(row).collect()
    }

    fn said(&self, batch: &RecordBatch, row: usize) -> Result<Said, String> {
        let text = |name| Cells::of(batch, name).string(row);
        let (target, requests) = target(batch, row)?;
        let time = |name| Cells::of(batch, name).time(row).map(Timestamp);
        let derived_from = match Cells::of(batch, "derived_from").list(row) {
            Some((items, range)) => range.map(|at| items.string(at)).collect(),
            None => Vec::new(),
        };
        let record = AnnotationRecord {
            line: 0,
            id: Cells::of(batch, "id").name(row).unwrap_or_default(),
            layer: Some(text("layer")).filter(|layer| !layer.is_empty()),
            label: text("label"),
            target,
            attributes: self.attributes(batch, row)?,
            note: text("note"),
            score: Cells::of(batch, "score").double(row),
            state: match Cells::of(batch, "state").text(row) {
                Some(word) => meaning("state", &STATES, word)?,
                None => State::default(),
            },
            derived_from,
            kept: None,
        };
        Ok(Said {
            record,
            requests,
            text_revision: offset(Cells::of(batch, "text_revision"), row, "text_revision")?,
            anchoring: anchoring(Cells::of(batch, "anchoring"), row)?,
            times: time("create_time").map(|created| (created, time("update_time").unwrap_or(created))),
        })
    }

    /// The attributes, and all columns that are nothing else.
    fn attributes(
        &self,
        batch: &RecordBatch,
        row: usize,
    ) -> Result<BTreeMap<String, AttributeValue>, String> {
        let said = Cells::of(batch, "attributes").map(row).map_err(|error| format!("attributes {error}"))?;
        let others = self.others.iter().map(|name| (name.clone(), Cells::of(batch, name).json(row)));
        let all = others.chain(said).filter(|(_, value)| !value.is_null());
        Ok(all.map(|(name, value)| (name, attribute(&value))).collect())
    }
}

/// A JSON value as an attribute: what is none of its kinds, as JSON.
fn attribute(value: &Value) -> AttributeValue {
    let strings = |values: &Vec<Value>| -> Option<Vec<String>> {
        values.iter().map(|value| value.as_str().map(str::to_owned)).collect()
    };
    match value {
        Value::Bool(flag) => AttributeValue::Bool(*flag),
        Value::String(text) => AttributeValue::String(text.clone()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(int), _) => AttributeValue::Int(int),
            (None, Some(double)) if !number.is_u64() => AttributeValue::Double(double),
            (None, _) => AttributeValue::String(value.to_string()),
        },
        Value::Array(values) => match strings(values) {
            Some(strings) => AttributeValue::StringList(strings),
            None => AttributeValue::String(value.to_string()),
        },
        Value::Null | Value::Object(_) => AttributeValue::String(value.to_string()),
    }
}

fn target(batch: &RecordBatch, row: usize) -> Result<(TargetRecord, Vec<SpanRequest>), String> {
    let several = |name| Cells::of(batch, name).list(row).filter(|(_, range)| !range.is_empty());
    let (spans, arguments) = (several("spans"), several("arguments"));
    let has_range = !Cells::of(batch, "start").is_null(row);
    let kind = match Cells::of(batch, "kind").text(row) {
        Some(kind) => kind,
        None if spans.is_some() || has_range => SPAN,
        None if arguments.is_some() => RELATION,
        None => ARTICLE,
    };
    match kind {
        SPAN => {
            let requests = match spans {
                Some((items, range)) => range.map(|at| request(items, at)).collect::<Result<Vec<_>, _>>()?,
                None => vec![flat(batch, row)?],
            };
            let spans = requests.iter().map(span).collect();
            Ok((TargetRecord::Spans(SpansRecord { spans, joined: None }), requests))
        }
        RELATION => {
            let (items, range) =
                arguments.ok_or("a relation needs arguments: a role and an annotation each")?;
            let (role, annotation) = (items.field("role"), items.field("annotation"));
            let arguments = range.map(|at| (role.string(at), annotation.name(at).unwrap_or_default()));
            Ok((TargetRecord::Relation(arguments.collect()), Vec::new()))
        }
        ARTICLE => Ok((TargetRecord::Article, Vec::new())),
        other => Err(format!("kind is {other:?}; say {SPAN}, {RELATION} or {ARTICLE}")),
    }
}

/// The one span of a row that has its start, end and text only.
fn flat(batch: &RecordBatch, row: usize) -> Result<SpanRequest, String> {
    let at = |name: &str| offset(Cells::of(batch, name), row, name);
    let quote = Cells::of(batch, "text").string(row);
    let code_points = at("start")?.zip(at("end")?).map(|(start, end)| CodePointRange { start, end });
    if code_points.is_none() && quote.is_empty() {
        return Err("a span needs start and end, or spans, or the text that it covers".to_owned());
    }
    Ok(SpanRequest { code_points, quote, ..SpanRequest::default() })
}

fn span(request: &SpanRequest) -> SpanRecord {
    let range = request.code_points.map(|range| (u64::from(range.start), u64::from(range.end)));
    SpanRecord { range, quote: request.quote.clone(), ..SpanRecord::default() }
}

fn request(items: Cells<'_>, at: usize) -> Result<SpanRequest, String> {
    let range = |start: &str, end: &str| -> Result<Option<(u32, u32)>, String> {
        Ok(offset(items.field(start), at, start)?.zip(offset(items.field(end), at, end)?))
    };
    let code_points = range("code_points_start", "code_points_end")?;
    let (utf8, utf16) = (range("utf8_start", "utf8_end")?, range("utf16_start", "utf16_end")?);
    Ok(SpanRequest {
        code_points: code_points.map(|(start, end)| CodePointRange { start, end }),
        utf8: utf8.map(|(start, end)| Utf8Range { start, end }),
        utf16: utf16.map(|(start, end)| Utf16Range { start, end }),
        quote: items.field("quote").string(at),
        ..SpanRequest::default()
    })
}

fn anchoring(cells: Cells<'_>, row: usize) -> Result<Option<Anchoring>, String> {
    if cells.is_null(row) {
        return Ok(None);
    }
    Ok(Some(Anchoring {
        result: meaning("anchoring.result", &RESULTS, &cells.field("result").string(row))?,
        similarity: cells.field("similarity").double(row).unwrap_or_default(),
        from_text_revision: offset(cells.field("from_text_revision"), row, "anchoring.from_text_revision")?
            .unwrap_or_default(),
        needs_review: cells.field("needs_review").flag(row).unwrap_or_default(),
    }))
}

fn meaning<T: Copy>(field: &str, words: &[(&str, T)], word: &str) -> Result<T, String> {
    let found = words.iter().find(|(it, _)| *it == word).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        format!("{field} is {word:?}; say one of {}", words.join(", "))
    })
}

fn offset(cells: Cells<'_>, row: usize, name: &str) -> Result<Option<u32>, String> {
    if cells.is_null(row) {
        return Ok(None);
    }
    // Where pandas has a number that is missing.
    if cells.double(row).is_none() {
        return Ok(None);
    }
    let number = cells.int(row).and_then(|number| u32::try_from(number).ok());
    let said = || cells.json(row);
    number
        .map(Some)
        .ok_or_else(|| format!("{name} is {}; it must be a whole number from 0 to {}", said(), u32::MAX))
}
