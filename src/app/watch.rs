//! A watch: one follower of a project's changes, from a place in its log or from a snapshot of what there is.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use tokio::{sync::watch, time::Instant};

use super::{
    App,
    feed::{Bell, ChangeFilter, Channel, FeedCommit, read_commits},
    projects::ProjectHandle,
    snapshots::{Restoring, Snapshot, SnapshotPage},
};
use crate::{
    domain::{
        Error, Problem, Result,
        ids::ProjectName,
        revisions::{ProjectUid, Revision},
    },
    limits::{CHECKPOINT_INTERVAL, FEED_READ_BYTES},
};

/// What WatchChanges asks for.
#[derive(Debug, Clone)]
pub struct WatchQuery {
    /// Which project.
    pub project: ProjectName,
    /// Which of its changes.
    pub filter: ChangeFilter,
    /// Where it begins.
    pub start: WatchStart,
    /// The project's uid as the client knows it, or empty.
    pub project_uid: String,
}

/// Where a watch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchStart {
    /// With the next commit.
    Now,
    /// With the commit after this one.
    After(Revision),
    /// With the oldest commit that the log keeps.
    Earliest,
    /// With what there is.
    Snapshot,
}

/// What a watch tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchEvent {
    /// What is followed; first of all.
    Opened {
        /// The project's life.
        uid: ProjectUid,
        /// The newest commit.
        head: Revision,
        /// The oldest commit that the log keeps.
        earliest: Revision,
    },
    /// Some of what there is.
    Snapshot(SnapshotPage),
    /// A commit or a part of one, encoded; the revision with its last part.
    Changes(Bytes, Option<Revision>),
    /// How far the watch has come.
    Checkpoint {
        /// Nothing up to here will come any more.
        revision: Revision,
        /// The oldest commit that the log keeps.
        earliest: Revision,
    },
}

/// One follower of a project's changes.
#[derive(Debug)]
pub struct Watch {
    app: Arc<App>,
    project: Arc<ProjectHandle>,
    channel: Arc<Channel>,
    bell: watch::Receiver<Bell>,
    filter: ChangeFilter,
    /// What is told next.
    ready: VecDeque<WatchEvent>,
    snapshot: Option<Snapshot>,
    /// A commit that brought back articles, or revised them, whose annotations are told with it.
    restoring: Option<Restoring>,
    /// The last commit that was read, told or passed over.
    read: Revision,
    /// The last commit that was told whole, or passed over with nothing waiting before it.
    told: Revision,
    told_earliest: Revision,
    checkpoint_at: Instant,
    /// Whether it begins with whatever the log keeps, and has not begun.
    begins_anywhere: bool,
}

impl App {
    /// Begins a watch.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND, FEED_RESET, REVISION_COMPACTED.
    pub async fn watch(self: &Arc<Self>, query: WatchQuery) -> Result<Watch> {
        let WatchQuery { project, filter, start, project_uid } = query;
        let project = self.project(&project)?;
        require_uid(&project, &project_uid, *self.engine.head(project.partition).borrow())?;
        // Before the head is read, so that nothing comes in between.
        let channel = self.feeds.follow(&project);
        let bell = channel.bell();
        // A project that was deleted meanwhile has nothing to follow.
        let head = project.read(self.engine.as_ref(), |_| Ok(())).await?.revision;
        let floor = self.engine.log_floor(project.partition)?;
        let (after, snapshot) = match start {
            WatchStart::Now => (head, None),
            WatchStart::After(after) if after > head => {
                let what = format!("revision {} is past the head of {}, {}", after.0, project.name(), head.0);
                return Err(reset("after_revision", &project, head, what));
            }
            WatchStart::After(after) if after < floor => {
                let problem = Problem::RevisionCompacted { asked: after.0, earliest: floor.next() };
                return Err(Error::at("after_revision", problem));
            }
            WatchStart::After(after) => (after, None),
            WatchStart::Earliest => (floor, None),
            WatchStart::Snapshot => (head, Some(Snapshot::new(filter.clone()))),
        };
        let earliest = floor.next().max(bell.borrow().earliest);
        let opened = WatchEvent::Opened { uid: project.uid, head, earliest };
        Ok(Watch {
            app: Arc::clone(self),
            project,
            channel,
            bell,
            filter,
            ready: [opened].into(),
            snapshot,
            restoring: None,
            read: after,
            told: after,
            told_earliest: earliest,
            checkpoint_at: Instant::now() + CHECKPOINT_INTERVAL,
            begins_anywhere: start == WatchStart::Earliest,
        })
    }
}

/// Checks which life of a project a client speaks of; an empty uid is any.
pub(super) fn require_uid(project: &ProjectHandle, sent: &str, head: Revision) -> Result<()> {
    if sent.is_empty() || sent.eq_ignore_ascii_case(&project.uid.to_string()) {
        return Ok(());
    }
    let what =
        format!("{} was made again: its uid is {}, not the one that was sent", project.name(), project.uid);
    Err(reset("project_uid", project, head, what))
}

/// A place in a feed that there is not.
pub(super) fn reset(field: &str, project: &ProjectHandle, head: Revision, what: String) -> Error {
    Error::at(field, Problem::FeedReset(what, project.uid, head))
}

impl Watch {
    /// The next event; waits for it. Dropped while it waits, it has told nothing and goes on with the next call.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND once the project's deletion was told; REVISION_COMPACTED when the watch was so slow that the
    /// log has forgotten what it would tell next; as every read.
    pub async fn next(&mut self) -> Result<WatchEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.tells(&event);
                return Ok(event);
            }
            if let Some(snapshot) = &mut self.snapshot {
                let page = snapshot.next(&self.app, &self.project).await?;
                if let Some(first) = page.first {
                    (self.read, self.told) = (first, first);
                }
                if page.page.last {
                    self.snapshot = None;
                }
                self.ready.push_back(WatchEvent::Snapshot(page.page));
                continue;
            }
            if let Some(restoring) = &mut self.restoring {
                let (message, done) = restoring.next(&self.app, &self.project, &self.filter).await?;
                let revision = restoring.commit.stamp.revision;
                self.ready.push_back(WatchEvent::Changes(message, done.then_some(revision)));
                if done {
                    (self.restoring, self.read) = (None, revision);
                }
                continue;
            }
            let bell = *self.bell.borrow_and_update();
            self.told = self.read;
            if bell.earliest > self.told_earliest || Instant::now() >= self.checkpoint_at {
                let checkpoint = self.checkpoint()?;
                self.ready.push_back(checkpoint);
            } else if self.read < bell.head {
                self.read_on(bell).await?;
            } else if bell.ended {
                return Err(self.missing());
            } else {
                tokio::select! {
                    rung = self.bell.changed() => rung.map_err(|_| self.missing())?,
                    () = tokio::time::sleep_until(self.checkpoint_at) => {}
                }
            }
        }
    }

    /// What the watch tells last when the server stops: how far it has come. Nothing before it has said what it follows,
    /// nor in the middle of a snapshot, which is of no use before its end.
    ///
    /// # Errors
    ///
    /// As every read.
    pub fn farewell(&mut self) -> Result<Option<WatchEvent>> {
        let is_beginning =
            |event: &WatchEvent| matches!(event, WatchEvent::Opened { .. } | WatchEvent::Snapshot(_));
        if self.snapshot.is_some() || self.ready.iter().any(is_beginning) {
            return Ok(None);
        }
        self.checkpoint().map(Some)
    }

    fn checkpoint(&mut self) -> Result<WatchEvent> {
        let floor = self.app.engine.log_floor(self.project.partition)?;
        self.told_earliest = floor.next().max(self.bell.borrow().earliest);
        self.checkpoint_at = Instant::now() + CHECKPOINT_INTERVAL;
        Ok(WatchEvent::Checkpoint { revision: self.told, earliest: self.told_earliest })
    }

    fn tells(&mut self, event: &WatchEvent) {
        if let WatchEvent::Changes(_, Some(revision)) = event {
            self.told = *revision;
        }
    }

    async fn read_on(&mut self, bell: Bell) -> Result<()> {
        let kept = self.channel.after(self.read);
        if !kept.is_empty() {
            self.begins_anywhere = false;
            for commit in kept {
                if self.add(&commit) {
                    break;
                }
            }
            return Ok(());
        }
        let (engine, render) = (self.app.engine.as_ref(), self.app.render);
        let all = ChangeFilter::default();
        let read = read_commits(engine, &self.project, self.read, FEED_READ_BYTES, &all, render).await;
        if let Err(Error { problem: Problem::RevisionCompacted { asked: _, earliest }, field: _ }) = &read
            && self.begins_anywhere
        {
            // The log was trimmed since the watch was begun.
            self.read = Revision(earliest.0.saturating_sub(1));
            return Ok(());
        }
        self.begins_anywhere = false;
        // Of a project that was deleted rows are missing, in whichever order they are swept.
        let commits = if bell.ended { read.map_err(|_| self.missing())? } else { read? };
        if commits.is_empty() {
            return Err(self.missing());
        }
        for commit in commits {
            if self.add(&Arc::new(commit)) {
                break;
            }
        }
        Ok(())
    }

    /// Takes a commit in. Whether it must be told to its end before the next one.
    fn add(&mut self, commit: &Arc<FeedCommit>) -> bool {
        let passing = commit
            .restored
            .iter()
            .filter(|(_, article)| self.filter.article.as_ref().is_none_or(|asked| asked == article));
        let restored: VecDeque<_> = passing.cloned().collect();
        let goes_on = !restored.is_empty();
        let revision = commit.stamp.revision;
        let mut messages = commit.messages(&self.filter, goes_on, &self.app.render).into_iter().peekable();
        while let Some(message) = messages.next() {
            let is_last = messages.peek().is_none() && !goes_on;
            self.ready.push_back(WatchEvent::Changes(message, is_last.then_some(revision)));
        }
        if goes_on {
            self.restoring = Some(Restoring::new(Arc::clone(commit), restored));
        } else {
            self.read = revision;
        }
        goes_on
    }

    fn missing(&self) -> Error {
        Problem::ResourceNotFound { name: self.project.name().to_string() }.into()
    }
}
