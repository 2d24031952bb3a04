//! A server on a port of its own, with a service whose requests say how it should behave.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    pin::Pin,
    thread::JoinHandle,
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue};
use prost::Message;
use spandrel::{
    domain::Error,
    grpc::{
        drain::Drain,
        encoded::Encoded,
        generated::annotation_service_server::{AnnotationService, AnnotationServiceServer},
        server::{ServeError, Server, ServerConfig},
        services::Services,
    },
    proto::v1::{annotation_service_client::AnnotationServiceClient, *},
};
use tokio::sync::oneshot;
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, async_trait, transport::Channel};
use tonic_types::StatusExt;

pub(crate) const REQUEST_BYTES_MAX: usize = 1_000;

/// Answers as the name in the request says: `slow:MS`, or with the thread that answers.
struct Obedient(Drain);

type Messages<T> = Pin<Box<dyn Stream<Item = Result<Encoded<T>, Status>> + Send>>;

#[async_trait]
impl AnnotationService for Obedient {
    async fn get_annotation(
        &self,
        request: Request<GetAnnotationRequest>,
    ) -> Result<Response<Encoded<Annotation>>, Status> {
        let name = request.into_inner().name;
        if let Some(milliseconds) = name.strip_prefix("slow:") {
            tokio::time::sleep(Duration::from_millis(milliseconds.parse().unwrap())).await;
        }
        let layer = std::thread::current().name().unwrap().to_owned();
        let annotation = Annotation { name, layer, ..Annotation::default() };
        Ok(Response::new(Encoded::Bytes(annotation.encode_to_vec().into())))
    }

    type StreamAnnotationsStream = Messages<StreamAnnotationsResponse>;

    /// `finite` is three messages; `idle` is one and then none, `busy` is ever more; `farewell` says a last word when
    /// the server drains.
    async fn stream_annotations(
        &self,
        request: Request<StreamAnnotationsRequest>,
    ) -> Result<Response<Self::StreamAnnotationsStream>, Status> {
        let message = |revision| Ok(StreamAnnotationsResponse { revision, ..Default::default() }.into());
        let (farewell, last_words) = tokio::sync::mpsc::channel(2);
        let drain = self.0.clone();
        tokio::spawn(async move {
            drain.begun().await;
            let _ = farewell.send(message(99)).await;
            let _ = farewell.send(Err(Drain::refusal().into())).await;
        });
        Ok(Response::new(match request.get_ref().parent.as_str() {
            "finite" => Box::pin(tokio_stream::iter((0..3).map(message))),
            "idle" => Box::pin(tokio_stream::once(message(0)).chain(tokio_stream::pending())),
            "busy" => Box::pin(tokio_stream::iter((0..).map(message))),
            "farewell" => Box::pin(tokio_stream::once(message(0)).chain(ReceiverStream::new(last_words))),
            other => return Err(Status::invalid_argument(other)),
        }))
    }

    async fn create_annotation(
        &self,
        request: Request<CreateAnnotationRequest>,
    ) -> Result<Response<Annotation>, Status> {
        Ok(Response::new(request.into_inner().annotation.unwrap_or_default()))
    }

    async fn list_annotations(
        &self,
        _: Request<ListAnnotationsRequest>,
    ) -> Result<Response<Encoded<ListAnnotationsResponse>>, Status> {
        Err(Error::field("parent", "must be projects/{project}/articles/{article}").into())
    }

    async fn update_annotation(
        &self,
        _: Request<UpdateAnnotationRequest>,
    ) -> Result<Response<Annotation>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn delete_annotation(&self, _: Request<DeleteAnnotationRequest>) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn batch_create_annotations(
        &self,
        _: Request<BatchCreateAnnotationsRequest>,
    ) -> Result<Response<BatchCreateAnnotationsResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn commit_annotations(
        &self,
        _: Request<CommitAnnotationsRequest>,
    ) -> Result<Response<CommitAnnotationsResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }
}

/// A server that runs until it is told to stop.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    fail: Option<oneshot::Sender<Error>>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

pub(crate) fn config() -> ServerConfig {
    ServerConfig::new(([127, 0, 0, 1], 0).into())
}

pub(crate) fn start(config: ServerConfig) -> Running {
    let server = Server::bind(config).unwrap();
    let (stop, stopped) = oneshot::channel();
    let (fail, failed) = oneshot::channel();
    let (ready, address) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let drain = server.drain();
        let services = || {
            let service = AnnotationServiceServer::new(Obedient(drain.clone()));
            Services::default().with(service.max_decoding_message_size(REQUEST_BYTES_MAX))
        };
        let stop = async {
            let _ = stopped.await;
        };
        let failed = async {
            match failed.await {
                Ok(error) => error,
                Err(_) => std::future::pending().await,
            }
        };
        server.run(services, stop, failed, |address| ready.send(address).unwrap())
    });
    let address = address.recv().unwrap();
    Running { address, stop: Some(stop), fail: Some(fail), thread: Some(thread) }
}

impl Running {
    pub(crate) async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    pub(crate) async fn client(&self) -> AnnotationServiceClient<Channel> {
        AnnotationServiceClient::new(self.channel().await)
    }

    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(crate) fn fail(&mut self, error: Error) {
        self.fail.take().unwrap().send(error).unwrap();
    }

    /// What `run` returned.
    pub(crate) async fn ended(&mut self) -> Result<(), ServeError> {
        let thread = self.thread.take().unwrap();
        let joined = tokio::task::spawn_blocking(move || thread.join().unwrap());
        tokio::time::timeout(Duration::from_secs(20), joined).await.expect("the server ends").unwrap()
    }

    /// Sends one HTTP/1.1 request on a connection of its own and returns its answer: headers and the rest.
    pub(crate) fn http1(&self, head: &str, body: &[u8]) -> (String, HeaderMap, String) {
        let mut connection = TcpStream::connect(self.address).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let length = body.len();
        let head = head.trim().replace('\n', "\r\n");
        let request =
            format!("{head}\r\nhost: here\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        connection.write_all(&[request.as_bytes(), body].concat()).unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, rest) = answer.split_once("\r\n\r\n").unwrap();
        let (line, headers) = head.split_once("\r\n").unwrap();
        let headers = headers.lines().map(|header| {
            let (name, value) = header.split_once(": ").unwrap();
            (HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap())
        });
        (line.to_owned(), headers.collect(), rest.to_owned())
    }

    /// A gRPC-Web call: its headers, and its messages and trailers.
    pub(crate) fn web(&self, method: &str, more: &str, message: &[u8]) -> (HeaderMap, String) {
        let head = format!("POST /{method} HTTP/1.1\ncontent-type: application/grpc-web+proto\n{more}");
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let (line, headers, rest) = self.http1(&head, &[&[0], &length[..], message].concat());
        assert_eq!(line, "HTTP/1.1 200 OK");
        (headers, rest)
    }
}

impl Running {
    /// The headers that answer a gRPC-Web call whose body is said to be Base64.
    pub(crate) fn web_text(&self, method: &str, body: &[u8]) -> HeaderMap {
        let head = format!("POST /{method} HTTP/1.1\ncontent-type: application/grpc-web-text");
        let (line, headers, _) = self.http1(&head, body);
        assert_eq!(line, "HTTP/1.1 200 OK");
        headers
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
    }
}

/// The reason in a status's `ErrorInfo`.
pub(crate) fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

pub(crate) fn get(name: &str) -> GetAnnotationRequest {
    GetAnnotationRequest { name: name.to_owned() }
}

pub(crate) fn stream(parent: &str) -> StreamAnnotationsRequest {
    StreamAnnotationsRequest { parent: parent.to_owned(), ..Default::default() }
}
