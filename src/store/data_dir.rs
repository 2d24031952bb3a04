//! The data folder: what it is, who uses it, and in which format it is written.
//!
//! ```text
//! FORMAT         "spandrel 4\n": that this is a data folder, and how to read it; written before anything else
//! LOCK           locked by the process that uses the folder
//! sled/          the database
//! ACKNOWLEDGED   how many batches are durable (`acknowledged.rs`)
//! CLOSED         what the headers of the database's segments amounted to when it was last closed; gone while it is open
//! DOUBT          what gave a doubt about the database; gone once a look at all rows has settled it
//! RESTORING      that a restore has not finished what is in here
//! ```
//!
//! Formats so far:
//!
//! 1. Nothing tells whether the database has all that was written.
//! 2. A row of the database counts its batches and amounts to all rows, and `ACKNOWLEDGED` knows the count: see
//!    `sled_backend.rs`. A version that writes format 1 would leave both behind, so it must not open this. A folder in
//!    format 1 is counted and becomes one in the newest format when it is first served.
//! 3. What is deleted is kept until its log has forgotten that, and logs are kept for the requests that are known. A
//!    version that writes format 2 would sweep and forget both, so it must not open this.
//! 4. Annotations are counted by layer, and stand in generations, as texts do. A version that writes format 3 knows
//!    neither, so it must not open this. In each project of an older folder the annotations are counted when it is first
//!    served; until then the project lacks the row that says so (`keys.rs`).

use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use crate::domain::Error;

/// The format that this version writes.
pub const FORMAT: u32 = 4;

/// The oldest format that this version reads.
const FORMAT_MIN: u32 = 1;

/// The system's number for a disk that cannot read or write; std has no kind for it.
const EIO: i32 = 5;

const FORMAT_FILE: &str = "FORMAT";
const FORMAT_FILE_UNFINISHED: &str = "FORMAT.new";
/// Locked by the process that uses the folder.
pub const LOCK_FILE: &str = "LOCK";
/// Says that a restore has not finished what is in the folder.
pub const RESTORING_FILE: &str = "RESTORING";
const DATABASE: &str = "sled";
const DOUBT_FILE: &str = "DOUBT";
const CLOSED_FILE: &str = "CLOSED";

/// What may lie in a folder that is to become a data folder: what a start that was cut off leaves, and what
/// file systems put there.
const HARMLESS: [&str; 4] = [LOCK_FILE, FORMAT_FILE_UNFINISHED, RESTORING_FILE, "lost+found"];

/// Why a data folder cannot be opened, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The path is a file.
    #[error("{} is not a folder; name a folder, which is made if it does not exist", .path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// The folder belongs to something else.
    #[error(
        "{} holds {found:?} and no Spandrel data, so nothing was changed in it; name an empty folder or a new one",
        .path.display()
    )]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// One of the things in it.
        found: String,
    },
    /// There is no data folder, and none is to be made.
    #[error("{} is no data folder of Spandrel; name the folder that a server keeps its data in", .path.display())]
    NoData {
        /// The path.
        path: PathBuf,
    },
    /// A restore did not finish it.
    #[error(
        "{} is what a restore makes or was cut off in, and is not whole; wait for it, or restore again: spandrel restore \
         FILE --data-dir FOLDER", .path.display()
    )]
    Restoring {
        /// The folder.
        path: PathBuf,
    },
    /// Another process uses the folder.
    #[error("another process uses {}; stop that one, or name another folder", .path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A newer version wrote the folder.
    #[error(
        "{} is in format {found}, and this version of Spandrel knows none after format {FORMAT}; use the newer version \
         that wrote it", .path.display()
    )]
    Newer {
        /// The folder.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The operating system refuses.
    #[error("cannot {action} {}: {source}; {}", .path.display(), remedy(.source))]
    Inaccessible {
        /// What was tried.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// What is stored is not what Spandrel wrote.
    #[error(
        "{} is damaged: {what}; keep the data folder for whoever may mend it, and restore your last backup into a new \
         one: spandrel restore FILE --data-dir FOLDER", .path.display()
    )]
    Damaged {
        /// The damaged file or folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] Error),
}

fn remedy(source: &io::Error) -> &'static str {
    let is = |kinds: &[ErrorKind]| kinds.contains(&source.kind());
    if is(&[ErrorKind::StorageFull, ErrorKind::QuotaExceeded]) {
        "free some space on the disk"
    } else if source.raw_os_error() == Some(EIO) {
        "see whether the disk is sound, and try again"
    } else {
        "check the path, its owner and its permissions"
    }
}

impl OpenError {
    /// Makes an I/O error into one that says what was tried with which path.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Inaccessible { action, path, source }
    }
}

/// A data folder that this process uses alone until the value is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    format: u32,
    _lock: File,
}

impl DataDir {
    /// Opens the data folder at `path`, or makes an empty or new folder into one.
    ///
    /// # Errors
    ///
    /// A folder that is refused is left as it was.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        check_restored(path)?;
        Self::open_restoring(path)
    }

    /// As [`DataDir::open`], of a folder that a restore makes.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open_restoring(path: &Path) -> Result<Self, OpenError> {
        make_folder(path)?;
        if read_format(path)?.is_none() {
            check_vacant(path)?;
        }
        let lock = lock(path)?;
        // Somebody else may have made it a data folder, or raised its format, before this process had the lock.
        let format = match read_format(path)? {
            Some(format) => format,
            None => write_format(path)?,
        };
        Ok(Self { path: path.to_owned(), format, _lock: lock })
    }

    /// Opens the data folder at `path`, and does not make one.
    ///
    /// # Errors
    ///
    /// A folder that is refused is left as it was.
    pub fn open_existing(path: &Path) -> Result<Self, OpenError> {
        match fs::metadata(path) {
            Ok(metadata) if !metadata.is_dir() => {
                return Err(OpenError::NotAFolder { path: path.to_owned() });
            }
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(OpenError::io("look at", path)(error));
            }
            Ok(_) | Err(_) => {}
        }
        check_restored(path)?;
        let no_data = || OpenError::NoData { path: path.to_owned() };
        read_format(path)?.ok_or_else(no_data)?;
        let lock = lock(path)?;
        let format = read_format(path)?.ok_or_else(no_data)?;
        Ok(Self { path: path.to_owned(), format, _lock: lock })
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the database is.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// The format that it is in.
    pub(super) fn format(&self) -> u32 {
        self.format
    }

    /// Says that it is in the newest format, now that it is, durably.
    pub(super) fn raise_format(&mut self) -> Result<(), OpenError> {
        if self.format < FORMAT {
            self.format = write_format(&self.path)?;
        }
        Ok(())
    }

    /// The doubt about the database that was not settled yet, if there is one.
    pub(super) fn doubt(&self) -> Result<Option<String>, OpenError> {
        self.read_note(DOUBT_FILE)
    }

    /// What was said when the database was closed, unless it was opened since.
    pub(super) fn closed(&self) -> Result<Option<String>, OpenError> {
        self.read_note(CLOSED_FILE)
    }

    /// Forgets it: from now on the database is open.
    pub(super) fn forget_closed(&self) -> Result<(), OpenError> {
        self.remove_note(CLOSED_FILE)
    }

    fn read_note(&self, name: &str) -> Result<Option<String>, OpenError> {
        let file = self.path.join(name);
        match fs::read(&file) {
            Ok(note) => Ok(Some(String::from_utf8_lossy(&note).trim_end().to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(OpenError::io("read", &file)(error)),
        }
    }

    fn remove_note(&self, name: &str) -> Result<(), OpenError> {
        let file = self.path.join(name);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(OpenError::io("remove", &file)(error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Says so of a database that was just closed.
    pub(super) fn say_closed(&self, closed: &str) -> io::Result<()> {
        let mut file = File::create(self.path.join(CLOSED_FILE))?;
        file.write_all(format!("{closed}\n").as_bytes())?;
        file.sync_all()
    }

    /// Keeps a doubt until it is settled, whatever happens to this process.
    pub(super) fn keep_doubt(&self, doubt: &str) -> Result<(), OpenError> {
        let file = self.path.join(DOUBT_FILE);
        let write = || {
            let mut file = File::create(&file)?;
            file.write_all(format!("{doubt}\n").as_bytes())?;
            file.sync_all()
        };
        write().map_err(OpenError::io("write", &file))?;
        sync_folder(&self.path)
    }

    /// Forgets the doubt that was settled, and makes durable what was written into the folder.
    pub(super) fn settle_doubt(&self) -> Result<(), OpenError> {
        self.remove_note(DOUBT_FILE)?;
        sync_folder(&self.path)
    }
}

/// Says of a folder that a restore has not finished what is in it.
///
/// # Errors
///
/// When that cannot be written.
pub fn mark_restoring(path: &Path) -> Result<(), OpenError> {
    let file = path.join(RESTORING_FILE);
    File::create(&file).and_then(|file| file.sync_all()).map_err(OpenError::io("write", &file))?;
    sync_folder(path)
}

/// Says so no more; the folder is left to be synced.
///
/// # Errors
///
/// When that cannot be removed.
pub fn unmark_restoring(path: &Path) -> Result<(), OpenError> {
    let file = path.join(RESTORING_FILE);
    fs::remove_file(&file).map_err(OpenError::io("remove", &file))
}

fn check_restored(path: &Path) -> Result<(), OpenError> {
    if path.join(RESTORING_FILE).exists() {
        return Err(OpenError::Restoring { path: path.to_owned() });
    }
    Ok(())
}

/// Makes the entries of a folder durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), OpenError> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path).and_then(|folder| folder.sync_all()).map_err(OpenError::io("sync the folder", path))
}

fn make_folder(path: &Path) -> Result<(), OpenError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(_) => return Err(OpenError::NotAFolder { path: path.to_owned() }),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(OpenError::io("look at", path)(error)),
    }
    let missing: Vec<_> = path.ancestors().take_while(|ancestor| !is_there(ancestor)).collect();
    fs::create_dir_all(path).map_err(OpenError::io("make the folder", path))?;
    missing.into_iter().filter_map(Path::parent).try_for_each(sync_folder)
}

fn is_there(path: &Path) -> bool {
    path.as_os_str().is_empty() || path.exists()
}

/// The format that the folder says it is in, if it is a data folder.
fn read_format(path: &Path) -> Result<Option<u32>, OpenError> {
    let file = path.join(FORMAT_FILE);
    let content = match fs::read(&file) {
        Ok(content) => content,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(OpenError::io("read", &file)(error)),
    };
    let number = std::str::from_utf8(&content).ok().and_then(|text| text.strip_prefix("spandrel "));
    match number.and_then(|number| number.trim_end().parse().ok()) {
        Some(found @ FORMAT_MIN..=FORMAT) => Ok(Some(found)),
        Some(found) if found > FORMAT => Err(OpenError::Newer { path: path.to_owned(), found }),
        Some(_) | None => {
            let what = format!("it does not say \"spandrel {FORMAT}\"");
            Err(OpenError::Damaged { path: file, what })
        }
    }
}

fn write_format(path: &Path) -> Result<u32, OpenError> {
    let (unfinished, file) = (path.join(FORMAT_FILE_UNFINISHED), path.join(FORMAT_FILE));
    let write = |unfinished: &Path| {
        let mut file = File::create(unfinished)?;
        file.write_all(format!("spandrel {FORMAT}\n").as_bytes())?;
        file.sync_all()
    };
    write(&unfinished).map_err(OpenError::io("write", &unfinished))?;
    fs::rename(&unfinished, &file).map_err(OpenError::io("write", &file))?;
    sync_folder(path)?;
    Ok(FORMAT)
}

/// Refuses a folder that is somebody else's.
fn check_vacant(path: &Path) -> Result<(), OpenError> {
    let read = |error| OpenError::io("read the folder", path)(error);
    for entry in fs::read_dir(path).map_err(read)? {
        let name = entry.map_err(read)?.file_name();
        if !HARMLESS.iter().any(|harmless| name == *harmless) {
            let found = name.to_string_lossy().into_owned();
            return Err(OpenError::Foreign { path: path.to_owned(), found });
        }
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let file = path.join(LOCK_FILE);
    let lock = File::options().create(true).truncate(false).write(true).open(&file);
    let lock = lock.map_err(OpenError::io("open", &file))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(OpenError::io("lock", &file)(error)),
    }
}

#[cfg(test)]
mod tests;
