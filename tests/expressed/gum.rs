//! GUM's coreference in `WebAnno` TSV 3.2, <https://inception-project.github.io/releases/32.2/docs/user-guide.html>: a line a
//! token, with the values of all annotations that it is in, `place[9]|place[10]`, and at the first token of an annotation its
//! relations, `coref` and `1-11[9_1]`: from the annotation 9, which begins at token 1-11, to its own, 1.
//!
//! An entity is spans whose label is its kind, with its other features as attributes; a relation has its kind as label.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use spandrel::{
    domain::{
        annotations::TargetKind,
        schema::{
            AttributeDefinition, AttributeKind, LabelDefinition, LabelSchema, RoleDefinition,
            SchemaDefinition, SchemaMode,
        },
    },
    proto::v1::{self, annotation::Target, attribute_value::Kind},
};

use crate::{Said, called, support, uuid};

/// The features of an entity beside its kind, in the order of their columns.
const FEATURES: [&str; 4] = ["infstat", "salience", "identity", "centering"];
const LAYERS: &str = "#T_SP=webanno.custom.Referent|entity|infstat|salience|identity|centering\n\
                      #T_RL=webanno.custom.Coref|type|BT_webanno.custom.Referent\n";
/// A feature without a value.
const NONE: &str = "_";
const ENTITY: &str = "Entity";
const COREFERENCE: &str = "Coreference";

/// A text with what is said of it.
pub(crate) struct Document {
    id: String,
    text: String,
    pub(crate) model: Model,
}

/// What is said of a text.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Model {
    entities: BTreeMap<u64, Entity>,
    /// From, to, and the kind of relation.
    relations: BTreeSet<(u64, u64, String)>,
}

#[derive(Debug, Clone, PartialEq)]
struct Entity {
    kind: String,
    features: BTreeMap<String, String>,
    /// In units of UTF-16; one for each run of tokens.
    ranges: Vec<(u32, u32)>,
    quotes: Vec<String>,
}

impl Model {
    /// What annotations say.
    pub(crate) fn of(annotations: &[v1::Annotation]) -> Self {
        let mut model = Self::default();
        for annotation in annotations {
            let v1::Annotation { name, label, target, attributes, .. } = annotation;
            let (_, id) = called(name);
            match target.as_ref().unwrap() {
                Target::Anchor(v1::Anchor { spans }) => {
                    let features =
                        attributes.iter().map(|(name, value)| match value.kind.as_ref().unwrap() {
                            Kind::StringValue(value) => (name.clone(), value.clone()),
                            other => panic!("{name}: {other:?}"),
                        });
                    let ranges = spans.iter().map(|span| span.utf16.unwrap());
                    let entity = Entity {
                        kind: label.clone(),
                        features: features.collect(),
                        ranges: ranges.map(|range| (range.start, range.end)).collect(),
                        quotes: spans.iter().map(|span| span.quote.clone()).collect(),
                    };
                    model.entities.insert(id, entity);
                }
                Target::Relation(v1::Relation { arguments }) => {
                    let [from, to] = arguments.as_slice() else { panic!("{annotation:?}") };
                    assert_eq!([&from.role, &to.role], ["from", "to"]);
                    let ends = [from, to].map(|argument| called(&argument.annotation).1);
                    model.relations.insert((ends[0], ends[1], label.clone()));
                }
                Target::Article(_) => panic!("{annotation:?}"),
            }
        }
        model
    }

    /// How many chains the relations make: what hangs together.
    pub(crate) fn chains(&self) -> usize {
        let mut chain_of: BTreeMap<u64, u64> = BTreeMap::new();
        for (from, to, _) in &self.relations {
            let chains = [from, to].map(|id| *chain_of.entry(*id).or_insert(*id));
            chain_of.values_mut().filter(|chain| **chain == chains[1]).for_each(|chain| *chain = chains[0]);
        }
        chain_of.values().collect::<BTreeSet<_>>().len()
    }
}

impl Document {
    /// What is to be said through the API.
    pub(crate) fn said(&self) -> Said {
        let name = |id: u64| format!("projects/p/articles/{}/annotations/{}", self.id, uuid('s', id));
        let entities = self.model.entities.iter().map(|(id, entity)| {
            let spans = entity.ranges.iter().zip(&entity.quotes).map(|((start, end), quote)| v1::Span {
                quote: quote.clone(),
                ..support::by_utf16(*start, *end)
            });
            let attributes = entity.features.iter().map(|(name, value)| {
                let kind = Some(Kind::StringValue(value.clone()));
                (name.clone(), v1::AttributeValue { kind })
            });
            v1::Annotation {
                name: uuid('s', *id),
                attributes: attributes.collect(),
                ..support::annotation(&entity.kind, spans.collect())
            }
        });
        let relations = self.model.relations.iter().zip(1..).map(|((from, to, kind), number)| {
            let argument = |role: &str, id| v1::Argument { role: role.to_owned(), annotation: name(id) };
            let arguments = vec![argument("from", *from), argument("to", *to)];
            v1::Annotation {
                name: uuid('r', number),
                label: kind.clone(),
                target: Some(Target::Relation(v1::Relation { arguments })),
                ..Default::default()
            }
        });
        Said {
            article: self.id.clone(),
            text: self.text.clone(),
            annotations: entities.chain(relations).collect(),
        }
    }
}

/// A closed schema of all that the documents say.
pub(crate) fn schema(documents: &[Document]) -> LabelSchema {
    let models = || documents.iter().map(|document| &document.model);
    let entities: BTreeSet<_> =
        models().flat_map(|it| it.entities.values().map(|entity| &entity.kind)).collect();
    let relations: BTreeSet<_> =
        models().flat_map(|it| it.relations.iter().map(|(_, _, kind)| kind)).collect();
    let role = |role: &str| RoleDefinition {
        role: role.to_owned(),
        labels: vec![ENTITY.to_owned()],
        min_count: 1,
        max_count: 1,
        ..RoleDefinition::default()
    };
    let group = |label: &str, kind| LabelDefinition {
        label: label.to_owned(),
        kinds: vec![kind],
        is_abstract: true,
        ..LabelDefinition::default()
    };
    let below = |parent: &str, label: &String| LabelDefinition {
        label: label.clone(),
        parent: parent.to_owned(),
        ..LabelDefinition::default()
    };
    let coreference =
        LabelDefinition { roles: vec![role("from"), role("to")], ..group(COREFERENCE, TargetKind::Relation) };
    let mut labels = vec![group(ENTITY, TargetKind::Spans), coreference];
    labels.extend(entities.into_iter().map(|label| below(ENTITY, label)));
    labels.extend(relations.into_iter().map(|label| below(COREFERENCE, label)));
    let attribute = |name: &str| AttributeDefinition {
        name: name.to_owned(),
        kind: AttributeKind::String,
        labels: vec![ENTITY.to_owned()],
        ..AttributeDefinition::default()
    };
    let attributes = FEATURES.iter().map(|name| attribute(name)).collect();
    let definition =
        SchemaDefinition { mode: SchemaMode::Closed, labels, attributes, ..SchemaDefinition::default() };
    LabelSchema::parse(definition).unwrap()
}

/// All documents in a folder and below.
pub(crate) fn read(folder: &Path) -> Vec<Document> {
    let mut documents = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "tsv") {
                let id = path.file_stem().unwrap().to_str().unwrap();
                documents.push(document(id, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    documents.sort_by(|one, other| one.id.cmp(&other.id));
    documents
}

/// An annotation while its tokens are read.
struct Open {
    entity: Entity,
    last_token: usize,
}

fn document(id: &str, file: &str) -> Document {
    assert!(file.contains(LAYERS), "{id} has other layers");
    assert!(!file.contains('\\'), "{id} has escapes, which are not read here");
    // The text has no surrogates, so that a unit is a character.
    let (mut text, mut sentence) = (Vec::<char>::new(), "");
    let (mut open, mut relations): (BTreeMap<u64, Open>, _) = (BTreeMap::new(), BTreeSet::new());
    let lines = file.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    for (token, line) in lines.enumerate() {
        let columns: Vec<&str> = line.trim_end_matches('\t').split('\t').collect();
        let [number, place, word, kinds, features @ .., types, others] = columns.as_slice() else {
            panic!("{line}")
        };
        let (start, end) = place.split_once('-').unwrap();
        let (start, end): (u32, u32) = (start.parse().unwrap(), end.parse().unwrap());
        let of = number.split_once('-').unwrap().0;
        text.resize(usize::try_from(start).unwrap(), if of == sentence { ' ' } else { '\n' });
        sentence = of;
        text.extend(word.chars());
        assert_eq!(text.len(), usize::try_from(end).unwrap(), "{line}");
        for (kind, id) in values(kinds) {
            let named = FEATURES.iter().zip(features).filter_map(|(name, column)| {
                let (value, _) = values(column).into_iter().find(|(_, of)| *of == id)?;
                Some(((*name).to_owned(), value.to_owned()))
            });
            let (kind, features) = (kind.to_owned(), named.collect());
            let new = Entity { kind, features, ranges: Vec::new(), quotes: Vec::new() };
            let open = open.entry(id).or_insert(Open { entity: new.clone(), last_token: usize::MAX });
            assert_eq!((&open.entity.kind, &open.entity.features), (&new.kind, &new.features), "{line}");
            match open.entity.ranges.last_mut() {
                Some(last) if open.last_token + 1 == token => last.1 = end,
                _ => open.entity.ranges.push((start, end)),
            }
            open.last_token = token;
        }
        if *types != NONE {
            for (kind, other) in types.split('|').zip(others.split('|')) {
                let (_, ids) = other.strip_suffix(']').unwrap().split_once('[').unwrap();
                let (from, to) = ids.split_once('_').unwrap();
                assert!(
                    relations.insert((from.parse().unwrap(), to.parse().unwrap(), kind.to_owned())),
                    "{line}"
                );
            }
        }
    }
    let quote = |(start, end): &(u32, u32)| {
        text[usize::try_from(*start).unwrap()..usize::try_from(*end).unwrap()].iter().collect()
    };
    let entities = open.into_iter().map(|(id, Open { mut entity, last_token: _ })| {
        entity.quotes = entity.ranges.iter().map(quote).collect();
        (id, entity)
    });
    let model = Model { entities: entities.collect(), relations };
    Document { id: id.to_owned(), text: text.iter().collect(), model }
}

/// `place[9]|place[10]` as values with the annotations that have them. What has none is `_`.
fn values(column: &str) -> Vec<(&str, u64)> {
    let values = column.split('|').filter(|written| *written != NONE);
    let value = |written: &'_ str| -> (usize, u64) {
        let at = written.rfind('[').expect(written);
        (at, written[at + 1..].strip_suffix(']').unwrap().parse().expect(written))
    };
    values.map(|written| (&written[..value(written).0], value(written).1)).collect()
}
