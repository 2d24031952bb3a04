//! What stands where in a file: layers with their columns, tokens with the annotations that they are in, and numbers.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    header::{Column, Layer, LayerKind},
    layout::SentenceLayout,
    relations::ANYTHING,
};
use crate::{
    domain::{annotations::Annotation, ids::AnnotationId},
    formats::{
        cas::{LINK, short_name},
        exchange::LocalId,
    },
};

/// An annotation that is written.
#[derive(Debug)]
pub(super) struct Item<'a> {
    pub(super) annotation: &'a Annotation,
    pub(super) kind: LayerKind,
    pub(super) type_name: String,
    /// What its features say.
    pub(super) values: BTreeMap<String, String>,
    /// Where it is, in units of UTF-16; a relation where what it goes to is.
    pub(super) range: (u32, u32),
    /// What a relation is between, or nothing.
    pub(super) between: Option<(AnnotationId, AnnotationId)>,
    /// The chain of a link, and its place in it.
    pub(super) chain: Option<(u64, usize)>,
}

/// A link of a feature.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) feature: String,
    pub(super) role: Option<String>,
    pub(super) target: AnnotationId,
}

/// What annotations refer to with which feature, in order.
pub(super) type Slots = HashMap<AnnotationId, Vec<Slot>>;

/// A token, or a part of one.
#[derive(Debug)]
pub(super) struct TsvUnit {
    /// `1-1`, or `1-1.1`.
    pub(super) name: String,
    pub(super) range: (u32, u32),
    /// The annotations that it is in, by their layer.
    pub(super) items: BTreeMap<usize, Vec<usize>>,
}

/// A token with its parts.
#[derive(Debug)]
pub(super) struct TsvToken {
    pub(super) unit: TsvUnit,
    pub(super) parts: Vec<TsvUnit>,
}

/// What stands where.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) layers: Vec<Layer>,
    pub(super) tokens: Vec<TsvToken>,
    /// The unit that an annotation begins in, as token and part.
    begins: HashMap<AnnotationId, (usize, Option<usize>)>,
    /// The numbers of annotations.
    pub(super) numbers: HashMap<AnnotationId, u64>,
    taken: HashSet<u64>,
    next: u64,
}

impl Plan {
    /// The tokens of sentences, with nothing on them.
    pub(super) fn new(layers: Vec<Layer>, sentences: &[SentenceLayout]) -> Self {
        let mut tokens = Vec::new();
        for (sentence, number) in sentences.iter().zip(1_u64..) {
            for (token, place) in sentence.tokens.iter().zip(1_u64..) {
                let range = (token.start.utf16, token.end.utf16);
                let unit = TsvUnit { name: format!("{number}-{place}"), range, items: BTreeMap::new() };
                tokens.push(TsvToken { unit, parts: Vec::new() });
            }
        }
        let (begins, numbers, taken) = (HashMap::new(), HashMap::new(), HashSet::new());
        Self { layers, tokens, begins, numbers, taken, next: 1 }
    }

    /// Gives annotations the numbers that they had.
    pub(super) fn keep_numbers(&mut self, items: &[Item<'_>]) {
        for item in items.iter().filter(|item| item.kind == LayerKind::Span) {
            if let Some(LocalId::Number(number)) = LocalId::of(item.annotation.id)
                && number > 0
                && self.taken.insert(number)
            {
                self.numbers.insert(item.annotation.id, number);
            }
        }
    }

    /// A token that is annotated as such is where it is.
    pub(super) fn know_token(&mut self, id: AnnotationId, start: u32) {
        if let Ok(at) = self.tokens.binary_search_by_key(&start, |token| token.unit.range.0) {
            self.begins.insert(id, (at, None));
        }
    }

    /// Whether the annotation is somewhere.
    pub(super) fn knows(&self, id: AnnotationId) -> bool {
        self.begins.contains_key(&id)
    }

    /// What the unit is called that an annotation begins in.
    pub(super) fn begin_of(&self, id: AnnotationId) -> Option<&str> {
        let (token, part) = self.begins.get(&id)?;
        let token = self.tokens.get(*token)?;
        let unit = match part {
            Some(part) => token.parts.get(*part)?,
            None => &token.unit,
        };
        Some(&unit.name)
    }

    /// Puts a span where it is. Answers where that is; none if it is nowhere.
    pub(super) fn put(&mut self, index: usize, layer: usize, item: &Item<'_>) -> Option<(u32, u32)> {
        let (begin, end) = item.range;
        let (first, last) = self.tokens_of(begin, end)?;
        if begin == end {
            let token = self.tokens.get(last)?.unit.range;
            let at = token.1.min(end).max(token.0);
            let is_token = token == (at, at);
            let part = if is_token { None } else { Some(self.part(last, (at, at))?) };
            self.add(index, layer, item, (last, part), true);
            return Some((at, at));
        }
        let mut units = vec![self.edge(first, begin, end)?];
        if first != last {
            units.push(self.edge(last, begin, end)?);
            units.extend((first + 1..last).map(|token| (token, None)));
        }
        let range =
            (self.range(units.first().copied())?.0, self.range(units.get(1).or(units.first()).copied())?.1);
        for (place, unit) in units.into_iter().enumerate() {
            self.add(index, layer, item, unit, place == 0);
        }
        if first != last && item.kind == LayerKind::Span {
            self.number(item.annotation.id);
        }
        Some(range)
    }

    /// Puts a relation where what it goes to begins.
    pub(super) fn put_relation(&mut self, index: usize, layer: usize, to: AnnotationId) {
        let Some(unit) = self.begins.get(&to).copied() else { return };
        if let Some(unit) = self.unit(unit) {
            unit.items.entry(layer).or_default().push(index);
        }
    }

    /// The first and the last token of a range.
    fn tokens_of(&self, begin: u32, end: u32) -> Option<(usize, usize)> {
        let range = |at: usize| self.tokens.get(at).map(|token| token.unit.range);
        let ends_behind = |offset: u32| self.tokens.partition_point(|token| token.unit.range.1 <= offset);
        let begins_at = self.tokens.partition_point(|token| token.unit.range.0 <= begin).checked_sub(1);
        let is_before = |at: usize| {
            range(at).is_some_and(|token| token.1 < begin) && ends_behind(begin) < self.tokens.len()
        };
        let first = begins_at.filter(|at| !is_before(*at)).unwrap_or_else(|| ends_behind(begin));
        let ends_at = self.tokens.partition_point(|token| token.unit.range.1 < end);
        let is_behind =
            ends_at >= self.tokens.len() || range(ends_at).is_some_and(|token| token.0 > end) && ends_at > 0;
        let last = if is_behind { ends_at.checked_sub(1)? } else { ends_at };
        let first = if begin == end { last } else { first };
        (first <= last && last < self.tokens.len()).then_some((first, last))
    }

    /// The token, or the part of it that is in the range.
    fn edge(&mut self, token: usize, begin: u32, end: u32) -> Option<(usize, Option<usize>)> {
        let range = self.tokens.get(token)?.unit.range;
        let inside = (range.0.max(begin), range.1.min(end));
        if inside.0 > inside.1 {
            return None;
        }
        let part = if inside == range { None } else { Some(self.part(token, inside)?) };
        Some((token, part))
    }

    fn part(&mut self, token: usize, range: (u32, u32)) -> Option<usize> {
        let TsvToken { unit, parts } = self.tokens.get_mut(token)?;
        if let Some(at) = parts.iter().position(|part| part.range == range) {
            return Some(at);
        }
        let name = format!("{}.{}", unit.name, parts.len() + 1);
        parts.push(TsvUnit { name, range, items: BTreeMap::new() });
        parts.len().checked_sub(1)
    }

    fn unit(&mut self, (token, part): (usize, Option<usize>)) -> Option<&mut TsvUnit> {
        let token = self.tokens.get_mut(token)?;
        match part {
            Some(part) => token.parts.get_mut(part),
            None => Some(&mut token.unit),
        }
    }

    fn range(&mut self, unit: Option<(usize, Option<usize>)>) -> Option<(u32, u32)> {
        self.unit(unit?).map(|unit| unit.range)
    }

    fn add(
        &mut self,
        index: usize,
        layer: usize,
        item: &Item<'_>,
        unit: (usize, Option<usize>),
        is_first: bool,
    ) {
        if is_first {
            self.begins.insert(item.annotation.id, unit);
        }
        if let Some(unit) = self.unit(unit) {
            unit.items.entry(layer).or_default().push(index);
        }
    }

    /// Gives numbers to all that share a token with another one of their layer.
    pub(super) fn number_stacked(&mut self, items: &[Item<'_>]) {
        let units = self.tokens.iter().flat_map(|token| std::iter::once(&token.unit).chain(&token.parts));
        let stacked = units.flat_map(|unit| unit.items.values()).filter(|items| items.len() > 1).flatten();
        let mut stacked: Vec<usize> = stacked.copied().collect();
        stacked.sort_unstable();
        stacked.dedup();
        for item in stacked.into_iter().filter_map(|index| items.get(index)) {
            if item.kind == LayerKind::Span {
                self.number(item.annotation.id);
            }
        }
    }

    /// Gives an annotation a number, unless it has one.
    pub(super) fn number(&mut self, id: AnnotationId) {
        if !self.numbers.contains_key(&id) {
            while !self.taken.insert(self.next) {
                self.next += 1;
            }
            self.numbers.insert(id, self.next);
        }
    }
}

/// Adds to the layers of a file what items and links need.
pub(super) fn layers_of(
    mut layers: Vec<Layer>,
    items: &[Item<'_>],
    slots: &Slots,
    base: &dyn Fn(AnnotationId) -> String,
) -> Vec<Layer> {
    let known = layers.len();
    for item in items {
        let at = layers.iter().position(|layer| layer.type_name == item.type_name && layer.kind == item.kind);
        let layer = match at.and_then(|at| layers.get_mut(at)) {
            Some(layer) => layer,
            None => layers.push_mut(new_layer(item, base)),
        };
        for feature in item.values.keys() {
            if !layer.columns.contains(&Column::Feature(feature.clone())) {
                let at = layer.columns.iter().position(|column| matches!(column, Column::Base(_)));
                layer.columns.insert(at.unwrap_or(layer.columns.len()), Column::Feature(feature.clone()));
            }
        }
        for slot in slots.get(&item.annotation.id).into_iter().flatten() {
            let is_there =
                |column: &Column| matches!(column, Column::Roles { feature, .. } if *feature == slot.feature);
            if !layer.columns.iter().any(is_there) {
                let mut name = slot.feature.clone();
                if let Some(first) = name.get_mut(..1) {
                    first.make_ascii_uppercase();
                }
                let link = [item.type_name.as_str(), &name, LINK].concat();
                layer.columns.push(Column::Roles { feature: slot.feature.clone(), link });
                layer.columns.push(Column::Targets(ANYTHING.to_owned()));
            }
        }
    }
    for layer in &mut layers {
        if layer.columns.len() > 1 {
            layer.columns.retain(|column| *column != Column::Placeholder);
        }
        if layer.columns.is_empty() {
            layer.columns.push(Column::Placeholder);
        }
    }
    if let Some((_, new)) = layers.split_at_mut_checked(known) {
        let kind = |layer: &Layer| match layer.kind {
            LayerKind::Span => 0,
            LayerKind::Relation => 1,
            LayerKind::Chain => 2,
        };
        new.sort_by_key(|layer| (kind(layer), layer.type_name.clone()));
    }
    layers
}

fn new_layer(item: &Item<'_>, base: &dyn Fn(AnnotationId) -> String) -> Layer {
    let columns = match (item.kind, item.between) {
        (LayerKind::Chain, _) => {
            ["referenceRelation", "referenceType"].map(|name| Column::Feature(name.to_owned())).to_vec()
        }
        (LayerKind::Relation, Some((governor, _))) => vec![Column::Base(base(governor))],
        (LayerKind::Relation | LayerKind::Span, _) => Vec::new(),
    };
    Layer { kind: item.kind, type_name: item.type_name.clone(), columns }
}

/// Whether two types are the same, by whatever name.
pub(super) fn is_same_type(one: &str, other: &str) -> bool {
    short_name(one) == short_name(other)
}
