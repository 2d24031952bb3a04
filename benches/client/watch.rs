//! How soon those who follow a project see what is written, and what they cost those who write.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Buf as _;
use prost::Message as _;
use spandrel::proto::v1::{
    Annotation, CreateAnnotationRequest, Now, UpdateAnnotationRequest, WatchChangesRequest,
    WatchChangesResponse, resource::Kind, watch_changes_request::Start, watch_changes_response::Event,
};
use tokio::{sync::Semaphore, task::JoinSet};
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder},
    codegen::http::uri::PathAndQuery,
};

use crate::{
    Result,
    connection::{Connection, create},
    fill,
    latency::{Measured, cpu},
};

/// Streams of one connection; the server allows a little more than a thousand.
const CONNECTION_WATCHERS: usize = 250;

/// What `watch` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Watch {
    /// Who follow the project
    #[arg(long, default_value_t = 1)]
    watchers: usize,
    /// Who create annotations, each one after another
    #[arg(long, default_value_t = 64)]
    writers: usize,
    /// How many articles they write in
    #[arg(long, default_value_t = 100)]
    articles: u64,
    /// Creations a second, by all together; without it, as many as can be
    #[arg(long)]
    per_second: Option<f64>,
    /// Send a request id with each
    #[arg(long)]
    request_ids: bool,
    /// Take what the watchers are sent without reading it: so that reading costs nobody anything
    #[arg(long)]
    unread: bool,
    /// The filled project
    #[arg(long, default_value = "bench")]
    project: String,
    /// Seconds that are measured
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Also say how much CPU this process takes for a creation
    #[arg(long)]
    server_pid: Option<u32>,
    /// The name that is printed first
    #[arg(long, default_value = "watch")]
    name: String,
}

/// What `contend` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Contend {
    /// Who change one annotation, each with the etag that it read last
    #[arg(long, default_value_t = 64)]
    writers: usize,
    /// The filled project
    #[arg(long, default_value = "bench")]
    project: String,
    /// Seconds that are measured
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
}

/// When each creation was sent and acknowledged, in microseconds since the beginning; by its number.
struct Times {
    begin: Instant,
    sent: Vec<AtomicU64>,
}

impl Times {
    /// As many as a run can make.
    const NUMBERS: usize = 1 << 22;

    fn new() -> Arc<Self> {
        let sent = (0..Self::NUMBERS).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self { begin: Instant::now(), sent })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_micros()).unwrap()
    }
}

impl Watch {
    pub(crate) async fn run(self, server: &str) -> Result<()> {
        let times = Times::new();
        let opened = Arc::new(Semaphore::new(0));
        let mut watchers = JoinSet::new();
        let mut connection = Connection::open(server).await?;
        for watcher in 0..self.watchers {
            if watcher % CONNECTION_WATCHERS == CONNECTION_WATCHERS - 1 {
                connection = Connection::open(server).await?;
            }
            let (parent, opened) = (format!("projects/{}", self.project), Arc::clone(&opened));
            watchers.spawn(follow(connection.clone(), parent, opened, Arc::clone(&times), self.unread));
        }
        opened.acquire_many(u32::try_from(self.watchers)?).await?.forget();

        let (turn, begin) = (Arc::new(AtomicU64::new(0)), Instant::now());
        let until = begin + Duration::from_secs_f64(self.seconds);
        let between = self.per_second.map(|calls| Duration::from_secs_f64(1.0 / calls));
        let cpu_before = self.server_pid.map(cpu);
        let mut writers = JoinSet::new();
        let mut connections = Vec::new();
        for _ in 0..self.writers.min(4) {
            connections.push(Connection::open(server).await?);
        }
        for writer in 0..self.writers {
            let connection = connections[writer % connections.len()].clone();
            let requests =
                Requests { project: self.project.clone(), articles: self.articles, ids: self.request_ids };
            writers.spawn(write(
                connection,
                requests,
                Arc::clone(&turn),
                Arc::clone(&times),
                (begin, between),
                until,
            ));
        }
        let mut acknowledged = Measured::default();
        while let Some(writer) = writers.join_next().await {
            acknowledged.times.extend(writer??.times);
        }
        let cpu =
            self.server_pid.map(cpu).zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
        // Who is behind by now has this long.
        tokio::time::sleep(Duration::from_secs(1)).await;
        watchers.abort_all();
        let mut seen = Measured::default();
        while let Some(watcher) = watchers.join_next().await {
            if let Ok(more) = watcher {
                seen.times.extend(more?.times);
            }
        }
        seen.times.extend(TIMES_SEEN.lock().unwrap().drain(..));
        self.report(acknowledged, seen, cpu)
    }

    fn report(&self, mut acknowledged: Measured, mut seen: Measured, cpu: Option<Duration>) -> Result<()> {
        let calls = f64::from(u32::try_from(acknowledged.times.len())?);
        let cpu = cpu.map(|cpu| format!(r#","server_us_per_call":{:.2}"#, cpu.as_secs_f64() * 1e6 / calls));
        let micros = |measured: &mut Measured, per_mille| {
            measured.quantile(per_mille).map_or(0.0, |time| time.as_secs_f64() * 1e6)
        };
        println!(
            r#"{{"name":{:?},"watchers":{},"writers":{},"rps":{:.1},"p50_us":{:.1},"p99_us":{:.1},"seen":{},"seen_p50_us":{:.1},"seen_p99_us":{:.1}{}}}"#,
            self.name,
            self.watchers,
            self.writers,
            calls / self.seconds,
            micros(&mut acknowledged, 500),
            micros(&mut acknowledged, 990),
            seen.times.len(),
            micros(&mut seen, 500),
            micros(&mut seen, 990),
            cpu.unwrap_or_default(),
        );
        Ok(())
    }
}

/// What watchers measured that were ended from outside.
static TIMES_SEEN: std::sync::Mutex<Vec<Duration>> = std::sync::Mutex::new(Vec::new());

/// Keeps what a watcher measured when it is ended.
struct Seen(Vec<Duration>);

impl Drop for Seen {
    fn drop(&mut self) {
        TIMES_SEEN.lock().unwrap().append(&mut self.0);
    }
}

async fn follow(
    connection: Connection,
    parent: String,
    opened: Arc<Semaphore>,
    times: Arc<Times>,
    unread: bool,
) -> Result<Measured> {
    let request = WatchChangesRequest { parent, start: Some(Start::Now(Now {})), ..Default::default() };
    let mut client = Grpc::new(connection.channel());
    client.ready().await?;
    let path = PathAndQuery::from_static("/spandrel.v1.ChangeService/WatchChanges");
    let mut messages =
        client.server_streaming(Request::new(request), path, Numbers { unread }).await?.into_inner();
    let mut seen = Seen(Vec::new());
    let mut is_first = true;
    while let Some(numbers) = messages.message().await? {
        if std::mem::take(&mut is_first) {
            opened.add_permits(1);
        }
        let now = times.now();
        seen.0.extend(numbers.into_iter().map(|number| {
            Duration::from_micros(now.saturating_sub(times.sent[number].load(Ordering::Relaxed)))
        }));
    }
    Err("a watch ended".into())
}

/// Reads of a message the numbers of the creations in it, which are their annotations' labels.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    unread: bool,
}

impl Codec for Numbers {
    type Encode = WatchChangesRequest;
    type Decode = Vec<usize>;
    type Encoder = tonic_prost::ProstEncoder<WatchChangesRequest>;
    type Decoder = Self;

    fn encoder(&mut self) -> Self::Encoder {
        tonic_prost::ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Decoder for Numbers {
    type Item = Vec<usize>;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> std::result::Result<Option<Vec<usize>>, Status> {
        if self.unread {
            message.advance(message.remaining());
            return Ok(Some(Vec::new()));
        }
        let message = WatchChangesResponse::decode(message);
        let message = message.map_err(|error| Status::internal(error.to_string()))?;
        let Some(Event::Changes(changes)) = message.event else { return Ok(Some(Vec::new())) };
        let number = |kind| match kind {
            Some(Kind::Annotation(annotation)) => annotation.label.parse().ok(),
            _ => None,
        };
        Ok(Some(changes.changes.into_iter().filter_map(|change| number(change.after?.kind)).collect()))
    }
}

struct Requests {
    project: String,
    articles: u64,
    ids: bool,
}

impl Requests {
    fn creation(&self, number: u64) -> CreateAnnotationRequest {
        let article = number % self.articles;
        let parent = format!("projects/{}/articles/{}", self.project, fill::article_id(article));
        let words = fill::text(article).words;
        let turn = usize::try_from(number).unwrap();
        let mut request = create(&parent, String::new(), turn, words[turn % words.len()]);
        if let Some(annotation) = &mut request.annotation {
            annotation.label = number.to_string();
        }
        if self.ids {
            request.request_id = uuid::Uuid::now_v7().to_string();
        }
        request
    }
}

async fn write(
    connection: Connection,
    requests: Requests,
    turn: Arc<AtomicU64>,
    times: Arc<Times>,
    (begin, between): (Instant, Option<Duration>),
    until: Instant,
) -> Result<Measured> {
    let mut client = connection.annotations();
    let mut measured = Measured::default();
    loop {
        let number = turn.fetch_add(1, Ordering::Relaxed);
        let request = requests.creation(number);
        if let Some(between) = between {
            tokio::time::sleep_until((begin + between * u32::try_from(number)?).into()).await;
        }
        let start = Instant::now();
        if start >= until {
            return Ok(measured);
        }
        times.sent[usize::try_from(number)?].store(times.now(), Ordering::Relaxed);
        client.create_annotation(request).await?;
        measured.times.push(start.elapsed());
    }
}

impl Contend {
    pub(crate) async fn run(self, server: &str) -> Result<()> {
        let connection = Connection::open(server).await?;
        let article = format!("projects/{}/articles/{}", self.project, fill::article_id(0));
        let words = fill::text(0).words;
        let creation = create(&article, String::new(), 0, words[0]);
        let annotation = connection.annotations().create_annotation(creation).await?.into_inner();
        let until = Instant::now() + Duration::from_secs_f64(self.seconds);
        let mut writers = JoinSet::new();
        for _ in 0..self.writers {
            writers.spawn(contend(Connection::open(server).await?, annotation.clone(), until));
        }
        let (mut won, mut lost, mut least) = (0_u32, 0_u32, u32::MAX);
        while let Some(writer) = writers.join_next().await {
            let (its_won, its_lost) = writer??;
            (won, lost, least) = (won + its_won, lost + its_lost, least.min(its_won));
        }
        println!(
            r#"{{"name":"contend-{0}","writers":{0},"won_per_second":{1:.1},"tries_per_win":{2:.2},"least_won":{least}}}"#,
            self.writers,
            f64::from(won) / self.seconds,
            f64::from(won + lost) / f64::from(won.max(1)),
        );
        Ok(())
    }
}

/// Changes an annotation with the etag that it saw last, which a refusal brings along with the rest.
async fn contend(connection: Connection, mut seen: Annotation, until: Instant) -> Result<(u32, u32)> {
    let mut client = connection.annotations();
    let (mut won, mut lost) = (0, 0);
    while Instant::now() < until {
        let annotation = Annotation { label: format!("n{won}"), ..seen.clone() };
        let request = UpdateAnnotationRequest { annotation: Some(annotation), ..Default::default() };
        match client.update_annotation(request).await {
            Ok(updated) => (seen, won) = (updated.into_inner(), won + 1),
            Err(status) if status.code() == Code::Aborted => {
                let details = tonic_types::pb::Status::decode(status.details())?.details;
                let current = details.into_iter().find(|any| any.type_url.ends_with("Annotation"));
                seen = Annotation::decode(current.ok_or("no current state")?.value.as_slice())?;
                lost += 1;
            }
            Err(status) => return Err(status.into()),
        }
    }
    Ok((won, lost))
}
