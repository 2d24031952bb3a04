//! brat's corpora come out byte for byte.

use spandrel::formats::Format;

use crate::files::{corpus, read, write, write_project};

/// Reads the folders of a corpus and writes them again; answers how many articles and annotations there are, and the files of
/// annotations that are not the same bytes.
fn again(path: &str) -> Option<(usize, usize, Vec<String>)> {
    let files = corpus(path)?;
    // What somebody derived from another format stands beside the text.
    let renamed = files.into_iter().map(|(path, bytes)| (path.replace(".derived.ann", ".ann"), bytes));
    let mut files: Vec<_> = renamed
        .filter(|(path, _)| [".ann", ".txt", ".conf"].iter().any(|extension| path.ends_with(extension)))
        .collect();
    // What says how a corpus may be used is no text of it.
    files.retain(|(path, _)| !path.ends_with("LICENSE.txt"));
    files.sort_by_key(|(path, _)| (!path.ends_with(".conf"), path.clone()));
    let named: Vec<_> = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    let read = read(Format::Brat, &named);
    assert_eq!(read.problems, [""; 0]);
    let written = write(Format::Brat, read.contents());
    let mut different = Vec::new();
    for (path, bytes) in files.iter().filter(|(path, _)| !path.ends_with(".conf")) {
        if written.files.get(path) != Some(bytes) {
            different.push(path.clone());
        }
    }
    let lost = written.lost().into_iter().filter(|lost| !lost.starts_with("label schema"));
    assert_eq!(lost.collect::<Vec<_>>(), [""; 0]);
    let annotations = read.contents().map(|article| article.annotations.len()).sum();
    Some((read.contents().count(), annotations, different))
}

#[test]
fn corpora_come_out_byte_for_byte() {
    let check = |path: &str, articles: usize, annotations: usize| {
        let Some(found) = again(path) else { return };
        println!("{path}: {} articles, {} annotations", found.0, found.1);
        assert_eq!(found, (articles, annotations, vec![]), "{path}");
    };
    check("anatem", 40, 536);
    check("brat-examples", 39, 2_712);
    check("litbank", 8, 3_008);
    check("craft", 2, 3_035);
}

/// The schema of each folder that has a configuration is written and read as the same, without what brat's other files show.
#[test]
fn configurations_say_the_same_again() {
    let Some(files) = corpus("brat-examples") else { return };
    let mut count = 0;
    for (path, bytes) in files.iter().filter(|(path, _)| path.ends_with("annotation.conf")) {
        let first = read(Format::Brat, &[("annotation.conf", bytes), ("a.txt", &b"a".to_vec())]);
        let written = write_project(Format::Brat, &first.project(), first.contents());
        let lost = written.lost();
        let text = written.text("annotation.conf").as_bytes().to_vec();
        let second = read(Format::Brat, &[("annotation.conf", &text), ("a.txt", &b"a".to_vec())]);
        println!("{path}: lost {lost:?}, same: {}", first.schema == second.schema);
        assert_eq!(first.schema == second.schema, lost.is_empty(), "{path}");
        count += 1;
    }
    assert!(count > 0);
}
