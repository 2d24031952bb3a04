//! `spandrel backup`.

use std::{
    fs::{self, File, Metadata, TryLockError},
    io::{self, IsTerminal as _, Write},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use clap::Args;
use sha2::{Digest as _, Sha256};

use super::{
    client::{Client, Server},
    failure::Failure,
    output::{Output, note},
    progress::Progress,
    render::printable,
    table::{Table, counted, size, thousands},
};
use crate::{
    limits::BACKUP_UNSYNCED_BYTES_MAX,
    proto::v1::{self, backup_response::Event},
};

const SUMMARY: &str = "spandrel.v1.BackupSummary";
/// The file that is stdout.
const STDOUT: &str = "-";
/// Behind the name of a file that is not whole yet.
const UNFINISHED: &str = ".part";

/// What `backup` takes.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The file to write, or - for stdout.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace the file if it exists.
    #[arg(long)]
    force: bool,
}

impl Backup {
    /// Asks the server, and keeps what it sends.
    pub(super) async fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        let Self { file, force } = self;
        let to_stdout = file.as_os_str() == STDOUT;
        if to_stdout && io::stdout().is_terminal() {
            let message = "a backup is no text for a terminal; name a file, or send stdout into one";
            return Err(Failure::Usage(message.to_owned()));
        }
        let client = Client::connect(server).await?;
        let summary = if to_stdout {
            let mut out = io::stdout().lock();
            let summary = receive(&client, &mut out).await?;
            out.flush()?;
            summary
        } else {
            let mut part = Part::create(&file, force)?;
            let summary = receive(&client, &mut part).await?;
            part.finish(force)?;
            summary
        };
        let said = match (output.json, to_stdout) {
            (true, false) => return output.print_json(SUMMARY, &summary, &[]),
            (true, true) => super::json::line(SUMMARY, &summary, &[])? + "\n",
            (false, _) => as_text(&summary, &file),
        };
        if to_stdout {
            note(&said);
            return Ok(());
        }
        output.print(&said)
    }
}

/// A failure to write what was received.
trait Sink: Write {
    /// What is written, in words.
    fn failed(&self, error: io::Error) -> Failure;
}

impl Sink for io::StdoutLock<'_> {
    fn failed(&self, error: io::Error) -> Failure {
        // Whoever stopped reading has half a backup: unlike with an answer, that is no success.
        Failure::Local(format!("the backup was cut off, for stdout cannot be written: {error}"))
    }
}

/// Receives the file, and checks it.
async fn receive(client: &Client, file: &mut impl Sink) -> Result<v1::BackupSummary, Failure> {
    let mut stream = client.admin().backup(v1::BackupRequest {}).await?.into_inner();
    let mut progress = Progress::new();
    let (mut sha256, mut received) = (Sha256::new(), 0_u64);
    let damaged = |what: &str| {
        Failure::Local(format!(
            "the backup was damaged on its way: {what}; nothing was kept of it. Try again"
        ))
    };
    while let Some(message) = stream.message().await? {
        match message.event {
            Some(Event::Chunk(v1::BackupChunk { offset, data, crc32 })) => {
                if offset != received || crc32fast::hash(&data) != crc32 {
                    return Err(damaged(&format!("what came at byte {received} is not what was sent")));
                }
                sha256.update(&data);
                received += u64::try_from(data.len()).unwrap_or(u64::MAX);
                file.write_all(&data).map_err(|error| file.failed(error))?;
            }
            Some(Event::Progress(at)) => progress.say(|| line(&at)),
            Some(Event::Summary(summary)) => {
                let digest = sha256.finalize();
                let found = digest.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
                if summary.file_bytes != received || summary.sha256 != found {
                    return Err(damaged("its checksum is another one"));
                }
                return Ok(summary);
            }
            // A newer server says more than this client knows.
            None => {}
        }
    }
    Err(damaged("its end is missing"))
}

fn line(at: &v1::BackupProgress) -> String {
    format!(
        "backing up: {} of {} projects, {} articles, {} annotations, {} commits, {}",
        thousands(at.projects),
        thousands(at.projects_total),
        thousands(at.articles),
        thousands(at.annotations),
        thousands(at.commits),
        size(at.file_bytes),
    )
}

fn as_text(summary: &v1::BackupSummary, file: &Path) -> String {
    let row = |project: &v1::BackedUpProject| {
        let id = project.name.trim_start_matches("projects/").to_owned();
        [id, thousands(project.revision)]
    };
    let table = if summary.projects.is_empty() {
        String::new()
    } else {
        Table::new(["PROJECT", " REVISION"]).page(summary.projects.iter().map(row))
    };
    let projects = usize::try_from(summary.projects_total).unwrap_or(usize::MAX);
    let more = match projects.saturating_sub(summary.projects.len()) {
        0 => String::new(),
        more => format!("and {} more\n", counted(more, "project")),
    };
    let file = if file.as_os_str() == STDOUT { "stdout".into() } else { file.to_string_lossy() };
    format!(
        "{table}{more}backed up {} with {}, {} and {}\n  {}  {}\n  sha256  {}\n",
        counted(projects, "project"),
        counted(summary.articles, "article"),
        counted(summary.annotations, "annotation"),
        counted(summary.commits, "commit"),
        printable(&file),
        size(summary.file_bytes),
        summary.sha256,
    )
}

/// A file that is not whole yet; removed when it is dropped before it is.
struct Part {
    path: PathBuf,
    unfinished: PathBuf,
    file: File,
    unsynced_bytes: usize,
    is_finished: bool,
}

impl Part {
    /// Makes the file `path` with `.part` behind its name.
    fn create(path: &Path, force: bool) -> Result<Self, Failure> {
        let name = path.display();
        check_free(path, force)?;
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(UNFINISHED);
        let unfinished = PathBuf::from(unfinished);
        let cannot =
            |error: io::Error| Failure::Local(format!("cannot write {}: {error}", unfinished.display()));
        let file = loop {
            // One that is left by a backup that was killed is nobody's, and written over.
            let file = File::options().create(true).truncate(false).write(true).open(&unfinished);
            let file = file.map_err(cannot)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(Failure::Local(format!(
                        "another backup is writing {name}; name another file"
                    )));
                }
                Err(TryLockError::Error(error)) => return Err(cannot(error)),
            }
            // The one that was opened may have been given its name, or removed, before it was locked.
            let locked = file.metadata().map_err(cannot)?;
            let is_same = |there: &Metadata| (there.dev(), there.ino()) == (locked.dev(), locked.ino());
            if fs::metadata(&unfinished).is_ok_and(|there| is_same(&there)) {
                break file;
            }
        };
        file.set_len(0).map_err(cannot)?;
        Ok(Self { path: path.to_owned(), unfinished, file, unsynced_bytes: 0, is_finished: false })
    }

    /// Makes the file durable and gives it its name.
    fn finish(mut self, force: bool) -> Result<(), Failure> {
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

impl Write for Part {
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

impl Sink for Part {
    fn failed(&self, error: io::Error) -> Failure {
        Failure::Local(format!("cannot write {}: {error}; nothing was kept of it", self.path.display()))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_finished {
            // What cannot be removed is written over by the next backup.
            let _ = fs::remove_file(&self.unfinished);
        }
    }
}
