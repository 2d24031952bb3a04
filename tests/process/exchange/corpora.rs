//! Corpora that nobody here wrote go through the server, and come out as they went in. They lie beside the repository, or
//! where `SPANDREL_CORPORA` says.

use std::{
    collections::BTreeMap,
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use super::Terminal;
use crate::command::text;

/// The folder of a corpus; a loud notice where it is absent.
#[allow(clippy::explicit_write, reason = "a notice that is not kept back where the test passes")]
fn corpus(path: &str) -> Option<PathBuf> {
    let root = env::var_os("SPANDREL_CORPORA").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let folder = root.join("corpora").join(path);
    if folder.exists() {
        return Some(folder);
    }
    let notice =
        "is absent: what is said of it is not tested; set SPANDREL_CORPORA to the folder that holds corpora/";
    writeln!(std::io::stderr(), "\n{} {notice}\n", folder.display()).unwrap();
    None
}

/// All files below a folder with one of these extensions, by their path in it.
fn files(folder: &Path, extensions: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| extensions.iter().any(|extension| it == *extension)) {
                let name = text(path.strip_prefix(folder).unwrap()).to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// A folder comes out with the same bytes in these files, but for those that are named.
async fn check_folder(format: &str, path: &str, extensions: &[&str], different: &[&str]) {
    let Some(folder) = corpus(path) else { return };
    let terminal = Terminal::start().await;
    terminal.run(0, &["import", "p", text(&folder), "--format", format]).await;
    let out = terminal.path("out");
    terminal.run(0, &["export", "p", "--format", format, "--output", &out]).await;
    let (before, mut after) = (files(&folder, extensions), files(Path::new(&out), extensions));
    assert!(!before.is_empty(), "{path}");
    for (name, bytes) in &before {
        let is_same = after.remove(name).as_ref() == Some(bytes);
        assert_eq!(is_same, !different.contains(&name.as_str()), "{path}/{name}");
    }
}

#[tokio::test]
async fn folders_of_brat_come_out_byte_for_byte() {
    let both = &["ann", "txt"];
    for path in [
        "anatem/standoff",
        "litbank/coref/brat",
        "litbank/entities/brat",
        "brat-examples/corpora/NCBI-disease",
    ] {
        check_folder("brat", path, both, &[]).await;
    }
    check_folder("brat", "brat-examples/corpora/TDT", both, &[]).await;
    check_folder("brat", "brat-examples/tutorials/news", both, &[]).await;
}

#[tokio::test]
async fn folders_of_webanno_come_out_byte_for_byte() {
    // Its last line has no tab at its end.
    check_folder("webanno-tsv", "gum-tsv/coref/gum/tsv", &["tsv"], &["GUM_interview_mcguire.tsv"]).await;
}

/// A file comes out with the same bytes.
async fn check_file(format: &str, path: &str) {
    let Some(file) = corpus(path) else { return };
    let terminal = Terminal::start().await;
    // Spans that cover nothing are for labels that say so.
    let schema = "labels:\n  - label: EmptyNode\n    span_rules:\n      empty: true\n";
    let schema = terminal.file("schema.yaml", schema);
    terminal.run(0, &["schema", "set", "p", &schema]).await;
    terminal.run(0, &["import", "p", text(&file), "--format", format]).await;
    let out = terminal.path("out");
    terminal.run(0, &["export", "p", "--format", format, "--output", &out]).await;
    assert!(fs::read(&out).unwrap() == fs::read(&file).unwrap(), "{path}");
}

#[tokio::test]
async fn columns_come_out_byte_for_byte() {
    check_file("conll", "wnut17-dev/emerging.dev.conll").await;
    check_file("conll", "uner-Russian-PUD/ru_pud-ud-test.iob2").await;
    check_file("conllu", "gum-conllu/dep/GUM_bio_emperor.conllu").await;
}
