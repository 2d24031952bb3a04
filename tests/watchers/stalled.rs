//! Those who open a stream and read nothing, and those who come and go: neither costs the server memory.

use spandrel::proto::v1::{self, watch_changes_request::Start};

use crate::{
    memory::Memory,
    source::Caller,
    stage::{LAYERS, P, article, article_to_create, lines, say},
    support::{Client, Server, annotation},
};

async fn project(server: &Server) -> Client {
    let mut client = server.client().await;
    client.create_project("p").await;
    client.send(article_to_create(&article(0), String::new())).await.unwrap();
    client
}

fn watch(layer: &str) -> v1::WatchChangesRequest {
    let (parent, layer) = (P.to_owned(), layer.to_owned());
    v1::WatchChangesRequest { parent, layer, start: Some(Start::Now(v1::Now {})), ..Default::default() }
}

/// A commit of about 64 KiB as it is told, a quarter of it in each layer.
async fn write_64_kib(client: &Client) {
    let create = |number: usize| {
        let annotation = annotation("X", vec![lines(number % 20, 12)]);
        let layer = LAYERS[number % LAYERS.len()].to_owned();
        let annotation = Some(v1::Annotation { layer, ..annotation });
        v1::CreateAnnotationRequest { annotation, ..Default::default() }
    };
    let (parent, requests) = (article(0), (0..48).map(create).collect());
    let request = v1::BatchCreateAnnotationsRequest { parent, requests, ..Default::default() };
    client.send(request).await.unwrap();
}

/// They are in the middle of what happened a moment ago, of which each is told something else than the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_read_nothing_cost_little_however_much_is_written() {
    const STREAMS: usize = 200;
    /// Of what a stream takes that nobody reads.
    const STREAM_KIB_MAX: u64 = 400;
    /// By what is kept of the log for all, and by the database.
    const WRITING_KIB_MAX: u64 = 40 * 1_024;
    let server = Server::start_with(&["--cache", "8MiB"]);
    let client = project(&server).await;
    let _first = client.watch(watch("")).await.unwrap();
    for _ in 0..80 {
        write_64_kib(&client).await;
    }
    let before = Memory::of(server.pid()).now;
    let mut unread = Vec::new();
    for number in 0..STREAMS {
        let start = Some(Start::AfterRevision(2));
        let watch = v1::WatchChangesRequest { start, ..watch(LAYERS[number % LAYERS.len()]) };
        unread.push(Caller::grpc(&server.address, Some(4_096)).watch(watch).await.unwrap());
    }
    write_64_kib(&client).await;
    let opened = Memory::of(server.pid()).now;
    for _ in 0..200 {
        write_64_kib(&client).await;
    }
    let after = Memory::of(server.pid()).now;
    let (streams, writing) = (opened.saturating_sub(before), after.saturating_sub(opened));
    say(&format!(
        "{STREAMS} streams that nobody reads take {streams} KiB, and {writing} KiB more came later"
    ));
    assert!(streams < u64::try_from(STREAMS).unwrap() * STREAM_KIB_MAX, "{streams} KiB");
    assert!(writing < WRITING_KIB_MAX, "{writing} KiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_come_and_go_leave_nothing() {
    let server = Server::start_with(&["--cache", "8MiB"]);
    let client = project(&server).await;
    let mut taken = Vec::new();
    for round in 0..3_000 {
        drop(client.watch(watch("")).await.unwrap());
        // On the same connection: once this is answered, the server has heard of that.
        client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap();
        if round % 1_000 == 999 {
            taken.push(Memory::of(server.pid()).now);
        }
    }
    say(&format!("KiB after each 1,000 who came and went: {taken:?}"));
    assert!(taken[2] < taken[0] + 1_024);
}

/// Of many large commits the newest come first, and are not all held for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_from_the_end_of_large_commits_holds_few_of_them() {
    let server = Server::start_with(&["--cache", "8MiB"]);
    let client = project(&server).await;
    let create = v1::CreateAnnotationRequest {
        annotation: Some(annotation("X", vec![lines(0, 12)])),
        ..Default::default()
    };
    for _ in 0..60 {
        let (parent, requests) = (article(0), vec![create.clone(); 600]);
        let batch = v1::BatchCreateAnnotationsRequest { parent, requests, ..Default::default() };
        client.send(batch).await.unwrap();
    }
    let before = Memory::of(server.pid()).most;
    let order_by = "revision desc".to_owned();
    let list = v1::ListChangesRequest { parent: P.to_owned(), order_by, ..Default::default() };
    let page = client.send(list.clone()).await.unwrap();
    assert_eq!((page.changes[0].revision, page.changes[0].continued), (62, true));
    let more = Memory::of(server.pid()).most - before;
    say(&format!("a page of large commits, the newest first, takes {more} KiB"));
    let mut found: Vec<_> = client.list_changes(list).await.iter().map(|part| part.revision).collect();
    found.dedup();
    assert_eq!(found, (1..=62).rev().collect::<Vec<_>>());
    assert!(more < 24 * 1_024, "{more} KiB");
}
