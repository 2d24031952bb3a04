//! What the clients at work and their test tell each other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Progress {
    stop: AtomicBool,
    has_fault: AtomicBool,
    may_be_refused: AtomicBool,
    /// Writes that were acknowledged since they were last checked.
    pub acknowledged: Count,
    /// Articles among them with a text of at least a mebibyte.
    pub long_articles: Count,
    /// Writes that were refused for lack of space.
    pub refused: Count,
    /// Calls that were told that the storage has failed.
    pub told_of_failure: Count,
}

impl Progress {
    /// Nothing is done to the server yet.
    pub fn begin(&self) {
        for flag in [&self.stop, &self.has_fault, &self.may_be_refused] {
            flag.store(false, SeqCst);
        }
    }

    /// The clients are to end.
    pub fn stop(&self) {
        self.stop.store(true, SeqCst);
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.load(SeqCst)
    }

    /// From here on answers may be lost. Said before the fault is done, so that no answer is lost to it earlier: one
    /// that is lost before this is a finding.
    pub fn announce_fault(&self) {
        self.has_fault.store(true, SeqCst);
    }

    pub fn has_fault(&self) -> bool {
        self.has_fault.load(SeqCst)
    }

    /// From here on writes may be refused for lack of space.
    pub fn announce_refusals(&self) {
        self.may_be_refused.store(true, SeqCst);
    }

    pub fn may_be_refused(&self) -> bool {
        self.may_be_refused.load(SeqCst)
    }
}

/// A number that all clients count up.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    pub fn add(&self, more: usize) {
        self.0.fetch_add(u64::try_from(more).unwrap(), SeqCst);
    }

    pub fn get(&self) -> u64 {
        self.0.load(SeqCst)
    }

    /// Begins again with 0.
    pub fn take(&self) -> u64 {
        self.0.swap(0, SeqCst)
    }
}
