//! CAS files of others say the same after they were read and written; and what WebAnno TSV and XMI say of the same document
//! is the same.

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use spandrel::{
    domain::annotations::Target,
    formats::{Format, exchange::ArticleContents},
};

use crate::files::{corpus, read, write};

/// What an article says, without ids: each annotation as a line, sorted.
fn said(article: &ArticleContents) -> Vec<String> {
    let mut names = HashMap::new();
    for annotation in &article.annotations {
        let place = annotation.target.mention().map(|mention| {
            let hull = mention.anchor.hull();
            format!("{} {}-{}", annotation.label, hull.start.utf16, hull.end.utf16)
        });
        names.insert(annotation.id, place.unwrap_or_else(|| annotation.label.to_string()));
    }
    let mut lines: Vec<_> = article
        .annotations
        .iter()
        .map(|annotation| {
            let target = match &annotation.target {
                Target::Relation(relation) => {
                    let name = |it: &spandrel::domain::annotations::Argument| {
                        format!("{}={}", it.role, names[&it.annotation])
                    };
                    relation.arguments.iter().map(name).collect::<Vec<_>>().join(", ")
                }
                Target::Spans(_) | Target::Article => String::new(),
            };
            format!("{} ({target}) {:?}", names[&annotation.id], annotation.attributes)
        })
        .collect();
    lines.sort();
    lines
}

struct Trip {
    files: usize,
    articles: usize,
    annotations: usize,
    /// By file.
    problems: BTreeMap<String, Vec<String>>,
    losses: BTreeMap<String, u64>,
    different: Vec<String>,
}

fn round_trip(folder: &str, format: Format, extension: &str, types: &[(&str, &str)]) -> Option<Trip> {
    let began = Instant::now();
    let all_types = if types.is_empty() { Vec::new() } else { corpus("cassis/typesystems")? };
    let mut trip = Trip {
        files: 0,
        articles: 0,
        annotations: 0,
        problems: BTreeMap::new(),
        losses: BTreeMap::new(),
        different: vec![],
    };
    for (path, bytes) in corpus(folder)? {
        if !path.ends_with(extension) {
            continue;
        }
        trip.files += 1;
        let of_file = types.iter().find(|(name, _)| path.contains(name)).map(|(_, types)| *types);
        let types = all_types.iter().filter(|(name, _)| Some(name.as_str()) == of_file);
        let mut files: Vec<(&str, &[u8])> =
            types.map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        files.push((&path, &bytes));
        let one = read(format, &files);
        for loss in one.losses.clone().into_vec() {
            *trip.losses.entry(loss.feature).or_default() += loss.count;
        }
        if !one.problems.is_empty() {
            trip.problems.insert(path.clone(), one.problems.clone());
        }
        let articles: Vec<_> = one.articles.iter().map(|it| &it.article).collect();
        trip.articles += articles.len();
        trip.annotations += articles.iter().map(|it| it.annotations.len()).sum::<usize>();
        let written = write(format, articles.iter().copied());
        let files: Vec<(&str, &[u8])> =
            written.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        let two = read(format, &files);
        let all = |read: &crate::files::Read| {
            let article = |it: &ArticleContents| {
                (it.id.clone(), it.details.clone(), it.text.as_str().to_owned(), said(it))
            };
            let mut all: Vec<_> = read.articles.iter().map(|it| article(&it.article)).collect();
            all.sort_by(|one, other| one.0.cmp(&other.0));
            all
        };
        let losses = written.losses.clone().into_vec();
        let two_problems = two.problems.clone();
        if all(&one) != all(&two) || !two.problems.is_empty() || !losses.is_empty() {
            let (one, two) = (all(&one), all(&two));
            let lines = |all: &[_]| format!("{all:#?}").lines().map(str::to_owned).collect::<Vec<_>>();
            let (one, two) = (lines(&one), lines(&two));
            let only = |one: &[String], other: &[String]| {
                one.iter().filter(|it| !other.contains(it)).cloned().collect::<Vec<_>>()
            };
            let (before, after) = (only(&one, &two), only(&two, &one));
            trip.different
                .push(format!("{path}: before {before:?}, after {after:?}, {losses:?}, {two_problems:?}"));
        }
    }
    println!(
        "{folder}: {} files, {} articles, {} annotations, problems {:?}, losses {:?}, {} differ, {:?}",
        trip.files,
        trip.articles,
        trip.annotations,
        trip.problems,
        trip.losses,
        trip.different.len(),
        began.elapsed()
    );
    println!("{}", trip.different.join("\n"));
    Some(trip)
}

#[test]
fn xmi_of_webanno() {
    let Some(trip) = round_trip("inception-webanno-tsv", Format::CasXmi, ".xmi", &[]) else { return };
    assert_eq!((trip.files, trip.articles, trip.annotations, trip.different), (73, 73, 673, vec![]));
}

#[test]
fn xmi_of_cassis() {
    // A file, and the types that it has.
    let types = [
        ("array", "typesystem_with_array_features.xml"),
        ("list_features", "typesystem_with_list_features.xml"),
        ("collections", "typesystem_with_collections.xml"),
        ("inheritance", "typesystem_with_inheritance.xml"),
        ("loating", "typesystem_with_floating_points.xml"),
        ("reserved", "typesystem_with_reserved_names.xml"),
        ("small", "small_typesystem.xml"),
        ("lenient", "small_typesystem.xml"),
        ("", "inception_typesystem.xml"),
    ];
    let Some(trip) = round_trip("cassis", Format::CasXmi, ".xmi", &types) else { return };
    // Five spans of two files have no text.
    assert_eq!((trip.files, trip.annotations, trip.problems.len(), trip.different), (27, 270, 5, vec![]));
}

#[test]
fn json_of_cassis() {
    let Some(trip) = round_trip("cassis", Format::CasJson, ".json", &[]) else { return };
    // One file has annotations and no text.
    assert_eq!((trip.files, trip.annotations, trip.problems.len(), trip.different), (16, 45, 1, vec![]));
}

#[test]
fn tsv_and_xmi_say_the_same() {
    let Some(files) = corpus("inception-webanno-tsv/tsv3-suite") else { return };
    let files: BTreeMap<_, _> = files.into_iter().collect();
    let (mut pairs, mut different) = (0, Vec::new());
    for (path, xmi) in files.iter().filter(|(path, _)| path.ends_with(".xmi")) {
        let tsv = &files[&path.replace(".xmi", ".tsv")];
        let tsv = read(Format::WebannoTsv, &[("a.tsv", tsv)]);
        let xmi = read(Format::CasXmi, &[("a.xmi", xmi)]);
        pairs += 1;
        // The XMI files were made with types that were called otherwise before, and in which tokens are counted.
        let renamed = |line: String| {
            let line =
                line.replace("\"intValue\"", "\"integerValue\"").replace("{\"order\": String(\"0\")}", "{}");
            named_entity(&line)
        };
        let of = |read: &crate::files::Read| {
            let mut lines: Vec<_> = said(&read.articles[0].article).into_iter().map(renamed).collect();
            lines.sort();
            (read.articles[0].article.text.as_str().to_owned(), lines)
        };
        if of(&tsv) != of(&xmi) {
            let (one, other) = (of(&tsv), of(&xmi));
            let only = |one: &[String], other: &[String]| {
                one.iter().filter(|it| !other.contains(it)).cloned().collect::<Vec<_>>()
            };
            different.push(format!(
                "{path}: only TSV {:?}; only XMI {:?}",
                only(&one.1, &other.1),
                only(&other.1, &one.1)
            ));
        }
    }
    // Seven spans begin or end outside of tokens, to which TSV moves them; one part of speech is of a type below POS there.
    assert_eq!((pairs, different.len()), (73, 8), "{different:#?}");
}

/// A line about a named entity as if it were about the span that it is in the TSV file.
fn named_entity(line: &str) -> String {
    let line = line.replace("NamedEntity", "webanno.custom.Span");
    let is_plain = ["webanno.", "Token", "Sentence", "Lemma", "Stem", "POS", "Morph", "SurfaceForm", "de."];
    match line.split_once(" () {}") {
        Some((place, ""))
            if !is_plain.iter().any(|name| place.starts_with(name)) || place.starts_with("de.") =>
        {
            let (label, range) = place.rsplit_once(' ').unwrap();
            format!("webanno.custom.Span {range} () {{\"value\": String({label:?})}}")
        }
        Some(_) | None => line,
    }
}
