//! `spandrel import`.

use std::{path::PathBuf, pin::pin, time::Duration};

use clap::Args;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use super::{
    arguments,
    exchange::{self, ImportUnit, InputFiles, Pace, Teller, broken, guessed, losses_shown, summary_shown},
    failure::Failure,
    output::Output,
    render::printable,
    source::STDIN,
    table::{counted, thousands},
};
use crate::{
    client::{Client, Server},
    domain::ids::{LayerId, ProjectName},
    formats::{Format, Loss},
    grpc::convert::spans,
    proto::v1::{self, import_request::Payload, import_response::Event},
};

/// Bytes of a file in one message.
const CHUNK_BYTES: usize = 256 * 1_024;
/// Messages that wait to be sent.
const CHUNKS_AHEAD: usize = 4;
/// How often progress is looked at when nothing comes.
const TICK: Duration = Duration::from_millis(250);

/// What `import` takes.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The project's id; it must be there.
    #[arg(value_parser = arguments::project)]
    project: ProjectName,
    /// Files, or folders with all files in them that are not hidden; - is stdin.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// What the files are, as spandrel formats lists it; left out, what stands in them tells.
    #[arg(long, value_name = "FORMAT", value_parser = exchange::format)]
    format: Option<Format>,
    /// The layer of annotations whose file names none; otherwise default.
    #[arg(long, value_parser = arguments::layer)]
    layer: Option<LayerId>,
    /// What the offsets of the files count; auto takes what fits the quotes. Left out, it is what the format says.
    #[arg(long, value_name = "UNIT")]
    unit: Option<ImportUnit>,
    /// Check everything and write nothing.
    #[arg(long)]
    validate_only: bool,
    /// End with the first record that is refused; what came before it is imported.
    #[arg(long)]
    stop_on_error: bool,
    /// Tell annotations without ids of their own from those of other imports of the same files.
    #[arg(long = "import-id", value_name = "ID", default_value = "", hide_default_value = true)]
    id: String,
}

impl Import {
    /// Sends the files, and tells what comes of them.
    pub(super) async fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        let mut files = InputFiles::find(&self.paths)?;
        let format = guessed(self.format, "--format", &mut files)?;
        let mut teller = Teller::new(output, false);
        if self.format.is_none() {
            let title = format.facts().title;
            teller.remark(&format!("reads as {title}; say --format to read it otherwise\n"));
        }
        let client = Client::connect(server).await?;
        let pace = Pace::new(&files);
        let (requests, waiting) = mpsc::channel(CHUNKS_AHEAD);
        let mut sending = pin!(failure_of(send(files, self.options(format), requests, pace.clone())?));
        let mut durable = None;
        let answered = {
            let answers = receive(&client, waiting, &pace, &mut teller, &mut durable);
            let mut answers = pin!(answers);
            tokio::select! {
                answered = &mut answers => answered,
                failure = &mut sending => Err(failure),
            }
        };
        match answered {
            Ok(summary) => {
                let words = self.words(&summary);
                teller.end(summary, &words)
            }
            Err(failure) => {
                let reaches_on = !self.validate_only && goes_on(&failure);
                self.cut_off(&mut teller, durable, reaches_on)?;
                Err(failure)
            }
        }
    }

    fn options(&self, format: Format) -> v1::ImportOptions {
        let unit = self.unit.and_then(ImportUnit::unit);
        v1::ImportOptions {
            parent: self.project.to_string(),
            format: format.facts().id.to_owned(),
            unit: unit.map_or(v1::OffsetUnit::Unspecified, spans::unit_of).into(),
            layer: self.layer.as_ref().map(ToString::to_string).unwrap_or_default(),
            validate_only: self.validate_only,
            stop_on_error: self.stop_on_error,
            import_id: self.id.clone(),
            unit_from_quotes: self.unit == Some(ImportUnit::Auto),
        }
    }

    fn words(&self, summary: &v1::ExchangeSummary) -> String {
        let project = printable(&self.project.to_string());
        let (done, where_to) = if self.validate_only {
            ("valid, not stored:", String::new())
        } else {
            // Where everything was there already, nothing was committed.
            let revision = match summary.revision {
                0 => String::new(),
                revision => format!(", revision {}", thousands(revision)),
            };
            ("imported", format!(" into {project}{revision}"))
        };
        let losses: Vec<_> = summary.losses.iter().map(loss_of).collect();
        summary_shown(done, &where_to, summary) + &losses_shown("not carried over", &losses)
    }

    /// Says what was imported before the end that should not have come.
    fn cut_off(
        &self,
        teller: &mut Teller<'_>,
        durable: Option<v1::ImportProgress>,
        reaches_on: bool,
    ) -> Result<(), Failure> {
        if teller.is_json() {
            return durable.map_or(Ok(()), |durable| teller.event(Event::Progress(durable)));
        }
        teller.remark(&teller.untold());
        let records = durable.as_ref().map_or(0, |durable| durable.records);
        if let Some(v1::ImportProgress { path, .. }) = durable.filter(|_| !self.validate_only) {
            let records = counted(records, "record");
            teller.remark(&format!("{records} are imported and durable, the last of {}\n", printable(&path)));
        }
        if reaches_on {
            let again = if self.paths.iter().any(|path| path.as_os_str() == STDIN) {
                "the same command with the same input"
            } else {
                "the same command"
            };
            teller
                .remark(&format!("{again} goes on where it stopped: what is there already stays as it is\n"));
        }
        Ok(())
    }
}

/// The API's loss as the formats have it.
pub(super) fn loss_of(loss: &v1::Loss) -> Loss {
    let v1::Loss { feature, count, examples } = loss.clone();
    Loss { feature, count, examples }
}

/// Whether it may go on with another try.
fn goes_on(failure: &Failure) -> bool {
    match failure {
        Failure::Refused(status) => {
            matches!(
                status.code(),
                Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled | Code::DeadlineExceeded
            )
        }
        Failure::Local(_) => true,
        Failure::Unreachable { .. } | Failure::Usage(_) | Failure::Output(_) => false,
    }
}

/// Reads the files on a thread of its own, which ends with the process: stdin may never end.
fn send(
    files: InputFiles,
    options: v1::ImportOptions,
    requests: mpsc::Sender<v1::ImportRequest>,
    pace: Pace,
) -> Result<oneshot::Receiver<Result<(), Failure>>, Failure> {
    let (ended, end) = oneshot::channel();
    let thread = std::thread::Builder::new().name("files".to_owned()).spawn(move || {
        // Whoever waits for it may be gone.
        let _ = ended.send(send_all(files, options, &requests, &pace));
    });
    thread.map(|_| end).map_err(|error| Failure::Local(format!("cannot start: {error}")))
}

fn send_all(
    files: InputFiles,
    options: v1::ImportOptions,
    requests: &mpsc::Sender<v1::ImportRequest>,
    pace: &Pace,
) -> Result<(), Failure> {
    // Nobody takes more once the import has ended, and says why.
    let send = |payload| requests.blocking_send(v1::ImportRequest { payload: Some(payload) }).is_ok();
    if !send(Payload::Options(options)) {
        return Ok(());
    }
    for mut file in files.files {
        let mut open = file.open(pace.bytes())?;
        let mut offset = 0_u64;
        loop {
            let data = open.next(CHUNK_BYTES)?;
            let (bytes, last) = (data.len(), data.len() < CHUNK_BYTES);
            if !send(Payload::Chunk(v1::FileChunk { path: file.path.clone(), offset, data, last })) {
                return Ok(());
            }
            offset = offset.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
            if last {
                break;
            }
        }
        pace.file_ends();
    }
    Ok(())
}

/// Why the files cannot be read on; waits forever if they can.
async fn failure_of(end: oneshot::Receiver<Result<(), Failure>>) -> Failure {
    match end.await {
        Ok(Ok(())) => std::future::pending().await,
        Ok(Err(failure)) => failure,
        Err(_) => Failure::Local("the files could not be read to their end".to_owned()),
    }
}

/// Tells what the server says, up to its summary.
async fn receive(
    client: &Client,
    requests: mpsc::Receiver<v1::ImportRequest>,
    pace: &Pace,
    teller: &mut Teller<'_>,
    durable: &mut Option<v1::ImportProgress>,
) -> Result<v1::ExchangeSummary, Failure> {
    let mut events = client.exchange().import(ReceiverStream::new(requests)).await?.into_inner();
    let mut ticks = tokio::time::interval(TICK);
    let mut records = 0;
    loop {
        let response = tokio::select! {
            response = events.message() => response.map_err(broken)?,
            _ = ticks.tick() => {
                teller.far(|| pace.line("importing", records));
                continue;
            }
        };
        let Some(response) = response else {
            return Err(broken(Status::unavailable("it ended without a summary")));
        };
        match response.event {
            Some(Event::Progress(progress)) => {
                records = progress.records;
                *durable = Some(progress);
                teller.far(|| pace.line("importing", records));
            }
            Some(Event::Problem(problem)) => teller.problem(problem)?,
            Some(Event::Summary(summary)) => return Ok(summary),
            // A newer server says more than this client knows.
            None => {}
        }
    }
}
