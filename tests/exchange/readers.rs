//! Programs that nobody here wrote open what is written: pyarrow, pandas, DuckDB and datasets the Parquet tables, dkpro-cassis
//! the CAS files, spaCy its documents, and the W3C's JSON schemas hold for the Web Annotations.
//!
//! Their scripts stand in `tests/clients/python`, with the packages that they need in `tests/clients/requirements.txt`. Each
//! prints a JSON object a line, with the `label` of an annotation and the `text` that it covers. Where the packages are not
//! installed the tests say so and pass, unless `CI=true` or `SPANDREL_REQUIRE_CLIENTS=1`.

use std::{
    collections::BTreeMap,
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use spandrel::{
    domain::{
        annotations::{Annotation, State, TargetKind},
        attributes::AttributeValue,
        ids::LayerId,
        text::Unit,
    },
    formats::{
        Format,
        exchange::{
            AnnotationRecord, ArticleContents, ArticleRecord, Record, Resolver, Sink as _, SpanRecord,
            SpansRecord, TargetRecord, UnitChoice,
        },
    },
};
use tempfile::TempDir;

use crate::files::{Read, write};

/// What installs what the scripts need, as `.ci/run` does it.
const INSTALL: &str = "python3 -m venv tests/clients/.venv \
    && tests/clients/.venv/bin/pip install -r tests/clients/requirements.txt";

#[test]
fn pyarrow_pandas_duckdb_and_datasets_open_the_tables() {
    let Some(python) = python() else { return };
    let articles = nasty();
    let folder = written(Format::Parquet, &articles);
    let found = run(&python, "open_parquet.py", &[folder.path().to_owned()]);
    let rows = |article: &ArticleContents| -> Vec<Value> {
        article.annotations.iter().map(|annotation| row(article, annotation)).collect()
    };
    assert_eq!(found, articles.iter().flat_map(rows).collect::<Vec<_>>());
}

#[test]
fn cassis_opens_xmi() {
    check_opens(Format::CasXmi, "open_cas.py", Vec::new());
}

#[test]
fn cassis_opens_json() {
    check_opens(Format::CasJson, "open_cas.py", Vec::new());
}

#[test]
fn spacy_opens_documents() {
    check_opens(Format::Spacy, "open_spacy.py", Vec::new());
}

#[test]
fn web_annotations_are_what_the_schemas_of_the_w3c_say() {
    let root = env::var_os("SPANDREL_CORPORA").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let schemas = root.join("corpora/w3c-web-annotation-tests");
    if schemas.exists() {
        check_opens(Format::WebAnnotation, "check_web_annotation.py", vec![schemas]);
    } else {
        say(&format!(
            "{} is absent; set SPANDREL_CORPORA to the folder that holds corpora/",
            schemas.display()
        ));
    }
}

/// A script opens all files of an export, and sees every annotation of one span that the format can carry.
#[track_caller]
fn check_opens(format: Format, script: &str, before: Vec<PathBuf>) {
    let Some(python) = python() else { return };
    let articles = nasty();
    let folder = written(format, &articles);
    let mut arguments = before;
    // The type system is not a document: scripts find it beside the ones that need it.
    let documents = files_below(folder.path()).into_iter();
    arguments.extend(documents.filter(|path| path.file_name().is_none_or(|name| name != "TypeSystem.xml")));
    let mut found = BTreeMap::<(String, String), usize>::new();
    for line in run(&python, script, &arguments) {
        // An annotation, or a file with several.
        let several = line["annotations"].as_array().cloned().unwrap_or_else(|| vec![line]);
        for one in several {
            let label = one["label"].as_str().or(one["value"].as_str()).or(one["type"].as_str());
            if let (Some(label), Some(text)) = (label, one["text"].as_str()) {
                let label = label.rsplit('.').next().unwrap_or_default();
                *found.entry((label.to_owned(), text.to_owned())).or_default() += 1;
            }
        }
    }
    // What our own reader finds is what the format can carry.
    let files = files_below(folder.path());
    let files = files.iter().map(|path| {
        let name = path.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned();
        (name, fs::read(path).unwrap())
    });
    let carried = crate::files::read(format, &files.collect::<Vec<_>>());
    assert_eq!(carried.problems, Vec::<String>::new());
    let mut seen = 0;
    for annotation in carried.contents().flat_map(|article| &article.annotations) {
        let Some(mention) = annotation.target.mention() else { continue };
        let [quote] = mention.quotes.as_slice() else { continue };
        let left = found.get_mut(&(annotation.label.to_string(), quote.clone()));
        let left = left.unwrap_or_else(|| panic!("{script} does not see {} {quote:?}", annotation.label));
        *left = left.checked_sub(1).unwrap_or_else(|| panic!("{script} sees too few {quote:?}"));
        seen += 1;
    }
    assert!(seen >= 5, "{seen} are few");
}

/// Articles with all that makes offsets and files go wrong.
fn nasty() -> Vec<ArticleContents> {
    let text =
        "\u{feff}😀 Ada\r\nLovelace met cafe\u{301} owner <Bob> & \"Ωmega\" 👩‍👩‍👧.\n\n東京で会った\ttab\n";
    let plain = "Alice met Bob in Paris.";
    let attributes = [
        ("flag", AttributeValue::Bool(true)),
        ("count", AttributeValue::Int(-3)),
        ("weight", AttributeValue::Double(0.5)),
        ("Sense", AttributeValue::String("a \"b\" <c>".to_owned())),
    ];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value));
    let mut first = vec![
        span("T1", "PER", text, &["Ada", "Lovelace"]),
        span("T2", "LOC", text, &["cafe\u{301}"]),
        span("T3", "PER", text, &["Bob"]),
        span("T4", "SYMBOL", text, &["👩‍👩‍👧"]),
        span("T5", "LOC", text, &["東京"]),
        span("T6", "PER", text, &["Ada\r\nLovelace"]),
        span("T7", "WORD", text, &["Ωmega"]),
        relation("R1", "meets", &[("Arg1", "T6"), ("Arg2", "T3")]),
        AnnotationRecord { id: "A1".to_owned(), label: "greeting".to_owned(), ..AnnotationRecord::default() },
    ];
    first[2].attributes = attributes.into();
    first[3].layer = Some("gold".to_owned());
    first[4].score = Some(0.25);
    first[4].state = State::Suggested;
    first[6].note.push_str("a note,\nof two lines");
    let second = vec![span("T1", "PER", plain, &["Alice"]), span("T2", "PER", plain, &["Bob"])];
    let article = |id: &str, text: &str, annotations| ArticleRecord {
        id: id.to_owned(),
        text: text.to_owned(),
        annotations,
        ..ArticleRecord::default()
    };
    let mut read = Read::default();
    let layer = LayerId::parse("layer", LayerId::DEFAULT).unwrap();
    let mut resolver = Resolver::new(layer, UnitChoice::Of(Unit::CodePoints), "", &mut read);
    for record in
        [article("nasty", text, first), article("plain", plain, second), article("empty", "", Vec::new())]
    {
        resolver.record(Record::Article(Box::new(record))).unwrap();
    }
    resolver.finish().unwrap();
    assert_eq!(read.problems, Vec::<String>::new());
    read.contents().cloned().collect()
}

fn span(id: &str, label: &str, text: &str, quotes: &[&str]) -> AnnotationRecord {
    let span = |quote: &&str| {
        let (before, _) = text.split_once(quote).unwrap();
        let count = |text: &str| u64::try_from(text.chars().count()).unwrap();
        let range = Some((count(before), count(before) + count(quote)));
        SpanRecord { range, quote: (*quote).to_owned(), ..SpanRecord::default() }
    };
    let target = TargetRecord::Spans(SpansRecord { spans: quotes.iter().map(span).collect(), joined: None });
    AnnotationRecord { id: id.to_owned(), label: label.to_owned(), target, ..AnnotationRecord::default() }
}

fn relation(id: &str, label: &str, arguments: &[(&str, &str)]) -> AnnotationRecord {
    let arguments = arguments.iter().map(|(role, of)| ((*role).to_owned(), (*of).to_owned()));
    let target = TargetRecord::Relation(arguments.collect());
    AnnotationRecord { id: id.to_owned(), label: label.to_owned(), target, ..AnnotationRecord::default() }
}

/// What the tables should say of an annotation.
fn row(article: &ArticleContents, annotation: &Annotation) -> Value {
    let (id, label) = (article.id.as_str(), annotation.label.as_str());
    let hull = annotation.target.mention().map(|mention| mention.anchor.hull());
    assert_eq!(hull.is_some(), annotation.target.kind() == TargetKind::Spans);
    serde_json::json!({
        "article": id,
        "label": label,
        "start": hull.map(|hull| hull.start.code_points),
        "end": hull.map(|hull| hull.end.code_points),
        "text": hull.map(|hull| article.text.slice(&hull)),
    })
}

/// A folder with the files of an export.
fn written(format: Format, articles: &[ArticleContents]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (path, bytes) in write(format, articles).files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// The Python with the packages. When it has to be there, its absence fails the test.
fn python() -> Option<PathBuf> {
    let python = clients().join(".venv/bin/python");
    if python.exists() {
        return Some(python);
    }
    let absence = format!("{} is not there; install it with\n  {INSTALL}", python.display());
    let required = [("CI", "true"), ("SPANDREL_REQUIRE_CLIENTS", "1")]
        .iter()
        .any(|(variable, value)| env::var(variable).is_ok_and(|set| set == *value));
    assert!(!required, "{absence}");
    say(&absence);
    None
}

/// Unlike eprintln!, this is seen although the test passes.
fn say(absence: &str) {
    let notice = format!("\nSKIPPED, A FOREIGN READER IS NOT TESTED: {absence}\n\n");
    std::io::stderr().write_all(notice.as_bytes()).unwrap();
}

/// The lines that a script prints, which has to succeed.
#[track_caller]
fn run(python: &Path, script: &str, arguments: &[PathBuf]) -> Vec<Value> {
    let mut command = Command::new(python);
    command.arg(clients().join("python").join(script)).args(arguments).env("PYTHONUTF8", "1");
    let output = command.output().unwrap();
    let (printed, errors) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} ended with {}\n{printed}{errors}", output.status);
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
