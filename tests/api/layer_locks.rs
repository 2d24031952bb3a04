//! The layers of an article: what it has of them, and that nobody changes what was submitted.

use spandrel::proto::v1::{self, write::Op};
use tokio::task::JoinSet;
use tonic::Status;

use crate::{
    layers::{A, P, TEXT, all, create, create_all, head, id, name, numbers, on, relation, undo},
    support::{Client, Server, annotation, by_utf8, check_refused, mask},
};

const OPEN: v1::ArticleLayerState = v1::ArticleLayerState::Open;
const SUBMITTED: v1::ArticleLayerState = v1::ArticleLayerState::Submitted;

fn of_article(layer: &str) -> String {
    format!("{A}/layers/{layer}")
}

async fn get(client: &Client, layer: &str) -> Result<v1::ArticleLayer, Status> {
    client.send(v1::GetArticleLayerRequest { name: of_article(layer) }).await
}

pub(crate) async fn submit(client: &Client, layer: &str) -> Result<v1::ArticleLayer, Status> {
    client.send(v1::SubmitLayerRequest { name: of_article(layer), ..Default::default() }).await
}

pub(crate) async fn reopen(client: &Client, layer: &str) -> Result<v1::ArticleLayer, Status> {
    client.send(v1::ReopenLayerRequest { name: of_article(layer), ..Default::default() }).await
}

async fn list(client: &Client, page_size: i32) -> Vec<v1::ArticleLayer> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListArticleLayersRequest { parent: A.to_owned(), page_size, page_token };
        let page = client.send(request).await.unwrap();
        assert_eq!(page.revision, head(client).await);
        all.extend(page.article_layers);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

fn rename(n: u8) -> v1::UpdateAnnotationRequest {
    let annotation = v1::Annotation { name: name(n), label: "X".to_owned(), ..Default::default() };
    let update_mask = Some(mask(&["label"]));
    v1::UpdateAnnotationRequest { annotation: Some(annotation), update_mask, ..Default::default() }
}

fn delete(n: u8) -> v1::DeleteAnnotationRequest {
    v1::DeleteAnnotationRequest { name: name(n), ..Default::default() }
}

/// alice has IBM (1), Armonk (2), a relation of both (3) and Ada (4); bob has IBM (5).
async fn annotated() -> (Server, Client) {
    let server = Server::start();
    let client = server.client_with_article(TEXT).await;
    create_all(
        &client,
        vec![
            on("alice", "ORG", "IBM"),
            on("alice", "LOC", "Armonk"),
            relation("alice", "Located", &[1, 2]),
            on("alice", "ORG", "Ada"),
            on("bob", "ORG", "IBM"),
        ],
    )
    .await;
    (server, client)
}

#[tokio::test]
async fn an_articles_layers_are_those_with_annotations_and_those_that_were_submitted() {
    let (mut server, client) = annotated().await;
    let alice = get(&client, "alice").await.unwrap();
    assert_eq!((alice.state(), numbers(alice.counts)), (OPEN, [3, 1, 0, 0, 4, 0]));
    assert_eq!((alice.submit_time, alice.revision), (None, 0));
    let labels: Vec<_> = alice.labels.iter().map(|it| (it.label.as_str(), it.count)).collect();
    assert_eq!(labels, [("ORG", 2), ("LOC", 1), ("Located", 1)]);
    // A layer that the article has nothing of is open and empty, and not listed.
    let nothing = get(&client, "carol").await.unwrap();
    assert_eq!((nothing.state(), numbers(nothing.counts), nothing.revision), (OPEN, [0; 6], 0));
    let names = |layers: &[v1::ArticleLayer]| layers.iter().map(|it| it.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&list(&client, 50).await), ["alice", "bob"].map(of_article));

    let submitted = submit(&client, "carol").await.unwrap();
    assert_eq!((submitted.state(), submitted.revision), (SUBMITTED, head(&client).await));
    assert!(submitted.submit_time.is_some());
    for page_size in [1, 2, 50] {
        let listed = list(&client, page_size).await;
        assert_eq!(names(&listed), ["alice", "bob", "carol"].map(of_article));
        assert!(listed.iter().all(|layer| layer.labels.is_empty()));
        assert_eq!(numbers(listed[0].counts), [3, 1, 0, 0, 4, 0]);
        assert_eq!(listed[2], submitted);
    }
    server.kill();
    server.start_again();
    let client = server.client().await;
    assert_eq!(get(&client, "carol").await.unwrap(), submitted);
    assert_eq!(get(&client, "alice").await.unwrap(), alice);
    // What was kept of an answer is told no longer than it holds.
    client.send(create(9, on("alice", "PER", "She"))).await.unwrap();
    assert_eq!(numbers(get(&client, "alice").await.unwrap().counts), [4, 1, 0, 0, 5, 0]);
    assert_eq!(get(&client, "alice").await.unwrap().labels.len(), 4);
}

#[tokio::test]
async fn submitting_and_reopening_do_once_what_they_say_and_are_taken_back() {
    let (mut server, mut client) = annotated().await;
    let first = submit(&client, "alice").await.unwrap();
    let after = head(&client).await;
    assert_eq!(numbers(first.counts), [3, 1, 0, 0, 4, 0]);
    assert_eq!(submit(&client, "alice").await.unwrap(), first);
    assert_eq!(head(&client).await, after);
    let again = v1::SubmitLayerRequest { name: of_article("alice"), request_id: id(1), validate_only: false };
    assert_eq!(client.send(again).await.unwrap(), first);

    let reopen_once =
        v1::ReopenLayerRequest { name: of_article("alice"), request_id: id(2), validate_only: false };
    let check = v1::ReopenLayerRequest { validate_only: true, ..reopen_once.clone() };
    assert_eq!(client.send(check).await.unwrap().state(), OPEN);
    assert_eq!(get(&client, "alice").await.unwrap().state(), SUBMITTED);
    let opened = client.send(reopen_once.clone()).await.unwrap();
    assert_eq!((opened.state(), opened.submit_time), (OPEN, first.submit_time));
    let reopened_at = head(&client).await;
    submit(&client, "alice").await.unwrap();
    server.kill();
    server.start_again();
    client = server.client().await;
    // A retry does not open it a second time.
    assert_eq!(client.send(reopen_once).await.unwrap(), opened);
    assert_eq!(get(&client, "alice").await.unwrap().state(), SUBMITTED);

    undo(&client, head(&client).await).await.unwrap();
    assert_eq!(get(&client, "alice").await.unwrap().state(), OPEN);
    check_refused(undo(&client, reopened_at).await, "UNDO_CONFLICT", "");
    assert_eq!(reopen(&client, "never").await.unwrap().state(), OPEN);
    let gone = v1::SubmitLayerRequest { name: format!("{P}/articles/none/layers/l"), ..Default::default() };
    check_refused(client.send(gone).await, "RESOURCE_NOT_FOUND", "name");
    let wrong = v1::SubmitLayerRequest { name: format!("{P}/layers/l"), ..Default::default() };
    check_refused(client.send(wrong).await, "FIELD_INVALID", "name");
}

#[tokio::test]
async fn nothing_of_a_submitted_layer_is_created_changed_or_deleted_until_it_is_reopened() {
    let (mut server, client) = annotated().await;
    let deleted_at = {
        client.send(delete(4)).await.unwrap();
        head(&client).await
    };
    submit(&client, "alice").await.unwrap();
    server.kill();
    server.start_again();
    let mut client = server.client().await;
    let before = (head(&client).await, all(&client, "alice").await);
    let locked = |answer: Result<(), Status>, field: &str| {
        let details = check_refused(answer, "LAYER_LOCKED", field);
        let violation = &details.precondition_failure().unwrap().violations[0];
        assert_eq!(violation.subject, of_article("alice"));
        assert!(violation.description.contains("reopen it"), "{violation:?}");
    };
    locked(client.send(create(9, on("alice", "PER", "She"))).await.map(drop), "");
    locked(client.send(rename(1)).await.map(drop), "");
    locked(client.send(delete(3)).await, "");
    locked(client.send(v1::DeleteAnnotationRequest { force: true, ..delete(1) }).await, "");
    locked(undo(&client, deleted_at).await.map(drop), "");
    // In a commit, too, which is done whole or not at all.
    let ops = vec![Op::Update(rename(5)), Op::Delete(delete(3))];
    let writes = ops.into_iter().map(|op| v1::Write { op: Some(op) }).collect();
    let commit = v1::CommitAnnotationsRequest { parent: P.to_owned(), writes, ..Default::default() };
    locked(client.send(commit).await.map(drop), "writes[1].delete");
    let deletion =
        v1::DeleteLayerRequest { name: format!("{P}/layers/alice"), force: true, ..Default::default() };
    locked(client.send(deletion).await, "");
    assert_eq!((head(&client).await, all(&client, "alice").await), before);

    // Other layers and articles go on.
    client.send(rename(5)).await.unwrap();
    client.create_article(P, "b", TEXT).await;
    let elsewhere = v1::CreateAnnotationRequest {
        parent: format!("{P}/articles/b"),
        annotation: Some(on("alice", "ORG", "IBM")),
        ..Default::default()
    };
    client.send(elsewhere).await.unwrap();
    reopen(&client, "alice").await.unwrap();
    client.send(rename(1)).await.unwrap();
    undo(&client, deleted_at).await.unwrap();
    assert_eq!(all(&client, "alice").await.len(), 4);
}

#[tokio::test]
async fn an_article_goes_and_comes_back_with_what_was_submitted_in_it() {
    let (_server, client) = annotated().await;
    let submitted = submit(&client, "alice").await.unwrap();
    let deletion = v1::DeleteArticleRequest { name: A.to_owned(), force: true, ..Default::default() };
    client.send(deletion).await.unwrap();
    check_refused(get(&client, "alice").await, "RESOURCE_NOT_FOUND", "");
    let list = v1::ListArticleLayersRequest { parent: A.to_owned(), ..Default::default() };
    check_refused(client.send(list).await, "RESOURCE_NOT_FOUND", "");
    undo(&client, head(&client).await).await.unwrap();
    let back = get(&client, "alice").await.unwrap();
    assert_eq!(v1::ArticleLayer { labels: Vec::new(), ..back }, submitted);
    check_refused(client.send(rename(1)).await, "LAYER_LOCKED", "");
}

#[tokio::test]
async fn a_text_is_revised_whether_layers_are_submitted_or_not_and_the_counts_follow() {
    let (_server, client) = annotated().await;
    submit(&client, "alice").await.unwrap();
    let text = TEXT.replace("Armonk", "the state of New York");
    let revise = v1::ReviseArticleRequest { name: A.to_owned(), text, ..Default::default() };
    client.send(revise).await.unwrap();
    let counts = get(&client, "alice").await.unwrap().counts.unwrap();
    // Armonk is lost, and what is said of where IBM is with it.
    let expected = v1::LayerCounts {
        spans: 2,
        relations: 1,
        orphans: 1,
        accepted: 4,
        needs_review: 2,
        ..v1::LayerCounts::default()
    };
    assert_eq!(counts, expected);
    let of_project = v1::GetLayerRequest { name: format!("{P}/layers/alice") };
    assert_eq!(client.send(of_project).await.unwrap().counts, Some(expected));
    check_refused(client.send(rename(1)).await, "LAYER_LOCKED", "");
    // Copies stand where their sources do, and are to be looked at as they are.
    let (name, destination) = (of_article("alice"), "carol".to_owned());
    let copy = v1::CopyLayerRequest { name, destination, ..Default::default() };
    let copied = client.send(copy).await.unwrap();
    assert_eq!(copied.article_layer.unwrap().counts, Some(expected));
    undo(&client, copied.revision).await.unwrap();
    assert_eq!(all(&client, "carol").await.len(), 0);
}

#[tokio::test]
async fn what_was_submitted_since_keeps_an_article_from_being_undone() {
    let (_server, mut client) = annotated().await;
    client.create_article(P, "b", TEXT).await;
    let created = head(&client).await;
    let check = async |made: u64, article: &str, reason: &str| {
        let name = format!("{P}/articles/{article}/layers/alice");
        client.send(v1::SubmitLayerRequest { name: name.clone(), ..Default::default() }).await.unwrap();
        let status = undo(&client, made).await.unwrap_err();
        assert!(status.message().contains(&format!("{name} {reason}")), "{}", status.message());
        // Nobody has submitted it once that is taken back, too.
        undo(&client, head(&client).await).await.unwrap();
    };
    check(created, "b", "was created since").await;
    undo(&client, created).await.unwrap();
    let deletion = v1::DeleteArticleRequest { name: A.to_owned(), force: true, ..Default::default() };
    client.send(deletion).await.unwrap();
    let back = undo(&client, head(&client).await).await.unwrap().revision;
    check(back, "a", "was changed since").await;
}

#[tokio::test]
async fn an_article_has_no_more_submitted_layers_than_layers() {
    let (_server, client) = annotated().await;
    for n in 0..256 {
        submit(&client, &format!("l{n}")).await.unwrap();
    }
    check_refused(submit(&client, "more").await, "LIMIT_EXCEEDED", "name");
    assert_eq!(list(&client, 100).await.len(), 258);
}

/// However writers race, nothing of the layer has a later revision than its submission.
#[tokio::test(flavor = "multi_thread")]
async fn what_races_with_a_submission_comes_before_it_or_not_at_all() {
    const WRITERS: usize = 32;
    let server = Server::start();
    let client = server.client_with_article(&"word ".repeat(200)).await;
    let mut writers = JoinSet::new();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    for writer in 0..WRITERS {
        let (address, stop) = (server.address.clone(), std::sync::Arc::clone(&stop));
        writers.spawn(async move {
            let client = Client::connect(&address).await;
            let (mut created, mut locked) = (Vec::new(), 0);
            let mut n = u32::try_from(writer).unwrap();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                n = (n + 7) % 200;
                let of_alice = v1::Annotation {
                    layer: "alice".to_owned(),
                    ..annotation("W", vec![by_utf8(n * 5, n * 5 + 4)])
                };
                let request = v1::CreateAnnotationRequest {
                    parent: A.to_owned(),
                    annotation: Some(of_alice),
                    ..Default::default()
                };
                match client.send(request).await {
                    Ok(annotation) => created.push(annotation.revision),
                    Err(status) => {
                        check_refused(Err::<(), _>(status), "LAYER_LOCKED", "");
                        locked += 1;
                        tokio::task::yield_now().await;
                    }
                }
            }
            (created, locked)
        });
    }
    let mut rounds = Vec::new();
    for _ in 0..10 {
        while all(&client, "alice").await.len() <= rounds.len() * 20 {
            tokio::task::yield_now().await;
        }
        let submitted = submit(&client, "alice").await.unwrap();
        let there = all(&client, "alice").await;
        assert!(there.iter().all(|annotation| annotation.revision < submitted.revision));
        assert_eq!(u64::try_from(there.len()).unwrap(), submitted.counts.unwrap().spans);
        let opened = reopen(&client, "alice").await.unwrap();
        rounds.push((submitted.revision, opened.revision));
    }
    submit(&client, "alice").await.unwrap();
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut locked = 0;
    while let Some(writer) = writers.join_next().await {
        let (created, refused) = writer.unwrap();
        locked += refused;
        let between = |revision: &u64| rounds.iter().any(|(from, to)| from < revision && revision < to);
        assert!(!created.iter().any(between));
    }
    assert!(locked > 0, "nobody met a lock");
}
