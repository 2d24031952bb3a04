//! The mentions of a sentence, from their brackets.

use std::collections::BTreeMap;

use super::{
    entities::{Bracket, Mention, brackets, part_of},
    fields::{self, misc_of},
    reading::{Article, Places},
    units::Row,
};
use crate::{
    domain::attributes::AttributeValue,
    formats::{
        columns::tags::{Tag, runs},
        exchange::{FileProblem, Sink, Stopped},
    },
};

impl Article<'_> {
    /// What is named by tags in MISC.
    pub(super) fn tagged(&mut self, rows: &[Row<'_>], places: &Places) {
        let Some(key) = self.tagging.as_ref().map(|tagging| tagging.key.clone()) else { return };
        let words: Vec<_> = rows.iter().enumerate().filter(|(_, row)| row.is_word()).collect();
        let tags: Vec<Tag<'_>> = words.iter().map(|(_, row)| tag_of(row, &key)).collect();
        for run in runs(&tags) {
            let place =
                |word: usize| words.get(word).and_then(|(index, row)| Some((places.get(index)?, row.line)));
            let last = run.end.checked_sub(1).and_then(place);
            if let (Some(((start, _, _), line)), Some(((_, end, _), _))) = (place(run.start), last) {
                self.annotation(line, "", run.label, &[(*start, *end)], BTreeMap::new());
            }
        }
    }

    /// What is named: mentions in brackets, each in its sentence.
    pub(super) fn entities(
        &mut self,
        rows: &[Row<'_>],
        places: &Places,
        sink: &mut dyn Sink,
    ) -> Result<(), Stopped> {
        let mut mentions = Mentions::default();
        let fields = self.fields.clone();
        for (index, row) in rows.iter().enumerate() {
            let (misc, _) = misc_of(&row.cells);
            let Some(value) = misc.get(fields::ENTITY).copied().flatten() else { continue };
            let Some((start, end, _)) = places.get(&index) else { continue };
            let Some(found) = brackets(value) else {
                let message =
                    format!("has {value:?} as Entity; it must be brackets such as (e1-person and e1)");
                sink.problem(FileProblem::invalid(self.path, row.line, message))?;
                continue;
            };
            for bracket in found {
                match bracket {
                    Bracket::Open(text) => mentions.open(row.line, fields.read(text), *start),
                    Bracket::Whole(text) => {
                        let mention = fields.read(text);
                        let (id, part) = (mention.id.clone(), mention.part);
                        mentions.open(row.line, mention, *start);
                        mentions.close(&id, part, *end);
                    }
                    Bracket::Close(text) => {
                        let (id, part) = part_of(text);
                        if !mentions.close(id, part, *end) {
                            let message = format!("ends {id:?}, which does not begin in this sentence");
                            sink.problem(FileProblem::invalid(self.path, row.line, message))?;
                        }
                    }
                }
            }
        }
        for (line, mention, spans) in mentions.finish() {
            let (_, count) = mention.part;
            if spans.len() != count {
                let message = format!("begins {:?}, which does not end in this sentence", mention.id);
                sink.problem(FileProblem::invalid(self.path, line, message))?;
                continue;
            }
            let attributes =
                mention.attributes.into_iter().map(|(name, value)| (name, AttributeValue::String(value)));
            let attributes = attributes.collect();
            self.annotation(line, "", &mention.label, &spans, attributes);
        }
        Ok(())
    }
}

/// The tag of a word.
fn tag_of<'r>(row: &Row<'r>, key: &str) -> Tag<'r> {
    let (misc, _) = misc_of(&row.cells);
    misc.get(key).copied().flatten().and_then(Tag::parse).unwrap_or(Tag::Outside)
}

/// The line that a mention begins on, the mention, and the parts of it that ended.
type Marked = (u64, Mention, Vec<(usize, usize)>);

/// Mentions of a sentence, in the order in which they begin.
#[derive(Default)]
struct Mentions {
    all: Vec<Marked>,
    /// Which of them are open, each with the part that is, and where it began.
    open: Vec<(usize, usize, usize)>,
}

impl Mentions {
    fn open(&mut self, line: u64, mention: Mention, start: usize) {
        let (part, count) = mention.part;
        // A further part of one that is there.
        let begun = self.all.iter().rposition(|(_, it, spans)| {
            part > 1 && it.id == mention.id && it.part.1 == count && spans.len() + 1 == part
        });
        let at = begun.unwrap_or(self.all.len());
        if begun.is_none() {
            self.all.push((line, mention, Vec::new()));
        }
        self.open.push((at, part, start));
    }

    /// Whether there is one of this id to be closed: the last that began.
    fn close(&mut self, id: &str, (part, count): (usize, usize), end: usize) -> bool {
        let all = &self.all;
        let found = self.open.iter().rposition(|(at, open_part, _)| {
            *open_part == part && all.get(*at).is_some_and(|(_, it, _)| it.id == id && it.part.1 == count)
        });
        let Some(found) = found else { return false };
        let (at, _, start) = self.open.remove(found);
        if let Some((_, _, spans)) = self.all.get_mut(at) {
            spans.push((start, end));
        }
        true
    }

    fn finish(self) -> Vec<Marked> {
        self.all
    }
}
