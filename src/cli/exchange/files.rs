//! Files that are read: found in folders, in an order in which what belongs together stands together, and read piece by piece.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    cli::{failure::Failure, source::STDIN, table::thousands},
    limits::FILE_PATH_BYTES_MAX,
};

/// What stdin is called.
const STDIN_PATH: &str = "stdin";
/// How much of a file shows what it is.
const BEGINNING_BYTES: u64 = 64 * 1_024;

/// Files that are read, in order.
#[derive(Debug, Default)]
pub(in crate::cli) struct InputFiles {
    pub(in crate::cli) files: Vec<InputFile>,
}

/// A file that is read.
pub(in crate::cli) struct InputFile {
    /// What it is called: its name, or its path below the folder that was given, with `/` between the parts.
    pub(in crate::cli) path: String,
    source: PathBuf,
    /// Its length; none where that shows only at its end.
    pub(in crate::cli) bytes: Option<u64>,
    /// What was read of one that can be read once.
    begun: Option<(Vec<u8>, Box<dyn Read + Send>)>,
}

impl std::fmt::Debug for InputFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InputFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl InputFiles {
    /// Finds files: each is a file, `-` for stdin, or a folder with all that it holds and that is not hidden. A file that
    /// cannot be read is found out here.
    pub(in crate::cli) fn find(paths: &[PathBuf]) -> Result<Self, Failure> {
        if paths.iter().filter(|path| path.as_os_str() == STDIN).count() > 1 {
            return Err(Failure::Usage("stdin (-) can be read once".to_owned()));
        }
        let mut files = Vec::new();
        for path in paths {
            if path.as_os_str() == STDIN {
                files.push(InputFile::new(STDIN_PATH.to_owned(), path.clone(), None)?);
                continue;
            }
            let found = fs::metadata(path).map_err(|error| cannot_read(path, &error))?;
            if found.is_dir() {
                let mut within = Vec::new();
                walk(path, "", &mut vec![(found.dev(), found.ino())], &mut within)?;
                within.sort_by_cached_key(|file: &InputFile| {
                    let (stem, extension) = split(&file.path);
                    (stem.to_owned(), extension.to_owned())
                });
                files.append(&mut within);
            } else {
                let name = path.file_name().unwrap_or(path.as_os_str());
                let bytes = found.is_file().then_some(found.len());
                files.push(InputFile::new(utf8(path, name)?, path.clone(), bytes)?);
            }
        }
        // Files of settings say what the others mean.
        files.sort_by_key(|file| split(&file.path).1 != "conf");
        check_apart(&files)?;
        if files.is_empty() {
            let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
            return Err(Failure::Local(format!("there is no file in {}", names.join(" and "))));
        }
        Ok(Self { files })
    }

    /// All their bytes; none where that shows only at the end.
    pub(in crate::cli) fn bytes(&self) -> Option<u64> {
        self.files.iter().try_fold(0_u64, |sum, file| Some(sum.saturating_add(file.bytes?)))
    }
}

impl InputFile {
    fn new(path: String, source: PathBuf, bytes: Option<u64>) -> Result<Self, Failure> {
        if path.len() > FILE_PATH_BYTES_MAX {
            return Err(Failure::Local(format!(
                "the path {path} is {} bytes long; {FILE_PATH_BYTES_MAX} are the most",
                thousands(u64::try_from(path.len()).unwrap_or(u64::MAX))
            )));
        }
        if bytes.is_some() {
            File::open(&source).map_err(|error| cannot_read(&source, &error))?;
        }
        Ok(Self { path, source, bytes, begun: None })
    }

    /// How it begins. It can be read from its beginning all the same.
    pub(in crate::cli) fn beginning(&mut self) -> Result<Vec<u8>, Failure> {
        if let Some((beginning, _)) = &self.begun {
            return Ok(beginning.clone());
        }
        let mut reader = self.reader()?;
        let mut beginning = Vec::new();
        let read = reader.by_ref().take(BEGINNING_BYTES).read_to_end(&mut beginning);
        read.map_err(|error| cannot_read(&self.source, &error))?;
        if self.bytes.is_none() {
            self.begun = Some((beginning.clone(), reader));
        }
        Ok(beginning)
    }

    /// Opens it; what is read of it is added to `count`.
    pub(in crate::cli) fn open(&mut self, count: Arc<AtomicU64>) -> Result<OpenInput, Failure> {
        let reader: Box<dyn Read + Send> = match self.begun.take() {
            Some((beginning, rest)) => Box::new(io::Cursor::new(beginning).chain(rest)),
            None => self.reader()?,
        };
        Ok(OpenInput {
            source: self.source.clone(),
            reader,
            expected: self.bytes.unwrap_or(0),
            read: 0,
            count,
        })
    }

    fn reader(&self) -> Result<Box<dyn Read + Send>, Failure> {
        if self.source.as_os_str() == STDIN {
            return Ok(Box::new(io::stdin()));
        }
        let file = File::open(&self.source).map_err(|error| cannot_read(&self.source, &error))?;
        Ok(Box::new(file))
    }
}

/// A file that is being read. That it ends before it should is an error.
pub(in crate::cli) struct OpenInput {
    source: PathBuf,
    reader: Box<dyn Read + Send>,
    expected: u64,
    read: u64,
    count: Arc<AtomicU64>,
}

impl OpenInput {
    /// A failure to read it, in words.
    pub(in crate::cli) fn failed(&self, error: &io::Error) -> Failure {
        cannot_read(&self.source, error)
    }

    /// The next `bytes` of it, or fewer at its end.
    pub(in crate::cli) fn next(&mut self, bytes: usize) -> Result<Vec<u8>, Failure> {
        let limit = u64::try_from(bytes).unwrap_or(u64::MAX);
        let mut data = Vec::with_capacity(bytes.min(usize::try_from(self.expected).unwrap_or(bytes)));
        let read = self.by_ref().take(limit).read_to_end(&mut data);
        read.map_err(|error| self.failed(&error))?;
        Ok(data)
    }
}

impl Read for OpenInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let amount = self.reader.read(buffer)?;
        if amount == 0 && !buffer.is_empty() && self.read < self.expected {
            let message =
                format!("it became shorter while it was read: {} of {} bytes", self.read, self.expected);
            return Err(io::Error::other(message));
        }
        let amount_read = u64::try_from(amount).unwrap_or(u64::MAX);
        self.read = self.read.saturating_add(amount_read);
        self.count.fetch_add(amount_read, Ordering::Relaxed);
        Ok(amount)
    }
}

fn cannot_read(path: &Path, error: &io::Error) -> Failure {
    let name = if path.as_os_str() == STDIN { STDIN_PATH.into() } else { path.to_string_lossy() };
    Failure::Local(format!("cannot read {name}: {error}"))
}

fn utf8(path: &Path, name: &std::ffi::OsStr) -> Result<String, Failure> {
    let wrong = || Failure::Local(format!("the name of {} is not UTF-8; rename it", path.display()));
    name.to_str().map(ToOwned::to_owned).ok_or_else(wrong)
}

/// All files below a folder, in any order. `within` is what the folder is called.
fn walk(
    folder: &Path,
    within: &str,
    ancestors: &mut Vec<(u64, u64)>,
    files: &mut Vec<InputFile>,
) -> Result<(), Failure> {
    let failed = |error: io::Error| cannot_read(folder, &error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let source = entry.path();
        let name = utf8(&source, &entry.file_name())?;
        if name.starts_with('.') {
            continue;
        }
        let path = if within.is_empty() { name } else { format!("{within}/{name}") };
        let found = fs::metadata(&source).map_err(|error| cannot_read(&source, &error))?;
        if found.is_dir() {
            let identity = (found.dev(), found.ino());
            if ancestors.contains(&identity) {
                let message = format!("{} leads back into a folder that it is in", source.display());
                return Err(Failure::Local(message));
            }
            ancestors.push(identity);
            walk(&source, &path, ancestors, files)?;
            ancestors.pop();
        } else if found.is_file() {
            files.push(InputFile::new(path, source, Some(found.len()))?);
        } else {
            return Err(Failure::Local(format!("{} is no file", source.display())));
        }
    }
    Ok(())
}

/// A path without its extension, and the extension.
fn split(path: &str) -> (&str, &str) {
    let name = path.rfind('/').map_or(0, |at| at.saturating_add(1));
    match path.rsplit_once('.') {
        Some((stem, extension)) if stem.len() > name => (stem, extension),
        Some(_) | None => (path, ""),
    }
}

/// Refuses files that are called the same.
fn check_apart(files: &[InputFile]) -> Result<(), Failure> {
    let mut sources: HashMap<&str, &Path> = HashMap::with_capacity(files.len());
    for file in files {
        if let Some(other) = sources.insert(&file.path, &file.source) {
            let (one, other) = (other.display(), file.source.display());
            let message = format!(
                "{one} and {other} would both be called {}; name a folder that both are in, or one after the other",
                file.path
            );
            return Err(Failure::Usage(message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(found: &InputFiles) -> Vec<&str> {
        found.files.iter().map(|file| file.path.as_str()).collect()
    }

    fn failure(paths: &[PathBuf]) -> String {
        InputFiles::find(paths).unwrap_err().message(false, false)
    }

    #[test]
    fn what_belongs_together_stands_together_and_settings_come_first() {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            "b.txt",
            "b.ann",
            "b.1.txt",
            "b.1.ann",
            "a/x.txt",
            "a/x.ann",
            "a/.hidden.txt",
            ".git/y.txt",
            "z.conf",
            "annotation.conf",
            "README",
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "four").unwrap();
        }
        let found = InputFiles::find(&[folder.path().to_owned()]).unwrap();
        assert_eq!(
            paths(&found),
            [
                "annotation.conf",
                "z.conf",
                "README",
                "a/x.ann",
                "a/x.txt",
                "b.ann",
                "b.txt",
                "b.1.ann",
                "b.1.txt"
            ]
        );
        assert_eq!(found.bytes(), Some(36));

        let both = [folder.path().join("b.txt"), folder.path().join("a"), PathBuf::from("-")];
        let found = InputFiles::find(&both).unwrap();
        assert_eq!(paths(&found), ["b.txt", "x.ann", "x.txt", "stdin"]);
        assert_eq!(found.bytes(), None);
    }

    #[test]
    fn what_cannot_be_read_is_found_out_before_anything_is() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(failure(&[folder.path().to_owned()]).contains("there is no file in "));
        assert!(failure(&[at("missing")]).contains("missing: No such file"));
        fs::create_dir_all(at("one")).unwrap();
        fs::create_dir_all(at("two")).unwrap();
        fs::write(at("one/x.txt"), "").unwrap();
        fs::write(at("two/x.txt"), "").unwrap();
        let said = failure(&[at("one/x.txt"), at("two")]);
        assert!(said.contains("would both be called x.txt"), "{said}");
        assert!(failure(&["-".into(), "-".into()]).contains("can be read once"));
        std::os::unix::fs::symlink(folder.path(), at("two/loop")).unwrap();
        let said = failure(&[folder.path().to_owned()]);
        assert!(said.contains("leads back into a folder that it is in"), "{said}");
    }

    #[test]
    fn a_file_that_becomes_shorter_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "abcdef").unwrap();
        let mut found = InputFiles::find(std::slice::from_ref(&path)).unwrap();
        assert_eq!(found.files[0].beginning().unwrap(), b"abcdef");
        let mut open = found.files[0].open(Arc::default()).unwrap();
        assert_eq!(open.next(4).unwrap(), b"abcd");
        assert_eq!(open.next(4).unwrap(), b"ef");
        let mut open = found.files[0].open(Arc::default()).unwrap();
        assert_eq!(open.next(2).unwrap(), b"ab");
        fs::write(&path, "abc").unwrap();
        let said = open.next(4).unwrap_err().message(false, false);
        assert!(said.contains("it became shorter while it was read: 3 of 6 bytes"), "{said}");
    }
}
