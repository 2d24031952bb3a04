//! The port as clients meet it: gRPC, gRPC-Web, browsers, deadlines, limits and the drain, over real connections.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_imports,
    reason = "tests say what they expect by failing"
)]

mod drain;
mod harness;

use std::{collections::BTreeMap, num::NonZeroUsize, time::Duration};

use harness::{REQUEST_BYTES_MAX, config, get, reason, start, stream};
use http::HeaderMap;
use prost::Message;
use spandrel::{
    grpc::{
        server::{Server, ServerConfig},
        services::Services,
        web::Origins,
    },
    proto::v1::{Annotation, CreateAnnotationRequest},
};
use tokio_stream::StreamExt;
use tonic::{Code, Request, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt;

const GET: &str = "spandrel.v1.AnnotationService/GetAnnotation";
const STREAM: &str = "spandrel.v1.AnnotationService/StreamAnnotations";

fn value<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn every_service_is_healthy() {
    let server = start(config());
    let mut health = HealthClient::new(server.channel().await);
    for service in ["", "spandrel.v1.ProjectService", "spandrel.v1.AnnotationService"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        assert_eq!(health.check(request).await.unwrap().into_inner().status, 1, "{service}");
    }
    let unknown = HealthCheckRequest { service: "x".to_owned() };
    assert_eq!(health.check(unknown).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn reflection_lists_the_api_in_both_versions() {
    macro_rules! services {
        ($version:ident, $channel:expr) => {{
            use tonic_reflection::pb::$version::{
                ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
                server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
            };
            let request = ServerReflectionRequest {
                host: String::new(),
                message_request: Some(MessageRequest::ListServices(String::new())),
            };
            let mut client = ServerReflectionClient::new($channel);
            let answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap();
            let answer = answers.into_inner().next().await.unwrap().unwrap().message_response.unwrap();
            let MessageResponse::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
            list.service.into_iter().map(|service| service.name).collect::<Vec<_>>()
        }};
    }
    let server = start(config());
    for services in [services!(v1, server.channel().await), services!(v1alpha, server.channel().await)] {
        for name in ["spandrel.v1.ArticleService", "spandrel.v1.AnnotationService", "grpc.health.v1.Health"] {
            assert!(services.iter().any(|service| service == name), "{name} in {services:?}");
        }
    }
}

#[tokio::test]
async fn kept_bytes_and_streams_arrive_as_messages() {
    let server = start(config());
    let mut client = server.client().await;
    assert_eq!(client.get_annotation(get("a name")).await.unwrap().into_inner().name, "a name");
    let messages = client.stream_annotations(stream("finite")).await.unwrap().into_inner();
    let revisions: Vec<_> = messages.map(|message| message.unwrap().revision).collect().await;
    assert_eq!(revisions, [0, 1, 2]);
}

#[tokio::test]
async fn connections_are_spread_evenly_over_the_workers() {
    let server = start(ServerConfig { workers: NonZeroUsize::new(3).unwrap(), ..config() });
    let mut threads = BTreeMap::<_, usize>::new();
    let mut clients = Vec::new();
    for _ in 0..6 {
        let mut client = server.client().await;
        *threads.entry(client.get_annotation(get("")).await.unwrap().into_inner().layer).or_default() += 1;
        clients.push(client);
    }
    assert_eq!(threads.into_values().collect::<Vec<_>>(), [2, 2, 2]);
}

#[test]
fn a_browser_finds_a_page() {
    let server = start(config());
    let (line, headers, page) = server.http1("GET / HTTP/1.1", b"");
    assert_eq!(line, "HTTP/1.1 200 OK");
    assert_eq!(value(&headers, "content-type"), "text/html; charset=utf-8");
    for part in ["Spandrel", env!("CARGO_PKG_VERSION"), "grpcurl", "spandrel.v1.AnnotationService"] {
        assert!(page.contains(part), "{part} in {page}");
    }
}

#[test]
fn what_is_not_grpc_is_told_what_would_be() {
    let server = start(config());
    let check = |head: &str, status: &str, hint: &str| {
        let (line, _, text) = server.http1(head, b"");
        assert!(line.contains(status), "{head}: {line}");
        assert!(text.contains(hint), "{head}: {text}");
    };
    check("GET /favicon.ico HTTP/1.1", "404", "gRPC server");
    check("POST / HTTP/1.1", "405", "GET");
    check(&format!("POST /{GET} HTTP/1.1\ncontent-type: application/grpc"), "505", "HTTP/2");
    check(&format!("POST /{GET} HTTP/1.1\ncontent-type: application/json"), "415", "application/grpc-web");
}

#[test]
fn a_preflight_says_what_a_page_may_send() {
    let preflight = format!(
        "OPTIONS /{GET} HTTP/1.1\norigin: https://a.example\naccess-control-request-method: POST\n\
         access-control-request-headers: content-type,x-grpc-web,x-user-agent,grpc-timeout,authorization"
    );
    let allowed = |origins| {
        let (line, headers, _) = start(ServerConfig { origins, ..config() }).http1(&preflight, b"");
        assert_eq!(line, "HTTP/1.1 200 OK");
        for name in ["content-type", "x-grpc-web", "x-user-agent", "grpc-timeout", "authorization"] {
            assert!(value(&headers, "access-control-allow-headers").contains(name), "{name}: {headers:?}");
        }
        assert_eq!(value(&headers, "access-control-allow-methods"), "POST");
        assert_eq!(value(&headers, "access-control-max-age"), "7200");
        value(&headers, "access-control-allow-origin").to_owned()
    };
    assert_eq!(allowed(Origins::Any), "*");
    let only = |origin| Origins::Only(vec![http::HeaderValue::from_static(origin)]);
    assert_eq!(allowed(only("https://a.example")), "https://a.example");
    assert_eq!(allowed(only("https://b.example")), "");
}

#[test]
fn grpc_web_over_http_1_ends_with_its_trailers() {
    let server = start(config());
    let (headers, body) = server.web("grpc.health.v1.Health/Check", "origin: https://a.example", b"");
    assert_eq!(value(&headers, "content-type"), "application/grpc-web+proto");
    assert_eq!(value(&headers, "access-control-allow-origin"), "*");
    for name in ["grpc-status", "grpc-message", "grpc-status-details-bin"] {
        assert!(value(&headers, "access-control-expose-headers").contains(name), "{name}: {headers:?}");
    }
    assert!(body.contains("\u{8}\u{1}"), "the message: status 1, SERVING: {body:?}");
    assert!(body.contains("grpc-status:0"), "{body:?}");

    let (_, body) = server.web(STREAM, "", &stream("finite").encode_to_vec());
    assert!(body.contains("grpc-status:0"), "{body:?}");
}

#[test]
fn grpc_web_refusals_come_with_their_details() {
    let server = start(config());
    let (headers, _) = server.web("spandrel.v1.AnnotationService/ListAnnotations", "", b"");
    let status = Status::from_header_map(&headers).unwrap();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "FIELD_INVALID"));
    assert_eq!(status.get_error_details().bad_request().unwrap().field_violations[0].field, "parent");
}

#[tokio::test]
async fn a_malformed_timeout_is_refused() {
    let server = start(config());
    let mut request = Request::new(get(""));
    request.metadata_mut().insert("grpc-timeout", "5 seconds".parse().unwrap());
    let status = server.client().await.get_annotation(request).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "FIELD_INVALID"));
    assert!(status.message().contains("grpc-timeout") && status.message().contains("500m"), "{status}");
}

#[tokio::test]
async fn a_deadline_ends_a_slow_call() {
    let server = start(config());
    let (headers, _) = server.web(GET, "grpc-timeout: 50m", &get("slow:60000").encode_to_vec());
    let status = Status::from_header_map(&headers).unwrap();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));

    let (_, body) = server.web(GET, "grpc-timeout: 10S", &get("slow:50").encode_to_vec());
    assert!(body.contains("grpc-status:0"), "{body:?}");

    let (headers, _) = server.web(GET, "grpc-timeout: 0n", &get("").encode_to_vec());
    assert_eq!(Status::from_header_map(&headers).unwrap().code(), Code::DeadlineExceeded);
}

#[test]
fn a_deadline_ends_a_stream_that_has_begun() {
    let server = start(config());
    for parent in ["idle", "busy"] {
        let (headers, body) = server.web(STREAM, "grpc-timeout: 200m", &stream(parent).encode_to_vec());
        assert_eq!(headers.get("grpc-status"), None, "the stream had begun");
        assert!(body.contains("grpc-status:4"), "{parent}");
    }
}

#[tokio::test]
async fn the_server_bounds_how_long_an_answer_takes_to_begin() {
    let server = start(ServerConfig { begin_max: Some(Duration::from_millis(50)), ..config() });
    let mut client = server.client().await;
    let status = client.get_annotation(get("slow:60000")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
    let mut patient = Request::new(get("slow:60000"));
    patient.set_timeout(Duration::from_mins(1));
    assert_eq!(client.get_annotation(patient).await.unwrap_err().code(), Code::DeadlineExceeded);

    let mut messages = client.stream_annotations(stream("idle")).await.unwrap().into_inner();
    assert!(messages.next().await.unwrap().is_ok());
    let nothing = tokio::time::timeout(Duration::from_millis(200), messages.next()).await;
    assert!(nothing.is_err(), "a stream that has begun goes on: {nothing:?}");
}

#[tokio::test]
async fn an_oversized_request_is_told_the_limit() {
    let server = start(config());
    let label = "x".repeat(REQUEST_BYTES_MAX + 1);
    let annotation = Some(Annotation { label, ..Default::default() });
    let request = CreateAnnotationRequest { annotation, ..Default::default() };
    let bytes = request.encoded_len().to_string();
    let status = server.client().await.create_annotation(request).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "LIMIT_EXCEEDED"));
    let details = status.get_error_details();
    let metadata = &details.error_info().unwrap().metadata;
    assert_eq!((&metadata["limit"], &metadata["actual"]), (&REQUEST_BYTES_MAX.to_string(), &bytes));
}

#[tokio::test]
async fn what_is_no_message_or_no_method_is_told_so() {
    let server = start(config());
    let (headers, _) = server.web(GET, "", b"\x0a\xff");
    let status = Status::from_header_map(&headers).unwrap();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "FIELD_INVALID"));
    assert!(status.message().contains("not a valid message"), "{status}");

    for method in ["spandrel.v1.AnnotationService/Nothing", "spandrel.v1.NoService/Nothing"] {
        let (headers, _) = server.web(method, "", b"");
        let status = Status::from_header_map(&headers).unwrap();
        assert_eq!(status.code(), Code::Unimplemented);
        assert!(status.message().contains("reflection"), "{status}");
    }
}

/// It was answered with INTERNAL, as if the server had broken, whenever a browser's body was cut or not encoded.
#[test]
fn a_body_that_is_no_base64_is_the_clients_mistake() {
    let server = start(config());
    for body in [&b"\0\0\0\0\0"[..], b"AAAAA!==", b"AAAAA", b"AA=AAAAA"] {
        let status = Status::from_header_map(&server.web_text(GET, body)).unwrap();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::InvalidArgument, "FIELD_INVALID"),
            "{status}"
        );
        assert!(status.message().contains("Base64"), "{status}");
    }
}

#[tokio::test]
async fn a_call_too_many_is_refused_at_once_and_health_is_not() {
    let server = start(ServerConfig { calls_in_flight_max: 2, ..config() });
    let mut client = server.client().await;
    let mut first = client.stream_annotations(stream("idle")).await.unwrap().into_inner();
    let mut second = server.client().await.stream_annotations(stream("idle")).await.unwrap().into_inner();
    assert!(first.next().await.unwrap().is_ok() && second.next().await.unwrap().is_ok());

    let status = client.get_annotation(get("")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "OVERLOADED"));
    assert!(status.get_error_details().retry_info().unwrap().retry_delay.is_some());
    HealthClient::new(server.channel().await).check(HealthCheckRequest::default()).await.unwrap();

    drop(first);
    for attempt in 0.. {
        match client.get_annotation(get("")).await {
            Ok(_) => break,
            Err(status) => assert!(attempt < 100, "the place stays taken: {status}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A signal that came in between would end the process without a drain.
#[test]
fn it_listens_for_its_end_before_it_says_that_it_is_ready() {
    let (listens, listened) = std::sync::mpsc::channel();
    let stop = async move {
        listens.send(()).unwrap();
        tokio::task::yield_now().await;
    };
    let ready = |_| listened.try_recv().expect("it is ready and does not listen for its end");
    Server::bind(config()).unwrap().run(Services::default, stop, std::future::pending(), ready).unwrap();
}

#[test]
fn a_second_server_on_the_port_is_told_what_to_do() {
    let server = start(config());
    let refused = Server::bind(ServerConfig { listen: server.address, ..config() }).unwrap_err().to_string();
    let address = server.address.to_string();
    assert!(refused.contains(&address) && refused.contains("another program listens"), "{refused}");
}
