//! How mentions of one layer may share characters.

use spandrel::proto::v1::{self, write::Op};

use super::{Stage, breaks, commit, create, update};
use crate::support::{annotation, by_utf8};

const TEXT: &str = "0123456789012345678901234567890123456789";

/// `2..4 6..8` as a mention on these spans, in bytes.
fn on(label: &str, places: &str) -> v1::Annotation {
    let span = |place: &str| {
        let (start, end) = place.split_once("..").unwrap();
        by_utf8(start.parse().unwrap(), end.parse().unwrap())
    };
    annotation(label, places.split(' ').map(span).collect())
}

#[tokio::test]
async fn what_may_stand_beside_a_mention_is_as_the_more_lenient_of_both_rules_has_it() {
    const RULES: &str = "labels:
  - {label: NONE, span_rules: {overlap: none, empty: true}}
  - {label: NESTED, span_rules: {overlap: nested}}
  - {label: ANY, span_rules: {overlap: any}}
";
    let stage = Stage::start(TEXT, RULES).await;
    // Each pair in a layer of its own, and each way round: a place, another, and the labels of both.
    let mut n = 0;
    let mut check = async |one: &str, other: &str, apart: bool, nested: bool| {
        for (first, second) in [(one, other), (other, one)] {
            for (a, b) in [("NONE", "NONE"), ("NONE", "NESTED"), ("NESTED", "NESTED"), ("NONE", "ANY")] {
                n += 2;
                let layer = format!("l{n}");
                let of = |annotation| v1::Annotation { layer: layer.clone(), ..annotation };
                stage.create(n, of(on(a, first))).await.unwrap();
                let answer = stage.create(n + 1, of(on(b, second))).await;
                let is_allowed = match (a, b) {
                    (_, "ANY") => true,
                    (_, "NESTED") => apart || nested,
                    _ => apart,
                };
                if is_allowed {
                    assert!(answer.is_ok(), "{a} {first}, {b} {second}: {answer:?}");
                } else {
                    breaks(answer, "OVERLAP", "annotation.anchor");
                }
            }
        }
    };
    check("2..4", "4..6", true, false).await;
    check("2..4", "3..6", false, false).await;
    check("2..6", "3..5", false, true).await;
    check("2..4", "2..4", false, true).await;
    check("2..4", "2..5", false, true).await;
    // Discontinuous mentions share what they cover, and not what is between.
    check("2..4 8..10", "5..7", true, false).await;
    check("2..4 8..10", "4..8", true, false).await;
    check("2..4 8..10", "3..9", false, false).await;
    check("2..4 8..10", "8..9", false, true).await;
    check("2..4 8..10", "1..12", false, true).await;
    check("2..4 8..10", "4..6 9..10", false, false).await;
    check("2..4 8..10", "3..4 8..9", false, true).await;
    check("2..4 8..10 30..31", "0..1 5..6 39..40", true, false).await;
}

#[tokio::test]
async fn a_span_that_covers_nothing_is_in_nobodys_way() {
    let stage = Stage::start(TEXT, "span_rules: {overlap: none, empty: true}").await;
    stage.create(1, on("A", "2..6")).await.unwrap();
    for (n, place) in [(2, "4..4"), (3, "2..2"), (4, "6..6"), (5, "4..4")] {
        stage.create(n, on("A", place)).await.unwrap();
    }
    breaks(stage.create(6, on("A", "4..5")).await, "OVERLAP", "annotation.anchor");
}

#[tokio::test]
async fn whatever_comes_to_stand_there_is_judged() {
    let stage = Stage::start(
        TEXT,
        "span_rules: {overlap: none}\nlabels: [{label: FREE, span_rules: {overlap: any}}]",
    )
    .await;
    stage.create(1, on("A", "2..6")).await.unwrap();
    stage.create(2, on("B", "10..12")).await.unwrap();
    stage.create(3, on("FREE", "0..20")).await.unwrap();
    let to = |places: &'static str| move |it: &mut v1::Annotation| it.target = on("", places).target;
    let refused = stage.update(2, &["anchor"], to("5..12")).await;
    assert!(refused.as_ref().unwrap_err().message().contains(&super::name(1)), "{refused:?}");
    breaks(refused, "OVERLAP", "annotation.anchor");
    breaks(stage.update(3, &["label"], |it| it.label = "C".to_owned()).await, "OVERLAP", "annotation.anchor");
    // Another layer is another matter.
    stage.create(4, v1::Annotation { layer: "bob".to_owned(), ..on("A", "0..12") }).await.unwrap();
    // A commit is judged by what it leaves: the two change places.
    let ops = vec![
        Op::Update(update(1, &["anchor"], to("10..12"))),
        Op::Update(update(2, &["anchor"], to("2..6"))),
    ];
    stage.client.send(commit(ops)).await.unwrap();
    let ops = vec![Op::Create(create(5, on("A", "30..32"))), Op::Create(create(6, on("A", "31..33")))];
    breaks(stage.client.send(commit(ops)).await, "OVERLAP", "writes[0].create.annotation.anchor");
    let ops = vec![
        Op::Create(create(5, on("A", "3..5"))),
        Op::Delete(v1::DeleteAnnotationRequest { name: super::name(2), ..Default::default() }),
    ];
    stage.client.send(commit(ops)).await.unwrap();
}

#[tokio::test]
async fn what_was_rejected_is_in_nobodys_way_until_it_is_taken_back() {
    let stage = Stage::start(TEXT, "span_rules: {overlap: none}").await;
    stage.create(1, on("A", "2..6")).await.unwrap();
    stage.review(1, v1::State::Rejected).await.unwrap();
    stage.create(2, on("A", "4..8")).await.unwrap();
    let rejected = v1::Annotation { state: v1::State::Rejected.into(), ..on("A", "0..10") };
    stage.create(3, rejected).await.unwrap();
    for state in [v1::State::Accepted, v1::State::Suggested] {
        breaks(stage.review(1, state).await, "OVERLAP", "annotation.anchor");
    }
    // Moved while it is rejected, and taken back where there is room.
    stage.update(1, &["anchor"], |it| it.target = on("", "5..6").target).await.unwrap();
    breaks(stage.review(1, v1::State::Accepted).await, "OVERLAP", "annotation.anchor");
    let both = |it: &mut v1::Annotation| {
        it.target = on("", "8..9").target;
        it.state = v1::State::Accepted.into();
    };
    stage.update(1, &["anchor", "state"], both).await.unwrap();
    stage.review(2, v1::State::Rejected).await.unwrap();
    stage.review(2, v1::State::Accepted).await.unwrap();
}
