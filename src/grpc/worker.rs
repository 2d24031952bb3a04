//! A single-threaded runtime that serves its share of the connections.
//!
//! One such runtime a core takes half the CPU a call that one runtime over all cores does: it gathers answers and
//! writes many at once. In return nothing on it may block.

use std::{
    convert::Infallible,
    io,
    net::TcpStream,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::sync::mpsc;

use super::{dispatch::Dispatch, drain::Drain};
use crate::limits::{
    CONNECTION_CALLS_MAX, CONNECTION_SILENCE_MAX, CONNECTION_WINDOW_BYTES, KEEPALIVE_ANSWER_MAX,
    KEEPALIVE_INTERVAL, REQUEST_HEADER_BYTES_MAX, STREAM_WINDOW_BYTES, WORKER_BLOCKING_THREADS_MAX,
};

/// How long threads that a handler left behind may take once everything else has ended.
const LEFTOVERS_MAX: Duration = Duration::from_secs(1);

/// A runtime on a thread of its own. It drains once it is dropped or closed and `drain` has begun.
#[derive(Debug)]
pub(super) struct Worker {
    connections: mpsc::UnboundedSender<TcpStream>,
    open: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl Worker {
    /// `alive` is dropped when the worker has ended.
    pub(super) fn start(
        number: usize,
        dispatch: Dispatch,
        drain: Drain,
        alive: mpsc::Sender<Infallible>,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(WORKER_BLOCKING_THREADS_MAX)
            .build()?;
        let (connections, accepted) = mpsc::unbounded_channel();
        let open = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&open);
        let thread =
            std::thread::Builder::new().name(format!("spandrel-serve-{number}")).spawn(move || {
                runtime.block_on(serve(accepted, dispatch, drain, counter));
                runtime.shutdown_timeout(LEFTOVERS_MAX);
                drop(alive);
            })?;
        Ok(Self { connections, open, thread })
    }

    /// Connections that it has.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Gives it a connection; false if it has died.
    pub(super) fn give(&self, connection: TcpStream) -> bool {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.connections.send(connection).is_ok()
    }

    /// Gives it no more connections.
    pub(super) fn close(self) -> JoinHandle<()> {
        self.thread
    }
}

async fn serve(
    mut accepted: mpsc::UnboundedReceiver<TcpStream>,
    dispatch: Dispatch,
    drain: Drain,
    open: Arc<AtomicUsize>,
) {
    let http = Arc::new(http());
    let (alive, mut all_gone) = mpsc::channel::<Infallible>(1);
    while let Some(stream) = accepted.recv().await {
        let connection =
            connection(stream, Arc::clone(&http), dispatch.clone(), drain.clone(), Open(Arc::clone(&open)));
        let alive = alive.clone();
        tokio::spawn(async move {
            connection.await;
            drop(alive);
        });
    }
    drop(alive);
    tokio::select! {
        _ = all_gone.recv() => {}
        () = drain.cutting() => {}
    }
}

/// Counts a connection until it is dropped.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves one connection to its end, which a drain brings about gracefully.
async fn connection(
    stream: TcpStream,
    http: Arc<auto::Builder<TokioExecutor>>,
    dispatch: Dispatch,
    drain: Drain,
    _open: Open,
) {
    let stream = match tokio::net::TcpStream::from_std(stream) {
        Ok(stream) => stream,
        Err(error) => return tracing::warn!("cannot serve a connection: {error}"),
    };
    let mut draining = pin!(drain.begun());
    let first_byte = tokio::select! {
        readable = tokio::time::timeout(CONNECTION_SILENCE_MAX, stream.readable()) => readable.is_ok(),
        () = &mut draining => false,
    };
    if !first_byte {
        return;
    }
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), dispatch));
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = draining => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection ended: {error}");
    }
}

fn http() -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(CONNECTION_CALLS_MAX)
        .max_header_list_size(REQUEST_HEADER_BYTES_MAX)
        .keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_ANSWER_MAX);
    http.http1().timer(TokioTimer::new()).header_read_timeout(CONNECTION_SILENCE_MAX);
    http
}
