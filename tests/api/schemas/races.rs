//! Many who make what may not stand together at once, and somebody who changes what may.

use std::{collections::BTreeMap, time::Duration};

use spandrel::proto::v1::{self, resource::Kind, write::Op};

use super::{A, P, Stage, commit};
use crate::support::{Client, Seeded, annotation, by_utf8, check_refused, spans};

const CLIENTS: usize = 64;
const ATTEMPTS: usize = 10_000;
/// So little that most attempts clash.
const TEXT_BYTES: usize = 4_000;
/// So much that there are moments without a clash, where any may stand.
const LARGE_TEXT_BYTES: usize = 40_000;

/// The characters that a mention covers.
type Covered = Vec<std::ops::Range<u32>>;

/// Mentions of one or two spans, anywhere; more than the text has room for.
fn somewhere(seeded: &mut Seeded, text_bytes: usize) -> v1::Annotation {
    let mut at = |from: usize, most: usize| {
        let start = from + seeded.below(most);
        (start, start + 1 + seeded.below(12))
    };
    let (start, end) = at(0, text_bytes - 64);
    let mut places = vec![(start, end)];
    if start % 4 == 0 {
        places.push(at(end + 1, 24));
    }
    let span = |(start, end): (usize, usize)| by_utf8(start.try_into().unwrap(), end.try_into().unwrap());
    annotation("X", places.into_iter().map(span).collect())
}

fn covered(annotation: &v1::Annotation) -> Covered {
    spans(annotation).iter().map(|span| span.utf8.unwrap()).map(|range| range.start..range.end).collect()
}

fn characters(of: &Covered) -> u32 {
    of.iter().map(|range| range.end - range.start).sum()
}

/// Whether two may not stand together: each span of one is held against each of the other.
fn clash(one: &Covered, other: &Covered, nested: bool) -> bool {
    let shared = |a: &std::ops::Range<u32>, b: &std::ops::Range<u32>| {
        a.end.min(b.end).saturating_sub(a.start.max(b.start))
    };
    let shared: u32 = one.iter().map(|a| other.iter().map(|b| shared(a, b)).sum::<u32>()).sum();
    let is_whole = shared == characters(one) || shared == characters(other);
    shared > 0 && !(nested && is_whole)
}

/// All pairs that may not stand together.
fn clashes(all: &[v1::Annotation], nested: bool) -> Vec<(String, String)> {
    let all: Vec<_> = all.iter().map(|it| (&it.name, covered(it))).collect();
    let mut found = Vec::new();
    for (index, (name, one)) in all.iter().enumerate() {
        for (other_name, other) in &all[..index] {
            if clash(one, other, nested) {
                found.push(((*other_name).clone(), (*name).clone()));
            }
        }
    }
    found
}

/// Has many clients try to make mentions, and gives what was made. Before each, they wait for some time up to `pause`.
async fn crowd(stage: &Stage, attempts: usize, text_bytes: usize, pause: Duration) -> Vec<v1::Annotation> {
    let clients = (0..CLIENTS).map(|number| {
        let client = stage.client.clone();
        tokio::spawn(async move {
            let mut seeded = Seeded::new(u64::try_from(number).unwrap());
            let mut made = Vec::new();
            for _ in (number..attempts).step_by(CLIENTS) {
                if !pause.is_zero() {
                    tokio::time::sleep(pause * u32::try_from(seeded.below(100)).unwrap() / 100).await;
                }
                let request = v1::CreateAnnotationRequest {
                    parent: A.to_owned(),
                    annotation: Some(somewhere(&mut seeded, text_bytes)),
                    ..Default::default()
                };
                match client.send(request).await {
                    Ok(annotation) => made.push(annotation),
                    refused @ Err(_) => {
                        check_refused(refused, "SCHEMA_VIOLATED", "annotation.anchor");
                    }
                }
            }
            made
        })
    });
    let mut made = Vec::new();
    for client in clients.collect::<Vec<_>>() {
        made.extend(client.await.unwrap());
    }
    made
}

async fn check(rule: &str) {
    let mut stage = Stage::start(&"x".repeat(TEXT_BYTES), &format!("span_rules: {{overlap: {rule}}}")).await;
    let made = crowd(&stage, ATTEMPTS, TEXT_BYTES, Duration::ZERO).await;
    let stored = stage.list().await;
    assert_eq!(clashes(&stored, rule == "nested"), []);
    let by_name = |all: &[v1::Annotation]| -> BTreeMap<String, v1::Annotation> {
        all.iter().map(|it| (it.name.clone(), it.clone())).collect()
    };
    assert_eq!((made.len(), by_name(&made)), (stored.len(), by_name(&stored)));
    // There was room for some, and not for most.
    assert!((100..ATTEMPTS / 2).contains(&stored.len()), "{}", stored.len());
    stage.restart().await;
    assert_eq!(stage.list().await, stored);
    // What was refused is refused still: each place that is left would clash.
    let again = v1::CreateAnnotationRequest {
        parent: A.to_owned(),
        annotation: Some(annotation("X", vec![by_utf8(0, TEXT_BYTES.try_into().unwrap())])),
        ..Default::default()
    };
    let whole = stage.client.send(again).await;
    assert_eq!(whole.is_ok(), rule == "nested", "{whole:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_two_of_many_that_come_at_once_share_characters() {
    check("none").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_come_at_once_one_holds_the_other_whole() {
    check("nested").await;
}

/// Changes the rule back and forth as long as the others work; where mentions clash, it clears some away first.
async fn change_the_rule(client: Client, end: tokio::sync::watch::Receiver<bool>) -> u64 {
    let name = super::NAME.to_owned();
    let mut changed = 0;
    // Once nobody makes more, there is no clash that is not cleared away.
    while !*end.borrow() || changed < 2 {
        let current = client.send(v1::GetLabelSchemaRequest { name: name.clone() }).await.unwrap();
        let was_none = current.span_rules.is_some_and(|rules| rules.overlap() == v1::Overlap::None);
        let rules = v1::SpanRules {
            overlap: if was_none { v1::Overlap::Any } else { v1::Overlap::None }.into(),
            ..Default::default()
        };
        let request = v1::UpdateLabelSchemaRequest {
            label_schema: Some(v1::LabelSchema { span_rules: Some(rules), ..current }),
            ..Default::default()
        };
        match client.send(request).await {
            Ok(_) => changed += 1,
            Err(refused) => {
                let (reason, _) = crate::support::refusal(&refused);
                match reason.as_str() {
                    // Somebody was faster, or many were.
                    "ETAG_MISMATCH" | "OVERLOADED" => {}
                    "SCHEMA_VIOLATED" => clear(&client).await,
                    other => panic!("{other}: {refused:?}"),
                }
            }
        }
    }
    changed
}

/// Deletes whatever clashes with what comes before it.
async fn clear(client: &Client) {
    let request = v1::ListAnnotationsRequest { parent: A.to_owned(), page_size: 1_000, ..Default::default() };
    let all = client.clone().list_all(request).await;
    let (mut kept, mut writes): (Vec<Covered>, _) = (Vec::new(), Vec::new());
    for one in &all {
        let covered = covered(one);
        if kept.iter().any(|other| clash(&covered, other, false)) {
            let (name, allow_missing) = (one.name.clone(), true);
            let delete = v1::DeleteAnnotationRequest { name, allow_missing, ..Default::default() };
            writes.push(Op::Delete(delete));
        } else {
            kept.push(covered);
        }
    }
    for writes in writes.chunks(1_000) {
        client.send(commit(writes.to_vec())).await.unwrap();
    }
}

/// The log tells what stood at each revision, and under which rule.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_holds_from_the_revision_on_that_brought_it() {
    let stage = Stage::start(&"x".repeat(LARGE_TEXT_BYTES), "span_rules: {overlap: none}").await;
    let begin = stage.head().await;
    let (end, ended) = tokio::sync::watch::channel(false);
    let changers: Vec<_> =
        (0..2).map(|_| tokio::spawn(change_the_rule(stage.client.clone(), ended.clone()))).collect();
    crowd(&stage, 1_500, LARGE_TEXT_BYTES, Duration::from_millis(100)).await;
    end.send(true).unwrap();
    let mut changed = 0;
    for changer in changers {
        changed += changer.await.unwrap();
    }

    let log = v1::ListChangesRequest {
        parent: P.to_owned(),
        after_revision: begin,
        page_size: 1_000,
        ..Default::default()
    };
    let (mut stands, mut is_none, mut changes_of_rule) = (BTreeMap::<String, Covered>::new(), true, 0);
    for commit in stage.client.list_changes(log).await {
        for change in commit.changes {
            let revision = commit.revision;
            match change.after.and_then(|after| after.kind) {
                Some(Kind::Annotation(annotation)) => {
                    let covered = covered(&annotation);
                    let clashing = stands.iter().find(|(_, other)| clash(&covered, other, false));
                    assert!(
                        !is_none || clashing.is_none(),
                        "{revision}: {annotation:?} clashes with {clashing:?}"
                    );
                    stands.insert(change.name, covered);
                }
                Some(Kind::LabelSchema(schema)) => {
                    is_none = schema.span_rules.unwrap().overlap() == v1::Overlap::None;
                    changes_of_rule += 1;
                    let all: Vec<_> = stands.values().collect();
                    let clashing = all
                        .iter()
                        .enumerate()
                        .any(|(index, one)| all[..index].iter().any(|other| clash(one, other, false)));
                    assert!(
                        !is_none || !clashing,
                        "the schema of revision {revision} is broken by what stands"
                    );
                }
                None => drop(stands.remove(&change.name)),
                other => panic!("{other:?}"),
            }
        }
    }
    let stored: Vec<_> = stage.list().await.into_iter().map(|it| it.name).collect();
    assert_eq!(stands.len(), stored.len());
    assert!(stored.iter().all(|name| stands.contains_key(name)));
    assert_eq!(changes_of_rule, changed);
}
