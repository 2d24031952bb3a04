//! How a database is made, looked at before sled opens it, opened, and closed.

use std::{
    fs::{self, File},
    io::ErrorKind,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use super::{
    DATABASE_FILE, RELEASE_WAIT_MAX, SEGMENT_BYTES, catch_panic, in_words,
    state::{self, FORMAT_THAT_COUNTS, MARK, STATE, State},
};
use crate::store::{
    acknowledged::{Acknowledged, Said},
    data_dir::{DataDir, OpenError, sync_folder},
    sled_segments,
};

/// Checks that a database has what was acknowledged, and writes down that it has.
pub(super) fn settle(
    rows: &sled::Db,
    file: &File,
    data_dir: &DataDir,
    said: Said,
    doubt: Option<&str>,
) -> Result<(State, Acknowledged), OpenError> {
    let path = data_dir.path().join(DATABASE_FILE);
    let counts = data_dir.format() >= FORMAT_THAT_COUNTS;
    let check = || {
        state::check_mark(rows)?;
        if counts { state::check_state(rows, said, doubt) } else { state::count(rows, doubt) }
    };
    let state = catch_panic(check).unwrap_or_else(Err).map_err(|what| damaged(&path, what))?;
    if !counts {
        let written = rows.insert(STATE, state.encode()).and_then(|_| rows.flush());
        written.map_err(|error| explain(error, &path))?;
        file.sync_data().map_err(OpenError::io("sync", &path))?;
    }
    let acknowledged = Acknowledged::create(data_dir.path(), state.batches);
    let acknowledged = acknowledged.map_err(OpenError::io("write the count in", data_dir.path()))?;
    data_dir.settle_doubt()?;
    Ok((state, acknowledged))
}

/// Closes a database. sled syncs it then, and panics if it cannot.
pub(super) fn drop_database(rows: sled::Db, path: &Path) -> bool {
    catch_panic(|| drop(rows))
        .inspect_err(|panic| {
            tracing::error!(path = %path.display(), panic, "the database was not closed cleanly");
        })
        .is_ok()
}

pub(super) fn read_acknowledged(data_dir: &DataDir) -> Result<Said, OpenError> {
    Acknowledged::read(data_dir.path()).map_err(OpenError::io("read the count in", data_dir.path()))
}

/// Refuses a file that sled would take for an empty database.
pub(super) fn check_file(path: &Path) -> Result<(), OpenError> {
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

pub(super) fn find_doubt(database: &Path, closed: Option<&str>) -> Result<Option<String>, OpenError> {
    match sled_segments::doubt(database, SEGMENT_BYTES, closed) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(Some("it is cut short".to_owned())),
        doubt => doubt.map_err(OpenError::io("read the database in", database)),
    }
}

/// Makes a database that is there either wholly or not at all.
pub(super) fn create(data_dir: &DataDir, database: &Path, cache_bytes: u64) -> Result<(), OpenError> {
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
    let is_closed = drop_database(rows, &unfinished);
    marked.map_err(|error| explain(error, &unfinished))?;
    if !is_closed {
        return Err(OpenError::io("sync", &unfinished)(ErrorKind::Other.into()));
    }
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
pub(super) fn remove_unfinished_snapshots(database: &Path) -> Result<(), OpenError> {
    for entry in fs::read_dir(database).map_err(OpenError::io("read", database))? {
        let path = entry.map_err(OpenError::io("read", database))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(&path).map_err(OpenError::io("remove the unfinished", &path))?;
        }
    }
    Ok(())
}

pub(super) fn open_database(path: &Path, cache_bytes: u64) -> Result<sled::Db, OpenError> {
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

pub(super) fn damaged(path: &Path, what: impl Into<String>) -> OpenError {
    OpenError::Damaged { path: path.to_owned(), what: what.into() }
}
