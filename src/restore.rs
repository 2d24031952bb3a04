//! `spandrel restore`: a backup's file becomes a data folder, which is there either wholly or not at all.
//!
//! The folder is built beside its place, under its name with `.restoring` behind it, closed, opened again as a server
//! would, checked, synced, and then renamed. Whoever builds it holds a lock on it, so that two restores do not meet; what
//! a restore that was killed has left is removed by the next one.

use std::{
    fs::{self, File, Metadata, TryLockError},
    io::{self, BufReader, ErrorKind, Read},
    os::unix::fs::{MetadataExt as _, chown},
    path::{Path, PathBuf},
};

use crate::{
    domain::{
        Error, Problem,
        ids::ProjectId,
        revisions::{ProjectUid, Revision},
    },
    limits::DATABASE_CACHE_BYTES_DEFAULT,
    store::{
        backup_file::{FileError, FileReader},
        committer::Backend as _,
        data_dir::OpenError,
        rebuild::Rebuild,
        sled_backend::{self, SledBackend},
        verify,
    },
};

/// The file that is stdin.
pub const STDIN: &str = "-";

/// Behind the name of a folder that is being built.
const UNFINISHED: &str = ".restoring";

/// What is read of the file at once.
const READ_AHEAD_BYTES: usize = 256 * 1_024;

/// What stands in a data folder, so that something else is not taken for what a restore has left.
const OWN: [&str; 8] =
    ["ACKNOWLEDGED", "ACKNOWLEDGED.new", "DOUBT", "FORMAT", "FORMAT.new", "LOCK", "sled", "sled.new"];

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

/// A project that was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredProject {
    /// Its id.
    pub id: ProjectId,
    /// Its new uid.
    pub uid: ProjectUid,
    /// The revision that it stands at.
    pub revision: Revision,
    /// Its articles.
    pub articles: u64,
    /// Their annotations.
    pub annotations: u64,
    /// The commits of its log.
    pub commits: u64,
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

    let mut rebuild = Rebuild::new(Box::new(SledBackend::open(&site.path, DATABASE_CACHE_BYTES_DEFAULT)?));
    let outcome = |error: Error, at: u64| {
        if let Problem::StorageCorrupt(what) = error.problem {
            RestoreFailure::Senseless { path: from.to_owned(), at, what }
        } else {
            site.failed(&error.problem)
        }
    };
    while let Some(record) = reader.next_record().map_err(wrong)? {
        rebuild.add(record).map_err(|error| outcome(error, reader.bytes()))?;
        progress(Progress::Restoring { bytes: reader.bytes(), total });
    }
    let (backend, projects) = rebuild.finish().map_err(|error| outcome(error, reader.bytes()))?;
    backend.close();
    sled_backend::until_released(&site.path)?;
    check(&site, progress)?;
    let folder_bytes = sync_all(&site.path)?;
    site.put_in_place(&target)?;
    let projects = projects.into_iter().map(RestoredProject::from).collect();
    Ok(Restored { data_dir: target.path, projects, file_bytes: reader.bytes(), folder_bytes })
}

impl From<crate::store::rebuild::RestoredProject> for RestoredProject {
    fn from(restored: crate::store::rebuild::RestoredProject) -> Self {
        let crate::store::rebuild::RestoredProject { id, uid, revision, articles, annotations, commits } =
            restored;
        Self { id, uid, revision, articles, annotations, commits }
    }
}

/// Opens what was built as a server does, and checks it.
fn check(site: &Site, progress: &mut dyn FnMut(Progress)) -> Result<(), RestoreFailure> {
    let backend = Box::new(SledBackend::open(&site.path, DATABASE_CACHE_BYTES_DEFAULT)?);
    let report = verify::verify(&*backend, &mut |report| progress(Progress::Checking { rows: report.rows }));
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

fn refused(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RestoreFailure {
    let path = path.to_owned();
    move |source| RestoreFailure::Inaccessible { action, path, source }
}

/// Where the folder is to be.
struct Target {
    path: PathBuf,
    parent: PathBuf,
}

impl Target {
    /// Checks that a folder may be put at `path`.
    fn at(path: &Path) -> Result<Self, RestoreFailure> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Self::new_at(path),
            Err(error) => return Err(refused("look at", path)(error)),
        };
        if !metadata.is_dir() {
            return Err(RestoreFailure::NotAFolder { path: path.to_owned() });
        }
        // Behind links, so that the folder is replaced and not the link to it.
        let path = path.canonicalize().map_err(refused("look at", path))?;
        if let Some(entry) = fs::read_dir(&path).map_err(refused("read", &path))?.next() {
            let found = entry.map_err(refused("read", &path))?.file_name().to_string_lossy().into_owned();
            let lock = File::open(path.join("LOCK")).map(|lock| lock.try_lock());
            return Err(match lock {
                Ok(Err(TryLockError::WouldBlock)) => RestoreFailure::InUse { path },
                _ => RestoreFailure::NotEmpty { path, found },
            });
        }
        let Some(parent) = path.parent().map(Path::to_owned) else {
            return Err(RestoreFailure::MountPoint { path });
        };
        let around = fs::metadata(&parent).map_err(refused("look at", &parent))?;
        if around.dev() != metadata.dev() {
            return Err(RestoreFailure::MountPoint { path });
        }
        Ok(Self { path, parent })
    }

    fn new_at(path: &Path) -> Result<Self, RestoreFailure> {
        let parent = match path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => return Err(RestoreFailure::NotAFolder { path: path.to_owned() }),
        };
        let name = path.file_name().ok_or_else(|| RestoreFailure::NotAFolder { path: path.to_owned() })?;
        let parent = match parent.canonicalize() {
            Ok(parent) if parent.is_dir() => parent,
            Ok(_) => return Err(RestoreFailure::NotAFolder { path: parent.to_owned() }),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(RestoreFailure::NoParent { path: parent.to_owned() });
            }
            Err(error) => return Err(refused("look at", parent)(error)),
        };
        Ok(Self { path: parent.join(name), parent })
    }
}

/// The folder that is being built; removed when it is dropped before it is in its place.
struct Site {
    path: PathBuf,
    lock: File,
    is_in_place: bool,
}

impl Site {
    /// Makes an empty folder, and locks it.
    fn prepare(target: &Target) -> Result<Self, RestoreFailure> {
        let mut name = target.path.file_name().unwrap_or_default().to_owned();
        name.push(UNFINISHED);
        let path = target.parent.join(name);
        loop {
            match fs::create_dir(&path) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                    return Err(refused("make the folder", &path)(error));
                }
                Ok(()) | Err(_) => {}
            }
            let lock = File::open(&path).map_err(refused("open", &path))?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(RestoreFailure::InUse { path }),
                Err(TryLockError::Error(error)) => return Err(refused("lock", &path)(error)),
            }
            // The one that was opened may have been put in its place, or removed, before it was locked.
            let locked = lock.metadata().map_err(refused("look at", &path))?;
            let is_same = |there: &Metadata| (there.dev(), there.ino()) == (locked.dev(), locked.ino());
            if fs::metadata(&path).is_ok_and(|there| is_same(&there)) {
                clear(&path)?;
                return Ok(Self { path, lock, is_in_place: false });
            }
        }
    }

    /// Takes over who owns a folder, for all that is in this one, and who may enter it.
    fn become_like(&self, folder: &Metadata) -> io::Result<()> {
        let own = fs::metadata(&self.path)?;
        if (own.uid(), own.gid()) != (folder.uid(), folder.gid()) {
            give_to(&self.path, folder)?;
        }
        fs::set_permissions(&self.path, folder.permissions())
    }

    fn failed(&self, problem: &Problem) -> RestoreFailure {
        let what = if let Problem::StorageUnavailable(what) | Problem::StorageCorrupt(what) = problem {
            what.clone()
        } else {
            problem.to_string()
        };
        RestoreFailure::Storage { path: self.path.clone(), what }
    }

    /// Gives the folder its name.
    fn put_in_place(mut self, target: &Target) -> Result<(), RestoreFailure> {
        let path = target.path.clone();
        if let Ok(there) = fs::metadata(&path) {
            // The empty folder may have been made for a server that runs as somebody else.
            self.become_like(&there).map_err(refused("give the owner and the mode to", &self.path))?;
        }
        fs::rename(&self.path, &path).map_err(|error| {
            let is = |kinds: &[ErrorKind]| kinds.contains(&error.kind());
            if is(&[ErrorKind::ResourceBusy, ErrorKind::CrossesDevices]) {
                RestoreFailure::MountPoint { path: path.clone() }
            } else if is(&[ErrorKind::DirectoryNotEmpty, ErrorKind::AlreadyExists]) {
                let found = "what came into it meanwhile".to_owned();
                RestoreFailure::NotEmpty { path: path.clone(), found }
            } else {
                refused("make", &path)(error)
            }
        })?;
        self.is_in_place = true;
        sync(&target.parent)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if !self.is_in_place {
            // What still writes there would put back what is removed; what stays is removed by the next restore.
            let _ = sled_backend::until_released(&self.path);
            let _ = fs::remove_dir_all(&self.path);
        }
        let _ = self.lock.unlock();
    }
}

/// Gives a path, and all in it, to the owner of `folder`.
fn give_to(path: &Path, folder: &Metadata) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            give_to(&entry?.path(), folder)?;
        }
    }
    chown(path, Some(folder.uid()), Some(folder.gid()))
}

/// Removes what a restore has left in its folder, and nothing else.
fn clear(path: &Path) -> Result<(), RestoreFailure> {
    let entries = fs::read_dir(path).map_err(refused("read", path))?;
    let entries: Vec<_> = entries.collect::<io::Result<_>>().map_err(refused("read", path))?;
    for entry in &entries {
        let found = entry.file_name().to_string_lossy().into_owned();
        if !OWN.contains(&found.as_str()) {
            return Err(RestoreFailure::NotEmpty { path: path.to_owned(), found });
        }
    }
    for entry in entries {
        let path = entry.path();
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(refused("remove", &path))?;
    }
    Ok(())
}

/// Makes a folder and all in it durable, and returns how many bytes its files have.
fn sync_all(path: &Path) -> Result<u64, RestoreFailure> {
    let mut bytes = 0;
    for entry in fs::read_dir(path).map_err(refused("read", path))? {
        let path = entry.map_err(refused("read", path))?.path();
        let metadata = fs::metadata(&path).map_err(refused("look at", &path))?;
        if metadata.is_dir() {
            bytes += sync_all(&path)?;
        } else {
            bytes += metadata.len();
            sync(&path)?;
        }
    }
    sync(path)?;
    Ok(bytes)
}

fn sync(path: &Path) -> Result<(), RestoreFailure> {
    File::open(path).and_then(|file| file.sync_all()).map_err(refused("sync", path))
}
