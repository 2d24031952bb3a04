//! Tables that somebody else wrote.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, Float64Array, Int64Array, ListArray, RecordBatch, StringArray, types::Int32Type,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field};
use parquet::{
    arrow::ArrowWriter,
    basic::Compression,
    file::{metadata::KeyValue, properties::WriterProperties},
};

use super::{super::table::Table, P, full};
use crate::{
    domain::{annotations::Annotation, attributes::AttributeValue},
    formats::exchange::testing::{Read, read, write},
};

/// A table that somebody else wrote.
fn table(columns: &[(&str, ArrayRef)]) -> Vec<u8> {
    table_with(columns, Compression::SNAPPY, None)
}

fn table_with(columns: &[(&str, ArrayRef)], compression: Compression, said: Option<(&str, &str)>) -> Vec<u8> {
    let batch =
        RecordBatch::try_from_iter(columns.iter().map(|(name, array)| (*name, array.clone()))).unwrap();
    let said = said.map(|(key, value)| vec![KeyValue::new(key.to_owned(), value.to_owned())]);
    let properties =
        WriterProperties::builder().set_compression(compression).set_key_value_metadata(said).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn strings(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn ints(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

/// What is said, as `label [quote|quote]`.
fn said(read: &Read) -> Vec<String> {
    let annotations = read.contents().flat_map(|article| &article.annotations);
    let one = |it: &Annotation| match it.target.mention() {
        Some(mention) => format!("{} {:?}", it.label, mention.quotes),
        None => it.label.to_string(),
    };
    annotations.map(one).collect()
}

#[test]
fn a_hand_made_table_needs_little() {
    let articles = table(&[("id", strings(&["a", "b/1"])), ("text", strings(&["😀 Ada", "Bob met Ada"]))]);
    let annotations = |columns: &[(&str, ArrayRef)]| table(columns);
    let start: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.0), Some(2.0), None]));
    let end: ArrayRef = Arc::new(Float64Array::from(vec![Some(3.0), Some(5.0), None]));
    let text: ArrayRef = Arc::new(StringArray::from(vec![Some("Bob"), Some("Ada"), None]));
    let columns = [
        ("article", strings(&["b/1", "a", "a"])),
        ("label", strings(&["PER", "PER", "good"])),
        ("start", start),
        ("end", end),
        ("text", text),
        ("certain", ints(&[1, 2, 3])),
    ];
    let read = read(P, &[("d/annotations.parquet", annotations(&columns)), ("d/articles.parquet", articles)]);
    assert_eq!(read.problems, Vec::<String>::new());
    assert_eq!(said(&read), ["PER [\"Ada\"]", "good", "PER [\"Bob\"]"]);
    let ids: Vec<_> = read.contents().map(|it| (it.id.as_str(), it.details.source_uri.as_str())).collect();
    assert_eq!(ids, [("a", "d/articles.parquet"), ("b~1", "d/articles.parquet")]);
    let first = &read.articles[0].article.annotations[0];
    assert_eq!(first.attributes["certain"], AttributeValue::Int(2));
}

#[test]
fn datasets_of_others_are_read() {
    let names = r#"{"info": {"features": {"label": {"names": ["bad", "good"], "_type": "ClassLabel"}}}}"#;
    let columns = [("text", strings(&["one", "two"])), ("label", ints(&[1, -1])), ("stars", ints(&[3, 4]))];
    let file = table_with(&columns, Compression::UNCOMPRESSED, Some(("huggingface", names)));
    let read_one = read(P, &[("train.parquet", file)]);
    assert_eq!((said(&read_one), read_one.problems.len()), (vec!["good".to_owned()], 0));
    let first = &read_one.articles[0].article;
    assert_eq!((first.id.as_str(), first.details.metadata["stars"].as_str()), ("train-1", "3"));

    let tokens =
        ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), Some(2), Some(0), Some(3)])]);
    let tokens: ArrayRef = Arc::new(tokens);
    let words: ArrayRef = {
        let values = strings(&["Éva", "Kis", "met", "Bob"]);
        let offsets = OffsetBuffer::from_lengths([4]);
        let field = Field::new("item", DataType::Utf8, true);
        Arc::new(ListArray::new(Arc::new(field), offsets, values, None))
    };
    let columns = [("tokens", words), ("ner_tags", tokens)];
    let names =
        r#"{"info": {"features": {"ner_tags": {"feature": {"names": ["O", "B-PER", "I-PER", "S-PER"]}}}}}"#;
    let file = table_with(&columns, Compression::SNAPPY, Some(("huggingface", names)));
    let read_tokens = read(P, &[("train.parquet", file)]);
    assert_eq!(said(&read_tokens), ["PER [\"Éva Kis\"]", "PER [\"Bob\"]"]);
    let read_numbers = read(P, &[("train.parquet", table(&columns))]);
    assert_eq!(
        read_numbers.problems,
        [
            "train.parquet: the column \"ner_tags\" holds numbers, and nothing says what they mean: write tags such as B-PER, \
             or their names in the metadata \"huggingface\""
        ]
    );
}

#[test]
fn what_is_wrong_says_where_and_what_would_be_right() {
    let check = |files: &[(&str, Vec<u8>)], expected: &[&str]| {
        let read = read(P, files);
        assert_eq!(read.problems, expected, "{:?}", said(&read));
    };
    check(&[("a.parquet", Vec::new())], &["a.parquet: the file is empty; a Parquet file begins with PAR1"]);
    check(
        &[("a.parquet", b"id,text\n".to_vec())],
        &["a.parquet: the file is not Parquet, which begins with PAR1"],
    );
    check(
        &[("a.parquet", table(&[("x", ints(&[1])), ("y", ints(&[1]))]))],
        &[
            "a.parquet: it has the columns x, y; articles need text, or tokens with ner_tags; annotations, which are in \
           a file with annotations in its name, need article, label, and start and end, or spans, or kind",
        ],
    );
    check(
        &[("a.parquet", table(&[("text", ints(&[1]))]))],
        &["a.parquet: the column \"text\" must hold strings; it holds Int64"],
    );
    let articles = table(&[("id", strings(&["a"])), ("text", strings(&["😀 Ada"]))]);
    let annotations = |article: &str, start: i64, text: &str| {
        table(&[
            ("article", strings(&[article])),
            ("label", strings(&["PER"])),
            ("start", ints(&[start])),
            ("end", ints(&[5])),
            ("text", strings(&[text])),
        ])
    };
    let both = |article: &str, start: i64, text: &str| {
        [("annotations.parquet", annotations(article, start, text)), ("articles.parquet", articles.clone())]
    };
    check(&both("a", 2, "Ada"), &[]);
    check(
        &both("a", -2, "Ada"),
        &["annotations.parquet:1: start is -2; it must be a whole number from 0 to 4294967295"],
    );
    check(
        &both("b", 2, "Ada"),
        &["annotations.parquet:1: its article is \"b\", which is not in the table of articles"],
    );
    check(
        &[("annotations.parquet", annotations("a", 2, "Ada"))],
        &[
            "annotations.parquet: there is no table of its articles: send the articles.parquet that belongs to it, too",
        ],
    );
    check(
        &[("x.parquet", annotations("a", 2, "Ada"))],
        &[
            "x.parquet: it is a table of annotations: call it annotations.parquet, and send the articles.parquet that belongs to \
           it, too",
        ],
    );
    check(
        &[("x.parquet", table(&[("text", strings(&["x"])), ("text_sha256", strings(&["00"]))]))],
        &[
            "x.parquet:1: the text's SHA-256 is 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881, and \
           text_sha256 is \"00\": the file is damaged, or somebody changed the text, under its annotations: leave text_sha256 \
           out to say that it is right",
        ],
    );
}

#[test]
fn units_that_disagree_are_refused_with_their_row() {
    let written = write(P, &[full("a")]);
    let table = Table::open("x", written.files["annotations.parquet"].clone()).unwrap();
    let batch = table.batches(None).unwrap().next().unwrap().unwrap();
    // One annotation has the spans of another one, which are in another text.
    let spans = batch.schema().index_of("spans").unwrap();
    let mut columns = batch.slice(3, 1).columns().to_vec();
    columns[spans] = batch.slice(4, 1).column(spans).clone();
    let damaged = RecordBatch::try_new(batch.schema(), columns).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&damaged).unwrap();
    let articles = written.files["articles.parquet"].clone();
    let read =
        read(P, &[("annotations.parquet", writer.into_inner().unwrap()), ("articles.parquet", articles)]);
    let problem =
        "annotations.parquet:1: 0190163d-8694-739b-aea5-000000000004.spans[0].utf8.end: offset 3 in utf8";
    assert!(read.problems[0].starts_with(problem), "{:?}", read.problems);
}
