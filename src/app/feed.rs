//! What happens in projects, for those who follow it.
//!
//! Who follows a project reads its log; what is newest of it is read once for all of them and kept encoded: its *tail*.
//! One task a project waits for the log to grow, reads and encodes what is new, and rings the bell. A follower is a
//! place in the log and nothing more: one that is slow reads what the tail has no more from the database.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};

use super::{Renderers, calculate, changes, projects::ProjectHandle, record_bytes};
use crate::{
    domain::{
        Error, Problem, Result,
        ids::{AnnotationId, ArticleId, LayerId},
        revisions::Revision,
    },
    limits::{FEED_READ_BYTES, FEED_TAIL_AGE_MAX, FEED_TAIL_BYTES_MAX, STREAM_MESSAGE_BYTES_MAX},
    store::{
        engine::{Commit, Engine, LogError, Origin, Partition, Stamp},
        keys::ArticleNumber,
        records::ResourceChange,
    },
};

/// Which changes are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    /// Only those of this article and its annotations.
    pub article: Option<ArticleId>,
    /// Only those of annotations of this layer, before or after, and of articles that take them along or carry them over.
    pub layer: Option<LayerId>,
    /// Only those of this annotation, and of its article when that takes it along.
    pub annotation: Option<AnnotationId>,
}

impl ChangeFilter {
    /// Whether everything passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { article, layer, annotation } = self;
        article.is_none() && layer.is_none() && annotation.is_none()
    }

    fn passes(&self, scope: &ChangeScope) -> bool {
        let Self { article, layer, annotation } = self;
        let of_article = |of: &ArticleId| article.as_ref().is_none_or(|asked| asked == of);
        match scope {
            ChangeScope::Project => self.is_empty(),
            ChangeScope::Layer { article: of, layer: id } => {
                let is_of_article = of.as_ref().map_or_else(|| article.is_none(), of_article);
                is_of_article && layer.as_ref().is_none_or(|asked| asked == id) && annotation.is_none()
            }
            ChangeScope::Article { article, cascaded } => {
                of_article(article) && (*cascaded || (layer.is_none() && annotation.is_none()))
            }
            ChangeScope::Annotation { article, id, layers } => {
                of_article(article)
                    && layer.as_ref().is_none_or(|asked| layers.iter().flatten().any(|layer| layer == asked))
                    && annotation.is_none_or(|asked| asked == *id)
            }
        }
    }
}

/// What a change is of.
#[derive(Debug, Clone)]
enum ChangeScope {
    Project,
    /// A layer, or that of an article.
    Layer {
        article: Option<ArticleId>,
        layer: LayerId,
    },
    Article {
        article: ArticleId,
        cascaded: bool,
    },
    Annotation {
        article: ArticleId,
        id: AnnotationId,
        layers: [Option<LayerId>; 2],
    },
}

impl ChangeScope {
    fn of(change: &ResourceChange) -> Option<Self> {
        Some(match change {
            ResourceChange::Project { before: _, after: _ } | ResourceChange::LabelSchema { .. } => {
                Self::Project
            }
            ResourceChange::Article { number: _, before, after, cascaded } => {
                let article = after.as_ref().or(before.as_ref())?.article.id.clone();
                Self::Article { article, cascaded: *cascaded }
            }
            ResourceChange::Layer { before, after } => {
                let layer = after.as_ref().or(before.as_ref())?.id.clone();
                Self::Layer { article: None, layer }
            }
            ResourceChange::ArticleLayer { number: _, article, layer, before: _, after: _ } => {
                Self::Layer { article: Some(article.clone()), layer: layer.clone() }
            }
            ResourceChange::Annotation { number: _, article, id, before, after, cascaded: _ } => {
                let layer_before = before.as_ref().map(|before| before.layer.clone());
                let layer_after = after.as_ref().map(|after| after.layer.clone());
                // Mostly the same one.
                let layer_after = layer_after.filter(|after| layer_before.as_ref() != Some(after));
                Self::Annotation { article: article.clone(), id: *id, layers: [layer_before, layer_after] }
            }
        })
    }
}

/// A commit, encoded for clients.
#[derive(Debug)]
pub(super) struct FeedCommit {
    pub(super) stamp: Stamp,
    origin: Origin,
    changes: Vec<FeedChange>,
    /// All of it, in one message or several.
    whole: Vec<Bytes>,
    /// Articles that came back with their annotations, or whose annotations were carried to another text.
    pub(super) restored: Vec<(ArticleNumber, ArticleId)>,
    bytes: usize,
}

#[derive(Debug)]
struct FeedChange {
    scope: ChangeScope,
    bytes: Bytes,
}

impl FeedCommit {
    /// Encodes those changes of a commit that pass.
    ///
    /// # Errors
    ///
    /// STORAGE_CORRUPT.
    pub(super) fn read(
        commit: &Commit,
        project: &ProjectHandle,
        filter: &ChangeFilter,
        render: &Renderers,
    ) -> Result<Self> {
        // What an entry takes beside its bytes, roughly.
        const ENTRY_BYTES: usize = 256;
        let (name, uid) = (project.name(), project.uid);
        let (mut encoded, mut restored) = (Vec::with_capacity(commit.changes.len()), Vec::new());
        for change in changes(commit) {
            let change = change?;
            let scope = ChangeScope::of(&change);
            let scope = scope.ok_or_else(|| Error::corrupt("a change of nothing into nothing"))?;
            if !filter.passes(&scope) {
                continue;
            }
            if let ResourceChange::Article { number, before: _, after: Some(after), cascaded: true } = &change
            {
                restored.push((*number, after.article.id.clone()));
            }
            encoded.push(FeedChange { scope, bytes: (render.change)(&name, uid, &change) });
        }
        let Commit { stamp, origin, changes: _ } = commit;
        let all: Vec<_> = encoded.iter().map(|change| change.bytes.clone()).collect();
        let whole = parts(*stamp, *origin, &all, false, render);
        let bytes = 2 * all.iter().map(Bytes::len).sum::<usize>() + ENTRY_BYTES;
        Ok(Self { stamp: *stamp, origin: *origin, changes: encoded, whole, restored, bytes })
    }

    /// The messages of what passes, none if nothing does; with `continued` the last of them, too, says that it goes on.
    pub(super) fn messages(&self, filter: &ChangeFilter, continued: bool, render: &Renderers) -> Vec<Bytes> {
        let passing = || self.changes.iter().filter(|change| filter.passes(&change.scope));
        let count = passing().count();
        if count == 0 && !(filter.is_empty() && self.changes.is_empty()) {
            return Vec::new();
        }
        if count == self.changes.len() && !continued {
            return self.whole.clone();
        }
        let passing: Vec<_> = passing().map(|change| change.bytes.clone()).collect();
        parts(self.stamp, self.origin, &passing, continued, render)
    }

    /// A message of the same commit with these changes.
    pub(super) fn message(&self, changes: &[Bytes], continued: bool, render: &Renderers) -> Bytes {
        (render.changes)(self.stamp, self.origin, changes, continued)
    }
}

/// Messages of at most [`STREAM_MESSAGE_BYTES_MAX`], beyond one change each.
fn parts(stamp: Stamp, origin: Origin, changes: &[Bytes], continued: bool, render: &Renderers) -> Vec<Bytes> {
    let mut parts = Vec::with_capacity(1);
    let (mut start, mut bytes) = (0, 0);
    for (at, change) in changes.iter().enumerate() {
        if at > start && bytes + change.len() > STREAM_MESSAGE_BYTES_MAX {
            let part = changes.get(start..at).unwrap_or_default();
            parts.push((render.changes)(stamp, origin, part, true));
            (start, bytes) = (at, 0);
        }
        bytes += change.len();
    }
    let last = changes.get(start..).unwrap_or_default();
    parts.push((render.changes)(stamp, origin, last, continued));
    parts
}

/// Reads the commits after `after`, encoded, where that holds up nobody.
///
/// # Errors
///
/// REVISION_COMPACTED; as every read.
pub(super) async fn read_commits(
    engine: &dyn Engine,
    project: &Arc<ProjectHandle>,
    after: Revision,
    max_bytes: usize,
    filter: &ChangeFilter,
    render: Renderers,
) -> Result<Vec<FeedCommit>> {
    let read = engine.log_after(project.partition, after, max_bytes).await;
    let commits = read.map_err(|error| match error {
        LogError::Compacted { earliest } => Problem::RevisionCompacted { asked: after.0, earliest }.into(),
        LogError::Failed(error) => error,
    })?;
    let bytes = record_bytes(&commits);
    let (project, filter) = (Arc::clone(project), filter.clone());
    calculate(bytes, move || {
        commits.iter().map(|commit| FeedCommit::read(commit, &project, &filter, &render)).collect()
    })
    .await?
}

/// What is rung to followers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bell {
    /// The newest commit.
    pub(super) head: Revision,
    /// The oldest commit that the log will keep in a moment, as far as that was announced.
    pub(super) earliest: Revision,
    /// Whether the project is deleted.
    pub(super) ended: bool,
}

/// A project that somebody follows.
#[derive(Debug)]
pub(super) struct Channel {
    tail: Mutex<Tail>,
    bell: watch::Sender<Bell>,
    /// Ends the pump when the last follower goes.
    _followed: oneshot::Sender<()>,
}

impl Channel {
    /// What rings when there is something new.
    pub(super) fn bell(&self) -> watch::Receiver<Bell> {
        self.bell.subscribe()
    }

    /// Some commits after `after`, if the tail has the next one: not more than a reading of the log gathers, since they
    /// wait for each slow client.
    pub(super) fn after(&self, after: Revision) -> Vec<Arc<FeedCommit>> {
        let tail = self.tail();
        let Some((_, first)) = tail.commits.front() else { return Vec::new() };
        let Some(skip) = after.next().0.checked_sub(first.stamp.revision.0) else { return Vec::new() };
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let mut bytes = 0;
        let next = tail.commits.iter().map(|(_, commit)| commit).skip(skip).take_while(|commit| {
            let has_room = bytes < FEED_READ_BYTES;
            bytes += commit.bytes;
            has_room
        });
        next.cloned().collect()
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The newest commits, without a gap, in the order of their revisions.
#[derive(Debug)]
struct Tail {
    /// Each since when.
    commits: VecDeque<(Instant, Arc<FeedCommit>)>,
    own_bytes: usize,
    /// What all tails take.
    bytes: Arc<AtomicUsize>,
}

impl Tail {
    fn push(&mut self, commit: FeedCommit) {
        let newest = self.commits.back();
        if newest.is_some_and(|(_, newest)| newest.stamp.revision.next() != commit.stamp.revision) {
            self.clear();
        }
        self.bytes.fetch_add(commit.bytes, Ordering::Relaxed);
        self.own_bytes += commit.bytes;
        self.commits.push_back((Instant::now(), Arc::new(commit)));
        // However much others have, a tail has what one reading gathers: else it would be of no use.
        while self.bytes.load(Ordering::Relaxed) > FEED_TAIL_BYTES_MAX
            && self.own_bytes > FEED_READ_BYTES
            && self.forget_oldest()
        {}
    }

    /// Forgets what is so old that only the slow have not seen it: other projects' tails have its room.
    fn forget_old(&mut self) {
        let is_old = |(since, _): &(Instant, _)| since.elapsed() >= FEED_TAIL_AGE_MAX;
        while self.commits.front().is_some_and(is_old) && self.forget_oldest() {}
    }

    fn forget_oldest(&mut self) -> bool {
        let oldest = self.commits.pop_front();
        oldest.is_some_and(|(_, oldest)| {
            self.bytes.fetch_sub(oldest.bytes, Ordering::Relaxed);
            self.own_bytes -= oldest.bytes;
            true
        })
    }

    fn clear(&mut self) {
        while self.forget_oldest() {}
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The projects that somebody follows.
pub(super) struct Feeds {
    engine: Arc<dyn Engine>,
    render: Renderers,
    channels: Mutex<HashMap<Partition, Weak<Channel>>>,
    /// What all tails take.
    bytes: Arc<AtomicUsize>,
}

impl Feeds {
    pub(super) fn new(engine: Arc<dyn Engine>, render: Renderers) -> Self {
        Self { engine, render, channels: Mutex::default(), bytes: Arc::default() }
    }

    /// The channel of a project, for as long as it is held.
    pub(super) fn follow(&self, project: &Arc<ProjectHandle>) -> Arc<Channel> {
        let mut channels = self.channels();
        if let Some(channel) = channels.get(&project.partition).and_then(Weak::upgrade) {
            return channel;
        }
        channels.retain(|_, channel| channel.strong_count() > 0);
        let mut head = self.engine.head(project.partition);
        let bell = Bell { head: *head.borrow_and_update(), earliest: Revision::default(), ended: false };
        let tail = Tail { commits: VecDeque::new(), own_bytes: 0, bytes: Arc::clone(&self.bytes) };
        let (followed, left) = oneshot::channel();
        let (tail, bell_sender) = (Mutex::new(tail), watch::Sender::new(bell));
        let channel = Arc::new(Channel { tail, bell: bell_sender, _followed: followed });
        channels.insert(project.partition, Arc::downgrade(&channel));
        let pump = Pump {
            engine: Arc::clone(&self.engine),
            render: self.render,
            project: Arc::clone(project),
            channel: Arc::downgrade(&channel),
            read: bell.head,
            head,
            left,
        };
        tokio::spawn(pump.run());
        channel
    }

    /// Tells who follows a project that its log will soon begin with `earliest`. Whether somebody does.
    pub(super) fn announce(&self, partition: Partition, earliest: Revision) -> bool {
        self.ring(partition, |bell| bell.earliest = bell.earliest.max(earliest))
    }

    /// Tells who follows a project that it is deleted. Waits until that is in the tail, since the log is swept next.
    pub(super) async fn end(&self, partition: Partition) {
        /// A reader that is slower has other troubles.
        const PATIENCE: Duration = Duration::from_secs(1);
        let head = *self.engine.head(partition).borrow();
        let bell = self.channels().get(&partition).and_then(Weak::upgrade).map(|channel| channel.bell());
        if let Some(mut bell) = bell {
            let _ = tokio::time::timeout(PATIENCE, bell.wait_for(|bell| bell.head >= head)).await;
        }
        self.ring(partition, |bell| {
            bell.head = bell.head.max(head);
            bell.ended = true;
        });
    }

    fn ring(&self, partition: Partition, change: impl FnOnce(&mut Bell)) -> bool {
        let channel = self.channels().get(&partition).and_then(Weak::upgrade);
        channel.is_some_and(|channel| {
            channel.bell.send_modify(change);
            true
        })
    }

    fn channels(&self) -> MutexGuard<'_, HashMap<Partition, Weak<Channel>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Feeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feeds").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// Reads the log of one project as it grows, for as long as somebody follows it.
struct Pump {
    engine: Arc<dyn Engine>,
    render: Renderers,
    project: Arc<ProjectHandle>,
    channel: Weak<Channel>,
    head: watch::Receiver<Revision>,
    /// The last commit that was read.
    read: Revision,
    /// Ends when nobody follows any more.
    left: oneshot::Receiver<()>,
}

impl Pump {
    async fn run(mut self) {
        let mut forgets = tokio::time::interval(FEED_TAIL_AGE_MAX);
        loop {
            tokio::select! {
                grown = self.head.changed() => if grown.is_err() { return },
                _ = &mut self.left => return,
                _ = forgets.tick() => {
                    let Some(channel) = self.channel.upgrade() else { return };
                    channel.tail().forget_old();
                }
            }
            let head = *self.head.borrow_and_update();
            while self.read < head {
                let Some(channel) = self.channel.upgrade() else { return };
                self.step(&channel, head).await;
            }
        }
    }

    async fn step(&mut self, channel: &Channel, head: Revision) {
        const PAUSE: Duration = Duration::from_millis(50);
        let all = ChangeFilter::default();
        let (engine, project) = (self.engine.as_ref(), &self.project);
        match read_commits(engine, project, self.read, FEED_READ_BYTES, &all, self.render).await {
            Ok(commits) if !commits.is_empty() => {
                let mut tail = channel.tail();
                for commit in commits {
                    self.read = commit.stamp.revision;
                    tail.push(commit);
                }
            }
            Err(error) if error.problem == Problem::Overloaded => {
                tokio::time::sleep(PAUSE).await;
                return;
            }
            // Who follows reads it, too, and is told why it cannot be read.
            Ok(_) | Err(_) => {
                self.read = head;
                channel.tail().clear();
            }
        }
        channel.bell.send_modify(|bell| bell.head = bell.head.max(self.read));
    }
}
