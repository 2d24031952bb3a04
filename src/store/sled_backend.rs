//! An engine that keeps its rows on disk, in sled 0.34.
//!
//! What sled does not do by itself, and is done here:
//!
//! - Its `flush` tells the kernel to write and does not wait for the disk: after each, [`File::sync_data`] is called on
//!   a handle of our own. If that fails, the kernel may have dropped what it could not write, so it is not tried again.
//! - A page over a quarter of a segment is kept in a file that is never synced. Leaves hold at most 17 rows, so segments
//!   of 512 KiB and values of at most 4 KiB keep clear of that.
//! - A scan backwards across the border of two leaves looks for the leaf before the border `x` at the key `x - 1`
//!   followed by four bytes 0xff, and never ends if a leaf lies between both. So no stored key has four such bytes in
//!   a row: see `stored_key`.
//! - Files that it cannot make sense of are taken for an empty database, so that one row says that it is ours. Of other
//!   damage it panics, which is caught and explained.
//! - Its creation can be cut off: a database is made under another name and renamed when it is durable.
//! - A log that is cut short or damaged in the middle is taken for one that ends there: a row counts the batches and
//!   amounts to all rows (`rows_digest.rs`), a file beside the database knows the count (`acknowledged.rs`), and
//!   what a start will read again is looked at first (`sled_segments.rs`).
//! - A snapshot whose writing was cut off is taken for the newest one, and then for damage: such files are removed.

mod opening;
mod state;
mod watch;

use std::{
    any::Any,
    borrow::Cow,
    cell::Cell,
    fmt,
    fs::File,
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::{
        Arc, Mutex, Once, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;

use self::{
    opening::{
        check_file, create, damaged, drop_database, find_doubt, open_database, read_acknowledged,
        remove_unfinished_snapshots, settle,
    },
    state::{ROWS_DIFFER, STATE, State},
    watch::Watch,
};
use super::{
    acknowledged::{Acknowledged, Said},
    committer::{Backend, Batch, Committer, Options},
    data_dir::{DataDir, OpenError},
    engine::{Row, Rows},
    rows_digest::RowsDigest,
    sled_key::{original_key, stored_key},
    sled_segments,
};
use crate::domain::{Error, Problem, Result};

/// Fixed when a database is made.
const SEGMENT_BYTES: usize = 512 * 1_024;

/// What sled locks, in the data folder.
const DATABASE_FILE: &str = "sled/db";

/// How long a database that this process has just closed may take to be free again.
const RELEASE_WAIT_MAX: Duration = Duration::from_secs(5);

/// Opens the data folder at `path`, or makes an empty or new folder into one, and starts an engine over it.
///
/// # Errors
///
/// See [`OpenError`].
pub fn open(path: &Path, cache_bytes: u64, options: Options) -> Result<Arc<Committer>, OpenError> {
    Ok(Committer::start(Box::new(SledBackend::open(path, cache_bytes)?), options)?)
}

/// Waits until the database in the data folder at `path`, which this process has closed, is free: sled lets go of it,
/// and of the names of its files, a moment after that.
///
/// # Errors
///
/// [`OpenError::InUse`] when that takes long.
pub fn until_released(path: &Path) -> Result<(), OpenError> {
    let file = path.join(DATABASE_FILE);
    let started = Instant::now();
    let lock = File::open(&file).map_err(OpenError::io("open", &file))?;
    while lock.try_lock().is_err() {
        if started.elapsed() > RELEASE_WAIT_MAX {
            return Err(OpenError::InUse { path: path.to_owned() });
        }
        thread::sleep(Duration::from_millis(2));
    }
    lock.unlock().map_err(OpenError::io("unlock", &file))
}

/// Rows in sled.
pub struct SledBackend {
    // Dropped in this order: the folder is free once the database is closed.
    _watch: Watch,
    rows: sled::Db,
    /// The database's file once more, to sync it.
    file: File,
    state: State,
    /// A write or a sync failed: nobody knows what is on the disk.
    has_failed: AtomicBool,
    acknowledged: Mutex<Acknowledged>,
    data_dir: DataDir,
}

impl SledBackend {
    /// Opens the data folder at `path`, or makes an empty or new folder into one.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open(path: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        Self::open_or_create(DataDir::open(path)?, cache_bytes)
    }

    /// As [`SledBackend::open`], of a folder that a restore makes.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open_restoring(path: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        Self::open_or_create(DataDir::open_restoring(path)?, cache_bytes)
    }

    fn open_or_create(data_dir: DataDir, cache_bytes: u64) -> Result<Self, OpenError> {
        let mut said = read_acknowledged(&data_dir)?;
        let database = data_dir.database();
        if !database.exists() && said == Said::Nothing {
            create(&data_dir, &database, cache_bytes)?;
            said = Said::Count(0);
        }
        let mut backend = Self::over(data_dir, said, cache_bytes)?;
        // What a folder in the format before lacked is there and synced.
        match backend.data_dir.raise_format() {
            Ok(()) => Ok(backend),
            Err(error) => {
                Box::new(backend).close();
                Err(error)
            }
        }
    }

    /// Opens the data folder at `path`, and makes nothing that is not there.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open_existing(path: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        let data_dir = DataDir::open_existing(path)?;
        let said = read_acknowledged(&data_dir)?;
        if !data_dir.database().exists() && said == Said::Nothing {
            // The first start of a server was cut off.
            return Err(OpenError::NoData { path: path.to_owned() });
        }
        Self::over(data_dir, said, cache_bytes)
    }

    /// Opens the database in a data folder.
    fn over(data_dir: DataDir, said: Said, cache_bytes: u64) -> Result<Self, OpenError> {
        let database = data_dir.database();
        if !database.exists() {
            return Err(damaged(&database, "it is missing"));
        }
        let path = database.join("db");
        check_file(&path)?;
        let file =
            File::options().read(true).write(true).open(&path).map_err(OpenError::io("open", &path))?;
        // A process that was killed leaves what it wrote and did not sync. It is read from now on, and counted.
        file.sync_data().map_err(OpenError::io("sync", &path))?;
        // Whatever is known, all that sled will read is read first: where it cannot read, it writes zeros.
        let found = find_doubt(&database, data_dir.closed()?.as_deref())?;
        let doubt = data_dir.doubt()?.or(found);
        if let Some(doubt) = &doubt {
            // sled's next snapshot leaves out what this one finds damaged, and then nothing gives a doubt any more.
            data_dir.keep_doubt(doubt)?;
        }
        data_dir.forget_closed()?;
        remove_unfinished_snapshots(&database)?;
        let rows = open_database(&database, cache_bytes)?;
        match settle(&rows, &file, &data_dir, said, doubt.as_deref()) {
            Ok((state, acknowledged)) => {
                let (watch, acknowledged) = (Watch::begin(&rows), Mutex::new(acknowledged));
                let has_failed = AtomicBool::new(false);
                Ok(Self { _watch: watch, rows, file, state, has_failed, acknowledged, data_dir })
            }
            Err(error) => {
                drop_database(rows, &path);
                Err(error)
            }
        }
    }

    /// Looks at all rows, whether they are those that were written: none is missing, and none is old.
    ///
    /// # Errors
    ///
    /// STORAGE_CORRUPT.
    pub fn check_digest(&self) -> Result<()> {
        let digest = catch_panic(|| state::digest(&self.rows)).unwrap_or_else(Err).map_err(Error::corrupt)?;
        if digest != self.state.digest {
            return Err(Error::corrupt(ROWS_DIFFER));
        }
        Ok(())
    }

    fn failed(&self, error: Error) -> Error {
        self.has_failed.store(true, Ordering::Release);
        error
    }

    /// What all rows amount to once `batch` is applied.
    fn digest_after(&self, batch: &[(Cow<'_, [u8]>, Option<Bytes>)]) -> sled::Result<RowsDigest> {
        let mut digest = self.state.digest;
        for (key, value) in batch {
            if let Some(before) = self.rows.get(key)? {
                digest.remove(key, &before);
            }
            if let Some(value) = value {
                digest.add(key, value);
            }
        }
        Ok(digest)
    }
}

thread_local! {
    static PANICS_ARE_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs what may panic, and makes the panic a message instead of a trace on standard error.
pub(super) fn catch_panic<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !PANICS_ARE_QUIET.get() {
                usual(panic);
            }
        }));
    });
    let were_quiet = PANICS_ARE_QUIET.replace(true);
    let caught = panic::catch_unwind(AssertUnwindSafe(run));
    PANICS_ARE_QUIET.set(were_quiet);
    caught.map_err(|payload| message_of(&*payload))
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("it cannot be read").to_owned()
}

impl Backend for SledBackend {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        let value = self.rows.get(stored_key(key)).map_err(|error| storage_error(&error))?;
        Ok(value.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn ascending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        Box::new(self.rows.range(stored_key(from)..stored_key(to)).map(row))
    }

    fn descending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        Box::new(self.rows.range(stored_key(from)..stored_key(to)).rev().map(row))
    }

    fn floor(&self, from: &[u8], at: &[u8]) -> Result<Option<Row>> {
        self.rows.range(stored_key(from)..=stored_key(at)).next_back().map(row).transpose()
    }

    fn apply(&mut self, batch: Batch) -> Result<()> {
        let batch: Vec<_> = batch.iter().map(|(key, value)| (stored_key(key), value.clone())).collect();
        let digest = self.digest_after(&batch).map_err(|error| storage_error(&error))?;
        let state = State { batches: self.state.batches + 1, digest };
        let mut writes = sled::Batch::default();
        for (key, value) in batch {
            match value {
                Some(value) => writes.insert(&*key, &*value),
                None => writes.remove(&*key),
            }
        }
        writes.insert(STATE, state.encode());
        self.rows.apply_batch(writes).map_err(|error| self.failed(storage_error(&error)))?;
        self.state = state;
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.rows.flush().map_err(|error| self.failed(storage_error(&error)))?;
        self.file.sync_data().map_err(|error| {
            self.failed(Problem::StorageUnavailable(format!("cannot sync the disk: {error}")).into())
        })?;
        let mut acknowledged = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = acknowledged.say(self.state.batches) {
            // What it says is too little then, which does no harm.
            tracing::warn!(%error, "cannot keep the count of acknowledged batches");
        }
        Ok(())
    }

    fn free_bytes(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(self.data_dir.path()).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    fn close(self: Box<Self>) {
        let Self { _watch: watch, rows, file, state: _, has_failed, acknowledged, data_dir } = *self;
        let mut acknowledged = acknowledged.into_inner().unwrap_or_else(PoisonError::into_inner);
        let _ = acknowledged.sync();
        drop((watch, file));
        if !drop_database(rows, data_dir.path()) || has_failed.into_inner() {
            return;
        }
        // Without that, the next start looks more closely.
        let _ = until_released(data_dir.path())
            .ok()
            .and_then(|()| sled_segments::fingerprint(&data_dir.database(), SEGMENT_BYTES).ok())
            .and_then(|closed| data_dir.say_closed(&closed).ok());
    }
}

impl fmt::Debug for SledBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SledBackend").field("data_dir", &self.data_dir).finish_non_exhaustive()
    }
}

fn row(row: sled::Result<(sled::IVec, sled::IVec)>) -> Result<Row> {
    row.map(|(key, value)| (original_key(&key), Bytes::copy_from_slice(&value)))
        .map_err(|error| storage_error(&error))
}

/// What is wrong; sled's own words for damage end with a backtrace that it has not taken.
fn in_words(error: &sled::Error) -> String {
    let sled::Error::Corruption { at, .. } = error else { return error.to_string() };
    let place = at.map_or_else(String::new, |at| format!(" at byte {}", at.lid()));
    format!("what stands in its file{place} is not what was written")
}

fn storage_error(error: &sled::Error) -> Error {
    match error {
        sled::Error::Corruption { .. } => Error::corrupt(in_words(error)),
        sled::Error::Io(_)
        | sled::Error::Unsupported(_)
        | sled::Error::ReportableBug(_)
        | sled::Error::CollectionNotFound(_) => Problem::StorageUnavailable(error.to_string()).into(),
    }
}

#[cfg(test)]
mod tests;
