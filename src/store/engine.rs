//! What an engine is: sorted rows in partitions, read through views and changed by decisions.
//!
//! An engine knows nothing of projects, articles or annotations. It takes decisions one after another, stamps
//! each with its partition's next revision, appends what it did to the partition's log, makes the rows durable
//! and only then answers. `conformance.rs` says what every engine must do.

use std::{collections::BTreeMap, fmt, ops::Bound, sync::Arc};

use async_trait::async_trait;
use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::sync::{oneshot, watch};

pub use crate::domain::revisions::{Revision, Timestamp};
use crate::domain::{Error, Result};

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
    /// It is only asked: its draft is dropped and answered as if it had been committed (`validate_only`).
    Check,
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
    /// Its changes, in the order of the decision.
    pub changes: Vec<Change>,
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
    /// # Errors
    ///
    /// The decision's refusal; LIMIT_EXCEEDED over [`crate::limits::COMMIT_ROWS_MAX`] or
    /// [`crate::limits::COMMIT_BYTES_MAX`]; OVERLOADED; SHUTTING_DOWN; STORAGE_UNAVAILABLE.
    async fn commit(
        &self,
        partition: Partition,
        decision: Arc<dyn Decision>,
        mode: Mode,
    ) -> Result<Arc<Commit>>;

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
    /// while the log is pinned.
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

/// Uncommitted writes over a view, readable as one.
pub struct Overlay<'v> {
    base: &'v dyn View,
    writes: BTreeMap<Bytes, Option<Bytes>>,
}

impl<'v> Overlay<'v> {
    /// No writes over `base`.
    #[must_use]
    pub fn new(base: &'v dyn View) -> Self {
        Self::resumed(base, BTreeMap::new())
    }

    /// `writes` over `base`, as [`Overlay::into_writes`] gave them.
    #[must_use]
    pub fn resumed(base: &'v dyn View, writes: BTreeMap<Bytes, Option<Bytes>>) -> Self {
        Self { base, writes }
    }

    /// Sets the value at `key`.
    pub fn put(&mut self, key: Bytes, value: Bytes) {
        self.writes.insert(key, Some(value));
    }

    /// Deletes the row at `key`, if there is one.
    pub fn delete(&mut self, key: Bytes) {
        self.writes.insert(key, None);
    }

    /// The writes in the order of their keys; `None` deletes.
    #[must_use]
    pub fn writes(&self) -> &BTreeMap<Bytes, Option<Bytes>> {
        &self.writes
    }

    /// Takes the writes.
    #[must_use]
    pub fn into_writes(self) -> BTreeMap<Bytes, Option<Bytes>> {
        self.writes
    }

    fn bounds<'k>(from: &'k [u8], to: &'k [u8]) -> (Bound<&'k [u8]>, Bound<&'k [u8]>) {
        (Bound::Included(from), Bound::Excluded(to.max(from)))
    }
}

impl fmt::Debug for Overlay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlay").field("writes", &self.writes.len()).finish_non_exhaustive()
    }
}

impl View for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        self.writes.get(key).map_or_else(|| self.base.get(key), |write| Ok(write.clone()))
    }

    fn ascending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        let mut writes = self.writes.range::<[u8], _>(Self::bounds(from, to)).peekable();
        if writes.peek().is_none() {
            return self.base.ascending(from, to);
        }
        Box::new(Merge { base: self.base.ascending(from, to).peekable(), writes, is_first: |a, b| a < b })
    }

    fn descending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        let mut writes = self.writes.range::<[u8], _>(Self::bounds(from, to)).rev().peekable();
        if writes.peek().is_none() {
            return self.base.descending(from, to);
        }
        Box::new(Merge { base: self.base.descending(from, to).peekable(), writes, is_first: |a, b| a > b })
    }

    fn floor(&self, from: &[u8], at: &[u8]) -> Result<Option<Row>> {
        let bounds = (Bound::Included(from), Bound::Included(at));
        if from > at {
            return Ok(None);
        }
        let write = self.writes.range::<[u8], _>(bounds).next_back();
        if let Some((key, Some(value))) = write.filter(|(key, _)| *key == at) {
            return Ok(Some((key.clone(), value.clone())));
        }
        let row = self.base.floor(from, at)?;
        match (write, row) {
            (None, row) => Ok(row),
            // No write up to `at` is behind this row, so that it stands.
            (Some((written, _)), Some(row)) if row.0 > *written => Ok(Some(row)),
            (Some((key, Some(value))), _) => Ok(Some((key.clone(), value.clone()))),
            (Some((_, None)), _) => self.descending(from, &successor(at)).next().transpose(),
        }
    }
}

/// The rows of a view and the writes over it, in one order; a write hides the row of its key.
struct Merge<'v, W: Iterator<Item = (&'v Bytes, &'v Option<Bytes>)>> {
    base: std::iter::Peekable<Rows<'v>>,
    writes: std::iter::Peekable<W>,
    is_first: fn(&Bytes, &Bytes) -> bool,
}

impl<'v, W: Iterator<Item = (&'v Bytes, &'v Option<Bytes>)>> Iterator for Merge<'v, W> {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((write_key, _)) = self.writes.peek() else { return self.base.next() };
            match self.base.peek() {
                Some(Err(_)) => return self.base.next(),
                Some(Ok((key, _))) if (self.is_first)(key, write_key) => return self.base.next(),
                Some(Ok((key, _))) if key == *write_key => drop(self.base.next()),
                Some(Ok(_)) | None => {}
            }
            if let Some((key, Some(value))) = self.writes.next() {
                return Some(Ok((key.clone(), value.clone())));
            }
        }
    }
}

/// What a decision reads and writes: the state with the earlier decisions of its group, and its own writes.
pub struct Draft<'v> {
    rows: Overlay<'v>,
    stamp: Stamp,
    changes: Vec<Change>,
}

impl<'v> Draft<'v> {
    /// An empty draft over `base`.
    #[must_use]
    pub fn new(base: &'v dyn View, stamp: Stamp) -> Self {
        Self { rows: Overlay::new(base), stamp, changes: Vec::new() }
    }

    /// The same with what an earlier draft wrote, as [`Draft::into_parts`] gave it.
    #[must_use]
    pub fn resumed(base: &'v dyn View, stamp: Stamp, writes: BTreeMap<Bytes, Option<Bytes>>) -> Self {
        Self { rows: Overlay::resumed(base, writes), stamp, changes: Vec::new() }
    }

    /// The revision and time that the commit gets.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Sets the value at `key`.
    pub fn put(&mut self, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.rows.put(key.into(), value.into());
    }

    /// Deletes the row at `key`, if there is one.
    pub fn delete(&mut self, key: impl Into<Bytes>) {
        self.rows.delete(key.into());
    }

    /// Says what was done to a resource: the log keeps it, and the answer is made from it.
    pub fn change(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// The writes by key, and the changes in order.
    #[must_use]
    pub fn into_parts(self) -> (BTreeMap<Bytes, Option<Bytes>>, Vec<Change>) {
        (self.rows.into_writes(), self.changes)
    }
}

impl View for Draft<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        self.rows.get(key)
    }

    fn ascending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        self.rows.ascending(from, to)
    }

    fn descending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        self.rows.descending(from, to)
    }

    fn floor(&self, from: &[u8], at: &[u8]) -> Result<Option<Row>> {
        self.rows.floor(from, at)
    }
}

impl fmt::Debug for Draft<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft").field("stamp", &self.stamp).field("rows", &self.rows).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::testing::MemoryRows;

    proptest! {
        #[test]
        fn the_floor_over_writes_is_where_a_scan_finds_it(
            rows in prop::collection::btree_map(key(), Just(Bytes::from_static(b"row")), 0..12),
            writes in prop::collection::btree_map(key(), prop::option::of(Just(Bytes::from_static(b"write"))), 0..12),
            (from, at) in (key(), key()),
        ) {
            let rows = MemoryRows(rows);
            let overlay = Overlay::resumed(&rows, writes);
            let found = if from > at { None } else { overlay.descending(&from, &successor(&at)).next() };
            prop_assert_eq!(overlay.floor(&from, &at), found.transpose());
        }
    }

    fn key() -> impl Strategy<Value = Bytes> {
        prop::collection::vec(0..3u8, 0..4).prop_map(Bytes::from)
    }
}
