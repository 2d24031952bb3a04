//! Rows in memory, for tests of what is built over a view.

use std::{
    cell::Cell,
    collections::{BTreeMap, btree_map},
    ops::Bound,
    sync::LazyLock,
};

use bytes::Bytes;

use super::engine::{Draft, Revision, Row, Rows, Stamp, Timestamp, View};
use crate::{
    domain::{
        Result,
        annotations::{State, TargetKind},
        ids::LayerId,
        layers::Tally,
    },
    limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX},
};

/// What an annotation counts as that is like most.
pub(crate) fn tally() -> Tally<'static> {
    static LAYER: LazyLock<LayerId> = LazyLock::new(|| LayerId::parse("", LayerId::DEFAULT).unwrap());
    let (kind, state) = (TargetKind::Spans, State::Accepted);
    Tally { layer: &LAYER, kind, is_orphaned: false, state, needs_review: false }
}

/// The key without its partition, which the engine puts before it.
const KEY_WITHOUT_PARTITION_BYTES_MAX: usize = KEY_BYTES_MAX - 4;

/// A partition's rows in memory. Refuses what an engine would refuse.
#[derive(Debug, Default)]
pub(crate) struct MemoryRows(pub(crate) BTreeMap<Bytes, Bytes>);

impl MemoryRows {
    /// Lets `write` fill a draft, and carries it out unless that fails.
    pub(crate) fn commit<T>(&mut self, write: impl FnOnce(&mut Draft<'_>) -> Result<T>) -> Result<T> {
        let mut draft = Draft::new(self, Stamp { revision: Revision(1), time: Timestamp(0) });
        let written = write(&mut draft)?;
        let (rows, _) = draft.into_parts();
        for (key, value) in rows {
            assert!(key.len() <= KEY_WITHOUT_PARTITION_BYTES_MAX, "the key has {} bytes", key.len());
            match value {
                Some(value) => {
                    assert!(value.len() <= VALUE_BYTES_MAX, "the value has {} bytes", value.len());
                    self.0.insert(key, value);
                }
                None => drop(self.0.remove(&key)),
            }
        }
        Ok(written)
    }

    fn range(&self, from: &[u8], to: &[u8]) -> btree_map::Range<'_, Bytes, Bytes> {
        self.0.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)))
    }
}

impl View for MemoryRows {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        Ok(self.0.get(key).cloned())
    }

    fn ascending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        Box::new(self.range(from, to).map(|(key, value)| Ok((key.clone(), value.clone()))))
    }

    fn descending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        Box::new(self.range(from, to).rev().map(|(key, value)| Ok((key.clone(), value.clone()))))
    }
}

/// A view that counts the rows that are read through it.
pub(crate) struct CountingView<'v> {
    inner: &'v dyn View,
    rows: Cell<usize>,
}

impl<'v> CountingView<'v> {
    pub(crate) fn new(inner: &'v dyn View) -> Self {
        Self { inner, rows: Cell::new(0) }
    }

    /// How many rows were read so far; a read that finds nothing counts as one.
    pub(crate) fn rows_read(&self) -> usize {
        self.rows.get()
    }

    fn count(&self) {
        self.rows.set(self.rows.get() + 1);
    }

    fn counted<'r>(&'r self, mut rows: Rows<'r>) -> Rows<'r> {
        Box::new(std::iter::from_fn(move || {
            self.count();
            rows.next()
        }))
    }
}

impl View for CountingView<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        self.count();
        self.inner.get(key)
    }

    fn ascending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        self.counted(self.inner.ascending(from, to))
    }

    fn descending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        self.counted(self.inner.descending(from, to))
    }

    fn floor(&self, from: &[u8], at: &[u8]) -> Result<Option<Row>> {
        self.count();
        self.inner.floor(from, at)
    }
}
