//! A schema that is replaced while annotations stand: what breaks it is named, forced, kept as it is, and taken back.

use spandrel::proto::v1::{self, write::Op};

use super::{A, NAME, P, Stage, breaks, commit, create, name, of_article, relation, schema};
use crate::support::{annotation, by_code_points, by_utf8, check_refused, fact, refusal};

const TEXT: &str = "0123456789012345678901234567890123456789";
const CLOSED: &str = "mode: closed\nlabels: [A]";

fn at(label: &str, start: u32) -> v1::Annotation {
    annotation(label, vec![by_utf8(start, start + 1)])
}

/// With 20 annotations that a closed schema without their label refuses, and one that it takes.
async fn crowded() -> Stage {
    let stage = Stage::start(TEXT, "{}").await;
    let ops = (0..20).map(|n| Op::Create(create(n, at("B", u32::try_from(n).unwrap())))).collect();
    stage.client.send(commit(ops)).await.unwrap();
    stage.create(20, at("A", 3)).await.unwrap();
    stage
}

#[tokio::test]
async fn annotations_that_break_a_new_schema_are_counted_and_named_and_nothing_is_changed() {
    let stage = crowded().await;
    let before = (stage.schema().await, stage.head().await);
    let request = stage.replacement(CLOSED).await;
    for validate_only in [true, false] {
        let request = v1::UpdateLabelSchemaRequest { validate_only, ..request.clone() };
        let details = check_refused(stage.client.send(request).await, "SCHEMA_VIOLATED", "");
        assert_eq!((fact(&details, "count"), fact(&details, "rule")), ("20".into(), "LABEL_UNKNOWN".into()));
        let violations = &details.precondition_failure().unwrap().violations;
        let named: Vec<_> = violations.iter().map(|it| it.subject.clone()).collect();
        // As many as there is room for in a status.
        assert_eq!(named, (0..20).map(name).take(named.len()).collect::<Vec<_>>());
        assert!((5..=16).contains(&named.len()), "{named:?}");
        assert!(
            violations.iter().all(|it| it.description.contains("\"B\" is not a label")),
            "{violations:?}"
        );
        assert_eq!((stage.schema().await, stage.head().await), before);
    }
    // What was rejected is judged by itself, and in nobody's way.
    let overlapping = "span_rules: {overlap: none}";
    let details = check_refused(stage.set(overlapping).await, "SCHEMA_VIOLATED", "");
    assert_eq!((fact(&details, "count"), fact(&details, "rule")), ("2".into(), "OVERLAP".into()));
    stage.review(20, v1::State::Rejected).await.unwrap();
    stage.set(overlapping).await.unwrap();
}

#[tokio::test]
async fn each_rule_is_asked_of_what_stands() {
    let stage = Stage::start(TEXT, "span_rules: {empty: true}").await;
    stage.create(1, annotation("A", vec![by_code_points(3, 3)])).await.unwrap();
    stage.create(2, annotation("B", vec![by_utf8(4, 5), by_utf8(6, 7)])).await.unwrap();
    stage.create(3, relation("R", &[("x", 1), ("y", 2)])).await.unwrap();
    stage.create(4, of_article("good")).await.unwrap();
    stage.create(5, of_article("bad")).await.unwrap();
    let check = async |yaml: &str, rule: &str, broken: &[u64]| {
        let details = check_refused(stage.set(yaml).await, "SCHEMA_VIOLATED", "");
        let violations = &details.precondition_failure().unwrap().violations;
        let named: Vec<_> = violations.iter().map(|it| it.subject.clone()).collect();
        assert_eq!(
            (fact(&details, "rule").as_str(), named),
            (rule, broken.iter().copied().map(name).collect())
        );
    };
    check("{}", "EMPTY", &[1]).await;
    check("span_rules: {empty: true, discontinuous: false}", "DISCONTINUOUS", &[2]).await;
    let with = |rest: &str| format!("span_rules: {{empty: true}}\n{rest}");
    check(&with("labels: [{label: B, kinds: article}]"), "KIND", &[2]).await;
    check(&with("labels: [{label: B, abstract: true}]"), "LABEL_ABSTRACT", &[2]).await;
    check(
        &with("attributes: [{name: sure, kind: bool, required: true}]"),
        "ATTRIBUTE_REQUIRED",
        &[4, 5, 1, 2, 3],
    )
    .await;
    check(&with("labels: [B, {label: R, roles: [{role: x, labels: [B]}]}]"), "ROLE_ARGUMENT", &[3]).await;
    check(&with("labels: [{label: R, roles: [{role: y, min_count: 2}]}]"), "ROLE_COUNT", &[3]).await;
    check(&with("labels: [good, bad]\nexclusive_sets: [{labels: [good, bad]}]"), "EXCLUSIVE", &[4, 5]).await;
    stage.set(&with("labels: [good, bad, B, {label: R, roles: [{role: x}]}]")).await.unwrap();
}

#[tokio::test]
async fn a_closed_schema_may_be_extended_and_opened_whatever_stands() {
    let stage = crowded().await;
    stage.force(CLOSED).await;
    for yaml in
        ["mode: closed\nlabels: [A, C]", "mode: closed\nlabels: [{label: A, color: '#000000'}, C]", "{}"]
    {
        stage.set(yaml).await.unwrap();
    }
}

/// What annotators made under the rules of their day is not held against who reviews it, and nobody has to mend it before
/// the schema goes on.
#[tokio::test]
async fn what_a_forced_schema_left_is_judged_when_it_says_something_else() {
    let mut stage = crowded().await;
    let forced = stage.force(CLOSED).await;
    assert_eq!(forced.revision, stage.head().await);
    stage.restart().await;
    assert_eq!(stage.list().await.len(), 21);
    // It is not counted again by the next schema that refuses it, too.
    stage.set("mode: closed\nlabels: [A, {label: R, kinds: relation}]").await.unwrap();

    stage.review(1, v1::State::Rejected).await.unwrap();
    // Rejected, it stood in nobody's way; now it would again.
    breaks(stage.review(1, v1::State::Accepted).await, "LABEL_UNKNOWN", "annotation.label");
    stage.review(2, v1::State::Suggested).await.unwrap();
    stage.review(2, v1::State::Accepted).await.unwrap();
    stage
        .update(2, &["note", "score"], |it| (it.note, it.score) = ("why?".to_owned(), Some(0.5)))
        .await
        .unwrap();
    stage.update(2, &["derived_from"], |it| it.derived_from = vec![name(3)]).await.unwrap();
    stage.create(30, relation("R", &[("", 2)])).await.unwrap();

    let refused = [
        stage.update(2, &["label"], |it| it.label = "C".to_owned()).await,
        stage.update(2, &["anchor"], |it| it.target = at("", 9).target).await,
        stage
            .update(2, &["attributes"], |it| {
                it.attributes.insert(
                    "x".to_owned(),
                    v1::AttributeValue { kind: Some(v1::attribute_value::Kind::BoolValue(true)) },
                );
            })
            .await,
    ];
    for answer in refused {
        breaks(answer, "LABEL_UNKNOWN", "annotation.label");
    }
    stage.update(2, &["label"], |it| it.label = "A".to_owned()).await.unwrap();
    let delete = v1::DeleteAnnotationRequest { name: name(4), ..Default::default() };
    stage.client.send(delete).await.unwrap();
}

#[tokio::test]
async fn a_schema_comes_back_unless_annotations_made_since_break_it() {
    let stage = Stage::start(TEXT, CLOSED).await;
    let old = stage.schema().await;
    stage.create(1, at("A", 1)).await.unwrap();
    let opened = stage.set("mode: open\nlabels: [A]").await.unwrap();
    stage.create(2, at("B", 2)).await.unwrap();
    let refused = stage.undo(opened.revision).await;
    let (_, details) = refusal(refused.as_ref().unwrap_err());
    let conflict = &details.precondition_failure().unwrap().violations[0];
    assert_eq!(
        (conflict.subject.as_str(), conflict.description.as_str()),
        (name(2).as_str(), "breaks the label schema that stood before")
    );
    check_refused(refused, "UNDO_CONFLICT", "");
    stage.update(2, &["label"], |it| it.label = "A".to_owned()).await.unwrap();
    let undone = stage.undo(opened.revision).await.unwrap();
    let schema = stage.schema().await;
    assert_eq!((schema.revision, &schema.labels, schema.mode), (undone.revision, &old.labels, old.mode));
    breaks(stage.create(3, at("B", 3)).await, "LABEL_UNKNOWN", "annotation.label");
    // The undo is undone, and an older one is in its way.
    stage.undo(undone.revision).await.unwrap();
    stage.create(3, at("B", 3)).await.unwrap();
    let refused = stage.undo(old.revision).await;
    let (_, details) = refusal(refused.as_ref().unwrap_err());
    let conflict = &details.precondition_failure().unwrap().violations[0];
    assert_eq!((conflict.subject.as_str(), conflict.description.as_str()), (NAME, "was changed since"));
    check_refused(refused, "UNDO_CONFLICT", "");
}

#[tokio::test]
async fn the_first_schema_goes_again_unless_annotations_need_it() {
    let stage = Stage::start(TEXT, "span_rules: {empty: true}").await;
    let first = stage.schema().await;
    stage.create(1, annotation("A", vec![by_code_points(3, 3)])).await.unwrap();
    let refused = stage.undo(first.revision).await;
    let (_, details) = refusal(refused.as_ref().unwrap_err());
    let conflict = &details.precondition_failure().unwrap().violations[0];
    assert_eq!(conflict.subject, name(1));
    check_refused(refused, "UNDO_CONFLICT", "");
    let delete = v1::DeleteAnnotationRequest { name: name(1), ..Default::default() };
    stage.client.send(delete).await.unwrap();
    stage.undo(first.revision).await.unwrap();
    let unset = stage.schema().await;
    assert_eq!((unset.revision, unset.create_time, unset.span_rules), (0, None, None));
    let answer = stage.create(1, annotation("A", vec![by_code_points(3, 3)])).await;
    check_refused(answer, "SPAN_EMPTY", "annotation.anchor.spans[0].code_points");
}

/// What was only tried out leaves nothing behind, not even in memory.
#[tokio::test]
async fn an_undo_that_is_only_checked_changes_no_rule() {
    let stage = Stage::start(TEXT, CLOSED).await;
    let opened = stage.set("{}").await.unwrap();
    let request = v1::UndoCommitRequest {
        parent: P.to_owned(),
        revision: opened.revision,
        validate_only: true,
        ..Default::default()
    };
    stage.client.send(request).await.unwrap();
    // Its revision is what the undo would have had.
    let set = stage.set("mode: closed\nlabels: [B]").await.unwrap();
    assert_eq!(set.labels, schema("labels: [B]").labels);
    assert_eq!(stage.schema().await, set);
    stage.create(1, at("B", 1)).await.unwrap();
    breaks(stage.create(2, at("A", 1)).await, "LABEL_UNKNOWN", "annotation.label");
}

#[tokio::test]
async fn what_an_undo_brings_back_keeps_the_schema_of_today() {
    let stage = crowded().await;
    let delete = v1::DeleteAnnotationRequest { name: name(1), ..Default::default() };
    stage.client.send(delete).await.unwrap();
    let deleted = stage.head().await;
    stage.force(CLOSED).await;
    let before = stage.list().await;
    let refused = stage.undo(deleted).await.unwrap_err();
    assert_eq!(refusal(&refused).0, "UNDO_CONFLICT");
    assert!(refused.message().contains(&name(1)), "{}", refused.message());
    assert_eq!(stage.list().await, before);
    // An article comes back as it went.
    let request = v1::DeleteArticleRequest { name: A.to_owned(), force: true, ..Default::default() };
    stage.client.send(request).await.unwrap();
    stage.undo(stage.head().await).await.unwrap();
    assert_eq!(stage.list().await, before);
}
