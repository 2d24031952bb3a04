//! Configurations that nobody here wrote become schemas, which accept the annotations that were made under them.
//!
//! The corpora lie beside the repository, or where `SPANDREL_CORPORA` says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::wildcard_enum_match_arm,
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
        text::{CodePointRange, Text, TextRange, Unit},
    },
    formats::{
        brat_config::{self, BratConfig, MEMBER, TRIGGER},
        brat_standoff::{self, Argument, Line},
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

fn read(schema: &LabelSchema, path: &Path) -> BTreeMap<String, Annotated> {
    let text = Text::new(fs::read_to_string(path.with_extension("txt")).unwrap());
    let mut all: BTreeMap<String, Annotated> = BTreeMap::new();
    let mut attributes = Vec::new();
    for (number, line) in
        brat_standoff::read(&fs::read_to_string(path).unwrap()).unwrap().into_iter().enumerate()
    {
        let written = line.to_string();
        let relation = |id, label, arguments| (id, TargetKind::Relation, label, vec![], arguments);
        let (id, kind, label, spans, arguments) = match line {
            Line::Mention { id, label, ranges, .. } => {
                let spans = ranges.into_iter().map(|range| span(&text, range)).collect();
                (id, TargetKind::Spans, label, spans, vec![])
            }
            Line::Event { id, label, trigger, arguments } => {
                let mut all = vec![(TRIGGER.to_owned(), trigger)];
                all.extend(self::arguments(schema, &label, arguments));
                relation(id, label, all)
            }
            Line::Relation { id, label, arguments } => {
                let arguments = self::arguments(schema, &label, arguments);
                relation(id, label, arguments)
            }
            Line::Equivalence { label, members } => {
                let members = members.into_iter().map(|id| (MEMBER.to_owned(), id)).collect();
                relation(format!("*{number}"), label, members)
            }
            Line::Attribute { name, target, value, .. } => {
                attributes.push((name, target, value));
                continue;
            }
            // Notes, and references to what is elsewhere.
            Line::Note { .. } | Line::Reference { .. } => continue,
        };
        let attributes = Attributes::new();
        let annotated = Annotated { kind, label, spans, attributes, arguments };
        assert!(all.insert(id, annotated).is_none(), "{written}");
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

fn span(text: &Text, range: CodePointRange) -> TextRange {
    let at = |offset: u32| text.position(Unit::CodePoints, offset).unwrap();
    TextRange { start: at(range.start), end: at(range.end) }
}

/// `Org-Arg2:T5` is the second argument in the role `Org-Arg`.
fn arguments(schema: &LabelSchema, label: &str, arguments: Vec<Argument>) -> Vec<(String, String)> {
    let label = schema.definition().labels.iter().find(|other| other.label == label).unwrap();
    let roles: Vec<_> = label.roles.iter().map(|role| role.role.as_str()).collect();
    let meant = |Argument { role, id }| (brat_standoff::unnumbered(&role, &roles).to_owned(), id);
    arguments.into_iter().map(meant).collect()
}
