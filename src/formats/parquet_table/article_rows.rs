//! Rows of the table of articles, and of tables of others that have texts.

use arrow_array::RecordBatch;
use arrow_schema::DataType;
use serde_json::Value;

use super::{
    cells::{Cells, Kind},
    columns::sha256,
    labels::{self, Names},
    table::Table,
};
use crate::{
    domain::{
        details,
        ids::{ArticleId, LayerId},
        revisions::Timestamp,
        text::Unit,
    },
    formats::exchange::{ArticleRecord, TextRecord, article_id_of, json_text_of, metadata_of},
};

/// What the columns hold.
const COLUMNS: [(&str, Kind); 17] = [
    ("id", Kind::Name),
    ("title", Kind::Text),
    ("text", Kind::Text),
    ("language", Kind::Text),
    ("source_uri", Kind::Text),
    ("metadata", Kind::Map),
    ("text_revision", Kind::Int),
    ("text_sha256", Kind::Text),
    ("create_time", Kind::Time),
    ("update_time", Kind::Time),
    ("older_texts", Kind::List(&Kind::Struct(&[("text", Kind::Text), ("create_time", Kind::Time)]))),
    ("submitted_layers", Kind::List(&Kind::Struct(&[("layer", Kind::Text), ("submit_time", Kind::Time)]))),
    ("tokens", Kind::List(&Kind::Text)),
    ("label", Kind::Names),
    ("labels", Kind::Names),
    ("ner_tags", Kind::Names),
    ("tags", Kind::Names),
];

/// What is known of a table of articles.
#[derive(Debug)]
pub(super) struct Articles {
    path: String,
    stem: String,
    names: Names,
    /// Columns that are metadata.
    others: Vec<String>,
}

/// A row of it.
#[derive(Debug)]
pub(super) struct ArticleRow {
    /// From 1.
    pub(super) number: u64,
    /// What the table calls the article; empty where it does not.
    pub(super) id: String,
    /// The number of its text, if the table says it.
    pub(super) text_revision: Option<u32>,
    /// What cannot be kept of it.
    pub(super) lost: Vec<String>,
    /// The article, or what is wrong.
    pub(super) record: Result<Box<ArticleRecord>, String>,
}

/// Whether a table is of articles.
pub(super) fn are_in(table: &Table) -> bool {
    table.has("text") || table.has("tokens")
}

impl Articles {
    /// What is known of a table of articles, whose path without its extension is `stem`.
    pub(super) fn of(table: &Table, stem: &str) -> Result<Self, String> {
        table.check(&COLUMNS)?;
        let names = Names::read(table.said(labels::KEY));
        for column in labels::OF_TOKENS {
            let are_numbers = |kind: &DataType| {
                if let DataType::List(item) = kind {
                    item.data_type().is_integer()
                } else {
                    kind.is_integer()
                }
            };
            if table.type_of(column).is_some_and(are_numbers) && !names.has(column) && table.has("tokens") {
                return Err(format!(
                    "the column {column:?} holds numbers, and nothing says what they mean: write tags such as B-PER, or \
                     their names in the metadata {:?}",
                    labels::KEY
                ));
            }
        }
        let is_known = |name: &str| COLUMNS.iter().any(|(known, _)| *known == name);
        let others = table.names().into_iter().filter(|name| !is_known(name));
        let others = others.map(str::to_owned).collect();
        Ok(Self { path: table.path.clone(), stem: stem.to_owned(), names, others })
    }

    /// The rows of a batch, of which the first one has this number.
    pub(super) fn rows(&self, batch: &RecordBatch, first: u64) -> Vec<ArticleRow> {
        let numbers = first..;
        (0..batch.num_rows()).zip(numbers).map(|(row, number)| self.row(batch, row, number)).collect()
    }

    fn row(&self, batch: &RecordBatch, row: usize, number: u64) -> ArticleRow {
        let id = Cells::of(batch, "id").name(row).unwrap_or_default();
        let text_revision = Cells::of(batch, "text_revision").int(row);
        let text_revision = text_revision.and_then(|it| u32::try_from(it).ok());
        let mut lost = Vec::new();
        let record = self.record(batch, row, number, &id, &mut lost);
        ArticleRow { number, id, text_revision, lost, record: record.map(Box::new) }
    }

    fn record(
        &self,
        batch: &RecordBatch,
        row: usize,
        number: u64,
        id: &str,
        lost: &mut Vec<String>,
    ) -> Result<ArticleRecord, String> {
        let mut record = ArticleRecord { path: self.path.clone(), ..ArticleRecord::default() };
        record.id = match id {
            "" => article_id_of(&format!("{}-{number}", self.stem)),
            id if ArticleId::parse("id", id).is_ok() => id.to_owned(),
            id => article_id_of(id),
        };
        let text = |name| Cells::of(batch, name).string(row);
        if let Some(text) = Cells::of(batch, "text").text(row) {
            text.clone_into(&mut record.text);
        } else {
            (record.text, record.annotations) = self.names.of_tokens(batch, row)?;
            record.unit = Some(Unit::Utf8);
        }
        if let Some(expected) = Cells::of(batch, "text_sha256").text(row) {
            let actual = sha256(&record.text);
            if !expected.eq_ignore_ascii_case(&actual) {
                return Err(format!(
                    "the text's SHA-256 is {actual}, and text_sha256 is {expected:?}: the file is damaged, or somebody \
                     changed the text, under its annotations: leave text_sha256 out to say that it is right"
                ));
            }
        }
        (record.title, record.language) = (text("title"), text("language"));
        record.source_uri = text("source_uri");
        if record.source_uri.is_empty() && !Cells::of(batch, "source_uri").is_there() {
            record.source_uri.clone_from(&self.path);
        }
        let time = |name| Cells::of(batch, name).time(row).map(Timestamp);
        record.times = time("create_time").map(|created| (created, time("update_time").unwrap_or(created)));
        record.older_texts = older_texts(batch, row);
        record.submitted = submitted(batch, row)?;
        self.metadata(batch, row, &mut record, lost)?;
        record.annotations.extend(self.names.of_article(batch, row)?);
        Ok(record)
    }

    /// The metadata, and all columns that are nothing else.
    fn metadata(
        &self,
        batch: &RecordBatch,
        row: usize,
        record: &mut ArticleRecord,
        lost: &mut Vec<String>,
    ) -> Result<(), String> {
        let said = Cells::of(batch, "metadata").map(row).map_err(|error| format!("metadata {error}"))?;
        record.metadata = said.into_iter().map(|(key, value)| (key, json_text_of(&value))).collect();
        for name in &self.others {
            let value = Cells::of(batch, name).json(row);
            if value == Value::Null {
                if !Cells::of(batch, name).is_null(row) {
                    lost.push(name.clone());
                }
                continue;
            }
            if record.metadata.contains_key(name) {
                lost.push(name.clone());
                continue;
            }
            record.metadata.insert(name.clone(), metadata_of(&value));
            if details::metadata("metadata", record.metadata.clone()).is_err() {
                record.metadata.remove(name);
                lost.push(name.clone());
            }
        }
        Ok(())
    }
}

fn older_texts(batch: &RecordBatch, row: usize) -> Vec<TextRecord> {
    let Some((items, range)) = Cells::of(batch, "older_texts").list(row) else { return Vec::new() };
    let (text, time) = (items.field("text"), items.field("create_time"));
    range.map(|at| TextRecord { text: text.string(at), create_time: time.time(at).map(Timestamp) }).collect()
}

fn submitted(batch: &RecordBatch, row: usize) -> Result<Vec<(LayerId, Option<Timestamp>)>, String> {
    let Some((items, range)) = Cells::of(batch, "submitted_layers").list(row) else { return Ok(Vec::new()) };
    let (layer, time) = (items.field("layer"), items.field("submit_time"));
    let one = |at: usize| {
        let layer = LayerId::parse("submitted_layers.layer", &layer.string(at));
        Ok((layer.map_err(|error| error.to_string())?, time.time(at).map(Timestamp)))
    };
    range.map(one).collect()
}
