//! Labels as datasets of others have them: in a column of the article, by name or by number, or of its tokens.

use std::collections::HashMap;

use arrow_array::RecordBatch;
use serde_json::Value;

use super::cells::Cells;
use crate::formats::exchange::{AnnotationRecord, SpanRecord, SpansRecord, TargetRecord};

/// Columns of labels of the article.
pub(super) const OF_ARTICLES: [&str; 2] = ["label", "labels"];
/// Columns of labels of tokens.
pub(super) const OF_TOKENS: [&str; 2] = ["ner_tags", "tags"];
/// The key of the metadata in which datasets say what the numbers of labels mean.
pub(super) const KEY: &str = "huggingface";

/// What the numbers of labels mean, by column.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<String, Vec<String>>);

impl Names {
    /// The names in the metadata of a dataset.
    pub(super) fn read(said: Option<&str>) -> Self {
        let said: Value = said.and_then(|said| serde_json::from_str(said).ok()).unwrap_or_default();
        let features = said.pointer("/info/features").and_then(Value::as_object);
        let names = features.into_iter().flatten().filter_map(|(column, feature)| {
            // One label; or a list of labels, as newer and older versions say it.
            let places = ["/names", "/feature/names", "/0/names"];
            let names = places.into_iter().find_map(|place| feature.pointer(place)?.as_array())?;
            let names = names.iter().map(|name| name.as_str().unwrap_or_default().to_owned());
            Some((column.clone(), names.collect()))
        });
        Self(names.collect())
    }

    /// Whether the numbers of a column have names.
    pub(super) fn has(&self, column: &str) -> bool {
        self.0.contains_key(column)
    }

    /// A label, which is a name, or a number that has one or is one itself. A negative number is none.
    fn label(&self, column: &str, cells: Cells<'_>, row: usize) -> Result<Option<String>, String> {
        if let Some(text) = cells.text(row) {
            return Ok(Some(text.to_owned()).filter(|text| !text.is_empty()));
        }
        let Some(number) = cells.int(row).filter(|number| *number >= 0) else { return Ok(None) };
        let Some(names) = self.0.get(column) else { return Ok(Some(number.to_string())) };
        match usize::try_from(number).ok().and_then(|number| names.get(number)) {
            Some(name) => Ok(Some(name.clone())),
            None => {
                Err(format!("{column} is {number}, and the metadata {KEY:?} names {} of them", names.len()))
            }
        }
    }

    /// The labels in a row of a column, which holds one or several.
    fn labels(&self, column: &str, batch: &RecordBatch, row: usize) -> Result<Vec<Option<String>>, String> {
        let cells = Cells::of(batch, column);
        match cells.list(row) {
            Some((items, range)) => range.map(|at| self.label(column, items, at)).collect(),
            None => self.label(column, cells, row).map(|label| vec![label]),
        }
    }

    /// What a row says of the article as a whole.
    pub(super) fn of_article(
        &self,
        batch: &RecordBatch,
        row: usize,
    ) -> Result<Vec<AnnotationRecord>, String> {
        let mut annotations = Vec::new();
        for column in OF_ARTICLES {
            for label in self.labels(column, batch, row)?.into_iter().flatten() {
                annotations.push(AnnotationRecord { label, ..AnnotationRecord::default() });
            }
        }
        Ok(annotations)
    }

    /// The text of a row's tokens, with a space between them, and the spans that their tags make, in bytes.
    pub(super) fn of_tokens(
        &self,
        batch: &RecordBatch,
        row: usize,
    ) -> Result<(String, Vec<AnnotationRecord>), String> {
        let (items, range) =
            Cells::of(batch, "tokens").list(row).ok_or("neither text nor tokens are there")?;
        let tokens: Vec<String> = range.map(|at| items.string(at)).collect();
        let mut annotations = Vec::new();
        if let Some(column) = OF_TOKENS.into_iter().find(|column| !Cells::of(batch, column).is_null(row)) {
            let tags = self.labels(column, batch, row)?;
            if tags.len() != tokens.len() {
                let (tags, tokens) = (tags.len(), tokens.len());
                return Err(format!("it has {tokens} tokens and {tags} {column}; each token needs one"));
            }
            annotations = spans(&tokens, &tags);
        }
        Ok((tokens.join(" "), annotations))
    }
}

/// The spans that tags make: with B, I, E, S (or L, U), or labels alone, of which equal ones stand together.
fn spans(tokens: &[String], tags: &[Option<String>]) -> Vec<AnnotationRecord> {
    let mut spans: Vec<(u64, u64, String)> = Vec::new();
    let (mut start, mut is_open) = (0, false);
    for (token, tag) in tokens.iter().zip(tags) {
        let end = u64::try_from(token.len()).unwrap_or_default().saturating_add(start);
        let tag = tag.as_deref().filter(|tag| *tag != "O").unwrap_or_default();
        let (prefix, label) = match tag.split_once(['-', '_']) {
            Some((prefix @ ("B" | "I" | "E" | "L" | "S" | "U"), label)) => (prefix, label),
            Some(_) | None => ("I", tag),
        };
        let goes_on = is_open && matches!(prefix, "I" | "E" | "L");
        match spans.last_mut().filter(|(_, _, before)| goes_on && before == label) {
            Some((_, last, _)) => *last = end,
            None if label.is_empty() => {}
            None => spans.push((start, end, label.to_owned())),
        }
        is_open = !label.is_empty() && matches!(prefix, "B" | "I");
        start = end.saturating_add(1);
    }
    let annotation = |(start, end, label)| {
        let span = SpanRecord { range: Some((start, end)), ..SpanRecord::default() };
        let target = TargetRecord::Spans(SpansRecord { spans: vec![span], joined: None });
        AnnotationRecord { label, target, ..AnnotationRecord::default() }
    };
    spans.into_iter().map(annotation).collect()
}
