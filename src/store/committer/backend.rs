//! What a committer needs of a store of sorted rows.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::{
    domain::Result,
    store::engine::{Partition, Row, Rows, View},
};

/// Keys with their partitions, and their new values; `None` deletes.
pub type Batch = Vec<(Bytes, Option<Bytes>)>;

/// One sorted map of rows. A key begins with its partition: 4 bytes, big-endian.
///
/// Reads see what was applied, durable or not. An iteration has `from <= to` and is not run beside [`Backend::apply`].
pub trait Backend: Send + Sync + 'static {
    /// The value at `key`.
    ///
    /// # Errors
    ///
    /// STORAGE_UNAVAILABLE or STORAGE_CORRUPT, as for every method.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>>;

    /// The rows with `from <= key < to`, ascending.
    fn ascending(&self, from: &[u8], to: &[u8]) -> Rows<'_>;

    /// The rows with `from <= key < to`, descending.
    fn descending(&self, from: &[u8], to: &[u8]) -> Rows<'_>;

    /// The last row with `from <= key <= at`; `from` is not behind `at`.
    ///
    /// # Errors
    ///
    /// As for every method.
    fn floor(&self, from: &[u8], at: &[u8]) -> Result<Option<Row>>;

    /// Writes all rows or none.
    ///
    /// # Errors
    ///
    /// As for every method; the backend is not used for writing any more.
    fn apply(&mut self, batch: Batch) -> Result<()>;

    /// Makes durable what was applied.
    ///
    /// # Errors
    ///
    /// As for every method; the backend is not used for writing any more.
    fn sync(&self) -> Result<()>;

    /// Free space where the rows are kept, in bytes, if that can run out.
    fn free_bytes(&self) -> Option<u64>;

    /// Releases the files. May block.
    fn close(self: Box<Self>);
}

/// One partition of a backend: what an engine shows of it, and what reads the rows without an engine.
#[allow(missing_debug_implementations, reason = "a backend has no bounds on what it is")]
pub struct PartitionView<'b> {
    backend: &'b dyn Backend,
    partition: Partition,
}

impl<'b> PartitionView<'b> {
    /// The rows of `partition`, without their partition in their keys.
    #[must_use]
    pub fn new(backend: &'b dyn Backend, partition: Partition) -> Self {
        Self { backend, partition }
    }
}

impl View for PartitionView<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        self.backend.get(&full_key(self.partition, key))
    }

    fn ascending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        if from >= to {
            return Box::new(std::iter::empty());
        }
        let (from, to) = (full_key(self.partition, from), full_key(self.partition, to));
        Box::new(self.backend.ascending(&from, &to).map(within_partition))
    }

    fn descending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        if from >= to {
            return Box::new(std::iter::empty());
        }
        let (from, to) = (full_key(self.partition, from), full_key(self.partition, to));
        Box::new(self.backend.descending(&from, &to).map(within_partition))
    }

    fn floor(&self, from: &[u8], at: &[u8]) -> Result<Option<Row>> {
        if from > at {
            return Ok(None);
        }
        let row = self.backend.floor(&full_key(self.partition, from), &full_key(self.partition, at))?;
        row.map(|row| within_partition(Ok(row))).transpose()
    }
}

/// A key with its partition.
#[must_use]
pub fn full_key(partition: Partition, key: &[u8]) -> Bytes {
    let mut full = BytesMut::with_capacity(PARTITION_BYTES + key.len());
    full.put_u32(partition.0);
    full.put_slice(key);
    full.freeze()
}

pub(super) const PARTITION_BYTES: usize = 4;

fn within_partition(row: Result<Row>) -> Result<Row> {
    row.map(|(mut key, value)| {
        key.advance(PARTITION_BYTES.min(key.len()));
        (key, value)
    })
}
