//! What is decided, written and answered together.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{
    Shared,
    backend::{Backend, Batch, PARTITION_BYTES, PartitionView, full_key},
    head::Head,
    log,
    partitions::PartitionState,
    requests,
    writer::{Progress, Request, Task},
};
use crate::{
    domain::{Error, Problem, Result},
    limits::{
        COMMIT_BYTES_MAX, COMMIT_ROWS_MAX, GROUP_BYTES_MAX, GROUP_ROWS_MAX, KEY_BYTES_MAX,
        MAINTENANCE_ROWS_MAX, VALUE_BYTES_MAX,
    },
    store::{
        engine::{
            Attempt, Change, Commit, Decision, Draft, Mode, Origin, Overlay, Partition, Revision, Stamp, View,
        },
        keys,
    },
};

type Writes = BTreeMap<Bytes, Option<Bytes>>;

pub(super) struct Group {
    shared: Arc<Shared>,
    /// In order, so that the same requests make the same batch and are answered in the same order.
    touched: BTreeMap<Partition, Touched>,
    commits: Vec<(Partition, Arc<Commit>)>,
    answers: Vec<Answer>,
    size: Size,
    shortage: Option<Error>,
    /// Nothing may follow in this group.
    ended: bool,
}

/// A partition as the group leaves it.
struct Touched {
    state: Arc<PartitionState>,
    head: Head,
    writes: Writes,
    erased: bool,
}

/// An answer that waits for the sync.
enum Answer {
    Commit(oneshot::Sender<Result<Arc<Commit>>>, Result<Arc<Commit>>),
    Task(oneshot::Sender<Result<Progress>>, Result<Progress>),
}

impl Group {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            touched: BTreeMap::new(),
            commits: Vec::new(),
            answers: Vec::new(),
            size: Size::default(),
            shortage: None,
            ended: false,
        }
    }

    /// Refuses what would put rows, from now on. Commits that delete, too: their log entries take space, and what they
    /// set free is used again within the database's file, which does not become shorter.
    pub(super) fn refuse_puts(&mut self, shortage: Option<Error>) {
        self.shortage = shortage;
    }

    /// How many requests it has.
    pub(super) fn requests(&self) -> usize {
        self.answers.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.ended
            || self.size.rows.max(self.answers.len()) >= GROUP_ROWS_MAX
            || self.size.bytes >= GROUP_BYTES_MAX
    }

    /// Judges a request; its answer waits for the group's sync.
    pub(super) fn add(&mut self, backend: &dyn Backend, request: Request) {
        let answer = match request {
            Request::Commit { partition, decision, attempt, answer } => {
                Answer::Commit(answer, self.decide(backend, partition, &*decision, attempt))
            }
            Request::Task { partition, task, answer } => {
                Answer::Task(answer, self.carry_out(backend, partition, task))
            }
        };
        self.answers.push(answer);
    }

    fn decide(
        &mut self,
        backend: &dyn Backend,
        partition: Partition,
        decision: &dyn Decision,
        mut attempt: Attempt,
    ) -> Result<Arc<Commit>> {
        let clock = &self.shared.options.clock;
        let touched = touch(&self.shared, &mut self.touched, backend, partition)?;
        if let Some(request) = attempt.retried()
            && let Some(commit) = touched.over(backend, partition, |state| requests::find(state, request))?
        {
            if attempt.mode != Mode::Finish {
                return Ok(Arc::new(commit));
            }
            // The last step of what was begun has to be taken, whoever was told of the request meanwhile.
            attempt.request = None;
        }
        if let (Mode::Apply, Some(shortage)) = (attempt.mode, &self.shortage) {
            return Err(shortage.clone());
        }
        let time = clock().max(touched.head.time);
        let stamp = Stamp { revision: touched.head.revision.next(), time };
        let Drafted { writes, changes, undone } =
            touched.over(backend, partition, |state| draft(state, stamp, decision, &attempt))?;
        let origin = Origin { request: attempt.retried().copied(), undone };
        let commit = Arc::new(Commit { stamp, origin, changes });
        if attempt.mode == Mode::Check {
            // Judging it took as long as if it were written, and whoever is in the group waits for it.
            for (key, value) in &writes {
                self.size.add(key, value.as_ref());
            }
        } else {
            let entry = log::rows(&commit)?;
            touched.head = Head { revision: stamp.revision, time, ..touched.head };
            let own = (Bytes::from_static(keys::HEAD), Some(touched.head.encode()));
            let entry = entry.into_iter().map(|(key, value)| (key, Some(value)));
            touched.write(writes.into_iter().chain(entry).chain([own]), &mut self.size);
            self.commits.push((partition, Arc::clone(&commit)));
        }
        Ok(commit)
    }

    fn carry_out(&mut self, backend: &dyn Backend, partition: Partition, task: Task) -> Result<Progress> {
        let touched = touch(&self.shared, &mut self.touched, backend, partition)?;
        match task {
            Task::Write(maintenance) => {
                let rows = maintenance.rows.iter().map(|(key, value)| (key, value.as_ref()));
                Size::of_rows(rows)?.check("maintenance", 1)?;
                let puts = maintenance.rows.iter().any(|(_, value)| value.is_some());
                if let (true, Some(shortage)) = (puts, &self.shortage) {
                    return Err(shortage.clone());
                }
                if let Some(key) = &maintenance.only_beside
                    && touched.over(backend, partition, |state| state.get(key))?.is_none()
                {
                    return Ok(Progress::Done);
                }
                touched.write(maintenance.rows, &mut self.size);
                Ok(Progress::Done)
            }
            Task::TrimLog { .. } if self.shared.pins.has(partition) => Ok(Progress::Done),
            Task::TrimLog { through } => {
                let head = touched.head;
                let trim = touched.over(backend, partition, |state| {
                    let through = requests::log_floor_max(state)?.map_or(through, |most| most.min(through));
                    log::trim(state, head, through)
                })?;
                if trim.floor > head.log_floor {
                    touched.head.log_floor = trim.floor;
                    let own = (Bytes::from_static(keys::HEAD), Some(touched.head.encode()));
                    touched.write(deletes(trim.keys).chain([own]), &mut self.size);
                }
                Ok(if trim.done { Progress::Done } else { Progress::More })
            }
            Task::ForgetRequests { now } => {
                let step = touched.over(backend, partition, |state| requests::forget(state, now))?;
                touched.write(step.rows, &mut self.size);
                Ok(if step.done { Progress::Done } else { Progress::More })
            }
            Task::Erase => {
                let keys = touched.over(backend, partition, first_keys)?;
                touched.erased = keys.len() < MAINTENANCE_ROWS_MAX;
                touched.write(deletes(keys), &mut self.size);
                self.ended = touched.erased;
                Ok(if touched.erased { Progress::Done } else { Progress::More })
            }
        }
    }

    /// Takes everything that the group writes.
    pub(super) fn take_batch(&mut self) -> Batch {
        let mut batch = Batch::with_capacity(self.size.rows);
        for (partition, touched) in &mut self.touched {
            let writes = mem::take(&mut touched.writes).into_iter();
            batch.extend(writes.map(|(key, value)| (full_key(*partition, &key), value)));
        }
        batch
    }

    /// Lets readers see the revisions of what was applied.
    pub(super) fn make_visible(&self) {
        for touched in self.touched.values() {
            touched.state.set_visible(touched.head);
        }
    }

    /// Tells everybody, now that all is durable.
    pub(super) fn publish(self) {
        // First whoever keeps answers: once one reader is answered from the new state, no other may see an old one.
        for (partition, commit) in &self.commits {
            (self.shared.options.observer)(*partition, commit);
        }
        for (partition, touched) in self.touched {
            // Somebody may have read what the same group then erased, and wait for it.
            touched.state.set_durable(touched.head.revision);
            if touched.erased {
                self.shared.partitions.forget(partition);
            }
        }
        for answer in self.answers {
            // Whoever asked may have gone.
            match answer {
                Answer::Commit(sender, answer) => drop(sender.send(answer)),
                Answer::Task(sender, answer) => drop(sender.send(answer)),
            }
        }
    }

    /// Answers everybody with the storage's failure, the refused ones too: what they were judged on may be lost.
    pub(super) fn refuse_all(self, error: &Error) {
        for answer in self.answers {
            match answer {
                Answer::Commit(sender, _) => drop(sender.send(Err(error.clone()))),
                Answer::Task(sender, _) => drop(sender.send(Err(error.clone()))),
            }
        }
    }
}

impl Touched {
    /// Runs `reading` over the partition with the group's writes.
    fn over<T>(
        &mut self,
        backend: &dyn Backend,
        partition: Partition,
        reading: impl FnOnce(&dyn View) -> Result<T>,
    ) -> Result<T> {
        let view = PartitionView::new(backend, partition);
        let overlay = Overlay::resumed(&view, mem::take(&mut self.writes));
        let read = reading(&overlay);
        self.writes = overlay.into_writes();
        read
    }

    fn write(&mut self, rows: impl IntoIterator<Item = (Bytes, Option<Bytes>)>, size: &mut Size) {
        for (key, value) in rows {
            size.add(&key, value.as_ref());
            self.writes.insert(key, value);
        }
    }
}

fn touch<'t>(
    shared: &Shared,
    touched: &'t mut BTreeMap<Partition, Touched>,
    backend: &dyn Backend,
    partition: Partition,
) -> Result<&'t mut Touched> {
    match touched.entry(partition) {
        Entry::Occupied(entry) => Ok(entry.into_mut()),
        Entry::Vacant(entry) => {
            let state = shared.partitions.get(backend, partition)?;
            let head = state.visible();
            Ok(entry.insert(Touched { state, head, writes: Writes::new(), erased: false }))
        }
    }
}

/// What a decision makes.
struct Drafted {
    writes: Writes,
    changes: Vec<Change>,
    undone: Option<Revision>,
}

/// What a decision writes over `state`, within the limits, and what makes its request known.
fn draft(state: &dyn View, stamp: Stamp, decision: &dyn Decision, attempt: &Attempt) -> Result<Drafted> {
    let mut draft = Draft::new(state, stamp);
    catch_unwind(AssertUnwindSafe(|| decision.decide(&mut draft)))
        .map_err(|_| Error::corrupt("a decision panicked; the log says where"))??;
    let undone = draft.undone();
    let (writes, changes) = draft.into_parts();
    let mut size = Size::of_rows(writes.iter().map(|(key, value)| (key, value.as_ref())))?;
    size.bytes += changes.iter().map(|change| change.record.len()).sum::<usize>();
    // What a commit deleted stands in its log entry alone, and after its undo in rows, too.
    size.check("a commit", if undone.is_some() { 2 } else { 1 })?;
    let Some(request) = attempt.retried() else { return Ok(Drafted { writes, changes, undone }) };
    let mut draft = Draft::resumed(state, stamp, writes);
    requests::record(&mut draft, stamp, request)?;
    let (writes, _) = draft.into_parts();
    Ok(Drafted { writes, changes, undone })
}

/// Some of a partition's keys; all, when they are fewer than [`MAINTENANCE_ROWS_MAX`].
fn first_keys(view: &dyn View) -> Result<Vec<Bytes>> {
    let after_all = [u8::MAX; KEY_BYTES_MAX];
    view.ascending(&[], &after_all).take(MAINTENANCE_ROWS_MAX).map(|row| row.map(|(key, _)| key)).collect()
}

fn deletes(keys: Vec<Bytes>) -> impl Iterator<Item = (Bytes, Option<Bytes>)> {
    keys.into_iter().map(|key| (key, None))
}

/// How much is written.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    rows: usize,
    bytes: usize,
}

impl Size {
    fn add(&mut self, key: &Bytes, value: Option<&Bytes>) {
        self.rows += 1;
        self.bytes += key.len() + value.map_or(0, Bytes::len);
    }

    /// The size of rows that somebody else made, each of which must be storable.
    fn of_rows<'r>(rows: impl Iterator<Item = (&'r Bytes, Option<&'r Bytes>)>) -> Result<Self> {
        let mut size = Self::default();
        for (key, value) in rows {
            check_row(key, value)?;
            size.add(key, value);
        }
        Ok(size)
    }

    /// Checks against the limits of one commit, taken so many times.
    fn check(self, what: &'static str, times: usize) -> Result<()> {
        check_limit(what, self.rows, times * COMMIT_ROWS_MAX, "rows")?;
        check_limit(what, self.bytes, times * COMMIT_BYTES_MAX, "bytes")
    }
}

fn check_limit(what: &'static str, actual: usize, limit: usize, unit: &'static str) -> Result<()> {
    if actual <= limit {
        return Ok(());
    }
    let number = |count| u64::try_from(count).unwrap_or(u64::MAX);
    Err(Problem::LimitExceeded { what, actual: number(actual), limit: number(limit), unit }.into())
}

/// A row that breaks these rules is a mistake in this program: it is refused here because on the disk it would do harm.
fn check_row(key: &Bytes, value: Option<&Bytes>) -> Result<()> {
    let refuse = |why: String| Err(Error::corrupt(format!("the row at {key:02x?} was not written: {why}")));
    if keys::is_reserved(key) {
        return refuse("its key is the engine's own".to_owned());
    }
    if PARTITION_BYTES + key.len() > KEY_BYTES_MAX {
        return refuse(format!(
            "its key has {} bytes and its partition {PARTITION_BYTES}; at most {KEY_BYTES_MAX} are allowed",
            key.len()
        ));
    }
    match value.map_or(0, Bytes::len) {
        length if length > VALUE_BYTES_MAX => {
            refuse(format!("its value has {length} bytes; at most {VALUE_BYTES_MAX} are allowed"))
        }
        _ => Ok(()),
    }
}
