//! How much of what was read back.

use std::{io::Write as _, iter::Sum, time::Duration};

use spandrel::proto::v1::{self, annotation::Target, attribute_value::Kind};

/// What annotations are there.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) spans: usize,
    pub(crate) discontinuous: usize,
    /// All of whose characters another one covers, and more.
    pub(crate) nested: usize,
    pub(crate) relations: usize,
    pub(crate) events: usize,
    pub(crate) equivalences: usize,
    pub(crate) chains: usize,
    pub(crate) attributes: usize,
    pub(crate) references: usize,
    pub(crate) notes: usize,
}

impl Tally {
    /// Counts the annotations of one article.
    pub(crate) fn count(&mut self, annotations: &[v1::Annotation]) {
        let mut hulls = Vec::new();
        for annotation in annotations {
            match annotation.target.as_ref().unwrap() {
                Target::Anchor(v1::Anchor { spans }) => {
                    self.spans += 1;
                    self.discontinuous += usize::from(spans.len() > 1);
                    let (first, last) = (spans.first().unwrap(), spans.last().unwrap());
                    hulls.push((first.utf8.unwrap().start, last.utf8.unwrap().end));
                }
                Target::Relation(v1::Relation { arguments }) => match arguments[0].role.as_str() {
                    "trigger" => self.events += 1,
                    "member" => self.equivalences += 1,
                    _ => self.relations += 1,
                },
                Target::Article(_) => panic!("{annotation:?}"),
            }
            for value in annotation.attributes.values() {
                match value.kind.as_ref().unwrap() {
                    Kind::StringList(list) => self.references += list.values.len(),
                    _ => self.attributes += 1,
                }
            }
            self.notes += usize::from(!annotation.note.is_empty());
        }
        let holds = |(start, end): (u32, u32), other: &(u32, u32)| {
            other.0 <= start && end <= other.1 && *other != (start, end)
        };
        self.nested += hulls.iter().filter(|hull| hulls.iter().any(|other| holds(**hull, other))).count();
    }

    /// A row of the table. Unlike println!, this is seen although the test passes.
    pub(crate) fn print(&self, corpus: &str, articles: usize, took: Duration) {
        let Self {
            spans,
            discontinuous,
            nested,
            relations,
            events,
            equivalences,
            chains,
            attributes,
            references,
            notes,
        } = self;
        let line = format!(
            "{corpus}: {articles} articles, {spans} spans ({discontinuous} discontinuous, {nested} nested), {relations} \
             relations ({chains} chains), {events} events, {equivalences} equivalences, {attributes} attributes, \
             {references} references, {notes} notes; equal after {:.1} s\n",
            took.as_secs_f64()
        );
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
}

impl<'t> Sum<&'t Self> for Tally {
    fn sum<I: Iterator<Item = &'t Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |one, other| Self {
            spans: one.spans + other.spans,
            discontinuous: one.discontinuous + other.discontinuous,
            nested: one.nested + other.nested,
            relations: one.relations + other.relations,
            events: one.events + other.events,
            equivalences: one.equivalences + other.equivalences,
            chains: one.chains + other.chains,
            attributes: one.attributes + other.attributes,
            references: one.references + other.references,
            notes: one.notes + other.notes,
        })
    }
}
