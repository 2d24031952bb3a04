//! `spandrel export`.

use std::{collections::HashMap, path::PathBuf};

use clap::Args;
use tokio::{sync::mpsc, task};

use super::{
    arguments,
    exchange::{
        self, Destination, Kept, OffsetUnit, Place, Teller, broken, for_output, losses_shown, summary_shown,
    },
    failure::Failure,
    import::loss_of,
    output::Output,
    render::printable,
    table::{counted, size, thousands},
};
use crate::{
    client::{Client, Server},
    domain::ids::{LayerId, ProjectName},
    formats::Format,
    grpc::convert::spans,
    proto::v1::{self, export_response::Event},
};

/// Chunks that wait to be written.
const CHUNKS_AHEAD: usize = 4;

/// What `export` takes.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// The project's id.
    #[arg(value_parser = arguments::project)]
    project: ProjectName,
    /// What the files are to be, as spandrel formats lists it; left out, the extension of the output tells, or it is
    /// native, which loses nothing.
    #[arg(long, value_name = "FORMAT", value_parser = exchange::format)]
    format: Option<Format>,
    /// The file to write, or the folder where the format is several files; stdout when it is left out.
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Replace the file if it exists.
    #[arg(long)]
    force: bool,
    /// Only annotations on this layer; may be given again.
    #[arg(long = "layer", value_name = "LAYER", value_parser = arguments::layer)]
    layers: Vec<LayerId>,
    /// Only annotations that pass this filter; articles without any are exported, too.
    #[arg(long, default_value = "", hide_default_value = true)]
    filter: String,
    /// What offsets count in formats that do not say; code points when it is left out.
    #[arg(long, value_name = "UNIT")]
    unit: Option<OffsetUnit>,
}

impl Export {
    /// Asks the server, and keeps what it sends.
    pub(super) async fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        let format = for_output(self.format, self.output.as_deref())?;
        let place = Place::of(self.output.as_deref(), format, self.force)?;
        let client = Client::connect(server).await?;
        let mut teller = Teller::new(output, place.takes_stdout());
        let (summary, kept) = receive(&client, self.request(format), &place, &mut teller).await?;
        let where_from = format!(
            " of {} at revision {} as {}",
            printable(&self.project.to_string()),
            thousands(summary.revision),
            format.facts().title
        );
        let losses: Vec<_> = summary.losses.iter().map(loss_of).collect();
        let lost = losses_shown(&format!("{} cannot carry", format.facts().title), &losses);
        let words = summary_shown("exported", &where_from, &summary) + &place.shown(kept) + &lost;
        teller.end(summary, &words)
    }

    fn request(&self, format: Format) -> v1::ExportRequest {
        v1::ExportRequest {
            parent: self.project.to_string(),
            format: format.facts().id.to_owned(),
            unit: self.unit.map_or(v1::OffsetUnit::Unspecified, |unit| spans::unit_of(unit.into())).into(),
            layers: self.layers.iter().map(ToString::to_string).collect(),
            filter: self.filter.clone(),
        }
    }
}

/// Writes on a thread of its own: while a disk or whoever reads stdout takes its time, the connection stays alive.
struct Writing {
    chunks: mpsc::Sender<v1::FileChunk>,
    ended: task::JoinHandle<Result<Destination, Failure>>,
}

impl Writing {
    fn begin(mut destination: Destination) -> Self {
        let (chunks, mut waiting) = mpsc::channel::<v1::FileChunk>(CHUNKS_AHEAD);
        let ended = task::spawn_blocking(move || {
            while let Some(v1::FileChunk { path, offset: _, data, last }) = waiting.blocking_recv() {
                destination.write(&path, &data)?;
                if last {
                    destination.close(&path)?;
                }
            }
            Ok(destination)
        });
        Self { chunks, ended }
    }

    /// Whether more is taken; if not, `end` says why.
    async fn write(&self, chunk: v1::FileChunk) -> bool {
        self.chunks.send(chunk).await.is_ok()
    }

    /// Waits until all is written.
    async fn end(self) -> Result<Destination, Failure> {
        let Self { chunks, ended } = self;
        drop(chunks);
        ended.await.map_err(|error| Failure::Local(format!("the export cannot be written: {error}")))?
    }
}

/// Receives the files. They take their names once all have come.
async fn receive(
    client: &Client,
    request: v1::ExportRequest,
    place: &Place,
    teller: &mut Teller<'_>,
) -> Result<(v1::ExchangeSummary, Kept), Failure> {
    let mut stream = client.exchange().export(request).await?.into_inner();
    let writing = Writing::begin(place.open()?);
    let (mut files, mut bytes) = (0_u64, 0_u64);
    let mut open: HashMap<String, u64> = HashMap::new();
    let damaged =
        |what: &str| Failure::Local(format!("the export was damaged on its way: {what}. Try again"));
    while let Some(message) = stream.message().await.map_err(broken)? {
        match message.event {
            Some(Event::Chunk(chunk)) => {
                let received = open.entry(chunk.path.clone()).or_default();
                if chunk.offset != *received {
                    let what = format!("{} goes on at byte {}, not {received}", chunk.path, chunk.offset);
                    return Err(damaged(&what));
                }
                let more = u64::try_from(chunk.data.len()).unwrap_or(u64::MAX);
                *received = received.saturating_add(more);
                bytes = bytes.saturating_add(more);
                if chunk.last {
                    open.remove(&chunk.path);
                    files += 1;
                }
                if !writing.write(chunk).await {
                    break;
                }
                if !place.is_looked_at() {
                    teller.far(|| format!("exporting: {}, {}", counted(files, "file"), size(bytes)));
                }
            }
            Some(Event::Summary(summary)) => {
                if let Some(path) = open.keys().next() {
                    return Err(damaged(&format!("the end of {path} is missing")));
                }
                return Ok((summary, writing.end().await?.finish()?));
            }
            // A newer server says more than this client knows.
            None => {}
        }
    }
    writing.end().await?;
    Err(damaged("its end is missing"))
}
