//! How the corpora are written.

use std::{fs, path::Path};

use serde_json::Value;

/// A text with its mentions.
#[derive(Debug)]
pub(crate) struct Document {
    /// An article's id.
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) mentions: Vec<Mention>,
}

/// A mention as its source has it.
#[derive(Debug)]
pub(crate) struct Mention {
    pub(crate) label: String,
    /// In code points; several for a discontinuous mention.
    pub(crate) ranges: Vec<(u32, u32)>,
    /// What the source says that it covers, its parts joined by one space.
    pub(crate) quote: String,
}

/// brat's standoff, <https://brat.nlplab.org/standoff.html>: in every folder `name.txt` with `name.ann`, or with
/// `name.derived.ann`. A line `T1<tab>Label 0 5;10 12<tab>quote` is a mention; other lines speak of mentions.
pub(crate) fn brat(folder: &Path) -> Vec<Document> {
    let mut documents = Vec::new();
    for path in texts(folder) {
        let annotations = ["ann", "derived.ann"].map(|extension| path.with_extension(extension));
        let Some(annotations) = annotations.iter().find(|path| path.exists()) else { continue };
        let id = path.strip_prefix(folder).unwrap().with_extension("");
        documents.push(Document {
            id: id.to_str().unwrap().replace('/', "~"),
            text: fs::read_to_string(&path).unwrap(),
            mentions: fs::read_to_string(annotations)
                .unwrap()
                .split('\n')
                .filter(|line| line.starts_with('T'))
                .map(brat_mention)
                .collect(),
        });
    }
    documents
}

fn brat_mention(line: &str) -> Mention {
    let [_, place, quote] = line.split('\t').collect::<Vec<_>>().try_into().expect(line);
    let (label, ranges) = place.split_once(' ').expect(line);
    let range = |range: &str| {
        let (start, end) = range.split_once(' ').expect(line);
        (start.parse().expect(line), end.parse().expect(line))
    };
    Mention {
        label: label.to_owned(),
        ranges: ranges.split(';').map(range).collect(),
        quote: quote.to_owned(),
    }
}

/// All `.txt` files in a folder and below, in order.
fn texts(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let mut found = Vec::new();
    for path in entries {
        if path.is_dir() {
            found.extend(texts(&path));
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            found.push(path);
        }
    }
    found
}

/// Stockmark's `ner.json`: a list of `{ "curid", "text", "entities": [{ "name", "span": [0, 5], "type" }] }`.
pub(crate) fn stockmark(folder: &Path) -> Vec<Document> {
    let file = fs::read_to_string(folder.join("ner.json")).unwrap();
    let Value::Array(texts) = serde_json::from_str(&file).unwrap() else { panic!("no list of texts") };
    let mention = |entity: &Value| Mention {
        label: string(&entity["type"]),
        ranges: vec![(number(&entity["span"][0]), number(&entity["span"][1]))],
        quote: string(&entity["name"]),
    };
    let document = |(index, text): (usize, &Value)| Document {
        id: format!("{index:03}-{}", string(&text["curid"])),
        text: string(&text["text"]),
        mentions: text["entities"].as_array().unwrap().iter().map(mention).collect(),
    };
    texts.iter().enumerate().map(document).collect()
}

/// Prodigy's JSON lines: `{ "text", "spans": [{ "start", "end", "label" }] }`. Its own `text` of a span is not always
/// there, so that a quote is what Python would slice.
pub(crate) fn prodigy(folder: &Path) -> Vec<Document> {
    let file = fs::read_to_string(folder.join("fashion_brands_eval.jsonl")).unwrap();
    let document = |(index, line): (usize, &str)| {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = string(&line["text"]);
        let code_points: Vec<char> = text.chars().collect();
        let mention = |span: &Value| {
            let (start, end) = (number(&span["start"]), number(&span["end"]));
            let range = usize::try_from(start).unwrap()..usize::try_from(end).unwrap();
            let quote: String = code_points[range].iter().collect();
            assert!(span["text"].as_str().is_none_or(|text| text == quote), "{span}");
            Mention { label: string(&span["label"]), ranges: vec![(start, end)], quote }
        };
        let mentions = line["spans"].as_array().unwrap().iter().map(mention).collect();
        Document { id: format!("{index:03}"), text, mentions }
    };
    file.lines().enumerate().map(document).collect()
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no string")).to_owned()
}

fn number(value: &Value) -> u32 {
    value.as_u64().and_then(|number| number.try_into().ok()).unwrap_or_else(|| panic!("{value} is no offset"))
}
