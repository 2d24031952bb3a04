//! The engine: one writer that commits in groups, and readers beside it, over any [`Backend`].
//!
//! The writer takes what waits in its queue, decides each against the state and the earlier decisions of the group,
//! applies all of it at once, makes it durable with one sync and then answers everybody. Nobody is answered from a
//! state that a power cut could take back: a batch is visible before its sync, so a read, a refusal or a check waits
//! until what it saw is durable.
//!
//! The *gate* is a lock around the backend. Readers hold its read side for as long as a view lives, the writer its
//! write side only while it applies a batch: a view never sees half of one, and a sync holds up nobody's read.

mod backend;
mod group;
mod hand;
mod head;
pub(super) mod log;
mod partitions;
mod pins;
mod readers;
pub(super) mod requests;
mod writer;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        mpsc::{SyncSender, TrySendError},
    },
    thread::JoinHandle,
};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{Notify, oneshot, watch};

pub(super) use self::head::Head;
pub use self::{
    backend::{Backend, Batch, PartitionView, full_key},
    hand::Hand,
};
use self::{
    partitions::{PartitionState, Partitions},
    pins::Pins,
    readers::Readers,
    writer::{Progress, Request, Task, Writer},
};
use super::engine::{
    Attempt, Clock, Commit, Decision, Engine, EngineExt as _, LogError, LogPin, Maintenance, Observer,
    Partition, Reading, Revision, Row, Stamp, Timestamp, View,
};
use super::keys;
use crate::{
    domain::{self, Error, Problem, Result},
    limits::READER_THREADS_MAX,
};

/// The rows of a commit in its partition's log, for who builds a partition without an engine.
///
/// # Errors
///
/// STORAGE_CORRUPT when it is longer than any commit.
pub fn log_rows(commit: &Commit) -> Result<Vec<Row>> {
    log::rows(commit)
}

/// The row that says how far a partition has come: its last commit, and the last one that its log does not keep.
#[must_use]
pub fn head_row(last: Stamp, log_floor: Revision) -> Row {
    let head = Head { revision: last.revision, time: last.time, log_floor };
    (Bytes::from_static(keys::HEAD), head.encode())
}

/// The last commit that a partition's log may forget, as long as it knows the requests that it knows.
///
/// # Errors
///
/// As every read.
pub fn forgettable_log(view: &dyn View) -> Result<Option<Revision>> {
    requests::log_floor_max(view)
}

/// The commit of `revision`, if a view's log keeps it.
///
/// # Errors
///
/// As every read.
pub fn logged(view: &dyn View, revision: Revision) -> Result<Option<Commit>> {
    log::entry(view, revision)
}

/// The revision of the commit that a view was left by.
///
/// # Errors
///
/// As every read.
pub fn revision_of(view: &dyn View) -> Result<Revision> {
    Ok(Head::read(view)?.revision)
}

/// What an engine is told when it is opened.
#[derive(Clone)]
pub struct Options {
    /// Where commits take their time from.
    pub clock: Clock,
    /// Sees each commit once it is durable.
    pub observer: Observer,
    /// Free space on the disk, in bytes, below which writes are refused.
    pub free_space_floor_bytes: u64,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("free_space_floor_bytes", &self.free_space_floor_bytes)
            .finish_non_exhaustive()
    }
}

/// What the writer and the readers share.
struct Shared {
    /// The backend behind its gate; `None` once it is closed.
    gate: RwLock<Option<Box<dyn Backend>>>,
    partitions: Partitions,
    /// Whose logs are not to be trimmed.
    pins: Arc<Pins>,
    /// Why the storage failed for good, and what wakes who waits for that.
    failure: OnceLock<Error>,
    failed: Notify,
    options: Options,
}

impl Shared {
    fn new(backend: Box<dyn Backend>, options: Options) -> Arc<Self> {
        Arc::new(Self {
            gate: RwLock::new(Some(backend)),
            partitions: Partitions::default(),
            pins: Arc::default(),
            failure: OnceLock::new(),
            failed: Notify::new(),
            options,
        })
    }

    /// Runs `use_backend` under the read side of the gate.
    fn with_backend<T>(&self, use_backend: impl FnOnce(&dyn Backend) -> Result<T>) -> Result<T> {
        let gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        use_backend(gate.as_deref().ok_or(Problem::ShuttingDown)?)
    }

    fn with_backend_alone<T>(&self, use_backend: impl FnOnce(&mut dyn Backend) -> Result<T>) -> Result<T> {
        let mut gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        use_backend(gate.as_deref_mut().ok_or(Problem::ShuttingDown)?)
    }

    fn close_backend(&self) {
        let backend = self.gate.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(backend) = backend {
            backend.close();
        }
    }

    fn check_not_failed(&self) -> Result<()> {
        self.failure.get().cloned().map_or(Ok(()), Err)
    }

    /// Ends all writing. The first failure is the one that is told.
    fn fail(&self, error: Error) {
        let _ = self.failure.set(error);
        self.failed.notify_waiters();
    }

    /// Reads, and says which revision of which partition was seen.
    fn read(&self, partition: Partition, reading: Reading) -> Result<(Arc<PartitionState>, Revision)> {
        self.with_backend(|backend| {
            let state = self.partitions.get(backend, partition)?;
            let seen = state.visible().revision;
            let view = PartitionView::new(backend, partition);
            catch_unwind(AssertUnwindSafe(|| reading(&view)))
                .map_err(|_| Error::corrupt("a read panicked; the log says where"))?;
            Ok((state, seen))
        })
    }
}

/// See the [module](self).
pub struct Committer {
    shared: Arc<Shared>,
    readers: Readers,
    requests: RwLock<Option<SyncSender<Request>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Committer {
    /// Starts the threads of an engine over `backend`.
    ///
    /// # Errors
    ///
    /// STORAGE_UNAVAILABLE when a thread cannot be started.
    pub fn start(backend: Box<dyn Backend>, options: Options) -> Result<Arc<Self>> {
        let shared = Shared::new(backend, options);
        let readers = Readers::start(READER_THREADS_MAX)?;
        let (requests, writer) = writer::start(Arc::clone(&shared))?;
        Ok(Arc::new(Self {
            shared,
            readers,
            requests: RwLock::new(Some(requests)),
            writer: Mutex::new(Some(writer)),
        }))
    }

    /// An engine over `backend` without threads: the same code, run step by step by whoever has the hand.
    #[must_use]
    pub fn by_hand(backend: Box<dyn Backend>, options: Options) -> (Arc<Self>, Hand) {
        let shared = Shared::new(backend, options);
        let readers = Readers::default();
        let (requests, writer) = Writer::new(Arc::clone(&shared));
        let hand = Hand::new(readers.queue(), writer, Arc::clone(&shared));
        let requests = RwLock::new(Some(requests));
        (Arc::new(Self { shared, readers, requests, writer: Mutex::default() }), hand)
    }

    fn submit(&self, request: Request) -> Result<()> {
        self.shared.check_not_failed()?;
        let requests = self.requests.read().unwrap_or_else(PoisonError::into_inner);
        requests.as_ref().ok_or(Problem::ShuttingDown)?.try_send(request).map_err(|error| match error {
            TrySendError::Full(_) => Problem::Overloaded.into(),
            TrySendError::Disconnected(_) => self.no_answer(),
        })
    }

    /// Why a request was dropped without an answer.
    fn no_answer(&self) -> Error {
        let ended = || Problem::StorageUnavailable("the writer has ended".to_owned()).into();
        self.shared.failure.get().cloned().unwrap_or_else(ended)
    }

    /// A partition's state. The first call for a partition reads one row.
    fn state(&self, partition: Partition) -> Result<Arc<PartitionState>> {
        self.shared.partitions.known(partition).map_or_else(
            || self.shared.with_backend(|backend| self.shared.partitions.get(backend, partition)),
            Ok,
        )
    }

    async fn carry_out(&self, partition: Partition, task: Task) -> Result<Progress> {
        let (answer, answered) = oneshot::channel();
        self.submit(Request::Task { partition, task, answer })?;
        answered.await.unwrap_or_else(|_| Err(self.no_answer()))
    }

    async fn until_durable(&self, state: &PartitionState, revision: Revision) -> Result<()> {
        loop {
            // Before the look, so that nothing comes in between.
            let (grown, failed) = (state.grown(), self.shared.failed.notified());
            if state.durable() >= revision {
                return Ok(());
            }
            self.shared.check_not_failed()?;
            tokio::select! {
                biased;
                () = grown => {}
                () = failed => {}
            }
        }
    }
}

#[async_trait]
impl Engine for Committer {
    async fn read_erased(&self, partition: Partition, reading: Reading) -> Result<Revision> {
        self.shared.check_not_failed()?;
        let (answer, answered) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        self.readers.submit(Box::new(move || {
            // Who asked may have gone while this waited, and others wait behind it.
            if answer.is_closed() {
                return;
            }
            let _ = answer.send(shared.read(partition, reading));
        }))?;
        let (state, seen) = answered.await.unwrap_or_else(|_| Err(self.no_answer()))?;
        self.until_durable(&state, seen).await?;
        Ok(seen)
    }

    async fn attempt(
        &self,
        partition: Partition,
        decision: Arc<dyn Decision>,
        attempt: Attempt,
    ) -> Result<Arc<Commit>> {
        let (answer, answered) = oneshot::channel();
        self.submit(Request::Commit { partition, decision, attempt, answer })?;
        answered.await.unwrap_or_else(|_| Err(self.no_answer()))
    }

    async fn carried_out(
        &self,
        partition: Partition,
        request: domain::requests::Request,
    ) -> Result<Option<Commit>> {
        Ok(self.read(partition, move |view| requests::find(view, &request)).await?.value)
    }

    async fn forget_requests(&self, partition: Partition, now: Timestamp) -> Result<()> {
        while self.carry_out(partition, Task::ForgetRequests { now }).await? == Progress::More {}
        Ok(())
    }

    async fn maintain(&self, partition: Partition, writes: Maintenance) -> Result<()> {
        self.carry_out(partition, Task::Write(writes)).await.map(drop)
    }

    async fn log_after(
        &self,
        partition: Partition,
        after: Revision,
        max_bytes: usize,
    ) -> Result<Vec<Commit>, LogError> {
        let read = self.read(partition, move |view| log::after(view, after, max_bytes)).await;
        read.map_err(LogError::Failed)?.value
    }

    async fn trim_log(&self, partition: Partition, through: Revision) -> Result<()> {
        while self.carry_out(partition, Task::TrimLog { through }).await? == Progress::More {}
        Ok(())
    }

    async fn pin_log(&self, partition: Partition) -> Result<LogPin> {
        let guard = Box::new(Pins::pin(&self.shared.pins, partition));
        // What the writer was about to trim is trimmed once it has come to this, and from then on it trims no more.
        self.carry_out(partition, Task::Write(Maintenance::default())).await?;
        let Head { revision, time, log_floor } = self.read(partition, |view| Head::read(view)).await?.value;
        Ok(LogPin { head: Stamp { revision, time }, floor: log_floor, guard })
    }

    fn log_floor(&self, partition: Partition) -> Result<Revision> {
        Ok(self.state(partition)?.visible().log_floor)
    }

    fn head(&self, partition: Partition) -> watch::Receiver<Revision> {
        // A failure is met by whatever is called next.
        self.state(partition)
            .map_or_else(|_| watch::channel(Revision::default()).1, |state| state.subscribe())
    }

    async fn erase(&self, partition: Partition) -> Result<()> {
        while self.carry_out(partition, Task::Erase).await? == Progress::More {}
        Ok(())
    }

    async fn failed(&self) -> Error {
        let failed = self.shared.failed.notified();
        if self.shared.check_not_failed().is_ok() {
            failed.await;
        }
        self.no_answer()
    }

    fn close(&self) {
        // The writer goes on until its queue has no sender, and closes the backend; reads that were accepted need it.
        let requests = self.requests.write().unwrap_or_else(PoisonError::into_inner).take();
        self.readers.close();
        drop(requests);
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = writer.take() {
            let _ = writer.join();
        }
    }
}

impl fmt::Debug for Committer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committer").field("options", &self.shared.options).finish_non_exhaustive()
    }
}
