//! Reads that do not panic, whatever the engine below finds on its disk.

use bytes::Bytes;

use super::super::{
    committer::{Backend, PartitionView},
    engine::{Partition, Row, Rows, View},
    sled_backend::catch_panic,
};
use crate::domain::{Error, Result};

/// Runs what may panic over damaged rows; that it did is an error.
pub(super) fn guarded<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_panic(run).unwrap_or_else(|panic| Err(Error::corrupt(panic)))
}

/// A partition's rows.
pub(super) struct GuardedView<'b>(PartitionView<'b>);

impl<'b> GuardedView<'b> {
    pub(super) fn new(backend: &'b dyn Backend, partition: Partition) -> Self {
        Self(PartitionView::new(backend, partition))
    }
}

impl View for GuardedView<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        guarded(|| self.0.get(key))
    }

    fn ascending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        rows(|| self.0.ascending(from, to))
    }

    fn descending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        rows(|| self.0.descending(from, to))
    }

    fn floor(&self, from: &[u8], at: &[u8]) -> Result<Option<Row>> {
        guarded(|| self.0.floor(from, at))
    }
}

/// The rows that `open` gives. An error or a panic ends the iteration.
pub(super) fn rows<'r>(open: impl FnOnce() -> Rows<'r>) -> Rows<'r> {
    let mut rows = match guarded(|| Ok(open())) {
        Ok(rows) => Some(rows),
        Err(error) => return Box::new(std::iter::once(Err(error))),
    };
    Box::new(std::iter::from_fn(move || {
        let row = guarded(|| rows.as_mut().and_then(Iterator::next).transpose()).transpose();
        if matches!(row, Some(Err(_)) | None) {
            rows = None;
        }
        row
    }))
}
