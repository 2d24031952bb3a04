use std::sync::Arc;

use arrow_array::{
    ArrayRef, Float64Array, Int64Array, ListArray, RecordBatch, StringArray, types::Int32Type,
};
use parquet::{
    arrow::ArrowWriter,
    basic::Compression,
    file::{metadata::KeyValue, properties::WriterProperties},
};
use proptest::prelude::*;

use crate::{
    domain::{
        annotations::{
            Anchoring, AnchoringResult, Annotation, Argument, Label, Mention, Relation, State, Target,
        },
        articles::ArticleDetails,
        attributes::AttributeValue,
        ids::{AnnotationId, AnnotationName, ArticleId, LayerId},
        layers::{LayerDetails, LayerKind},
        projects::ProjectDetails,
        revisions::{Revision, Timestamp},
        schema::{LabelDefinition, SchemaDefinition, splits_graphemes},
        spans::Anchor,
        text::{Text, TextRange, Unit},
    },
    formats::{
        Format, WriteOptions,
        exchange::{
            ArticleContents, OlderText, SubmittedLayer, Writer as _,
            testing::{Read, Written, project, read, write, write_project},
        },
    },
};

use super::writing::ParquetWriter;
use crate::limits::PARQUET_BATCH_BYTES;

const P: Format = Format::Parquet;
const TEXT: &str = "😀 Ada\r\nLovelace met cafe\u{301} owner Bob.";

fn article(id: &str, text: &str) -> ArticleContents {
    ArticleContents {
        id: ArticleId::parse("", id).unwrap(),
        details: ArticleDetails::default(),
        text: Arc::new(Text::new(text)),
        older_texts: Vec::new(),
        times: None,
        annotations: Vec::new(),
        submitted: Vec::new(),
    }
}

fn range(text: &Text, start: u32, end: u32) -> TextRange {
    let at = |offset| text.position(Unit::CodePoints, offset).unwrap();
    TextRange { start: at(start), end: at(end) }
}

fn mention(text: &Text, ranges: &[(u32, u32)]) -> Target {
    let spans: Vec<_> = ranges.iter().map(|(start, end)| range(text, *start, *end)).collect();
    let splits_graphemes = spans.iter().any(|span| splits_graphemes(text, span));
    let anchor = Anchor::from_ranges(spans).unwrap();
    Target::Spans(Mention { quotes: anchor.quotes(text), anchor, splits_graphemes })
}

fn id(number: u128) -> AnnotationId {
    uuid::Uuid::from_u128(0x0190_163d_8694_739b_aea5_0000_0000_0000 + number).into()
}

fn annotation(number: u128, target: Target) -> Annotation {
    Annotation {
        id: id(number),
        layer: LayerId::parse("", LayerId::DEFAULT).unwrap(),
        label: Label::parse("", "PER").unwrap(),
        target,
        attributes: [].into(),
        note: String::new(),
        score: None,
        state: State::Accepted,
        anchoring: None,
        derived_from: Vec::new(),
        text_revision: 1,
        revision: Revision(0),
        create_time: Timestamp(0),
        update_time: Timestamp(0),
    }
}

/// An article with everything that there can be.
fn full(id_of: &str) -> ArticleContents {
    let mut full = article(id_of, TEXT);
    full.details = ArticleDetails {
        title: "A \"title\"".to_owned(),
        language: "en".to_owned(),
        source_uri: "news/1.txt".to_owned(),
        metadata: [("k".to_owned(), "{\"x\": 1}".to_owned()), ("n".to_owned(), "3".to_owned())].into(),
    };
    let older = Arc::new(Text::new("Ada, then"));
    full.older_texts = vec![OlderText { text: Arc::clone(&older), create_time: Some(Timestamp(-5)) }];
    full.times = Some((Timestamp(1), Timestamp(1_700_000_000_123_456)));
    full.submitted = vec![SubmittedLayer { layer: LayerId::parse("", "gold").unwrap(), submit_time: None }];
    let attributes = [
        ("flag", AttributeValue::Bool(false)),
        ("int", AttributeValue::Int(i64::MIN)),
        ("whole", AttributeValue::Double(-0.0)),
        ("double", AttributeValue::Double(0.1 + 0.2)),
        ("string", AttributeValue::String("null".to_owned())),
        ("list", AttributeValue::StringList(vec!["a".to_owned(), String::new()])),
        ("none", AttributeValue::StringList(Vec::new())),
    ];
    let derived_from = "projects/p/articles/x/annotations/0190163d-8694-739b-aea5-966c26f8ad91";
    let text = Arc::clone(&full.text);
    let relation = |number, arguments: &[u128]| {
        let argument = |at: &u128| Argument { role: "r".to_owned(), annotation: id(*at) };
        annotation(number, Target::Relation(Relation::new(arguments.iter().map(argument).collect()).unwrap()))
    };
    full.annotations = vec![
        Annotation {
            attributes: attributes.map(|(name, value)| (name.to_owned(), value)).into(),
            note: "a\nnote".to_owned(),
            score: Some(0.1),
            state: State::Rejected,
            layer: LayerId::parse("", "gold").unwrap(),
            derived_from: vec![AnnotationName::parse("", derived_from).unwrap()],
            create_time: Timestamp(7),
            update_time: Timestamp(8),
            ..annotation(1, Target::Article)
        },
        Annotation { state: State::Suggested, ..annotation(2, mention(&text, &[(2, 5), (7, 15)])) },
        annotation(3, mention(&text, &[(20, 25)])),
        annotation(4, mention(&text, &[(0, 0)])),
        Annotation {
            text_revision: 1,
            anchoring: Some(Anchoring {
                result: AnchoringResult::Orphaned,
                similarity: 0.25,
                from_text_revision: 1,
                needs_review: true,
            }),
            ..annotation(5, mention(&older, &[(0, 3)]))
        },
        relation(6, &[2, 3]),
        relation(7, &[6, 2, 3]),
    ];
    for annotation in &mut full.annotations {
        if !annotation.is_orphan() {
            annotation.text_revision = 2;
        }
    }
    full
}

/// What both say must be the same.
fn check_same(read: &Read, written: &[ArticleContents]) {
    assert_eq!((read.problems.as_slice(), read.lost().as_slice()), (&[][..], &[][..]));
    assert_eq!(read.articles.len(), written.len());
    for (read, written) in read.contents().zip(written) {
        let ArticleContents { id, details, text, older_texts, times, annotations, submitted } = read;
        assert_eq!((id, details, times), (&written.id, &written.details, &written.times));
        assert_eq!((text.as_str(), submitted), (written.text.as_str(), &written.submitted));
        let older = |texts: &[OlderText]| -> Vec<_> {
            texts.iter().map(|older| (older.text.as_str().to_owned(), older.create_time)).collect()
        };
        assert_eq!(older(older_texts), older(&written.older_texts));
        assert_eq!(annotations, &written.annotations);
    }
}

fn check_round(articles: &[ArticleContents]) -> Written {
    let written = write(P, articles);
    assert_eq!(written.lost(), Vec::<String>::new());
    check_same(&read(P, &written.as_files()), articles);
    written
}

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
fn everything_comes_back() {
    check_round(&[]);
    check_round(&[article("empty", "")]);
    let written = check_round(&[full("a"), article("b", "none"), full("c")]);
    assert_eq!(written.files.keys().collect::<Vec<_>>(), ["annotations.parquet", "articles.parquet"]);
}

#[test]
fn the_project_comes_back() {
    let mut project = project();
    project.details = ProjectDetails {
        display_name: "Näme".to_owned(),
        description: "d".to_owned(),
        metadata: [("k".to_owned(), "v".to_owned())].into(),
    };
    let label = LabelDefinition { label: "PER".to_owned(), ..LabelDefinition::default() };
    project.schema = Some(SchemaDefinition { labels: vec![label], ..SchemaDefinition::default() });
    let layer =
        LayerDetails { kind: LayerKind::Model, annotator: "m-1".to_owned(), ..LayerDetails::default() };
    project.layers = vec![(LayerId::parse("", "m").unwrap(), layer)];
    let written = write_project(P, &project, [&full("a")]);
    let read = read(P, &written.as_files());
    check_same(&read, &[full("a")]);
    assert_eq!(
        (read.project, read.schema, read.layers),
        (Some(project.details), project.schema, project.layers)
    );
}

#[test]
fn long_spans_have_no_text_and_come_back() {
    let text = "\u{e9}".repeat(3_000);
    let mut long = article("long", &text);
    long.annotations = vec![annotation(1, mention(&long.text, &[(0, 2_000)]))];
    check_round(&[long]);
}

#[test]
fn flat_columns_are_what_python_slices() {
    let written = write(P, &[full("a")]);
    let table = super::table::Table::open("x", written.files["annotations.parquet"].clone()).unwrap();
    let batch = table.batches(None).unwrap().next().unwrap().unwrap();
    let cells = |name| super::cells::Cells::of(&batch, name);
    let flat = |row| (cells("start").int(row), cells("end").int(row), cells("text").text(row));
    assert_eq!(flat(0), (None, None, None));
    assert_eq!(flat(1), (Some(2), Some(15), Some("Ada\r\nLovelace")));
    assert_eq!(flat(4), (None, None, Some("Ada")));
    assert_eq!(cells("kind").text(5), Some("relation"));
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
        let offsets = arrow_buffer::OffsetBuffer::from_lengths([4]);
        let field = arrow_schema::Field::new("item", arrow_schema::DataType::Utf8, true);
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
fn annotations_of_another_order_find_their_articles() {
    let written = write(P, &[full("a"), full("b")]);
    let other = write(P, &[full("b"), full("a")]);
    let files = [
        ("articles.parquet", other.files["articles.parquet"].as_slice()),
        ("annotations.parquet", written.files["annotations.parquet"].as_slice()),
    ];
    check_same(&read(P, &files), &[full("b"), full("a")]);
}

#[test]
fn what_is_large_is_in_several_tables() {
    let text = "x".repeat(PARQUET_BATCH_BYTES);
    let articles: Vec<_> = ["a", "b", "c"].map(|id| article(id, &text)).into();
    let (mut written, mut writer) = (Written::default(), ParquetWriter::new(WriteOptions::default()));
    writer.file_bytes = 1;
    writer.begin(&project(), &mut written).unwrap();
    for article in &articles {
        writer.article(article, &mut written).unwrap();
    }
    writer.finish(&mut written).unwrap();
    let paths: Vec<_> = written.files.keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        [
            "annotations.parquet",
            "articles.parquet",
            "part-002/annotations.parquet",
            "part-002/articles.parquet",
            "part-003/annotations.parquet",
            "part-003/articles.parquet",
        ]
    );
    check_same(&read(P, &written.as_files()), &articles);
}

/// Whatever is read of a damaged file is what was written, unless it is told that it is damaged.
fn check_damaged(files: &[(&str, &[u8])]) {
    let read = read(P, files);
    let whole = [full("a"), full("b")];
    let is_whole = read.articles.len() == 2
        && read.contents().zip(&whole).all(|(read, whole)| {
            read.text.as_str() == whole.text.as_str() && read.annotations.len() == whole.annotations.len()
        });
    assert!(is_whole || !read.problems.is_empty(), "lost in silence");
}

#[test]
fn what_is_cut_off_is_refused() {
    let written = write(P, &[full("a"), full("b")]);
    let (annotations, articles) = (&written.files["annotations.parquet"], &written.files["articles.parquet"]);
    for end in (0..articles.len()).step_by(97) {
        let read = read(
            P,
            &[("annotations.parquet", annotations.as_slice()), ("articles.parquet", &articles[..end])],
        );
        assert_eq!((read.articles.len(), read.problems.is_empty()), (0, false), "{end}");
    }
    for end in (0..annotations.len()).step_by(97) {
        let read = read(P, &[("annotations.parquet", &annotations[..end]), ("articles.parquet", articles)]);
        assert_eq!((read.articles.len(), read.problems.len()), (0, 2), "{end}");
    }
}

/// Some attribute.
fn attributes() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        any::<bool>().prop_map(AttributeValue::Bool),
        any::<i64>().prop_map(AttributeValue::Int),
        (-1e300..1e300).prop_map(AttributeValue::Double),
        (-9_i32..9).prop_map(|whole| AttributeValue::Double(f64::from(whole))),
        "\\PC{0,9}|[0-9]{1,3}|null|\\{\\}".prop_map(AttributeValue::String),
        prop::collection::vec("\\PC{0,3}", 0..3).prop_map(AttributeValue::StringList),
    ]
}

/// An article with spans at any places of any text.
fn any_article() -> impl Strategy<Value = ArticleContents> {
    let text = "[ -~\r\n\u{0}-\u{ff}😀東\u{301}\u{feff}]{1,40}";
    let spans = prop::collection::vec((any::<prop::sample::Index>(), 0_u32..9, attributes()), 0..6);
    (text, spans, prop::option::of(0.0..=1.0)).prop_map(|(text, spans, score)| {
        let mut made = article("a", &text);
        let length = u32::try_from(text.chars().count()).unwrap();
        for (number, (start, length_of, value)) in (1..).zip(spans) {
            let start = u32::try_from(start.index(usize::try_from(length).unwrap() + 1)).unwrap();
            let target = mention(&made.text, &[(start, (start + length_of).min(length))]);
            let attributes = [("name".to_owned(), value)].into();
            made.annotations.push(Annotation { attributes, score, ..annotation(number, target) });
        }
        made
    })
}

proptest! {
    #[test]
    fn whatever_is_written_is_read(article in any_article()) {
        check_round(&[article]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn damage_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), second in any::<bool>()) {
        let written = write(P, &[full("a"), full("b")]);
        let mut files: Vec<_> = written.files.values().cloned().collect();
        let file = &mut files[usize::from(second)];
        let at = at.index(file.len());
        file[at] = byte;
        check_damaged(&[("annotations.parquet", &files[0]), ("articles.parquet", &files[1])]);
    }
}
