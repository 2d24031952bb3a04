//! `spandrel restore`: a backup's file becomes a data folder, which is there either wholly or not at all.
//!
//! The folder is built beside its place, under its name with `.restoring` behind it, closed, opened again as a server
//! would, checked, synced, and then renamed. Whoever builds it holds a lock on it, so that two restores do not meet; what
//! a restore that was killed has left is removed by the next one.

mod site;

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use self::site::{Site, Target};
pub use crate::store::rebuild::RestoredProject;

use crate::{
    domain::{Error, Problem},
    limits::DATABASE_CACHE_BYTES_DEFAULT,
    store::{
        backup_file::{self, FileError, FileReader},
        committer::Backend as _,
        data_dir::OpenError,
        rebuild::Rebuild,
        sled_backend::{self, SledBackend},
        verify::{self, Report},
    },
};

/// The file that is stdin.
pub const STDIN: &str = "-";

/// What is read of the file at once.
const READ_AHEAD_BYTES: usize = 256 * 1_024;

/// Whether `file` is empty or begins as a backup does, so that nobody misses it who finds another backup there.
///
/// # Errors
///
/// When it cannot be read.
pub fn may_be_part_of_a_backup(file: &mut File) -> io::Result<bool> {
    backup_file::may_be_part(file)
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreFailure {
    /// The file cannot be opened.
    #[error("cannot read {}: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file is no whole backup.
    #[error("cannot restore {}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: FileError,
    },
    /// What the file says cannot be.
    #[error(
        "cannot restore {}: what it says before byte {at} cannot be: {what}. Copy it again, or use another backup",
        .path.display()
    )]
    Senseless {
        /// The file.
        path: PathBuf,
        /// How far it was read.
        at: u64,
        /// What is wrong.
        what: String,
    },
    /// There is something in the way.
    #[error("{} is not empty: it holds {found:?}; name a new folder or an empty one", .path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
        /// Something in it.
        found: String,
    },
    /// It is no folder.
    #[error("{} is not a folder; name a new folder or an empty one", .path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// There is nowhere to put it.
    #[error("there is no folder {} to make it in; make that first, or name another folder", .path.display())]
    NoParent {
        /// The folder that is not there.
        path: PathBuf,
    },
    /// A server or another restore is at it.
    #[error("another process uses {}; stop that one, or name another folder", .path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A folder cannot take the place of a file system.
    #[error("{} is where a file system is mounted, which cannot be replaced; name a folder inside it", .path.display())]
    MountPoint {
        /// The folder.
        path: PathBuf,
    },
    /// The operating system refuses.
    #[error("cannot {action} {}: {source}", .path.display())]
    Inaccessible {
        /// What was tried.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// The new folder cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The new folder cannot be written.
    #[error("cannot write {}: {what}", .path.display())]
    Storage {
        /// The folder.
        path: PathBuf,
        /// What the storage says.
        what: String,
    },
    /// What was built is not as it should be.
    #[error(
        "what was restored does not pass its check, which finds {count} problems: {first}. Nothing was kept of it; keep \
         the backup, and try another version of Spandrel"
    )]
    Unsound {
        /// How much is wrong.
        count: u64,
        /// What is wrong first.
        first: String,
    },
}

/// How far a restore is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It reads the backup and writes the folder.
    Restoring {
        /// Bytes of the file that were read.
        bytes: u64,
        /// Bytes of the file, if that is known.
        total: Option<u64>,
    },
    /// It checks what it wrote.
    Checking {
        /// Rows that were looked at.
        rows: u64,
        /// Articles, with their texts.
        articles: u64,
        /// Annotations.
        annotations: u64,
        /// Commits of the logs.
        commits: u64,
    },
}

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// The folder.
    pub data_dir: PathBuf,
    /// The projects in the order of their creation.
    pub projects: Vec<RestoredProject>,
    /// Bytes of the backup.
    pub file_bytes: u64,
    /// Bytes of the folder's files.
    pub folder_bytes: u64,
}

/// Makes the backup in the file `from`, or on stdin, into the data folder `data_dir`, which must not exist or be empty.
/// Blocks.
///
/// # Errors
///
/// [`RestoreFailure`]; `data_dir` is as it was then.
pub fn run(
    from: &Path,
    data_dir: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Restored, RestoreFailure> {
    let unreadable = |source| RestoreFailure::Unreadable { path: from.to_owned(), source };
    let (file, total): (Box<dyn Read>, _) = if from.as_os_str() == STDIN {
        (Box::new(io::stdin().lock()), None)
    } else {
        let file = File::open(from).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        (Box::new(file), metadata.is_file().then_some(metadata.len()))
    };
    let file = BufReader::with_capacity(READ_AHEAD_BYTES, file);
    let wrong = |source| RestoreFailure::File { path: from.to_owned(), source };
    // The file first: what is no backup changes nothing anywhere.
    let mut reader = FileReader::open(file).map_err(wrong)?;
    let target = Target::at(data_dir)?;
    let site = Site::prepare(&target)?;

    let backend = SledBackend::open_restoring(&site.path, DATABASE_CACHE_BYTES_DEFAULT)?;
    let mut rebuild = Rebuild::new(Box::new(backend));
    let outcome = |error: Error, at: u64| {
        if let Problem::StorageCorrupt(what) = error.problem {
            RestoreFailure::Senseless { path: from.to_owned(), at, what }
        } else {
            site.failed(&error.problem)
        }
    };
    let mut add_all = || {
        while let Some(record) = reader.next_record().map_err(wrong)? {
            rebuild.add(record).map_err(|error| outcome(error, reader.bytes()))?;
            progress(Progress::Restoring { bytes: reader.bytes(), total });
        }
        Ok(())
    };
    if let Err(failure) = add_all() {
        rebuild.abandon();
        return Err(failure);
    }
    let (backend, projects) = rebuild.finish().map_err(|error| outcome(error, reader.bytes()))?;
    backend.close();
    sled_backend::until_released(&site.path)?;
    check(&site, progress)?;
    let folder_bytes = site.finish()?;
    site.put_in_place(&target)?;
    Ok(Restored { data_dir: target.path, projects, file_bytes: reader.bytes(), folder_bytes })
}

/// Opens what was built as a server does, and checks it.
fn check(site: &Site, progress: &mut dyn FnMut(Progress)) -> Result<(), RestoreFailure> {
    let backend = Box::new(SledBackend::open_restoring(&site.path, DATABASE_CACHE_BYTES_DEFAULT)?);
    let report =
        verify::verify(&*backend, &mut |&Report { rows, articles, annotations, log_commits, .. }| {
            progress(Progress::Checking { rows, articles, annotations, commits: log_commits });
        });
    let mut report = report.map_err(|error| site.failed(&error.problem));
    if let (Ok(report), Err(error)) = (&mut report, backend.check_digest()) {
        report.add_problem(error.to_string());
    }
    backend.close();
    sled_backend::until_released(&site.path)?;
    let report = report?;
    if report.problem_count == 0 && report.problems.is_empty() {
        return Ok(());
    }
    let first = report.problems.into_iter().next().unwrap_or_default();
    Err(RestoreFailure::Unsound { count: report.problem_count, first })
}
