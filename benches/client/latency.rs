//! How long calls take when each is for something else, one at a time or many at once.

use std::{
    fs,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clap::ValueEnum;
use spandrel::proto::v1::{CreateAnnotationRequest, GetAnnotationRequest, ListAnnotationsRequest};
use tokio::task::JoinSet;

use crate::{
    Result,
    books::{self, BOOK_ANNOTATIONS, PAGE_ANNOTATIONS, PAGES},
    connection::{Connection, by_utf8, create},
    fill,
    prose::{Prose, Random},
};

/// What `latency` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Latency {
    /// What is called
    call: Call,
    /// The filled project
    #[arg(long, default_value = "bench")]
    project: String,
    /// How many annotations it was filled with
    #[arg(long, default_value_t = 100_000)]
    annotations: u64,
    /// Calls at once, over four connections or one a call
    #[arg(long, default_value_t = 1)]
    streams: usize,
    /// Calls a second, whether or not those before were answered, as long as a stream is free; a call's time then begins
    /// when it should have begun
    #[arg(long)]
    per_second: Option<f64>,
    /// Seconds that are measured
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Seconds before that
    #[arg(long, default_value_t = 0.5)]
    warm_up: f64,
    /// Also say how much CPU this process takes for a call
    #[arg(long)]
    server_pid: Option<u32>,
    /// The name that is printed first [default: the call's]
    #[arg(long)]
    name: Option<String>,
}

/// What is called.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Call {
    /// Get each annotation of the filled project in turn, as far from each other as can be
    Get,
    /// List the annotations of each article of the filled project in turn
    List,
    /// Create an annotation in each article of the filled project in turn
    Create,
    /// List the 50 or so that overlap a window, anywhere in the article with 100,000
    WindowBook,
    /// The same in articles with 200
    WindowPage,
    /// List a page of about 50, anywhere in the article with 100,000
    MiddleBook,
    /// The same in articles with 200
    MiddlePage,
}

/// Where requests are made from.
enum Source {
    Filled {
        parent: String,
        call: Call,
        annotations: u64,
        first: u64,
    },
    Windows(Vec<(String, Prose)>),
    /// Articles with the tokens of their pages.
    Middles(Vec<(String, String)>),
}

enum Request {
    Get(GetAnnotationRequest),
    List(ListAnnotationsRequest),
    Create(CreateAnnotationRequest),
}

impl Latency {
    pub(crate) async fn run(self, server: &str) -> Result<()> {
        let source = Arc::new(self.source(server).await?);
        let turn = Arc::new(AtomicU64::new(0));
        let begin = Instant::now();
        let pace = self.per_second.map(|calls| Pace { begin, between: Duration::from_secs_f64(1.0 / calls) });
        let from = begin + Duration::from_secs_f64(self.warm_up);
        let until = from + Duration::from_secs_f64(self.seconds);
        let mut connections = Vec::new();
        for _ in 0..self.streams.min(4) {
            connections.push(Connection::open(server).await?);
        }
        let mut streams = JoinSet::new();
        for stream in 0..self.streams {
            let connection = connections[stream % connections.len()].clone();
            streams.spawn(calls(connection, Arc::clone(&source), Arc::clone(&turn), pace, from..until));
        }
        tokio::time::sleep_until(from.into()).await;
        let cpu_before = self.server_pid.map(cpu);
        tokio::time::sleep_until(until.into()).await;
        let cpu_after = self.server_pid.map(cpu);
        let mut measured = Measured::default();
        while let Some(stream) = streams.join_next().await {
            let more = stream??;
            measured.times.extend(more.times);
            measured.items += more.items;
        }
        let cpu = cpu_before.zip(cpu_after).map(|(before, after)| after.saturating_sub(before));
        self.report(measured, cpu)
    }

    async fn source(&self, server: &str) -> Result<Source> {
        let connection = Connection::open(server).await?;
        let pages = 0..PAGES;
        Ok(match self.call {
            Call::Get | Call::List | Call::Create => Source::Filled {
                parent: format!("projects/{}", self.project),
                call: self.call,
                annotations: self.annotations,
                // Another place at each run.
                first: u64::from(std::process::id()) * 7_919,
            },
            Call::WindowBook => Source::Windows(vec![(books::book_name(), books::book())]),
            Call::WindowPage => {
                Source::Windows(pages.map(|page| (books::page_name(page), books::page(page))).collect())
            }
            Call::MiddleBook => {
                Source::Middles(tokens(&connection, &books::book_name(), BOOK_ANNOTATIONS, 50).await?)
            }
            Call::MiddlePage => {
                let mut middles = Vec::new();
                for page in pages {
                    middles.extend(tokens(&connection, &books::page_name(page), PAGE_ANNOTATIONS, 10).await?);
                }
                Source::Middles(middles)
            }
        })
    }

    fn report(&self, measured: Measured, cpu: Option<Duration>) -> Result<()> {
        let mut measured = measured;
        let (p50, p99) = measured.quantile(500).zip(measured.quantile(990)).ok_or("no call ended")?;
        let Measured { times, items } = measured;
        let calls = f64::from(u32::try_from(times.len())?);
        let call = self.call.to_possible_value().map(|call| call.get_name().to_owned());
        let name = self.name.clone().or(call).unwrap_or_default();
        let cpu = cpu.map(|cpu| format!(r#","server_us_per_call":{:.2}"#, cpu.as_secs_f64() * 1e6 / calls));
        println!(
            r#"{{"name":{name:?},"streams":{},"calls":{calls},"rps":{:.1},"p50_us":{:.1},"p99_us":{:.1},"items_per_reply":{:.1}{}}}"#,
            self.streams,
            calls / self.seconds,
            p50.as_secs_f64() * 1e6,
            p99.as_secs_f64() * 1e6,
            f64::from(u32::try_from(items)?) / calls,
            cpu.unwrap_or_default(),
        );
        Ok(())
    }
}

/// When calls begin.
#[derive(Debug, Clone, Copy)]
struct Pace {
    begin: Instant,
    between: Duration,
}

impl Pace {
    /// Waits until a call is to begin, and says when that was, however late it is.
    async fn start(self, turn: u64) -> Result<Instant> {
        let start = self.begin + self.between * u32::try_from(turn)?;
        tokio::time::sleep_until(start.into()).await;
        Ok(start)
    }
}

/// What a stream measured.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) times: Vec<Duration>,
    items: usize,
}

impl Measured {
    /// How long so many of a thousand took at most; `None` when there are none.
    pub(crate) fn quantile(&mut self, per_mille: usize) -> Option<Duration> {
        self.times.sort_unstable();
        let last = self.times.len().checked_sub(1)?;
        Some(self.times[(self.times.len() * per_mille / 1_000).min(last)])
    }
}

async fn calls(
    connection: Connection,
    source: Arc<Source>,
    turn: Arc<AtomicU64>,
    pace: Option<Pace>,
    measured_in: Range<Instant>,
) -> Result<Measured> {
    let mut client = connection.annotations();
    let mut measured = Measured::default();
    loop {
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        let request = source.request(turn);
        let start = match pace {
            Some(pace) => pace.start(turn).await?,
            None => Instant::now(),
        };
        if start >= measured_in.end {
            return Ok(measured);
        }
        let items = match request {
            Request::Get(request) => client.get_annotation(request).await.map(|_| 1)?,
            Request::Create(request) => client.create_annotation(request).await.map(|_| 1)?,
            Request::List(request) => client.list_annotations(request).await?.into_inner().annotations.len(),
        };
        if start >= measured_in.start {
            measured.times.push(start.elapsed());
            measured.items += items;
        }
    }
}

impl Source {
    /// The request of a turn; those of different turns differ, for as long as there are others.
    fn request(&self, turn: u64) -> Request {
        let mut random = Random::new(turn);
        match self {
            Self::Filled { parent, call, annotations, first } => {
                // A prime, so that the turns go through all of them.
                const STRIDE: u64 = 2_654_435_761;
                let number = (first + turn).wrapping_mul(STRIDE) % annotations;
                let article = number / fill::ANNOTATIONS;
                let parent = format!("{parent}/articles/{}", fill::article_id(article));
                match call {
                    Call::Get => {
                        let name = format!("{parent}/annotations/{}", fill::annotation_id(number));
                        Request::Get(GetAnnotationRequest { name })
                    }
                    Call::Create => {
                        let words = fill::text(article).words;
                        Request::Create(create(&parent, String::new(), 0, words[random.below(words.len())]))
                    }
                    Call::List
                    | Call::WindowBook
                    | Call::WindowPage
                    | Call::MiddleBook
                    | Call::MiddlePage => {
                        let page_size = any_page_size(&mut random);
                        Request::List(ListAnnotationsRequest { parent, page_size, ..Default::default() })
                    }
                }
            }
            Self::Windows(articles) => {
                const WORDS: usize = 140;
                let (name, prose) = &articles[random.below(articles.len())];
                let first = random.below(prose.words.len() - WORDS);
                let window = (prose.words[first].0, prose.words[first + WORDS].1);
                let page_size = any_page_size(&mut random);
                let overlaps = Some(by_utf8(window));
                Request::List(ListAnnotationsRequest {
                    parent: name.clone(),
                    page_size,
                    overlaps,
                    ..Default::default()
                })
            }
            Self::Middles(pages) => {
                let (name, token) = &pages[random.below(pages.len())];
                Request::List(ListAnnotationsRequest {
                    parent: name.clone(),
                    page_size: 40 + i32::try_from(random.below(21)).unwrap(),
                    page_token: token.clone(),
                    ..Default::default()
                })
            }
        }
    }
}

/// A page size that makes the request another one, and changes nothing in an answer that is shorter.
fn any_page_size(random: &mut Random) -> i32 {
    100 + i32::try_from(random.below(900)).unwrap()
}

/// An article's name with the tokens of its pages of `page_size`, but for those too near its end to fill a page.
async fn tokens(
    connection: &Connection,
    name: &str,
    annotations: usize,
    page_size: usize,
) -> Result<Vec<(String, String)>> {
    let mut list = ListAnnotationsRequest {
        parent: name.to_owned(),
        page_size: i32::try_from(page_size)?,
        ..Default::default()
    };
    let mut tokens = Vec::new();
    for _ in 0..(annotations - 60) / page_size {
        list.page_token =
            connection.annotations().list_annotations(list.clone()).await?.into_inner().next_page_token;
        tokens.push((name.to_owned(), list.page_token.clone()));
    }
    Ok(tokens)
}

/// The CPU time that a process has taken.
pub(crate) fn cpu(pid: u32) -> Duration {
    // What Linux counts in, on every architecture: proc(5), "utime", in USER_HZ.
    const TICK: Duration = Duration::from_millis(10);
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the server's process is there");
    let (_, fields) = stat.rsplit_once(')').expect("proc(5)");
    let ticks = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u32>().unwrap());
    TICK * ticks.sum()
}
