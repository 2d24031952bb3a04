use std::sync::Arc;

use proptest::prelude::*;

use super::writing::ParquetWriter;
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
    limits::PARQUET_BATCH_BYTES,
};

mod damage;
mod foreign;

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
