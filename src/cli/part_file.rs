//! The file that a backup is written into: under another name until it is whole.

use std::{
    fs::{self, File, Metadata, TryLockError},
    io::{self, Seek as _, Write},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::{backup::Sink, failure::Failure};
use crate::{limits::BACKUP_UNSYNCED_BYTES_MAX, restore};

/// Behind the name of a file that is not whole yet.
const UNFINISHED: &str = ".part";

/// A file that is not whole yet; removed when it is dropped before it is.
pub(super) struct PartFile {
    path: PathBuf,
    unfinished: PathBuf,
    file: File,
    unsynced_bytes: usize,
    is_finished: bool,
}

impl PartFile {
    /// Makes the file `path` with `.part` behind its name.
    pub(super) fn create(path: &Path, force: bool) -> Result<Self, Failure> {
        check_free(path, force)?;
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(UNFINISHED);
        let unfinished = PathBuf::from(unfinished);
        let cannot =
            |error: io::Error| Failure::Local(format!("cannot write {}: {error}", unfinished.display()));
        let file = loop {
            check_own(&unfinished)?;
            let file = File::options().create(true).truncate(false).read(true).write(true).open(&unfinished);
            let mut file = file.map_err(cannot)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(Failure::Local(format!(
                        "another backup is writing {}; name another file",
                        path.display()
                    )));
                }
                Err(TryLockError::Error(error)) => return Err(cannot(error)),
            }
            // The one that was opened may have been given its name, or removed, before it was locked.
            let locked = file.metadata().map_err(cannot)?;
            let is_same = |there: &Metadata| (there.dev(), there.ino()) == (locked.dev(), locked.ino());
            if fs::symlink_metadata(&unfinished).is_ok_and(|there| is_same(&there)) {
                // One that is left by a backup that was killed is nobody's, and written over.
                if !restore::may_be_part_of_a_backup(&mut file).map_err(cannot)? {
                    return Err(not_own(&unfinished));
                }
                break file;
            }
        };
        file.set_len(0).map_err(cannot)?;
        (&file).rewind().map_err(cannot)?;
        if let Ok(replaced) = fs::metadata(path) {
            // What was kept from others is not shown to them by its successor.
            file.set_permissions(replaced.permissions()).map_err(cannot)?;
        }
        Ok(Self { path: path.to_owned(), unfinished, file, unsynced_bytes: 0, is_finished: false })
    }

    /// Makes the file durable and gives it its name.
    pub(super) fn finish(mut self, force: bool) -> Result<(), Failure> {
        self.file.sync_all().map_err(|error| self.failed(error))?;
        check_free(&self.path, force)?;
        fs::rename(&self.unfinished, &self.path).map_err(|error| self.failed(error))?;
        self.is_finished = true;
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        File::open(parent).and_then(|folder| folder.sync_all()).map_err(|error| self.failed(error))
    }
}

fn check_free(path: &Path, force: bool) -> Result<(), Failure> {
    let name = path.display();
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(Failure::Local(format!("{name} is a folder; name a file in it"))),
        Ok(_) if !force => {
            Err(Failure::Local(format!("{name} exists; name another file, or replace it with --force")))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Refuses what is no file, and would be followed or cannot be replaced.
fn check_own(unfinished: &Path) -> Result<(), Failure> {
    match fs::symlink_metadata(unfinished) {
        Ok(found) if !found.is_file() => Err(not_own(unfinished)),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn not_own(unfinished: &Path) -> Failure {
    Failure::Local(format!(
        "{} is in the way, and is no unfinished backup; move it, or name another file",
        unfinished.display()
    ))
}

impl Write for PartFile {
    /// Syncs now and then: at the end, the server's syncs would wait for all of it if it writes to the same disk.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.unsynced_bytes += written;
        if self.unsynced_bytes >= BACKUP_UNSYNCED_BYTES_MAX {
            self.unsynced_bytes = 0;
            self.file.sync_data()?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Sink for PartFile {
    fn failed(&self, error: io::Error) -> Failure {
        Failure::Local(format!("cannot write {}: {error}; nothing was kept of it", self.path.display()))
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.is_finished {
            // What cannot be removed is written over by the next backup.
            let _ = fs::remove_file(&self.unfinished);
        }
    }
}
