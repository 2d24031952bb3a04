//! What holds for every call: its place under the limit, its deadline, its end when the server drains, its line
//! in the log. This runs for each call and each frame, so it sets no timer, boxes nothing and takes no lock before
//! somebody has to wait.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::{Code, Status, body::Body};
use tower::Service;
use tracing::Level;

use super::{
    deadline::{self, Deadline},
    drain::Drain,
    foreign,
    services::{Answer, ReceivedBytes, RequestBody, Services},
    status,
};
use crate::{
    domain::{Problem, Result},
    limits::{REQUEST_BYTES_HELD_MAX, STREAM_FAREWELL_MAX},
};

/// Health is asked of a server that is full or drains, above all.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// What streams its requests: it holds what it has read of them, and a bounded part of that.
const STREAMED: &str = "/spandrel.v1.ExchangeService/Import";

/// Lets calls in, over all runtimes of a server.
#[derive(Debug)]
pub(super) struct Gate {
    in_flight: AtomicUsize,
    in_flight_max: usize,
    received: Arc<ReceivedBytes>,
    drain: Drain,
}

impl Gate {
    pub(super) fn new(in_flight_max: usize, drain: Drain) -> Self {
        let received = ReceivedBytes::new(REQUEST_BYTES_HELD_MAX);
        Self { in_flight: AtomicUsize::new(0), in_flight_max, received, drain }
    }

    /// Resolves once no call has been in flight for a while, in which the last answers are sent.
    pub(super) async fn stays_empty(&self) {
        const LOOKS: u32 = 10;
        let mut looks = 0;
        while looks < LOOKS {
            sleep(STREAM_FAREWELL_MAX / LOOKS).await;
            looks = if self.in_flight.load(Ordering::Relaxed) == 0 { looks + 1 } else { 0 };
        }
    }

    fn enter(self: &Arc<Self>, path: &str) -> Result<Permit> {
        let permit = Permit(Arc::clone(self));
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        if path.starts_with(HEALTH) {
            Ok(permit)
        } else if self.drain.is_draining() {
            Err(Drain::refusal())
        } else if before >= self.in_flight_max {
            Err(Problem::Overloaded.into())
        } else {
            Ok(permit)
        }
    }
}

/// A call's place under the limit.
#[derive(Debug)]
struct Permit(Arc<Gate>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Calls into the services, whether they come as gRPC or out of gRPC-Web.
#[derive(Debug, Clone)]
pub(super) struct Calls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    services: Services,
    gate: Arc<Gate>,
    begin_max: Option<Duration>,
}

impl Calls {
    /// `begin_max` is how long an answer may take to begin, for clients that set no shorter deadline.
    pub(super) fn new(services: Services, gate: Arc<Gate>, begin_max: Option<Duration>) -> Self {
        Self(Arc::new(Shared { services, gate, begin_max }))
    }

    pub(super) fn answer(&self, request: Request<RequestBody>) -> Answering {
        self.begin(request).unwrap_or_else(|refusal| Answering::Refused(Some(refusal)))
    }

    fn begin(&self, request: Request<RequestBody>) -> Result<Answering, Status> {
        let permit = self.0.gate.enter(request.uri().path())?;
        let client = deadline::timeout(request.headers())?;
        if client.is_some_and(|allowed| allowed.is_zero()) {
            return Err(status::deadline_exceeded(Duration::ZERO));
        }
        let log = tracing::enabled!(Level::DEBUG).then(|| Box::new(LogLine::new(request.uri().path())));

        let bounded = client.is_some() || self.0.begin_max.is_some();
        let start = bounded.then(Instant::now);
        let deadline = |allowed: Option<Duration>| Deadline::new(start?, allowed?);
        let begin_deadline = match (client, self.0.begin_max) {
            (Some(client), Some(server)) if client > server => deadline(Some(server)),
            (Some(_), _) => None,
            (None, server) => deadline(server),
        };
        let call = Call { deadline: deadline(client), begin_deadline, log, permit };

        let path = request.uri().path();
        let service = self.0.services.find(path).ok_or_else(|| {
            Status::unimplemented(format!("this server has no {path}; reflection lists what it has"))
        })?;
        let is_stream = path == STREAMED;
        let request = request.map(|body| if is_stream { body } else { body.counted(&self.0.gate.received) });
        Ok(Answering::Begun { future: service.call(request), call: Some(call) })
    }
}

impl Service<Request<Body>> for Calls {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answering {
        self.answer(request.map(RequestBody::web))
    }
}

/// A call under way.
#[derive(Debug)]
pub(super) struct Call {
    /// The client's deadline, which holds to the answer's end.
    deadline: Option<Deadline>,
    /// The server's, where it is the shorter one, which holds until the answer begins.
    begin_deadline: Option<Deadline>,
    log: Option<Box<LogLine>>,
    permit: Permit,
}

impl Call {
    /// Ready when the call ends here; registers the task to be woken when it will.
    fn poll_expired(&mut self, context: &mut Context<'_>) -> Poll<Status> {
        for deadline in [&mut self.begin_deadline, &mut self.deadline].into_iter().flatten() {
            if deadline.poll_passed(context).is_ready() {
                return Poll::Ready(status::deadline_exceeded(deadline.allowed()));
            }
        }
        Poll::Pending
    }
}

/// The future of an answer.
pub(super) enum Answering {
    Begun { future: Answer, call: Option<Call> },
    Refused(Option<Status>),
}

impl Future for Answering {
    type Output = Result<Response<AnswerBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Begun { future, call } => match future.as_mut().poll(context) {
                Poll::Ready(Ok(answer)) => Poll::Ready(Ok(answered(answer, call.take()))),
                Poll::Ready(Err(never)) => match never {},
                Poll::Pending => {
                    let Some(expired) = call.as_mut().map(|call| call.poll_expired(context)) else {
                        return Poll::Pending;
                    };
                    expired.map(|status| Ok(answered(status.into_http(), call.take())))
                }
            },
            Self::Refused(status) => {
                let status = status.take().unwrap_or_else(|| Status::internal("a future was polled twice"));
                tracing::debug!(code = ?status.code(), "refused: {}", status.message());
                Poll::Ready(Ok(answered(status.into_http(), None)))
            }
        }
    }
}

fn answered(mut answer: Response<Body>, call: Option<Call>) -> Response<AnswerBody> {
    foreign::translate(answer.headers_mut());
    let call = call.and_then(|mut call| {
        call.begin_deadline = None;
        if answer.body().is_end_stream() {
            if let Some(log) = call.log.take() {
                log.write(answer.headers());
            }
            return None;
        }
        Some(call)
    });
    answer.map(|inner| AnswerBody { inner, call, began: false, drained: None })
}

/// An answer's body, which ends when its call has to.
#[derive(Debug, Default)]
pub(super) struct AnswerBody {
    inner: Body,
    /// Gone once the answer has ended.
    call: Option<Call>,
    /// Whether a frame was sent; a second one makes it a stream.
    began: bool,
    drained: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl AnswerBody {
    /// A body of a page or a text, which is no call's.
    pub(super) fn page(inner: Body) -> Self {
        Self { inner, ..Self::default() }
    }

    /// Why a stream has to end before its next frame, which is there already.
    fn interrupted(&self) -> Option<Status> {
        let call = self.call.as_ref()?;
        if call.permit.0.drain.streams_have_ended() {
            return Some(Drain::refusal().into());
        }
        let deadline = call.deadline.as_ref().filter(|deadline| deadline.has_passed())?;
        Some(status::deadline_exceeded(deadline.allowed()))
    }

    /// Ready when a stream has to end that has no next frame yet.
    fn poll_interrupted(&mut self, context: &mut Context<'_>) -> Poll<Status> {
        let Some(call) = &mut self.call else { return Poll::Pending };
        let drain = &call.permit.0.drain;
        let drained = self.drained.get_or_insert_with(|| Box::pin(drain.streams_ending()));
        if drained.as_mut().poll(context).is_ready() {
            return Poll::Ready(Drain::refusal().into());
        }
        call.poll_expired(context)
    }

    /// The trailers of a stream that ends here; what its service would have sent is dropped.
    fn interrupt(&mut self, status: &Status) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.inner = Body::empty();
        let mut trailers = HeaderMap::new();
        if let Err(unwritable) = status.add_header(&mut trailers) {
            return Poll::Ready(Some(Err(unwritable)));
        }
        self.finish(Some(&trailers));
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn finish(&mut self, trailers: Option<&HeaderMap>) {
        self.drained = None;
        if let (Some(log), Some(trailers)) = (self.call.take().and_then(|mut call| call.log.take()), trailers)
        {
            log.write(trailers);
        }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.inner).poll_frame(context);
        if this.call.is_none() {
            return frame;
        }
        match frame {
            Poll::Ready(Some(Ok(frame))) => match frame.into_trailers() {
                Ok(mut trailers) => {
                    foreign::translate(&mut trailers);
                    this.finish(Some(&trailers));
                    Poll::Ready(Some(Ok(Frame::trailers(trailers))))
                }
                Err(data) if this.began => match this.interrupted() {
                    Some(status) => this.interrupt(&status),
                    None => Poll::Ready(Some(Ok(data))),
                },
                Err(data) => {
                    this.began = true;
                    Poll::Ready(Some(Ok(data)))
                }
            },
            Poll::Ready(end) => {
                this.finish(None);
                Poll::Ready(end)
            }
            Poll::Pending => match this.poll_interrupted(context) {
                Poll::Ready(status) => this.interrupt(&status),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// What the log says of a call; kept only at the level `debug`.
#[derive(Debug)]
struct LogLine {
    method: String,
    start: Instant,
    written: bool,
}

impl LogLine {
    fn new(path: &str) -> Self {
        Self { method: path.trim_start_matches('/').to_owned(), start: Instant::now(), written: false }
    }

    /// Writes the line with the status in these headers or trailers.
    fn write(mut self, headers: &HeaderMap) {
        self.written = true;
        let code = headers.get("grpc-status").map_or(Code::Unknown, |code| Code::from_bytes(code.as_bytes()));
        let (method, duration) = (&self.method, self.start.elapsed());
        tracing::debug!(%method, ?code, ?duration, "call");
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        if !self.written {
            let (method, duration) = (&self.method, self.start.elapsed());
            tracing::debug!(%method, ?duration, "call given up by its client");
        }
    }
}
