//! Copies of layers: a model's suggestions become a person's draft.

use spandrel::proto::v1::{self, annotation::Target};
use tonic::Status;

use crate::{
    layer_locks::submit,
    layers::{A, P, TEXT, all, create_all, get, head, id, name, numbers, on, relation, undo},
    support::{Client, Server, annotation, by_utf8, check_refused, fact},
};

fn copy(destination: &str) -> v1::CopyLayerRequest {
    let (name, destination) = (format!("{A}/layers/model"), destination.to_owned());
    v1::CopyLayerRequest { name, destination, ..Default::default() }
}

async fn refused(client: &Client, request: v1::CopyLayerRequest, reason: &str, field: &str) -> Status {
    let before = head(client).await;
    let status = client.send(request).await.unwrap_err();
    check_refused(Err::<(), _>(status.clone()), reason, field);
    assert_eq!(head(client).await, before);
    status
}

/// The model has IBM (1), Armonk (2), Ada (3, rejected); where (1) is (4), that Ada works there (5), and who says so (6).
async fn suggested() -> (Server, Client) {
    let server = Server::start();
    let client = server.client_with_article(TEXT).await;
    let state = |state: v1::State, annotation| v1::Annotation { state: state.into(), ..annotation };
    let value =
        v1::AttributeValue { kind: Some(v1::attribute_value::Kind::StringValue("Q37156".to_owned())) };
    let linked = v1::Annotation {
        attributes: [("wikidata".to_owned(), value)].into(),
        note: "the company".to_owned(),
        score: Some(0.75),
        ..on("model", "ORG", "IBM")
    };
    create_all(
        &client,
        vec![
            state(v1::State::Suggested, linked),
            state(v1::State::Suggested, on("model", "LOC", "Armonk")),
            state(v1::State::Rejected, on("model", "PER", "Ada")),
            state(v1::State::Suggested, relation("model", "Located", &[1, 2])),
            state(v1::State::Suggested, relation("model", "Works", &[3, 1])),
            state(v1::State::Suggested, relation("model", "Says", &[5])),
        ],
    )
    .await;
    (server, client)
}

#[tokio::test]
async fn a_copy_has_what_its_source_has_under_ids_of_its_own() {
    let (mut server, mut client) = suggested().await;
    let sources = all(&client, "model").await;
    let before = head(&client).await;
    let request =
        v1::CopyLayerRequest { state: v1::State::Accepted.into(), request_id: id(0x70), ..copy("alice") };
    let check = v1::CopyLayerRequest { validate_only: true, ..request.clone() };
    let checked = client.send(check).await.unwrap();
    assert_eq!((checked.copied, checked.left_out, all(&client, "alice").await.len()), (3, 2, 0));
    let done = client.send(request.clone()).await.unwrap();
    assert_eq!((done.copied, done.left_out, done.revision), (3, 2, before + 1));
    let layer = done.article_layer.clone().unwrap();
    assert_eq!(
        (layer.name.as_str(), numbers(layer.counts)),
        ("projects/p/articles/a/layers/alice", [2, 1, 0, 0, 3, 0])
    );
    assert_eq!(checked.article_layer, done.article_layer);

    let copies = all(&client, "alice").await;
    let copy_of = |source: &str| copies.iter().find(|copy| copy.derived_from == [source]).unwrap();
    for n in [1, 2] {
        let (copy, source) = (copy_of(&name(n)), sources.iter().find(|it| it.name == name(n)).unwrap());
        let said = |it: &v1::Annotation| {
            (it.label.clone(), it.target.clone(), it.attributes.clone(), it.note.clone(), it.score)
        };
        assert_eq!(said(copy), said(source));
        assert_eq!((copy.state(), copy.revision), (v1::State::Accepted, done.revision));
        assert_ne!(copy.name, source.name);
    }
    let Some(Target::Relation(located)) = &copy_of(&name(4)).target else { panic!("{copies:?}") };
    let used: Vec<_> = located.arguments.iter().map(|it| it.annotation.clone()).collect();
    assert_eq!(used, [1, 2].map(|n| copy_of(&name(n)).name.clone()));
    // Ids are in the order of what is copied.
    let ids: Vec<_> = [1, 2, 4].map(|n| copy_of(&name(n)).name.clone()).to_vec();
    assert!(ids.is_sorted(), "{ids:?}");
    assert_eq!(all(&client, "model").await, sources);

    server.kill();
    server.start_again();
    client = server.client().await;
    assert_eq!(client.send(request).await.unwrap(), done);
    assert_eq!(all(&client, "alice").await, copies);
    undo(&client, done.revision).await.unwrap();
    assert_eq!(all(&client, "alice").await.len(), 0);
}

#[tokio::test]
async fn what_is_copied_is_chosen_by_state_and_label() {
    let (_server, client) = suggested().await;
    let mut number = 0;
    let mut check =
        async |change: &dyn Fn(&mut v1::CopyLayerRequest), expected: (u32, u32), states: [u64; 3]| {
            number += 1;
            let mut request = copy(&format!("copy-{number}"));
            change(&mut request);
            let copied = client.send(request).await.unwrap();
            assert_eq!((copied.copied, copied.left_out), expected);
            let [_, _, _, found @ ..] = numbers(copied.article_layer.unwrap().counts);
            assert_eq!(found, states);
        };
    check(&|_| {}, (3, 2), [3, 0, 0]).await;
    check(&|it| it.state = v1::State::Rejected.into(), (3, 2), [0, 0, 3]).await;
    check(&|it| it.only_state = v1::State::Rejected.into(), (1, 0), [0, 0, 1]).await;
    check(&|it| it.only_state = v1::State::Accepted.into(), (0, 0), [0, 0, 0]).await;
    check(&|it| it.labels = vec!["ORG".to_owned(), "Located".to_owned()], (1, 1), [1, 0, 0]).await;
    check(&|it| it.labels = vec!["none".to_owned()], (0, 0), [0, 0, 0]).await;
}

#[tokio::test]
async fn a_copy_that_cannot_be_is_refused_and_leaves_nothing() {
    let (_server, client) = suggested().await;
    let with = |change: fn(&mut v1::CopyLayerRequest)| {
        let mut request = copy("alice");
        change(&mut request);
        request
    };
    refused(&client, copy("model"), "FIELD_INVALID", "destination").await;
    refused(&client, copy(""), "FIELD_INVALID", "destination").await;
    refused(&client, with(|it| it.state = 9), "FIELD_INVALID", "state").await;
    refused(&client, with(|it| it.only_state = 9), "FIELD_INVALID", "only_state").await;
    refused(&client, with(|it| it.labels = vec![String::new()]), "FIELD_INVALID", "labels[0]").await;
    refused(&client, with(|it| it.name = format!("{A}/layers/none")), "RESOURCE_NOT_FOUND", "name").await;
    refused(&client, with(|it| it.name = format!("{P}/articles/b/layers/x")), "RESOURCE_NOT_FOUND", "name")
        .await;
    refused(&client, with(|it| it.name = format!("{P}/layers/model")), "FIELD_INVALID", "name").await;

    client.send(copy("alice")).await.unwrap();
    let status = refused(&client, copy("alice"), "HAS_CHILDREN", "destination").await;
    let message = "projects/p/articles/a/layers/alice has 3 annotations; send force to copy all the same";
    assert!(status.message().contains(message), "{}", status.message());
    client.send(with(|it| it.force = true)).await.unwrap();
    assert_eq!(numbers(get(&client, "alice").await.unwrap().counts), [4, 2, 0, 6, 0, 0]);

    submit(&client, "alice").await.unwrap();
    refused(&client, with(|it| it.force = true), "LAYER_LOCKED", "destination").await;
    // What is submitted may be copied.
    submit(&client, "model").await.unwrap();
    client.send(copy("bob")).await.unwrap();
}

#[tokio::test]
async fn the_label_schema_holds_for_copies() {
    let (_server, client) = suggested().await;
    let schema = v1::LabelSchema {
        name: format!("{P}/labelSchema"),
        span_rules: Some(v1::SpanRules { overlap: v1::Overlap::None.into(), ..Default::default() }),
        ..Default::default()
    };
    let update_mask = Some(crate::support::mask(&["span_rules"]));
    let request =
        v1::UpdateLabelSchemaRequest { label_schema: Some(schema), update_mask, ..Default::default() };
    client.clone().projects.update_label_schema(request).await.unwrap();
    client.send(copy("alice")).await.unwrap();
    let twice = v1::CopyLayerRequest { force: true, ..copy("alice") };
    let status = refused(&client, twice, "SCHEMA_VIOLATED", "name").await;
    let (_, details) = crate::support::refusal(&status);
    assert_eq!(details.precondition_failure().unwrap().violations[0].subject, name(1));
    assert_eq!(fact(&details, "rule"), "OVERLAP");
}

#[tokio::test]
async fn a_copy_is_one_commit_and_says_how_much_fits_into_it() {
    let server = Server::start();
    let mut client = server.client().await;
    client.create_project("p").await;
    client.create_article(P, "a", &"word ".repeat(2_002)).await;
    let of_model = |n: u32| v1::Annotation {
        layer: "model".to_owned(),
        ..annotation(if n < 2_000 { "W" } else { "V" }, vec![by_utf8(n * 5, n * 5 + 4)])
    };
    for from in [0, 1_000, 2_000] {
        let one = |n| v1::CreateAnnotationRequest { annotation: Some(of_model(n)), ..Default::default() };
        let requests = (from..(from + 1_000).min(2_001)).map(one).collect();
        let parent = A.to_owned();
        client
            .send(v1::BatchCreateAnnotationsRequest { parent, requests, ..Default::default() })
            .await
            .unwrap();
    }
    let status = refused(&client, copy("alice"), "LIMIT_EXCEEDED", "name").await;
    let (_, details) = crate::support::refusal(&status);
    assert_eq!((fact(&details, "actual"), fact(&details, "limit")), ("2001".to_owned(), "2000".to_owned()));
    let before = head(&client).await;
    let some = v1::CopyLayerRequest { labels: vec!["W".to_owned()], ..copy("alice") };
    let copied = client.send(some).await.unwrap();
    assert_eq!((copied.copied, head(&client).await), (2_000, before + 1));

    // Long notes do not fit either: then the bytes count.
    let noted = |n: u32| v1::Annotation { layer: "long".to_owned(), note: "n".repeat(4_000), ..of_model(n) };
    let one = |n| v1::CreateAnnotationRequest { annotation: Some(noted(n)), ..Default::default() };
    let requests = (0..300).map(one).collect();
    let parent = A.to_owned();
    client.send(v1::BatchCreateAnnotationsRequest { parent, requests, ..Default::default() }).await.unwrap();
    let long = v1::CopyLayerRequest { name: format!("{A}/layers/long"), ..copy("bob") };
    let status = refused(&client, long, "LIMIT_EXCEEDED", "name").await;
    let (_, details) = crate::support::refusal(&status);
    let fitting: u32 = fact(&details, "limit").parse().unwrap();
    assert!((200..300).contains(&fitting), "{fitting}");
    // Much of it is taken back by one commit, too.
    undo(&client, before + 1).await.unwrap();
    assert_eq!(all(&client, "alice").await.len(), 0);
}
