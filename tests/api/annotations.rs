//! Annotations: every way to say where they stand, and what of them can be changed.

use spandrel::proto::v1;
use uuid::{Uuid, Version};

use crate::support::{
    Client, Server, annotation, by_code_points, by_quote, by_utf8, by_utf16, check_refused,
    document_position, fact, mask, slices, spans,
};

const A: &str = "projects/p/articles/a";
const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";
/// 26 characters; `日本` begins at byte 8, UTF-16 unit 6, code point 5.
const TEXT: &str = "aé 😀 日本, then 日本 again 😀";

fn create(annotation: v1::Annotation) -> v1::CreateAnnotationRequest {
    v1::CreateAnnotationRequest { parent: A.to_owned(), annotation: Some(annotation), ..Default::default() }
}

fn update(annotation: v1::Annotation, paths: &[&str]) -> v1::UpdateAnnotationRequest {
    v1::UpdateAnnotationRequest {
        annotation: Some(annotation),
        update_mask: Some(mask(paths)),
        ..Default::default()
    }
}

fn replace(annotation: v1::Annotation) -> v1::UpdateAnnotationRequest {
    v1::UpdateAnnotationRequest { annotation: Some(annotation), ..Default::default() }
}

fn delete(name: &str) -> v1::DeleteAnnotationRequest {
    v1::DeleteAnnotationRequest { name: name.to_owned(), ..Default::default() }
}

fn named(id: &str) -> String {
    format!("{A}/annotations/{id}")
}

fn after(prefix: &str, quote: &str) -> v1::Span {
    v1::Span { prefix: prefix.to_owned(), ..by_quote(quote) }
}

fn before(quote: &str, suffix: &str) -> v1::Span {
    v1::Span { suffix: suffix.to_owned(), ..by_quote(quote) }
}

fn moved(name: &str, spans: Vec<v1::Span>) -> v1::Annotation {
    v1::Annotation { name: name.to_owned(), ..annotation("", spans) }
}

fn renamed(name: &str, label: &str) -> v1::Annotation {
    v1::Annotation { name: name.to_owned(), label: label.to_owned(), ..Default::default() }
}

async fn all(client: &mut Client) -> Vec<v1::Annotation> {
    client.list_all(v1::ListAnnotationsRequest { parent: A.to_owned(), ..Default::default() }).await
}

/// Creates an annotation on `sent` and expects its spans to cover `quotes`, in every unit, now and when it is read.
async fn check_spans(client: &Client, sent: Vec<v1::Span>, quotes: &[&str]) -> v1::Annotation {
    let created = client.send(create(annotation("X", sent.clone()))).await.unwrap();
    let covered: Vec<_> = spans(&created).iter().map(|span| span.quote.as_str()).collect();
    assert_eq!(covered, quotes, "{sent:?}");
    for span in spans(&created) {
        assert_eq!(slices(TEXT, span), [&span.quote; 3].map(String::clone));
        assert_eq!(
            (span.prefix.as_str(), span.suffix.as_str()),
            ("", ""),
            "what is input only is not answered"
        );
    }
    assert_eq!(client.get(&created.name).await.unwrap(), created);
    created
}

#[tokio::test]
async fn a_span_can_be_said_in_every_unit_and_by_its_quote() {
    let server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    let everything =
        v1::Span {
            quote: "日本".to_owned(), utf16: Some(v1::Range { start: 6, end: 8 }), ..by_utf8(9, 15)
        };
    let range = |start, end| Some(v1::Range { start, end });
    for span in [
        by_utf8(9, 15),
        by_utf16(6, 8),
        by_code_points(5, 7),
        everything,
        v1::Span { utf8: range(9, 15), utf16: range(6, 8), code_points: range(5, 7), ..Default::default() },
        after("😀 ", "日本"),
        before("日本", ", then"),
        v1::Span { prefix: " ".to_owned(), suffix: ",".to_owned(), ..by_quote("日本") },
        v1::Span {
            prefix: "😀 ".to_owned(),
            suffix: ",".to_owned(),
            quote: "日本".to_owned(),
            ..by_utf8(9, 15)
        },
    ] {
        check_spans(&client, vec![span], &["日本"]).await;
    }
    check_spans(&client, vec![by_quote(", then ")], &[", then "]).await;
    check_spans(&client, vec![after("then ", "日本")], &["日本"]).await;
    check_spans(&client, vec![by_quote(TEXT)], &[TEXT]).await;
    check_spans(&client, vec![by_utf8(0, u32::try_from(TEXT.len()).unwrap())], &[TEXT]).await;
    assert_eq!(all(&mut client).await.len(), 13);

    let spans = |index: usize, field: &str| format!("annotation.anchor.spans[{index}]{field}");
    for (sent, reason, field) in [
        (vec![by_quote("日本")], "QUOTE_AMBIGUOUS", spans(0, ".quote")),
        (vec![after("x", "日本")], "QUOTE_NOT_FOUND", spans(0, ".quote")),
        (vec![v1::Span { prefix: "x".to_owned(), ..by_utf8(9, 15) }], "FIELD_INVALID", spans(0, ".prefix")),
        (vec![by_quote("aé"), before("then", &"y".repeat(1_025))], "LIMIT_EXCEEDED", spans(1, ".suffix")),
        (
            vec![v1::Span { quote: "日本".to_owned(), ..by_code_points(6, 8) }],
            "QUOTE_MISMATCH",
            spans(0, ".quote"),
        ),
    ] {
        check_refused(client.send(create(annotation("X", sent))).await, reason, &field);
    }
    assert_eq!(all(&mut client).await.len(), 13);
}

#[tokio::test]
async fn a_discontinuous_mention_has_its_spans_in_order_and_apart() {
    let server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    check_spans(
        &client,
        vec![by_utf8(0, 1), by_code_points(5, 7), by_quote("again")],
        &["a", "日本", "again"],
    )
    .await;
    check_spans(&client, vec![by_utf16(6, 7), by_utf16(7, 8)], &["日", "本"]).await;
    let most: Vec<_> = (0..20).map(|index| by_code_points(index, index + 1)).collect();
    let characters: Vec<_> = TEXT.chars().take(20).map(String::from).collect();
    check_spans(&client, most, &characters.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let stored = all(&mut client).await;

    for (sent, reason, field) in [
        (vec![by_utf16(7, 8), by_utf16(6, 7)], "FIELD_INVALID", "annotation.anchor.spans[1]"),
        (vec![by_utf16(5, 7), by_utf16(6, 8)], "FIELD_INVALID", "annotation.anchor.spans[1]"),
        (vec![by_utf8(0, 1), by_utf8(0, 1)], "FIELD_INVALID", "annotation.anchor.spans[1]"),
        (vec![by_utf8(0, 1), by_utf8(1, 3), by_utf8(3, 3)], "SPAN_EMPTY", "annotation.anchor.spans[2].utf8"),
        (vec![], "FIELD_INVALID", "annotation.anchor.spans"),
        (vec![by_utf8(0, 1); 65], "LIMIT_EXCEEDED", "annotation.anchor.spans"),
    ] {
        check_refused(client.send(create(annotation("X", sent))).await, reason, field);
    }
    let without_anchor = v1::Annotation { label: "X".to_owned(), ..Default::default() };
    check_refused(client.send(create(without_anchor)).await, "FIELD_INVALID", "annotation.anchor");
    assert_eq!(all(&mut client).await, stored);
}

#[tokio::test]
async fn sixty_four_spans_are_kept_and_quotes_up_to_1024_code_points() {
    let text = "日😀".repeat(1_000);
    let server = Server::start();
    let client = server.client_with_article(&text).await;
    let every_other = (0..64).map(|index| by_code_points(2 * index, 2 * index + 1)).collect();
    let created = client.send(create(annotation("X", every_other))).await.unwrap();
    assert!(spans(&created).iter().all(|span| span.quote == "日"));

    let quoted = client.send(create(annotation("X", vec![by_code_points(3, 1_027)]))).await.unwrap();
    assert_eq!(spans(&quoted)[0].quote.chars().count(), 1_024);
    for longer in [vec![by_code_points(3, 1_028)], vec![by_code_points(0, 1), by_code_points(3, 1_027)]] {
        let created = client.send(create(annotation("X", longer))).await.unwrap();
        assert!(
            spans(&created).iter().all(|span| span.quote.is_empty()),
            "longer quotes are left out together"
        );
        assert_eq!(client.get(&created.name).await.unwrap(), created);
    }
}

#[tokio::test]
async fn an_annotation_has_the_id_that_it_is_given_or_a_new_one() {
    let server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    let x = || annotation("X", vec![by_utf8(0, 1)]);
    let with = |id: &str, name: &str| v1::CreateAnnotationRequest {
        annotation_id: id.to_owned(),
        ..create(v1::Annotation { name: name.to_owned(), ..x() })
    };
    let created = client.send(with(ID, "")).await.unwrap();
    let expected = v1::Annotation {
        name: named(ID),
        layer: "default".to_owned(),
        text_revision: 1,
        update_time: created.create_time,
        ..created.clone()
    };
    assert_eq!(created, expected);
    assert!(created.create_time.is_some() && !created.etag.is_empty());
    let by_name = named("0190163d-8694-739b-aea5-966c26f8ad92");
    assert_eq!(client.send(with("", &by_name)).await.unwrap().name, by_name);
    let made = client.send(with("", "")).await.unwrap();
    let id = Uuid::try_parse(made.name.rsplit('/').next().unwrap()).unwrap();
    assert_eq!(id.get_version(), Some(Version::SortRand));

    check_refused(client.send(with(ID, "")).await, "RESOURCE_EXISTS", "annotation_id");
    let elsewhere = format!("projects/p/articles/b/annotations/{ID}");
    for (id, name, field) in [
        (ID, by_name.as_str(), "annotation.name"),
        ("", &elsewhere, "annotation.name"),
        ("", ID, "annotation.name"),
        ("x", "", "annotation_id"),
        (&ID.to_uppercase(), "", "annotation_id"),
        (&ID.replace('-', ""), "", "annotation_id"),
    ] {
        check_refused(client.send(with(id, name)).await, "FIELD_INVALID", field);
    }
    for parent in ["projects/p/articles/b", "projects/q/articles/a"] {
        let nowhere = v1::CreateAnnotationRequest { parent: parent.to_owned(), ..with("", "") };
        check_refused(client.send(nowhere).await, "RESOURCE_NOT_FOUND", "");
    }
    let empty = v1::CreateAnnotationRequest { annotation: None, ..with("", "") };
    check_refused(client.send(empty).await, "FIELD_INVALID", "annotation");
    assert_eq!(all(&mut client).await.len(), 3);

    // An id is one of its article: another article may have the same.
    client.create_article("projects/p", "b", TEXT).await;
    let other = v1::CreateAnnotationRequest { parent: "projects/p/articles/b".to_owned(), ..with(ID, "") };
    assert_eq!(client.send(other).await.unwrap().name, elsewhere);
}

#[tokio::test]
async fn labels_and_layers_have_their_forms() {
    let server = Server::start();
    let client = server.client_with_article(TEXT).await;
    let with = |layer: &str, label: &str| {
        create(v1::Annotation { layer: layer.to_owned(), ..annotation(label, vec![by_utf8(0, 1)]) })
    };
    let longest_label = "x".repeat(256);
    let longest_layer = "x".repeat(128);
    for (layer, label) in
        [("alice", "PER"), ("spacy-3.8", "人名 (日本)"), (&longest_layer, &longest_label), ("0", " ")]
    {
        let created = client.send(with(layer, label)).await.unwrap();
        assert_eq!((created.layer.as_str(), created.label.as_str()), (layer, label));
    }
    let too_long_label = "é".repeat(128) + "x";
    let too_long_layer = "x".repeat(129);
    for (layer, label, reason, field) in [
        ("", "", "FIELD_INVALID", "annotation.label"),
        ("", "a\nb", "FIELD_INVALID", "annotation.label"),
        ("", "a\0", "FIELD_INVALID", "annotation.label"),
        ("", &too_long_label, "LIMIT_EXCEEDED", "annotation.label"),
        ("a b", "X", "FIELD_INVALID", "annotation.layer"),
        ("projects/p/layers/a", "X", "FIELD_INVALID", "annotation.layer"),
        (&too_long_layer, "X", "FIELD_INVALID", "annotation.layer"),
    ] {
        check_refused(client.send(with(layer, label)).await, reason, field);
    }
}

#[tokio::test]
async fn what_is_only_validated_is_answered_and_not_done() {
    let server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    let request = v1::CreateAnnotationRequest {
        annotation_id: ID.to_owned(),
        ..create(annotation("X", vec![by_utf8(0, 1)]))
    };
    let checked =
        client.send(v1::CreateAnnotationRequest { validate_only: true, ..request.clone() }).await.unwrap();
    assert_eq!(all(&mut client).await, []);
    check_refused(client.get(&named(ID)).await, "RESOURCE_NOT_FOUND", "");
    let created = client.send(request.clone()).await.unwrap();
    let (create_time, update_time) = (created.create_time, created.update_time);
    assert_eq!(v1::Annotation { create_time, update_time, ..checked }, created);
    let again = v1::CreateAnnotationRequest { validate_only: true, ..request };
    check_refused(client.send(again).await, "RESOURCE_EXISTS", "annotation_id");

    let request = update(moved(&created.name, vec![by_quote("again")]), &["anchor"]);
    let checked =
        client.send(v1::UpdateAnnotationRequest { validate_only: true, ..request.clone() }).await.unwrap();
    assert_eq!(client.get(&created.name).await.unwrap(), created);
    let updated = client.send(request).await.unwrap();
    assert_eq!(v1::Annotation { update_time: updated.update_time, ..checked }, updated);

    client.send(v1::DeleteAnnotationRequest { validate_only: true, ..delete(&created.name) }).await.unwrap();
    let checked = v1::BatchCreateAnnotationsRequest {
        parent: A.to_owned(),
        requests: vec![create(annotation("Y", vec![by_utf8(0, 1)]))],
        validate_only: true,
        request_id: String::new(),
    };
    let answer = client.send(checked).await.unwrap();
    assert_eq!(answer.annotations[0].label, "Y");
    check_refused(client.get(&answer.annotations[0].name).await, "RESOURCE_NOT_FOUND", "");
    assert_eq!(all(&mut client).await, [updated]);
}

#[tokio::test]
async fn a_label_is_changed_and_all_else_stays() {
    let server = Server::start();
    let client = server.client_with_article(TEXT).await;
    let created = client.annotate_with("alice", "PER", vec![by_quote("again")]).await;
    let updated = client.send(update(renamed(&created.name, "LOC"), &["label"])).await.unwrap();
    let expected = v1::Annotation {
        label: "LOC".to_owned(),
        revision: created.revision + 1,
        update_time: updated.update_time,
        etag: updated.etag.clone(),
        ..created.clone()
    };
    assert_eq!(updated, expected);
    assert_ne!(updated.etag, created.etag);
    assert_eq!(client.get(&created.name).await.unwrap(), updated);

    for (paths, field) in [
        (vec!["colour"], "update_mask.paths[0]"),
        (vec!["label", "layer"], "update_mask.paths[1]"),
        (vec!["target"], "update_mask.paths[0]"),
        (vec!["anchor.spans"], "update_mask.paths[0]"),
        (vec!["text_revision"], "update_mask.paths[0]"),
        (vec!["name"], "update_mask.paths[0]"),
        (vec!["etag"], "update_mask.paths[0]"),
        (vec!["label", "label"], "update_mask.paths[1]"),
        (vec![], "update_mask"),
    ] {
        check_refused(client.send(update(renamed(&created.name, "X"), &paths)).await, "FIELD_INVALID", field);
    }
    let no_label = update(renamed(&created.name, ""), &["label"]);
    check_refused(client.send(no_label).await, "FIELD_INVALID", "annotation.label");
    let no_anchor = update(renamed(&created.name, "X"), &["anchor"]);
    check_refused(client.send(no_anchor).await, "FIELD_INVALID", "annotation.anchor");
    let outside = update(moved(&created.name, vec![by_utf8(0, 99)]), &["anchor"]);
    check_refused(client.send(outside).await, "SPAN_OUT_OF_BOUNDS", "annotation.anchor.spans[0].utf8.end");
    assert_eq!(client.get(&created.name).await.unwrap(), updated);
}

#[tokio::test]
async fn an_anchor_is_changed_and_the_annotation_moves_in_order() {
    let server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    let mut stored = Vec::new();
    for start in 0..5 {
        stored.push(client.annotate(A, "X", by_code_points(2 * start, 2 * start + 1)).await.unwrap());
    }
    let whole = u32::try_from(TEXT.chars().count()).unwrap();
    for anchor in [
        vec![by_quote("again")],
        vec![by_code_points(0, whole)],
        vec![by_code_points(0, 1)],
        vec![by_code_points(1, 2), by_quote("again")],
    ] {
        let before = stored[2].clone();
        let updated = client.send(update(moved(&before.name, anchor), &["anchor"])).await.unwrap();
        assert_eq!(
            (&updated.label, &updated.layer, &updated.name),
            (&before.label, &before.layer, &before.name)
        );
        assert_eq!(client.get(&before.name).await.unwrap(), updated);
        stored[2] = updated;
        let mut expected = stored.clone();
        expected.sort_by_key(document_position);
        assert_eq!(all(&mut client).await, expected);
    }
}

#[tokio::test]
async fn the_layer_never_changes() {
    let server = Server::start();
    let client = server.client_with_article(TEXT).await;
    let created = client.annotate_with("alice", "X", vec![by_utf8(0, 1)]).await;
    let other = v1::Annotation { layer: "bob".to_owned(), ..created.clone() };
    check_refused(client.send(replace(other)).await, "FIELD_INVALID", "annotation.layer");
    let same = v1::Annotation { label: "Y".to_owned(), ..created.clone() };
    let updated = client.send(replace(same)).await.unwrap();
    let unsaid = v1::Annotation { layer: String::new(), ..updated };
    assert_eq!(client.send(replace(unsaid)).await.unwrap().layer, "alice");
}

#[tokio::test]
async fn an_update_needs_the_etag_that_stands() {
    let server = Server::start();
    let client = server.client_with_article(TEXT).await;
    let created = client.annotate_with("", "X", vec![by_utf8(0, 1)]).await;
    let without = v1::Annotation { etag: String::new(), ..created.clone() };
    check_refused(client.send(replace(without)).await, "FIELD_INVALID", "annotation.etag");
    let updated =
        client.send(replace(v1::Annotation { label: "Y".to_owned(), ..created.clone() })).await.unwrap();

    let stale = v1::Annotation { label: "Z".to_owned(), ..created.clone() };
    for request in [replace(stale.clone()), update(stale, &["label"])] {
        let details = check_refused(client.send(request).await, "ETAG_MISMATCH", "annotation.etag");
        assert_eq!(fact(&details, "current_etag"), updated.etag);
        assert_eq!(details.resource_info().unwrap().resource_name, created.name);
    }
    let stale = v1::DeleteAnnotationRequest { etag: created.etag, ..delete(&created.name) };
    check_refused(client.send(stale).await, "ETAG_MISMATCH", "etag");
    assert_eq!(client.get(&created.name).await.unwrap(), updated);
    let current = v1::DeleteAnnotationRequest { etag: updated.etag, ..delete(&created.name) };
    client.send(current).await.unwrap();
    check_refused(client.get(&created.name).await, "RESOURCE_NOT_FOUND", "");
}

#[tokio::test]
async fn an_update_creates_what_is_missing_when_it_may() {
    let server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    let name = named(ID);
    let whole = v1::Annotation {
        name: name.clone(),
        layer: "alice".to_owned(),
        ..annotation("X", vec![by_utf8(0, 1)])
    };
    let request = update(whole.clone(), &["label"]);
    check_refused(client.send(request.clone()).await, "RESOURCE_NOT_FOUND", "annotation.name");
    let request = v1::UpdateAnnotationRequest { allow_missing: true, ..request };
    let without_anchor = v1::Annotation { target: None, ..whole.clone() };
    let incomplete = v1::UpdateAnnotationRequest { annotation: Some(without_anchor), ..request.clone() };
    check_refused(client.send(incomplete).await, "FIELD_INVALID", "annotation.anchor");
    assert_eq!(all(&mut client).await, []);

    let created = client.send(request.clone()).await.unwrap();
    assert_eq!((created.layer.as_str(), spans(&created)[0].quote.as_str()), ("alice", "a"));
    let other = v1::Annotation { label: "Y".to_owned(), ..moved(&name, vec![by_quote("again")]) };
    let request = v1::UpdateAnnotationRequest { annotation: Some(other), ..request };
    let updated = client.send(request).await.unwrap();
    assert_eq!((updated.label.as_str(), spans(&updated)), ("Y", spans(&created)), "what is there is updated");
    assert_eq!(all(&mut client).await, [updated]);
}

/// Saying the label again needs no anchor, also where a missing annotation might be created.
#[tokio::test]
async fn an_update_of_what_is_there_needs_only_what_its_mask_names() {
    let server = Server::start();
    let client = server.client_with_article(TEXT).await;
    let created = client.annotate_with("", "X", vec![by_utf8(0, 1)]).await;
    let request = update(renamed(&created.name, "Y"), &["label"]);
    let updated = client.send(v1::UpdateAnnotationRequest { allow_missing: true, ..request }).await.unwrap();
    assert_eq!((updated.label.as_str(), spans(&updated)), ("Y", spans(&created)));

    // And replacing what is there needs the etag that was read, although something missing would have none.
    let blind = v1::Annotation { label: "Z".to_owned(), etag: String::new(), ..created };
    let request = v1::UpdateAnnotationRequest { allow_missing: true, ..replace(blind) };
    check_refused(client.send(request).await, "FIELD_INVALID", "annotation.etag");
    assert_eq!(client.get(&updated.name).await.unwrap(), updated);
}

#[tokio::test]
async fn an_annotation_is_deleted_once() {
    let server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    let kept = client.annotate(A, "X", by_utf8(0, 1)).await.unwrap();
    let gone = client.annotate(A, "X", by_utf8(0, 1)).await.unwrap();
    client.get(&gone.name).await.unwrap();
    client.send(delete(&gone.name)).await.unwrap();
    check_refused(client.get(&gone.name).await, "RESOURCE_NOT_FOUND", "");
    check_refused(client.send(delete(&gone.name)).await, "RESOURCE_NOT_FOUND", "name");
    client.send(v1::DeleteAnnotationRequest { allow_missing: true, ..delete(&gone.name) }).await.unwrap();
    check_refused(
        client.send(update(renamed(&gone.name, "Y"), &["label"])).await,
        "RESOURCE_NOT_FOUND",
        "annotation.name",
    );
    assert_eq!(all(&mut client).await, [kept]);

    let id = gone.name.rsplit('/').next().unwrap().to_owned();
    let again =
        v1::CreateAnnotationRequest { annotation_id: id, ..create(annotation("X", vec![by_utf8(0, 1)])) };
    let again = client.send(again).await.unwrap();
    assert_eq!(again.name, gone.name);
    assert_ne!(again.etag, gone.etag, "an etag never recurs");
}

#[tokio::test]
async fn a_batch_creates_all_or_none() {
    let server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    let batch = |requests| v1::BatchCreateAnnotationsRequest {
        parent: A.to_owned(),
        requests,
        validate_only: false,
        request_id: String::new(),
    };
    let one = |id: &str, parent: &str| v1::CreateAnnotationRequest {
        parent: parent.to_owned(),
        annotation_id: id.to_owned(),
        ..create(annotation("X", vec![by_utf8(0, 1)]))
    };
    let answer = client.send(batch(vec![one(ID, ""), one("", A), one("", "")])).await.unwrap();
    assert_eq!(answer.annotations[0].name, named(ID));
    assert!(answer.annotations.iter().all(|annotation| annotation.revision == answer.revision));
    let mut stored = answer.annotations;
    stored.sort_by_key(document_position);
    assert_eq!(all(&mut client).await, stored);

    let checked = v1::CreateAnnotationRequest { validate_only: true, ..one("", "") };
    let new = "00000000-0000-7000-8000-000000000000";
    for (requests, reason, field) in [
        (vec![one("", ""), one(ID, "")], "RESOURCE_EXISTS", "requests[1].annotation_id"),
        (vec![one(new, ""), one(new, "")], "FIELD_INVALID", "requests[1]"),
        (vec![one("", ""), one("", "projects/p/articles/b")], "FIELD_INVALID", "requests[1].parent"),
        (vec![one("", ""), checked], "FIELD_INVALID", "requests[1].validate_only"),
        (vec![], "FIELD_INVALID", "requests"),
        (vec![one("", ""); 1_001], "LIMIT_EXCEEDED", "requests"),
    ] {
        check_refused(client.send(batch(requests)).await, reason, field);
    }
    assert_eq!(all(&mut client).await, stored);
}

impl Client {
    async fn annotate_with(&self, layer: &str, label: &str, spans: Vec<v1::Span>) -> v1::Annotation {
        let new = v1::Annotation { layer: layer.to_owned(), ..annotation(label, spans) };
        self.send(create(new)).await.unwrap()
    }
}
