//! brat's corpora come out byte for byte.

use spandrel::formats::Format;

use crate::files::{corpus, read, write};

/// Reads the folders of a corpus and writes them again; answers how many articles and annotations there are, and the files of
/// annotations that are not the same bytes.
fn again(path: &str) -> Option<(usize, usize, Vec<String>)> {
    let files = corpus(path)?;
    // What somebody derived from another format stands beside the text.
    let renamed = files.into_iter().map(|(path, bytes)| (path.replace(".derived.ann", ".ann"), bytes));
    let mut files: Vec<_> = renamed
        .filter(|(path, _)| [".ann", ".txt", ".conf"].iter().any(|extension| path.ends_with(extension)))
        .collect();
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
