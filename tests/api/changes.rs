//! The changes that a log keeps, in pages.

use spandrel::{
    limits::ANSWER_BYTES_MAX,
    proto::v1::{self, resource::Kind, write::Op},
};

use prost::Message as _;

use crate::{
    support::{Client, Server, annotation, by_utf8, check_refused, mask},
    watch::{annotate, delete_article, undo},
};

const P: &str = "projects/p";
const A: &str = "projects/p/articles/a";
const TEXT: &str = "one two three four five six seven";

fn list() -> v1::ListChangesRequest {
    v1::ListChangesRequest { parent: P.to_owned(), ..Default::default() }
}

fn newest_first(list: v1::ListChangesRequest) -> v1::ListChangesRequest {
    v1::ListChangesRequest { order_by: "revision desc".to_owned(), ..list }
}

fn revisions(changes: &[v1::Changes]) -> Vec<u64> {
    changes.iter().map(|commit| commit.revision).collect()
}

/// A project with so many commits.
async fn commits(count: u64) -> (Server, Client) {
    let server = Server::start();
    let client = server.client_with_article(TEXT).await;
    for _ in 2..count {
        annotate(&client, A, "", "one").await;
    }
    (server, client)
}

#[tokio::test]
async fn pages_go_both_ways_and_hold_each_commit_once() {
    let (_server, client) = commits(150).await;
    let uid = client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap().uid;
    let all: Vec<u64> = (1..=150).collect();
    let check = async |page_size: i32, after_revision: u64| {
        let oldest = v1::ListChangesRequest { page_size, after_revision, ..list() };
        let newest = newest_first(oldest.clone());
        let after = usize::try_from(after_revision).unwrap();
        assert_eq!(revisions(&client.list_changes(oldest).await), all[after..], "{page_size} {after}");
        let mut found = revisions(&client.list_changes(newest).await);
        found.reverse();
        assert_eq!(found, all[after..], "{page_size} {after}, the newest first");
    };
    for page_size in [0, 1, 7, 64, 65, 149, 150, 151, 1_000, i32::MAX] {
        check(page_size, 0).await;
    }
    for after in [1, 63, 64, 86, 149, 150] {
        check(0, after).await;
        check(3, after).await;
    }
    let page = client.send(v1::ListChangesRequest { page_size: 150, ..list() }).await.unwrap();
    let rest = (page.next_page_token.as_str(), page.revision, page.earliest_revision, page.project_uid);
    assert_eq!(rest, ("", 150, 1, uid));
    let page = client.send(v1::ListChangesRequest { page_size: 50, ..list() }).await.unwrap();
    assert_eq!((page.changes.len(), page.next_page_token.is_empty()), (50, false));
}

#[tokio::test]
async fn what_comes_after_the_first_page_does_not_disturb_the_next_ones() {
    let (_server, client) = commits(10).await;
    let mut first = Vec::new();
    for request in [list(), newest_first(list())] {
        let request = v1::ListChangesRequest { page_size: 4, ..request };
        first.push((client.send(request.clone()).await.unwrap(), request));
    }
    for _ in 0..3 {
        annotate(&client, A, "", "two").await;
    }
    let [(oldest, by_oldest), (newest, by_newest)] = first.try_into().unwrap();
    assert_eq!(revisions(&oldest.changes), [1, 2, 3, 4]);
    assert_eq!(revisions(&newest.changes), [10, 9, 8, 7]);
    let page_token = newest.next_page_token;
    let next = client.send(v1::ListChangesRequest { page_token, ..by_newest }).await.unwrap();
    assert_eq!((revisions(&next.changes), next.revision), (vec![6, 5, 4, 3], 13));
    let (page_token, page_size) = (oldest.next_page_token, 1_000);
    let next = client.send(v1::ListChangesRequest { page_token, page_size, ..by_oldest }).await.unwrap();
    assert_eq!((revisions(&next.changes), next.revision), ((5..=13).collect(), 13));
}

#[tokio::test]
async fn wrong_arguments_are_refused() {
    let (_server, client) = commits(10).await;
    let check = async |request: v1::ListChangesRequest, reason: &str, field: &str| {
        check_refused(client.send(request).await, reason, field);
    };
    let order_by = |order: &str| v1::ListChangesRequest { order_by: order.to_owned(), ..list() };
    for wrong in ["desc", "name", "revision asc", "revision desc, name", "-revision", "REVISION"] {
        check(order_by(wrong), "FIELD_INVALID", "order_by").await;
    }
    let oldest = revisions(&client.send(list()).await.unwrap().changes);
    for right in ["revision", " revision "] {
        assert_eq!(revisions(&client.send(order_by(right)).await.unwrap().changes), oldest);
    }
    check(v1::ListChangesRequest { parent: A.to_owned(), ..list() }, "FIELD_INVALID", "parent").await;
    let elsewhere = v1::ListChangesRequest { parent: "projects/q".to_owned(), ..list() };
    check(elsewhere, "RESOURCE_NOT_FOUND", "").await;
    check(v1::ListChangesRequest { page_size: -1, ..list() }, "FIELD_INVALID", "page_size").await;
    check(v1::ListChangesRequest { after_revision: 11, ..list() }, "FEED_RESET", "after_revision").await;
    let id = "0190163d-8694-739b-aea5-966c26f8ad91";
    let annotation = |article: &str, annotation: &str| v1::ListChangesRequest {
        article: article.to_owned(),
        annotation: annotation.to_owned(),
        ..list()
    };
    check(annotation("", id), "FIELD_INVALID", "annotation").await;
    check(annotation("a", "7"), "FIELD_INVALID", "annotation").await;
    check(annotation("b", &format!("{A}/annotations/{id}")), "FIELD_INVALID", "annotation").await;
    let elsewhere = format!("projects/q/articles/a/annotations/{id}");
    check(annotation("", &elsewhere), "FIELD_INVALID", "annotation").await;

    let page = client.send(v1::ListChangesRequest { page_size: 3, ..list() }).await.unwrap();
    let next = v1::ListChangesRequest { page_token: page.next_page_token.clone(), ..list() };
    assert_eq!(revisions(&client.send(next.clone()).await.unwrap().changes), [4, 5, 6, 7, 8, 9, 10]);
    let uid = v1::ListChangesRequest { project_uid: page.project_uid, ..next.clone() };
    assert_eq!(revisions(&client.send(uid).await.unwrap().changes), [4, 5, 6, 7, 8, 9, 10]);
    for other in [
        newest_first(next.clone()),
        v1::ListChangesRequest { after_revision: 1, ..next.clone() },
        v1::ListChangesRequest { article: "a".to_owned(), ..next.clone() },
        v1::ListChangesRequest { layer: "default".to_owned(), ..next.clone() },
        v1::ListChangesRequest { annotation: format!("{A}/annotations/{id}"), ..next.clone() },
        v1::ListChangesRequest { page_token: format!("{}A", page.next_page_token), ..next.clone() },
        v1::ListChangesRequest { page_token: "?".to_owned(), ..next },
    ] {
        check(other, "PAGE_TOKEN_INVALID", "page_token").await;
    }
}

#[tokio::test]
async fn an_annotation_has_its_history() {
    let (_server, mut client) = commits(4).await;
    let stored = annotate(&client, A, "", "two").await;
    assert_eq!(stored.revision, 5);
    annotate(&client, A, "", "three").await;
    let update = v1::UpdateAnnotationRequest {
        annotation: Some(v1::Annotation { label: "Y".to_owned(), ..stored.clone() }),
        update_mask: Some(mask(&["label"])),
        ..Default::default()
    };
    client.send(update).await.unwrap();
    let delete = v1::DeleteAnnotationRequest { name: stored.name.clone(), ..Default::default() };
    client.send(delete).await.unwrap();
    undo(&client, 8).await;
    delete_article(&client, A).await;
    client.create_article(P, "b", TEXT).await;
    undo(&client, 10).await;

    let (_, id) = stored.name.rsplit_once('/').unwrap();
    let by_name = v1::ListChangesRequest { annotation: stored.name.clone(), ..list() };
    let by_id = v1::ListChangesRequest { article: "a".to_owned(), annotation: id.to_owned(), ..list() };
    let by_layer = v1::ListChangesRequest { layer: "default".to_owned(), ..by_name.clone() };
    for request in [by_name.clone(), by_id, by_layer] {
        let history = client.list_changes(request.clone()).await;
        assert_eq!(revisions(&history), [5, 7, 8, 9, 10, 12]);
        let kinds = |change: &v1::Change| (change.before.is_some(), change.after.is_some(), change.cascaded);
        let told: Vec<_> = history.iter().map(|commit| kinds(&commit.changes[0])).collect();
        let expected = [
            (false, true, false),
            (true, true, false),
            (true, false, false),
            (false, true, false),
            (true, false, true),
            (false, true, true),
        ];
        assert_eq!(told, expected);
        assert_eq!((history[3].undone_revision, history[5].undone_revision), (8, 10));
        let mut newest =
            client.list_changes(newest_first(v1::ListChangesRequest { page_size: 2, ..request })).await;
        newest.reverse();
        assert_eq!(newest, history);
    }
    let never = v1::ListChangesRequest {
        annotation: format!("{A}/annotations/0190163d-8694-739b-aea5-966c26f8ad91"),
        ..list()
    };
    // The article's deletion and return might have been its own.
    assert_eq!(revisions(&client.list_changes(never).await), [10, 12]);
    let other = v1::ListChangesRequest { layer: "other".to_owned(), ..by_name };
    assert_eq!(revisions(&client.list_changes(other).await), [10, 12]);
}

/// With ids, labels and quotes so long that what one commit changed is more than an answer holds.
#[tokio::test]
async fn a_commit_that_is_larger_than_an_answer_goes_on_in_the_next_page() {
    let (project, article) = ("p".repeat(128), "a".repeat(128));
    let parent = format!("projects/{project}");
    let server = Server::start();
    let mut client = server.client().await;
    client.create_project(&project).await;
    let article = client.create_article(&parent, &article, &"x".repeat(1_000)).await.name;
    let create = v1::CreateAnnotationRequest {
        annotation: Some(annotation(&"X".repeat(250), vec![by_utf8(0, 900)])),
        ..Default::default()
    };
    let batch = v1::BatchCreateAnnotationsRequest {
        parent: article,
        requests: vec![create; 1_000],
        ..Default::default()
    };
    let created = client.send(batch).await.unwrap().annotations;
    let update = |stored: &v1::Annotation| v1::Write {
        op: Some(Op::Update(v1::UpdateAnnotationRequest {
            annotation: Some(v1::Annotation { label: "Y".repeat(250), ..stored.clone() }),
            update_mask: Some(mask(&["label"])),
            ..Default::default()
        })),
    };
    let writes = created.iter().map(update).collect();
    let commit = v1::CommitAnnotationsRequest { parent: parent.clone(), writes, ..Default::default() };
    let updated = client.send(commit).await.unwrap();

    for order_by in ["revision", "revision desc"] {
        let (order_by, mut page_token) = (order_by.to_owned(), String::new());
        let (mut names, mut pages, mut last) = (Vec::new(), 0, None);
        loop {
            let request = v1::ListChangesRequest {
                parent: parent.clone(),
                order_by: order_by.clone(),
                page_token,
                ..Default::default()
            };
            let page = client.send(request).await.unwrap();
            assert!(page.encoded_len() <= ANSWER_BYTES_MAX + 1_024, "{}", page.encoded_len());
            let parts: Vec<_> =
                page.changes.iter().filter(|part| part.revision == updated.revision).collect();
            pages += usize::from(!parts.is_empty());
            for part in parts {
                assert_ne!(last, Some(false), "nothing comes behind the last part");
                last = Some(part.continued);
                names.extend(part.changes.iter().map(|change| {
                    let kind = change.after.clone().unwrap().kind.unwrap();
                    assert!(matches!(kind, Kind::Annotation(stored) if stored.label == "Y".repeat(250)));
                    change.name.clone()
                }));
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!((pages, last), (2, Some(false)), "{order_by}");
        assert!(names.iter().eq(updated.annotations.iter().map(|stored| &stored.name)), "{order_by}");
    }
}
