//! What was acknowledged is on disk: the process is killed while many write, and nothing that they were told is lost.

use std::time::{Duration, Instant};

use spandrel::proto::v1;
use tokio::task::JoinSet;

use crate::support::{Client, Server, annotation, by_code_points, check_refused, spans};

const CLIENTS: usize = 8;
const A: &str = "projects/p/articles/a";
const TEXT: &str = "日本語の👍🏽 text, é and more of it";

fn list() -> v1::ListAnnotationsRequest {
    v1::ListAnnotationsRequest { parent: A.to_owned(), page_size: 1_000, ..Default::default() }
}

/// Creates annotations until the server is gone, and returns those that were acknowledged.
async fn create_until_killed(client: Client, number: usize) -> Vec<v1::Annotation> {
    let mut acknowledged = Vec::new();
    for start in (0..20).cycle() {
        let request = v1::CreateAnnotationRequest {
            parent: A.to_owned(),
            annotation: Some(annotation(&format!("client {number}"), vec![by_code_points(start, start + 3)])),
            ..Default::default()
        };
        match client.send(request).await {
            Ok(created) => acknowledged.push(created),
            Err(_) => break,
        }
    }
    acknowledged
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_plug_is_pulled() {
    let mut server = Server::start();
    server.client_with_article(TEXT).await;
    let mut acknowledged: Vec<v1::Annotation> = Vec::new();
    for round in 1..=4 {
        let mut tasks = JoinSet::new();
        for number in 0..CLIENTS {
            tasks.spawn(create_until_killed(server.client().await, number));
        }
        tokio::time::sleep(Duration::from_millis(150 * round)).await;
        server.kill();
        let before = acknowledged.len();
        acknowledged.extend(tasks.join_all().await.into_iter().flatten());
        assert!(acknowledged.len() > before + CLIENTS, "nothing was going on when it was killed");

        server.start_again();
        let mut client = server.client().await;
        for expected in &acknowledged[before..] {
            assert_eq!(client.get(&expected.name).await.unwrap(), *expected, "in round {round}");
        }
        let mut listed = client.list_all(list()).await;
        // Of each client one more may have been written in each round, whose answer was lost.
        let unanswered = listed.len() - acknowledged.len();
        assert!(unanswered <= CLIENTS * usize::try_from(round).unwrap(), "{unanswered} that nobody made");
        let revision = |annotation: &v1::Annotation| annotation.revision;
        acknowledged.sort_by_key(revision);
        listed.sort_by_key(revision);
        let mut rest = listed.iter();
        assert!(acknowledged.iter().all(|expected| rest.any(|found| found == expected)), "in round {round}");
        let head =
            client.send(v1::GetProjectRequest { name: "projects/p".to_owned() }).await.unwrap().revision;
        assert_eq!(head, listed.last().unwrap().revision, "no revision was lost or made up");
    }
}

/// A commit is there with all its annotations or with none.
#[tokio::test]
async fn a_commit_that_is_cut_off_is_there_whole_or_not_at_all() {
    const WRITES: usize = 50;
    let mut server = Server::start();
    server.client_with_article(TEXT).await;
    let mut tasks = JoinSet::new();
    for number in 0..4 {
        let client = server.client().await;
        tasks.spawn(async move {
            for commit in 0.. {
                let label = format!("{number}/{commit}");
                let one = v1::CreateAnnotationRequest {
                    annotation: Some(annotation(&label, vec![by_code_points(0, 3)])),
                    ..Default::default()
                };
                let batch = v1::BatchCreateAnnotationsRequest {
                    parent: A.to_owned(),
                    requests: vec![one; WRITES],
                    validate_only: false,
                    request_id: String::new(),
                };
                if client.send(batch).await.is_err() {
                    break;
                }
            }
        });
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.kill();
    tasks.join_all().await;
    server.start_again();
    let listed = server.client().await.list_all(list()).await;
    let mut labels: Vec<_> = listed.iter().map(|annotation| annotation.label.as_str()).collect();
    labels.sort_unstable();
    assert!(labels.len() > WRITES);
    assert!(labels.chunk_by(|one, next| one == next).all(|commit| commit.len() == WRITES));
}

#[tokio::test]
async fn a_delete_stays_a_delete() {
    let mut server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    let stored = client.annotate(A, "X", by_code_points(0, 3)).await.unwrap();
    client.create_article("projects/p", "b", TEXT).await;
    let delete = v1::DeleteAnnotationRequest { name: stored.name.clone(), ..Default::default() };
    client.send(delete).await.unwrap();
    let delete = v1::DeleteArticleRequest { name: "projects/p/articles/b".to_owned(), ..Default::default() };
    client.send(delete.clone()).await.unwrap();
    server.kill();
    server.start_again();
    let mut client = server.client().await;
    check_refused(client.get(&stored.name).await, "RESOURCE_NOT_FOUND", "");
    check_refused(client.send(delete).await, "RESOURCE_NOT_FOUND", "name");
    assert_eq!(client.list_all(list()).await, []);
}

#[tokio::test]
async fn sigterm_ends_with_0_and_everything_is_there_afterwards() {
    let mut server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    let stored = client.annotate(A, "X", by_code_points(5, 7)).await.unwrap();
    assert_eq!(spans(&stored)[0].quote, "\u{1f3fd} ");
    // While a connection is open and a stream is not read to its end.
    let request = v1::StreamAnnotationsRequest { parent: "projects/p".to_owned(), ..Default::default() };
    let _stream = client.annotations.stream_annotations(request).await.unwrap();
    let told = Instant::now();
    let status = server.stop().await;
    assert_eq!(status.code(), Some(0), "{status:?}");
    assert!(told.elapsed() < Duration::from_secs(5), "it waited for a client that had heard");
    assert!(client.get(&stored.name).await.is_err());

    server.start_again();
    let client = server.client().await;
    assert_eq!(client.get(&stored.name).await.unwrap(), stored);
    let article = v1::GetArticleRequest { name: A.to_owned(), view: 0, text_revision: 0 };
    assert_eq!(client.send(article).await.unwrap().text, TEXT);
}

/// It said that it was ready before it listened to signals, and then died of one instead of ending.
#[tokio::test]
async fn sigterm_is_heard_as_soon_as_the_server_is_ready() {
    let mut server = Server::start();
    for _ in 0..20 {
        let status = server.stop().await;
        assert_eq!(status.code(), Some(0), "{status:?}");
        server.start_again();
    }
}

/// A client that neither reads nor closes its connection is not waited for longer than is said.
#[tokio::test]
async fn a_client_that_does_not_listen_is_cut_off() {
    let mut server = Server::start_with(&["--drain-timeout", "500ms"]);
    let client = server.client_with_article(TEXT).await;
    let told = Instant::now();
    let status = server.terminate();
    assert_eq!(status.code(), Some(0), "{status:?}");
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
    drop(client);
    server.start_again();
    let article = v1::GetArticleRequest { name: A.to_owned(), view: 0, text_revision: 0 };
    assert_eq!(server.client().await.send(article).await.unwrap().text, TEXT);
}
