//! Files of other tools are imported: a thread reads what comes in, and articles are written by batches as they are read, so
//! that a file of any size takes the memory of a few articles.
//!
//! Nothing is kept of an import itself. Articles and annotations have ids that are made of the files, so what was imported
//! already is known when it comes again.

mod annotations;
mod articles;
mod checks;
mod parsing;
mod project;

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use futures_util::{StreamExt, stream::FuturesOrdered};
use sha2::Digest as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

pub use self::parsing::FilePart;
use self::{
    articles::{Batch, Outcome},
    parsing::Parsed,
};
use super::{App, projects::ProjectHandle};
use crate::{
    domain::{
        Error, Problem, Result,
        ids::{ArticleId, LayerId, ProjectName},
        revisions::Revision,
    },
    formats::{
        Format, Loss, Losses,
        exchange::{FileProblem, UnitChoice},
    },
    limits::{EXCHANGES_MAX, IMPORT_BATCHES_AHEAD, IMPORT_BYTES_HELD_MAX, IMPORT_PAUSE},
};

/// What is to be done with files.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// The project, which is there.
    pub project: ProjectName,
    /// What the files are.
    pub format: Format,
    /// What their offsets count.
    pub unit: UnitChoice,
    /// The layer of annotations whose file names none.
    pub layer: LayerId,
    /// Whether nothing is written.
    pub validate_only: bool,
    /// Whether the first problem ends it.
    pub stop_on_error: bool,
    /// Tells annotations without ids of their own from those of other imports.
    pub import_id: String,
}

/// An import under way: files go in, and what happens comes out. Dropping either end ends it; what was written stays.
#[derive(Debug)]
pub struct Import {
    /// Takes the parts of files, in order. Closed, there are no more.
    pub parts: mpsc::Sender<FilePart>,
    /// What happens; an error, or the summary, is the last.
    pub events: mpsc::Receiver<Result<ImportEvent>>,
}

/// What happens in an import.
#[derive(Debug, Clone, PartialEq)]
pub enum ImportEvent {
    /// How far it is.
    Progress {
        /// Records that are durable.
        records: u64,
        /// The file of the last one.
        path: String,
        /// Where reading it may begin again; 0 for its beginning.
        durable_offset: u64,
    },
    /// Something is refused.
    Problem(FileProblem),
    /// It is done.
    Summary(ExchangeSummary),
}

/// What was imported or exported, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExchangeSummary {
    /// Articles, annotations and what is said of the project, with what was there already.
    pub records: u64,
    /// Records that were refused.
    pub failed: u64,
    /// What is not carried over.
    pub losses: Vec<Loss>,
    /// The last commit of an import, or what an export began at.
    pub revision: Revision,
    /// The articles among the records.
    pub articles: u64,
    /// The annotations among the records.
    pub annotations: u64,
    /// Records that were there already.
    pub present: u64,
}

impl App {
    /// Begins an import.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND; OVERLOADED when as many are under way as may be.
    pub fn import(self: &Arc<Self>, options: ImportOptions) -> Result<Import> {
        let project = self.project(&options.project)?;
        let place = Arc::clone(&self.exchanges).try_acquire_owned().map_err(|_| Problem::Overloaded)?;
        let (parts, incoming) = mpsc::channel(IMPORT_BATCHES_AHEAD);
        let (events, outgoing) = mpsc::channel(IMPORT_BATCHES_AHEAD);
        let (records, parsed) = mpsc::channel(IMPORT_BATCHES_AHEAD);
        let budget = Arc::new(Semaphore::new(IMPORT_BYTES_HELD_MAX));
        parsing::spawn(options.clone(), incoming, records, budget)?;
        let driver = Driver {
            app: Arc::clone(self),
            project,
            options: Arc::new(options),
            events: events.clone(),
            totals: ExchangeSummary::default(),
            losses: Losses::default(),
            gathering: Batch::default(),
            under_way: FuturesOrdered::new(),
            ids_under_way: HashSet::new(),
            stops: false,
        };
        tokio::spawn(async move {
            let _place = place;
            let ended = tokio::select! {
                // Who went away needs neither the rest nor the place that the import takes.
                () = events.closed() => return,
                ended = driver.run(parsed) => ended,
            };
            let _ = events.send(ended.map(ImportEvent::Summary)).await;
        });
        Ok(Import { parts, events: outgoing })
    }
}

/// Places for imports and exports.
pub(super) fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(EXCHANGES_MAX))
}

type Batches = FuturesOrdered<tokio::task::JoinHandle<Result<Outcome>>>;

/// Writes what is read.
struct Driver {
    app: Arc<App>,
    project: Arc<ProjectHandle>,
    options: Arc<ImportOptions>,
    events: mpsc::Sender<Result<ImportEvent>>,
    totals: ExchangeSummary,
    losses: Losses,
    gathering: Batch,
    under_way: Batches,
    /// The articles of batches that may be under way.
    ids_under_way: HashSet<ArticleId>,
    /// Whether something was refused, and nothing more is wanted.
    stops: bool,
}

impl Driver {
    async fn run(mut self, mut parsed: mpsc::Receiver<Parsed>) -> Result<ExchangeSummary> {
        let mut ended = false;
        loop {
            let next = match tokio::time::timeout(IMPORT_PAUSE, parsed.recv()).await {
                Ok(Some(next)) => next,
                Ok(None) => break,
                // What waits for more holds what the next article may need, and nobody knows how far the import is.
                Err(_) => {
                    self.settle().await?;
                    continue;
                }
            };
            match next {
                Parsed::Article(article, held) => self.gather(*article, held).await?,
                Parsed::Project(part) => {
                    self.settle().await?;
                    let outcome = self.app.import_project_part(&self.project, &self.options, part).await?;
                    self.take(outcome).await?;
                }
                Parsed::Problem(problem) => self.refuse(problem, 1).await?,
                Parsed::Failed(error) => return Err(error),
                Parsed::End(losses) => {
                    ended = true;
                    self.lose(losses);
                }
            }
            if self.stops {
                ended = true;
                self.gathering = Batch::default();
                break;
            }
        }
        // What is read ahead by now is not wanted.
        drop(parsed);
        self.settle().await?;
        if !ended {
            return Err(Error::field(
                "chunk",
                "the file could not be read: it is damaged in a way that its format's reader does not survive",
            ));
        }
        self.totals.losses = std::mem::take(&mut self.losses).into_vec();
        Ok(self.totals)
    }

    /// Adds an article to the batch, which goes when it is full.
    async fn gather(
        &mut self,
        article: crate::formats::exchange::ImportedArticle,
        held: OwnedSemaphorePermit,
    ) -> Result<()> {
        if !self.gathering.has_room_for(&article) {
            self.send_batch().await?;
        }
        // An article that comes twice comes after all that was said of it first.
        if self.ids_under_way.contains(&article.article.id) {
            self.settle().await?;
        }
        self.gathering.add(article, held);
        Ok(())
    }

    async fn send_batch(&mut self) -> Result<()> {
        while self.under_way.len() >= IMPORT_BATCHES_AHEAD {
            self.next_outcome().await?;
        }
        let batch = std::mem::take(&mut self.gathering);
        if self.under_way.is_empty() {
            self.ids_under_way.clear();
        }
        if !batch.is_empty() {
            self.ids_under_way.extend(batch.ids());
            let (app, project, options) =
                (Arc::clone(&self.app), Arc::clone(&self.project), Arc::clone(&self.options));
            let work = async move { app.import_batch(&project, &options, batch).await };
            self.under_way.push_back(tokio::spawn(work));
        }
        Ok(())
    }

    /// Waits until everything that was read is written.
    async fn settle(&mut self) -> Result<()> {
        self.send_batch().await?;
        while !self.under_way.is_empty() {
            self.next_outcome().await?;
        }
        self.ids_under_way.clear();
        Ok(())
    }

    async fn next_outcome(&mut self) -> Result<()> {
        match self.under_way.next().await {
            Some(Ok(outcome)) => self.take(outcome?).await,
            Some(Err(error)) if error.is_panic() => Err(Error::corrupt("a part of an import panicked")),
            Some(Err(_)) => Err(Problem::ShuttingDown.into()),
            None => Ok(()),
        }
    }

    async fn take(&mut self, outcome: Outcome) -> Result<()> {
        let Outcome { articles, annotations, others, present, failed, problems, losses, revision, reached } =
            outcome;
        self.totals.articles += articles;
        self.totals.annotations += annotations;
        self.totals.records += articles + annotations + others;
        self.totals.present += present;
        self.totals.revision = self.totals.revision.max(revision);
        self.totals.failed += failed;
        for (feature, example) in losses {
            self.losses.add(&feature, example);
        }
        for problem in problems {
            self.refuse(problem, 0).await?;
        }
        if let Some((path, offset)) = reached {
            let records = self.totals.records;
            self.tell(ImportEvent::Progress { records, path, durable_offset: offset }).await?;
        }
        Ok(())
    }

    async fn refuse(&mut self, problem: FileProblem, records: u64) -> Result<()> {
        if self.stops {
            return Ok(());
        }
        self.stops = self.options.stop_on_error;
        self.totals.failed += records;
        self.tell(ImportEvent::Problem(problem)).await
    }

    fn lose(&mut self, losses: Losses) {
        self.losses.merge(losses);
    }

    async fn tell(&self, event: ImportEvent) -> Result<()> {
        self.events.send(Ok(event)).await.map_err(|_| Problem::ShuttingDown.into())
    }
}

/// Splits off the first of a list.
fn take_front<T>(items: &mut VecDeque<T>, count: usize) -> Vec<T> {
    items.drain(..count.min(items.len())).collect()
}

/// SHA-256 of a text's UTF-8 bytes.
fn sha256(text: &crate::domain::text::Text) -> [u8; 32] {
    sha2::Sha256::digest(text.as_str().as_bytes()).into()
}
