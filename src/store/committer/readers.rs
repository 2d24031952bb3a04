//! A few threads that read, so that no async thread waits for the disk.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use crate::{
    domain::{Problem, Result},
    limits::READER_QUEUE_READS_MAX,
};

/// A read, which answers by itself and does not panic.
pub(super) type Job = Box<dyn FnOnce() + Send>;

/// Reads that wait, and the threads that run them.
#[derive(Default)]
pub(super) struct Readers {
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Reads that wait.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    idle_threads: usize,
    closed: bool,
}

impl Readers {
    pub(super) fn start(count: usize) -> Result<Self> {
        let readers = Self::default();
        for _ in 0..count {
            let queue = Arc::clone(&readers.queue);
            let thread =
                thread::Builder::new().name("spandrel-reader".to_owned()).spawn(move || queue.serve());
            let thread = thread.map_err(|error| {
                Problem::StorageUnavailable(format!("cannot start a thread that reads: {error}"))
            })?;
            readers.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        }
        Ok(readers)
    }

    /// What waits.
    pub(super) fn queue(&self) -> Arc<Queue> {
        Arc::clone(&self.queue)
    }

    /// # Errors
    ///
    /// OVERLOADED or SHUTTING_DOWN.
    pub(super) fn submit(&self, job: Job) -> Result<()> {
        let mut waiting = self.queue.lock();
        if waiting.closed {
            return Err(Problem::ShuttingDown.into());
        }
        if waiting.jobs.len() >= READER_QUEUE_READS_MAX {
            return Err(Problem::Overloaded.into());
        }
        waiting.jobs.push_back(job);
        let wake = waiting.idle_threads > 0;
        drop(waiting);
        if wake {
            self.queue.wake.notify_one();
        }
        Ok(())
    }

    /// Finishes what was submitted and ends the threads.
    pub(super) fn close(&self) {
        self.queue.close();
        for thread in self.threads.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Readers {
    /// Does not wait for the threads, since this may be an async thread.
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
    }

    pub(super) fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    /// Takes the read that `earlier` others came before.
    pub(super) fn take(&self, earlier: usize) -> Option<Job> {
        self.lock().jobs.remove(earlier)
    }

    /// Takes no more reads, and drops those that wait.
    pub(super) fn abandon(&self) {
        self.close();
        let jobs = std::mem::take(&mut self.lock().jobs);
        // Not under the lock: whoever is told may ask again.
        drop(jobs);
    }

    fn serve(&self) {
        let mut waiting = self.lock();
        loop {
            if let Some(job) = waiting.jobs.pop_front() {
                drop(waiting);
                job();
                waiting = self.lock();
            } else if waiting.closed {
                return;
            } else {
                waiting.idle_threads += 1;
                waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                waiting.idle_threads -= 1;
            }
        }
    }
}
