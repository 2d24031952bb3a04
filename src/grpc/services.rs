//! The services by their names.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tonic::{
    Status,
    body::Body,
    codegen::{BoxFuture, StdError},
    server::NamedService,
};
use tower::Service;

use super::status::status;
use crate::domain::Problem;

/// What the generated servers answer with.
pub(super) type Answer = BoxFuture<Response<Body>, Infallible>;

/// The services that a server has. Each request is found its service by one comparison of names, and costs no
/// allocation on its way there; a general router of paths costs about a microsecond.
#[derive(Default)]
pub struct Services(Vec<(&'static str, Box<dyn Routed>)>);

impl Services {
    /// These services and `service`.
    #[must_use]
    pub fn with<S>(mut self, service: S) -> Self
    where
        S: GeneratedServer,
    {
        self.0.push((S::NAME, Box::new(service)));
        self
    }

    /// The service that `/{service}/{method}` names, if there is one.
    pub(super) fn find(&self, path: &str) -> Option<&dyn Routed> {
        let path = path.strip_prefix('/').unwrap_or_default();
        let name = path.split_once('/').map_or(path, |(name, _method)| name);
        self.0.iter().find(|(candidate, _)| *candidate == name).map(|(_, service)| &**service)
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// What tonic generates for a service. Its future is boxed already, which is why this asks for exactly that.
pub trait GeneratedServer:
    Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible, Future = Answer>
    + NamedService
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> GeneratedServer for S where
    S: Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible, Future = Answer>
        + NamedService
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// A service without its type. The generated servers are always ready.
pub(super) trait Routed: Send + Sync {
    fn call(&self, request: Request<RequestBody>) -> Answer;
}

impl<S: GeneratedServer> Routed for S {
    fn call(&self, request: Request<RequestBody>) -> Answer {
        Service::call(&mut self.clone(), request)
    }
}

/// A request's body. What has come of it counts towards what all requests may hold.
#[derive(Debug)]
pub struct RequestBody {
    source: Source,
    received: Option<Received>,
}

/// Where a request's body comes from.
#[derive(Debug)]
enum Source {
    /// From the connection.
    Plain(Incoming),
    /// Unwrapped from gRPC-Web.
    Web(Body),
}

/// The bytes of requests that have come and are not decoded yet.
#[derive(Debug)]
pub(super) struct ReceivedBytes {
    held: AtomicUsize,
    held_max: usize,
}

/// What one request holds of them, until its body is dropped.
#[derive(Debug)]
struct Received {
    all: Arc<ReceivedBytes>,
    bytes: usize,
}

impl RequestBody {
    pub(super) fn plain(body: Incoming) -> Self {
        Self { source: Source::Plain(body), received: None }
    }

    pub(super) fn web(body: Body) -> Self {
        Self { source: Source::Web(body), received: None }
    }

    /// The same body, counted among `all`.
    pub(super) fn counted(self, all: &Arc<ReceivedBytes>) -> Self {
        Self { received: Some(Received { all: Arc::clone(all), bytes: 0 }), ..self }
    }
}

impl ReceivedBytes {
    pub(super) fn new(held_max: usize) -> Arc<Self> {
        Arc::new(Self { held: AtomicUsize::new(0), held_max })
    }
}

impl Received {
    /// Counts what has come.
    fn add(&mut self, bytes: usize) -> Result<(), Status> {
        self.bytes += bytes;
        let before = self.all.held.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > self.all.held_max { Err(status(&Problem::Overloaded.into())) } else { Ok(()) }
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        self.all.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        let Self { source, received } = self.get_mut();
        let frame: Option<Result<Frame<Bytes>, StdError>> = match source {
            Source::Plain(body) => {
                ready!(Pin::new(body).poll_frame(context)).map(|frame| frame.map_err(Into::into))
            }
            Source::Web(body) => {
                ready!(Pin::new(body).poll_frame(context)).map(|frame| frame.map_err(Into::into))
            }
        };
        if let (Some(Ok(frame)), Some(received)) = (&frame, received)
            && let Some(data) = frame.data_ref()
            && let Err(overloaded) = received.add(data.len())
        {
            return Poll::Ready(Some(Err(overloaded.into())));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Plain(body) => body.is_end_stream(),
            Source::Web(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Plain(body) => body.size_hint(),
            Source::Web(body) => body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    fn request(bytes: usize, all: &Arc<ReceivedBytes>) -> RequestBody {
        RequestBody::web(Body::new(Full::new(Bytes::from(vec![0; bytes])))).counted(all)
    }

    /// A thousand calls that send 4 MiB each and never end would otherwise be 4 GiB.
    #[tokio::test]
    async fn what_requests_hold_together_is_bounded_and_given_back() {
        let all = ReceivedBytes::new(1_000);
        let mut first = request(600, &all);
        assert!(first.frame().await.unwrap().is_ok());
        let error = request(600, &all).frame().await.unwrap().unwrap_err();
        assert_eq!(error.downcast_ref::<Status>().unwrap().code(), tonic::Code::Unavailable);
        drop(first);
        assert!(request(1_000, &all).frame().await.unwrap().is_ok());
        assert_eq!(all.held.load(Ordering::Relaxed), 0);
    }
}
