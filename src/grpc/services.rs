//! The services by their names.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tonic::{
    body::Body,
    codegen::{BoxFuture, StdError},
    server::NamedService,
};
use tower::Service;

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

/// A request's body: straight from the connection, or unwrapped from gRPC-Web.
#[derive(Debug)]
pub enum RequestBody {
    /// From the connection.
    Plain(Incoming),
    /// Unwrapped from gRPC-Web.
    Web(Body),
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        match self.get_mut() {
            Self::Plain(body) => Pin::new(body).poll_frame(context).map_err(Into::into),
            Self::Web(body) => Pin::new(body).poll_frame(context).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Plain(body) => body.is_end_stream(),
            Self::Web(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Plain(body) => body.size_hint(),
            Self::Web(body) => body.size_hint(),
        }
    }
}
