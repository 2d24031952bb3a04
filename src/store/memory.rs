//! An engine that keeps its rows in memory, for tests and for trying things out.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;

use super::{
    committer::{Backend, Batch, Committer, Options},
    engine::{Row, Rows},
};
use crate::domain::Result;

/// Opens an empty engine.
///
/// # Errors
///
/// STORAGE_UNAVAILABLE when a thread cannot be started.
pub fn open(options: Options) -> Result<Arc<Committer>> {
    Committer::start(Box::new(MemoryBackend::open(&Disk::default())), options)
}

/// What outlives an engine that was closed, as a disk would.
#[derive(Debug, Clone, Default)]
pub struct Disk(Arc<Mutex<BTreeMap<Bytes, Bytes>>>);

/// Rows in a map.
#[derive(Debug)]
pub struct MemoryBackend {
    rows: BTreeMap<Bytes, Bytes>,
    disk: Disk,
}

impl MemoryBackend {
    /// Takes the rows from `disk`, and puts them back when it is closed.
    #[must_use]
    pub fn open(disk: &Disk) -> Self {
        let rows = mem::take(&mut *disk.0.lock().unwrap_or_else(PoisonError::into_inner));
        Self { rows, disk: disk.clone() }
    }
}

impl Backend for MemoryBackend {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        Ok(self.rows.get(key).cloned())
    }

    fn ascending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        let rows =
            self.rows.range::<[u8], _>((std::ops::Bound::Included(from), std::ops::Bound::Excluded(to)));
        Box::new(rows.map(|(key, value)| Ok((key.clone(), value.clone()))))
    }

    fn descending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        let rows =
            self.rows.range::<[u8], _>((std::ops::Bound::Included(from), std::ops::Bound::Excluded(to)));
        Box::new(rows.rev().map(|(key, value)| Ok((key.clone(), value.clone()))))
    }

    fn floor(&self, from: &[u8], at: &[u8]) -> Result<Option<Row>> {
        let mut rows =
            self.rows.range::<[u8], _>((std::ops::Bound::Included(from), std::ops::Bound::Included(at)));
        Ok(rows.next_back().map(|(key, value)| (key.clone(), value.clone())))
    }

    fn apply(&mut self, batch: Batch) -> Result<()> {
        for (key, value) in batch {
            match value {
                Some(value) => drop(self.rows.insert(key, value)),
                None => drop(self.rows.remove(&key)),
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn free_bytes(&self) -> Option<u64> {
        None
    }

    fn close(self: Box<Self>) {
        *self.disk.0.lock().unwrap_or_else(PoisonError::into_inner) = self.rows;
    }
}
