//! Many clients that write at once, each to names of its own and some to names that all write to, until the server is
//! gone or they are told to stop.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use spandrel::proto::v1;
use tokio::task::JoinSet;
use tonic::Status;

use crate::{
    ledger::{Ledger, Resource, Write, source, text_of},
    progress::Progress,
    server::{PATIENCE, Running},
    support::{Client, annotation, by_code_points},
    worker::Worker,
};

pub const CLIENTS: usize = 16;
/// The project that all clients write to.
pub const PROJECT: &str = "projects/p";
/// Articles in it that nobody deletes, and everybody annotates.
pub const SHARED: [(&str, usize); 3] = [("s0", KIB), ("s1", 2 * KIB), ("s2", 300 * KIB)];
/// Annotations that everybody changes.
pub const CONTENDED: usize = 4;
pub const KIB: usize = 1_024;

/// How much the clients write.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// What a client keeps of each kind at most.
    pub annotations: usize,
    pub articles: usize,
    /// The longest texts.
    pub text_bytes: usize,
    /// One in so many articles has such a text.
    pub long_one_in: usize,
}

pub const USUAL: Scale = Scale { annotations: 120, articles: 6, text_bytes: 2_048 * KIB, long_one_in: 12 };
/// For folders that are copied and read often.
pub const SMALL: Scale = Scale { annotations: 25, articles: 3, text_bytes: 300 * KIB, long_one_in: 16 };

/// The clients, between the rounds of a test.
#[derive(Debug)]
pub struct Workload {
    pub ledgers: Vec<Ledger>,
    pub progress: Arc<Progress>,
    scale: Scale,
}

impl Workload {
    pub fn new(scale: Scale, seed: u64) -> Self {
        let ledger = |number| Ledger::new(number, seed ^ u64::try_from(number).unwrap());
        Self { ledgers: (0..CLIENTS).map(ledger).collect(), progress: Arc::default(), scale }
    }

    /// Makes what all clients write to.
    pub async fn set_up(&self, server: &Running) {
        let mut client = server.client().await;
        client.create_project("p").await;
        for (id, bytes) in SHARED {
            create_article(&client, PROJECT, id, id, bytes).await.unwrap();
        }
        for number in 0..CONTENDED {
            let request = v1::CreateAnnotationRequest {
                parent: format!("{PROJECT}/articles/s0"),
                annotation_id: contended_id(number),
                annotation: Some(annotation("nobody", vec![by_code_points(0, 1)])),
                validate_only: false,
                request_id: String::new(),
            };
            client.send(request).await.unwrap();
        }
    }

    /// Lets all clients write. What became of their last calls is known: it was checked since.
    pub fn begin(&mut self, server: &Running) -> Working {
        self.progress.begin();
        let mut tasks = JoinSet::new();
        for ledger in self.ledgers.drain(..) {
            assert!(ledger.pending.is_empty(), "{:?} was not looked for", ledger.pending);
            let (client, progress) = (server.client_lazily(), Arc::clone(&self.progress));
            tasks.spawn(Worker { client, ledger, progress, scale: self.scale }.run());
        }
        Working { tasks }
    }

    /// Waits until the clients have come so far. The error is that they do not.
    pub async fn until(&self, what: &str, is_so: impl Fn(&Progress) -> bool) -> Result<(), String> {
        let started = Instant::now();
        while !is_so(&self.progress) {
            if started.elapsed() > PATIENCE {
                return Err(format!("waited in vain until {what}"));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// Waits until the clients have stopped, or their server is gone.
    pub async fn end(&mut self, working: Working) {
        self.progress.stop();
        let joined = tokio::time::timeout(PATIENCE, working.tasks.join_all()).await;
        self.ledgers = joined.expect("clients wait for answers that do not come");
        self.ledgers.sort_by_key(|ledger| ledger.number);
    }

    /// Kills the server while the clients are at work. The error is that it had not been well until then.
    pub async fn kill(&mut self, working: Working, server: &mut Running) -> Result<(), String> {
        self.progress.announce_fault();
        let killed = server.kill();
        self.end(working).await;
        killed
    }
}

/// Clients at work.
#[derive(Debug)]
pub struct Working {
    tasks: JoinSet<Ledger>,
}

pub fn contended_id(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

pub fn contended_names() -> impl Iterator<Item = String> {
    (0..CONTENDED).map(|number| format!("{PROJECT}/articles/s0/annotations/{}", contended_id(number)))
}

/// Whether nobody owns it.
pub fn is_shared(name: &str) -> bool {
    let article = |(id, _): &(&str, usize)| name == format!("{PROJECT}/articles/{id}");
    name == PROJECT || SHARED.iter().any(article) || contended_names().any(|contended| contended == name)
}

pub fn article_request(parent: &str, id: &str, mark: &str, bytes: usize) -> v1::CreateArticleRequest {
    let source_uri = source(mark, bytes);
    let article = v1::Article {
        name: format!("{parent}/articles/{id}"),
        title: mark.to_owned(),
        text: text_of(&source_uri),
        source_uri,
        ..Default::default()
    };
    v1::CreateArticleRequest {
        parent: parent.to_owned(),
        article_id: id.to_owned(),
        article: Some(article),
        validate_only: false,
        request_id: String::new(),
    }
}

async fn create_article(
    client: &Client,
    parent: &str,
    id: &str,
    mark: &str,
    bytes: usize,
) -> Result<v1::Article, Status> {
    client.send(article_request(parent, id, mark, bytes)).await
}

/// An article as it stands in a ledger.
pub fn without_text(mut article: v1::Article) -> Resource {
    article.text.clear();
    Resource::Article(article)
}

/// A text ends at a line's end, which may stand behind as many bytes as are left here.
pub fn bytes_of_lines(bytes: usize) -> usize {
    bytes.saturating_sub(KIB).max(KIB)
}

pub fn put(resource: Resource) -> Write {
    Write { name: resource.name().to_owned(), after: Some(resource) }
}

pub fn delete(name: &str) -> Write {
    Write { name: name.to_owned(), after: None }
}

/// The project that a name is in, or is.
pub fn project_of(name: &str) -> String {
    name.split('/').take(2).collect::<Vec<_>>().join("/")
}
