//! What is named by BIO tags in MISC: `NER=B-PER`.

use std::collections::BTreeMap;

use super::{documents::Document, fields::misc_of};
use crate::{
    domain::annotations::Annotation,
    formats::columns::{
        count_ids,
        rows::{Placed, Rows},
        tags::{Run, Scheme, Tag},
    },
};

/// How the words of a file are tagged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tagging {
    /// The key in MISC.
    pub(super) key: String,
    pub(super) scheme: Scheme,
    /// Whether words that are outside of all are tagged, too.
    pub(super) says_outside: bool,
}

/// Keys that treebanks use for this.
const KEYS: [&str; 3] = ["NER", "NE", "ner"];

impl Tagging {
    /// How the words of an article are tagged: with one of the keys, and nothing else than tags.
    pub(super) fn of(document: &Document) -> Option<Self> {
        let lines = || document.sentences.iter().flat_map(|(_, words)| words);
        // Most files have none, which is seen quickly.
        let key = KEYS.into_iter().find(|key| lines().any(|(_, line)| line.contains(&format!("{key}="))))?;
        let mut says_outside = false;
        let mut rows: Vec<Vec<Tag<'_>>> = Vec::new();
        for (_, words) in &document.sentences {
            let mut row = Vec::with_capacity(words.len());
            for (_, line) in words {
                let cells: Vec<&str> = line.split('\t').collect();
                if cells.first().is_none_or(|number| number.contains(['-', '.'])) {
                    continue;
                }
                let value = misc_of(&cells).0.get(key).copied();
                says_outside |= value == Some(Some("O"));
                row.push(value.map_or(Some(Tag::Outside), |value| Tag::parse(value?))?);
            }
            rows.push(row);
        }
        let is_tagged = rows.iter().flatten().any(|tag| *tag != Tag::Outside);
        let scheme = Scheme::of(rows.iter().map(Vec::as_slice));
        (is_tagged || says_outside).then(|| Self { key: key.to_owned(), scheme, says_outside })
    }

    /// As it is kept in metadata: `NER IOB2 O`.
    pub(super) fn as_string(&self) -> String {
        let outside = if self.says_outside { " O" } else { "" };
        format!("{} {}{outside}", self.key, self.scheme.name())
    }

    /// What [`Tagging::as_string`] wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let key = parts.next().filter(|key| KEYS.contains(key))?.to_owned();
        let scheme = Scheme::named(parts.next()?)?;
        Some(Self { key, scheme, says_outside: parts.next() == Some("O") })
    }

    /// Takes out of `rows` what tags can say: spans without attributes that share no word, by sentences.
    pub(super) fn take<'a>(
        rows: &mut Rows<'a>,
        lose: &mut dyn FnMut(&str, &Annotation),
    ) -> BTreeMap<usize, Vec<Run<'a>>> {
        let mut taken: BTreeMap<usize, Vec<Run<'a>>> = BTreeMap::new();
        let mut parts = BTreeMap::new();
        for placed in &rows.spans {
            *parts.entry(placed.annotation.id).or_insert(0_usize) += 1;
        }
        rows.spans.retain(|Placed { annotation, part: _, sentence, first, end }| {
            let runs = taken.entry(*sentence).or_default();
            let is_free = runs.last().is_none_or(|run| run.end <= *first);
            let is_one = parts.get(&annotation.id) == Some(&1);
            let is_taken = is_free && is_one && annotation.attributes.is_empty();
            if is_taken {
                count_ids(annotation, lose);
                runs.push(Run { start: *first, end: *end, label: annotation.label.as_str() });
            }
            !is_taken
        });
        taken
    }

    /// The tags of words, each of which is of the token in `cells`; none for what is not said.
    pub(super) fn tags(&self, runs: &[Run<'_>], cells: &[usize]) -> Vec<Option<String>> {
        let word = |cell: usize| cells.partition_point(|it| *it < cell);
        let runs: Vec<Run<'_>> = runs
            .iter()
            .map(|run| Run { start: word(run.start), end: word(run.end), label: run.label })
            .collect();
        let said = |tag: Tag<'_>| (self.says_outside || tag != Tag::Outside).then(|| tag.to_string());
        self.scheme.tags(&runs, cells.len()).into_iter().map(said).collect()
    }
}
