//! Wakes whoever waits for sled in vain.
//!
//! When sled 0.34.7 cannot write the record that ends a batch, it notes the error and wakes nobody: whoever waits for
//! the batch to be stable, as `flush` does, waits for ever. Another `flush` finds the error and wakes all of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::catch_panic;

/// How long a failure may stay unnoticed. Looking is one atomic read.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// A thread that looks; it ends when this is dropped.
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Begins to look. Without the thread, if the system has none to give, the database is as good as sled makes it.
    pub(super) fn begin(rows: &sled::Db) -> Self {
        let (rows, stop) = (rows.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let look = move || {
            while !stopped.load(Ordering::Acquire) {
                thread::park_timeout(LOOK_INTERVAL);
                if rows.context.global_error().is_err() {
                    let _ = catch_panic(|| rows.flush());
                }
            }
        };
        let thread = thread::Builder::new().name("spandrel-watch".to_owned()).spawn(look);
        Self { stop, thread: thread.ok() }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}
