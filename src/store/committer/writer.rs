//! The one thread that writes.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{self, Receiver, SyncSender},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

use tokio::sync::oneshot;

use super::{
    Shared,
    backend::{Backend, Batch},
    group::Group,
};
use crate::{
    domain::{Error, Problem, Result},
    limits::{FREE_SPACE_AGE_MAX, WRITER_QUEUE_COMMITS_MAX},
    store::engine::{Commit, Decision, Maintenance, Mode, Partition, Revision},
};

/// What waits for the writer.
pub(super) enum Request {
    Commit {
        partition: Partition,
        decision: Arc<dyn Decision>,
        mode: Mode,
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
    let (sender, requests) = mpsc::sync_channel(WRITER_QUEUE_COMMITS_MAX);
    let writer = Writer { shared, requests, space: FreeSpace::default() };
    let thread = thread::Builder::new().name("spandrel-writer".to_owned()).spawn(move || writer.run());
    let thread = thread.map_err(|error| {
        Problem::StorageUnavailable(format!("cannot start the thread that writes: {error}"))
    })?;
    Ok((sender, thread))
}

struct Writer {
    shared: Arc<Shared>,
    requests: Receiver<Request>,
    space: FreeSpace,
}

impl Writer {
    fn run(mut self) {
        while let Ok(first) = self.requests.recv() {
            if let Err(error) = self.shared.check_not_failed() {
                refuse(first, error);
                continue;
            }
            let written = catch_unwind(AssertUnwindSafe(|| self.write_group(first)));
            if let Err(error) = written.unwrap_or_else(|_| Err(Error::corrupt("the writer panicked"))) {
                fail(&self.shared, error);
            }
        }
        self.shared.close_backend();
    }

    /// Decides what waits, writes it and answers it. An error is the storage's last one.
    fn write_group(&mut self, first: Request) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let mut group = Group::new(&shared);
        shared.with_backend(|backend| {
            group.refuse_puts(self.space.shortage(backend, shared.options.free_space_floor_bytes));
            group.add(backend, first);
            while !group.is_full()
                && let Ok(request) = self.requests.try_recv()
            {
                group.add(backend, request);
            }
            Ok(())
        })?;
        let batch = group.take_batch();
        // A group that writes nothing was judged on what the group before made durable.
        if !batch.is_empty()
            && let Err(error) = catch_unwind(AssertUnwindSafe(|| write(&shared, &group, batch)))
                .unwrap_or_else(|_| Err(Error::corrupt("the storage panicked while it wrote")))
        {
            let error = fail(&shared, error);
            group.refuse_all(&error);
            return Ok(());
        }
        group.publish();
        Ok(())
    }
}

fn write(shared: &Shared, group: &Group<'_>, batch: Batch) -> Result<()> {
    shared.with_backend_alone(|backend| {
        backend.apply(batch)?;
        group.make_visible();
        Ok(())
    })?;
    shared.with_backend(Backend::sync)
}

/// Ends all writing: after a failed sync nobody can tell what is on the disk, and a second one may succeed without
/// having written what the first one lost.
fn fail(shared: &Shared, cause: Error) -> Error {
    let Error { problem, .. } = cause;
    let error: Error =
        Problem::StorageUnavailable(format!("it has failed and must be opened again: {problem}")).into();
    tracing::error!(%error, "the storage has failed");
    shared.failure.send_replace(Some(error.clone()));
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
