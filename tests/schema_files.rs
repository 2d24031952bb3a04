//! Configurations that nobody here wrote become schemas, which accept the annotations that were made under them.
//!
//! The corpora lie beside the repository, or where `SPANDREL_CORPORA` says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test ends where it did not get what it expected"
)]

#[path = "support/mod.rs"]
mod support;

use std::{collections::BTreeMap, fs, io::Write as _, path::Path};

use spandrel::{
    domain::{
        annotations::TargetKind,
        attributes::{AttributeValue, Attributes},
        schema::{AttributeKind, LabelSchema, Said, SaidArgument},
        text::{Text, TextRange, Unit},
    },
    formats::{
        brat_config::{self, BratConfig, MEMBER, TRIGGER},
        label_studio_config, schema_file,
    },
};

use self::support::shared;

#[test]
fn brat_schemas_accept_what_was_annotated_under_them() {
    for (folder, labels, annotations) in
        [("corpora/NCBI-disease", 1, 226), ("corpora/TDT", 113, 2_334), ("tutorials/news", 24, 152)]
    {
        let Some(folder) = shared(&format!("corpora/brat-examples/{folder}")) else { return };
        let file = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        let (annotation, visual) = (file("annotation.conf"), file("visual.conf"));
        let shortcuts = file("kb_shortcuts.conf");
        let config = BratConfig { annotation: &annotation, visual: &visual, shortcuts: &shortcuts };
        let (schema, losses) = brat_config::read(config).unwrap();
        check_files(&schema);
        let mut accepted = 0;
        for path in files(&folder, "ann") {
            accepted += check_annotations(&schema, &path);
        }
        let losses = losses.into_vec();
        report(&format!(
            "{}: {} labels, {accepted} annotations",
            folder.display(),
            schema.definition().labels.len()
        ));
        for loss in &losses {
            report(&format!("  {} x {}, such as {:?}", loss.count, loss.feature, loss.examples[0]));
        }
        assert_eq!(
            (schema.definition().labels.len(), accepted),
            (labels, annotations),
            "{}",
            folder.display()
        );
        assert!(losses.iter().all(|loss| loss.feature != "brat: a type that is not defined"));
    }
}

#[test]
fn label_studio_configurations_are_read() {
    let Some(folder) = shared("corpora/label-studio-sdk") else { return };
    let configs = files(&folder, "xml");
    assert_eq!(configs.len(), 1);
    for config in configs {
        let (schema, losses) = label_studio_config::read(&fs::read_to_string(&config).unwrap()).unwrap();
        check_files(&schema);
        report(&format!("{}: {} labels", config.display(), schema.definition().labels.len()));
        for loss in losses.into_vec() {
            report(&format!("  {} x {}, such as {:?}", loss.count, loss.feature, loss.examples[0]));
        }
    }
}

/// Unlike eprintln!, this is seen although the test passes.
fn report(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// The files below `folder` whose names end so.
fn files(folder: &Path, extension: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|other| other == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The schema is the same after it was a file.
fn check_files(schema: &LabelSchema) {
    assert_eq!(schema_file::read_yaml(&schema_file::write_yaml(schema)), Ok(schema.clone()));
    assert_eq!(schema_file::read_json(&schema_file::write_json(schema)), Ok(schema.clone()));
}

/// An annotation of a file of brat's.
#[derive(Debug)]
struct Annotated {
    kind: TargetKind,
    label: String,
    spans: Vec<TextRange>,
    attributes: Attributes,
    /// Role and id.
    arguments: Vec<(String, String)>,
}

/// Checks each annotation of a file, and says how many there are.
fn check_annotations(schema: &LabelSchema, path: &Path) -> usize {
    let all = read(schema, path);
    for (id, one) in &all {
        let arguments: Vec<_> = one
            .arguments
            .iter()
            .map(|(role, id)| {
                let argument = &all[id];
                SaidArgument { role, label: &argument.label, kind: argument.kind }
            })
            .collect();
        let said = Said {
            kind: one.kind,
            label: &one.label,
            layer: "default",
            spans: &one.spans,
            splits_graphemes: false,
            attributes: &one.attributes,
            arguments: &arguments,
        };
        assert_eq!(schema.check(&said), Ok(()), "{id} of {}: {one:?}", path.display());
    }
    all.len()
}

/// <https://brat.nlplab.org/standoff.html>
fn read(schema: &LabelSchema, path: &Path) -> BTreeMap<String, Annotated> {
    let text = Text::new(fs::read_to_string(path.with_extension("txt")).unwrap());
    let mut all: BTreeMap<String, Annotated> = BTreeMap::new();
    let mut attributes = Vec::new();
    for (number, line) in fs::read_to_string(path).unwrap().lines().enumerate() {
        let (id, rest) = line.split_once('\t').expect(line);
        let said = rest.split('\t').next().unwrap();
        let mut words = said.split_whitespace();
        let first = words.next().expect(line);
        let (kind, label, spans, arguments) = match &id[..1] {
            "T" => {
                let ranges = said.split_once(' ').expect(line).1;
                let spans = ranges.split(';').map(|range| span(&text, range)).collect();
                (TargetKind::Spans, first, spans, vec![])
            }
            "E" => {
                let (label, trigger) = first.split_once(':').expect(line);
                let mut arguments = vec![(TRIGGER.to_owned(), trigger.to_owned())];
                arguments.extend(words.map(|word| argument(schema, label, word)));
                (TargetKind::Relation, label, vec![], arguments)
            }
            "R" => {
                let arguments = words.map(|word| argument(schema, first, word)).collect();
                (TargetKind::Relation, first, vec![], arguments)
            }
            "*" => {
                let members = words.map(|id| (MEMBER.to_owned(), id.to_owned())).collect();
                (TargetKind::Relation, first, vec![], members)
            }
            "A" | "M" => {
                let (target, value) = (words.next().expect(line), words.next());
                attributes.push((first.to_owned(), target.to_owned(), value.map(str::to_owned)));
                continue;
            }
            // Notes, and references to what is elsewhere.
            "#" | "N" => continue,
            _ => panic!("{line}"),
        };
        let id = if id == "*" { format!("*{number}") } else { id.to_owned() };
        let label = label.to_owned();
        let attributes = Attributes::new();
        assert!(all.insert(id, Annotated { kind, label, spans, attributes, arguments }).is_none(), "{line}");
    }
    for (name, target, value) in attributes {
        let is_text = schema
            .definition()
            .attributes
            .iter()
            .any(|attribute| attribute.name == name && attribute.kind == AttributeKind::String);
        assert_eq!(is_text, value.is_some(), "{name}");
        let value = value.map_or(AttributeValue::Bool(true), AttributeValue::String);
        all.get_mut(&target).unwrap().attributes.insert(name, value);
    }
    all
}

fn span(text: &Text, range: &str) -> TextRange {
    let at = |offset: &str| text.position(Unit::CodePoints, offset.parse().unwrap()).unwrap();
    let (start, end) = range.split_once(' ').unwrap();
    TextRange { start: at(start), end: at(end) }
}

/// `Org-Arg2:T5` is the second argument in the role `Org-Arg`.
fn argument(schema: &LabelSchema, label: &str, word: &str) -> (String, String) {
    let (role, id) = word.split_once(':').unwrap();
    let roles =
        schema.definition().labels.iter().find(|other| other.label == label).map(|label| &label.roles);
    let is_known = roles.is_some_and(|roles| roles.iter().any(|other| other.role == role));
    let role =
        if is_known { role } else { role.trim_end_matches(|character: char| character.is_ascii_digit()) };
    (role.to_owned(), id.to_owned())
}
