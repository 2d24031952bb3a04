//! Lists and streams: document order, pages, filters, windows held against a naive oracle, and that no read lags
//! behind an acknowledged write.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use prost::Message;
use spandrel::{
    limits,
    proto::v1::{self, write::Op},
};
use tonic::Code;

use crate::support::{
    Client, Seeded, Server, annotation, boundaries, by_code_points, by_quote, by_utf8, by_utf16,
    check_refused, document_position, mask, spans,
};

const P: &str = "projects/p";
const A: &str = "projects/p/articles/a";
/// Repeated, so that offsets of the units drift apart.
const PIECE: &str = "日本語の👍🏽 text, é and 👩‍👩‍👧‍👦; plain words here\r\n";

fn list(page_size: i32) -> v1::ListAnnotationsRequest {
    v1::ListAnnotationsRequest { parent: A.to_owned(), page_size, ..Default::default() }
}

fn create(layer: &str, label: &str, spans: Vec<v1::Span>) -> v1::CreateAnnotationRequest {
    let annotation = v1::Annotation { layer: layer.to_owned(), ..annotation(label, spans) };
    v1::CreateAnnotationRequest { annotation: Some(annotation), ..Default::default() }
}

fn batch(article: &str, requests: Vec<v1::CreateAnnotationRequest>) -> v1::BatchCreateAnnotationsRequest {
    v1::BatchCreateAnnotationsRequest {
        parent: article.to_owned(),
        requests,
        validate_only: false,
        request_id: String::new(),
    }
}

/// Spans of a text of `length` code points, mostly short, some long, some in several parts.
fn some_spans(seeded: &mut Seeded, length: usize) -> Vec<v1::Span> {
    let parts = *seeded.pick(&[1, 1, 1, 2, 3]);
    let reach = *seeded.pick(&[3, 3, 10, 40, length]);
    let mut edges: Vec<_> = (0..2 * parts).map(|_| seeded.below(reach)).collect();
    let shift = seeded.below(length - reach + 1);
    edges.sort_unstable();
    edges.dedup();
    if edges.len() % 2 == 1 {
        edges.pop();
    }
    let edge = |edge: usize| u32::try_from(edge + shift).unwrap();
    let spans: Vec<_> = edges.chunks(2).map(|pair| by_code_points(edge(pair[0]), edge(pair[1]))).collect();
    if spans.is_empty() { vec![by_code_points(edge(0), edge(1))] } else { spans }
}

/// Fills an article with annotations of several layers and labels, and returns them in document order.
async fn fill(
    client: &Client,
    seeded: &mut Seeded,
    article: &str,
    length: usize,
    count: usize,
) -> Vec<v1::Annotation> {
    let requests: Vec<_> = (0..count)
        .map(|_| {
            let (layer, label) = (*seeded.pick(&["alice", "bob"]), *seeded.pick(&["PER", "LOC", "ORG"]));
            let annotation_id = seeded.uuid();
            v1::CreateAnnotationRequest { annotation_id, ..create(layer, label, some_spans(seeded, length)) }
        })
        .collect();
    let mut stored = Vec::new();
    for requests in requests.chunks(1_000) {
        stored.extend(client.send(batch(article, requests.to_vec())).await.unwrap().annotations);
    }
    stored.sort_by_key(document_position);
    stored
}

/// Whether a span shares a character with a window, both in bytes. A window without characters is met by what
/// begins before it and ends behind it.
fn meets(window: (u32, u32), annotation: &v1::Annotation) -> bool {
    spans(annotation).iter().any(|span| {
        let range = span.utf8.unwrap();
        range.start < window.1 && window.0 < range.end
    })
}

fn names(annotations: &[v1::Annotation]) -> Vec<&str> {
    annotations.iter().map(|annotation| annotation.name.as_str()).collect()
}

#[tokio::test]
async fn annotations_are_listed_by_start_then_the_longer_first_then_by_id() {
    let server = Server::start();
    let mut client = server.client_with_article(&PIECE.repeat(4)).await;
    assert_eq!(client.list_all(list(0)).await, []);
    let id = |number: u32| format!("00000000-0000-7000-8000-{number:012}");
    let expected = [
        (id(9), vec![by_code_points(0, 50)]),
        (id(3), vec![by_code_points(0, 2)]),
        (id(5), vec![by_code_points(0, 2)]),
        (id(1), vec![by_code_points(0, 1)]),
        (id(8), vec![by_code_points(1, 2), by_code_points(30, 40)]),
        (id(0), vec![by_code_points(1, 39)]),
        (id(2), vec![by_code_points(7, 9)]),
    ];
    let mut requests: Vec<_> = expected
        .iter()
        .map(|(id, spans)| v1::CreateAnnotationRequest {
            annotation_id: id.clone(),
            ..create("", "X", spans.clone())
        })
        .collect();
    requests.reverse();
    client.send(batch(A, requests)).await.unwrap();
    let listed = client.list_all(list(0)).await;
    let ids: Vec<_> = listed.iter().map(|annotation| annotation.name.rsplit('/').next().unwrap()).collect();
    assert_eq!(ids, expected.iter().map(|(id, _)| id).collect::<Vec<_>>());
}

#[tokio::test]
async fn pages_of_every_size_are_one_sequence_while_others_write() {
    let text = PIECE.repeat(30);
    let length = text.chars().count();
    let server = Server::start();
    let mut client = server.client_with_article(&text).await;
    let mut seeded = Seeded::new(1);
    let stored = fill(&client, &mut seeded, A, length, 300).await;

    let stop = Arc::new(AtomicBool::new(false));
    let (others, stopped) = (server.client().await, Arc::clone(&stop));
    let writer = tokio::spawn(async move {
        let mut written = Vec::new();
        while !stopped.load(Ordering::Relaxed) {
            let requests = (0..5).map(|_| create("others", "X", some_spans(&mut seeded, length))).collect();
            written.extend(others.send(batch(A, requests)).await.unwrap().annotations);
            if written.len() > 200 {
                let gone: v1::Annotation = written.swap_remove(seeded.below(written.len()));
                let delete = v1::DeleteAnnotationRequest { name: gone.name, ..Default::default() };
                others.send(delete).await.unwrap();
            }
        }
        written
    });
    for layer in ["alice", "bob"] {
        let expected: Vec<_> =
            stored.iter().filter(|annotation| annotation.layer == layer).cloned().collect();
        for page_size in [1, 2, 3, 7, 10, 49, 50, 51, 99, 100, 101, 149, 150, 1_000] {
            let request = v1::ListAnnotationsRequest { layer: layer.to_owned(), ..list(page_size) };
            assert_eq!(client.list_all(request).await, expected, "in pages of {page_size}");
        }
    }
    stop.store(true, Ordering::Relaxed);
    let written = writer.await.unwrap();
    let mut expected = [stored, written].concat();
    expected.sort_by_key(document_position);
    for page_size in [0, 17, 1_000] {
        assert_eq!(client.list_all(list(page_size)).await, expected, "in pages of {page_size}");
    }
}

#[tokio::test]
async fn a_page_has_as_many_as_were_asked_for() {
    let server = Server::start();
    let client = server.client_with_article(PIECE).await;
    let stored = fill(&client, &mut Seeded::new(2), A, PIECE.chars().count(), 1_001).await;
    let head = client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap().revision;
    for (page_size, expected) in
        [(0, 50), (1, 1), (999, 999), (1_000, 1_000), (1_001, 1_000), (i32::MAX, 1_000)]
    {
        let page = client.send(list(page_size)).await.unwrap();
        assert_eq!(names(&page.annotations), names(&stored[..expected]), "page_size {page_size}");
        assert_eq!(page.revision, head);
        let next = v1::ListAnnotationsRequest { page_token: page.next_page_token, ..list(page_size) };
        let next = client.send(next).await.unwrap();
        let end = (2 * expected).min(1_001);
        assert_eq!(names(&next.annotations), names(&stored[expected..end]), "after {page_size}");
        assert_eq!(next.next_page_token.is_empty(), end == 1_001);
    }
    for negative in [-1, i32::MIN] {
        check_refused(client.send(list(negative)).await, "FIELD_INVALID", "page_size");
    }
}

#[tokio::test]
async fn a_token_belongs_to_the_arguments_of_its_first_page() {
    let server = Server::start();
    let mut client = server.client_with_article(PIECE).await;
    client.create_article(P, "b", PIECE).await;
    let stored = fill(&client, &mut Seeded::new(3), A, PIECE.chars().count(), 40).await;
    let first = client.send(list(5)).await.unwrap();
    let with = |request| v1::ListAnnotationsRequest { page_token: first.next_page_token.clone(), ..request };
    let others = [
        v1::ListAnnotationsRequest { parent: "projects/p/articles/b".to_owned(), ..list(5) },
        v1::ListAnnotationsRequest { layer: "alice".to_owned(), ..list(5) },
        v1::ListAnnotationsRequest { label: "PER".to_owned(), ..list(5) },
        v1::ListAnnotationsRequest { overlaps: Some(by_utf8(0, 3)), ..list(5) },
    ];
    for other in others {
        check_refused(client.send(with(other)).await, "PAGE_TOKEN_INVALID", "page_token");
    }
    let damaged = v1::ListAnnotationsRequest { page_token: first.next_page_token.clone() + "A", ..list(5) };
    check_refused(client.send(damaged).await, "PAGE_TOKEN_INVALID", "page_token");
    let cut = v1::ListAnnotationsRequest { page_token: first.next_page_token[..8].to_owned(), ..list(5) };
    check_refused(client.send(cut).await, "PAGE_TOKEN_INVALID", "page_token");

    // The size may change; so may the unit of a window, as long as it is the same window.
    let next = client.send(with(list(30))).await.unwrap();
    assert_eq!(names(&next.annotations), names(&stored[5..35]));
    let window = |overlaps| v1::ListAnnotationsRequest { overlaps: Some(overlaps), ..list(2) };
    let first = client.send(window(by_utf8(0, 12))).await.unwrap();
    for same in [by_utf8(0, 12), by_utf16(0, 4), by_code_points(0, 4)] {
        let next = v1::ListAnnotationsRequest { page_token: first.next_page_token.clone(), ..window(same) };
        assert!(!client.send(next).await.unwrap().annotations.is_empty());
    }
    let other = v1::ListAnnotationsRequest { page_token: first.next_page_token, ..window(by_utf8(0, 9)) };
    check_refused(client.send(other).await, "PAGE_TOKEN_INVALID", "page_token");
}

#[tokio::test]
async fn a_page_goes_on_after_its_token_whatever_became_of_it() {
    let server = Server::start();
    let client = server.client_with_article(PIECE).await;
    let stored = fill(&client, &mut Seeded::new(4), A, PIECE.chars().count(), 30).await;
    let first = client.send(list(10)).await.unwrap();
    for gone in &stored[9..11] {
        let delete = v1::DeleteAnnotationRequest { name: gone.name.clone(), ..Default::default() };
        client.send(delete).await.unwrap();
    }
    let rest = v1::ListAnnotationsRequest { page_token: first.next_page_token, ..list(1_000) };
    assert_eq!(names(&client.send(rest).await.unwrap().annotations), names(&stored[11..]));
}

#[tokio::test]
async fn filters_pass_what_they_name() {
    let server = Server::start();
    let mut client = server.client_with_article(PIECE).await;
    let stored = fill(&client, &mut Seeded::new(5), A, PIECE.chars().count(), 200).await;
    for layer in ["", "alice", "bob", "default", "nobody"] {
        for label in ["", "PER", "LOC", "per", "P"] {
            let expected: Vec<_> = stored
                .iter()
                .filter(|one| {
                    (layer.is_empty() || one.layer == layer) && (label.is_empty() || one.label == label)
                })
                .cloned()
                .collect();
            for page_size in [0, 9] {
                let filter = (layer.to_owned(), label.to_owned());
                let request =
                    v1::ListAnnotationsRequest { layer: filter.0, label: filter.1, ..list(page_size) };
                assert_eq!(client.list_all(request).await, expected, "{layer:?} {label:?}");
            }
        }
    }
    let layer = v1::ListAnnotationsRequest { layer: "a b".to_owned(), ..list(0) };
    check_refused(client.send(layer).await, "FIELD_INVALID", "layer");
    let label = v1::ListAnnotationsRequest { label: "x".repeat(257), ..list(0) };
    check_refused(client.send(label).await, "LIMIT_EXCEEDED", "label");
}

/// A filter that passes one in thousands finds it, although the server looks at the rest in several views.
#[tokio::test]
async fn a_rare_one_is_found_on_the_first_page() {
    let server = Server::start();
    let mut client = server.client_with_article(&PIECE.repeat(10)).await;
    for _ in 0..9 {
        let common = (0..1_000).map(|_| create("", "COMMON", vec![by_code_points(0, 1)])).collect();
        client.send(batch(A, common)).await.unwrap();
    }
    let rare = client.annotate(A, "RARE", by_code_points(100, 101)).await.unwrap();
    let request = v1::ListAnnotationsRequest { label: "RARE".to_owned(), ..list(0) };
    let page = client.send(request).await.unwrap();
    assert_eq!(page.annotations, [rare]);
    let none = v1::ListAnnotationsRequest { label: "NONE".to_owned(), ..list(0) };
    let page = client.send(none).await.unwrap();
    assert_eq!((page.annotations, page.next_page_token), (vec![], String::new()));
}

#[tokio::test]
async fn windows_list_what_a_naive_search_finds() {
    let text = PIECE.repeat(60);
    let positions = boundaries(&text);
    let length = positions.len() - 1;
    let server = Server::start();
    let mut client = server.client_with_article(&text).await;
    let mut seeded = Seeded::new(6);
    let stored = fill(&client, &mut seeded, A, length, 600).await;
    for round in 0..150 {
        let reach = *seeded.pick(&[1, 2, 5, 50, 500, length]);
        let start = seeded.below(length);
        let (start, end) = (positions[start], positions[(start + seeded.below(reach + 1)).min(length)]);
        let window = match round % 3 {
            0 => by_utf8(start.utf8, end.utf8),
            1 => by_utf16(start.utf16, end.utf16),
            _ => by_code_points(start.code_points, end.code_points),
        };
        let label = *seeded.pick(&["", "PER"]);
        let expected: Vec<_> = stored
            .iter()
            .filter(|one| meets((start.utf8, end.utf8), one) && (label.is_empty() || one.label == label))
            .cloned()
            .collect();
        let request = v1::ListAnnotationsRequest {
            overlaps: Some(window.clone()),
            label: label.to_owned(),
            ..list(*seeded.pick(&[0, 3, 1_000]))
        };
        let listed = client.list_all(request).await;
        assert_eq!(names(&listed), names(&expected), "{window:?} {label:?}");
        assert_eq!(listed, expected);
    }
}

#[tokio::test]
async fn a_window_in_the_gap_of_a_mention_does_not_meet_it() {
    let server = Server::start();
    let mut client = server.client_with_article("0123456789").await;
    let request = create("", "X", vec![by_utf8(1, 3), by_utf8(6, 8)]);
    client.send(v1::CreateAnnotationRequest { parent: A.to_owned(), ..request }).await.unwrap();
    for (window, met) in [
        ((0, 10), true),
        ((0, 1), false),
        ((0, 2), true),
        ((2, 3), true),
        ((3, 6), false),
        ((3, 7), true),
        ((4, 5), false),
        ((7, 10), true),
        ((8, 10), false),
        // Nothing is shared with an empty window, but a caret stands inside of what begins before and ends behind it.
        ((0, 0), false),
        ((1, 1), false),
        ((2, 2), true),
        ((3, 3), false),
        ((4, 4), false),
        ((10, 10), false),
    ] {
        let request = v1::ListAnnotationsRequest { overlaps: Some(by_utf8(window.0, window.1)), ..list(0) };
        assert_eq!(client.list_all(request).await.len(), usize::from(met), "{window:?}");
    }
}

#[tokio::test]
async fn a_window_is_one_range_of_the_text() {
    let server = Server::start();
    let client = server.client_with_article(PIECE).await;
    let both = v1::Span { utf16: Some(v1::Range { start: 0, end: 1 }), ..by_utf8(0, 3) };
    let quoted = v1::Span { quote: "日".to_owned(), ..by_utf8(0, 3) };
    for (window, reason, field) in [
        (v1::Span::default(), "FIELD_INVALID", "overlaps"),
        (both, "FIELD_INVALID", "overlaps.utf16"),
        (quoted, "FIELD_INVALID", "overlaps.quote"),
        (by_quote("日"), "FIELD_INVALID", "overlaps.quote"),
        (by_utf8(0, 1), "OFFSET_NOT_ON_BOUNDARY", "overlaps.utf8.end"),
        (by_utf8(3, 0), "SPAN_OUT_OF_BOUNDS", "overlaps.utf8.end"),
        (by_code_points(0, 1_000), "SPAN_OUT_OF_BOUNDS", "overlaps.code_points.end"),
    ] {
        let request = v1::ListAnnotationsRequest { overlaps: Some(window), ..list(0) };
        check_refused(client.send(request).await, reason, field);
    }
    let at = |text_revision| v1::ListAnnotationsRequest { text_revision, ..list(0) };
    assert_eq!(client.send(at(1)).await.unwrap().annotations, []);
    check_refused(client.send(at(2)).await, "RESOURCE_NOT_FOUND", "text_revision");
    let missing = v1::ListAnnotationsRequest { parent: "projects/p/articles/b".to_owned(), ..list(0) };
    check_refused(client.send(missing).await, "RESOURCE_NOT_FOUND", "");
    let wrong = v1::ListAnnotationsRequest { parent: P.to_owned(), ..list(0) };
    check_refused(client.send(wrong).await, "FIELD_INVALID", "parent");
}

/// A thousand annotations with quotes of 4 KiB: neither a page, nor a message of a stream, nor a commit's answer
/// may be larger than what a client takes by default.
#[tokio::test]
async fn answers_end_early_so_that_a_client_can_read_them() {
    const QUOTE: u32 = 1_024;
    let server = Server::start();
    let mut client = server.client_with_article(&"👍".repeat(2_048)).await;
    let long = |start| create("", "LONG", vec![by_code_points(start, start + QUOTE)]);
    let mut stored = Vec::new();
    for first in (0..1_000).step_by(250) {
        let requests = (first..first + 250).map(long).collect();
        stored.extend(client.send(batch(A, requests)).await.unwrap().annotations);
    }
    assert!(stored.iter().all(|annotation| spans(annotation)[0].quote.len() == 4_096));

    let page = client.send(list(1_000)).await.unwrap();
    assert!(page.encoded_len() <= limits::ANSWER_BYTES_MAX + 1_024, "{}", page.encoded_len());
    assert!(page.annotations.len() > 600 && page.annotations.len() < 1_000, "{}", page.annotations.len());
    assert_eq!(client.list_all(list(1_000)).await, stored);
    let messages = stream(&client, "", "").await;
    assert!(messages.iter().all(|message| message.encoded_len() <= limits::ANSWER_BYTES_MAX + 1_024));
    assert!(messages.into_iter().flat_map(|message| message.annotations).eq(stored.iter().cloned()));

    let answer = client.send(batch(A, (0..1_000).map(long).collect())).await;
    let Err(status) = answer else { panic!("an answer of 4 MiB") };
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert_eq!(client.list_all(list(1_000)).await, stored, "and nothing was stored");
}

/// The messages of StreamAnnotations.
async fn stream(client: &Client, layer: &str, label: &str) -> Vec<v1::StreamAnnotationsResponse> {
    let request = v1::StreamAnnotationsRequest {
        parent: P.to_owned(),
        layer: layer.to_owned(),
        label: label.to_owned(),
        ..Default::default()
    };
    let mut stream = client.annotations.clone().stream_annotations(request).await.unwrap().into_inner();
    let mut messages: Vec<v1::StreamAnnotationsResponse> = Vec::new();
    while let Some(message) = stream.message().await.unwrap() {
        assert!(message.annotations.len() <= 1_000);
        assert!(
            messages.last().is_none_or(|last| last.revision <= message.revision),
            "a revision never falls"
        );
        messages.push(message);
    }
    messages
}

#[tokio::test]
async fn a_stream_gives_everything_once_and_in_order() {
    let server = Server::start();
    let mut client = server.client().await;
    client.create_project("p").await;
    let empty = stream(&client, "", "").await;
    assert!(empty.iter().all(|message| message.annotations.is_empty()));
    assert_eq!(empty.last().unwrap().revision, 1, "an empty project is answered with its revision");

    let length = PIECE.chars().count();
    let mut seeded = Seeded::new(7);
    let mut expected = Vec::new();
    for article in 0..60 {
        let id = format!("{:02}", (article * 37) % 60);
        client.create_article(P, &id, PIECE).await;
        let count = match article {
            17 => 2_300,
            _ => *seeded.pick(&[0, 0, 1, 5, 30]),
        };
        if count > 0 {
            expected.extend(fill(&client, &mut seeded, &format!("{P}/articles/{id}"), length, count).await);
        }
    }
    let head = client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap().revision;
    for (layer, label) in [("", ""), ("alice", ""), ("", "LOC"), ("bob", "PER"), ("nobody", "")] {
        let messages = stream(&client, layer, label).await;
        assert!(messages.iter().all(|message| message.revision == head));
        let streamed: Vec<_> = messages.into_iter().flat_map(|message| message.annotations).collect();
        let passes = |one: &&v1::Annotation| {
            (layer.is_empty() || one.layer == layer) && (label.is_empty() || one.label == label)
        };
        let expected: Vec<_> = expected.iter().filter(passes).cloned().collect();
        assert_eq!(names(&streamed), names(&expected), "{layer:?} {label:?}");
        assert_eq!(streamed, expected);
    }

    let nowhere = v1::StreamAnnotationsRequest { parent: "projects/q".to_owned(), ..Default::default() };
    check_refused(client.annotations.stream_annotations(nowhere).await, "RESOURCE_NOT_FOUND", "");
    let wrong = v1::StreamAnnotationsRequest { parent: A.to_owned(), ..Default::default() };
    check_refused(client.annotations.stream_annotations(wrong).await, "FIELD_INVALID", "parent");
    let layer =
        v1::StreamAnnotationsRequest { parent: P.to_owned(), layer: "/".to_owned(), ..Default::default() };
    check_refused(client.annotations.stream_annotations(layer).await, "FIELD_INVALID", "layer");
}

/// What one connection was told is done, another one sees at once, although both read the same answers all the time.
#[tokio::test]
async fn no_read_lags_behind_an_acknowledged_write() {
    let server = Server::start();
    let writer = server.client_with_article(PIECE).await;
    let mut reader = server.client().await;
    let mut seeded = Seeded::new(8);
    let length = PIECE.chars().count();
    let mut model: BTreeMap<String, v1::Annotation> = BTreeMap::new();
    for round in 0..300 {
        let one = (!model.is_empty()).then(|| model.values().nth(seeded.below(model.len())).unwrap().clone());
        let touched = match (one, seeded.below(4)) {
            (Some(one), 0) => {
                let delete = v1::DeleteAnnotationRequest { name: one.name.clone(), ..Default::default() };
                writer.send(delete).await.unwrap();
                model.remove(&one.name);
                one.name
            }
            (Some(one), 1) => {
                let annotation = v1::Annotation { label: format!("L{round}"), ..one };
                let update =
                    v1::UpdateAnnotationRequest { annotation: Some(annotation), ..Default::default() };
                let updated = writer.send(update).await.unwrap();
                model.insert(updated.name.clone(), updated.clone());
                updated.name
            }
            (Some(one), 2) => {
                let annotation =
                    v1::Annotation { name: one.name, ..annotation("", some_spans(&mut seeded, length)) };
                let update = v1::UpdateAnnotationRequest {
                    annotation: Some(annotation),
                    update_mask: Some(mask(&["anchor"])),
                    ..Default::default()
                };
                let write = v1::Write { op: Some(Op::Update(update)) };
                let commit = v1::CommitAnnotationsRequest {
                    parent: P.to_owned(),
                    writes: vec![write],
                    validate_only: false,
                    request_id: String::new(),
                };
                let updated = writer.send(commit).await.unwrap().annotations.remove(0);
                model.insert(updated.name.clone(), updated.clone());
                updated.name
            }
            _ => {
                let request = create("", "X", some_spans(&mut seeded, length));
                let request = v1::CreateAnnotationRequest { parent: A.to_owned(), ..request };
                let created = writer.send(request).await.unwrap();
                model.insert(created.name.clone(), created.clone());
                created.name
            }
        };
        match model.get(&touched) {
            Some(expected) => assert_eq!(reader.get(&touched).await.unwrap(), *expected, "round {round}"),
            None => drop(check_refused(reader.get(&touched).await, "RESOURCE_NOT_FOUND", "")),
        }
        let mut expected: Vec<_> = model.values().cloned().collect();
        expected.sort_by_key(document_position);
        assert_eq!(reader.list_all(list(0)).await, expected, "round {round}");
    }
}

/// The same with many at once: a reader that was told of a write by its writer never sees the state before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_lags_while_eight_write() {
    let server = Server::start();
    server.client_with_article(PIECE).await;
    let mut tasks = Vec::new();
    for number in 0..8 {
        let (writer, reader) = (server.client().await, server.client().await);
        let layer = format!("layer-{number}");
        tasks.push(tokio::spawn(async move {
            for round in 0..30 {
                let request = create(&layer, "X", vec![by_code_points(round, round + 1)]);
                let request = v1::CreateAnnotationRequest { parent: A.to_owned(), ..request };
                let created = writer.send(request).await.unwrap();
                assert_eq!(reader.get(&created.name).await.unwrap(), created);
                let page = v1::ListAnnotationsRequest { layer: layer.clone(), ..list(1_000) };
                let page = reader.send(page).await.unwrap();
                assert!(
                    page.revision >= created.revision,
                    "read at {} after {}",
                    page.revision,
                    created.revision
                );
                assert_eq!(page.annotations.len(), usize::try_from(round).unwrap() + 1);
                assert_eq!(page.annotations.last(), Some(&created));
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}
