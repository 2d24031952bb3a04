//! Where what is written goes: stdout, a file, or a folder.

use std::{
    fs::{self, File},
    io::{self, BufWriter, IsTerminal as _, Write},
    path::{Path, PathBuf},
};

use super::{folder::NewFolder, new_file::NewFile};
use crate::{
    cli::{
        failure::Failure,
        render::printable,
        table::{counted, size},
    },
    formats::Format,
};

/// The path that is stdout.
const STDOUT: &str = "-";

/// Where files are to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Place {
    Stdout,
    File { path: PathBuf, force: bool },
    Folder(PathBuf),
}

/// Where files go.
pub(in crate::cli) struct Destination {
    sink: Sink,
    /// The one file, where there is one.
    file: Option<String>,
    is_closed: bool,
    kept: Kept,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::cli) struct Kept {
    pub(in crate::cli) files: u64,
    pub(in crate::cli) bytes: u64,
}

enum Sink {
    /// Stdout, or a file that is none on a disk, such as a pipe.
    Stream(BufWriter<Box<dyn Write + Send>>),
    File(NewFile),
    Folder(NewFolder),
}

impl Place {
    /// Where files of this format go, if this is what was said of it.
    pub(in crate::cli) fn of(output: Option<&Path>, format: Format, force: bool) -> Result<Self, Failure> {
        let facts = format.facts();
        // Articles and annotations are tables of their own.
        let makes_folder = facts.is_folder;
        match output.filter(|path| path.as_os_str() != STDOUT) {
            None if makes_folder => {
                let message = format!("{} is several files; say where with --output FOLDER", facts.title);
                Err(Failure::Usage(message))
            }
            None => Ok(Self::Stdout),
            Some(path)
                if makes_folder || path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/") =>
            {
                if force {
                    return Err(Failure::Usage("--force replaces a file, and no folder".to_owned()));
                }
                Ok(Self::Folder(path.to_owned()))
            }
            Some(path) => Ok(Self::File { path: path.to_owned(), force }),
        }
    }

    /// Makes the file or the folder.
    pub(in crate::cli) fn open(&self) -> Result<Destination, Failure> {
        let stream = |sink: Box<dyn Write + Send>| Sink::Stream(BufWriter::new(sink));
        let sink = match self {
            Self::Stdout => stream(Box::new(io::stdout())),
            // What is no file has no other name meanwhile, and is not replaced.
            Self::File { path, .. } if fs::metadata(path).is_ok_and(|found| !found.is_file()) => {
                let file = File::options().write(true).open(path);
                let failed = |error| Failure::Local(format!("cannot write {}: {error}", path.display()));
                stream(Box::new(file.map_err(failed)?))
            }
            Self::File { path, force } => Sink::File(NewFile::create(path, *force)?),
            Self::Folder(path) => Sink::Folder(NewFolder::create(path)?),
        };
        Ok(Destination { sink, file: None, is_closed: false, kept: Kept::default() })
    }

    /// What was written, and where.
    pub(in crate::cli) fn shown(&self, kept: Kept) -> String {
        let size = size(kept.bytes);
        match self {
            Self::Stdout => format!("  {size} on stdout\n"),
            Self::File { path, .. } => format!("  {size} in {}\n", printable(&path.to_string_lossy())),
            Self::Folder(path) => {
                let files = counted(kept.files, "file");
                format!("  {files}, {size} in {}\n", printable(&path.to_string_lossy()))
            }
        }
    }

    /// Whether what is written takes stdout, where somebody may look at it.
    pub(in crate::cli) fn takes_stdout(&self) -> bool {
        *self == Self::Stdout
    }

    /// Whether progress would be mixed with what is written.
    pub(in crate::cli) fn is_looked_at(&self) -> bool {
        self.takes_stdout() && io::stdout().is_terminal()
    }
}

impl Destination {
    /// Writes on at the end of a file, which begins with the first bytes.
    pub(in crate::cli) fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.kept.bytes = self.kept.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if let Sink::Folder(folder) = &mut self.sink {
            return folder.write(path, bytes);
        }
        let first = self.file.get_or_insert_with(|| path.to_owned());
        if first != path || self.is_closed {
            return Err(Failure::Local(format!(
                "there are several files, {first} and {path}, and one place for them; say --output FOLDER/"
            )));
        }
        match &mut self.sink {
            Sink::Stream(stream) => stream.write_all(bytes).map_err(|error| cut_off(&error)),
            Sink::File(file) => file.write(bytes),
            Sink::Folder(_) => Ok(()),
        }
    }

    /// Ends a file.
    pub(in crate::cli) fn close(&mut self, path: &str) -> Result<(), Failure> {
        self.kept.files = self.kept.files.saturating_add(1);
        if let Sink::Folder(folder) = &mut self.sink {
            return folder.close(path);
        }
        self.write(path, &[])?;
        self.is_closed = true;
        Ok(())
    }

    /// Makes it all durable and gives it its name.
    pub(in crate::cli) fn finish(self) -> Result<Kept, Failure> {
        let Self { sink, file, is_closed, kept } = self;
        let unclosed = match &sink {
            Sink::Folder(folder) => folder.unclosed().map(ToOwned::to_owned),
            Sink::Stream(_) | Sink::File(_) => file.filter(|_| !is_closed),
        };
        if let Some(path) = unclosed {
            return Err(Failure::Local(format!("the end of {path} is missing; nothing was kept")));
        }
        match sink {
            Sink::Stream(mut stream) => stream.flush().map_err(|error| cut_off(&error))?,
            Sink::File(file) => file.finish()?,
            Sink::Folder(folder) => folder.finish()?,
        }
        Ok(kept)
    }
}

/// Whoever stopped reading has half of it: unlike with an answer, that is no success.
fn cut_off(error: &io::Error) -> Failure {
    Failure::Local(format!("it was cut off, for it cannot be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_files_go_is_said_by_their_format_and_by_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = |path: &str| Place::File { path: path.into(), force: false };
        let of = |output: Option<&str>, format| Place::of(output.map(Path::new), format, false);
        assert_eq!(of(None, Format::Native).unwrap(), Place::Stdout);
        assert_eq!(of(Some("-"), Format::Native).unwrap(), Place::Stdout);
        assert_eq!(of(Some("a"), Format::Native).unwrap(), file("a"));
        assert_eq!(of(Some("a/"), Format::Native).unwrap(), Place::Folder("a/".into()));
        assert_eq!(of(Some("a"), Format::Parquet).unwrap(), Place::Folder("a".into()));
        assert!(matches!(of(folder.path().to_str(), Format::Native).unwrap(), Place::Folder(_)));
        assert!(matches!(of(None, Format::Parquet), Err(Failure::Usage(_))));
        assert!(matches!(Place::of(Some(Path::new("a/")), Format::Native, true), Err(Failure::Usage(_))));
    }

    #[test]
    fn a_file_is_there_when_it_is_whole_and_replaces_another_when_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let place = |force| Place::File { path: path.clone(), force };
        let mut begun = place(false).open().unwrap();
        begun.write("articles.jsonl", b"half").unwrap();
        assert!(!path.exists());
        drop(begun);
        let mut begun = place(false).open().unwrap();
        begun.write("articles.jsonl", b"half").unwrap();
        let failure = begun.finish().unwrap_err().message(false, false);
        assert!(failure.contains("the end of articles.jsonl is missing"), "{failure}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

        let mut begun = place(false).open().unwrap();
        begun.write("articles.jsonl", b"whole").unwrap();
        begun.close("articles.jsonl").unwrap();
        assert_eq!(begun.finish().unwrap(), Kept { files: 1, bytes: 5 });
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert!(place(false).open().is_err());
        let mut begun = place(true).open().unwrap();
        begun.close("articles.jsonl").unwrap();
        let failure = begun.write("more.jsonl", b"").unwrap_err().message(false, false);
        assert!(failure.contains("say --output FOLDER/"), "{failure}");
        begun.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
    }
}
