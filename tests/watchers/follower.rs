//! One who follows a project: reads fast or slowly, goes away and comes back, and holds what it is told against the
//! rules of the feed.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
    time::Duration,
};

use spandrel::proto::v1::{
    self, resource::Kind, watch_changes_request::Start, watch_changes_response::Event,
};

use tokio::sync::watch;

use crate::{
    replica::{Filter, Replica},
    source::{Caller, Source},
    stage::{P, Stage},
    support::Seeded,
    writer::reason,
};

/// How a follower reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Temper {
    Steady,
    /// Sleeps between messages.
    Slow,
    /// Goes away at random, also in the middle of a commit.
    Flighty,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Follower {
    stage: Arc<Stage>,
    caller: Caller,
    seeded: Seeded,
    temper: Temper,
    start: Start,
    pub filter: Filter,
    uid: String,
    /// The revision after which it was to be told everything, once that is known.
    pub begun_after: Option<u64>,
    /// The last commit or checkpoint that it has whole.
    position: Option<u64>,
    checkpoint: u64,
    /// The parts of a commit that is not whole yet.
    parts: Vec<v1::Change>,
    parts_of: Option<u64>,
    pub seen: Vec<(u64, u64)>,
    pub replica: Replica,
    in_snapshot: Option<u64>,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stage.leaves();
    }
}

impl Follower {
    pub fn new(
        stage: Arc<Stage>,
        caller: Caller,
        (temper, start, filter): (Temper, Start, Filter),
        seed: u64,
    ) -> Self {
        Self {
            stage,
            caller,
            seeded: Seeded::new(seed),
            temper,
            start,
            filter,
            uid: String::new(),
            begun_after: None,
            position: None,
            checkpoint: 0,
            parts: Vec::new(),
            parts_of: None,
            seen: Vec::new(),
            replica: Replica::default(),
            in_snapshot: None,
        }
    }

    /// Whether it began with all that there was, so that its replica has all that there is.
    pub fn has_all(&self) -> bool {
        matches!(self.start, Start::Earliest(_) | Start::Snapshot(_) | Start::AfterRevision(0))
    }

    /// Follows until the last commit, however often the stream ends before.
    pub async fn run(mut self) -> Self {
        let mut last = self.stage.last.subscribe();
        while !self.is_done() {
            self.follow_once(&mut last).await;
            self.stage.came_back();
            (self.parts, self.parts_of) = (Vec::new(), None);
            let pause = 5 + self.seeded.below(95);
            tokio::time::sleep(Duration::from_millis(pause.try_into().unwrap())).await;
        }
        self
    }

    fn is_done(&self) -> bool {
        let last = *self.stage.last.borrow();
        last > 0 && self.position.is_some_and(|position| position >= last)
    }

    fn request(&self) -> v1::WatchChangesRequest {
        v1::WatchChangesRequest {
            parent: P.to_owned(),
            article: self.filter.article_name().unwrap_or_default(),
            layer: self.filter.layer.unwrap_or_default().to_owned(),
            start: Some(self.position.map_or(self.start, Start::AfterRevision)),
            project_uid: self.uid.clone(),
        }
    }

    /// Follows until the stream ends, or until it goes away by itself.
    async fn follow_once(&mut self, last: &mut watch::Receiver<u64>) {
        let mut source = match self.caller.watch(self.request()).await {
            Ok(source) => source,
            Err(status) => return self.lost(&status),
        };
        if let Some(Event::Opened(opened)) = self.next(&mut source).await {
            self.open(&opened);
        } else {
            return;
        }
        loop {
            let event = tokio::select! {
                event = self.next(&mut source) => event,
                // It may have been told the last commit already.
                _ = last.changed() => if self.is_done() { None } else { continue },
            };
            let Some(event) = event else { return };
            match event {
                Event::Opened(opened) => panic!("{opened:?} comes again"),
                Event::Snapshot(page) => self.take_page(page),
                Event::Checkpoint(checkpoint) => self.take_checkpoint(&checkpoint),
                Event::Changes(part) => self.take(part),
            }
            if self.is_done() || self.goes_away().await {
                return;
            }
        }
    }

    /// The next message, unless the stream was cut off.
    async fn next(&mut self, source: &mut Source) -> Option<Event> {
        match source.next().await {
            Ok(Some(message)) => message.event,
            Ok(None) => panic!("a stream of changes ended with OK"),
            Err(status) => {
                self.lost(&status);
                None
            }
        }
    }

    /// A stream may end because the server is killed, and for no other reason.
    fn lost(&self, status: &tonic::Status) {
        assert_eq!(reason(status), None, "{:?} after {:?}: {status:?}", self.filter, self.position);
    }

    async fn goes_away(&mut self) -> bool {
        let is_in_commit = self.parts_of.is_some();
        match self.temper {
            Temper::Steady => false,
            Temper::Slow => {
                let pause = if self.seeded.below(100) == 0 { 500 } else { self.seeded.below(8) };
                tokio::time::sleep(Duration::from_millis(pause.try_into().unwrap())).await;
                false
            }
            Temper::Flighty => self.seeded.below(if is_in_commit { 4 } else { 60 }) == 0,
        }
    }

    fn open(&mut self, opened: &v1::Opened) {
        assert!(self.uid.is_empty() || self.uid == opened.project_uid);
        self.uid.clone_from(&opened.project_uid);
        assert_eq!(opened.earliest_revision, 1);
        assert!(self.position.is_none_or(|position| position <= opened.head_revision));
        if self.position.is_some() {
            return;
        }
        (self.replica, self.in_snapshot) = (Replica::default(), None);
        self.position = match self.start {
            Start::Now(_) => Some(opened.head_revision),
            Start::AfterRevision(after) => Some(after),
            Start::Earliest(_) => Some(opened.earliest_revision - 1),
            Start::Snapshot(_) => None,
        };
        self.begun_after = self.position;
    }

    fn take_page(&mut self, page: v1::Snapshot) {
        assert!(matches!(self.start, Start::Snapshot(_)) && self.position.is_none());
        let first = *self.in_snapshot.get_or_insert(page.revision);
        assert!(page.revision >= first);
        for resource in page.resources {
            let kind = resource.kind.unwrap();
            assert!(self.filter.holds(&kind), "{:?}: {kind:?}", self.filter);
            self.replica.put(kind);
        }
        if page.last {
            (self.position, self.begun_after) = (Some(first), Some(first));
        }
    }

    fn take_checkpoint(&mut self, checkpoint: &v1::Checkpoint) {
        assert!(self.parts_of.is_none(), "in the middle of a commit: {checkpoint:?}");
        let position = self.position.expect("no checkpoint comes in a snapshot");
        assert!(checkpoint.revision >= position.max(self.checkpoint), "{checkpoint:?} after {position}");
        assert!(
            !self.filter.is_empty() || checkpoint.revision == position,
            "{checkpoint:?} after {position}"
        );
        self.checkpoint = checkpoint.revision;
        self.position = Some(checkpoint.revision);
    }

    fn take(&mut self, part: v1::Changes) {
        let position = self.position.expect("no changes come in a snapshot");
        assert!(part.revision > position, "{} comes after {position}", part.revision);
        assert!(
            !self.filter.is_empty() || part.revision == position + 1,
            "after {position}: {}",
            part.revision
        );
        assert!(self.parts_of.is_none_or(|of| of == part.revision), "{} is cut off", position + 1);
        let v1::Changes { revision, ref request_id, continued, .. } = part;
        let id = request_id.clone();
        // What came back with its article has passed the filter as any other.
        assert!(part.changes.iter().all(|change| self.filter.passes(change)), "{:?}: {part:?}", self.filter);
        self.parts.extend(part.changes);
        if continued {
            self.parts_of = Some(revision);
            return;
        }
        self.parts_of = None;
        let changes = std::mem::take(&mut self.parts);
        self.seen.push((revision, digest(&id, changes.iter())));
        self.replica.apply(revision, changes);
        self.position = Some(revision);
    }
}

/// What a commit did, in short, without what came back with its article.
pub fn digest<'c>(request_id: &str, changes: impl Iterator<Item = &'c v1::Change>) -> u64 {
    let mut hasher = DefaultHasher::new();
    request_id.hash(&mut hasher);
    for v1::Change { name, before, after, cascaded } in changes {
        let revision = |resource: &Option<v1::Resource>| match resource.as_ref()?.kind.as_ref()? {
            Kind::Project(project) => Some(project.revision),
            Kind::Article(article) => Some(article.revision),
            Kind::Annotation(annotation) => Some(annotation.revision),
            Kind::LabelSchema(schema) => Some(schema.revision),
            Kind::Layer(layer) => Some(layer.revision),
            Kind::ArticleLayer(layer) => Some(layer.revision),
        };
        let of_article = name.contains("/annotations/") || name.contains("/layers/");
        if !(*cascaded && of_article) {
            (name, revision(before), revision(after), cascaded).hash(&mut hasher);
        }
    }
    hasher.finish()
}
