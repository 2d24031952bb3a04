//! Layers in the change feed: as they are declared and submitted, in snapshots, and with an article that comes back.

use spandrel::proto::v1::{self, resource::Kind, watch_changes_request::Start};

use crate::{
    layer_locks::{reopen, submit},
    layers::{A, P, TEXT, create_all, head, on, undo},
    support::{Client, Server},
};

/// A model's and a person's layer, declared, with an annotation each; the person's is submitted.
async fn told() -> (Server, Client) {
    let server = Server::start();
    let client = server.client_with_article(TEXT).await;
    for layer_id in ["model", "alice"] {
        let (parent, layer_id) = (P.to_owned(), layer_id.to_owned());
        client.send(v1::CreateLayerRequest { parent, layer_id, ..Default::default() }).await.unwrap();
    }
    create_all(&client, vec![on("model", "ORG", "IBM"), on("alice", "ORG", "IBM")]).await;
    submit(&client, "alice").await.unwrap();
    (server, client)
}

fn watch(article: &str, layer: &str, start: Start) -> v1::WatchChangesRequest {
    v1::WatchChangesRequest {
        parent: P.to_owned(),
        article: article.to_owned(),
        layer: layer.to_owned(),
        start: Some(start),
        ..Default::default()
    }
}

/// What a resource is: its name, without its project.
fn what(kind: &Kind) -> String {
    let name = match kind {
        Kind::Project(it) => &it.name,
        Kind::Article(it) => &it.name,
        Kind::Annotation(it) => return format!("annotation of {}", it.layer),
        Kind::LabelSchema(it) => &it.name,
        Kind::Layer(it) => {
            assert_eq!(it.counts, None);
            &it.name
        }
        Kind::ArticleLayer(it) => {
            assert_eq!((it.counts, it.labels.len()), (None, 0));
            &it.name
        }
    };
    name.strip_prefix("projects/p").unwrap().to_owned()
}

#[tokio::test]
async fn a_snapshot_tells_declared_layers_before_the_articles_and_what_was_submitted_behind_each() {
    let (_server, client) = told().await;
    let check = async |article: &str, layer: &str, expected: &[&str]| {
        let start = Start::Snapshot(v1::FromSnapshot {});
        let mut feed = client.watch(watch(article, layer, start)).await.unwrap();
        let mut found: Vec<_> = feed.snapshot().await.1.iter().map(what).collect();
        // Layers come in no order.
        let layers = found.iter().position(|what| what.starts_with("/layers/"));
        if let Some(first) = layers {
            let end = found[first..].iter().take_while(|what| what.starts_with("/layers/")).count();
            found[first..first + end].sort();
        }
        assert_eq!(found, expected);
    };
    let article = ["/articles/a", "/articles/a/layers/alice", "annotation of alice", "annotation of model"];
    let mut all = vec!["", "/layers/alice", "/layers/model"];
    all.extend(article);
    // Which annotation of the same words comes first is left to their ids: the model's.
    all.swap(5, 6);
    check("", "", &all).await;
    check("", "alice", &["/layers/alice", "/articles/a/layers/alice", "annotation of alice"]).await;
    check("a", "alice", &["/articles/a/layers/alice", "annotation of alice"]).await;
    check(
        "a",
        "",
        &["/articles/a", "/articles/a/layers/alice", "annotation of model", "annotation of alice"],
    )
    .await;
    check("", "model", &["/layers/model", "annotation of model"]).await;
}

#[tokio::test]
async fn changes_of_layers_are_told_with_what_they_were() {
    let (mut server, client) = told().await;
    let from = head(&client).await;
    reopen(&client, "alice").await.unwrap();
    let layer = v1::Layer {
        name: format!("{P}/layers/alice"),
        kind: v1::LayerKind::Human.into(),
        ..Default::default()
    };
    let update_mask = Some(crate::support::mask(&["kind"]));
    let update = v1::UpdateLayerRequest { layer: Some(layer), update_mask, ..Default::default() };
    client.send(update).await.unwrap();
    let deletion =
        v1::DeleteLayerRequest { name: format!("{P}/layers/model"), force: true, ..Default::default() };
    client.send(deletion).await.unwrap();
    let to = head(&client).await;
    assert_eq!(to, from + 4);
    server.kill();
    server.start_again();
    let client = server.client().await;
    let mut feed = client.watch_from(P, Start::AfterRevision(from)).await.unwrap();
    let told: Vec<_> = feed.commits_to(to).await.into_iter().flat_map(|commit| commit.changes).collect();
    let kinds = |change: &v1::Change| {
        let kind = |it: &Option<v1::Resource>| it.as_ref().map(|it| what(it.kind.as_ref().unwrap()));
        (kind(&change.before), kind(&change.after))
    };
    let (alice, of_article) = (Some("/layers/alice".to_owned()), Some("/articles/a/layers/alice".to_owned()));
    assert_eq!(
        told.iter().map(kinds).collect::<Vec<_>>(),
        [
            (of_article.clone(), of_article),
            (alice.clone(), alice),
            (Some("annotation of model".to_owned()), None),
            (Some("/layers/model".to_owned()), None),
        ]
    );
    assert_eq!(told[0].name, "projects/p/articles/a/layers/alice");
    assert_eq!(told[1].name, "projects/p/layers/alice");
    let Some(Kind::ArticleLayer(opened)) = told[0].after.clone().unwrap().kind else { panic!("{told:?}") };
    assert_eq!((opened.state(), opened.revision), (v1::ArticleLayerState::Open, from + 1));

    // What is not asked for is not told.
    let names = async |article: &str, layer: &str| {
        let request = v1::ListChangesRequest {
            parent: P.to_owned(),
            article: article.to_owned(),
            layer: layer.to_owned(),
            after_revision: from,
            ..Default::default()
        };
        let commits = client.list_changes(request).await;
        commits.into_iter().flat_map(|commit| commit.changes).map(|it| it.name).collect::<Vec<_>>()
    };
    assert_eq!(names("", "alice").await, ["projects/p/articles/a/layers/alice", "projects/p/layers/alice"]);
    assert_eq!(names("a", "alice").await, ["projects/p/articles/a/layers/alice"]);
    assert_eq!(names("", "model").await.len(), 2);
}

#[tokio::test]
async fn an_article_that_comes_back_is_told_with_what_was_submitted_in_it() {
    let (_server, mut client) = told().await;
    // One that has nothing but that it was submitted.
    client.create_article(P, "b", TEXT).await;
    let empty = format!("{P}/articles/b/layers/alice");
    client.send(v1::SubmitLayerRequest { name: empty.clone(), ..Default::default() }).await.unwrap();
    let check = async |article: &str, layer: &str, expected: &[&str]| {
        let name = format!("{P}/articles/{article}");
        client.send(v1::DeleteArticleRequest { name, force: true, ..Default::default() }).await.unwrap();
        let deleted = head(&client).await;
        let mut feed = client.watch(watch("", layer, Start::AfterRevision(deleted))).await.unwrap();
        undo(&client, deleted).await.unwrap();
        let told = feed.commit().await.changes;
        assert!(told.iter().all(|change| change.cascaded), "{told:?}");
        let told: Vec<_> =
            told.iter().map(|it| what(it.after.as_ref().unwrap().kind.as_ref().unwrap())).collect();
        assert_eq!(told, expected);
    };
    let all = ["/articles/a", "/articles/a/layers/alice", "annotation of model", "annotation of alice"];
    check("a", "", &all).await;
    check("a", "alice", &["/articles/a", "/articles/a/layers/alice", "annotation of alice"]).await;
    check("b", "", &["/articles/b", "/articles/b/layers/alice"]).await;
    assert_eq!(A, "projects/p/articles/a");
}
