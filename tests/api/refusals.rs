//! Every row of the table of refusals, through a real connection: its code, its reason, its details, and that nothing
//! was changed.

use spandrel::{
    limits,
    proto::v1::{self, write::Op},
};
use tonic::{Code, Status};

use crate::support::{Client, Server, annotation, by_code_points, by_quote, by_utf8, by_utf16, refusal};

const A: &str = "projects/p/articles/a";
/// 8 characters; in UTF-8 they begin at 0, 1, 3, 4, 8, 9, 12 and 13, in UTF-16 at 0, 1, 2, 3, 5, 6, 7 and 8.
const TEXT: &str = "aé 😀 日本!";

/// What a refusal must be. An empty field is none; metadata are those that must be there.
struct Expected<'e> {
    code: Code,
    reason: &'e str,
    field: &'e str,
    metadata: &'e [(&'e str, &'e str)],
}

fn check(status: &Status, expected: &Expected<'_>) {
    let Expected { code, reason, field, metadata } = expected;
    let (found, details) = refusal(status);
    assert_eq!((status.code(), found.as_str()), (*code, *reason), "{status:?}");
    let info = details.error_info().unwrap();
    for (key, value) in *metadata {
        assert_eq!(info.metadata.get(*key).map(String::as_str), Some(*value), "{key} of {:?}", info.metadata);
    }
    match code {
        Code::InvalidArgument => {
            let violations = &details.bad_request().unwrap().field_violations;
            assert_eq!(violations.len(), 1, "{status:?}");
            assert_eq!(violations[0].field, *field, "{status:?}");
            assert!(!violations[0].description.is_empty());
        }
        Code::FailedPrecondition => assert!(details.precondition_failure().is_some(), "{status:?}"),
        Code::AlreadyExists | Code::NotFound | Code::Aborted => {
            assert!(!details.resource_info().unwrap().resource_name.is_empty(), "{status:?}");
        }
        Code::Unavailable => assert!(details.retry_info().is_some(), "{status:?}"),
        _ => {}
    }
    assert!(status.details().len() < limits::STATUS_BYTES_MAX);
}

/// A refused span: its reason, the field below `annotation.anchor.spans[0]`, and metadata.
async fn check_span(
    client: &mut Client,
    span: v1::Span,
    reason: &str,
    field: &str,
    metadata: &[(&str, &str)],
) {
    let field = match field {
        "" => "annotation.anchor.spans[0]".to_owned(),
        field => format!("annotation.anchor.spans[0].{field}"),
    };
    let status = client.annotate(A, "X", span).await.unwrap_err();
    check(&status, &Expected { code: Code::InvalidArgument, reason, field: &field, metadata });
}

#[tokio::test]
async fn spans_that_do_not_fit_are_refused_and_nothing_is_stored() {
    let server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    let c = &mut client;
    check_span(c, v1::Span::default(), "SPAN_REQUIRED", "", &[]).await;
    let between = [("floor", "1"), ("ceiling", "3")];
    check_span(c, by_utf8(0, 2), "OFFSET_NOT_ON_BOUNDARY", "utf8.end", &between).await;
    let between = [("floor", "3"), ("ceiling", "5")];
    check_span(c, by_utf16(4, 5), "OFFSET_NOT_ON_BOUNDARY", "utf16.start", &between).await;
    check_span(c, by_code_points(2, 9), "SPAN_OUT_OF_BOUNDS", "code_points.end", &[("length", "8")]).await;
    check_span(c, by_code_points(u32::MAX, u32::MAX), "SPAN_OUT_OF_BOUNDS", "code_points.start", &[]).await;
    check_span(c, by_utf16(3, 1), "SPAN_OUT_OF_BOUNDS", "utf16.end", &[]).await;
    check_span(c, by_utf16(2, 2), "SPAN_EMPTY", "utf16", &[]).await;
    let disagree = v1::Span { code_points: Some(v1::Range { start: 4, end: 5 }), ..by_utf8(0, 1) };
    check_span(c, disagree, "RANGES_DISAGREE", "code_points", &[]).await;
    let mismatch = v1::Span { quote: "日本".to_owned(), ..by_code_points(6, 8) };
    check_span(c, mismatch, "QUOTE_MISMATCH", "quote", &[("matches_in_unit", "utf16")]).await;
    let mismatch = v1::Span { quote: "x".to_owned(), ..by_utf8(0, 1) };
    check_span(c, mismatch, "QUOTE_MISMATCH", "quote", &[]).await;
    check_span(c, by_quote("Japan"), "QUOTE_NOT_FOUND", "quote", &[("count", "0")]).await;
    check_span(c, by_quote(" "), "QUOTE_AMBIGUOUS", "quote", &[("count", "2")]).await;
    let listed = c.list_all(v1::ListAnnotationsRequest { parent: A.to_owned(), ..Default::default() }).await;
    assert_eq!(listed, []);
}

#[tokio::test]
async fn a_quote_that_stands_a_hundred_times_is_answered_with_sixteen_places() {
    let server = Server::start();
    let mut client = server.client_with_article(&"ha ".repeat(100)).await;
    let status = client.annotate(A, "X", by_quote("ha")).await.unwrap_err();
    let (reason, details) = refusal(&status);
    assert_eq!(reason, "QUOTE_AMBIGUOUS");
    let metadata = &details.error_info().unwrap().metadata;
    assert_eq!(metadata["count"], "100");
    assert!(metadata["positions"].contains("45"), "{metadata:?}");
    assert!(!metadata["positions"].contains("48"), "{metadata:?}");
    let third = v1::Span { prefix: "ha ".repeat(2), ..by_quote("ha") };
    assert!(client.annotate(A, "X", third).await.is_err(), "the prefix still stands before many");
    let first = v1::Span { suffix: " ha".repeat(99), ..by_quote("ha") };
    assert!(client.annotate(A, "X", first).await.is_ok());
}

#[tokio::test]
async fn a_batch_names_the_element_and_does_nothing() {
    let server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    let request = |span| v1::CreateAnnotationRequest {
        annotation: Some(annotation("X", vec![span])),
        ..Default::default()
    };
    let good = || request(by_utf16(0, 1));
    let batch = v1::BatchCreateAnnotationsRequest {
        parent: A.to_owned(),
        requests: vec![good(), good(), good(), request(by_utf16(0, 99))],
        validate_only: false,
        request_id: String::new(),
    };
    let status = client.annotations.batch_create_annotations(batch).await.unwrap_err();
    let field = "requests[3].annotation.anchor.spans[0].utf16.end";
    check(
        &status,
        &Expected { code: Code::InvalidArgument, reason: "SPAN_OUT_OF_BOUNDS", field, metadata: &[] },
    );

    let missing = format!("{A}/annotations/00000000-0000-7000-8000-000000000000");
    let create = v1::CreateAnnotationRequest { parent: A.to_owned(), ..good() };
    let delete = v1::DeleteAnnotationRequest { name: missing.clone(), ..Default::default() };
    let commit = v1::CommitAnnotationsRequest {
        parent: "projects/p".to_owned(),
        writes: vec![v1::Write { op: Some(Op::Create(create)) }, v1::Write { op: Some(Op::Delete(delete)) }],
        validate_only: false,
        request_id: String::new(),
    };
    let status = client.annotations.commit_annotations(commit).await.unwrap_err();
    let metadata = [("field", "writes[1].delete.name")];
    check(
        &status,
        &Expected { code: Code::NotFound, reason: "RESOURCE_NOT_FOUND", field: "", metadata: &metadata },
    );
    let listed =
        client.list_all(v1::ListAnnotationsRequest { parent: A.to_owned(), ..Default::default() }).await;
    assert_eq!(listed, []);
}

#[tokio::test]
async fn names_and_pages_and_limits() {
    let server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    let invalid = |reason, field| Expected { code: Code::InvalidArgument, reason, field, metadata: &[] };

    let get = |name: &str| v1::GetAnnotationRequest { name: name.to_owned() };
    let status = client.annotations.get_annotation(get("projects/p/articles/a")).await.unwrap_err();
    check(&status, &invalid("FIELD_INVALID", "name"));
    let status = client.annotate(A, "", by_utf8(0, 1)).await.unwrap_err();
    check(&status, &invalid("FIELD_INVALID", "annotation.label"));
    let status = client.annotate(A, &"x".repeat(257), by_utf8(0, 1)).await.unwrap_err();
    check(&status, &invalid("LIMIT_EXCEEDED", "annotation.label"));

    let list = |page_size, page_token: &str| v1::ListAnnotationsRequest {
        parent: A.to_owned(),
        page_size,
        page_token: page_token.to_owned(),
        ..Default::default()
    };
    let status = client.annotations.list_annotations(list(-1, "")).await.unwrap_err();
    check(&status, &invalid("FIELD_INVALID", "page_size"));
    let status = client.annotations.list_annotations(list(0, "nonsense")).await.unwrap_err();
    check(&status, &invalid("PAGE_TOKEN_INVALID", "page_token"));
    for _ in 0..2 {
        client.annotate(A, "X", by_utf8(0, 1)).await.unwrap();
    }
    let page = client.annotations.list_annotations(list(1, "")).await.unwrap().into_inner();
    let other = v1::ListAnnotationsRequest { label: "X".to_owned(), ..list(1, &page.next_page_token) };
    let status = client.annotations.list_annotations(other).await.unwrap_err();
    check(&status, &invalid("PAGE_TOKEN_INVALID", "page_token"));

    let large = v1::Article { text: "x".repeat(limits::TEXT_BYTES_DEFAULT + 1), ..Default::default() };
    let request = v1::CreateArticleRequest {
        parent: "projects/p".to_owned(),
        article: Some(large),
        ..Default::default()
    };
    let status = client.articles.create_article(request).await.unwrap_err();
    let limit = [("limit", "2097152")];
    let expected = Expected { metadata: &limit, ..invalid("LIMIT_EXCEEDED", "article.text") };
    check(&status, &expected);
    let many = vec![v1::Write::default(); 1_001];
    let request = v1::CommitAnnotationsRequest {
        parent: "projects/p".to_owned(),
        writes: many,
        validate_only: false,
        request_id: String::new(),
    };
    let status = client.annotations.commit_annotations(request).await.unwrap_err();
    check(&status, &invalid("LIMIT_EXCEEDED", "writes"));
}

#[tokio::test]
async fn what_does_not_fit_the_state() {
    let server = Server::start();
    let mut client = server.client_with_article(TEXT).await;
    let stored = client.annotate(A, "X", by_utf8(0, 1)).await.unwrap();

    let again = v1::CreateProjectRequest { project_id: "p".to_owned(), ..Default::default() };
    let status = client.projects.create_project(again).await.unwrap_err();
    let exists =
        |field| Expected { code: Code::AlreadyExists, reason: "RESOURCE_EXISTS", field, metadata: &[] };
    check(&status, &exists(""));
    let again = v1::CreateAnnotationRequest {
        parent: A.to_owned(),
        annotation_id: stored.name.rsplit('/').next().unwrap().to_owned(),
        annotation: Some(annotation("X", vec![by_utf8(0, 1)])),
        ..Default::default()
    };
    let status = client.annotations.create_annotation(again).await.unwrap_err();
    check(&status, &exists("annotation_id"));

    let stale = v1::Annotation { text_revision: 2, ..annotation("X", vec![by_utf8(0, 1)]) };
    let request =
        v1::CreateAnnotationRequest { parent: A.to_owned(), annotation: Some(stale), ..Default::default() };
    let status = client.annotations.create_annotation(request).await.unwrap_err();
    let code = Code::FailedPrecondition;
    let latest = [("latest", "1")];
    check(&status, &Expected { code, reason: "TEXT_REVISION_STALE", field: "", metadata: &latest });

    let request = v1::DeleteArticleRequest { name: A.to_owned(), ..Default::default() };
    let status = client.articles.delete_article(request).await.unwrap_err();
    check(&status, &Expected { code, reason: "HAS_CHILDREN", field: "", metadata: &[] });
    let request = v1::DeleteProjectRequest { name: "projects/p".to_owned(), ..Default::default() };
    let status = client.projects.delete_project(request).await.unwrap_err();
    check(&status, &Expected { code, reason: "HAS_CHILDREN", field: "", metadata: &[] });

    let update = |etag: &str| v1::UpdateAnnotationRequest {
        annotation: Some(v1::Annotation { label: "Y".to_owned(), etag: etag.to_owned(), ..stored.clone() }),
        ..Default::default()
    };
    let changed = client.annotations.update_annotation(update(&stored.etag)).await.unwrap().into_inner();
    let status = client.annotations.update_annotation(update(&stored.etag)).await.unwrap_err();
    let current = [("current_etag", changed.etag.as_str())];
    check(&status, &Expected { code: Code::Aborted, reason: "ETAG_MISMATCH", field: "", metadata: &current });
    let status = client.annotations.update_annotation(update("")).await.unwrap_err();
    let code = Code::InvalidArgument;
    check(&status, &Expected { code, reason: "FIELD_INVALID", field: "annotation.etag", metadata: &[] });

    let gone = v1::GetArticleRequest { name: "projects/p/articles/b".to_owned(), view: 0, text_revision: 0 };
    let status = client.articles.get_article(gone).await.unwrap_err();
    let code = Code::NotFound;
    check(&status, &Expected { code, reason: "RESOURCE_NOT_FOUND", field: "", metadata: &[] });
}
