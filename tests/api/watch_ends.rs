//! Where a watch cannot go on: another feed, a log that has forgotten, a project or a server that ends; and what is told
//! to those who are to go on later.

use std::time::{Duration, Instant};

use spandrel::proto::v1::{
    self, resource::Kind, watch_changes_request::Start, watch_changes_response::Event,
};
use tonic::Code;

use crate::{
    support::{annotation, by_utf8, check_refused, fact, mask, refusal},
    watch::{
        EARLIEST, NOW, SNAPSHOT, annotate, delete_article, request, revisions, seen, three_commits, undo,
    },
};

const P: &str = "projects/p";
const A: &str = "projects/p/articles/a";
const TEXT: &str = "one two three four five six seven";

#[tokio::test]
async fn a_place_in_another_feed_is_a_reset() {
    let (_server, client, _) = three_commits().await;
    let uid = client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap().uid;
    let check = async |start: Start, uid: &str, field: &str, now: (&str, u64)| {
        let project_uid = uid.to_owned();
        let watch = v1::WatchChangesRequest { project_uid, ..request("", "", start) };
        let details = check_refused(client.watch(watch.clone()).await, "FEED_RESET", field);
        let facts = (fact(&details, "project_uid"), fact(&details, "head_revision"));
        assert_eq!(facts, (now.0.to_owned(), now.1.to_string()));
        let after_revision = if let Start::AfterRevision(after) = start { after } else { 0 };
        let v1::WatchChangesRequest { parent, project_uid, .. } = watch;
        let list = v1::ListChangesRequest { parent, after_revision, project_uid, ..Default::default() };
        check_refused(client.send(list).await, "FEED_RESET", field);
    };
    check(Start::AfterRevision(4), "", "after_revision", (&uid, 3)).await;
    check(Start::AfterRevision(u64::MAX), &uid, "after_revision", (&uid, 3)).await;
    check(NOW, "0190163d-8694-739b-aea5-966c26f8ad91", "project_uid", (&uid, 3)).await;
    check(Start::AfterRevision(2), "not a uid", "project_uid", (&uid, 3)).await;
    let known = v1::WatchChangesRequest {
        project_uid: uid.to_uppercase(),
        ..request("", "", Start::AfterRevision(2))
    };
    assert_eq!(client.watch(known.clone()).await.unwrap().commit().await.revision, 3);

    let name = P.to_owned();
    client.send(v1::DeleteProjectRequest { name, force: true, ..Default::default() }).await.unwrap();
    check_refused(client.watch(known).await, "RESOURCE_NOT_FOUND", "");
    let again = client.clone().create_project("p").await;
    assert_ne!(again.uid, uid);
    for start in [Start::AfterRevision(0), Start::AfterRevision(3), SNAPSHOT, EARLIEST, NOW] {
        check(start, &uid, "project_uid", (&again.uid, 1)).await;
    }
    check(Start::AfterRevision(3), "", "after_revision", (&again.uid, 1)).await;
}

#[tokio::test]
async fn what_the_log_has_forgotten_is_compacted() {
    let (mut server, client, stored) = three_commits().await;
    for label in ["1", "2", "3", "4", "5", "6", "7"] {
        let annotation = v1::Annotation { label: label.to_owned(), ..stored.clone() };
        let update_mask = Some(mask(&["label"]));
        let annotation = Some(v1::Annotation { etag: String::new(), ..annotation });
        client
            .send(v1::UpdateAnnotationRequest { annotation, update_mask, ..Default::default() })
            .await
            .unwrap();
    }
    server.stop().await;
    server.start_again_with(&["--log-commits", "5"]);
    let client = server.client().await;
    let list = v1::ListChangesRequest { parent: P.to_owned(), ..Default::default() };
    let patience = Instant::now() + Duration::from_secs(10);
    let page = loop {
        let page = client.send(list.clone()).await.unwrap();
        if page.earliest_revision > 1 {
            break page;
        }
        assert!(Instant::now() < patience, "the log is not trimmed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!((page.earliest_revision, page.revision, page.changes.len()), (6, 10, 5));
    let mut feed = client.watch_from(P, EARLIEST).await.unwrap();
    assert_eq!(feed.opened.earliest_revision, 6);
    assert_eq!(revisions(&feed.commits_to(10).await), [6, 7, 8, 9, 10]);
    let mut feed = client.watch_from(P, Start::AfterRevision(5)).await.unwrap();
    assert_eq!(revisions(&feed.commits_to(10).await), [6, 7, 8, 9, 10]);
    assert_eq!(client.watch_from(P, SNAPSHOT).await.unwrap().snapshot().await.0, 10);
    for after in [0, 1, 4] {
        let watch = client.watch_from(P, Start::AfterRevision(after)).await;
        let details = check_refused(watch, "REVISION_COMPACTED", "after_revision");
        assert_eq!(fact(&details, "earliest_revision"), "6");
    }
    let listed = client.send(v1::ListChangesRequest { after_revision: 4, ..list }).await;
    let details = check_refused(listed, "REVISION_COMPACTED", "after_revision");
    assert_eq!(fact(&details, "earliest_revision"), "6");
    for revision in [1, 5] {
        let request = v1::UndoCommitRequest { parent: P.to_owned(), revision, ..Default::default() };
        let details = check_refused(client.send(request).await, "REVISION_COMPACTED", "revision");
        assert_eq!(fact(&details, "earliest_revision"), "6");
    }
    assert_eq!(undo(&client, 10).await.revision, 11);
}

#[tokio::test]
async fn a_checkpoint_comes_within_15_seconds_whatever_the_filter_passes() {
    let (_server, client, _) = three_commits().await;
    let mut nothing = client.watch(request("", "nobody", NOW)).await.unwrap();
    let mut idle = client.watch_from(P, NOW).await.unwrap();
    let started = Instant::now();
    for _ in 0..5 {
        annotate(&client, A, "", "two").await;
    }
    let checkpoint = nothing.checkpoint().await;
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    assert_eq!(checkpoint, v1::Checkpoint { revision: 8, earliest_revision: 1 });
    assert_eq!(revisions(&idle.commits_to(8).await), [4, 5, 6, 7, 8]);
    assert_eq!(idle.checkpoint().await, checkpoint);
    // Whoever goes on from there misses nothing.
    let mut after = client.watch_from(P, Start::AfterRevision(checkpoint.revision)).await.unwrap();
    annotate(&client, A, "", "three").await;
    assert_eq!(after.commit().await.revision, 9);
}

#[tokio::test]
async fn the_deletion_of_a_project_is_told_and_then_there_is_nothing_to_follow() {
    let (_server, client, _) = three_commits().await;
    for round in 0..10 {
        let mut all = client.watch_from(P, NOW).await.unwrap();
        let mut of_article = client.watch(request("a", "", NOW)).await.unwrap();
        let before = client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap();
        let name = P.to_owned();
        client.send(v1::DeleteProjectRequest { name, force: true, ..Default::default() }).await.unwrap();
        let (last, status) = all.end().await;
        check_refused::<()>(Err(status), "RESOURCE_NOT_FOUND", "");
        let Some(Event::Changes(changes)) = last else { panic!("round {round}: {last:?}") };
        assert_eq!(changes.revision, before.revision + 1);
        let [change] = changes.changes.as_slice() else { panic!("{changes:?}") };
        let Some(Kind::Project(deleted)) = change.before.clone().and_then(|before| before.kind) else {
            panic!("{change:?}")
        };
        assert_eq!((change.name.as_str(), &change.after, deleted.uid), (P, &None, before.uid));
        let (_, status) = of_article.end().await;
        check_refused::<()>(Err(status), "RESOURCE_NOT_FOUND", "");
        client.clone().create_project("p").await;
        client.clone().create_article(P, "a", TEXT).await;
    }
}

#[tokio::test]
async fn a_server_that_stops_says_how_far_the_feed_has_come() {
    let (mut server, client, _) = three_commits().await;
    let mut all = client.watch_from(P, EARLIEST).await.unwrap();
    let mut nothing = client.watch(request("", "nobody", EARLIEST)).await.unwrap();
    assert_eq!(revisions(&all.commits_to(3).await), [1, 2, 3]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let ended = tokio::spawn(async move {
        let status = server.stop().await;
        (server, status)
    });
    for feed in [&mut all, &mut nothing] {
        let (last, status) = feed.end().await;
        let expected = v1::Checkpoint { revision: 3, earliest_revision: 1 };
        assert_eq!(last, Some(Event::Checkpoint(expected)));
        assert_eq!((status.code(), refusal(&status).0.as_str()), (Code::Unavailable, "SHUTTING_DOWN"));
    }
    let (mut server, status) = ended.await.unwrap();
    assert_eq!(status.code(), Some(0));
    server.start_again();
    let client = server.client().await;
    let mut feed = client.watch_from(P, Start::AfterRevision(3)).await.unwrap();
    annotate(&client, A, "", "two").await;
    assert_eq!(feed.commit().await.revision, 4);
}

#[tokio::test]
async fn an_article_that_comes_back_brings_its_annotations_in_the_same_commit() {
    let (_server, mut client, first) = three_commits().await;
    let create = v1::CreateAnnotationRequest {
        annotation: Some(annotation("X", vec![by_utf8(0, 33)])),
        ..Default::default()
    };
    let requests = vec![create; 999];
    let batch = v1::BatchCreateAnnotationsRequest { parent: A.to_owned(), requests, ..Default::default() };
    client.annotations.batch_create_annotations(batch).await.unwrap();
    let list = v1::ListAnnotationsRequest { parent: A.to_owned(), page_size: 1_000, ..Default::default() };
    let before = client.list_all(list.clone()).await;
    delete_article(&client, A).await;
    let mut live = client.watch_from(P, NOW).await.unwrap();
    let undone = undo(&client, 5).await;
    assert_eq!((undone.revision, undone.change_count), (6, 1));
    assert_eq!(client.list_all(list).await, before, "as it was, down to the etags");
    assert!(before.contains(&first));

    let mut late = client.watch_from(P, Start::AfterRevision(5)).await.unwrap();
    let article =
        v1::GetArticleRequest { name: A.to_owned(), view: v1::ArticleView::Basic.into(), text_revision: 0 };
    let article = Kind::Article(client.send(article).await.unwrap());
    for feed in [&mut live, &mut late] {
        let commit = feed.commit().await;
        assert_eq!((commit.revision, commit.undone_revision), (6, 5));
        assert!(commit.changes.iter().all(|change| change.cascaded && change.before.is_none()));
        let after = commit.changes.iter().map(|change| change.after.clone().unwrap().kind.unwrap());
        let (mut told, expected) = (after.collect::<Vec<_>>(), before.iter().cloned().map(Kind::Annotation));
        assert_eq!(told.remove(0), article, "the article comes first");
        assert!(told.iter().zip(expected).all(|(told, expected)| *told == expected));
        assert_eq!(told.len(), before.len());
    }
    let deleted = client.list_changes(v1::ListChangesRequest {
        parent: P.to_owned(),
        after_revision: 4,
        ..Default::default()
    });
    let deleted = deleted.await;
    assert_eq!(seen(&deleted), [(5, vec!["a".to_owned()]), (6, vec!["a".to_owned()])]);
    assert!(deleted.iter().all(|commit| commit.changes[0].cascaded));
}

/// Nobody could go on from there.
#[tokio::test]
async fn a_snapshot_that_is_cut_off_has_no_checkpoint() {
    let (mut server, mut client, _) = three_commits().await;
    let text = "x".repeat(1_000);
    client.create_article(P, "long", &text).await;
    let create = v1::CreateAnnotationRequest {
        annotation: Some(annotation("X", vec![by_utf8(0, 1_000)])),
        ..Default::default()
    };
    for _ in 0..8 {
        let (parent, requests) = (format!("{P}/articles/long"), vec![create.clone(); 900]);
        let batch = v1::BatchCreateAnnotationsRequest { parent, requests, ..Default::default() };
        client.send(batch).await.unwrap();
    }
    let mut feed = client.watch_from(P, SNAPSHOT).await.unwrap();
    // The windows hold less than half of it.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let ended = tokio::spawn(async move { server.stop().await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (last, status) = feed.end().await;
    assert!(matches!(&last, Some(Event::Snapshot(page)) if !page.last), "{last:?}");
    assert_eq!((status.code(), refusal(&status).0.as_str()), (Code::Unavailable, "SHUTTING_DOWN"));
    assert_eq!(ended.await.unwrap().code(), Some(0));
}
