//! The specification of an engine: what is said here holds for every engine, and no engine is excused from a case.
//!
//! A case gets a [`Fixture`]: an engine over a disk that can be held back, be full and fail, and that outlives it.

mod commits;
mod durability;
mod keeping;
mod logs;
mod model;
mod requests;

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tempfile::TempDir;

use super::{
    committer::{Backend, Batch, Committer, Options},
    engine::{
        Change, Commit, Decision, Draft, Engine, EngineExt as _, Maintenance, Mode, Partition, Revision, Row,
        Rows, Stamp, Timestamp, View, successor,
    },
    memory::{Disk, MemoryBackend},
    sled_backend::SledBackend,
};
use crate::{
    domain::{Error, Problem, Result},
    limits::DATABASE_CACHE_BYTES_DEFAULT,
};

/// Makes a test of each case for each engine.
macro_rules! every_engine_passes {
    ($($chapter:ident { $($case:ident),+ $(,)? })+) => {
        every_engine_passes!(memory: Memory, $($($chapter $case)+)+);
        every_engine_passes!(sled: Sled, $($($chapter $case)+)+);
    };
    ($engine:ident: $harness:ident, $($chapter:ident $case:ident)+) => {
        mod $engine {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$chapter::$case(super::Fixture::<super::$harness>::new()).await;
            })+
        }
    };
}

every_engine_passes! {
    commits {
        a_commit_is_there_whole,
        a_decision_sees_the_earlier_ones_of_its_group,
        a_decision_reads_its_own_writes,
        a_refusal_drops_only_itself_and_takes_no_revision,
        a_check_sees_the_state_and_changes_nothing,
        a_panic_refuses_its_decision_and_nothing_else,
        a_read_that_panics_is_an_error_of_that_read,
        views_are_never_torn,
        revisions_have_no_gaps,
        time_never_goes_back,
        partitions_are_independent,
        ranges_hold_their_start_and_not_their_end,
        maintenance_has_no_revision,
        maintenance_may_ask_for_a_row_beside_it,
        limits_hold,
    }
    durability {
        nothing_is_answered_before_it_is_durable,
        what_is_durable_is_read_while_a_sync_waits,
        the_observer_is_called_between_the_sync_and_the_answer,
        waiting_commits_share_a_sync,
        checks_fill_a_group_as_commits_do,
        refusals_alone_need_no_sync,
        a_failed_sync_is_not_acknowledged_and_not_retried,
        a_failed_write_is_not_acknowledged,
        one_commit_too_many_is_refused_at_once,
        close_finishes_what_was_accepted,
        writes_stop_at_the_floor_of_free_space,
    }
    keeping {
        everything_is_kept,
        an_engine_that_is_dropped_releases_its_disk,
        several_runtimes_share_an_engine,
        an_erased_partition_is_empty_for_good,
        a_read_of_what_is_being_erased_is_answered,
        a_read_that_nobody_waits_for_is_not_run,
    }
    logs {
        the_log_has_every_commit_in_order,
        a_reading_of_the_log_is_bounded,
        a_trimmed_log_says_where_it_begins,
        long_entries_are_trimmed_whole,
        the_head_wakes_whoever_waits_for_it,
        a_pinned_log_is_not_trimmed,
        a_pin_waits_for_the_trim_before_it,
    }
    model {
        any_sequence_of_writes_does_what_a_map_does,
    }
    requests {
        a_request_is_carried_out_once,
        a_request_may_do_nothing_or_much,
        twins_of_a_group_are_carried_out_once,
        a_retry_needs_no_space,
        an_id_is_of_one_body_one_method_and_one_partition,
        what_was_not_carried_out_is_not_remembered,
        a_check_has_no_request,
        requests_are_known_for_a_day,
        many_requests_are_forgotten_step_by_step,
        the_log_is_kept_for_the_requests_that_are_known,
        a_request_is_known_if_its_effect_is_there,
    }
}

/// One kind of engine.
trait Harness: Send + Sync + 'static {
    /// A new, empty disk.
    fn new() -> Self;

    /// An engine over what is on the disk, none of which is open.
    fn open(&self, faults: &Arc<Faults>, options: Options) -> Arc<dyn Engine>;
}

struct Memory(Disk);

impl Harness for Memory {
    fn new() -> Self {
        Self(Disk::default())
    }

    fn open(&self, faults: &Arc<Faults>, options: Options) -> Arc<dyn Engine> {
        start(Box::new(MemoryBackend::open(&self.0)), faults, options)
    }
}

struct Sled(TempDir);

impl Harness for Sled {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn open(&self, faults: &Arc<Faults>, options: Options) -> Arc<dyn Engine> {
        start(
            Box::new(SledBackend::open(self.0.path(), DATABASE_CACHE_BYTES_DEFAULT).unwrap()),
            faults,
            options,
        )
    }
}

fn start(backend: Box<dyn Backend>, faults: &Arc<Faults>, options: Options) -> Arc<dyn Engine> {
    Committer::start(Box::new(Faulty { backend, faults: Arc::clone(faults) }), options).unwrap()
}

/// What is wrong with a disk.
#[derive(Default)]
struct Faults {
    state: Mutex<FaultState>,
    changed: Condvar,
}

#[derive(Default)]
struct FaultState {
    holds_syncs: bool,
    /// Syncs that may pass although they are held.
    passes: usize,
    syncs_waiting: usize,
    syncs_begun: usize,
    syncs_done: usize,
    largest_batch_rows: usize,
    fails_sync: bool,
    fails_apply: bool,
    free_bytes: Option<u64>,
}

impl Faults {
    fn set<T>(&self, set: impl FnOnce(&mut FaultState) -> T) -> T {
        let value = set(&mut self.state.lock().unwrap());
        self.changed.notify_all();
        value
    }

    fn hold_syncs(&self) {
        self.set(|state| state.holds_syncs = true);
    }

    fn release_syncs(&self) {
        self.set(|state| state.holds_syncs = false);
    }

    /// Returns once a sync is held back.
    async fn until_sync_waits(&self) {
        until(|| self.set(|state| state.syncs_waiting > 0)).await;
    }

    /// Lets the sync that waits pass, and returns once the next one waits.
    async fn pass_to_next_sync(&self) {
        let begun = self.set(|state| {
            state.passes += 1;
            state.syncs_begun
        });
        until(|| self.set(|state| state.syncs_begun > begun && state.syncs_waiting > 0)).await;
    }
}

/// A backend with faults.
struct Faulty {
    backend: Box<dyn Backend>,
    faults: Arc<Faults>,
}

fn disk_error() -> Error {
    Problem::StorageUnavailable("the disk is on fire".to_owned()).into()
}

impl Backend for Faulty {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        self.backend.get(key)
    }

    fn ascending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        self.backend.ascending(from, to)
    }

    fn descending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        self.backend.descending(from, to)
    }

    fn floor(&self, from: &[u8], at: &[u8]) -> Result<Option<Row>> {
        self.backend.floor(from, at)
    }

    fn apply(&mut self, batch: Batch) -> Result<()> {
        if self.faults.set(|state| state.fails_apply) {
            return Err(disk_error());
        }
        self.faults.set(|state| state.largest_batch_rows = state.largest_batch_rows.max(batch.len()));
        self.backend.apply(batch)
    }

    fn sync(&self) -> Result<()> {
        let mut state = self.faults.state.lock().unwrap();
        state.syncs_begun += 1;
        state.syncs_waiting += 1;
        while state.holds_syncs && state.passes == 0 {
            state = self.faults.changed.wait(state).unwrap();
        }
        state.passes = state.passes.saturating_sub(1);
        state.syncs_waiting -= 1;
        if state.fails_sync {
            return Err(disk_error());
        }
        drop(state);
        self.backend.sync()?;
        self.faults.set(|state| state.syncs_done += 1);
        Ok(())
    }

    fn free_bytes(&self) -> Option<u64> {
        self.faults.set(|state| state.free_bytes)
    }

    fn close(self: Box<Self>) {
        self.backend.close();
    }
}

/// What the observer saw, and how many syncs were done then.
type Observed = Arc<Mutex<Vec<(Partition, Commit, usize)>>>;

/// Free space, in bytes, below which the engines of a fixture refuse writes.
const FLOOR_BYTES: u64 = 10 * 1_024 * 1_024;

const P: Partition = Partition(1);
const Q: Partition = Partition(2);

/// An engine, and all that is around it.
struct Fixture<H> {
    harness: H,
    faults: Arc<Faults>,
    clock: Arc<AtomicI64>,
    observed: Observed,
    engine: Arc<dyn Engine>,
}

impl<H: Harness> Fixture<H> {
    fn new() -> Self {
        let (harness, faults, clock, observed) =
            (H::new(), Arc::default(), Arc::new(AtomicI64::new(1_000)), Arc::default());
        let engine = harness.open(&faults, options(&faults, &clock, &observed));
        Self { harness, faults, clock, observed, engine }
    }

    /// Closes the engine and opens another over the same disk.
    fn reopen(&mut self) {
        self.engine.close();
        self.engine = self.harness.open(&self.faults, options(&self.faults, &self.clock, &self.observed));
    }

    async fn commit(&self, partition: Partition, decision: Arc<dyn Decision>) -> Result<Arc<Commit>> {
        self.engine.commit(partition, decision, Mode::Apply).await
    }

    async fn check(&self, partition: Partition, decision: Arc<dyn Decision>) -> Result<Arc<Commit>> {
        self.engine.commit(partition, decision, Mode::Check).await
    }

    /// Commits rows.
    async fn put(&self, partition: Partition, rows: &[(&str, &str)]) -> Revision {
        self.commit(partition, puts(rows)).await.unwrap().stamp.revision
    }

    /// Commits in the background; the request is in the writer's queue, or beyond, when this returns.
    async fn begin(
        &self,
        partition: Partition,
        decision: Arc<dyn Decision>,
        mode: Mode,
    ) -> Begun<Arc<Commit>> {
        let engine = Arc::clone(&self.engine);
        begin(async move { engine.commit(partition, decision, mode).await }).await
    }

    /// Reads all rows but the engine's own, and checks that every way of reading finds the same.
    async fn rows(&self, partition: Partition) -> BTreeMap<Bytes, Bytes> {
        let read = self.engine.read(partition, |view| {
            let (from, to) = (&[0x05][..], &[0xff; 64][..]);
            let ascending: Vec<_> = view.ascending(from, to).collect::<Result<_>>()?;
            let mut descending: Vec<_> = view.descending(from, to).collect::<Result<_>>()?;
            descending.reverse();
            assert_eq!(ascending, descending);
            for (key, value) in &ascending {
                assert_eq!(view.get(key)?.as_ref(), Some(value));
            }
            check_floors(view, from, &ascending)?;
            Ok(ascending.into_iter().collect())
        });
        read.await.unwrap().value
    }

    async fn value(&self, partition: Partition, key: &str) -> Option<Bytes> {
        let key = key.to_owned();
        self.engine.read(partition, move |view| view.get(key.as_bytes())).await.unwrap().value
    }

    async fn log(&self, partition: Partition, after: u64) -> Vec<Commit> {
        self.engine.log_after(partition, Revision(after), usize::MAX).await.unwrap()
    }

    fn head(&self, partition: Partition) -> Revision {
        *self.engine.head(partition).borrow()
    }
}

/// Checks that the last row up to a key is the one that a scan finds: at each row, right before and right behind it.
fn check_floors(view: &dyn View, from: &[u8], rows: &[Row]) -> Result<()> {
    for (key, _) in rows {
        for at in [key.slice(..key.len() - 1), key.clone(), successor(key)] {
            let expected = rows.iter().rev().find(|row| row.0 <= at);
            assert_eq!(view.floor(from, &at)?.as_ref(), expected);
            assert_eq!(view.floor(&at, &at)?.as_ref(), expected.filter(|row| row.0 == at));
            assert_eq!(view.floor(&successor(&at), &at)?, None);
        }
    }
    Ok(())
}

fn options(faults: &Arc<Faults>, clock: &Arc<AtomicI64>, observed: &Observed) -> Options {
    let (faults, clock, observed) = (Arc::clone(faults), Arc::clone(clock), Arc::clone(observed));
    Options {
        clock: Arc::new(move || Timestamp(clock.load(Ordering::SeqCst))),
        observer: Arc::new(move |partition, commit| {
            let syncs_done = faults.set(|state| state.syncs_done);
            observed.lock().unwrap().push((partition, commit.clone(), syncs_done));
        }),
        free_space_floor_bytes: FLOOR_BYTES,
    }
}

/// An answer that is being waited for.
type Begun<T> = tokio::task::JoinHandle<Result<T>>;

/// Runs `call` in the background, and returns once it was polled.
async fn begin<T: Send + 'static>(call: impl Future<Output = Result<T>> + Send + 'static) -> Begun<T> {
    let (started, polled) = tokio::sync::oneshot::channel();
    let begun = tokio::spawn(async move {
        let mut call = std::pin::pin!(call);
        let first = std::future::poll_fn(|context| std::task::Poll::Ready(call.as_mut().poll(context))).await;
        let _ = started.send(());
        match first {
            std::task::Poll::Ready(answer) => answer,
            std::task::Poll::Pending => call.await,
        }
    });
    polled.await.unwrap();
    begun
}

/// Waits until `condition` holds, for some time.
async fn until(condition: impl Fn() -> bool) {
    for _ in 0..20_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("what was waited for did not happen");
}

/// Long enough for an answer that should not come to come.
async fn a_while() {
    tokio::time::sleep(Duration::from_millis(30)).await;
}

fn decision(decide: impl Fn(&mut Draft<'_>) -> Result<()> + Send + Sync + 'static) -> Arc<dyn Decision> {
    Arc::new(decide)
}

/// A decision that puts rows, and says so in one change a row.
fn puts(rows: &[(&str, &str)]) -> Arc<dyn Decision> {
    let rows: Vec<_> =
        rows.iter().map(|(key, value)| (bytes(key.as_bytes()), bytes(value.as_bytes()))).collect();
    decision(move |draft| {
        for (key, value) in &rows {
            draft.put(key.clone(), value.clone());
            draft.change(Change { scope: 7, record: value.clone() });
        }
        Ok(())
    })
}

/// A decision that writes and then refuses.
fn refuses() -> Arc<dyn Decision> {
    decision(|draft| {
        draft.put("refused", "");
        Err(refusal())
    })
}

fn refusal() -> Error {
    Error::field("field", "refused")
}

/// A decision that adds one to a row.
fn counts(key: &'static str) -> Arc<dyn Decision> {
    decision(move |draft| {
        let count = number(draft.get(key.as_bytes())?) + 1;
        draft.put(key, count.to_string());
        draft.change(Change { scope: count, record: bytes(count.to_string().as_bytes()) });
        Ok(())
    })
}

fn number(value: Option<Bytes>) -> u64 {
    value.map_or(0, |value| std::str::from_utf8(&value).unwrap().parse().unwrap())
}

fn bytes(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

fn maintenance(rows: &[(&str, Option<&str>)]) -> Maintenance {
    let row = |(key, value): &(&str, Option<&str>)| {
        (bytes(key.as_bytes()), value.map(|value| bytes(value.as_bytes())))
    };
    Maintenance::of(rows.iter().map(row).collect())
}

#[track_caller]
fn check_unavailable<T: std::fmt::Debug>(answer: Result<T>) {
    let problem = answer.unwrap_err().problem;
    assert!(matches!(problem, Problem::StorageUnavailable(_)), "{problem:?}");
}

#[track_caller]
fn check_shutting_down<T: std::fmt::Debug>(answer: Result<T>) {
    assert_eq!(answer.unwrap_err().problem, Problem::ShuttingDown);
}
