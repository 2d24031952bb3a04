//! A stream of changes, over gRPC or over gRPC-Web, as it comes.

use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use prost::Message as _;
use spandrel::proto::v1::{self, change_service_client::ChangeServiceClient};
use tokio::{net::TcpStream, task::JoinHandle};
use tonic::{
    Code, Status, Streaming,
    transport::{Channel, Endpoint},
};

/// How a follower calls the server.
#[derive(Debug, Clone)]
pub enum Caller {
    Grpc(Channel),
    /// As browsers do it, over HTTP/1.1.
    Web(String),
}

impl Caller {
    /// With so small a window, if one is given, that the server soon has to wait.
    pub fn grpc(address: &str, window: Option<u32>) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        Self::Grpc(endpoint.initial_stream_window_size(window).connect_lazy())
    }

    pub async fn watch(&self, request: v1::WatchChangesRequest) -> Result<Source, Status> {
        match self {
            Self::Grpc(channel) => {
                let answer = ChangeServiceClient::new(channel.clone()).watch_changes(request).await?;
                Ok(Source::Grpc(Box::new(answer.into_inner())))
            }
            Self::Web(address) => web(address, &request).await.map(Source::Web),
        }
    }
}

/// See the [module](self).
#[derive(Debug)]
pub enum Source {
    Grpc(Box<Streaming<v1::WatchChangesResponse>>),
    Web(WebStream),
}

impl Source {
    /// The next message; none when the stream ends with OK.
    pub async fn next(&mut self) -> Result<Option<v1::WatchChangesResponse>, Status> {
        match self {
            Self::Grpc(stream) => stream.message().await,
            Self::Web(stream) => stream.next().await,
        }
    }
}

/// An answer of gRPC-Web; its connection ends with it.
#[derive(Debug)]
pub struct WebStream {
    body: Incoming,
    received: BytesMut,
    connection: JoinHandle<()>,
}

impl Drop for WebStream {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

async fn web(address: &str, request: &v1::WatchChangesRequest) -> Result<WebStream, Status> {
    let lost = |error: &dyn std::error::Error| Status::unavailable(format!("gRPC-Web: {error}"));
    let stream = TcpStream::connect(address).await.map_err(|error| lost(&error))?;
    let connecting = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = connecting.map_err(|error| lost(&error))?;
    let connection = tokio::spawn(async move {
        let _ = connection.await;
    });
    let message = request.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let body = [&[0], length.as_slice(), &message].concat();
    let request = http::Request::post("/spandrel.v1.ChangeService/WatchChanges")
        .header("host", address)
        .header("content-type", "application/grpc-web+proto")
        .header("x-grpc-web", "1")
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    let answer = sender.send_request(request).await.map_err(|error| lost(&error))?;
    assert_eq!(answer.status(), http::StatusCode::OK);
    // A refusal has its status here.
    if let Some(status) = Status::from_header_map(answer.headers()) {
        return Err(status);
    }
    Ok(WebStream { body: answer.into_body(), received: BytesMut::new(), connection })
}

impl WebStream {
    async fn next(&mut self) -> Result<Option<v1::WatchChangesResponse>, Status> {
        const TRAILERS: u8 = 0x80;
        loop {
            if let Some((flags, frame)) = self.frame() {
                if flags == TRAILERS {
                    let status = Status::from_header_map(&trailers(&frame)).expect("trailers have a status");
                    return if status.code() == Code::Ok { Ok(None) } else { Err(status) };
                }
                assert_eq!(flags, 0);
                return Ok(Some(v1::WatchChangesResponse::decode(frame).unwrap()));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.received.extend_from_slice(&frame.into_data().unwrap()),
                Some(Err(error)) => return Err(Status::unavailable(format!("gRPC-Web: {error}"))),
                None => return Err(Status::unavailable("gRPC-Web: no trailers")),
            }
        }
    }

    fn frame(&mut self) -> Option<(u8, Bytes)> {
        const PREFIX: usize = 5;
        let (prefix, rest) = self.received.split_first_chunk::<PREFIX>()?;
        let [flags, length @ ..] = *prefix;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap();
        if rest.len() < length {
            return None;
        }
        self.received.advance(PREFIX);
        Some((flags, self.received.split_to(length).freeze()))
    }
}

fn trailers(frame: &[u8]) -> http::HeaderMap {
    let text = std::str::from_utf8(frame).unwrap();
    let lines = text.split("\r\n").filter(|line| !line.is_empty());
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':').unwrap();
        (name.trim().parse::<http::HeaderName>().unwrap(), value.trim().parse().unwrap())
    });
    headers.collect()
}
