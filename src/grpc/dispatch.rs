//! What arrives on the port: gRPC, gRPC-Web, a browser's preflight, or somebody who looks around.

use std::{
    convert::Infallible,
    fmt::Display,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body::Body as HttpBody;
use http_body_util::Full;
use hyper::body::Incoming;
use tonic::{
    body::Body,
    codegen::{BoxFuture, StdError},
};
use tower::Service;

use super::{
    call::{AnswerBody, Answering, Calls},
    page,
    services::RequestBody,
    web::Web,
};

/// Answers the requests of one connection.
#[derive(Clone)]
pub(super) struct Dispatch {
    calls: Calls,
    web: Web,
}

impl Dispatch {
    pub(super) fn new(calls: Calls, web: Web) -> Self {
        Self { calls, web }
    }

    /// Answers a request, wherever its body comes from.
    pub(super) fn answer<B>(&self, request: Request<B>, body: fn(B) -> RequestBody) -> Reply
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<StdError> + Display,
    {
        match kind(&request) {
            Kind::Grpc => Reply::Grpc(self.calls.answer(request.map(body))),
            Kind::Web => Reply::Web(Box::pin(self.web.clone().call(request))),
            Kind::Page => Reply::Page(Some(html(page::html()))),
            Kind::Refused(code, why) => Reply::Page(Some(text(code, why))),
        }
    }
}

impl hyper::service::Service<Request<Incoming>> for Dispatch {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Reply;

    fn call(&self, request: Request<Incoming>) -> Reply {
        self.answer(request, RequestBody::plain)
    }
}

/// What a request is.
#[derive(Debug, PartialEq)]
enum Kind {
    Grpc,
    Web,
    Page,
    Refused(StatusCode, &'static str),
}

fn kind<B>(request: &Request<B>) -> Kind {
    let content_type = request.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let grpc = content_type.and_then(|value| value.strip_prefix(b"application/grpc"));
    match grpc {
        Some(b"" | b"+proto") if request.method() != Method::POST => {
            Kind::Refused(StatusCode::METHOD_NOT_ALLOWED, "gRPC is sent with POST.\n")
        }
        Some(b"" | b"+proto") if request.version() != Version::HTTP_2 => {
            let why =
                "gRPC needs HTTP/2. Over HTTP/1.1, use gRPC-Web: content-type application/grpc-web+proto.\n";
            Kind::Refused(StatusCode::HTTP_VERSION_NOT_SUPPORTED, why)
        }
        Some(b"" | b"+proto") => Kind::Grpc,
        Some(b"-web" | b"-web+proto" | b"-web-text" | b"-web-text+proto") => Kind::Web,
        _ if is_preflight(request) => Kind::Web,
        _ => unless_grpc(request),
    }
}

/// A preflight is an OPTIONS request that names the method to come.
fn is_preflight<B>(request: &Request<B>) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn unless_grpc<B>(request: &Request<B>) -> Kind {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() {
        "/" if reads => Kind::Page,
        "/" => Kind::Refused(StatusCode::METHOD_NOT_ALLOWED, "There is only a page to GET here.\n"),
        _ if request.method() == Method::POST => {
            let why = "Send application/grpc (or +proto) over HTTP/2, or application/grpc-web (or +proto, -text).\n";
            Kind::Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, why)
        }
        _ => {
            let why = "Nothing is here. This is a gRPC server: GET / says how to talk to it.\n";
            Kind::Refused(StatusCode::NOT_FOUND, why)
        }
    }
}

/// The future of a reply.
pub(super) enum Reply {
    Grpc(Answering),
    Web(BoxFuture<Response<Body>, Infallible>),
    Page(Option<Response<AnswerBody>>),
}

impl Future for Reply {
    type Output = Result<Response<AnswerBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Grpc(answering) => Pin::new(answering).poll(context),
            Self::Web(answering) => {
                answering.as_mut().poll(context).map_ok(|answer| answer.map(AnswerBody::page))
            }
            Self::Page(page) => Poll::Ready(Ok(page.take().unwrap_or_default())),
        }
    }
}

fn html(page: String) -> Response<AnswerBody> {
    whole(StatusCode::OK, "text/html; charset=utf-8", page)
}

fn text(code: StatusCode, why: &'static str) -> Response<AnswerBody> {
    whole(code, "text/plain; charset=utf-8", why.to_owned())
}

fn whole(code: StatusCode, content_type: &'static str, content: String) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::page(Body::new(Full::from(content))));
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_goes_where_it_belongs() {
        let check = |line: &str, version, content_type: Option<&str>, expected: &str| {
            let (method, path) = line.split_once(' ').unwrap();
            let mut request = Request::builder().method(method).uri(path).version(version);
            if let Some(content_type) = content_type {
                request = request.header(header::CONTENT_TYPE, content_type);
            }
            let got = match kind(&request.body(()).unwrap()) {
                Kind::Refused(code, _) => code.as_str().to_owned(),
                other @ (Kind::Grpc | Kind::Web | Kind::Page) => format!("{other:?}"),
            };
            assert_eq!(got, expected, "{line} {version:?} {content_type:?}");
        };
        let (one, two) = (Version::HTTP_11, Version::HTTP_2);
        check("POST /a.B/C", two, Some("application/grpc"), "Grpc");
        check("POST /a.B/C", two, Some("application/grpc+proto"), "Grpc");
        check("POST /a.B/C", two, Some("application/grpc+json"), "415");
        check("POST /a.B/C", two, Some("application/grpcfoo"), "415");
        check("POST /a.B/C", one, Some("application/grpc"), "505");
        check("GET /a.B/C", two, Some("application/grpc"), "405");
        for version in [one, two] {
            check("POST /a.B/C", version, Some("application/grpc-web"), "Web");
            check("POST /a.B/C", version, Some("application/grpc-web+proto"), "Web");
            check("POST /a.B/C", version, Some("application/grpc-web-text"), "Web");
            check("POST /a.B/C", version, Some("application/grpc-web+json"), "415");
            check("POST /a.B/C", version, Some("application/json"), "415");
            check("POST /a.B/C", version, None, "415");
            check("GET /", version, None, "Page");
            check("HEAD /", version, None, "Page");
            check("POST /", version, None, "405");
            check("GET /favicon.ico", version, None, "404");
            check("OPTIONS /a.B/C", version, None, "404");
        }
    }

    #[test]
    fn a_preflight_is_an_options_request_that_asks_for_a_method() {
        let request = Request::options("/a.B/C").header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST");
        assert_eq!(kind(&request.body(()).unwrap()), Kind::Web);
    }
}
