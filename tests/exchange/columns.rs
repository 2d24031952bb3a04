//! Columns and CoNLL-U over what others published.

use std::{collections::BTreeMap, time::Instant};

use spandrel::{domain::annotations::Annotation, formats::Format};

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

/// Writes what was read of a corpus in another format, reads that, and counts what is not there any more.
fn check_what_is_missing(from: Format, to: Format, corpus: &str, extension: &str) {
    let Some(all) = files::corpus(corpus) else { return };
    let is_wanted = has_extension(extension);
    let wanted: Vec<_> = all.iter().filter(|(path, _)| is_wanted(path)).collect();
    let wanted: Vec<_> = wanted.iter().map(|(path, bytes)| (path.as_str(), bytes)).collect();
    let read = files::read(from, &wanted);
    let written = files::write(to, read.contents());
    let again = files::read(to, &written.as_files());
    assert_eq!(again.problems, Vec::<String>::new(), "{corpus}");
    assert_eq!(again.articles.len(), read.articles.len(), "{corpus}");
    let (mut annotations, mut attributes) = (0, 0);
    for (before, after) in read.contents().zip(again.contents()) {
        assert_eq!(after.id, before.id);
        assert_eq!(after.text.as_str(), before.text.as_str());
        let key = |annotation: &Annotation| {
            let spans = annotation.target.mention().map(|mention| mention.anchor.spans().to_vec());
            (annotation.label.as_str().to_owned(), spans)
        };
        let mut left: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for annotation in after.annotations.iter().rev() {
            left.entry(key(annotation)).or_default().push(&annotation.attributes);
        }
        for annotation in &before.annotations {
            match left.get_mut(&key(annotation)).and_then(Vec::pop) {
                Some(found) => {
                    attributes +=
                        annotation.attributes.keys().filter(|name| !found.contains_key(*name)).count();
                }
                None => annotations += 1,
            }
        }
    }
    let losses = written.losses.into_vec();
    let count = |is_wanted: &dyn Fn(&str) -> bool| {
        let counts = losses.iter().filter(|loss| is_wanted(&loss.feature)).map(|loss| loss.count);
        usize::try_from(counts.sum::<u64>()).unwrap()
    };
    let is_attribute = |feature: &str| feature.contains("attributes") || feature == "flags";
    println!("{corpus} as {to:?}: without {annotations} annotations and {attributes} attributes");
    assert_eq!(count(&is_attribute), attributes, "{corpus}: {losses:?}");
    let is_other = |feature: &str| !is_attribute(feature) && feature != "annotation ids";
    assert_eq!(count(&is_other), annotations, "{corpus}: {losses:?}");
}

#[test]
fn what_the_other_one_cannot_carry_is_counted() {
    let (columns, conllu) = (Format::Columns, Format::Conllu);
    // Relations, empty nodes and what is said of mentions.
    check_what_is_missing(conllu, columns, "gum-conllu", "conllu");
    check_what_is_missing(conllu, columns, "ud-arabic-pud", "conllu");
    check_what_is_missing(columns, conllu, "germeval14-dev", "tsv");
    check_what_is_missing(columns, conllu, "btc", "conll");
    check_what_is_missing(columns, conllu, "wnut17-dev", "conll");
    check_what_is_missing(columns, conllu, "uner-Chinese-PUD", "iob2");
    check_what_is_missing(columns, conllu, "uner-Russian-PUD", "iob2");
    check_what_is_missing(columns, conllu, "spacy-examples", "iob");
}
