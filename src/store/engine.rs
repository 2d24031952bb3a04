//! What an engine is: sorted rows in partitions, read through views and changed by decisions.
//!
//! An engine knows nothing of projects, articles or annotations. It takes decisions one after another, stamps
//! each with its partition's next revision, appends what it did to the partition's log, makes the rows durable
//! and only then answers. `conformance.rs` says what every engine must do.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::sync::{oneshot, watch};

pub use super::draft::{Draft, Overlay};
pub use crate::domain::revisions::{Revision, Timestamp};
use crate::domain::{Error, Result, requests::Request};

/// A project's rows, apart from all others'. Partition 0 is the catalog of projects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition(pub u32);

impl Partition {
    /// The catalog of projects.
    pub const CATALOG: Self = Self(0);
}

/// Where an engine takes the time from; an argument, so that tests decide what time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A row: its key within the partition, and its value.
pub type Row = (Bytes, Bytes);

/// Rows in ascending or descending order of their keys. An error ends the iteration.
pub type Rows<'v> = Box<dyn Iterator<Item = Result<Row>> + 'v>;

/// A partition's rows as they stand at one moment.
pub trait View {
    /// The value at `key`.
    ///
    /// # Errors
    ///
    /// STORAGE_UNAVAILABLE or STORAGE_CORRUPT, as for every read.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>>;

    /// The rows with `from <= key < to`, ascending.
    fn ascending(&self, from: &[u8], to: &[u8]) -> Rows<'_>;

    /// The rows with `from <= key < to`, descending.
    fn descending(&self, from: &[u8], to: &[u8]) -> Rows<'_>;

    /// The last row with `from <= key <= at`: one step of a scan, without what a scan has to set up.
    ///
    /// # Errors
    ///
    /// As [`View::get`].
    fn floor(&self, from: &[u8], at: &[u8]) -> Result<Option<Row>> {
        self.descending(from, &successor(at)).next().transpose()
    }
}

/// The key right behind `key`.
#[must_use]
pub fn successor(key: &[u8]) -> Bytes {
    let mut next = BytesMut::with_capacity(key.len() + 1);
    next.put_slice(key);
    next.put_u8(0);
    next.freeze()
}

/// What was read, and the durable revision that it was read at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At<T> {
    /// What was read.
    pub value: T,
    /// The partition's revision; everything acknowledged before the read began is in it.
    pub revision: Revision,
}

/// The revision and time that a commit gets if it is not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The revision.
    pub revision: Revision,
    /// The time; never before that of the commit before.
    pub time: Timestamp,
}

/// Says what a commit writes, given the state that it finds. Pure: it may be asked again, against another state.
pub trait Decision: Send + Sync {
    /// Reads and writes `draft`.
    ///
    /// # Errors
    ///
    /// A refusal drops this decision's draft and nothing else.
    fn decide(&self, draft: &mut Draft<'_>) -> Result<()>;
}

impl<F: Fn(&mut Draft<'_>) -> Result<()> + Send + Sync> Decision for F {
    fn decide(&self, draft: &mut Draft<'_>) -> Result<()> {
        self(draft)
    }
}

/// Whether a decision is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is committed.
    Apply,
    /// It is committed although the disk is nearly full: a small step that ends what was begun before it was.
    Finish,
    /// It is only asked: its draft is dropped and answered as if it had been committed (`validate_only`).
    Check,
}

/// A write that is asked for: whether it is carried out, and which request it is a try of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Whether it is carried out.
    pub mode: Mode,
    /// The request, if its client gave it an id. Of no account to what is only checked.
    pub request: Option<Request>,
}

impl From<Mode> for Attempt {
    fn from(mode: Mode) -> Self {
        Self { mode, request: None }
    }
}

impl Attempt {
    /// The request that a retry is to be known by.
    #[must_use]
    pub fn retried(&self) -> Option<&Request> {
        self.request.as_ref().filter(|_| self.mode != Mode::Check)
    }
}

/// A change of one resource, as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Tells which kept answers the change makes stale; chosen by the layer above and not stored.
    pub scope: u64,
    /// The encoded change.
    pub record: Bytes,
}

/// A commit: what the log keeps of it, and what the answer to its writer is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its revision and time.
    pub stamp: Stamp,
    /// What it came from.
    pub origin: Origin,
    /// Its changes, in the order of the decision.
    pub changes: Vec<Change>,
}

/// What a commit came from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Origin {
    /// The request that it carried out, if that had an id.
    pub request: Option<Request>,
    /// The commit that it undid, if it undid one.
    pub undone: Option<Revision>,
}

/// Called with each commit after it is durable and before it is acknowledged. Must not block.
pub type Observer = Arc<dyn Fn(Partition, &Commit) + Send + Sync>;

/// Writes that no reader can reach yet or any more; they are not in the log and have no revision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Maintenance {
    /// Keys with their new values; `None` deletes. At most [`crate::limits::COMMIT_ROWS_MAX`].
    pub rows: Vec<(Bytes, Option<Bytes>)>,
    /// Nothing is written unless this row is there: who prepares something may come after its partition was given up.
    pub only_beside: Option<Bytes>,
}

impl Maintenance {
    /// Writes of these rows.
    #[must_use]
    pub fn of(rows: Vec<(Bytes, Option<Bytes>)>) -> Self {
        Self { rows, only_beside: None }
    }

    /// The same, if the row at `key` is there.
    #[must_use]
    pub fn only_beside(self, key: impl Into<Bytes>) -> Self {
        Self { only_beside: Some(key.into()), ..self }
    }
}

/// What an engine is asked to read, type erased; see [`EngineExt::read`].
pub type Reading = Box<dyn FnOnce(&dyn View) + Send>;

/// Sorted rows in partitions. See the [module](self) and `conformance.rs`.
#[async_trait]
pub trait Engine: Send + Sync + fmt::Debug + 'static {
    /// Runs `reading` over one unmoving view, off the async threads, and returns the view's revision once that is
    /// durable. Use [`EngineExt::read`].
    async fn read_erased(&self, partition: Partition, reading: Reading) -> Result<Revision>;

    /// Commits a decision, and returns once it is durable. A refusal, too, is returned only once the state that
    /// it was decided on is durable.
    ///
    /// When the partition knows the attempt's request, nothing is decided: what is returned is the commit that carried
    /// it out, from the log, and so without scopes. A request is known from the commit on that carries it out, for
    /// [`crate::limits::REQUEST_AGE_MIN`] at least.
    ///
    /// # Errors
    ///
    /// The decision's refusal; REQUEST_ID_REUSED; LIMIT_EXCEEDED over [`crate::limits::COMMIT_ROWS_MAX`] or
    /// [`crate::limits::COMMIT_BYTES_MAX`]; OVERLOADED; SHUTTING_DOWN; STORAGE_UNAVAILABLE.
    async fn attempt(
        &self,
        partition: Partition,
        decision: Arc<dyn Decision>,
        attempt: Attempt,
    ) -> Result<Arc<Commit>>;

    /// As [`Engine::attempt`], of what is no request of a client's.
    ///
    /// # Errors
    ///
    /// As there.
    async fn commit(
        &self,
        partition: Partition,
        decision: Arc<dyn Decision>,
        mode: Mode,
    ) -> Result<Arc<Commit>> {
        self.attempt(partition, decision, mode.into()).await
    }

    /// The commit that carried out `request`, if the partition knows it.
    ///
    /// # Errors
    ///
    /// REQUEST_ID_REUSED; as every read.
    async fn carried_out(&self, partition: Partition, request: Request) -> Result<Option<Commit>>;

    /// Forgets the requests that are too old at `now`, a bounded number of rows at a time.
    ///
    /// # Errors
    ///
    /// As [`Engine::commit`].
    async fn forget_requests(&self, partition: Partition, now: Timestamp) -> Result<()>;

    /// Writes rows that no reader can reach, and returns once they are durable.
    ///
    /// # Errors
    ///
    /// As [`Engine::commit`].
    async fn maintain(&self, partition: Partition, writes: Maintenance) -> Result<()>;

    /// The logged commits after `after`, oldest first, until `max_bytes` or [`crate::limits::VIEW_ROWS_MAX`] rows
    /// are gathered (at least one commit, if any).
    /// Their changes have scope 0.
    ///
    /// # Errors
    ///
    /// The oldest kept revision, when the next one after `after` is no longer kept.
    async fn log_after(
        &self,
        partition: Partition,
        after: Revision,
        max_bytes: usize,
    ) -> Result<Vec<Commit>, LogError>;

    /// Forgets the partition's logged commits up to and with `through`, a bounded number of rows at a time; none
    /// while the log is pinned, and none that carried out a request that is known, or came later.
    ///
    /// # Errors
    ///
    /// As [`Engine::commit`].
    async fn trim_log(&self, partition: Partition, through: Revision) -> Result<()>;

    /// Keeps the partition's log whole from now on, for as long as the pin lives. Erasing the partition takes the log
    /// with it all the same.
    ///
    /// # Errors
    ///
    /// As [`Engine::commit`].
    async fn pin_log(&self, partition: Partition) -> Result<LogPin>;

    /// The last commit that the partition's log does not keep any more.
    ///
    /// # Errors
    ///
    /// As every read.
    fn log_floor(&self, partition: Partition) -> Result<Revision>;

    /// The partition's durable revision, and a hint to wake up on when it grows.
    fn head(&self, partition: Partition) -> watch::Receiver<Revision>;

    /// Deletes every row of a partition that nobody uses any more, a bounded number of rows at a time.
    ///
    /// # Errors
    ///
    /// As [`Engine::commit`].
    async fn erase(&self, partition: Partition) -> Result<()>;

    /// Resolves when the storage has failed for good: from then on every call is STORAGE_UNAVAILABLE, and the
    /// process should end.
    async fn failed(&self) -> Error;

    /// Finishes what was accepted, makes it durable and closes the files. Blocks; later calls are SHUTTING_DOWN.
    fn close(&self);
}

/// Keeps a log from being trimmed, as long as it lives.
pub struct LogPin {
    /// The last durable commit when the log was pinned; zeros if there was none.
    pub head: Stamp,
    /// The last commit that the log did not keep any more by then. It keeps all later ones.
    pub floor: Revision,
    /// Unpins when it is dropped.
    pub guard: Box<dyn Send + Sync>,
}

impl fmt::Debug for LogPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogPin").field("head", &self.head).field("floor", &self.floor).finish_non_exhaustive()
    }
}

/// Why a log cannot be read from where it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum LogError {
    /// Commits up to before this one are no longer kept.
    Compacted {
        /// The oldest revision that is.
        earliest: Revision,
    },
    /// The read failed.
    Failed(Error),
}

/// Typed reads over [`Engine::read_erased`].
#[async_trait]
pub trait EngineExt: Engine {
    /// Runs `reading` over one unmoving view, off the async threads. Keep a reading within
    /// [`crate::limits::VIEW_ROWS_MAX`] rows: writers wait for it.
    ///
    /// # Errors
    ///
    /// What `reading` returns; STORAGE_UNAVAILABLE; OVERLOADED; SHUTTING_DOWN. An error, too, is returned only once
    /// what it was judged on is durable.
    async fn read<T, F>(&self, partition: Partition, reading: F) -> Result<At<T>>
    where
        T: Send + 'static,
        F: for<'v> FnOnce(&'v (dyn View + 'v)) -> Result<T> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let erased = Box::new(move |view: &dyn View| {
            let _ = sender.send(reading(view));
        });
        let revision = self.read_erased(partition, erased).await?;
        let value = receiver.await.map_err(|_| Error::corrupt("a read ended without a result"))??;
        Ok(At { value, revision })
    }
}

impl<E: Engine + ?Sized> EngineExt for E {}
