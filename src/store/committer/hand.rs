//! An engine without threads, for tests that decide what happens when.

use std::{fmt, mem, sync::Arc};

use super::{
    Shared,
    readers::Queue,
    writer::{Applied, Writer},
};

/// Does what the threads of a [`Committer`](super::Committer) do, one step at a time. Dropped, it leaves the engine
/// as a machine does that lost its power: nothing that was not synced is answered, and nobody is answered any more.
pub struct Hand {
    reads: Arc<Queue>,
    writer: Writer,
    shared: Arc<Shared>,
    applied: Option<Applied>,
}

impl Hand {
    pub(super) fn new(reads: Arc<Queue>, writer: Writer, shared: Arc<Shared>) -> Self {
        Self { reads, writer, shared, applied: None }
    }

    /// How many reads wait.
    #[must_use]
    pub fn reads_waiting(&self) -> usize {
        self.reads.len()
    }

    /// Runs the read that `earlier` others came before: with several readers a later one may be faster. Whether there
    /// was one.
    pub fn read(&mut self, earlier: usize) -> bool {
        self.reads.take(earlier).map(|read| read()).is_some()
    }

    /// Decides at most `requests_max` of the requests that wait, as one group, and lets readers see what it writes.
    /// Whether there was one, which then waits for [`Hand::sync`]; there is none while another one waits for that.
    pub fn apply(&mut self, requests_max: usize) -> bool {
        if self.applied.is_some() {
            return false;
        }
        let Some(first) = self.writer.waiting() else { return false };
        self.applied = self.writer.apply(first, requests_max);
        true
    }

    /// Whether a group waits for [`Hand::sync`].
    #[must_use]
    pub fn is_applied(&self) -> bool {
        self.applied.is_some()
    }

    /// Makes the group that was applied durable and answers it. Whether there was one.
    pub fn sync(&mut self) -> bool {
        self.applied.take().map(|applied| self.writer.finish(applied)).is_some()
    }

    /// Finishes what was accepted and closes the backend, after [`Engine::close`](crate::store::engine::Engine::close).
    pub fn close(mut self) {
        self.sync();
        while self.read(0) || self.apply(usize::MAX) {
            self.sync();
        }
        self.shared.close_backend();
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.reads.abandon();
        // Answers nobody.
        drop(mem::take(&mut self.applied));
    }
}

impl fmt::Debug for Hand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hand").field("reads_waiting", &self.reads_waiting()).finish_non_exhaustive()
    }
}
