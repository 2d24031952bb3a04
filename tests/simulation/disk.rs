//! A disk in memory that loses what was not synced, and fails when it is told to.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use spandrel::{
    domain::{Error, Problem, Result},
    store::{
        committer::{Backend, Batch},
        engine::{Row, Rows, successor},
    },
};
use tokio::time::Instant;

use crate::seeded::Seeded;

/// What a backend is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    Get,
    ScanStart,
    ScanStep,
    Floor,
    Apply,
    Sync,
    FreeBytes,
}

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    Error,
    /// As sled does it.
    Panic,
}

/// When operations fail.
#[derive(Debug, Default)]
pub enum Faults {
    #[default]
    Never,
    /// Once, at the operation of this number.
    At(usize, Failure),
    /// Now and then: so many reads in ten thousand, and so many writes.
    Chance { reads: usize, writes: usize, failure: Failure, dice: Seeded },
}

/// Said by a panic that is meant, so that it need not be printed.
pub const PANIC: &str = "the disk panicked";

#[derive(Default)]
struct State {
    rows: BTreeMap<Bytes, Bytes>,
    durable: BTreeMap<Bytes, Bytes>,
    unsynced: Vec<Batch>,
    /// What survives, if that is decided already.
    frozen: Option<BTreeMap<Bytes, Bytes>>,
    faults: Faults,
    /// All so far.
    operations: Vec<Operation>,
    /// Faults so far.
    failures: Vec<(Operation, Failure)>,
    /// How many of them were before the power was last cut.
    failures_at_cut: usize,
    /// A write failed.
    broken: bool,
    writes_when_broken: usize,
    short_of_space: bool,
    /// When it was last said, since the power was cut, that there is no space.
    said_short: Option<Instant>,
    /// Nothing fails or is counted while somebody looks at what is there.
    looked_at: bool,
}

/// What is left when the machine is not.
#[derive(Clone, Default)]
pub struct Disk(Arc<Mutex<State>>);

impl Disk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    pub fn set_short_of_space(&self, short: bool) {
        self.state().short_of_space = short;
    }

    /// What was asked for so far.
    pub fn operations(&self) -> Vec<Operation> {
        self.state().operations.clone()
    }

    /// What has failed so far.
    pub fn failures(&self) -> Vec<(Operation, Failure)> {
        self.state().failures.clone()
    }

    /// What has failed since the power was last cut.
    pub fn failures_since_cut(&self) -> Vec<(Operation, Failure)> {
        let state = self.state();
        state.failures[state.failures_at_cut..].to_vec()
    }

    /// When it last said that there is no space, since the power was cut.
    pub fn said_short(&self) -> Option<Instant> {
        self.state().said_short
    }

    /// Whether a write has failed since the power was last cut.
    pub fn is_broken(&self) -> bool {
        self.state().broken
    }

    /// Lets `look` read what is there.
    pub fn look_at<T>(&self, look: impl FnOnce(&DiskBackend) -> T) -> T {
        self.state().looked_at = true;
        let seen = look(&DiskBackend(self.clone()));
        self.state().looked_at = false;
        seen
    }

    /// How many writes were tried although one had failed.
    pub fn writes_when_broken(&self) -> usize {
        self.state().writes_when_broken
    }

    /// Decides what survives, whatever is still done: some of what was not synced, in order.
    pub fn freeze(&self, dice: &mut Seeded) {
        let mut state = self.state();
        let mut survives = state.durable.clone();
        let count = dice.below(state.unsynced.len() + 1);
        for batch in state.unsynced.iter().take(count) {
            write(&mut survives, batch.clone());
        }
        state.frozen = Some(survives);
    }

    /// Ends everything: what survives is there, and nothing fails any more.
    pub fn cut_power(&self, dice: &mut Seeded) {
        if self.state().frozen.is_none() {
            self.freeze(dice);
        }
        let mut state = self.state();
        state.durable = state.frozen.take().unwrap();
        state.rows = state.durable.clone();
        state.unsynced.clear();
        (state.faults, state.broken, state.short_of_space) = (Faults::Never, false, false);
        (state.failures_at_cut, state.said_short) = (state.failures.len(), None);
    }
}

fn write(rows: &mut BTreeMap<Bytes, Bytes>, batch: Batch) {
    for (key, value) in batch {
        match value {
            Some(value) => drop(rows.insert(key, value)),
            None => drop(rows.remove(&key)),
        }
    }
}

impl State {
    fn fails(&mut self, operation: Operation) -> Option<Failure> {
        if self.looked_at {
            return None;
        }
        self.operations.push(operation);
        let writes = matches!(operation, Operation::Apply | Operation::Sync);
        if writes && self.broken {
            self.writes_when_broken += 1;
        }
        let failure = match &mut self.faults {
            Faults::Never => None,
            Faults::At(number, failure) => (*number == self.operations.len()).then_some(*failure),
            Faults::Chance { reads, writes: writes_fail, failure, dice } => {
                let chance = if writes { *writes_fail } else { *reads };
                (dice.below(10_000) < chance).then_some(*failure)
            }
        };
        self.failures.extend(failure.map(|failure| (operation, failure)));
        self.broken |= writes && failure.is_some();
        failure
    }
}

fn failed(operation: Operation, failure: Failure) -> Error {
    match failure {
        Failure::Error => Problem::StorageUnavailable(format!("the disk fails at {operation:?}")).into(),
        Failure::Panic => panic!("{PANIC} at {operation:?}"),
    }
}

/// The backend over a disk.
pub struct DiskBackend(pub Disk);

impl DiskBackend {
    fn operate(&self, operation: Operation) -> Result<()> {
        let failure = self.0.state().fails(operation);
        failure.map_or(Ok(()), |failure| Err(failed(operation, failure)))
    }

    fn rows(
        &self,
        from: &[u8],
        to: &[u8],
        next: fn(&State, &[u8], &[u8]) -> Option<Row>,
        down: bool,
    ) -> Rows<'_> {
        let (mut from, mut to) = (Bytes::copy_from_slice(from), Bytes::copy_from_slice(to));
        let mut start = Some(self.operate(Operation::ScanStart));
        let mut ended = false;
        Box::new(std::iter::from_fn(move || {
            if ended {
                return None;
            }
            let begun = start.take().unwrap_or(Ok(()));
            let row = begun
                .and_then(|()| self.operate(Operation::ScanStep))
                .map(|()| next(&self.0.state(), &from, &to));
            match row {
                Ok(Some((key, value))) => {
                    if down {
                        to = key.clone();
                    } else {
                        from = successor(&key);
                    }
                    Some(Ok((key, value)))
                }
                Ok(None) => {
                    ended = true;
                    None
                }
                Err(error) => {
                    ended = true;
                    Some(Err(error))
                }
            }
        }))
    }
}

fn first(state: &State, from: &[u8], to: &[u8]) -> Option<Row> {
    let mut range = state.rows.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to.max(from))));
    range.next().map(|(key, value)| (key.clone(), value.clone()))
}

fn last(state: &State, from: &[u8], to: &[u8]) -> Option<Row> {
    let mut range = state.rows.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to.max(from))));
    range.next_back().map(|(key, value)| (key.clone(), value.clone()))
}

impl Backend for DiskBackend {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        self.operate(Operation::Get)?;
        Ok(self.0.state().rows.get(key).cloned())
    }

    fn ascending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        self.rows(from, to, first, false)
    }

    fn descending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        self.rows(from, to, last, true)
    }

    fn floor(&self, from: &[u8], at: &[u8]) -> Result<Option<Row>> {
        self.operate(Operation::Floor)?;
        Ok(last(&self.0.state(), from, &successor(at)))
    }

    fn apply(&mut self, batch: Batch) -> Result<()> {
        let mut state = self.0.state();
        let failure = state.fails(Operation::Apply);
        // Whoever fails may have written it all the same.
        state.unsynced.push(batch.clone());
        if let Some(failure) = failure {
            drop(state);
            return Err(failed(Operation::Apply, failure));
        }
        write(&mut state.rows, batch);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.operate(Operation::Sync)?;
        let mut state = self.0.state();
        for batch in std::mem::take(&mut state.unsynced) {
            write(&mut state.durable, batch);
        }
        Ok(())
    }

    fn free_bytes(&self) -> Option<u64> {
        let mut state = self.0.state();
        // What fails here says that there is nothing.
        let is_short = state.fails(Operation::FreeBytes).is_some() || state.short_of_space;
        if is_short {
            state.said_short = Some(Instant::now());
        }
        Some(if is_short { 0 } else { u64::MAX })
    }

    fn close(self: Box<Self>) {}
}
