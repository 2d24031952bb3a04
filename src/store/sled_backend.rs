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

mod state;

use std::{
    any::Any,
    borrow::Cow,
    cell::Cell,
    fmt,
    fs::{self, File},
    io::ErrorKind,
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::{Arc, Mutex, Once, PoisonError},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;

use self::state::{FORMAT_THAT_COUNTS, MARK, ROWS_DIFFER, STATE, State};
use super::{
    acknowledged::{Acknowledged, Said},
    committer::{Backend, Batch, Committer, Options},
    data_dir::{DataDir, OpenError, sync_folder},
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
    rows: sled::Db,
    /// The database's file once more, to sync it.
    file: File,
    state: State,
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
        let said = read_acknowledged(&data_dir)?;
        let database = data_dir.database();
        if !database.exists() && said == Said::Nothing {
            create(&data_dir, &database, cache_bytes)?;
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
        let doubt = match data_dir.doubt()? {
            None => find_doubt(&database)?,
            doubt => doubt,
        };
        if let Some(doubt) = &doubt {
            // sled's next snapshot leaves out what this one finds damaged, and then nothing gives a doubt any more.
            data_dir.keep_doubt(doubt)?;
        }
        let file =
            File::options().read(true).write(true).open(&path).map_err(OpenError::io("open", &path))?;
        // A process that was killed leaves what it wrote and did not sync. It is read from now on, and counted.
        file.sync_data().map_err(OpenError::io("sync", &path))?;
        remove_unfinished_snapshots(&database)?;
        let rows = open_database(&database, cache_bytes)?;
        match settle(&data_dir, &rows, &file, said, doubt.as_deref()) {
            Ok((state, acknowledged)) => {
                Ok(Self { rows, file, state, acknowledged: Mutex::new(acknowledged), data_dir })
            }
            Err(error) => {
                // It syncs when it is closed, and panics when it cannot, which would hide why.
                let _ = catch_panic(|| drop(rows));
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

/// Checks what was opened, and keeps that.
fn settle(
    data_dir: &DataDir,
    rows: &sled::Db,
    file: &File,
    said: Said,
    doubt: Option<&str>,
) -> Result<(State, Acknowledged), OpenError> {
    let check = || {
        state::check_mark(rows)?;
        if data_dir.format() >= FORMAT_THAT_COUNTS {
            state::check_state(rows, said, doubt)
        } else {
            state::begin_to_count(rows, file, doubt)
        }
    };
    let path = data_dir.path().join(DATABASE_FILE);
    let state = catch_panic(check).unwrap_or_else(Err).map_err(|what| damaged(&path, what))?;
    let acknowledged = Acknowledged::create(data_dir.path(), state.batches);
    let acknowledged = acknowledged.map_err(OpenError::io("write the count in", data_dir.path()))?;
    data_dir.settle_doubt()?;
    Ok((state, acknowledged))
}

fn read_acknowledged(data_dir: &DataDir) -> Result<Said, OpenError> {
    Acknowledged::read(data_dir.path()).map_err(OpenError::io("read the count in", data_dir.path()))
}

/// Refuses a file that sled would take for an empty database.
fn check_file(path: &Path) -> Result<(), OpenError> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => Err(damaged(path, "it is not a file")),
        Ok(metadata) if metadata.len() == 0 => Err(damaged(path, "it is empty")),
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Err(damaged(path, "it is missing"))
        }
        Err(error) => Err(OpenError::io("look at", path)(error)),
    }
}

fn find_doubt(database: &Path) -> Result<Option<String>, OpenError> {
    match sled_segments::doubt(database, SEGMENT_BYTES) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(Some("it is cut short".to_owned())),
        doubt => doubt.map_err(OpenError::io("read the database in", database)),
    }
}

/// Makes a database that is there either wholly or not at all.
fn create(data_dir: &DataDir, database: &Path, cache_bytes: u64) -> Result<(), OpenError> {
    let unfinished = database.with_extension("new");
    match fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(OpenError::io("remove the unfinished", &unfinished)(error));
        }
        Ok(()) | Err(_) => {}
    }
    let rows = open_database(&unfinished, cache_bytes)?;
    let marked = rows
        .insert(MARK.0, MARK.1)
        .and_then(|_| rows.insert(STATE, State::default().encode()))
        .and_then(|_| rows.flush());
    // It syncs when it is closed, and panics when it cannot.
    let closed = catch_panic(|| drop(rows));
    marked.map_err(|error| explain(error, &unfinished))?;
    closed.map_err(|panic| {
        Error::from(Problem::StorageUnavailable(format!("the new database cannot be closed: {panic}")))
    })?;
    for entry in fs::read_dir(&unfinished).map_err(OpenError::io("read", &unfinished))? {
        let path = entry.map_err(OpenError::io("read", &unfinished))?.path();
        File::open(&path).and_then(|file| file.sync_all()).map_err(OpenError::io("sync", &path))?;
    }
    sync_folder(&unfinished)?;
    fs::rename(&unfinished, database).map_err(OpenError::io("make", database))?;
    sync_folder(data_dir.path())
}

/// Removes the snapshots that nobody finished: one is written under such a name, synced and then renamed, and the one
/// before it is kept until then.
fn remove_unfinished_snapshots(database: &Path) -> Result<(), OpenError> {
    for entry in fs::read_dir(database).map_err(OpenError::io("read", database))? {
        let path = entry.map_err(OpenError::io("read", database))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(&path).map_err(OpenError::io("remove the unfinished", &path))?;
        }
    }
    Ok(())
}

fn open_database(path: &Path, cache_bytes: u64) -> Result<sled::Db, OpenError> {
    let started = Instant::now();
    loop {
        let config = sled::Config::new()
            .path(path)
            .mode(sled::Mode::HighThroughput)
            .segment_size(SEGMENT_BYTES)
            .cache_capacity(cache_bytes)
            .flush_every_ms(None)
            .print_profile_on_drop(false);
        let opened = catch_panic(|| config.open()).map_err(|panic| {
            tracing::debug!(panic, "the database cannot be opened");
            damaged(path, "what stands in its files does not agree")
        })?;
        match opened {
            Ok(rows) => return Ok(rows),
            // The folder is locked, so this process itself still has it open: sled lets go a moment after it is closed.
            Err(sled::Error::Io(error)) if is_lock_refused(&error) => {
                if started.elapsed() > RELEASE_WAIT_MAX {
                    return Err(OpenError::InUse { path: path.to_owned() });
                }
                thread::sleep(Duration::from_millis(2));
            }
            Err(error) => return Err(explain(error, path)),
        }
    }
}

fn is_lock_refused(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::Other && error.to_string().contains("could not acquire lock")
}

fn explain(error: sled::Error, path: &Path) -> OpenError {
    match error {
        sled::Error::Io(source) if !is_of_content(source.kind()) => {
            OpenError::io("open the database", path)(source)
        }
        sled::Error::Io(_)
        | sled::Error::Corruption { .. }
        | sled::Error::Unsupported(_)
        | sled::Error::ReportableBug(_)
        | sled::Error::CollectionNotFound(_) => damaged(path, in_words(&error)),
    }
}

/// Whether an I/O error says that a file's content is not what was expected.
fn is_of_content(kind: ErrorKind) -> bool {
    kind == ErrorKind::InvalidData
        || kind == ErrorKind::InvalidInput
        || kind == ErrorKind::UnexpectedEof
        || kind == ErrorKind::Other
}

fn damaged(path: &Path, what: impl Into<String>) -> OpenError {
    OpenError::Damaged { path: path.to_owned(), what: what.into() }
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
        self.rows.apply_batch(writes).map_err(|error| storage_error(&error))?;
        self.state = state;
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.rows.flush().map_err(|error| storage_error(&error))?;
        let unavailable = |error| Problem::StorageUnavailable(format!("cannot sync the disk: {error}"));
        self.file.sync_data().map_err(unavailable)?;
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
        let path = self.data_dir.path().to_owned();
        let _ = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).sync();
        if let Err(panic) = catch_panic(|| drop(self)) {
            tracing::error!(path = %path.display(), panic, "the database was not closed cleanly");
        }
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
