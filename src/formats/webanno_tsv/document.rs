//! A document while its lines are read: its text, and annotations, which go on from token to token.

use std::collections::{BTreeMap, HashMap};

use super::{
    cells::{Dialect, Stacked, has_plain_symbol, on_one_line, parts, said, stacked, utf16},
    header::{Column, Layer, LayerKind},
    lines::{Header, UnitLine},
    relations::{self, PendingChain, PendingRelation, PendingSlot},
};
use crate::{
    domain::attributes::AttributeValue,
    formats::{
        cas::{SENTENCE, SLOT, TOKEN, attributes_of, label_of, short_name},
        exchange::{AnnotationRecord, SpanRecord, SpansRecord, TargetRecord},
    },
};

/// Characters between sentences: a file whose offsets are wrong must not make a text of spaces.
const GAP_MAX: u64 = 1 << 20;

/// A document that is being read.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) header: Header,
    text: String,
    /// Units of UTF-16 in the text.
    length: u64,
    /// What the lines of the next sentence say, until its first token says where it is.
    waiting: Option<Waiting>,
    /// The sentence whose tokens are read: where its text goes on behind the last token.
    rest_of_sentence: Option<String>,
    sentences: u64,
    pub(super) annotations: Vec<AnnotationRecord>,
    /// Where an annotation is among these, by its name.
    places: HashMap<String, usize>,
    pub(super) units: HashMap<String, UnitAnnotations>,
    relations: Vec<PendingRelation>,
    slots: Vec<PendingSlot>,
    chains: BTreeMap<(usize, u64), PendingChain>,
    pub(super) problems: Vec<(u64, String)>,
    dialect: Dialect,
}

/// The names of the annotations that a unit is in, by their types.
pub(super) type UnitAnnotations = Vec<(String, Vec<String>)>;

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<String>,
    id: Option<String>,
}

/// What was read.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) header: Header,
    pub(super) text: String,
    pub(super) annotations: Vec<AnnotationRecord>,
    pub(super) problems: Vec<(u64, String)>,
    pub(super) dialect: Dialect,
}

/// The values of one annotation on one line, by its features.
pub(super) type Attributes = BTreeMap<String, AttributeValue>;

impl Document {
    pub(super) fn new(header: Header) -> Self {
        Self { header, ..Self::default() }
    }

    /// A line of the text of the next sentence.
    pub(super) fn text_line(&mut self, text: &str) -> Result<(), String> {
        self.end_tokens(false)?;
        self.waiting.get_or_insert_default().lines.push(text.to_owned());
        Ok(())
    }

    /// What the next sentence is called.
    pub(super) fn sentence_id(&mut self, id: String) -> Result<(), String> {
        self.end_tokens(false)?;
        self.waiting.get_or_insert_default().id = Some(id);
        Ok(())
    }

    /// The sentence ends, and at the end of the file all of its text must have been tokens.
    pub(super) fn end_sentence(&mut self, is_last: bool) -> Result<(), String> {
        if self.waiting.is_some() {
            return Err("the sentence has no tokens; is the file cut off?".to_owned());
        }
        self.end_tokens(is_last)
    }

    fn end_tokens(&mut self, is_last: bool) -> Result<(), String> {
        let rest = self.rest_of_sentence.take().unwrap_or_default();
        if is_last && !rest.trim().is_empty() {
            return Err(format!(
                "no token stands for {:?}, the end of the sentence; is the file cut off?",
                rest.trim()
            ));
        }
        Ok(())
    }

    /// A line of a token, or of a part of one.
    pub(super) fn unit(&mut self, unit: &UnitLine<'_>, line: u64) -> Result<(), String> {
        if let Some(waiting) = self.waiting.take() {
            self.begin_sentence(waiting, unit, line)?;
        }
        let Some(rest) = &self.rest_of_sentence else {
            return Err("the token stands before the #Text= of its sentence".to_owned());
        };
        let (start, end) = unit.range;
        if !unit.is_part() {
            let from = self.length.saturating_sub(utf16(rest));
            let covered = between(rest, start.checked_sub(from), end.checked_sub(from));
            let Some((covered, after)) = covered else {
                return Err(format!(
                    "the token {start}-{end} is not in the text of its sentence, or not behind the one before it"
                ));
            };
            if covered != unit.covered && on_one_line(covered) != unit.covered {
                return Err(format!(
                    "the token is {:?}, and the text has {covered:?} at {start}-{end}",
                    unit.covered
                ));
            }
            self.rest_of_sentence = Some(after.to_owned());
            self.put(unit.name.to_owned(), line, TOKEN.to_owned(), unit.range, Attributes::new());
        }
        if self.units.insert(unit.name.to_owned(), UnitAnnotations::new()).is_some() {
            return Err(format!("{} is there twice", unit.name));
        }
        let layers = std::mem::take(&mut self.header.layers);
        let mut cells = unit.cells.as_slice();
        for (index, layer) in layers.iter().enumerate() {
            let (of_layer, rest) = cells.split_at_checked(layer.columns.len()).unwrap_or((cells, &[]));
            cells = rest;
            match layer.kind {
                LayerKind::Span => self.spans(layer, of_layer, unit, line),
                LayerKind::Relation => self.relations(layer, of_layer, unit, line),
                LayerKind::Chain => self.links(index, layer, of_layer, unit, line),
            }
        }
        self.header.layers = layers;
        Ok(())
    }

    fn begin_sentence(&mut self, waiting: Waiting, unit: &UnitLine<'_>, line: u64) -> Result<(), String> {
        let Waiting { lines, id } = waiting;
        let text = lines.join("\n");
        // A sentence may begin before its first token.
        let before = text.find(&unit.covered).and_then(|at| text.get(..at)).unwrap_or_default();
        let start = unit.range.0.checked_sub(utf16(before)).filter(|start| *start >= self.length);
        let Some(start) = start else {
            return Err(format!(
                "the sentence begins at {}, and the text before it ends at {}",
                unit.range.0, self.length
            ));
        };
        let gap = start.saturating_sub(self.length);
        if gap > GAP_MAX {
            return Err(format!("the sentence begins {gap} characters behind the one before it"));
        }
        // What is between sentences is not in the file: a line break, and spaces for what there is more.
        let is_first = self.text.is_empty();
        for at in 0..gap {
            self.text.push(if at == 0 && !is_first { '\n' } else { ' ' });
        }
        self.text.push_str(&text);
        let end = start.saturating_add(utf16(&text));
        self.length = end;
        self.sentences += 1;
        let attributes = id.map(|id| ("id".to_owned(), AttributeValue::String(id)));
        let name = format!("S{}", self.sentences);
        self.put(name, line, SENTENCE.to_owned(), (start, end), attributes.into_iter().collect());
        self.rest_of_sentence = Some(text);
        Ok(())
    }

    fn put(&mut self, id: String, line: u64, label: String, range: (u64, u64), attributes: Attributes) {
        self.places.insert(id.clone(), self.annotations.len());
        let spans = SpansRecord {
            spans: vec![SpanRecord { range: Some(range), ..SpanRecord::default() }],
            joined: None,
        };
        self.annotations.push(AnnotationRecord {
            line,
            id,
            label,
            target: TargetRecord::Spans(spans),
            attributes,
            ..AnnotationRecord::default()
        });
    }

    /// An annotation, or the next token of one.
    fn put_or_extend(
        &mut self,
        name: String,
        line: u64,
        type_name: &str,
        range: (u64, u64),
        mut attributes: Attributes,
    ) {
        let known = self.places.get(&name).and_then(|place| self.annotations.get_mut(*place));
        if let Some(AnnotationRecord { target: TargetRecord::Spans(spans), .. }) = known {
            for span in &mut spans.spans {
                span.range = span.range.map(|(start, end)| (start, end.max(range.1)));
            }
        } else {
            let label = label_of(type_name, &mut attributes);
            self.put(name, line, label, range, attributes_of(attributes));
        }
    }

    fn spans(&mut self, layer: &Layer, cells: &[&str], unit: &UnitLine<'_>, line: u64) {
        let columns: Vec<_> = layer.columns.iter().zip(cells).collect();
        let longest = columns.iter().map(|(_, cell)| stacked(cell)).max_by_key(Vec::len).unwrap_or_default();
        let mut names = Vec::with_capacity(longest.len());
        for (at, known) in longest.iter().enumerate() {
            let mut attributes = Attributes::new();
            let mut number = None;
            let mut slots = Vec::new();
            for (column, cell) in &columns {
                let values = stacked(cell);
                // Some writers leave out what says nothing: then only its number tells whose a value is.
                let own = match (column, known.number) {
                    (Column::Feature(_), Some(number)) => values.iter().find(|it| it.number == Some(number)),
                    (_, _) => values.get(at),
                };
                let Some(Stacked { value, number: here }) = own.copied() else {
                    self.dialect.is_sparse |= matches!(column, Column::Feature(_));
                    continue;
                };
                self.dialect.has_plain_symbols |=
                    matches!(column, Column::Feature(_)) && has_plain_symbol(value);
                match column {
                    Column::Feature(name) => {
                        number = number.or(here);
                        insert(&mut attributes, name, value);
                    }
                    Column::Placeholder | Column::Base(_) => number = number.or(here),
                    Column::Roles { feature, link: _ } => {
                        number = number.or(here);
                        slots.push((feature, value, "", ""));
                    }
                    Column::Targets(base) => {
                        let whole = parts(cell, '|').get(at).copied().unwrap_or_default();
                        if let Some(slot) = slots.last_mut() {
                            (slot.2, slot.3) = (whole, base);
                        }
                    }
                }
            }
            let name = number.map_or_else(|| format!("a{}", self.annotations.len()), str::to_owned);
            let is_new = !self.places.contains_key(&name);
            self.put_or_extend(name.clone(), line, &layer.type_name, unit.range, attributes);
            if is_new {
                for (feature, roles, targets, base) in slots {
                    let label = [short_name(&layer.type_name), feature].join(&String::from(SLOT));
                    self.slots.extend(PendingSlot::all(line, &label, &name, roles, (targets, base)));
                }
            }
            names.push(name);
        }
        self.remember(unit, &layer.type_name, names);
    }

    fn relations(&mut self, layer: &Layer, cells: &[&str], unit: &UnitLine<'_>, line: u64) {
        let columns: Vec<_> = layer.columns.iter().zip(cells).collect();
        let references = columns.iter().find(|(column, _)| matches!(column, Column::Base(_)));
        let references = references.map(|(_, cell)| stacked(cell)).unwrap_or_default();
        for (at, reference) in references.into_iter().enumerate() {
            let mut attributes = Attributes::new();
            for (column, cell) in &columns {
                if let (Column::Feature(name), Some(written)) = (column, stacked(cell).get(at)) {
                    insert(&mut attributes, name, written.value);
                }
            }
            self.relations.push(PendingRelation {
                line,
                type_name: layer.type_name.clone(),
                base: layer.base().unwrap_or_default().to_owned(),
                from: reference.value.to_owned(),
                to: unit.name.to_owned(),
                numbers: reference.number.map(str::to_owned),
                attributes,
            });
        }
    }

    fn links(&mut self, index: usize, layer: &Layer, cells: &[&str], unit: &UnitLine<'_>, line: u64) {
        let columns: Vec<_> = layer.columns.iter().zip(cells).collect();
        let count = columns.iter().map(|(_, cell)| stacked(cell).len()).max().unwrap_or_default();
        let mut names = Vec::with_capacity(count);
        for at in 0..count {
            let mut attributes = Attributes::new();
            let mut place = None;
            for (column, cell) in &columns {
                let (Column::Feature(feature), Some(written)) = (column, stacked(cell).get(at).copied())
                else {
                    continue;
                };
                let (value, here) = relations::chain_place(written.value);
                place = place.or(here);
                insert(&mut attributes, feature, value);
            }
            let Some((chain, at)) = place else {
                let message = "a link of a chain says no place, such as *->1-2 for the second one of chain 1";
                self.problems.push((line, message.to_owned()));
                continue;
            };
            let name = format!("c{chain}-{at}");
            self.put_or_extend(name.clone(), line, &layer.type_name, unit.range, attributes);
            let pending = self.chains.entry((index, chain)).or_default();
            pending.line = pending.line.max(line);
            pending.type_name.clone_from(&layer.type_name);
            pending.links.insert(at, name.clone());
            names.push(name);
        }
        self.remember(unit, &layer.type_name, names);
    }

    fn remember(&mut self, unit: &UnitLine<'_>, type_name: &str, names: Vec<String>) {
        if let Some(annotations) = self.units.get_mut(unit.name).filter(|_| !names.is_empty()) {
            annotations.push((type_name.to_owned(), names));
        }
    }

    /// All lines are read: what relations are between is known.
    pub(super) fn finish(mut self) -> Finished {
        let relations = std::mem::take(&mut self.relations);
        for (place, relation) in relations.into_iter().enumerate() {
            relation.resolve(place, &mut self);
        }
        let slots = std::mem::take(&mut self.slots);
        for (place, slot) in slots.into_iter().enumerate() {
            slot.resolve(place, &mut self);
        }
        for ((_, number), chain) in std::mem::take(&mut self.chains) {
            self.annotations.push(chain.record(number));
        }
        let Self { header, text, annotations, problems, dialect, .. } = self;
        Finished { header, text, annotations, problems, dialect }
    }

    /// Whether an annotation of this name is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }
}

fn insert(attributes: &mut Attributes, feature: &str, written: &str) {
    if let Some(value) = said(written) {
        attributes.insert(feature.to_owned(), AttributeValue::String(value));
    }
}

/// What stands between two places of a text, in units of UTF-16, and what comes after.
fn between(text: &str, start: Option<u64>, end: Option<u64>) -> Option<(&str, &str)> {
    let (start, end) = (byte_of(text, start?)?, byte_of(text, end?)?);
    Some((text.get(start..end)?, text.get(end..)?))
}

fn byte_of(text: &str, offset: u64) -> Option<usize> {
    let mut units = 0_u64;
    for (at, character) in text.char_indices() {
        if units >= offset {
            return (units == offset).then_some(at);
        }
        units += u64::try_from(character.len_utf16()).unwrap_or_default();
    }
    (units == offset).then_some(text.len())
}
