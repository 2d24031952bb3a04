//! brat's files, <https://brat.nlplab.org/standoff.html>, as annotations, and annotations as lines of such files.
//!
//! | line | what it becomes |
//! | --- | --- |
//! | `T` | spans, each with its part of the quote |
//! | `E` | a relation whose first argument, `trigger`, is the mention of the event |
//! | `R` | a relation |
//! | `*` | a relation with the role `member` |
//! | `A`, `M` | an attribute of what it is about: true, or its value |
//! | `#` | the note; its kind stands before it unless it is `AnnotatorNotes` |
//! | `N` | the attribute `Reference`, a list of entries with their names |

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use spandrel::{
    domain::{
        annotations::TargetKind,
        schema::{
            AttributeDefinition, AttributeKind, LabelDefinition, LabelSchema, SchemaDefinition, SchemaMode,
        },
        text::CodePointRange,
    },
    formats::{
        brat_config::{self, BratConfig, MEMBER, TRIGGER},
        brat_standoff::{self, Argument, Line},
    },
    proto::v1::{self, annotation::Target, attribute_value::Kind},
};

use crate::{Said, called, support, uuid};

const REFERENCE: &str = "Reference";
const NOTES: &str = "AnnotatorNotes";

/// Texts with their lines, and the schema that they were written under.
pub(crate) struct Corpus {
    pub(crate) schema: LabelSchema,
    pub(crate) documents: Vec<Document>,
}

/// A text with its lines.
pub(crate) struct Document {
    id: String,
    text: String,
    lines: Vec<Line>,
}

impl Corpus {
    /// A folder with a configuration. What there are references to, it does not say: that stands in tools.conf.
    pub(crate) fn configured(folder: &Path) -> Self {
        let file = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        let (annotation, visual, shortcuts) =
            (file("annotation.conf"), file("visual.conf"), file("kb_shortcuts.conf"));
        let config = BratConfig { annotation: &annotation, visual: &visual, shortcuts: &shortcuts };
        let (schema, _) = brat_config::read(config).unwrap();
        assert_eq!(schema.definition().mode, SchemaMode::Closed);
        Self::with(schema.into_definition(), documents(folder))
    }

    /// A folder without one: the schema names the labels that are there, and no others.
    pub(crate) fn of_what_it_says(folder: &Path) -> Self {
        let documents = documents(folder);
        let mut labels: BTreeMap<String, TargetKind> = BTreeMap::new();
        for line in documents.iter().flat_map(|document| &document.lines) {
            match line {
                Line::Mention { label, .. } => drop(labels.insert(label.clone(), TargetKind::Spans)),
                Line::Relation { label, .. } => drop(labels.insert(label.clone(), TargetKind::Relation)),
                Line::Reference { .. } => {}
                other => panic!("{other}"),
            }
        }
        let label =
            |(label, kind)| LabelDefinition { label, kinds: vec![kind], ..LabelDefinition::default() };
        let labels = labels.into_iter().map(label).collect();
        let definition = SchemaDefinition { mode: SchemaMode::Closed, labels, ..SchemaDefinition::default() };
        Self::with(definition, documents)
    }

    fn with(mut definition: SchemaDefinition, documents: Vec<Document>) -> Self {
        let mut lines = documents.iter().flat_map(|document| &document.lines);
        if lines.any(|line| matches!(line, Line::Reference { .. })) {
            definition.attributes.push(AttributeDefinition {
                name: REFERENCE.to_owned(),
                kind: AttributeKind::StringList,
                ..AttributeDefinition::default()
            });
        }
        Self { schema: LabelSchema::parse(definition).unwrap(), documents }
    }

    /// What the document says, to be said through the API.
    pub(crate) fn said(&self, document: &Document) -> Said {
        let Document { id: article, text, lines } = document;
        let mut all = BTreeMap::new();
        for (index, line) in lines.iter().enumerate() {
            let (id, label, target) = match line {
                Line::Mention { id, label, ranges, quote } => {
                    (id.clone(), label, anchor(text, ranges, quote))
                }
                Line::Event { id, label, trigger, arguments } => {
                    let trigger = Argument { role: TRIGGER.to_owned(), id: trigger.clone() };
                    let arguments = self.arguments(label, arguments);
                    let all = std::iter::once(trigger).chain(arguments).collect();
                    (id.clone(), label, relation(article, all))
                }
                Line::Relation { id, label, arguments } => {
                    (id.clone(), label, relation(article, self.arguments(label, arguments)))
                }
                Line::Equivalence { label, members } => {
                    let member = |id: &String| Argument { role: MEMBER.to_owned(), id: id.clone() };
                    // It has no id of its own.
                    (format!("*{index}"), label, relation(article, members.iter().map(member).collect()))
                }
                Line::Attribute { .. } | Line::Note { .. } | Line::Reference { .. } => continue,
            };
            let key = order(&id);
            let annotation = v1::Annotation {
                name: uuid_of(&id),
                label: label.clone(),
                target: Some(target),
                ..Default::default()
            };
            assert!(all.insert(key, annotation).is_none(), "{id} is there twice");
        }
        for line in lines {
            let (Line::Attribute { target, .. } | Line::Note { target, .. } | Line::Reference { target, .. }) =
                line
            else {
                continue;
            };
            add(all.get_mut(&order(target)).unwrap(), line);
        }
        let annotations = all.into_values().collect();
        Said { article: article.clone(), text: text.clone(), annotations }
    }

    fn arguments(&self, label: &str, arguments: &[Argument]) -> Vec<Argument> {
        let labels = &self.schema.definition().labels;
        let roles = labels.iter().find(|other| other.label == label).map(|label| &label.roles);
        let roles: Vec<_> = roles.into_iter().flatten().map(|role| role.role.as_str()).collect();
        let meant = |argument: &Argument| {
            // Where no roles are known, Arg1 and Arg2 are two.
            let role = match roles.as_slice() {
                [] => &argument.role,
                roles => brat_standoff::unnumbered(&argument.role, roles),
            };
            Argument { role: role.to_owned(), id: argument.id.clone() }
        };
        arguments.iter().map(meant).collect()
    }
}

impl Document {
    /// The lines, in an order that does not depend on how the file numbers what nothing refers to.
    pub(crate) fn lines(&self) -> Vec<String> {
        sorted(self.lines.iter().cloned())
    }
}

/// What annotations say, as lines.
pub(crate) fn lines(annotations: &[v1::Annotation]) -> Vec<String> {
    sorted(annotations.iter().flat_map(lines_of))
}

fn sorted(lines: impl Iterator<Item = Line>) -> Vec<String> {
    let nameless = lines.map(|mut line| {
        match &mut line {
            Line::Attribute { id, .. } | Line::Note { id, .. } | Line::Reference { id, .. } => id.truncate(1),
            Line::Mention { .. } | Line::Event { .. } | Line::Relation { .. } | Line::Equivalence { .. } => {}
        }
        line.to_string()
    });
    let mut lines: Vec<_> = nameless.collect();
    lines.sort();
    lines
}

fn documents(folder: &Path) -> Vec<Document> {
    let mut documents = Vec::new();
    for text in texts(folder) {
        let files = ["ann", "derived.ann"].map(|extension| text.with_extension(extension));
        let Some(file) = files.iter().find(|file| file.exists()) else { continue };
        let file = fs::read_to_string(file).unwrap();
        let lines = brat_standoff::read(&file).unwrap();
        let written = lines.iter().map(ToString::to_string);
        // Some relations have a tab at their end.
        assert!(written.eq(file.lines().map(|line| line.trim_end_matches('\t'))), "{}", text.display());
        let id = text.strip_prefix(folder).unwrap().with_extension("").to_str().unwrap().replace('/', "~");
        documents.push(Document { id, text: fs::read_to_string(&text).unwrap(), lines });
    }
    assert!(!documents.is_empty(), "{}", folder.display());
    documents
}

fn texts(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let found = entries.into_iter().flat_map(|path| if path.is_dir() { texts(&path) } else { vec![path] });
    found.filter(|path| path.extension().is_some_and(|extension| extension == "txt")).collect()
}

fn anchor(text: &str, ranges: &[CodePointRange], quote: &str) -> Target {
    let characters: Vec<char> = text.chars().collect();
    let parts = ranges.iter().map(|range| {
        let place = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        characters[place].iter().collect::<String>()
    });
    let parts: Vec<_> = parts.collect();
    assert_eq!(parts.join(" "), quote);
    let span = |(range, quote): (&CodePointRange, String)| v1::Span {
        quote,
        ..support::by_code_points(range.start, range.end)
    };
    Target::Anchor(v1::Anchor { spans: ranges.iter().zip(parts).map(span).collect() })
}

fn relation(article: &str, arguments: Vec<Argument>) -> Target {
    let argument = |Argument { role, id }: Argument| v1::Argument {
        role,
        annotation: format!("projects/p/articles/{article}/annotations/{}", uuid_of(&id)),
    };
    Target::Relation(v1::Relation { arguments: arguments.into_iter().map(argument).collect() })
}

/// Says of an annotation what a line says of it.
fn add(annotation: &mut v1::Annotation, line: &Line) {
    match line {
        Line::Attribute { id: _, name, target: _, value } => {
            let kind = value.clone().map_or(Kind::BoolValue(true), Kind::StringValue);
            let value = v1::AttributeValue { kind: Some(kind) };
            assert!(annotation.attributes.insert(name.clone(), value).is_none(), "{line}");
        }
        Line::Note { id: _, kind, target: _, text } => {
            assert!(annotation.note.is_empty(), "{line}");
            annotation.note = if kind == NOTES { text.clone() } else { format!("{kind}: {text}") };
            assert_eq!(note(&annotation.note), (kind.as_str(), text.as_str()));
        }
        Line::Reference { id: _, kind, target: _, entry, text } => {
            assert_eq!(kind, REFERENCE);
            let reference = annotation
                .attributes
                .entry(kind.clone())
                .or_insert(v1::AttributeValue { kind: Some(Kind::StringList(v1::StringList::default())) });
            let Some(Kind::StringList(list)) = &mut reference.kind else { panic!("{line}") };
            list.values.push(format!("{entry} {text}"));
        }
        Line::Mention { .. } | Line::Event { .. } | Line::Relation { .. } | Line::Equivalence { .. } => {}
    }
}

/// The kind of a note, and its text.
fn note(note: &str) -> (&str, &str) {
    match note.split_once(": ") {
        Some((kind, text)) if kind.chars().all(char::is_alphanumeric) => (kind, text),
        _ => (NOTES, note),
    }
}

/// All lines that say what an annotation says.
fn lines_of(annotation: &v1::Annotation) -> Vec<Line> {
    let v1::Annotation { name, label, target, attributes, note, .. } = annotation;
    let id = id_of(name);
    let mut lines = vec![match target.as_ref().unwrap() {
        Target::Anchor(v1::Anchor { spans }) => {
            let ranges = spans.iter().map(|span| span.code_points.unwrap());
            let ranges = ranges.map(|range| CodePointRange { start: range.start, end: range.end }).collect();
            let quotes: Vec<_> = spans.iter().map(|span| span.quote.as_str()).collect();
            Line::Mention { id: id.clone(), label: label.clone(), ranges, quote: quotes.join(" ") }
        }
        Target::Relation(v1::Relation { arguments }) => relation_line(&id, label, arguments),
        Target::Article(_) => panic!("{annotation:?}"),
    }];
    for (name, value) in attributes {
        let (id, target) = ("A".to_owned(), id.clone());
        let attribute = |value| Line::Attribute { id, name: name.clone(), target: target.clone(), value };
        match value.kind.clone().unwrap() {
            Kind::BoolValue(true) => lines.push(attribute(None)),
            Kind::StringValue(value) => lines.push(attribute(Some(value))),
            Kind::StringList(list) => lines.extend(list.values.iter().map(|value| {
                let (entry, text) = value.split_once(' ').unwrap();
                let (id, kind, target) = ("N".to_owned(), name.clone(), target.clone());
                Line::Reference { id, kind, target, entry: entry.to_owned(), text: text.to_owned() }
            })),
            other => panic!("{name}: {other:?}"),
        }
    }
    if !note.is_empty() {
        let (kind, text) = self::note(note);
        let (kind, text) = (kind.to_owned(), text.to_owned());
        lines.push(Line::Note { id: "#".to_owned(), kind, target: id, text });
    }
    lines
}

fn relation_line(id: &str, label: &str, arguments: &[v1::Argument]) -> Line {
    let (id, label) = (id.to_owned(), label.to_owned());
    let ids: Vec<_> = arguments.iter().map(|argument| id_of(&argument.annotation)).collect();
    let written = |from: usize| {
        let roles = brat_standoff::numbered(arguments[from..].iter().map(|it| it.role.as_str()));
        let both = roles.into_iter().zip(ids[from..].iter().cloned());
        both.map(|(role, id)| Argument { role, id }).collect()
    };
    match &id[..1] {
        "E" => {
            assert_eq!(arguments[0].role, TRIGGER);
            Line::Event { id, label, trigger: ids[0].clone(), arguments: written(1) }
        }
        "*" => {
            assert!(arguments.iter().all(|argument| argument.role == MEMBER));
            Line::Equivalence { label, members: ids }
        }
        _ => Line::Relation { id, label, arguments: written(0) },
    }
}

/// Mentions first, then events, then relations; within these by number.
fn order(id: &str) -> (usize, u64) {
    ("TER*".find(&id[..1]).expect(id), id[1..].parse().expect(id))
}

fn uuid_of(id: &str) -> String {
    uuid(id.chars().next().unwrap(), id[1..].parse().expect(id))
}

fn id_of(name: &str) -> String {
    let (letter, number) = called(name);
    format!("{letter}{number}")
}
