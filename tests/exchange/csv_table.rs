//! Tables that others wrote, and what other corpora become as tables.

use spandrel::formats::{Format, exchange::ArticleContents};

use crate::files::{Read, corpus, read, write};

/// The tables of doccano are read: each row is an article. Answers articles, annotations and problems by file.
#[test]
fn tables_of_doccano_are_read_row_by_row() {
    let Some(files) = corpus("doccano") else { return };
    let check = |path: &str, articles: usize, annotations: usize, problems: &[&str]| {
        let found = files.iter().find(|(it, _)| it.ends_with(path)).unwrap();
        let read = read(Format::Csv, &[(found.0.as_str(), found.1.as_slice())]);
        println!("{path}: {} articles, {} annotations", read.articles.len(), read.annotations());
        assert_eq!((read.articles.len(), read.annotations()), (articles, annotations), "{path}");
        assert_eq!(read.problems.len(), problems.len(), "{:?}", read.problems);
        for (problem, expected) in read.problems.iter().zip(problems) {
            assert!(problem.contains(expected), "{problem}");
        }
        again(&read);
    };
    for folder in ["data_import", "data_export"] {
        check(&format!("{folder}/pipeline/examples/sequence_to_sequence/example.csv"), 3, 3, &[]);
        check(&format!("{folder}/pipeline/examples/text_classification/example.csv"), 3, 3, &[]);
    }
    check("tests/data/seq2seq/example.csv", 4, 2, &[]);
    check("tests/data/text_classification/example.csv", 4, 2, &[]);
    check("tests/data/text_classification/example_out_of_order_columns.csv", 3, 2, &[]);
    // A row has a comma too many.
    check("tests/data/text_classification/example.invalid.2.csv", 2, 2, &[":2: has 3 cells"]);
    check("tests/data/example.utf16.csv", 0, 0, &["it may be UTF-16"]);
}

/// What is read of another format is the same after it was a table, without what orphans and older texts it had.
#[test]
fn corpora_of_spans_and_relations_come_back_from_tables() {
    for (path, articles, annotations) in
        [("anatem", 40, 536), ("brat-examples", 39, 2_712), ("litbank", 8, 3_008)]
    {
        let Some(files) = corpus(path) else { return };
        let named: Vec<_> = files
            .iter()
            .filter(|(path, _)| [".ann", ".txt"].iter().any(|extension| path.ends_with(extension)))
            .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
            .collect();
        let first = read(Format::Brat, &named);
        assert_eq!((first.articles.len(), first.annotations()), (articles, annotations), "{path}");
        let start = std::time::Instant::now();
        again(&first);
        println!(
            "{path}: {articles} articles, {annotations} annotations, 0 mismatches, {:?}",
            start.elapsed()
        );
    }
}

/// What was read is the same after it is written and read.
fn again(first: &Read) {
    let written = write(Format::Csv, first.contents());
    assert_eq!(written.lost(), [""; 0]);
    let files: Vec<_> = written.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    let read = read(Format::Csv, &files);
    assert_eq!(read.problems, [""; 0]);
    let facts = |article: &ArticleContents| {
        (
            article.id.clone(),
            article.details.clone(),
            article.text.as_str().to_owned(),
            article.annotations.clone(),
        )
    };
    assert_eq!(
        read.contents().map(facts).collect::<Vec<_>>(),
        first.contents().map(facts).collect::<Vec<_>>()
    );
}
