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

use std::{
    any::Any,
    borrow::Cow,
    cell::Cell,
    fmt,
    fs::{self, File},
    io::ErrorKind,
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::{Arc, Once},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    committer::{Backend, Batch, Committer, Options},
    data_dir::{DataDir, OpenError, sync_folder},
    engine::{Row, Rows},
};
use crate::domain::{Error, Problem, Result};

/// Fixed when a database is made.
const SEGMENT_BYTES: usize = 512 * 1_024;

/// The row that says that a database is ours; its key is shorter than a partition.
const MARK: (&[u8], &[u8]) = (&[0x00], b"spandrel");

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
    data_dir: DataDir,
}

impl SledBackend {
    /// Opens the data folder at `path`, or makes an empty or new folder into one.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open(path: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        let data_dir = DataDir::open(path)?;
        let database = data_dir.database();
        if !database.exists() {
            create(&data_dir, &database, cache_bytes)?;
        }
        let path = database.join("db");
        let length = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            Ok(_) => return Err(damaged(&path, "it is not a file")),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(damaged(&path, "it is missing"));
            }
            Err(error) => return Err(OpenError::io("look at", &path)(error)),
        };
        if length == 0 {
            return Err(damaged(&path, "it is empty"));
        }
        let file =
            File::options().read(true).write(true).open(&path).map_err(OpenError::io("open", &path))?;
        let rows = open_database(&database, cache_bytes)?;
        let mark = catch_panic(|| rows.get(MARK.0)).map_err(|panic| damaged(&path, panic))?;
        match mark {
            Ok(Some(mark)) if mark == MARK.1 => Ok(Self { rows, file, data_dir }),
            Ok(_) => Err(damaged(&path, "nothing that Spandrel wrote can be found in it")),
            Err(error) => Err(explain(error, &path)),
        }
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
    let marked = rows.insert(MARK.0, MARK.1).and_then(|_| rows.flush());
    marked.map_err(|error| explain(error, &unfinished))?;
    drop(rows);
    for entry in fs::read_dir(&unfinished).map_err(OpenError::io("read", &unfinished))? {
        let path = entry.map_err(OpenError::io("read", &unfinished))?.path();
        File::open(&path).and_then(|file| file.sync_all()).map_err(OpenError::io("sync", &path))?;
    }
    sync_folder(&unfinished)?;
    fs::rename(&unfinished, database).map_err(OpenError::io("make", database))?;
    sync_folder(data_dir.path())
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
        match catch_panic(|| config.open()).map_err(|panic| damaged(path, panic))? {
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
fn catch_panic<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !PANICS_ARE_QUIET.get() {
                usual(panic);
            }
        }));
    });
    PANICS_ARE_QUIET.set(true);
    let caught = panic::catch_unwind(AssertUnwindSafe(run));
    PANICS_ARE_QUIET.set(false);
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
        let mut writes = sled::Batch::default();
        for (key, value) in batch {
            match value {
                Some(value) => writes.insert(&*stored_key(&key), &*value),
                None => writes.remove(&*stored_key(&key)),
            }
        }
        self.rows.apply_batch(writes).map_err(|error| storage_error(&error))
    }

    fn sync(&self) -> Result<()> {
        self.rows.flush().map_err(|error| storage_error(&error))?;
        self.file
            .sync_data()
            .map_err(|error| Problem::StorageUnavailable(format!("cannot sync the disk: {error}")).into())
    }

    fn free_bytes(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(self.data_dir.path()).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    fn close(self: Box<Self>) {
        let path = self.data_dir.path().to_owned();
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

/// As many bytes 0xff in a row as a stored key may have.
const RUN_OF_FF_MAX: usize = 3;

/// A key as it is stored: a byte 0 stands after each three bytes 0xff in a row. Keys sort as they did before.
fn stored_key(key: &[u8]) -> Cow<'_, [u8]> {
    if !has_run_of_ff(key) {
        return Cow::Borrowed(key);
    }
    let mut stored = Vec::with_capacity(key.len() + key.len() / RUN_OF_FF_MAX);
    let mut run = 0;
    for byte in key {
        stored.push(*byte);
        run = if *byte == u8::MAX { run + 1 } else { 0 };
        if run == RUN_OF_FF_MAX {
            stored.push(0);
            run = 0;
        }
    }
    Cow::Owned(stored)
}

fn original_key(stored: &[u8]) -> Bytes {
    if !has_run_of_ff(stored) {
        return Bytes::copy_from_slice(stored);
    }
    let mut key = Vec::with_capacity(stored.len());
    let mut run = 0;
    for byte in stored {
        if run == RUN_OF_FF_MAX {
            run = 0;
            continue;
        }
        key.push(*byte);
        run = if *byte == u8::MAX { run + 1 } else { 0 };
    }
    key.into()
}

fn has_run_of_ff(key: &[u8]) -> bool {
    key.windows(RUN_OF_FF_MAX).any(|window| *window == [u8::MAX; RUN_OF_FF_MAX])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::DATABASE_CACHE_BYTES_DEFAULT;

    /// Borders between leaves whose last byte, lowered by one and followed by four 0xff, is several leaves before them.
    #[test]
    fn scans_backwards_end_at_keys_full_of_ff() {
        let folder = tempfile::tempdir().unwrap();
        let mut backend = SledBackend::open(folder.path(), DATABASE_CACHE_BYTES_DEFAULT).unwrap();
        let key = |group: u8, last: u8| [&[0, 0, 0, 1, group], &[u8::MAX; 9][..], &[last]].concat();
        let mut keys: Vec<_> =
            (0..100).flat_map(|group| (0..40 + group % 17).map(move |last| key(group, last))).collect();
        let put = |key: &Vec<u8>| (Bytes::from(key.clone()), Some(Bytes::from_static(b"value")));
        backend.apply(keys.iter().map(put).collect()).unwrap();
        let scan = |rows: Rows<'_>| rows.map(|row| row.unwrap().0.to_vec()).collect::<Vec<_>>();
        let (from, to) = (&[0, 0, 0, 1][..], &[0, 0, 0, 2][..]);
        assert_eq!(scan(backend.ascending(from, to)), keys);
        keys.reverse();
        assert_eq!(scan(backend.descending(from, to)), keys);
    }

    /// A data folder with some rows, which is not open.
    fn filled() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut backend = SledBackend::open(folder.path(), DATABASE_CACHE_BYTES_DEFAULT).unwrap();
        for group in 0..20u32 {
            let row = |row: u32| {
                let key = Bytes::from([group.to_be_bytes(), row.to_be_bytes()].concat());
                (key, Some(Bytes::from(vec![7; 4_000])))
            };
            backend.apply((0..50).map(row).collect()).unwrap();
            backend.sync().unwrap();
        }
        Box::new(backend).close();
        folder
    }

    /// Opens `folder`, expects a refusal, and expects its message to say all of `parts`.
    fn check_refused(folder: &Path, parts: &[&str]) {
        let message = SledBackend::open(folder, DATABASE_CACHE_BYTES_DEFAULT).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "{message:?} does not say {part:?}");
        }
    }

    #[test]
    fn damage_is_answered_with_the_way_back() {
        let check = |damage: fn(&Path), what: &str| {
            let folder = filled();
            damage(&folder.path().join("sled"));
            let path = folder.path().to_str().unwrap();
            check_refused(folder.path(), &[path, "is damaged", what, "serve from a copy"]);
        };
        check(|sled| fs::remove_file(sled.join("db")).unwrap(), "it is missing");
        check(|sled| fs::write(sled.join("db"), "").unwrap(), "it is empty");
        check(|sled| fs::write(sled.join("db"), "Dear diary,\n").unwrap(), "");
        check(|sled| fs::write(sled.join("db"), vec![0xa5; 4_000_000]).unwrap(), "");
        check(|sled| fs::write(sled.join("db"), vec![0; 4_000_000]).unwrap(), "");
        check(|sled| fs::write(sled.join("conf"), "segment_size: 8\nnothing").unwrap(), "");
        check(
            |sled| {
                fs::remove_file(sled.join("db")).unwrap();
                fs::create_dir(sled.join("db")).unwrap();
            },
            "not a file",
        );
        check(
            |sled| {
                let bytes = fs::read(sled.join("db")).unwrap();
                fs::write(sled.join("db"), &bytes[..bytes.len() / 3]).unwrap();
            },
            "",
        );
    }

    #[test]
    fn a_database_that_is_a_file_is_damaged() {
        let folder = filled();
        fs::remove_dir_all(folder.path().join("sled")).unwrap();
        fs::write(folder.path().join("sled"), "").unwrap();
        check_refused(folder.path(), &["is damaged", "serve from a copy"]);
    }

    #[test]
    fn a_creation_that_was_cut_off_begins_again() {
        let folder = filled();
        fs::rename(folder.path().join("sled"), folder.path().join("sled.new")).unwrap();
        fs::write(folder.path().join("sled.new/db"), "half").unwrap();
        let backend = SledBackend::open(folder.path(), DATABASE_CACHE_BYTES_DEFAULT).unwrap();
        assert_eq!(backend.get(b"\0\0\0\x01\0\0\0\x01"), Ok(None));
        assert!(!folder.path().join("sled.new").exists());
    }

    #[test]
    fn an_open_folder_is_refused_and_not_harmed() {
        let folder = filled();
        let backend = SledBackend::open(folder.path(), DATABASE_CACHE_BYTES_DEFAULT).unwrap();
        check_refused(folder.path(), &["another process uses"]);
        assert_eq!(backend.get(b"\0\0\0\x01\0\0\0\x01").unwrap().map(|value| value.len()), Some(4_000));
        assert!(backend.free_bytes().is_some_and(|free| free > 0));
    }

    #[test]
    fn stored_keys_sort_as_the_keys_do() {
        let key =
            || proptest::collection::vec(prop_oneof![Just(0), Just(254), 255..=255u8, 255..=255u8], 0..12);
        proptest!(|(left in key(), right in key())| {
            let (stored_left, stored_right) = (stored_key(&left), stored_key(&right));
            prop_assert_eq!(stored_left.cmp(&stored_right), left.cmp(&right));
            prop_assert_eq!(&original_key(&stored_left)[..], &left[..]);
            prop_assert!(!stored_left.windows(4).any(|window| window == [u8::MAX; 4]));
        });
    }
}
