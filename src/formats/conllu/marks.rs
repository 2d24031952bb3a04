//! The brackets of mentions, by the words that they stand at.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::entities::{EntityFields, Mention, bracket_id, is_field_name, part_of};
use crate::{
    domain::{annotations::Annotation, attributes::AttributeValue, ids::AnnotationId},
    formats::{
        columns::{
            count_ids,
            rows::{ACROSS_SENTENCES, Placed, Rows, ranges_of},
        },
        exchange::Feature,
    },
};

/// The mentions of an article.
pub(super) struct Marks {
    /// The fields, as a comment names them; none if there are none.
    pub(super) fields: Option<String>,
    sentences: Vec<SentenceMarks>,
}

/// The mentions of a sentence.
#[derive(Default)]
struct SentenceMarks {
    /// In document order, longer ones first.
    marks: Vec<Mark>,
    /// Where they end, and which they are, in the order in which they end.
    ends: Vec<(usize, std::cmp::Reverse<usize>)>,
}

/// Something that covers tokens.
struct Mark {
    first: usize,
    end: usize,
    opening: String,
    id: String,
}

/// The mentions that are marked; in the fields `imported` if all of them fit in these.
pub(super) fn marks_of(
    rows: &Rows<'_>,
    imported: Option<EntityFields>,
    lose: &mut dyn FnMut(&str, &Annotation),
) -> Marks {
    let split = split_mentions(rows);
    for (what, annotation) in &rows.losses {
        if !split.contains(&annotation.id) {
            lose(&format!("conllu: {what}"), annotation);
        }
    }
    for placed in rows.spans.iter().filter(|it| it.part == 0 && split.contains(&it.annotation.id)) {
        lose(&format!("conllu: {ACROSS_SENTENCES}"), placed.annotation);
    }
    let spans: Vec<&Placed<'_>> = rows.spans.iter().filter(|it| !split.contains(&it.annotation.id)).collect();
    let firsts = || spans.iter().filter(|it| it.part == 0).map(|it| it.annotation);
    for annotation in firsts() {
        count_ids(annotation, lose);
        for (name, value) in &annotation.attributes {
            if !(matches!(value, AttributeValue::String(_)) && is_field_name(name)) {
                lose(Feature::of_attribute(value).name(), annotation);
            }
        }
    }
    let mentions = |fields: &EntityFields| -> Vec<Mention> {
        let mut numbers: HashMap<_, usize> = HashMap::new();
        let of = |placed: &&Placed<'_>| {
            let next = numbers.len() + 1;
            let number = *numbers.entry(placed.annotation.id).or_insert(next);
            mention(placed, number, fields)
        };
        spans.iter().map(of).collect()
    };
    let fits = |fields: &EntityFields| {
        let mentions = mentions(fields);
        let are_read = mentions.iter().all(|mention| {
            let text = fields.write(mention, &mut |_| {});
            fields.read(&text) == *mention
                && part_of(&bracket_id(mention)) == (mention.id.as_str(), mention.part)
        });
        are_read && !cross(&spans, &mentions)
    };
    let is_asked = imported.is_some();
    let fields = imported.filter(fits).unwrap_or_else(|| {
        let names = firsts().flat_map(|annotation| annotation.attributes.iter());
        let names: BTreeSet<&String> = names
            .filter(|(name, value)| matches!(value, AttributeValue::String(_)) && is_field_name(name))
            .map(|(name, _)| name)
            .collect();
        EntityFields::own(names.into_iter().cloned())
    });
    let mut sentences: Vec<SentenceMarks> = rows.sentences.iter().map(|_| SentenceMarks::default()).collect();
    for (placed, mention) in spans.iter().zip(mentions(&fields)) {
        let opening = fields.write(&mention, &mut |_| {});
        if let Some(SentenceMarks { marks, ends }) = sentences.get_mut(placed.sentence) {
            ends.push((placed.end, std::cmp::Reverse(marks.len())));
            marks.push(Mark { first: placed.first, end: placed.end, opening, id: bracket_id(&mention) });
        }
    }
    for sentence in &mut sentences {
        sentence.ends.sort_unstable();
    }
    let is_said = (is_asked && !fields.is_own()) || !spans.is_empty();
    Marks { fields: is_said.then(|| fields.as_string()), sentences }
}

/// Mentions whose spans are not all in one sentence.
fn split_mentions(rows: &Rows<'_>) -> HashSet<AnnotationId> {
    let mut places = HashMap::new();
    let mut split = HashSet::new();
    for Placed { annotation, part: _, sentence, first: _, end: _ } in &rows.spans {
        if *places.entry(annotation.id).or_insert(*sentence) != *sentence {
            split.insert(annotation.id);
        }
    }
    split
}

fn mention(placed: &Placed<'_>, number: usize, fields: &EntityFields) -> Mention {
    let annotation = placed.annotation;
    let attributes: BTreeMap<String, String> = annotation
        .attributes
        .iter()
        .filter_map(|(name, value)| match value {
            AttributeValue::String(value) if is_field_name(name) => Some((name.clone(), value.clone())),
            AttributeValue::String(_)
            | AttributeValue::Bool(_)
            | AttributeValue::Int(_)
            | AttributeValue::Double(_)
            | AttributeValue::StringList(_) => None,
        })
        .collect();
    let id = attributes.get(fields.id_name()).cloned().filter(|_| !fields.is_own());
    Mention {
        id: id.unwrap_or_else(|| number.to_string()),
        part: (placed.part + 1, ranges_of(annotation).len()),
        label: annotation.label.as_str().to_owned(),
        attributes,
    }
}

/// Whether brackets of one id would be taken for each other.
fn cross(spans: &[&Placed<'_>], mentions: &[Mention]) -> bool {
    let mut open: HashMap<_, Vec<(usize, usize)>> = HashMap::new();
    for (placed, mention) in spans.iter().zip(mentions) {
        let (_, count) = mention.part;
        let others = open.entry((mention.id.as_str(), mention.part)).or_default();
        others.retain(|(sentence, end)| *sentence == placed.sentence && placed.first < *end);
        if others.iter().any(|(_, end)| placed.end > *end) || (count > 1 && !others.is_empty()) {
            return true;
        }
        others.push((placed.sentence, placed.end));
    }
    false
}

impl Marks {
    /// The brackets at a word of token `cell` of a sentence, which is the first or the last word of it, or both.
    pub(super) fn of(&self, sentence: usize, cell: usize, is_first: bool, is_last: bool) -> String {
        let Some(SentenceMarks { marks, ends }) = self.sentences.get(sentence) else { return String::new() };
        let (mut begun, mut ended) = (String::new(), String::new());
        let opening = marks.iter().skip(marks.partition_point(|mark| mark.first < cell));
        for mark in opening.take_while(|mark| is_first && mark.first == cell) {
            begun.push('(');
            begun.push_str(&mark.opening);
            if is_last && mark.end == cell + 1 {
                begun.push(')');
            }
        }
        let ending = ends.iter().skip(ends.partition_point(|(end, _)| *end <= cell));
        for (_, std::cmp::Reverse(at)) in ending.take_while(|(end, _)| is_last && *end == cell + 1) {
            let Some(mark) = marks.get(*at) else { continue };
            if !(is_first && mark.first == cell) {
                ended.push_str(&mark.id);
                ended.push(')');
            }
        }
        // What ends comes last, unless it would be taken for a part of what begins.
        if begun.is_empty() || begun.ends_with(')') { begun + &ended } else { ended + &begun }
    }
}
