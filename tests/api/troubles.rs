//! What goes wrong with the server and not with the request: too much to do, no disk, damage, the end.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use spandrel::{
    clock,
    proto::v1,
    store::{
        committer::Options,
        engine::{Engine, EngineExt, Maintenance, Partition},
        keys, sled_backend,
    },
};
use tonic::{Code, Status, Streaming};

use crate::support::{Client, Server, by_utf8, refusal};

const A: &str = "projects/p/articles/a";

fn check(status: &Status, code: Code, reason: &str) {
    assert_eq!((status.code(), refusal(status).0.as_str()), (code, reason), "{status:?}");
    if code == Code::Unavailable {
        assert!(refusal(status).1.retry_info().is_some(), "{status:?}");
    }
}

/// A stream that the server cannot finish, since nobody reads it: more is on its way than the windows hold.
async fn endless_stream(client: &mut Client) -> Streaming<v1::StreamAnnotationsResponse> {
    let quote = "x".repeat(1_000);
    client.create_article("projects/p", "long", &quote).await;
    let span = v1::Span { quote, ..by_utf8(0, 1_000) };
    let create = v1::CreateAnnotationRequest {
        annotation: Some(crate::support::annotation("X", vec![span])),
        ..Default::default()
    };
    for _ in 0..20 {
        let batch = v1::BatchCreateAnnotationsRequest {
            parent: "projects/p/articles/long".to_owned(),
            requests: vec![create.clone(); 900],
            validate_only: false,
            request_id: String::new(),
        };
        client.annotations.batch_create_annotations(batch).await.unwrap();
    }
    let request = v1::StreamAnnotationsRequest { parent: "projects/p".to_owned(), ..Default::default() };
    client.annotations.stream_annotations(request).await.unwrap().into_inner()
}

fn get() -> v1::GetArticleRequest {
    v1::GetArticleRequest { name: A.to_owned(), view: 0, text_revision: 0 }
}

#[tokio::test]
async fn one_call_too_many_is_overloaded_and_the_next_after_it_is_not() {
    let server = Server::start_with(&["--max-calls", "1"]);
    let mut client = server.client_with_article("text").await;
    let stream = endless_stream(&mut client).await;
    let status = client.articles.get_article(get()).await.unwrap_err();
    check(&status, Code::Unavailable, "OVERLOADED");
    drop(stream);
    let patience = Instant::now() + Duration::from_secs(10);
    while client.articles.get_article(get()).await.is_err() {
        assert!(Instant::now() < patience, "the stream that was dropped still counts");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_draining_server_ends_its_streams_and_says_why() {
    let mut server = Server::start_with(&["--drain-timeout", "5s"]);
    let mut client = server.client_with_article("text").await;
    let mut stream = endless_stream(&mut client).await;
    stream.message().await.unwrap().unwrap();
    let ended = tokio::task::spawn_blocking(move || server.terminate());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let end = loop {
        match stream.message().await {
            Ok(Some(_)) => tokio::time::sleep(Duration::from_millis(400)).await,
            Ok(None) => panic!("a stream that was cut off ended as if it were whole"),
            Err(status) => break status,
        }
    };
    check(&end, Code::Unavailable, "SHUTTING_DOWN");
    assert!(ended.await.unwrap().success());
}

#[tokio::test]
async fn without_free_space_writes_are_refused_and_reads_go_on() {
    let mut server = Server::start();
    let mut client = server.client_with_article("text").await;
    let stored = client.annotate(A, "X", by_utf8(0, 2)).await.unwrap();
    server.terminate();
    server.start_again_with(&["--free-space", "1000000GiB"]);
    let mut client = server.client().await;
    let status = client.annotate(A, "X", by_utf8(0, 1)).await.unwrap_err();
    check(&status, Code::Unavailable, "STORAGE_UNAVAILABLE");
    let listed =
        client.list_all(v1::ListAnnotationsRequest { parent: A.to_owned(), ..Default::default() }).await;
    assert_eq!(listed, [stored]);
}

#[tokio::test]
async fn a_damaged_record_is_data_loss_and_the_others_are_served() {
    let mut server = Server::start();
    let mut client = server.client_with_article("text").await;
    client.create_article("projects/p", "b", "text").await;
    server.terminate();

    let observer = Arc::new(|_: Partition, _: &_| ());
    let options = Options { clock: clock::system(), observer, free_space_floor_bytes: 0 };
    let engine = sled_backend::open(server.data_dir(), 1 << 20, options).unwrap();
    let project = Partition(1);
    let first = engine.read(project, |view| {
        let range = keys::articles();
        Ok(view.ascending(&range.from, &range.to).next().transpose()?.map(|(key, _)| key))
    });
    let key = first.await.unwrap().value.unwrap();
    let damage = Maintenance::of(vec![(key, Some("\0\0\0\x05what?".into()))]);
    engine.maintain(project, damage).await.unwrap();
    engine.close();
    drop(engine);

    server.start_again();
    let mut client = server.client().await;
    let status = client.articles.get_article(get()).await.unwrap_err();
    check(&status, Code::DataLoss, "STORAGE_CORRUPT");
    let other = v1::GetArticleRequest { name: "projects/p/articles/b".to_owned(), view: 0, text_revision: 0 };
    assert_eq!(client.articles.get_article(other).await.unwrap().into_inner().text, "text");
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_with_the_limit() {
    let server = Server::start();
    let mut client = server.client_with_article("text").await;
    let article = v1::Article { text: "x".repeat(5 << 20), ..Default::default() };
    let request = v1::CreateArticleRequest {
        parent: "projects/p".to_owned(),
        article: Some(article),
        ..Default::default()
    };
    let status = client.articles.create_article(request).await.unwrap_err();
    check(&status, Code::InvalidArgument, "LIMIT_EXCEEDED");
    let limit = refusal(&status).1.error_info().unwrap().metadata["limit"].clone();
    assert_eq!(limit, (4 << 20).to_string());
    assert!(client.annotate(A, "X", by_utf8(0, 1)).await.is_ok(), "the connection goes on");
}
