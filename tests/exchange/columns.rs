//! Columns and CoNLL-U over what others published.

use std::time::Instant;

use spandrel::formats::Format;

use crate::files;

/// Reads each file by itself and writes it again; answers what differs, by rows.
fn round_trip(format: Format, corpus: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let Some(all) = files::corpus(corpus) else { return Vec::new() };
    let (mut articles, mut annotations, mut differences) = (0, 0, Vec::new());
    let begun = Instant::now();
    let wanted: Vec<_> = all.iter().filter(|(path, _)| is_wanted(path)).collect();
    assert!(!wanted.is_empty(), "{corpus} has no such files");
    for (path, bytes) in &wanted {
        let read = files::read(format, &[(path.as_str(), bytes)]);
        assert_eq!(read.problems, Vec::<String>::new(), "{path}");
        articles += read.articles.len();
        annotations += read.contents().map(|article| article.annotations.len()).sum::<usize>();
        println!("{path}: lost on the way in: {:?}", read.lost());
        let written = files::write(format, read.contents());
        println!("{path}: lost on the way out: {:?}", written.lost());
        let (_, again) = written.files.first_key_value().unwrap();
        if again == bytes {
            continue;
        }
        let (before, after) = (String::from_utf8_lossy(bytes), String::from_utf8_lossy(again));
        let (before, after): (Vec<_>, Vec<_>) = (before.split('\n').collect(), after.split('\n').collect());
        if before.len() != after.len() {
            differences.push(format!("{path}: {} lines, then {}", before.len(), after.len()));
        }
        for (number, (before, after)) in before.iter().zip(&after).enumerate().filter(|(_, (a, b))| a != b) {
            differences.push(format!("{path}:{}: {before:?}, then {after:?}", number + 1));
        }
    }
    println!(
        "{corpus}: {} files, {articles} articles, {annotations} annotations, {} lines differ, {:?}",
        wanted.len(),
        differences.len(),
        begun.elapsed()
    );
    differences.truncate(20);
    differences
}

fn has_extension(extension: &str) -> impl Fn(&str) -> bool {
    move |path| path.ends_with(&format!(".{extension}"))
}

#[test]
fn files_of_columns_come_back_byte_for_byte() {
    let check = |corpus: &str, extension: &str| {
        let differences = round_trip(Format::Columns, corpus, has_extension(extension));
        assert_eq!(differences, Vec::<String>::new(), "{corpus}");
    };
    check("wnut17-dev", "conll");
    check("germeval14-dev", "tsv");
    check("hiner-hi", "conll");
    check("uner-English-PUD", "iob2");
    check("uner-Chinese-PUD", "iob2");
    check("uner-Russian-PUD", "iob2");
    check("btc", "conll");
    check("spacy-examples", "iob");
    check("doccano/backend/data_import/tests/data/sequence_labeling/example.conll", "conll");
    check("inception-io/inception-io-json/src/test/resources/conll", "conll");
}

#[test]
fn conllu_comes_back_byte_for_byte() {
    let check = |corpus: &str| {
        let differences = round_trip(Format::Conllu, corpus, has_extension("conllu"));
        assert_eq!(differences, Vec::<String>::new(), "{corpus}");
    };
    check("gum-conllu");
    check("ud-arabic-pud");
}

#[test]
fn only_files_of_columns_are_taken_for_some() {
    let Some(all) = files::corpus("") else { return };
    let begins = |bytes: &[u8]| bytes[..bytes.len().min(65_536)].to_vec();
    let taken: Vec<_> = all
        .iter()
        .filter(|(path, bytes)| {
            matches!(Format::guess(path, &begins(bytes)), Some(Format::Columns | Format::Conllu))
        })
        .map(|(path, _)| path.as_str())
        .collect();
    // Beside these, a file of WebAnno TSV 2 has rows with BIO tags, and can be read as such.
    let is_one = |path: &&str| {
        [".conll", ".conllu", ".iob", ".iob2"].iter().any(|end| path.ends_with(end))
            || path.ends_with("NER-de-dev.tsv")
            || path.ends_with("sequence_labeling/example.txt")
            || path.ends_with("tsv2/example.tsv")
    };
    let expected: Vec<_> = all.iter().map(|(path, _)| path.as_str()).filter(is_one).collect();
    let expected: Vec<_> =
        expected.into_iter().filter(|path| !path.ends_with("labeling.invalid.conll")).collect();
    assert_eq!(taken, expected);
}

#[test]
fn a_ragged_file_is_refused_with_its_line() {
    let Some(all) = files::corpus("doccano/backend/data_import/tests/data/sequence_labeling") else { return };
    let problems = |name: &str| {
        let (path, bytes) = all.iter().find(|(path, _)| path.ends_with(name)).unwrap();
        let read = files::read(Format::Columns, &[("a.conll", bytes)]);
        assert_eq!(read.articles.is_empty(), !read.problems.is_empty(), "{path}");
        read.problems
    };
    assert_eq!(
        problems("labeling.invalid.conll"),
        ["a.conll:1: has 1 columns; the rows of this file have 2"]
    );
    assert_eq!(problems("labeling.trailing.conll"), Vec::<String>::new());
}
