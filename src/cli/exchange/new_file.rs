//! A file that is being written: under another name until it is whole.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use uuid::Uuid;

use crate::cli::failure::Failure;

/// Behind the names of what is not whole yet.
const UNFINISHED: &str = ".part";

/// A file that is not whole yet; removed when it is dropped before it is.
pub(super) struct NewFile {
    path: PathBuf,
    unfinished: PathBuf,
    file: BufWriter<File>,
    force: bool,
    is_finished: bool,
}

impl NewFile {
    /// Begins the file that will be at `path`.
    pub(super) fn create(path: &Path, force: bool) -> Result<Self, Failure> {
        check_free(path, force)?;
        // What a link leads to is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let unfinished = unfinished(&path);
        let file = File::create_new(&unfinished).map_err(|error| cannot_write(&path, &error))?;
        let file = Self { path, unfinished, file: BufWriter::new(file), force, is_finished: false };
        if let Ok(replaced) = fs::metadata(&file.path) {
            // What was kept from others is not shown to them by its successor.
            let permissions = file.file.get_ref().set_permissions(replaced.permissions());
            permissions.map_err(|error| file.failed(&error))?;
        }
        Ok(file)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes).map_err(|error| self.failed(&error))
    }

    /// Makes the file durable and gives it its name.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(|error| self.failed(&error))?;
        check_free(&self.path, self.force)?;
        fs::rename(&self.unfinished, &self.path).map_err(|error| self.failed(&error))?;
        self.is_finished = true;
        sync_parent(&self.path).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> Failure {
        cannot_write(&self.path, error)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_finished {
            // There is nowhere left to say that it cannot be removed.
            let _ = fs::remove_file(&self.unfinished);
        }
    }
}

/// A failure to write, in words.
pub(super) fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::Local(format!("cannot write {}: {error}; nothing was kept of it", path.display()))
}

/// The name beside `path` of what is not whole yet, which nothing else has.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}{UNFINISHED}", Uuid::new_v4().simple()));
    PathBuf::from(name)
}

/// Makes it durable that `path` has its name.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all())
}

fn check_free(path: &Path, force: bool) -> Result<(), Failure> {
    let name = path.display();
    match fs::metadata(path) {
        Ok(_) if !force => {
            Err(Failure::Local(format!("{name} exists; name another file, or replace it with --force")))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}
