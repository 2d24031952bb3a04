//! What real corpora say goes through Parquet tables and comes back as it was.

use spandrel::formats::{Format, exchange::ArticleContents};

use crate::files::{corpus, read, write_project};

/// Reads a corpus in its own format, writes it as tables, and reads those; answers how many articles and annotations there are,
/// and what of them differs.
fn through(format: Format, path: &str, extensions: &[&str]) -> Option<(usize, usize, Vec<String>)> {
    // What somebody derived from another format stands beside the text.
    let files = corpus(path)?.into_iter();
    let mut files: Vec<_> =
        files.map(|(path, bytes)| (path.replace(".derived.ann", ".ann"), bytes)).collect();
    files.retain(|(path, _)| {
        !path.contains("LICENSE") && extensions.iter().any(|extension| path.ends_with(extension))
    });
    // What says which labels there are comes first.
    files.sort_by_key(|(path, _)| (!path.contains(".conf"), path.clone()));
    let before = read(format, &files);
    let written = write_project(Format::Parquet, &before.project(), before.contents());
    let after = read(Format::Parquet, &written.as_files());
    let mut different = [written.lost(), after.lost(), after.problems.clone()].concat();
    assert_eq!(after.articles.len(), before.articles.len());
    for (before, after) in before.contents().zip(after.contents()) {
        if said(before) != said(after) {
            different.push(before.id.to_string());
        }
    }
    assert_eq!(after.project().details, before.project().details);
    assert_eq!((&after.schema, &after.layers), (&before.schema, &before.layers));
    Some((before.articles.len(), before.annotations(), different))
}

/// Everything that an article says, in a form that can be compared.
fn said(article: &ArticleContents) -> String {
    let ArticleContents { id, details, text, older_texts, times, annotations, submitted } = article;
    assert!(older_texts.is_empty(), "no corpus has them");
    format!("{id} {details:?} {:?} {times:?} {annotations:?} {submitted:?}", text.as_str())
}

#[test]
fn corpora_come_back_as_they_were() {
    let check = |format, path: &str, extensions: &[&str], articles: usize, annotations: usize| {
        let Some(found) = through(format, path, extensions) else { return };
        assert_eq!(found, (articles, annotations, vec![]), "{path}");
    };
    let brat = [".ann", ".txt", ".conf"];
    check(Format::Brat, "brat-examples", &brat, 39, 2_712);
    check(Format::Brat, "craft", &brat, 2, 3_035);
    check(Format::Brat, "litbank", &brat, 8, 3_008);
    check(Format::Columns, "wnut17-dev", &[".conll"], 1, 17_578);
    check(Format::Prodigy, "prodigy-fashion-eval", &[".jsonl"], 250, 11_655);
}
