//! The server: its address, its runtimes, and how they start and stop.

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::{SocketAddr, TcpListener},
    num::NonZeroUsize,
    pin::{Pin, pin},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tonic_health::ServingStatus;

use super::{
    call::{Calls, Gate},
    dispatch::Dispatch,
    drain::Drain,
    health::Health,
    listener,
    services::Services,
    web::{self, Origins},
    worker::Worker,
};
use crate::{
    domain::Error,
    limits::{ANSWER_BEGINS_DEFAULT, CALLS_IN_FLIGHT_DEFAULT, DRAIN_DEFAULT, STREAM_FAREWELL_MAX},
};

/// How a server serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Where it listens; with port 0 the operating system chooses one.
    pub listen: SocketAddr,
    /// Single-threaded runtimes that share the connections.
    pub workers: NonZeroUsize,
    /// Whose pages may call it from a browser.
    pub origins: Origins,
    /// Calls in flight, open streams included; one more is OVERLOADED.
    pub calls_in_flight_max: usize,
    /// How long an answer may take to begin, for clients that set no shorter deadline. Streams, once begun, go on.
    pub begin_max: Option<Duration>,
    /// How long a drain waits for what was begun.
    pub drain_max: Duration,
}

impl ServerConfig {
    /// The defaults, listening at `listen`.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            origins: Origins::Any,
            calls_in_flight_max: CALLS_IN_FLIGHT_DEFAULT,
            begin_max: Some(ANSWER_BEGINS_DEFAULT),
            drain_max: DRAIN_DEFAULT,
        }
    }
}

/// Why a server does not serve, or no more.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is not to be had.
    #[error("cannot listen at {address}: {}", hint(.source))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// A runtime cannot be started.
    #[error("cannot start a runtime: {0}")]
    Runtime(#[source] io::Error),
    /// The descriptors that the server was built with are damaged.
    #[error("the API's descriptors are damaged: {0}")]
    Descriptors(#[from] tonic_reflection::server::Error),
    /// A thread that serves calls has died, which is a defect of this program.
    #[error("a thread that serves calls has died; the log before says why")]
    WorkerDied,
    /// The storage has failed for good.
    #[error("{0}")]
    Storage(Error),
}

fn hint(error: &io::Error) -> String {
    let known = [
        (
            io::ErrorKind::AddrInUse,
            "another program listens there, perhaps another spandrel; choose another port with --listen",
        ),
        (io::ErrorKind::AddrNotAvailable, "this machine has no such address"),
        (io::ErrorKind::PermissionDenied, "ports below 1024 need special rights"),
    ];
    let hint = known.into_iter().find(|(kind, _)| *kind == error.kind());
    hint.map_or_else(|| error.to_string(), |(_, hint)| hint.to_owned())
}

/// A server that has its address and does not serve yet.
#[derive(Debug)]
pub struct Server {
    config: ServerConfig,
    listener: TcpListener,
    address: SocketAddr,
    drain: Drain,
}

impl Server {
    /// Takes the address. Clients that connect from now on wait until the server runs.
    ///
    /// # Errors
    ///
    /// [`ServeError::Listen`].
    pub fn bind(config: ServerConfig) -> Result<Self, ServeError> {
        let address = config.listen;
        let refused = |source| ServeError::Listen { address, source };
        let listener = listener::bind(address).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self { config, listener, address, drain: Drain::default() })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its drain, for services whose streams have something to say at their end.
    #[must_use]
    pub fn drain(&self) -> Drain {
        self.drain.clone()
    }

    /// Serves, on threads of its own, until `stop` resolves and the drain after it is done; blocks meanwhile.
    /// `services` is asked once a runtime; health and reflection are added. `ready` is told the address once calls
    /// are served. `stop` and `storage_failed` are polled on a runtime.
    ///
    /// # Errors
    ///
    /// [`ServeError::Storage`] when `storage_failed` resolves, after a drain; [`ServeError::WorkerDied`];
    /// [`ServeError::Runtime`] or [`ServeError::Descriptors`] at the start.
    pub fn run(
        self,
        services: impl Fn() -> Services,
        stop: impl Future<Output = ()>,
        storage_failed: impl Future<Output = Error>,
        ready: impl FnOnce(SocketAddr),
    ) -> Result<(), ServeError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ServeError::Runtime)?;
        let health = Health::new();
        let (alive, all_ended) = mpsc::channel(1);
        let gate = Arc::new(Gate::new(self.config.calls_in_flight_max, self.drain.clone()));
        let workers = self.workers(&services, &health, &gate, &alive)?;
        drop(alive);
        let Self { config, listener, address, drain } = self;
        let (ended, threads) = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).map_err(ServeError::Runtime);
            let ended = match listener {
                Ok(listener) => {
                    health.tell(ServingStatus::Serving).await;
                    let mut stop = pin!(stop);
                    // Polled first: it listens to signals from then on, and who reads that this is ready may send one.
                    let is_over = tokio::select! {
                        biased;
                        () = stop.as_mut() => true,
                        () = async { ready(address) } => false,
                    };
                    if is_over {
                        Ok(())
                    } else {
                        accept_until(&listener, &workers, stop, pin!(storage_failed)).await
                    }
                }
                Err(error) => Err(error),
            };
            if let Err(error) = &ended {
                tracing::error!("{error}");
            }
            health.tell(ServingStatus::NotServing).await;
            let threads = workers.into_iter().map(Worker::close).collect::<Vec<_>>();
            drain_workers(&drain, &gate, all_ended, config.drain_max).await;
            (ended, threads)
        });
        let died = threads.into_iter().map(JoinHandle::join).any(|ended| ended.is_err());
        if died && ended.is_ok() { Err(ServeError::WorkerDied) } else { ended }
    }

    fn workers(
        &self,
        services: &impl Fn() -> Services,
        health: &Health,
        gate: &Arc<Gate>,
        alive: &mpsc::Sender<Infallible>,
    ) -> Result<Vec<Worker>, ServeError> {
        let start = |number| {
            let services = health.with_health(services())?;
            let calls = Calls::new(services, Arc::clone(gate), self.config.begin_max);
            let dispatch = Dispatch::new(calls.clone(), web::web(&self.config.origins, calls));
            Worker::start(number, dispatch, self.drain.clone(), alive.clone()).map_err(ServeError::Runtime)
        };
        (0..self.config.workers.get()).map(start).collect()
    }
}

/// Gives each connection to the worker with the fewest, in turn among equals, until the server has to stop.
async fn accept_until(
    listener: &tokio::net::TcpListener,
    workers: &[Worker],
    mut stop: Pin<&mut impl Future<Output = ()>>,
    mut storage_failed: Pin<&mut impl Future<Output = Error>>,
) -> Result<(), ServeError> {
    for turn in 0.. {
        let connection = tokio::select! {
            connection = listener::accept(listener) => connection,
            () = stop.as_mut() => return Ok(()),
            error = storage_failed.as_mut() => return Err(ServeError::Storage(error)),
        };
        let (early, late) = workers.split_at(turn % workers.len().max(1));
        let given = late.iter().chain(early).min_by_key(|worker| worker.open());
        if !given.is_some_and(|worker| worker.give(connection)) {
            return Err(ServeError::WorkerDied);
        }
    }
    Ok(())
}

/// Leads the drain through its stages until the workers have ended.
async fn drain_workers(
    drain: &Drain,
    gate: &Gate,
    mut all_ended: mpsc::Receiver<Infallible>,
    drain_max: Duration,
) {
    drain.begin();
    let farewell = STREAM_FAREWELL_MAX.min(drain_max);
    if timeout(farewell, all_ended.recv()).await.is_ok() {
        return;
    }
    drain.end_streams();
    let left = drain_max.saturating_sub(farewell);
    tokio::select! {
        _ = all_ended.recv() => return,
        () = gate.stays_empty() => tracing::debug!("connections without calls, whose clients do not answer, are cut"),
        () = sleep(left) => tracing::warn!("calls that did not end within {drain_max:?} are cut"),
    }
    drain.cut();
    all_ended.recv().await;
}
