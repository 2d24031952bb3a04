//! A folder of files that are being written: under another name until all are whole.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

use super::new_file::{cannot_write, sync_parent, unfinished};
use crate::cli::failure::Failure;

/// Files that are written at a time: more than any format does.
const OPEN_FILES_MAX: usize = 64;

/// A folder that is not whole yet; removed when it is dropped before it is.
pub(super) struct NewFolder {
    path: PathBuf,
    /// Where the files are until all are whole: beside the folder, or within one that is there already.
    unfinished: PathBuf,
    is_there: bool,
    open: HashMap<String, BufWriter<File>>,
    is_finished: bool,
}

impl NewFolder {
    /// Begins the files that will be in the folder at `path`.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        // A slash at its end is none of its name.
        let path: PathBuf = path.components().collect();
        let is_there = path.exists();
        check_free(&path)?;
        let unfinished = unfinished(&if is_there { path.join("export") } else { path.clone() });
        fs::create_dir_all(&unfinished).map_err(|error| cannot_write(&path, &error))?;
        Ok(Self { path, unfinished, is_there, open: HashMap::new(), is_finished: false })
    }

    /// Writes on at the end of a file, which begins with the first bytes.
    pub(super) fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        let file = match self.open.get_mut(path) {
            Some(file) => file,
            None => self.begin(path)?,
        };
        file.write_all(bytes).map_err(|error| cannot_write(&self.path.join(path), &error))
    }

    /// Ends a file.
    pub(super) fn close(&mut self, path: &str) -> Result<(), Failure> {
        self.write(path, &[])?;
        let Some(mut file) = self.open.remove(path) else { return Ok(()) };
        file.flush().map_err(|error| cannot_write(&self.path.join(path), &error))
    }

    /// The first file that has not ended.
    pub(super) fn unclosed(&self) -> Option<&str> {
        self.open.keys().next().map(String::as_str)
    }

    /// Makes the files durable and gives them their names.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.put().map_err(|error| cannot_write(&self.path, &error))?;
        self.is_finished = true;
        Ok(())
    }

    fn put(&self) -> std::io::Result<()> {
        // Once for all of them: one by one, a hundred thousand files would take minutes.
        rustix::fs::syncfs(File::open(&self.unfinished)?)?;
        if !self.is_there {
            fs::rename(&self.unfinished, &self.path)?;
            return sync_parent(&self.path);
        }
        for entry in fs::read_dir(&self.unfinished)? {
            let entry = entry?;
            fs::rename(entry.path(), self.path.join(entry.file_name()))?;
        }
        fs::remove_dir(&self.unfinished)?;
        File::open(&self.path)?.sync_all()
    }

    fn begin(&mut self, path: &str) -> Result<&mut BufWriter<File>, Failure> {
        if self.open.len() >= OPEN_FILES_MAX {
            let message = format!("more than {OPEN_FILES_MAX} files would be written at a time");
            return Err(Failure::Local(message));
        }
        let at = self.unfinished.join(checked(path)?);
        let parent = at.parent().map_or(Ok(()), fs::create_dir_all);
        let file = parent.and_then(|()| File::create_new(&at));
        let file = file.map_err(|error| cannot_write(&self.path.join(path), &error))?;
        Ok(self.open.entry(path.to_owned()).or_insert(BufWriter::new(file)))
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        if !self.is_finished {
            // There is nowhere left to say that it cannot be removed.
            let _ = fs::remove_dir_all(&self.unfinished);
        }
    }
}

/// The path, which must not lead out of its folder.
fn checked(path: &str) -> Result<&Path, Failure> {
    let is_plain = |part: &str| !matches!(part, "" | "." | "..");
    let has_others = path.contains(|character: char| character == '\\' || character.is_control());
    if has_others || !path.split('/').all(is_plain) {
        let message =
            format!("a file would be called {path:?}, which may lead out of its folder; nothing was kept");
        return Err(Failure::Local(message));
    }
    Ok(Path::new(path))
}

/// Refuses a folder that holds something: what was there would be taken for a part of what is written.
fn check_free(path: &Path) -> Result<(), Failure> {
    let name = path.display();
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => Err(Failure::Local(format!("{name} is a file; name a folder"))),
        Ok(_) => {
            let mut entries = fs::read_dir(path).map_err(|error| cannot_write(path, &error))?;
            match entries.next() {
                Some(Ok(entry)) => Err(Failure::Local(format!(
                    "{name} holds {} already; name a folder that is empty, or is not there yet",
                    entry.file_name().display()
                ))),
                Some(Err(error)) => Err(cannot_write(path, &error)),
                None => Ok(()),
            }
        }
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_its_folder() {
        for path in ["", "/etc/passwd", "../x", "a/../x", "a//b", "a/", "./a", "a\\b", "a\0b", ".."] {
            assert!(checked(path).is_err(), "{path:?}");
        }
        for path in ["a", "a/b.txt", "..a/.b", "a b", "東京"] {
            assert_eq!(checked(path).unwrap(), Path::new(path));
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = names.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn files_are_there_when_all_are_whole() {
        let parent = tempfile::tempdir().unwrap();
        let there = parent.path().join("there");
        fs::create_dir(&there).unwrap();
        for path in [parent.path().join("new/deep"), there] {
            let mut folder = NewFolder::create(&path).unwrap();
            folder.write("b/one", b"1").unwrap();
            folder.write("two", b"2").unwrap();
            folder.write("b/one", b"1").unwrap();
            folder.close("b/one").unwrap();
            folder.close("empty").unwrap();
            assert_eq!(folder.unclosed(), Some("two"));
            folder.close("two").unwrap();
            assert!(!path.join("two").exists());
            let twice = folder.write("b/one", b"1").unwrap_err().message(false, false);
            assert!(twice.contains("b/one: File exists"), "{twice}");
            folder.finish().unwrap();
            assert_eq!(names(&path), ["b", "empty", "two"]);
            assert_eq!(fs::read(path.join("b/one")).unwrap(), b"11");
            let full = NewFolder::create(&path).err().unwrap().message(false, false);
            assert!(full.contains(" already; name a folder that is empty"), "{full}");
        }
        assert_eq!(names(parent.path()), ["new", "there"]);
        assert_eq!(names(&parent.path().join("new")), ["deep"]);
    }

    #[test]
    fn nothing_is_left_of_what_is_not_whole() {
        let parent = tempfile::tempdir().unwrap();
        let mut folder = NewFolder::create(&parent.path().join("new")).unwrap();
        folder.write("a", b"1").unwrap();
        drop(folder);
        assert!(names(parent.path()).is_empty());
    }
}
