//! The folder that a restore builds: beside its place, locked, and marked until it is whole.

use std::{
    fs::{self, File, Metadata, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt as _, chown},
    path::{Path, PathBuf},
};

use super::RestoreFailure;
use crate::{
    domain::Problem,
    store::{data_dir, sled_backend},
};

/// Behind the name of a folder that is being built.
const UNFINISHED: &str = ".restoring";

/// What stands in a data folder, so that something else is not taken for what a restore has left.
const OWN: [&str; 10] = [
    "ACKNOWLEDGED",
    "ACKNOWLEDGED.new",
    "CLOSED",
    "DOUBT",
    "FORMAT",
    "FORMAT.new",
    data_dir::LOCK_FILE,
    data_dir::RESTORING_FILE,
    "sled",
    "sled.new",
];

pub(super) fn refused(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RestoreFailure {
    let path = path.to_owned();
    move |source| RestoreFailure::Inaccessible { action, path, source }
}

/// Where the folder is to be.
pub(super) struct Target {
    pub(super) path: PathBuf,
    parent: PathBuf,
}

impl Target {
    /// Checks that a folder may be put at `path`.
    pub(super) fn at(path: &Path) -> Result<Self, RestoreFailure> {
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
            check_unused(&path)?;
            return Err(RestoreFailure::NotEmpty { path, found });
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
pub(super) struct Site {
    pub(super) path: PathBuf,
    lock: File,
    is_in_place: bool,
}

impl Site {
    /// Makes a folder that is empty but for what says that it is no data folder yet, and locks it.
    pub(super) fn prepare(target: &Target) -> Result<Self, RestoreFailure> {
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
                check_own(&path)?;
                // Before anything goes: what is left of a clearing that is cut off is no data folder, either.
                data_dir::mark_restoring(&path)?;
                clear(&path).map_err(refused("clear", &path))?;
                let site = Self { path, lock, is_in_place: false };
                // At once: what is built may be for the same eyes only, and whether this can be done shows now.
                site.become_like(target)?;
                return Ok(site);
            }
        }
    }

    /// Takes over who owns the empty folder that may be in its place, for all that is in this one, and who may enter it:
    /// it may have been made for a server that runs as somebody else.
    fn become_like(&self, target: &Target) -> Result<(), RestoreFailure> {
        let Ok(folder) = fs::metadata(&target.path) else { return Ok(()) };
        let own = fs::metadata(&self.path).map_err(refused("look at", &self.path))?;
        if (own.uid(), own.gid()) != (folder.uid(), folder.gid()) {
            give_to(&self.path, &folder)
                .map_err(refused("give to the owner of the folder in its place", &self.path))?;
        }
        fs::set_permissions(&self.path, folder.permissions()).map_err(refused("set the mode of", &self.path))
    }

    /// Makes all of it durable, and returns how many bytes its files have. From now on it is a data folder.
    pub(super) fn finish(&self) -> Result<u64, RestoreFailure> {
        data_dir::unmark_restoring(&self.path)?;
        sync_all(&self.path)
    }

    pub(super) fn failed(&self, problem: &Problem) -> RestoreFailure {
        let what = if let Problem::StorageUnavailable(what) | Problem::StorageCorrupt(what) = problem {
            what.clone()
        } else {
            problem.to_string()
        };
        RestoreFailure::Storage { path: self.path.clone(), what }
    }

    /// Gives the folder its name.
    pub(super) fn put_in_place(mut self, target: &Target) -> Result<(), RestoreFailure> {
        let path = target.path.clone();
        self.become_like(target)?;
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
            let _ = data_dir::mark_restoring(&self.path);
            let _ = clear(&self.path).and_then(|()| fs::remove_dir_all(&self.path));
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

/// Refuses a folder with anything in it that a restore would not leave, or that a server uses.
fn check_own(path: &Path) -> Result<(), RestoreFailure> {
    for entry in fs::read_dir(path).map_err(refused("read", path))? {
        let found = entry.map_err(refused("read", path))?.file_name().to_string_lossy().into_owned();
        if !OWN.contains(&found.as_str()) {
            return Err(RestoreFailure::NotEmpty { path: path.to_owned(), found });
        }
    }
    check_unused(path)
}

/// Removes all that is in a folder but what says that it is no data folder.
fn clear(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()? {
        let path = entry.path();
        if path.is_dir() {
            fs::remove_dir_all(&path)?;
        } else if entry.file_name() != data_dir::RESTORING_FILE {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Refuses a folder that a server uses: a restore that was cut off last of all leaves one that can be served.
fn check_unused(path: &Path) -> Result<(), RestoreFailure> {
    let lock = File::open(path.join(data_dir::LOCK_FILE)).map(|lock| lock.try_lock());
    match lock {
        Ok(Err(TryLockError::WouldBlock)) => Err(RestoreFailure::InUse { path: path.to_owned() }),
        Ok(_) | Err(_) => Ok(()),
    }
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
