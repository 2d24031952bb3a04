//! Retries: the same request id is the same request, however often and whenever it comes.
//!
//! Label Studio 1.23 saved sixteen copies of one retried request.

use spandrel::proto::v1::{self, write::Op};
use tokio::task::JoinSet;

use crate::support::{Client, Server, annotation, by_quote, by_utf8, check_refused, mask};

const P: &str = "projects/p";
const A: &str = "projects/p/articles/a";
const TEXT: &str = "one two three four five six seven";

fn id(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn create(quote: &str, request: u32) -> v1::CreateAnnotationRequest {
    v1::CreateAnnotationRequest {
        parent: A.to_owned(),
        annotation: Some(annotation("X", vec![by_quote(quote)])),
        request_id: id(request),
        ..Default::default()
    }
}

async fn head(client: &Client) -> u64 {
    client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap().revision
}

/// Expects that `request` is done once, and answered the same each time it is sent, also after a restart.
async fn check<R: crate::support::Request + Clone>(server: &mut Server, client: &mut Client, request: R)
where
    R::Answer: std::fmt::Debug + PartialEq,
{
    let first = client.send(request.clone()).await.unwrap();
    let after = head(client).await;
    assert_eq!(client.send(request.clone()).await.unwrap(), first);
    server.kill();
    server.start_again();
    *client = server.client().await;
    assert_eq!(client.send(request).await.unwrap(), first);
    assert_eq!(head(client).await, after);
}

#[tokio::test]
async fn every_write_is_done_once_and_answered_the_same_after_a_restart() {
    let mut server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    let name = || format!("{A}/annotations/{}", id(1));

    check(&mut server, &mut client, create("two", 1)).await;
    let create = v1::CreateAnnotationRequest { annotation_id: id(1), ..create("four", 2) };
    check(&mut server, &mut client, create).await;
    let renamed = v1::Annotation { name: name(), label: "Y".to_owned(), ..Default::default() };
    let update = v1::UpdateAnnotationRequest {
        annotation: Some(renamed),
        update_mask: Some(mask(&["label"])),
        request_id: id(3),
        ..Default::default()
    };
    check(&mut server, &mut client, update).await;
    let delete = v1::DeleteAnnotationRequest { name: name(), request_id: id(4), ..Default::default() };
    check(&mut server, &mut client, delete).await;
    let one = |quote| v1::CreateAnnotationRequest { request_id: String::new(), ..self::create(quote, 0) };
    let batch = v1::BatchCreateAnnotationsRequest {
        parent: A.to_owned(),
        requests: vec![one("one"), one("six")],
        request_id: id(5),
        ..Default::default()
    };
    check(&mut server, &mut client, batch).await;
    let gone = v1::DeleteAnnotationRequest { name: name(), allow_missing: true, ..Default::default() };
    let writes = vec![Op::Create(one("five")), Op::Delete(gone), Op::Create(one("seven"))];
    let commit = v1::CommitAnnotationsRequest {
        parent: P.to_owned(),
        writes: writes.into_iter().map(|op| v1::Write { op: Some(op) }).collect(),
        request_id: id(6),
        ..Default::default()
    };
    check(&mut server, &mut client, commit).await;

    let article = v1::Article { text: "x".repeat(300_000), ..Default::default() };
    let article = v1::CreateArticleRequest {
        parent: P.to_owned(),
        article: Some(article),
        request_id: id(7),
        ..Default::default()
    };
    check(&mut server, &mut client, article).await;
    let missing =
        v1::Article { name: format!("{P}/articles/b"), title: "B".to_owned(), ..Default::default() };
    let update = v1::UpdateArticleRequest {
        article: Some(missing),
        update_mask: Some(mask(&["title"])),
        allow_missing: true,
        request_id: id(8),
        ..Default::default()
    };
    check(&mut server, &mut client, update).await;
    // What it creates needs no etag, and what a retry finds there would.
    let missing =
        v1::Article { name: format!("{P}/articles/c"), text: TEXT.to_owned(), ..Default::default() };
    let create = v1::UpdateArticleRequest {
        article: Some(missing),
        allow_missing: true,
        request_id: id(12),
        ..Default::default()
    };
    check(&mut server, &mut client, create).await;
    let delete =
        v1::DeleteArticleRequest { name: A.to_owned(), force: true, request_id: id(9), ..Default::default() };
    check(&mut server, &mut client, delete).await;
    let undo = v1::UndoCommitRequest {
        parent: P.to_owned(),
        revision: head(&client).await,
        request_id: id(10),
        ..Default::default()
    };
    check(&mut server, &mut client, undo).await;
    let update = v1::UpdateProjectRequest {
        project: Some(v1::Project { name: P.to_owned(), display_name: "P".to_owned(), ..Default::default() }),
        update_mask: Some(mask(&["display_name"])),
        request_id: id(11),
        ..Default::default()
    };
    check(&mut server, &mut client, update).await;
}

/// The first answer was lost, and by the time the retry comes, what it would do is done, or has become impossible.
#[tokio::test]
async fn a_retry_is_answered_although_it_could_not_be_done_any_more() {
    let server = Server::start();
    let client = server.client_with_article(TEXT).await;
    let created = client.send(create("two", 1)).await.unwrap();
    let delete = v1::DeleteArticleRequest { name: A.to_owned(), force: true, ..Default::default() };
    client.send(delete).await.unwrap();
    assert_eq!(client.send(create("two", 1)).await.unwrap(), created);
    check_refused(client.send(create("two", 2)).await, "RESOURCE_NOT_FOUND", "");
}

#[tokio::test]
async fn a_refused_request_is_not_remembered() {
    let server = Server::start();
    let client = server.client_with_article(TEXT).await;
    let request = v1::CreateAnnotationRequest { parent: format!("{P}/articles/later"), ..create("two", 1) };
    check_refused(client.send(request.clone()).await, "RESOURCE_NOT_FOUND", "");
    client.clone().create_article(P, "later", TEXT).await;
    let created = client.send(request.clone()).await.unwrap();
    assert_eq!(client.send(request).await.unwrap(), created);
}

#[tokio::test]
async fn an_id_is_of_one_request_of_a_method_and_of_a_project() {
    let server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    let created = client.send(create("two", 1)).await.unwrap();
    check_refused(client.send(create("four", 1)).await, "REQUEST_ID_REUSED", "request_id");
    // Also where the other request is wrong in itself.
    check_refused(client.send(create("nine", 1)).await, "REQUEST_ID_REUSED", "request_id");
    let delete =
        v1::DeleteAnnotationRequest { name: created.name.clone(), request_id: id(1), ..Default::default() };
    client.send(delete).await.unwrap();
    client.create_project("q").await;
    client.create_article("projects/q", "a", TEXT).await;
    let elsewhere =
        v1::CreateAnnotationRequest { parent: "projects/q/articles/a".to_owned(), ..create("two", 1) };
    assert_ne!(client.send(elsewhere).await.unwrap().name, created.name);

    let checked = v1::CreateAnnotationRequest { validate_only: true, ..create("five", 1) };
    client.send(checked).await.unwrap();
    for wrong in ["7", "00000000-0000-0000-0000-000000000000"] {
        let request = v1::CreateAnnotationRequest { request_id: wrong.to_owned(), ..create("two", 1) };
        check_refused(client.send(request).await, "FIELD_INVALID", "request_id");
    }
    let batch = v1::BatchCreateAnnotationsRequest {
        parent: A.to_owned(),
        requests: vec![create("two", 1)],
        ..Default::default()
    };
    check_refused(client.send(batch).await, "FIELD_INVALID", "requests[0].request_id");
}

/// A map has no order, and its entries may come in another one when the request is made anew.
#[tokio::test]
async fn the_order_of_a_map_makes_no_other_request() {
    let server = Server::start();
    let mut client = server.client().await;
    client.create_project("p").await;
    let metadata =
        |pairs: [(&str, &str); 3]| pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let request = |pairs| v1::CreateArticleRequest {
        parent: P.to_owned(),
        article: Some(v1::Article { metadata: metadata(pairs), ..Default::default() }),
        request_id: id(1),
        ..Default::default()
    };
    let first = client.send(request([("a", "1"), ("b", "2"), ("c", "3")])).await.unwrap();
    let again = client.send(request([("c", "3"), ("a", "1"), ("b", "2")])).await.unwrap();
    assert_eq!(again, first);
}

#[tokio::test]
async fn twins_that_come_together_are_one() {
    let server = Server::start();
    let client = server.client_with_article(TEXT).await;
    for round in 0..10 {
        let before = head(&client).await;
        let mut twins = JoinSet::new();
        for _ in 0..16 {
            let client = client.clone();
            twins.spawn(async move { client.send(create("two", 100 + round)).await.unwrap() });
        }
        let mut answers = twins.join_all().await;
        answers.dedup();
        assert_eq!(answers.len(), 1);
        assert_eq!(head(&client).await, before + 1);
    }
}

/// Projects are made and deleted in steps, over two partitions, and what is deleted forgets its own requests.
#[tokio::test]
async fn projects_are_made_and_deleted_once() {
    let mut server = Server::start();
    let mut client = server.client().await;
    let make = |project_id: &str, request| v1::CreateProjectRequest {
        project_id: project_id.to_owned(),
        request_id: id(request),
        ..Default::default()
    };
    let named = client.send(make("p", 1)).await.unwrap();
    let unnamed = client.send(make("", 2)).await.unwrap();
    assert_eq!(client.send(make("p", 1)).await.unwrap(), named);
    assert_eq!(client.send(make("", 2)).await.unwrap(), unnamed);
    check_refused(client.send(make("q", 1)).await, "REQUEST_ID_REUSED", "request_id");

    let delete = v1::DeleteProjectRequest { name: P.to_owned(), request_id: id(3), ..Default::default() };
    client.send(delete.clone()).await.unwrap();
    // The project is gone, and its creation is answered all the same.
    assert_eq!(client.send(make("p", 1)).await.unwrap(), named);
    let again = client.send(make("p", 4)).await.unwrap();
    assert_ne!(again.uid, named.uid);
    server.kill();
    server.start_again();
    client = server.client().await;
    // A retry does not delete the project that has the name by now.
    client.send(delete).await.unwrap();
    assert_eq!(client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap(), again);
    assert_eq!(client.send(make("p", 1)).await.unwrap(), named);
    assert_eq!(client.send(make("p", 4)).await.unwrap(), again);

    let request = v1::DeleteProjectRequest {
        name: "projects/later".to_owned(),
        allow_missing: true,
        request_id: id(5),
        ..Default::default()
    };
    client.send(request.clone()).await.unwrap();
    client.create_project("later").await;
    client.send(request).await.unwrap();
    client.send(v1::GetProjectRequest { name: "projects/later".to_owned() }).await.unwrap();

    let update = v1::UpdateProjectRequest {
        project: Some(v1::Project { name: "projects/new".to_owned(), ..Default::default() }),
        update_mask: Some(mask(&["description"])),
        allow_missing: true,
        request_id: id(6),
        ..Default::default()
    };
    let created = client.send(update.clone()).await.unwrap();
    assert_eq!(client.send(update.clone()).await.unwrap(), created);
    // An update that only changed the project does not make it again once it is deleted.
    let again = v1::UpdateProjectRequest { request_id: id(7), ..update };
    let updated = client.send(again.clone()).await.unwrap();
    let name = "projects/new".to_owned();
    client.send(v1::DeleteProjectRequest { name: name.clone(), ..Default::default() }).await.unwrap();
    assert_eq!(client.send(again).await.unwrap(), updated);
    check_refused(client.send(v1::GetProjectRequest { name }).await, "RESOURCE_NOT_FOUND", "");
}

#[tokio::test]
async fn what_was_missing_is_still_missing_to_a_retry() {
    let server = Server::start();
    let mut client = server.client().await;
    client.create_project("p").await;
    let delete = v1::DeleteArticleRequest {
        name: A.to_owned(),
        allow_missing: true,
        request_id: id(1),
        ..Default::default()
    };
    client.send(delete.clone()).await.unwrap();
    let article = client.create_article(P, "a", TEXT).await;
    client.send(delete).await.unwrap();
    assert_eq!(
        client.send(v1::GetArticleRequest { name: A.to_owned(), view: 0, text_revision: 0 }).await.unwrap(),
        article
    );
}

/// Two writers read the same etag. One wins, and the other is told what it lost to: the resource as it is now.
#[tokio::test]
async fn who_loses_a_race_gets_the_current_state_back() {
    use prost::Message as _;
    let server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    let read = client.annotate(A, "X", by_utf8(0, 3)).await.unwrap();
    let update = |label: &str| v1::UpdateAnnotationRequest {
        annotation: Some(v1::Annotation { label: label.to_owned(), ..read.clone() }),
        ..Default::default()
    };
    let won = client.send(update("Y")).await.unwrap();
    let lost = client.send(update("Z")).await.unwrap_err();
    check_refused(Err::<(), _>(lost.clone()), "ETAG_MISMATCH", "annotation.etag");
    let details = tonic_types::pb::Status::decode(lost.details()).unwrap().details;
    let current = details.iter().find(|any| any.type_url.ends_with("/spandrel.v1.Annotation")).unwrap();
    assert_eq!(v1::Annotation::decode(current.value.as_slice()).unwrap(), won);

    let article =
        client.send(v1::GetArticleRequest { name: A.to_owned(), view: 1, text_revision: 0 }).await.unwrap();
    let request =
        v1::DeleteArticleRequest { name: A.to_owned(), etag: "old".to_owned(), ..Default::default() };
    let lost = client.send(request).await.unwrap_err();
    let details = tonic_types::pb::Status::decode(lost.details()).unwrap().details;
    let current = details.iter().find(|any| any.type_url.ends_with("/spandrel.v1.Article")).unwrap();
    assert_eq!(v1::Article::decode(current.value.as_slice()).unwrap(), article);
}
