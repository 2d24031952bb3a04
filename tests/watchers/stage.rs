//! What all of a test share: where the server is, what is followed, and how far they are.

use std::{
    io::Write as _,
    net::TcpListener,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    time::{Duration, Instant},
};

use spandrel::proto::v1;
use tokio::sync::watch;

use crate::{
    ledger::Ledger,
    support::{Client, Seeded, by_utf8},
};

pub const P: &str = "projects/p";
pub const LAYERS: [&str; 4] = ["alice", "bob", "carol", "default"];
/// Articles that all write to.
pub const ARTICLES: usize = 6;

fn is_long() -> bool {
    std::env::var_os("SPANDREL_FAULTS").is_some_and(|form| form == "long")
}

/// What is not done within this time hangs.
pub fn patience() -> Duration {
    Duration::from_mins(if is_long() { 120 } else { 3 })
}

/// How much is done.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    pub watchers: usize,
    pub writers: usize,
    pub writes: u64,
    pub restarts: u64,
}

impl Scale {
    pub fn chosen() -> Self {
        let (watchers, writers) = (200, 32);
        if is_long() {
            let percent =
                std::env::var("SPANDREL_FAULTS_PERCENT").map_or(100, |percent| percent.parse().unwrap());
            return Self { watchers, writers, writes: 200 * percent, restarts: 3 + percent / 10 };
        }
        Self { watchers, writers, writes: 800, restarts: 3 }
    }
}

/// The seed of a test, printed so that it can be repeated.
pub fn seed(test: &str) -> u64 {
    let chosen = std::env::var("SPANDREL_FAULTS_SEED").ok().map(|seed| seed.parse().unwrap());
    let seed = chosen.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    say(&format!("{test}: SPANDREL_FAULTS_SEED={seed}"));
    seed
}

/// Says something that is seen although the test passes.
pub fn say(what: &str) {
    writeln!(std::io::stderr(), "{what}").unwrap();
}

/// See the [module](self).
#[derive(Debug)]
pub struct Stage {
    /// The same before and after a restart.
    pub address: String,
    pub ledger: Ledger,
    /// The revision after which nothing is written; 0 until it is known.
    pub last: watch::Sender<u64>,
    /// How often a follower came back.
    pub reconnects: AtomicU64,
    has_failed: AtomicBool,
}

impl Stage {
    pub fn at(address: &str) -> Self {
        let (ledger, last) = (Ledger::default(), watch::Sender::new(0));
        Self {
            address: address.to_owned(),
            ledger,
            last,
            reconnects: AtomicU64::new(0),
            has_failed: AtomicBool::new(false),
        }
    }

    pub fn came_back(&self) {
        self.reconnects.fetch_add(1, SeqCst);
    }

    /// Called when somebody is dropped: there is no use in waiting for the others when that was by a panic.
    pub fn leaves(&self) {
        self.has_failed.fetch_or(std::thread::panicking(), SeqCst);
    }

    /// Waits until so many requests are done.
    pub async fn until_done(&self, requests: u64) {
        let patience = Instant::now() + patience();
        while self.ledger.done() < requests {
            assert!(!self.has_failed.load(SeqCst), "another one failed");
            assert!(Instant::now() < patience, "the writers hang at {}", self.ledger.done());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A client whose connection is made when it is needed, and again.
    pub fn client(&self) -> Client {
        Client::connect_lazily(&self.address)
    }
}

/// An address for a server that is to be started there again. It is outside of those that the operating system gives to
/// clients: one that tries to connect while the server is away could be given the server's own, and talk to itself.
pub fn address(seeded: &mut Seeded) -> String {
    loop {
        let address = format!("127.0.0.1:{}", 20_000 + seeded.below(12_000));
        if TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}

pub fn article(number: usize) -> String {
    format!("{P}/articles/a{number}")
}

/// A line of every article's text, and how many lines there are.
pub const LINE: &str = "日本語の👍🏽 text, é and 👩‍👩‍👧‍👦; plain words here\r\n";
pub const LINES: usize = 40;

/// So many lines, from one of them on.
pub fn lines(from: usize, count: usize) -> v1::Span {
    let bytes = |lines: usize| u32::try_from(lines * LINE.len()).unwrap();
    // A text may be revised meanwhile.
    v1::Span { quote: LINE.repeat(count), ..by_utf8(bytes(from), bytes(from + count)) }
}

/// Lines that every text begins with.
pub const FIRST_LINES: usize = 15;

/// Another text for an article: a longer one, one that parts the lines, or one without most of them.
pub fn other_text(seeded: &mut Seeded) -> String {
    let number = seeded.number();
    match seeded.below(3) {
        0 => format!("{}{number}", LINE.repeat(LINES)),
        1 => format!("{}{number}{}", LINE.repeat(LINES / 2), LINE.repeat(LINES / 2)),
        _ => format!("{}{number}", LINE.repeat(FIRST_LINES)),
    }
}

pub fn article_to_create(name: &str, request_id: String) -> v1::CreateArticleRequest {
    v1::CreateArticleRequest {
        parent: P.to_owned(),
        article_id: name.rsplit('/').next().unwrap().to_owned(),
        article: Some(v1::Article { text: LINE.repeat(LINES), ..Default::default() }),
        validate_only: false,
        request_id,
    }
}
