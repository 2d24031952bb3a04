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
        Format,
        exchange::{
            ArticleContents, OlderText, SubmittedLayer,
            testing::{Read, Written, project, read, write, write_project},
        },
    },
};

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
