//! WebAnno TSV of others comes out byte for byte as it went in.

use std::time::Instant;

use spandrel::formats::Format;

use crate::files::{corpus, read, write};

/// Reads and writes every file of a folder by itself. Answers how many there are, how many annotations they have, and which
/// of them differ, or are refused.
fn round_trip(folder: &str) -> Option<(usize, usize, Vec<String>)> {
    let began = Instant::now();
    let (mut files, mut annotations, mut different) = (0, 0, Vec::new());
    for (path, bytes) in corpus(folder)? {
        if !path.ends_with(".tsv") {
            continue;
        }
        files += 1;
        let read = read(Format::WebannoTsv, &[(path.as_str(), bytes.as_slice())]);
        if !read.problems.is_empty() {
            different.push(read.problems.join("\n"));
            continue;
        }
        annotations += read.articles.iter().map(|it| it.article.annotations.len()).sum::<usize>();
        let written = write(Format::WebannoTsv, read.articles.iter().map(|it| &it.article));
        let written_bytes = written.files.get(&path);
        if written_bytes != Some(&bytes) || !written.losses.clone().into_vec().is_empty() {
            let (one, other) =
                (String::from_utf8_lossy(&bytes), written_bytes.map(|it| String::from_utf8_lossy(it)));
            let lines = one.lines().zip(other.as_deref().unwrap_or_default().lines());
            let first = lines.into_iter().find(|(one, other)| one != other);
            different.push(format!("{path}: {first:?} {:?} {:?}", written.losses, written.files.keys()));
        }
    }
    println!(
        "{folder}: {files} files, {annotations} annotations, {} differ, {:?}",
        different.len(),
        began.elapsed()
    );
    Some((files, annotations, different))
}

#[test]
fn webannos_own_examples() {
    let Some((files, annotations, different)) = round_trip("inception-webanno-tsv") else { return };
    assert_eq!((files, annotations, different.len()), (79, 12168, 2));
    // Two are of version 2, which has no offsets.
    for problem in different {
        assert!(problem.starts_with("tsv2/example") && problem.contains("is WebAnno TSV 2"), "{problem}");
    }
}

#[test]
fn gum() {
    let Some((files, annotations, different)) = round_trip("gum-tsv") else { return };
    assert_eq!((files, annotations, different.len()), (12, 15191, 1), "{different:?}");
    // Its last line has no tab at its end, which all others have.
    assert!(different[0].contains("GUM_interview_mcguire"), "{different:?}");
}

#[test]
fn gum_of_two_versions() {
    let Some((files, annotations, different)) = round_trip("reanchor-gum-v6-v11") else { return };
    assert_eq!((files, annotations, different), (8, 12053, vec![]));
}
