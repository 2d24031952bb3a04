//! How a server stops.

use std::time::{Duration, Instant};

use spandrel::{
    domain::{Error, Problem},
    grpc::server::{ServeError, ServerConfig},
};
use tokio_stream::StreamExt;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::harness::{config, get, reason, start, stream};

const SERVING: i32 = 1;
const NOT_SERVING: i32 = 2;

#[tokio::test]
async fn watchers_of_health_see_the_drain_and_then_their_end() {
    let mut server = start(config());
    let mut health = HealthClient::new(server.channel().await);
    let request = HealthCheckRequest { service: "spandrel.v1.ArticleService".to_owned() };
    let mut watch = health.watch(request).await.unwrap().into_inner();
    assert_eq!(watch.next().await.unwrap().unwrap().status, SERVING);
    server.stop();
    assert_eq!(watch.next().await.unwrap().unwrap().status, NOT_SERVING);
    let status = watch.next().await.unwrap().unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "SHUTTING_DOWN"));
    server.ended().await.unwrap();
}

#[tokio::test]
async fn open_streams_end_with_unavailable() {
    let mut server = start(config());
    let mut client = server.client().await;
    let mut idle = client.stream_annotations(stream("idle")).await.unwrap().into_inner();
    let mut busy = server.client().await.stream_annotations(stream("busy")).await.unwrap().into_inner();
    assert!(idle.next().await.unwrap().is_ok() && busy.next().await.unwrap().is_ok());
    server.stop();
    for messages in [&mut idle, &mut busy] {
        let last = messages.filter_map(Result::err).next().await.unwrap();
        assert_eq!((last.code(), reason(&last).as_str()), (Code::Unavailable, "SHUTTING_DOWN"));
    }
    server.ended().await.unwrap();
}

#[tokio::test]
async fn a_stream_may_say_a_last_word() {
    let mut server = start(config());
    let mut messages =
        server.client().await.stream_annotations(stream("farewell")).await.unwrap().into_inner();
    assert_eq!(messages.next().await.unwrap().unwrap().revision, 0);
    let begun = Instant::now();
    server.stop();
    assert_eq!(messages.next().await.unwrap().unwrap().revision, 99);
    assert_eq!(reason(&messages.next().await.unwrap().unwrap_err()), "SHUTTING_DOWN");
    server.ended().await.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(900), "nothing was left to wait for");
}

#[tokio::test]
async fn calls_in_flight_finish_and_new_connections_are_not_taken() {
    let mut server = start(config());
    let mut client = server.client().await;
    let call = tokio::spawn(async move { client.get_annotation(get("slow:4000")).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.stop();
    let refused = loop {
        match tokio::net::TcpStream::connect(server.address).await {
            Ok(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(!call.is_finished(), "it is still being answered");
    assert_eq!(call.await.unwrap().unwrap().into_inner().name, "slow:4000");
    server.ended().await.unwrap();
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut() {
    let mut server = start(ServerConfig { drain_max: Duration::from_millis(200), ..config() });
    let mut client = server.client().await;
    let call = tokio::spawn(async move { client.get_annotation(get("slow:600000")).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let begun = Instant::now();
    server.stop();
    server.ended().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(call.await.unwrap().is_err());
}

#[tokio::test]
async fn a_silent_connection_does_not_hold_the_drain_up() {
    let mut server = start(config());
    let silent = tokio::net::TcpStream::connect(server.address).await.unwrap();
    server.client().await.get_annotation(get("")).await.unwrap();
    let begun = Instant::now();
    server.stop();
    server.ended().await.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
    drop(silent);
}

#[tokio::test]
async fn a_failed_storage_ends_the_server_with_its_error() {
    let mut server = start(config());
    let mut health = HealthClient::new(server.channel().await);
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.next().await.unwrap().unwrap().status, SERVING);
    server.fail(Problem::StorageUnavailable("the disk is gone".to_owned()).into());
    assert_eq!(watch.next().await.unwrap().unwrap().status, NOT_SERVING);
    let ended = server.ended().await.unwrap_err();
    assert!(matches!(&ended, ServeError::Storage(Error { problem: Problem::StorageUnavailable(_), .. })));
    assert!(ended.to_string().contains("the disk is gone"), "{ended}");
}
