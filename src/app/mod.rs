//! What Spandrel does, one file a noun. Each call prepares outside the writer what can be prepared there, lets a
//! decision commit it, and answers from what was committed. Knows nothing of gRPC.

pub mod annotation_commits;
mod annotation_queries;
pub mod annotation_reads;
mod annotation_rows;
mod annotation_rules;
pub mod answers;
pub mod article_commits;
pub mod article_layers;
pub mod article_lists;
pub mod articles;
pub mod backup;
pub mod changes;
pub mod contents;
pub mod exports;
pub mod feed;
pub mod imports;
pub mod label_schemas;
pub mod layer_copies;
mod layer_deletion;
pub mod layers;
pub mod pages;
mod project_handle;
pub mod projects;
mod recovery;
pub mod revisions;
mod schema_rules;
pub mod selection;
pub mod snapshots;
mod staging;
pub mod sweeper;
pub mod texts;
pub mod undo;
mod upgrade;
pub mod watch;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    sync::{Arc, RwLock},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc};

use crate::{
    app::{
        annotation_queries::Queries,
        answers::{HotAnswers, Scope, Versions},
        feed::Feeds,
        projects::ProjectHandle,
        snapshots::Resource,
        sweeper::Sweep,
        texts::Texts,
    },
    domain::{
        Error, Problem, Result,
        annotations::Annotation,
        ids::{ArticleName, ProjectId, ProjectName},
        revisions::ProjectUid,
    },
    limits::{BACKUPS_MAX, LOG_AGE_DEFAULT, LOG_COMMITS_DEFAULT, REVISIONS_MAX, RUNTIME_WORK_BYTES_MAX},
    store::{
        engine::{Attempt, Change, Clock, Commit, Engine, Origin, Partition, Stamp},
        records::{self, ResourceChange},
    },
};

/// Encode for clients; given from above, so that lists and feeds are made of kept bytes.
#[derive(Debug, Clone, Copy)]
pub struct Renderers {
    /// An annotation.
    pub annotation: fn(&ArticleName, ProjectUid, &Annotation) -> Bytes,
    /// Any resource.
    pub resource: fn(&ProjectName, ProjectUid, Resource<'_>) -> Bytes,
    /// A change.
    pub change: fn(&ProjectName, ProjectUid, &ResourceChange) -> Bytes,
    /// What came back with its article, as a change.
    pub restored: fn(&ProjectName, ProjectUid, Resource<'_>) -> Bytes,
    /// A commit, or a part of one with these changes; whether it goes on.
    pub changes: fn(Stamp, Origin, &[Bytes], bool) -> Bytes,
}

/// What the operator may set.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The longest text, in bytes of UTF-8; at most [`crate::limits::TEXT_BYTES_CEILING`].
    pub text_bytes_max: usize,
    /// How much of its log a project keeps.
    pub log: LogKept,
}

impl Settings {
    /// Texts of at most so many bytes, and logs that are kept as long as by default.
    #[must_use]
    pub const fn with_texts_of(text_bytes_max: usize) -> Self {
        Self { text_bytes_max, log: LogKept::DEFAULT }
    }
}

/// How much of its log a project keeps: what is older, and what is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogKept {
    /// How long a commit is kept.
    pub age: Duration,
    /// How many commits are.
    pub commits: u64,
}

impl LogKept {
    /// Unless the operator says otherwise.
    pub const DEFAULT: Self = Self { age: LOG_AGE_DEFAULT, commits: LOG_COMMITS_DEFAULT };
}

/// The application over an engine.
pub struct App {
    engine: Arc<dyn Engine>,
    clock: Clock,
    settings: Settings,
    projects: RwLock<HashMap<ProjectId, Arc<ProjectHandle>>>,
    /// Held by who creates a project, or deletes one by a request that may be tried again.
    lives: tokio::sync::Mutex<()>,
    versions: Arc<Versions>,
    answers: HotAnswers,
    texts: Texts,
    render: Renderers,
    feeds: Feeds,
    sweeps: mpsc::UnboundedSender<Sweep>,
    /// Places for backups.
    backups: Arc<Semaphore>,
    queries: Queries,
    /// Places for imports and exports.
    exchanges: Arc<Semaphore>,
    /// Places for revisions of texts.
    revisions: Semaphore,
}

impl App {
    /// Opens the application: finishes what a crash cut off and loads the catalog. `versions` must be those whose
    /// observer the engine calls. The sweeper must be [run](sweeper::Sweeper::run) by the caller.
    ///
    /// # Errors
    ///
    /// STORAGE_UNAVAILABLE or STORAGE_CORRUPT.
    pub async fn open(
        engine: Arc<dyn Engine>,
        versions: Arc<Versions>,
        clock: Clock,
        settings: Settings,
        render: Renderers,
    ) -> Result<(Arc<Self>, sweeper::Sweeper)> {
        let (sweeps, receiver) = mpsc::unbounded_channel();
        let projects = recovery::recover(engine.as_ref(), &sweeps).await?;
        let app = Self {
            sweeps,
            backups: Arc::new(Semaphore::new(BACKUPS_MAX)),
            queries: Queries::new(),
            exchanges: imports::places(),
            revisions: Semaphore::new(REVISIONS_MAX),
            clock,
            settings,
            projects: RwLock::new(projects),
            lives: tokio::sync::Mutex::new(()),
            answers: HotAnswers::new(Arc::clone(&versions)),
            texts: Texts::new(Arc::clone(&versions), settings.text_bytes_max),
            versions,
            render,
            feeds: Feeds::new(Arc::clone(&engine), render),
            engine: Arc::clone(&engine),
        };
        let app = Arc::new(app);
        let sweeper = sweeper::Sweeper::new(engine, receiver, Arc::downgrade(&app));
        Ok((app, sweeper))
    }

    /// Answers that may be sent again.
    #[must_use]
    pub fn answers(&self) -> &HotAnswers {
        &self.answers
    }

    /// The project called `name`.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND.
    pub fn project(&self, name: &ProjectName) -> Result<Arc<ProjectHandle>> {
        let projects = self.projects.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let project = projects.get(&name.project).cloned();
        project.ok_or_else(|| Problem::ResourceNotFound { name: name.to_string() }.into())
    }

    fn change_projects(&self, change: impl FnOnce(&mut HashMap<ProjectId, Arc<ProjectHandle>>)) {
        change(&mut self.projects.write().unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    /// What an attempt's first try did, where a later one is refused before it comes to the writer: by what the first
    /// one did, for example.
    ///
    /// # Errors
    ///
    /// The refusal, when there was no first try; REQUEST_ID_REUSED.
    async fn first_try(
        &self,
        partition: Partition,
        attempt: &Attempt,
        refusal: Error,
    ) -> Result<Arc<Commit>> {
        let Some(request) = attempt.retried() else { return Err(refusal) };
        self.engine.carried_out(partition, *request).await?.map(Arc::new).ok_or(refusal)
    }

    fn sweep(&self, sweep: Sweep) {
        // Nobody sweeps any more when the server stops; the next start does.
        let _ = self.sweeps.send(sweep);
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("engine", &self.engine).finish_non_exhaustive()
    }
}

/// Carries out what must not be cut off in the middle when its caller goes away.
async fn detached<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => Err(Error::corrupt("the call panicked")),
        Err(_) => Err(Problem::ShuttingDown.into()),
    }
}

/// Carries out a calculation over `bytes` of text where it holds up nobody: here when it is short, otherwise on a
/// thread for such.
async fn calculate<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    if bytes <= RUNTIME_WORK_BYTES_MAX {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::corrupt("a calculation panicked"))
}

/// A change as the engine takes it.
fn changed(scope: Scope, change: &ResourceChange) -> Change {
    Change { scope: scope.number(), record: records::change(change) }
}

/// What a commit did, read back from what the log keeps of it.
fn changes(commit: &Commit) -> impl Iterator<Item = Result<ResourceChange>> + '_ {
    commit.changes.iter().map(|change| records::read_change(&change.record))
}

/// What commits take in the log, roughly: what reading them takes grows with it.
fn record_bytes(commits: &[Commit]) -> usize {
    commits.iter().flat_map(|commit| &commit.changes).map(|change| change.record.len()).sum()
}

/// A commit that did something else than its decision says.
fn unexpected() -> Error {
    Error::corrupt("a commit holds other changes than it decided")
}
