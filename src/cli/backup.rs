//! `spandrel backup`.

use std::{
    io::{self, IsTerminal as _, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use clap::Args;
use sha2::{Digest as _, Sha256};
use tokio::{sync::mpsc, task};

use super::{
    failure::Failure,
    output::{Output, note},
    part_file::PartFile,
    progress::Progress,
    render::printable,
    table::{Table, counted, size, thousands},
};
use crate::{
    client::{Client, Server},
    proto::v1::{self, backup_response::Event},
};

const SUMMARY: &str = "spandrel.v1.BackupSummary";
/// The file that is stdout.
const STDOUT: &str = "-";
/// Chunks that wait to be written.
const CHUNKS_AHEAD: usize = 4;

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
            receive(&client, io::stdout()).await?.0
        } else {
            let (summary, part) = receive(&client, PartFile::create(&file, force)?).await?;
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

/// Where a backup goes.
pub(super) trait Sink: Write + Send + 'static {
    /// A failure to write there, in words.
    fn failed(&self, error: io::Error) -> Failure;
}

impl Sink for io::Stdout {
    fn failed(&self, error: io::Error) -> Failure {
        // Whoever stopped reading has half a backup: unlike with an answer, that is no success.
        Failure::Local(format!("the backup was cut off, for stdout cannot be written: {error}"))
    }
}

/// Writes on a thread of its own: while a disk or whoever reads stdout takes its time, the connection stays alive.
struct Writing<S> {
    chunks: mpsc::Sender<Bytes>,
    ended: task::JoinHandle<Result<S, Failure>>,
}

impl<S: Sink> Writing<S> {
    fn begin(mut sink: S) -> Self {
        let (chunks, mut waiting) = mpsc::channel::<Bytes>(CHUNKS_AHEAD);
        let ended = task::spawn_blocking(move || {
            while let Some(chunk) = waiting.blocking_recv() {
                sink.write_all(&chunk).map_err(|error| sink.failed(error))?;
            }
            sink.flush().map_err(|error| sink.failed(error))?;
            Ok(sink)
        });
        Self { chunks, ended }
    }

    /// Whether more is taken; if not, `end` says why.
    async fn write(&self, chunk: Bytes) -> bool {
        self.chunks.send(chunk).await.is_ok()
    }

    /// Waits until all is written.
    async fn end(self) -> Result<S, Failure> {
        let Self { chunks, ended } = self;
        drop(chunks);
        ended.await.map_err(|error| Failure::Local(format!("the backup cannot be written: {error}")))?
    }
}

/// Receives the file, and checks it.
async fn receive<S: Sink>(client: &Client, sink: S) -> Result<(v1::BackupSummary, S), Failure> {
    let mut stream = client.admin().backup(v1::BackupRequest {}).await?.into_inner();
    let writing = Writing::begin(sink);
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
                if !writing.write(data.into()).await {
                    break;
                }
            }
            Some(Event::Progress(at)) => progress.say(|| line(&at)),
            Some(Event::Summary(summary)) => {
                let digest = sha256.finalize();
                let found = digest.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
                if summary.file_bytes != received || summary.sha256 != found {
                    return Err(damaged("its checksum is another one"));
                }
                return Ok((summary, writing.end().await?));
            }
            // A newer server says more than this client knows.
            None => {}
        }
    }
    writing.end().await?;
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
