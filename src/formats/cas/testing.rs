//! Articles for tests of both formats.

use proptest::{prelude::*, test_runner::TestRunner};

use crate::{
    domain::{annotations::Target, attributes::AttributeValue, ids::LayerId, text::Unit},
    formats::{
        Format,
        exchange::{
            AnnotationRecord, ArticleContents, ArticleRecord, LocalId, Record, Resolver, Sink, SpansRecord,
            TargetRecord, UnitChoice,
            testing::{Read, read, write},
        },
    },
};

/// What an article says, a line an annotation, sorted.
pub(in crate::formats) fn said(article: &ArticleContents) -> Vec<String> {
    let name = |id| LocalId::of(id).map(|id| id.to_string()).unwrap_or_default();
    let line = |annotation: &crate::domain::annotations::Annotation| {
        let target = match &annotation.target {
            Target::Spans(mention) => {
                let hull = mention.anchor.hull();
                format!("{}-{}", hull.start.utf16, hull.end.utf16)
            }
            Target::Relation(relation) => {
                let argument = |it: &crate::domain::annotations::Argument| {
                    format!("{}={}", it.role, name(it.annotation))
                };
                relation.arguments.iter().map(argument).collect::<Vec<_>>().join(",")
            }
            Target::Article => String::new(),
        };
        format!("{} {target} {:?}", annotation.label, annotation.attributes)
    };
    let mut lines: Vec<_> = article.annotations.iter().map(line).collect();
    lines.sort();
    lines
}

fn value() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        any::<bool>().prop_map(AttributeValue::Bool),
        any::<i64>().prop_map(AttributeValue::Int),
        (-1e9_f64..1e9).prop_map(AttributeValue::Double),
        "[ -~é😀\n\t]{0,6}".prop_map(AttributeValue::String),
        prop::collection::vec("[ -~é😀\n]{0,4}", 0..3).prop_map(AttributeValue::StringList),
    ]
}

fn annotation(length: u64) -> impl Strategy<Value = AnnotationRecord> {
    let label = "[A-Z]{1,3}|a\\.B|Token|x y|[<&\"'>]{1,3}";
    let attributes = prop::collection::btree_map("[a-c]|value|label|begin|d e", value(), 0..3);
    (label, attributes, 0..=length, 0..=length, any::<bool>()).prop_map(
        |(label, attributes, one, other, is_whole)| {
            let spans = TargetRecord::Spans(SpansRecord::one(one.min(other), one.max(other), ""));
            let target = if is_whole { TargetRecord::Article } else { spans };
            AnnotationRecord { label, target, attributes, ..AnnotationRecord::default() }
        },
    )
}

fn article() -> impl Strategy<Value = ArticleContents> {
    "([ -~é😀\n\t\r]){1,16}".prop_flat_map(|text| {
        let length = u64::try_from(text.chars().count()).unwrap();
        let roles = ("Governor|from|x y", "Dependent|to|");
        let relation = ("a\\.R|likes|a b", prop::sample::select(vec![0_usize, 1, 2]), 0_usize..3, roles);
        let metadata = prop::collection::btree_map("[a-z]{1,3}", "[ -~\n]{0,6}", 0..3);
        (prop::collection::vec(annotation(length), 0..4), prop::collection::vec(relation, 0..2), metadata)
            .prop_map(move |(mut annotations, relations, metadata)| {
                for (at, annotation) in annotations.iter_mut().enumerate() {
                    annotation.id = format!("{}", at + 1);
                }
                let is_span = |at: usize| {
                    annotations.get(at).is_some_and(|it| matches!(it.target, TargetRecord::Spans(_)))
                };
                let relations: Vec<_> = relations
                    .into_iter()
                    .filter(|(_, from, to, _)| is_span(*from) && is_span(*to))
                    .map(|(label, from, to, roles)| AnnotationRecord {
                        label,
                        target: TargetRecord::Relation(vec![
                            (roles.0, format!("{}", from + 1)),
                            (roles.1, format!("{}", to + 1)),
                        ]),
                        ..AnnotationRecord::default()
                    })
                    .collect();
                annotations.extend(relations);
                contents(ArticleRecord {
                    id: "a".to_owned(),
                    title: "<T>".to_owned(),
                    language: "de".to_owned(),
                    metadata,
                    text: text.clone(),
                    unit: Some(Unit::CodePoints),
                    annotations,
                    ..ArticleRecord::default()
                })
            })
    })
}

fn contents(record: ArticleRecord) -> ArticleContents {
    let mut read = Read::default();
    let layer = LayerId::parse("", "default").unwrap();
    let mut resolver = Resolver::new(layer, UnitChoice::Of(Unit::CodePoints), "", &mut read);
    resolver.record(Record::Article(Box::new(record))).unwrap();
    resolver.finish().unwrap();
    assert_eq!(read.problems, [""; 0]);
    read.articles.remove(0).article
}

/// Whatever the format writes without a loss reads back equal.
pub(in crate::formats) fn check_everything(format: Format) {
    let mut runner = TestRunner::default();
    let check = |article: ArticleContents| {
        let written = write(format, [&article]);
        let back = read(format, &written.as_files());
        prop_assert_eq!(&back.problems, &Vec::<String>::new());
        let back = back.contents().next().unwrap();
        prop_assert_eq!(back.text.as_str(), article.text.as_str());
        prop_assert_eq!(&back.details.metadata, &article.details.metadata);
        prop_assert_eq!(&back.details.title, "<T>");
        prop_assert_eq!(&back.details.language, "de");
        if written.lost().is_empty() {
            prop_assert_eq!(said(back), said(&article));
        }
        Ok(())
    };
    runner.run(&article(), check).unwrap();
}
