//! What is kept in memory of each partition.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use tokio::sync::{Notify, futures::Notified, watch};

use super::{
    backend::{Backend, PartitionView},
    head::Head,
};
use crate::{
    domain::{Error, Result},
    store::engine::{Partition, Revision},
};

/// How far a partition has come.
#[derive(Debug)]
pub(super) struct PartitionState {
    /// In step with the applied rows: the writer changes both under its side of the gate.
    visible: Mutex<Head>,
    durable: watch::Sender<Revision>,
    /// Wakes who waits for a revision to become durable, in the order in which they came; a watch would in no order.
    grown: Notify,
}

impl PartitionState {
    /// The head that readers see, durable or not.
    pub(super) fn visible(&self) -> Head {
        *self.visible.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Called under the write side of the gate only.
    pub(super) fn set_visible(&self, head: Head) {
        *self.visible.lock().unwrap_or_else(PoisonError::into_inner) = head;
    }

    pub(super) fn durable(&self) -> Revision {
        *self.durable.borrow()
    }

    pub(super) fn set_durable(&self, revision: Revision) {
        if self.durable.send_if_modified(|durable| std::mem::replace(durable, revision) != revision) {
            self.grown.notify_waiters();
        }
    }

    /// Resolves when the durable revision has changed since the call.
    pub(super) fn grown(&self) -> Notified<'_> {
        self.grown.notified()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Revision> {
        self.durable.subscribe()
    }
}

/// The partitions that were used since the start.
#[derive(Debug, Default)]
pub(super) struct Partitions(RwLock<HashMap<Partition, Arc<PartitionState>>>);

impl Partitions {
    /// A partition's state if it is in memory.
    pub(super) fn known(&self, partition: Partition) -> Option<Arc<PartitionState>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&partition).cloned()
    }

    /// A partition's state, which is read at the first call. Nothing was written to the partition before that, so
    /// what is read is durable.
    pub(super) fn get(&self, backend: &dyn Backend, partition: Partition) -> Result<Arc<PartitionState>> {
        if let Some(state) = self.known(partition) {
            return Ok(state);
        }
        let mut states = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = states.get(&partition) {
            return Ok(Arc::clone(state));
        }
        // This runs on whatever thread is the first to ask, and none of them may end by it.
        let head = catch_unwind(AssertUnwindSafe(|| Head::read(&PartitionView::new(backend, partition))))
            .map_err(|_| Error::corrupt("the storage panicked while it read; the log says where"))??;
        let durable = watch::Sender::new(head.revision);
        let state = Arc::new(PartitionState { visible: Mutex::new(head), durable, grown: Notify::new() });
        states.insert(partition, Arc::clone(&state));
        Ok(state)
    }

    /// Forgets a partition that has no rows any more.
    pub(super) fn forget(&self, partition: Partition) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&partition);
    }
}
