//! Logs that somebody reads from end to end, and that are not trimmed meanwhile.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::store::engine::Partition;

/// How often each log is pinned.
#[derive(Debug, Default)]
pub(super) struct Pins(Mutex<HashMap<Partition, usize>>);

/// Unpins a log when it is dropped.
#[derive(Debug)]
pub(super) struct Pin {
    pins: Arc<Pins>,
    partition: Partition,
}

impl Pins {
    pub(super) fn pin(pins: &Arc<Self>, partition: Partition) -> Pin {
        *pins.lock().entry(partition).or_default() += 1;
        Pin { pins: Arc::clone(pins), partition }
    }

    /// Whether the log is pinned.
    pub(super) fn has(&self, partition: Partition) -> bool {
        self.lock().contains_key(&partition)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Partition, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut pins = self.pins.lock();
        if let Some(count) = pins.get_mut(&self.partition) {
            *count -= 1;
            if *count == 0 {
                pins.remove(&self.partition);
            }
        }
    }
}
