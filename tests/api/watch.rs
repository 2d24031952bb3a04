//! Following a project: where a watch begins, what it tells, and what its filter passes.

use crate::support::{Client, Server, annotation, by_quote, by_utf8, check_refused, mask};
use prost::Message as _;
use spandrel::{
    limits::STREAM_MESSAGE_BYTES_MAX,
    proto::v1::{self, resource::Kind, watch_changes_request::Start, write::Op},
};

const P: &str = "projects/p";
const A: &str = "projects/p/articles/a";
const B: &str = "projects/p/articles/b";
const TEXT: &str = "one two three four five six seven";

pub(crate) fn request(article: &str, layer: &str, start: Start) -> v1::WatchChangesRequest {
    v1::WatchChangesRequest {
        parent: P.to_owned(),
        article: article.to_owned(),
        layer: layer.to_owned(),
        start: Some(start),
        project_uid: String::new(),
    }
}

pub(crate) const NOW: Start = Start::Now(v1::Now {});
pub(crate) const EARLIEST: Start = Start::Earliest(v1::Earliest {});
pub(crate) const SNAPSHOT: Start = Start::Snapshot(v1::FromSnapshot {});

pub(crate) async fn annotate(client: &Client, article: &str, layer: &str, quote: &str) -> v1::Annotation {
    let annotation = v1::Annotation { layer: layer.to_owned(), ..annotation("X", vec![by_quote(quote)]) };
    let parent = article.to_owned();
    let request = v1::CreateAnnotationRequest { parent, annotation: Some(annotation), ..Default::default() };
    client.send(request).await.unwrap()
}

pub(crate) async fn undo(client: &Client, revision: u64) -> v1::UndoCommitResponse {
    let parent = P.to_owned();
    client.send(v1::UndoCommitRequest { parent, revision, ..Default::default() }).await.unwrap()
}

pub(crate) async fn delete_article(client: &Client, name: &str) {
    let name = name.to_owned();
    client.send(v1::DeleteArticleRequest { name, force: true, ..Default::default() }).await.unwrap();
}

async fn head(client: &Client) -> u64 {
    client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap().revision
}

pub(crate) fn revisions(commits: &[v1::Changes]) -> Vec<u64> {
    commits.iter().map(|commit| commit.revision).collect()
}

/// A project, an article and an annotation: three commits.
pub(crate) async fn three_commits() -> (Server, Client, v1::Annotation) {
    let server = Server::start();
    let client = server.client_with_article(TEXT).await;
    let stored = annotate(&client, A, "", "one").await;
    (server, client, stored)
}

#[tokio::test]
async fn a_watch_begins_where_it_is_told() {
    let (_server, client, _) = three_commits().await;
    let project = client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap();
    let nothing = v1::WatchChangesRequest { parent: P.to_owned(), ..Default::default() };
    let mut feeds = Vec::new();
    for (start, expected) in [
        (None, vec![4]),
        (Some(NOW), vec![4]),
        (Some(Start::AfterRevision(3)), vec![4]),
        (Some(Start::AfterRevision(1)), vec![2, 3, 4]),
        (Some(Start::AfterRevision(0)), vec![1, 2, 3, 4]),
        (Some(EARLIEST), vec![1, 2, 3, 4]),
    ] {
        let feed = client.watch(v1::WatchChangesRequest { start, ..nothing.clone() }).await.unwrap();
        let opened = v1::Opened { project_uid: project.uid.clone(), head_revision: 3, earliest_revision: 1 };
        assert_eq!(feed.opened, opened, "{start:?}");
        feeds.push((feed, start, expected));
    }
    let mut snapshot = client.watch_from(P, SNAPSHOT).await.unwrap();
    let stored = annotate(&client, A, "", "two").await;
    assert_eq!(stored.revision, 4);
    for (mut feed, start, expected) in feeds {
        assert_eq!(revisions(&feed.commits_to(4).await), expected, "{start:?}");
    }
    // Its first page may have been read before the fourth commit or after it.
    let (first, _) = snapshot.snapshot().await;
    let expected: Vec<_> = (first + 1..=4).collect();
    if !expected.is_empty() {
        assert_eq!(revisions(&snapshot.commits_to(4).await), expected);
    }
}

#[tokio::test]
async fn a_snapshot_is_what_is_listed_and_the_changes_follow_it() {
    let (_server, client, stored) = three_commits().await;
    let article =
        v1::GetArticleRequest { name: A.to_owned(), view: v1::ArticleView::Basic.into(), text_revision: 0 };
    let article = client.send(article).await.unwrap();
    let project = client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap();
    let all = [Kind::Project(project), Kind::Article(article), Kind::Annotation(stored)];
    for (article, layer, expected) in [
        ("", "", &all[..]),
        ("a", "", &all[1..]),
        (A, "", &all[1..]),
        ("a", "default", &all[2..]),
        ("", "default", &all[2..]),
        ("", "other", &[]),
        ("b", "", &[]),
    ] {
        let mut feed = client.watch(request(article, layer, SNAPSHOT)).await.unwrap();
        let (revision, resources) = feed.snapshot().await;
        assert_eq!((revision, resources.as_slice()), (3, expected), "of {article:?} and {layer:?}");
    }
    let mut feed = client.watch(request("b", "", SNAPSHOT)).await.unwrap();
    assert_eq!(feed.snapshot().await, (3, vec![]));
    client.clone().create_article(P, "b", TEXT).await;
    assert_eq!(feed.commit().await.revision, 4, "an article that comes later is followed, too");
}

#[tokio::test]
async fn a_change_says_what_was_before_and_after_and_which_request_made_it() {
    let (_server, client, stored) = three_commits().await;
    let id = "0190163d-8694-739b-aea5-966c26f8ad91";
    let update = v1::UpdateAnnotationRequest {
        annotation: Some(v1::Annotation { label: "Y".to_owned(), ..stored.clone() }),
        update_mask: Some(mask(&["label"])),
        request_id: id.to_uppercase(),
        ..Default::default()
    };
    let changed = client.send(update).await.unwrap();
    let name = stored.name.clone();
    client.send(v1::DeleteAnnotationRequest { name, ..Default::default() }).await.unwrap();
    let undone = undo(&client, 5).await;

    let commits = client.watch_from(P, Start::AfterRevision(2)).await.unwrap().commits_to(6).await;
    let resource =
        |annotation: &v1::Annotation| Some(v1::Resource { kind: Some(Kind::Annotation(annotation.clone())) });
    let back = client.get(&stored.name).await.unwrap();
    assert_eq!(
        v1::Annotation {
            revision: 4,
            etag: changed.etag.clone(),
            update_time: changed.update_time,
            ..back.clone()
        },
        changed
    );
    let expected = [
        (None, resource(&stored), "", 0),
        (resource(&stored), resource(&changed), id, 0),
        (resource(&changed), None, "", 0),
        (None, resource(&back), "", 5),
    ];
    assert_eq!(commits.len(), expected.len());
    for (commit, (before, after, request_id, undone_revision)) in commits.iter().zip(expected) {
        let change = v1::Change { name: stored.name.clone(), before, after, cascaded: false };
        assert_eq!(commit.changes, [change]);
        assert_eq!((commit.request_id.as_str(), commit.undone_revision), (request_id, undone_revision));
        assert_eq!(commit.actor, "");
    }
    assert!(commits.is_sorted_by_key(|commit| commit.commit_time.map(|time| (time.seconds, time.nanos))));
    assert_eq!((undone.revision, undone.commit_time), (6, commits[3].commit_time));
    assert_eq!((undone.changes.as_slice(), undone.change_count), (commits[3].changes.as_slice(), 1));
}

/// What happened, as each filter sees it: of each commit the last parts of the names of what it changed.
pub(crate) type Seen = Vec<(u64, Vec<String>)>;

pub(crate) fn seen(commits: &[v1::Changes]) -> Seen {
    let short = |change: &v1::Change| {
        let (_, last) = change.name.rsplit_once('/').unwrap();
        last.trim_start_matches("00000000-0000-7000-8000-00000000000").to_owned()
    };
    commits.iter().map(|commit| (commit.revision, commit.changes.iter().map(short).collect())).collect()
}

/// A story in which each commit is of something else.
async fn story(client: &mut Client) {
    let create = |article: &str, layer: &str, number: u32| v1::Write {
        op: Some(Op::Create(v1::CreateAnnotationRequest {
            parent: article.to_owned(),
            annotation_id: format!("00000000-0000-7000-8000-{number:012}"),
            annotation: Some(v1::Annotation {
                layer: layer.to_owned(),
                ..annotation("X", vec![by_quote("one")])
            }),
            ..Default::default()
        })),
    };
    client.create_project("p").await;
    client.create_article(P, "a", TEXT).await;
    client.create_article(P, "b", TEXT).await;
    for writes in [
        vec![create(A, "alice", 1)],
        vec![create(B, "bob", 2)],
        vec![create(A, "alice", 3), create(B, "alice", 4)],
    ] {
        let parent = P.to_owned();
        client.send(v1::CommitAnnotationsRequest { parent, writes, ..Default::default() }).await.unwrap();
    }
    let project = v1::Project { name: P.to_owned(), description: "new".to_owned(), ..Default::default() };
    let project = v1::UpdateProjectRequest {
        project: Some(project),
        update_mask: Some(mask(&["description"])),
        ..Default::default()
    };
    client.send(project).await.unwrap();
    let article = v1::Article { name: A.to_owned(), title: "new".to_owned(), ..Default::default() };
    let article = v1::UpdateArticleRequest {
        article: Some(article),
        update_mask: Some(mask(&["title"])),
        ..Default::default()
    };
    client.send(article).await.unwrap();
    delete_article(client, B).await;
    let name = format!("{A}/annotations/00000000-0000-7000-8000-000000000001");
    client.send(v1::DeleteAnnotationRequest { name, ..Default::default() }).await.unwrap();
    undo(client, 9).await;
    assert_eq!(head(client).await, 11);
}

#[tokio::test]
async fn each_filter_passes_what_it_says() {
    let server = Server::start();
    let mut client = server.client().await;
    story(&mut client).await;
    let check = async |article: &str, layer: &str, expected: &[(u64, &[&str])]| {
        let expected: Seen = expected
            .iter()
            .map(|(revision, names)| (*revision, names.iter().map(ToString::to_string).collect()))
            .collect();
        let mut feed = client.watch(request(article, layer, EARLIEST)).await.unwrap();
        let told = feed.commits_to(expected.last().unwrap().0).await;
        assert_eq!(seen(&told), expected, "watched: {article:?} {layer:?}");
        // What comes back with its article is a change of its own only where it is followed.
        let expected: Seen = expected
            .into_iter()
            .map(|(revision, names)| (revision, if revision == 11 { vec!["b".to_owned()] } else { names }))
            .collect();
        for page_size in [1, 0] {
            let list = v1::ListChangesRequest {
                parent: P.to_owned(),
                article: article.to_owned(),
                layer: layer.to_owned(),
                page_size,
                ..Default::default()
            };
            let listed = client.list_changes(list.clone()).await;
            assert_eq!(seen(&listed), expected, "listed: {article:?} {layer:?}");
            let mut newest_first = client
                .list_changes(v1::ListChangesRequest { order_by: "revision desc".to_owned(), ..list })
                .await;
            newest_first.reverse();
            assert_eq!(newest_first, listed, "{article:?} {layer:?}");
        }
    };
    let b_is_back: (u64, &[&str]) = (11, &["b", "2", "4"]);
    check(
        "",
        "",
        &[
            (1, &["p"]),
            (2, &["a"]),
            (3, &["b"]),
            (4, &["1"]),
            (5, &["2"]),
            (6, &["3", "4"]),
            (7, &["p"]),
            (8, &["a"]),
            (9, &["b"]),
            (10, &["1"]),
            b_is_back,
        ],
    )
    .await;
    for a in ["a", A] {
        check(a, "", &[(2, &["a"]), (4, &["1"]), (6, &["3"]), (8, &["a"]), (10, &["1"])]).await;
    }
    check("b", "", &[(3, &["b"]), (5, &["2"]), (6, &["4"]), (9, &["b"]), b_is_back]).await;
    check("", "alice", &[(4, &["1"]), (6, &["3", "4"]), (9, &["b"]), (10, &["1"]), (11, &["b", "4"])]).await;
    check("", "bob", &[(5, &["2"]), (9, &["b"]), (11, &["b", "2"])]).await;
    check("", "carol", &[(9, &["b"]), (11, &["b"])]).await;
    check("a", "alice", &[(4, &["1"]), (6, &["3"]), (10, &["1"])]).await;
    check("b", "alice", &[(6, &["4"]), (9, &["b"]), (11, &["b", "4"])]).await;
}

#[tokio::test]
async fn wrong_filters_and_names_are_refused() {
    let (_server, client, _) = three_commits().await;
    let check = async |request: v1::WatchChangesRequest, reason: &str, field: &str| {
        check_refused(client.watch(request).await, reason, field);
    };
    let parent = |parent: &str| v1::WatchChangesRequest { parent: parent.to_owned(), ..Default::default() };
    check(parent(""), "FIELD_INVALID", "parent").await;
    check(parent(A), "FIELD_INVALID", "parent").await;
    check(parent("projects/q"), "RESOURCE_NOT_FOUND", "").await;
    check(request("no/article", "", NOW), "FIELD_INVALID", "article").await;
    check(request("projects/q/articles/a", "", NOW), "FIELD_INVALID", "article").await;
    check(request("?", "", NOW), "FIELD_INVALID", "article").await;
    check(request("", "no layer", NOW), "FIELD_INVALID", "layer").await;
}

#[tokio::test]
async fn a_large_commit_comes_in_parts() {
    let server = Server::start();
    let text = "x".repeat(1_000);
    let mut client = server.client_with_article(&text).await;
    let create = |layer: &str| v1::CreateAnnotationRequest {
        annotation: Some(v1::Annotation {
            layer: layer.to_owned(),
            ..annotation("X", vec![by_utf8(0, 1_000)])
        }),
        ..Default::default()
    };
    let mut live = client.watch_from(P, NOW).await.unwrap();
    let mut sparse = client.watch(request("", "few", NOW)).await.unwrap();
    let requests = (0..600).map(|number| create(if number % 100 == 0 { "few" } else { "many" })).collect();
    let batch = v1::BatchCreateAnnotationsRequest { parent: A.to_owned(), requests, ..Default::default() };
    let created = client.annotations.batch_create_annotations(batch).await.unwrap().into_inner();
    let few: Vec<_> = created.annotations.iter().filter(|annotation| annotation.layer == "few").collect();

    let check = |parts: Vec<v1::Changes>, least: usize, expected: Vec<&v1::Annotation>| {
        assert!(parts.len() >= least, "{} parts", parts.len());
        assert!(parts.iter().all(|part| part.encoded_len() < STREAM_MESSAGE_BYTES_MAX + 4_096));
        let after = parts.iter().flat_map(|part| &part.changes).map(|change| {
            match change.after.as_ref().unwrap().kind.as_ref().unwrap() {
                Kind::Annotation(annotation) => annotation,
                other => panic!("{other:?}"),
            }
        });
        assert!(after.eq(expected));
    };
    let mut late = client.watch_from(P, Start::AfterRevision(2)).await.unwrap();
    for feed in [&mut live, &mut late] {
        check(feed.parts().await, 3, created.annotations.iter().collect());
    }
    check(sparse.parts().await, 1, few);
}
