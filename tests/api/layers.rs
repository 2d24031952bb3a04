//! A project's layers: declared, counted, listed, and deleted with what is on them.

use spandrel::proto::v1::{self, annotation::Target};
use tonic::Status;

use crate::support::{Client, Server, annotation, by_quote, check_refused, fact, mask};

pub(crate) const P: &str = "projects/p";
pub(crate) const A: &str = "projects/p/articles/a";
pub(crate) const TEXT: &str = "IBM, based in Armonk, hired Ada. She moved there.";

pub(crate) fn id(n: u8) -> String {
    format!("01900000-0000-7000-8000-0000000000{n:02x}")
}

pub(crate) fn name(n: u8) -> String {
    format!("{A}/annotations/{}", id(n))
}

/// An annotation of `layer` that says `label` of the words `quote`.
pub(crate) fn on(layer: &str, label: &str, quote: &str) -> v1::Annotation {
    v1::Annotation { layer: layer.to_owned(), ..annotation(label, vec![by_quote(quote)]) }
}

pub(crate) fn relation(layer: &str, label: &str, uses: &[u8]) -> v1::Annotation {
    let argument = |n: &u8| v1::Argument { role: "r".to_owned(), annotation: name(*n) };
    let target = Target::Relation(v1::Relation { arguments: uses.iter().map(argument).collect() });
    let (layer, label) = (layer.to_owned(), label.to_owned());
    v1::Annotation { layer, label, target: Some(target), ..Default::default() }
}

pub(crate) fn create(n: u8, annotation: v1::Annotation) -> v1::CreateAnnotationRequest {
    v1::CreateAnnotationRequest {
        parent: A.to_owned(),
        annotation_id: id(n),
        annotation: Some(annotation),
        ..Default::default()
    }
}

/// Creates annotations in one commit, the first under the id 1.
pub(crate) async fn create_all(client: &Client, annotations: Vec<v1::Annotation>) {
    let requests = (1..).zip(annotations).map(|(n, annotation)| create(n, annotation)).collect();
    let batch = v1::BatchCreateAnnotationsRequest { parent: A.to_owned(), requests, ..Default::default() };
    client.send(batch).await.unwrap();
}

pub(crate) async fn head(client: &Client) -> u64 {
    client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap().revision
}

pub(crate) async fn undo(client: &Client, revision: u64) -> Result<v1::UndoCommitResponse, Status> {
    client.send(v1::UndoCommitRequest { parent: P.to_owned(), revision, ..Default::default() }).await
}

pub(crate) async fn all(client: &Client, layer: &str) -> Vec<v1::Annotation> {
    let layer = layer.to_owned();
    let request = v1::ListAnnotationsRequest { parent: A.to_owned(), layer, ..Default::default() };
    client.clone().list_all(request).await
}

pub(crate) async fn get(client: &Client, layer: &str) -> Result<v1::Layer, Status> {
    client.send(v1::GetLayerRequest { name: format!("{P}/layers/{layer}") }).await
}

fn declare(layer: &str) -> v1::CreateLayerRequest {
    let (parent, layer_id) = (P.to_owned(), layer.to_owned());
    v1::CreateLayerRequest { parent, layer_id, ..Default::default() }
}

fn update(layer: v1::Layer, paths: &[&str]) -> v1::UpdateLayerRequest {
    let update_mask = if paths.is_empty() { None } else { Some(mask(paths)) };
    v1::UpdateLayerRequest { layer: Some(layer), update_mask, ..Default::default() }
}

fn delete(layer: &str, force: bool) -> v1::DeleteLayerRequest {
    v1::DeleteLayerRequest { name: format!("{P}/layers/{layer}"), force, ..Default::default() }
}

/// The ids of all layers, in pages of `page_size`.
async fn ids(client: &Client, page_size: i32) -> Vec<String> {
    let (mut ids, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListLayersRequest { parent: P.to_owned(), page_size, page_token };
        let page = client.send(request).await.unwrap();
        assert!(page.layers.len() <= usize::try_from(page_size).unwrap());
        ids.extend(page.layers.iter().map(|layer| layer.name.rsplit('/').next().unwrap().to_owned()));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return ids;
        }
    }
}

/// spans, relations, article labels; suggested, accepted, rejected.
pub(crate) fn numbers(counts: Option<v1::LayerCounts>) -> [u64; 6] {
    let counts = counts.unwrap();
    assert_eq!((counts.orphans, counts.needs_review), (0, 0));
    let v1::LayerCounts { spans, relations, article_labels, suggested, accepted, rejected, .. } = counts;
    [spans, relations, article_labels, suggested, accepted, rejected]
}

#[tokio::test]
async fn a_layer_is_declared_read_changed_and_deleted_and_stands_after_a_restart() {
    let mut server = Server::start();
    let client = server.client_with_article(TEXT).await;
    let sent = v1::Layer {
        display_name: "spaCy".to_owned(),
        kind: v1::LayerKind::Model.into(),
        description: "the large pipeline".to_owned(),
        metadata: [("version".to_owned(), "3.8".to_owned())].into(),
        annotator: "en_core_web_trf 3.8.0".to_owned(),
        ..Default::default()
    };
    let request = v1::CreateLayerRequest { layer: Some(sent.clone()), ..declare("spacy-3.8") };
    let created = client.send(request.clone()).await.unwrap();
    let said = |it: &v1::Layer| {
        let v1::Layer { display_name, kind, description, metadata, annotator, .. } = it.clone();
        (display_name, kind, description, metadata, annotator)
    };
    assert_eq!((created.name.as_str(), said(&created)), ("projects/p/layers/spacy-3.8", said(&sent)));
    assert_eq!((created.revision, numbers(created.counts)), (head(&client).await, [0; 6]));
    assert!(created.create_time.is_some() && created.update_time == created.create_time);
    assert_eq!(get(&client, "spacy-3.8").await.unwrap(), created);
    check_refused(client.send(request).await, "RESOURCE_EXISTS", "layer_id");

    let renamed = v1::Layer {
        name: created.name.clone(),
        annotator: "en_core_web_trf 3.8.1".to_owned(),
        ..Default::default()
    };
    let changed = client.send(update(renamed, &["annotator"])).await.unwrap();
    assert_eq!((changed.annotator.as_str(), changed.kind), ("en_core_web_trf 3.8.1", created.kind));
    assert_ne!(changed.etag, created.etag);
    check_refused(client.send(update(created.clone(), &[])).await, "ETAG_MISMATCH", "layer.etag");
    let whole = v1::Layer { metadata: [].into(), ..changed.clone() };
    let replaced = client.send(update(whole, &[])).await.unwrap();
    assert_eq!((replaced.metadata.len(), replaced.create_time), (0, created.create_time));

    server.kill();
    server.start_again();
    let client = server.client().await;
    assert_eq!(get(&client, "spacy-3.8").await.unwrap(), replaced);
    let stale = v1::DeleteLayerRequest { etag: changed.etag, ..delete("spacy-3.8", false) };
    let details = check_refused(client.send(stale).await, "ETAG_MISMATCH", "etag");
    assert_eq!(fact(&details, "current_etag"), replaced.etag);
    client
        .send(v1::DeleteLayerRequest { etag: replaced.etag.clone(), ..delete("spacy-3.8", false) })
        .await
        .unwrap();
    check_refused(get(&client, "spacy-3.8").await, "RESOURCE_NOT_FOUND", "");
    check_refused(client.send(delete("spacy-3.8", false)).await, "RESOURCE_NOT_FOUND", "name");
    client.send(v1::DeleteLayerRequest { allow_missing: true, ..delete("spacy-3.8", true) }).await.unwrap();
    // What was deleted comes back by an undo.
    undo(&client, head(&client).await).await.unwrap();
    assert_eq!(said(&get(&client, "spacy-3.8").await.unwrap()), said(&replaced));
}

#[tokio::test]
async fn what_is_no_layer_is_refused_with_what_would_be_right() {
    let server = Server::start();
    let client = server.client_with_article(TEXT).await;
    let refuse = async |change: &dyn Fn(&mut v1::Layer), reason, field: &str| {
        let mut layer = v1::Layer::default();
        change(&mut layer);
        let request = v1::CreateLayerRequest { layer: Some(layer), ..declare("l") };
        check_refused(client.send(request).await, reason, field);
    };
    refuse(&|it| it.kind = 9, "FIELD_INVALID", "layer.kind").await;
    refuse(&|it| it.display_name = "n".repeat(257), "LIMIT_EXCEEDED", "layer.display_name").await;
    refuse(&|it| it.annotator = "n".repeat(257), "LIMIT_EXCEEDED", "layer.annotator").await;
    refuse(&|it| it.description = "d".repeat(4_097), "LIMIT_EXCEEDED", "layer.description").await;
    refuse(&|it| it.metadata = [(String::new(), String::new())].into(), "FIELD_INVALID", "layer.metadata")
        .await;
    refuse(&|it| it.name = format!("{P}/layers/other"), "FIELD_INVALID", "layer.name").await;
    refuse(&|it| it.name = "projects/q/layers/l".to_owned(), "FIELD_INVALID", "layer.name").await;
    check_refused(client.send(declare("a b")).await, "FIELD_INVALID", "layer_id");
    let elsewhere = v1::CreateLayerRequest { parent: "projects/q".to_owned(), ..declare("l") };
    check_refused(client.send(elsewhere).await, "RESOURCE_NOT_FOUND", "");
    let of_article = v1::GetLayerRequest { name: format!("{A}/layers/l") };
    check_refused(client.send(of_article).await, "FIELD_INVALID", "name");
    let missing = v1::Layer { name: format!("{P}/layers/l"), ..Default::default() };
    check_refused(client.send(update(missing.clone(), &["kind"])).await, "RESOURCE_NOT_FOUND", "layer.name");
    check_refused(client.send(update(missing, &["counts"])).await, "FIELD_INVALID", "update_mask.paths[0]");
    let list = v1::ListLayersRequest { parent: P.to_owned(), page_size: -1, ..Default::default() };
    check_refused(client.send(list).await, "FIELD_INVALID", "page_size");
    assert_eq!(ids(&client, 50).await, Vec::<String>::new());

    // Nothing of a check is kept.
    client.send(v1::CreateLayerRequest { validate_only: true, ..declare("l") }).await.unwrap();
    check_refused(get(&client, "l").await, "RESOURCE_NOT_FOUND", "");
    let made = client.send(v1::CreateLayerRequest { layer_id: String::new(), ..declare("") }).await.unwrap();
    assert_eq!(ids(&client, 50).await, [made.name.rsplit('/').next().unwrap()]);
}

#[tokio::test]
async fn layers_are_listed_by_id_whether_they_are_declared_or_in_use_and_counts_follow_the_review() {
    let server = Server::start();
    let client = server.client_with_article(TEXT).await;
    for layer in ["gold", "bob", "z", "alice"] {
        client.send(declare(layer)).await.unwrap();
    }
    let suggested =
        |annotation: v1::Annotation| v1::Annotation { state: v1::State::Suggested.into(), ..annotation };
    let of_article =
        v1::Annotation { target: Some(Target::Article(v1::WholeArticle {})), ..on("model", "news", "IBM") };
    create_all(
        &client,
        vec![
            suggested(on("model", "ORG", "IBM")),
            suggested(on("model", "LOC", "Armonk")),
            suggested(on("model", "PER", "Ada")),
            suggested(relation("model", "Located", &[1, 2])),
            of_article,
            on("bob", "PER", "She"),
        ],
    )
    .await;
    for page_size in [1, 2, 3, 50] {
        assert_eq!(ids(&client, page_size).await, ["alice", "bob", "gold", "model", "z"]);
    }
    let undeclared = get(&client, "model").await.unwrap();
    assert_eq!(numbers(undeclared.counts), [3, 1, 1, 4, 1, 0]);
    assert_eq!((undeclared.revision, undeclared.etag.as_str()), (0, ""));
    assert_eq!((undeclared.create_time, undeclared.update_time), (None, None));

    // Accepted, rejected with a reason, edited and accepted: each is one commit, and the counts follow.
    let review = async |n: u8, annotation: v1::Annotation, paths: &[&str], expected: [u64; 6]| {
        let before = head(&client).await;
        let annotation = v1::Annotation { name: name(n), ..annotation };
        let update_mask = Some(mask(paths));
        let request =
            v1::UpdateAnnotationRequest { annotation: Some(annotation), update_mask, ..Default::default() };
        client.send(request).await.unwrap();
        assert_eq!(head(&client).await, before + 1);
        assert_eq!(numbers(get(&client, "model").await.unwrap().counts), expected);
    };
    let state = |state: v1::State| v1::Annotation { state: state.into(), ..Default::default() };
    review(1, state(v1::State::Accepted), &["state"], [3, 1, 1, 3, 2, 0]).await;
    let why = v1::Annotation { note: "a town".to_owned(), ..state(v1::State::Rejected) };
    review(2, why, &["state", "note"], [3, 1, 1, 2, 2, 1]).await;
    let edited = v1::Annotation {
        label: "PERSON".to_owned(),
        target: annotation("", vec![by_quote("She")]).target,
        ..state(v1::State::Accepted)
    };
    review(3, edited, &["state", "label", "anchor"], [3, 1, 1, 1, 3, 1]).await;
    let of_article =
        v1::Annotation { target: Some(Target::Article(v1::WholeArticle {})), ..Default::default() };
    review(3, of_article, &["article"], [2, 1, 2, 1, 3, 1]).await;
    undo(&client, head(&client).await).await.unwrap();
    assert_eq!(numbers(get(&client, "model").await.unwrap().counts), [3, 1, 1, 1, 3, 1]);

    // Declared by an update, with all that was sent; the counts are the same.
    let described = v1::Layer {
        name: format!("{P}/layers/model"),
        kind: v1::LayerKind::Model.into(),
        display_name: "the model".to_owned(),
        ..Default::default()
    };
    let request = v1::UpdateLayerRequest { allow_missing: true, ..update(described, &["kind"]) };
    let declared = client.send(request).await.unwrap();
    assert_eq!((declared.display_name.as_str(), numbers(declared.counts)), ("the model", [3, 1, 1, 1, 3, 1]));
    assert_eq!(declared.revision, head(&client).await);
    assert_eq!(client.send(declare("model")).await.unwrap_err().code(), tonic::Code::AlreadyExists);

    // An article that goes takes its annotations along, and brings them back.
    let article = v1::DeleteArticleRequest { name: A.to_owned(), force: true, ..Default::default() };
    client.send(article).await.unwrap();
    assert_eq!(numbers(get(&client, "model").await.unwrap().counts), [0; 6]);
    assert_eq!(ids(&client, 2).await, ["alice", "bob", "gold", "model", "z"]);
    undo(&client, head(&client).await).await.unwrap();
    assert_eq!(numbers(get(&client, "model").await.unwrap().counts), [3, 1, 1, 1, 3, 1]);
}

#[tokio::test]
async fn a_layer_with_annotations_is_deleted_by_force_with_all_of_them_and_nothing_else() {
    let mut server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    client.create_article(P, "b", &"word ".repeat(3_000)).await;
    // Relations in a chain and in a circle, and more annotations than one commit takes.
    create_all(
        &client,
        vec![
            on("model", "ORG", "IBM"),
            relation("model", "r", &[1]),
            relation("model", "r", &[2, 1]),
            relation("model", "r", &[3, 5]),
            relation("model", "r", &[4]),
            on("alice", "ORG", "IBM"),
        ],
    )
    .await;
    for batch in 0..3 {
        let one = |n: u32| v1::CreateAnnotationRequest {
            annotation: Some(v1::Annotation {
                layer: if n.is_multiple_of(5) { "alice" } else { "model" }.to_owned(),
                ..annotation("W", vec![crate::support::by_utf8(n * 5, n * 5 + 4)])
            }),
            ..Default::default()
        };
        let requests = (batch * 1_000..(batch + 1) * 1_000).map(one).collect();
        let parent = "projects/p/articles/b".to_owned();
        client
            .send(v1::BatchCreateAnnotationsRequest { parent, requests, ..Default::default() })
            .await
            .unwrap();
    }
    client.send(declare("model")).await.unwrap();
    let status = client.send(delete("model", false)).await.unwrap_err();
    assert!(
        status.message().contains("projects/p/layers/model has 2405 annotations"),
        "{}",
        status.message()
    );
    check_refused(client.send(delete("model", false)).await, "HAS_CHILDREN", "");

    let before = head(&client).await;
    client.send(v1::DeleteLayerRequest { validate_only: true, ..delete("model", true) }).await.unwrap();
    assert_eq!((head(&client).await, all(&client, "model").await.len()), (before, 5));
    let request = v1::DeleteLayerRequest { request_id: id(0x70), ..delete("model", true) };
    client.send(request.clone()).await.unwrap();
    // One for the one article, three for the other, and one for what was declared.
    assert_eq!(head(&client).await, before + 5);
    assert_eq!((all(&client, "model").await.len(), all(&client, "alice").await.len()), (0, 1));
    assert_eq!(ids(&client, 50).await, ["alice"]);
    assert_eq!(numbers(get(&client, "alice").await.unwrap().counts), [601, 0, 0, 0, 601, 0]);

    // A retry deletes nothing, though there is such a layer again.
    client.send(create(0x20, on("model", "PER", "Ada"))).await.unwrap();
    server.kill();
    server.start_again();
    client = server.client().await;
    client.send(request).await.unwrap();
    assert_eq!(all(&client, "model").await.len(), 1);
    // One that was never declared is deleted in the same way.
    client.send(delete("model", true)).await.unwrap();
    assert_eq!((all(&client, "model").await.len(), ids(&client, 50).await), (0, vec!["alice".to_owned()]));
}

#[tokio::test]
async fn a_layer_is_declared_and_changed_once_however_often_it_is_tried() {
    let mut server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    let named = v1::Layer { name: format!("{P}/layers/gold"), ..Default::default() };
    let create = v1::CreateLayerRequest { request_id: id(1), ..declare("gold") };
    let update = v1::UpdateLayerRequest { request_id: id(2), ..update(named, &["kind"]) };
    let first = client.send(create.clone()).await.unwrap();
    let changed = client.send(update.clone()).await.unwrap();
    let after = head(&client).await;
    server.kill();
    server.start_again();
    client = server.client().await;
    assert_eq!(client.send(create.clone()).await.unwrap(), first);
    assert_eq!(client.send(update).await.unwrap(), changed);
    assert_eq!(head(&client).await, after);
    let other = v1::CreateLayerRequest { layer_id: "silver".to_owned(), ..create };
    check_refused(client.send(other).await, "REQUEST_ID_REUSED", "request_id");
}
