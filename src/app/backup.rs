//! A backup: everything, read in small views while others write, and for each project as it stands at one revision.
//!
//! A project is copied row by row, by keys that mean something and not by rows, which split and merge meanwhile. What
//! changed since the copy began is in the log, which is pinned and copied after it, up to a revision that is not before
//! the last view. Texts are not in the log: that of an article that was created meanwhile is read when its creation is
//! met. If it is gone by then, so is the article, and the log is copied up to its deletion. Nor are the annotations in it
//! that come back with an article whose deletion is undone, or that go to a new text with it: all of such an article is
//! read then, and the log is copied up to there.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    future::Future,
    sync::Arc,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tokio::sync::OwnedSemaphorePermit;

use super::{App, calculate, projects::ProjectHandle};
use crate::{
    domain::{
        Error, Problem, Result,
        ids::ProjectName,
        revisions::{ProjectUid, Revision, Timestamp},
    },
    limits::{BACKUP_FRAME_BYTES_MAX, BACKUP_PROJECTS_LISTED_MAX, BACKUP_VIEW_BYTES_MAX},
    store::{
        article_table,
        backup_file::{FileTotals, Framer},
        backup_records::{CommitPart, ProjectEnd, Record},
        engine::{At, Change, Commit, Engine, LogError, LogPin, Stamp},
        keys::ArticleNumber,
        project_table,
        records::{ResourceChange, StoredArticle},
        schema_table, text_revision_table,
    },
};

pub use crate::store::backup_records::Counts;

mod scan;
#[cfg(test)]
mod tests;

use scan::{Cursor, Place, Room, Scanned};

/// A backup in the making. Dropping it ends it.
#[derive(Debug)]
pub struct Backup {
    app: Arc<App>,
    _place: OwnedSemaphorePermit,
    start_time: Timestamp,
    waiting: VecDeque<Arc<ProjectHandle>>,
    /// Projects that were deleted since the backup began. Those that are there again by its end are copied then, once.
    gone: Vec<ProjectName>,
    looked_again: bool,
    copying: Option<Copying>,
    projects_total: usize,
    room: Room,
    listed: Vec<BackedUpProject>,
    file: BytesMut,
    /// Gone once the file is ended.
    framer: Option<Framer>,
    /// What is told after the end of the file.
    summary: Option<Summary>,
}

/// A project in a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUpProject {
    /// Its name.
    pub name: ProjectName,
    /// The uid of the project that was copied.
    pub uid: ProjectUid,
    /// The revision that the backup holds it at.
    pub revision: Revision,
}

/// The next part of a backup.
#[derive(Debug)]
pub enum Part {
    /// Bytes of the file, and how far the backup is with them. There may be none.
    Bytes(Bytes, Progress),
    /// What the backup holds; the last part.
    Summary(Summary),
}

/// How far a backup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is copied.
    pub counts: Counts,
    /// How many projects there were when it began.
    pub projects_total: usize,
    /// Bytes of the file.
    pub file_bytes: u64,
}

/// What a backup holds.
#[derive(Debug)]
pub struct Summary {
    /// When it began.
    pub start_time: Timestamp,
    /// The projects, at most [`BACKUP_PROJECTS_LISTED_MAX`].
    pub projects: Vec<BackedUpProject>,
    /// What it holds.
    pub counts: Counts,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
}

/// A project that is being copied.
#[derive(Debug)]
struct Copying {
    project: Arc<ProjectHandle>,
    pin: LogPin,
    /// What a view may gather.
    room: Room,
    stage: Stage,
    /// Articles that may have been created, or brought back, since the copy began, and that were copied as of this
    /// revision: whole, unless they were deleted after it.
    read_early: HashMap<ArticleNumber, Revision>,
    /// Articles whose text was gone when their creation was met, and whose deletion was not met yet.
    owed: HashSet<ArticleNumber>,
}

#[derive(Debug)]
enum Stage {
    /// The label schema.
    LabelSchema,
    /// The layers that were declared, from this key on.
    Layers(Bytes),
    /// The articles, from here on.
    Rows(Cursor),
    /// The log after `last`, up to and with `target`.
    Log { last: Stamp, target: Revision },
    /// What is not in the log of articles that `commits` create; the first is read from `place` on.
    Created { articles: VecDeque<Created>, place: Place, commits: Vec<Commit>, target: Revision },
}

/// An article that a commit creates, brings back or gives another text.
#[derive(Debug, Clone)]
struct Created {
    number: ArticleNumber,
    /// As it was then: it may have another text by now.
    stored: StoredArticle,
    /// Whether more than a text comes with it, which the commit does not tell.
    is_whole: bool,
}

impl App {
    /// Begins a backup of all projects that there are.
    ///
    /// # Errors
    ///
    /// OVERLOADED when [`crate::limits::BACKUPS_MAX`] backups are being made.
    pub fn back_up(self: &Arc<Self>) -> Result<Backup> {
        let place = Arc::clone(&self.backups).try_acquire_owned().map_err(|_| Problem::Overloaded)?;
        let mut projects = Vec::new();
        self.change_projects(|all| projects.extend(all.values().cloned()));
        projects.sort_unstable_by_key(|project| project.partition);
        let start_time = (self.clock)();
        let mut file = BytesMut::new();
        let mut framer = Framer::begin(&mut file);
        framer.record(&mut file, Record::Start(start_time))?;
        Ok(Backup {
            app: Arc::clone(self),
            _place: place,
            start_time,
            projects_total: projects.len(),
            waiting: projects.into(),
            gone: Vec::new(),
            looked_again: false,
            copying: None,
            room: Room::OF_A_VIEW,
            listed: Vec::new(),
            file,
            framer: Some(framer),
            summary: None,
        })
    }
}

impl Backup {
    /// Goes on for a bounded number of rows; `None` after the summary.
    ///
    /// # Errors
    ///
    /// STORAGE_UNAVAILABLE, STORAGE_CORRUPT, SHUTTING_DOWN; the backup is of no use then.
    pub async fn next(&mut self) -> Result<Option<Part>> {
        if let Some(summary) = self.summary.take() {
            return Ok(Some(Part::Summary(summary)));
        }
        if self.framer.is_none() {
            return Ok(None);
        }
        let records = self.step().await?;
        let Some(mut framer) = self.framer.take() else { return Ok(None) };
        let mut file = std::mem::take(&mut self.file);
        let Some(records) = records else {
            let FileTotals { counts, bytes: file_bytes, sha256 } = framer.end(&mut file)?;
            let (start_time, projects) = (self.start_time, std::mem::take(&mut self.listed));
            self.summary = Some(Summary { start_time, projects, counts, file_bytes, sha256 });
            return Ok(Some(Part::Bytes(file.freeze(), self.progress(counts, file_bytes))));
        };
        let written = calculate(BACKUP_FRAME_BYTES_MAX, move || {
            for record in records {
                framer.record(&mut file, record)?;
            }
            Ok::<_, Error>((framer, file))
        });
        let (framer, file) = written.await??;
        let progress = self.progress(framer.counts(), framer.bytes());
        self.framer = Some(framer);
        Ok(Some(Part::Bytes(file.freeze(), progress)))
    }

    fn progress(&self, counts: Counts, file_bytes: u64) -> Progress {
        Progress { counts, projects_total: self.projects_total, file_bytes }
    }

    /// Lets wait what was deleted and is there again under the same id; once, so that a backup comes to its end.
    fn look_again(&mut self) -> bool {
        if std::mem::replace(&mut self.looked_again, true) {
            return false;
        }
        let gone = std::mem::take(&mut self.gone);
        self.waiting.extend(gone.iter().filter_map(|name| self.app.project(name).ok()));
        !self.waiting.is_empty()
    }

    /// The next records; `None` once there are no more.
    async fn step(&mut self) -> Result<Option<Vec<Record>>> {
        let engine = Arc::clone(&self.app.engine);
        loop {
            let Some(copying) = &mut self.copying else {
                let Some(project) = self.waiting.front() else {
                    if self.look_again() {
                        continue;
                    }
                    return Ok(None);
                };
                let room = self.room;
                let begun = patiently(|| Copying::begin(engine.as_ref(), Arc::clone(project), room)).await?;
                let waited = self.waiting.pop_front();
                if let Some((copying, records)) = begun {
                    self.copying = Some(copying);
                    return Ok(Some(records));
                }
                self.gone.extend(waited.map(|project| project.name()));
                continue;
            };
            match copying.step(engine.as_ref()).await {
                Ok(Step::Records(records)) => return Ok(Some(records)),
                Ok(Step::End(end)) => {
                    let project = &copying.project;
                    if let ProjectEnd::At { head, .. } = end
                        && self.listed.len() < BACKUP_PROJECTS_LISTED_MAX
                    {
                        let (name, uid, revision) = (project.name(), project.uid, head.revision);
                        self.listed.push(BackedUpProject { name, uid, revision });
                    }
                    self.copying = None;
                    return Ok(Some(vec![Record::ProjectEnd(end)]));
                }
                Err(error) if error.problem == Problem::Overloaded => tokio::time::sleep(PAUSE).await,
                Err(error) => {
                    // Of a project that was deleted rows are missing, in whichever order they are swept.
                    let project = &copying.project;
                    let there = patiently(|| project.read(engine.as_ref(), |_| Ok(()))).await;
                    if !is_missing(&there) {
                        return Err(error);
                    }
                    self.gone.push(project.name());
                    self.copying = None;
                    return Ok(Some(vec![Record::ProjectEnd(ProjectEnd::Deleted)]));
                }
            }
        }
    }
}

/// What a step of copying a project gives.
enum Step {
    Records(Vec<Record>),
    /// The project is copied.
    End(ProjectEnd),
}

impl Copying {
    /// Begins a project, unless it is deleted.
    async fn begin(
        engine: &dyn Engine,
        project: Arc<ProjectHandle>,
        room: Room,
    ) -> Result<Option<(Self, Vec<Record>)>> {
        let pin = engine.pin_log(project.partition).await?;
        let read = project.read(engine, |view| project_table::get(view)).await;
        if is_missing(&read) {
            return Ok(None);
        }
        let Some(found) = read?.value else { return Ok(None) };
        let begun = Record::Project { project: found, base: pin.head.revision, log_floor: pin.floor };
        let (read_early, owed, stage) = (HashMap::new(), HashSet::new(), Stage::LabelSchema);
        Ok(Some((Self { project, pin, room, stage, read_early, owed }, vec![begun])))
    }

    /// Goes on. After OVERLOADED, the same step may be tried again.
    async fn step(&mut self, engine: &dyn Engine) -> Result<Step> {
        match &self.stage {
            Stage::LabelSchema => {
                let schema = self.project.read(engine, |view| schema_table::get(view)).await?.value;
                self.stage = Stage::Layers(Bytes::new());
                let record = schema.map(|schema| Record::LabelSchema(Box::new(schema)));
                Ok(Step::Records(record.into_iter().collect()))
            }
            Stage::Layers(from) => {
                let (from, room) = (from.clone(), self.room);
                let read = self.project.read(engine, move |view| scan::layers(view, &from, room)).await?;
                let (record, next) = read.value;
                self.stage = next.map_or(Stage::Rows(Cursor::START), Stage::Layers);
                Ok(Step::Records(record.into_iter().collect()))
            }
            Stage::Rows(cursor) => {
                let (cursor, base, room) = (cursor.clone(), self.pin.head.revision, self.room);
                let read =
                    self.project.read(engine, move |view| scan::scan(view, cursor, base, room)).await?;
                let At { value: Scanned { records, next, changed }, revision } = read;
                self.read_early.extend(changed);
                let last = Stamp { revision: self.pin.floor, ..self.pin.head };
                self.stage = next.map_or(Stage::Log { last, target: revision }, Stage::Rows);
                Ok(Step::Records(records))
            }
            Stage::Log { last, target } if last.revision >= *target => {
                if !self.owed.is_empty() {
                    return Err(Error::corrupt(
                        "the log does not say that an article was deleted that is gone",
                    ));
                }
                let head = if self.pin.head.revision == *target { self.pin.head } else { *last };
                let in_use = self.project.read(engine, |view| {
                    let generations_below = text_revision_table::generations_in_use(view)?;
                    Ok((article_table::numbers_in_use(view)?, generations_below))
                });
                let (numbers_below, generations_below) = in_use.await?.value;
                Ok(Step::End(ProjectEnd::At { head, numbers_below, generations_below }))
            }
            Stage::Log { last, target } => {
                let (after, target) = (last.revision, *target);
                let read = engine.log_after(self.project.partition, after, self.room.bytes).await;
                let mut commits = read.map_err(|error| match error {
                    LogError::Failed(error) => error,
                    LogError::Compacted { .. } => Error::corrupt("a log was trimmed that is pinned"),
                })?;
                commits.retain(|commit| commit.stamp.revision <= target);
                if commits.is_empty() {
                    return Err(Error::corrupt(format!("the log ends at revision {}", after.0)));
                }
                let articles = self.created_in(&commits)?;
                self.stage = Stage::Created { articles, place: Place::Text(0), commits, target };
                Ok(Step::Records(Vec::new()))
            }
            Stage::Created { .. } => self.read_created_or_go_on(engine).await,
        }
    }

    /// The articles that these commits create and do not delete, and that were not read as of then or later.
    fn created_in(&mut self, commits: &[Commit]) -> Result<VecDeque<Created>> {
        let mut articles: VecDeque<Created> = VecDeque::new();
        for commit in commits.iter().filter(|commit| commit.stamp.revision > self.pin.head.revision) {
            for change in super::changes(commit) {
                match change? {
                    ResourceChange::Article { number, before, after: Some(after), cascaded } => {
                        let is_new = before.is_none_or(|before| {
                            before.text_generation != after.text_generation
                                || before.annotation_generation != after.annotation_generation
                        });
                        let read = self.read_early.get(&number);
                        if is_new && read.is_none_or(|read| *read < commit.stamp.revision) {
                            let is_whole =
                                cascaded || after.article.text.revision > 1 || commit.origin.undone.is_some();
                            articles.push_back(Created { number, stored: after, is_whole });
                        }
                    }
                    ResourceChange::Article { number, before: _, after: None, cascaded: _ } => {
                        articles.retain(|created| created.number != number);
                        self.owed.remove(&number);
                    }
                    ResourceChange::Project { .. }
                    | ResourceChange::LabelSchema { .. }
                    | ResourceChange::Annotation { .. }
                    | ResourceChange::Layer { .. }
                    | ResourceChange::ArticleLayer { .. } => {}
                }
            }
        }
        Ok(articles)
    }

    /// Reads on in the first article that is to be read before the commits; when there is none, gives the commits.
    async fn read_created_or_go_on(&mut self, engine: &dyn Engine) -> Result<Step> {
        let Stage::Created { articles, place, commits, target } = &mut self.stage else {
            return Ok(Step::Records(Vec::new()));
        };
        let Some(Created { number, stored, is_whole }) = articles.front().cloned() else {
            let last = commits.last().map_or(self.pin.head, |commit| commit.stamp);
            let records = commit_records(std::mem::take(commits));
            self.stage = Stage::Log { last, target: *target };
            return Ok(Step::Records(records));
        };
        let (from, room) = (place.clone(), self.room);
        let read = self.project.read(engine, move |view| {
            let Some(current) = article_table::get(view, number)? else { return Ok(None) };
            let stored = if is_whole { current } else { stored };
            scan::rest(view, number, &stored, &from, room).map(Some)
        });
        let At { value, revision } = read.await?;
        let is_gone = value.is_none();
        if is_gone {
            self.owed.insert(number);
        }
        // A text never changes. What else is said of this view is right once the log is copied up to it.
        if is_gone || !matches!(place, Place::Text(_)) {
            *target = revision.max(*target);
        }
        let (record, next) = value.unwrap_or_default();
        match next {
            Some(next) if is_whole || matches!(next, Place::Text(_)) => *place = next,
            Some(_) | None => (*place, _) = (Place::Text(0), articles.pop_front()),
        }
        Ok(Step::Records(record.into_iter().collect()))
    }
}

/// The records of some commits, each within a frame.
fn commit_records(commits: Vec<Commit>) -> Vec<Record> {
    const COMMIT_BYTES: usize = 32;
    const CHANGE_BYTES: usize = 8;
    let (mut records, mut parts, mut bytes) = (Vec::new(), Vec::new(), 0);
    for Commit { stamp, origin, changes } in commits {
        let mut part = CommitPart { stamp, origin, changes: Vec::new(), continued: false };
        bytes += COMMIT_BYTES;
        for Change { scope: _, record } in changes {
            if bytes >= BACKUP_VIEW_BYTES_MAX {
                let rest = CommitPart { stamp, origin, changes: Vec::new(), continued: false };
                let full = std::mem::replace(&mut part, rest);
                parts.push(CommitPart { continued: true, ..full });
                records.push(Record::Commits(std::mem::take(&mut parts)));
                bytes = COMMIT_BYTES;
            }
            bytes += CHANGE_BYTES + record.len();
            part.changes.push(record);
        }
        parts.push(part);
    }
    if !parts.is_empty() {
        records.push(Record::Commits(parts));
    }
    records
}

fn is_missing<T>(read: &Result<T>) -> bool {
    matches!(read, Err(Error { problem: Problem::ResourceNotFound { .. }, .. }))
}

/// How long a backup waits when the server has too much to do for it.
const PAUSE: Duration = Duration::from_millis(100);

/// Tries as often as the server has too much to do.
async fn patiently<T, F: Future<Output = Result<T>>>(attempt: impl Fn() -> F) -> Result<T> {
    loop {
        match attempt().await {
            Err(error) if error.problem == Problem::Overloaded => tokio::time::sleep(PAUSE).await,
            outcome => return outcome,
        }
    }
}
