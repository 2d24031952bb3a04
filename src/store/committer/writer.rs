//! The one thread that writes.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{self, Receiver, SyncSender},
    },
    thread::{self, JoinHandle},
};

use tokio::{sync::oneshot, time::Instant};

use super::{
    Shared,
    backend::{Backend, Batch},
    group::Group,
};
use crate::{
    domain::{Error, Problem, Result},
    limits::{FREE_SPACE_AGE_MAX, WRITER_QUEUE_COMMITS_MAX},
    store::engine::{Attempt, Commit, Decision, Maintenance, Partition, Revision, Timestamp},
};

/// What waits for the writer.
pub(super) enum Request {
    Commit {
        partition: Partition,
        decision: Arc<dyn Decision>,
        attempt: Attempt,
        answer: oneshot::Sender<Result<Arc<Commit>>>,
    },
    Task {
        partition: Partition,
        task: Task,
        answer: oneshot::Sender<Result<Progress>>,
    },
}

/// A write without a revision.
pub(super) enum Task {
    Write(Maintenance),
    TrimLog { through: Revision },
    ForgetRequests { now: Timestamp },
    Erase,
}

/// Whether a task has to be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Done,
    More,
}

/// Starts the writer. It ends, and closes the backend, once its queue is empty and has no sender.
pub(super) fn start(shared: Arc<Shared>) -> Result<(SyncSender<Request>, JoinHandle<()>)> {
    let (sender, writer) = Writer::new(shared);
    let thread = thread::Builder::new().name("spandrel-writer".to_owned()).spawn(move || writer.run());
    let thread = thread.map_err(|error| {
        Problem::StorageUnavailable(format!("cannot start the thread that writes: {error}"))
    })?;
    Ok((sender, thread))
}

/// Who decides what waits, writes it and answers it.
pub(super) struct Writer {
    shared: Arc<Shared>,
    requests: Receiver<Request>,
    space: FreeSpace,
}

/// A group that readers see, and that nobody is told of before it is durable.
pub(super) struct Applied {
    group: Group,
    /// A group that writes nothing was judged on what the group before made durable.
    wrote: bool,
}

impl Writer {
    /// A writer that nobody runs yet, and its queue.
    pub(super) fn new(shared: Arc<Shared>) -> (SyncSender<Request>, Self) {
        let (sender, requests) = mpsc::sync_channel(WRITER_QUEUE_COMMITS_MAX);
        (sender, Self { shared, requests, space: FreeSpace::default() })
    }

    fn run(mut self) {
        while let Ok(first) = self.requests.recv() {
            if let Some(applied) = self.apply(first, usize::MAX) {
                self.finish(applied);
            }
        }
        self.shared.close_backend();
    }

    /// The request that waits the longest, if one does.
    pub(super) fn waiting(&self) -> Option<Request> {
        self.requests.try_recv().ok()
    }

    /// Decides `first` and what else waits, at most `requests_max` together, and lets readers see it. `None` when the
    /// storage has failed; then everybody is answered already.
    pub(super) fn apply(&mut self, first: Request, requests_max: usize) -> Option<Applied> {
        if let Err(error) = self.shared.check_not_failed() {
            refuse(first, error);
            return None;
        }
        let judged = catch_unwind(AssertUnwindSafe(|| self.judge(first, requests_max)));
        let mut group = match judged.unwrap_or_else(|_| Err(Error::corrupt("the writer panicked"))) {
            Ok(group) => group,
            Err(error) => {
                fail(&self.shared, error);
                return None;
            }
        };
        let batch = group.take_batch();
        let wrote = !batch.is_empty();
        if wrote && let Err(error) = self.write(|shared| apply(shared, &group, batch)) {
            group.refuse_all(&error);
            return None;
        }
        Some(Applied { group, wrote })
    }

    /// Makes an applied group durable and answers it.
    pub(super) fn finish(&self, applied: Applied) {
        let Applied { group, wrote } = applied;
        if wrote && let Err(error) = self.write(|shared| shared.with_backend(Backend::sync)) {
            group.refuse_all(&error);
            return;
        }
        if catch_unwind(AssertUnwindSafe(|| group.publish())).is_err() {
            fail(&self.shared, Error::corrupt("the writer panicked"));
        }
    }

    fn judge(&mut self, first: Request, requests_max: usize) -> Result<Group> {
        let shared = Arc::clone(&self.shared);
        let mut group = Group::new(&shared);
        shared.with_backend(|backend| {
            group.refuse_puts(self.space.shortage(backend, shared.options.free_space_floor_bytes));
            group.add(backend, first);
            while !group.is_full()
                && group.requests() < requests_max
                && let Ok(request) = self.requests.try_recv()
            {
                group.add(backend, request);
            }
            Ok(())
        })?;
        Ok(group)
    }

    /// Writes, and says why everybody is refused from now on when that fails.
    fn write(&self, write: impl FnOnce(&Shared) -> Result<()>) -> Result<()> {
        catch_unwind(AssertUnwindSafe(|| write(&self.shared)))
            .unwrap_or_else(|_| Err(Error::corrupt("the storage panicked while it wrote")))
            .map_err(|error| fail(&self.shared, error))
    }
}

fn apply(shared: &Shared, group: &Group, batch: Batch) -> Result<()> {
    shared.with_backend_alone(|backend| {
        backend.apply(batch)?;
        group.make_visible();
        Ok(())
    })
}

/// Ends all writing: after a failed sync nobody can tell what is on the disk, and a second one may succeed without
/// having written what the first one lost.
fn fail(shared: &Shared, cause: Error) -> Error {
    let Error { problem, .. } = cause;
    let what = if let Problem::StorageCorrupt(what) = problem {
        // Opened again, it would meet the same.
        format!(
            "it has met damage and writes no more: {what}; keep the data folder for whoever may mend it, and restore \
             your last backup into a new one: spandrel restore FILE --data-dir FOLDER"
        )
    } else {
        format!("it has failed and must be opened again: {problem}")
    };
    let error: Error = Problem::StorageUnavailable(what).into();
    tracing::error!(%error, "the storage has failed");
    shared.fail(error.clone());
    error
}

fn refuse(request: Request, error: Error) {
    match request {
        Request::Commit { answer, .. } => drop(answer.send(Err(error))),
        Request::Task { answer, .. } => drop(answer.send(Err(error))),
    }
}

/// The last look at the disk's free space.
#[derive(Default)]
struct FreeSpace {
    looked: Option<Instant>,
    shortage: Option<Error>,
}

impl FreeSpace {
    /// Why rows must not be put, if the space is short.
    fn shortage(&mut self, backend: &dyn Backend, floor: u64) -> Option<Error> {
        if self.looked.is_none_or(|looked| looked.elapsed() >= FREE_SPACE_AGE_MAX) {
            self.looked = Some(Instant::now());
            let short = backend.free_bytes().filter(|free| *free < floor);
            self.shortage = short.map(|free| {
                let (free, floor) = (mebibytes(free), mebibytes(floor));
                let message = format!(
                    "{free} free on the disk, below the floor of {floor}: free some space \
                     beside the data folder, which deleting does not make smaller"
                );
                Problem::StorageUnavailable(message).into()
            });
        }
        self.shortage.clone()
    }
}

fn mebibytes(bytes: u64) -> String {
    const MIB: u64 = 1_024 * 1_024;
    format!("{}.{} MiB", bytes / MIB, bytes % MIB * 10 / MIB)
}
