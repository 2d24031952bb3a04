//! How far a watch has come: what was told whole, and where to go on. Pure.

use tonic::Status;

use crate::proto::v1::{
    self, Earliest, FromSnapshot, Now, watch_changes_request::Start, watch_changes_response::Event as Message,
};

/// Where a watch begins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum WatchStart {
    /// With the next commit.
    #[default]
    Now,
    /// With the commit after this one.
    After {
        /// The last revision that is known already.
        revision: u64,
        /// The uid of the project that it is of, or empty; the watch ends with `FEED_RESET` if it is another by now.
        project_uid: String,
    },
    /// With the oldest commit that the log keeps.
    Earliest,
    /// With what there is, and then with what changes it.
    Snapshot,
}

/// What a watch tells.
#[derive(Debug, Clone)]
pub enum Event {
    /// The watch has begun, or goes on after [`Event::Disconnected`].
    Connected {
        /// What is followed.
        opened: v1::Opened,
        /// Whether it was connected before.
        again: bool,
    },
    /// What there is comes next: forget what was told before, which may be half a snapshot.
    SnapshotBegins,
    /// Some of what there is; the newer revision of a resource wins, here and against what commits have told.
    Snapshot(v1::Snapshot),
    /// One commit, whole. After a snapshot, some of its changes may be older than what the snapshot had.
    Commit(v1::Changes),
    /// Nothing up to this revision will come any more.
    Checkpoint(v1::Checkpoint),
    /// The connection broke, or the server asked to come back later, for this reason. Once, until it is
    /// [`Event::Connected`] again; nothing is missed meanwhile.
    Disconnected(Status),
}

/// A message that is not what may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OutOfOrder;

/// The snapshot that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Snapshotting {
    /// None of it is there.
    Wanted,
    /// Some of it is; what follows begins after this revision.
    Within(u64),
    /// All of it is, or none was asked for.
    Done,
}

/// A watch's place in a project's changes.
#[derive(Debug, Clone)]
pub(super) struct Place {
    start: WatchStart,
    /// As the server said last.
    project_uid: String,
    /// Everything up to and with this revision was told.
    last: Option<u64>,
    snapshot: Snapshotting,
    /// A commit that is not whole.
    parts: Option<v1::Changes>,
    was_opened: bool,
}

impl Place {
    /// Where a watch begins that has not begun.
    pub(super) fn new(start: WatchStart) -> Self {
        let last = match start {
            WatchStart::After { revision, .. } => Some(revision),
            WatchStart::Now | WatchStart::Earliest | WatchStart::Snapshot => None,
        };
        let snapshot = if start == WatchStart::Snapshot { Snapshotting::Wanted } else { Snapshotting::Done };
        Self { start, project_uid: String::new(), last, snapshot, parts: None, was_opened: false }
    }

    /// Where to go on, and the uid that this is of.
    pub(super) fn resume(&self) -> (Start, String) {
        match (&self.start, self.last) {
            (WatchStart::After { project_uid, .. }, Some(last)) if !self.was_opened => {
                (Start::AfterRevision(last), project_uid.clone())
            }
            (_, Some(last)) => (Start::AfterRevision(last), self.project_uid.clone()),
            // Until something was told there is nothing to go on after, and no life of the project to go on with.
            (WatchStart::Earliest, None) => (Start::Earliest(Earliest {}), String::new()),
            (WatchStart::Snapshot, None) => (Start::Snapshot(FromSnapshot {}), String::new()),
            (WatchStart::Now | WatchStart::After { .. }, None) => (Start::Now(Now {}), String::new()),
        }
    }

    /// Whether the server has ever answered.
    pub(super) fn was_opened(&self) -> bool {
        self.was_opened
    }

    /// Whether the snapshot that was asked for is not there whole.
    pub(super) fn is_snapshotting(&self) -> bool {
        self.snapshot != Snapshotting::Done
    }

    /// Forgets what is not whole.
    pub(super) fn cut_off(&mut self) {
        self.parts = None;
        if self.is_snapshotting() {
            self.snapshot = Snapshotting::Wanted;
        }
    }

    /// What a message tells: nothing, an event, or two.
    pub(super) fn take(&mut self, message: Message) -> Result<[Option<Event>; 2], OutOfOrder> {
        Ok(match message {
            Message::Opened(opened) => [Some(self.open(opened)), None],
            Message::Snapshot(page) => self.page(page)?,
            Message::Changes(part) => [self.part(part)?.map(Event::Commit), None],
            Message::Checkpoint(checkpoint) => [self.checkpoint(checkpoint), None],
        })
    }

    fn open(&mut self, opened: v1::Opened) -> Event {
        self.project_uid.clone_from(&opened.project_uid);
        if self.start == WatchStart::Now && self.last.is_none() {
            self.last = Some(opened.head_revision);
        }
        let again = std::mem::replace(&mut self.was_opened, true);
        Event::Connected { opened, again }
    }

    fn page(&mut self, page: v1::Snapshot) -> Result<[Option<Event>; 2], OutOfOrder> {
        let (first, begins) = match self.snapshot {
            Snapshotting::Done => return Err(OutOfOrder),
            Snapshotting::Wanted => (page.revision, Some(Event::SnapshotBegins)),
            Snapshotting::Within(first) => (first, None),
        };
        if page.last {
            (self.snapshot, self.last) = (Snapshotting::Done, Some(first));
        } else {
            self.snapshot = Snapshotting::Within(first);
        }
        let page = Some(Event::Snapshot(page));
        Ok(if begins.is_some() { [begins, page] } else { [page, None] })
    }

    fn part(&mut self, part: v1::Changes) -> Result<Option<v1::Changes>, OutOfOrder> {
        if self.is_snapshotting() {
            return Err(OutOfOrder);
        }
        if self.last.is_some_and(|last| part.revision <= last) {
            return Ok(None);
        }
        let whole = match self.parts.take() {
            Some(before) if before.revision != part.revision => return Err(OutOfOrder),
            Some(mut before) => {
                before.changes.extend(part.changes);
                v1::Changes { continued: part.continued, ..before }
            }
            None => part,
        };
        if whole.continued {
            self.parts = Some(whole);
            return Ok(None);
        }
        self.last = Some(whole.revision);
        Ok(Some(whole))
    }

    fn checkpoint(&mut self, checkpoint: v1::Checkpoint) -> Option<Event> {
        // A server that stops says how far it came, also within a snapshot or a commit, whose rest does not come then:
        // that is not to be taken for their end.
        if self.is_snapshotting() || self.parts.is_some() {
            return None;
        }
        self.last = self.last.max(Some(checkpoint.revision));
        Some(Event::Checkpoint(checkpoint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(head: u64) -> Message {
        Message::Opened(v1::Opened { project_uid: "u".into(), head_revision: head, earliest_revision: 3 })
    }

    fn page(revision: u64, last: bool) -> Message {
        Message::Snapshot(v1::Snapshot { revision, resources: Vec::new(), last })
    }

    /// A part of a commit that is one change.
    fn part(revision: u64, continued: bool) -> Message {
        let changes = vec![v1::Change::default()];
        Message::Changes(v1::Changes { revision, changes, continued, ..v1::Changes::default() })
    }

    fn checkpoint(revision: u64) -> Message {
        Message::Checkpoint(v1::Checkpoint { revision, earliest_revision: 1 })
    }

    fn after(revision: u64) -> WatchStart {
        WatchStart::After { revision, project_uid: "mine".into() }
    }

    /// What is told of the messages, in short, and where it is gone on from once they are cut off.
    fn told(start: WatchStart, messages: Vec<Message>) -> (String, (Start, String)) {
        let mut place = Place::new(start);
        let mut told = Vec::new();
        for message in messages {
            let Ok(events) = place.take(message) else {
                told.push("out of order".to_owned());
                place.cut_off();
                continue;
            };
            told.extend(events.into_iter().flatten().map(|event| match event {
                Event::Connected { again, .. } => if again { "again" } else { "opened" }.to_owned(),
                Event::SnapshotBegins => "begins".to_owned(),
                Event::Snapshot(page) => format!("page {}", page.revision),
                Event::Commit(commit) => format!("{}x{}", commit.revision, commit.changes.len()),
                Event::Checkpoint(checkpoint) => format!("checkpoint {}", checkpoint.revision),
                Event::Disconnected(_) => unreachable!(),
            }));
        }
        place.cut_off();
        (told.join(", "), place.resume())
    }

    #[test]
    fn what_is_whole_is_told_once_and_gone_on_from() {
        let check = |start: WatchStart, messages: Vec<Message>, expected: &str, resumed: (Start, &str)| {
            let (told, (start, uid)) = told(start, messages);
            assert_eq!((told.as_str(), (start, uid.as_str())), (expected, resumed));
        };
        let on = |revision| (Start::AfterRevision(revision), "u");
        check(WatchStart::Now, vec![], "", (Start::Now(Now {}), ""));
        check(after(5), vec![], "", (Start::AfterRevision(5), "mine"));
        check(WatchStart::Earliest, vec![opened(9)], "opened", (Start::Earliest(Earliest {}), ""));
        // From now on is from what was the newest commit when it was opened.
        check(WatchStart::Now, vec![opened(9)], "opened", on(9));
        check(WatchStart::Now, vec![opened(9), opened(12)], "opened, again", on(9));
        check(after(5), vec![opened(9), part(6, false), part(8, false)], "opened, 6x1, 8x1", on(8));
        check(WatchStart::Earliest, vec![opened(9), part(3, false)], "opened, 3x1", on(3));
        // Half a commit is nothing.
        check(after(5), vec![opened(9), part(6, false), part(7, true)], "opened, 6x1", on(6));
        check(after(5), vec![opened(9), part(6, true), part(6, true), part(6, false)], "opened, 6x3", on(6));
        // What was told is not told again, whole or in parts.
        check(
            after(5),
            vec![opened(9), part(5, true), part(5, false), part(6, false), part(6, false)],
            "opened, 6x1",
            on(6),
        );
        check(after(5), vec![opened(9), part(6, true), part(7, false)], "opened, out of order", on(5));
        check(
            after(5),
            vec![opened(9), checkpoint(7), checkpoint(6)],
            "opened, checkpoint 7, checkpoint 6",
            on(7),
        );
        // The last word of a server that stops within a commit.
        check(after(5), vec![opened(9), part(6, true), checkpoint(5)], "opened", on(5));
    }

    #[test]
    fn a_snapshot_is_there_whole_or_begins_again() {
        let check = |messages: Vec<Message>, expected: &str, resumed: Start| {
            let (told, (start, _)) = told(WatchStart::Snapshot, messages);
            assert_eq!((told.as_str(), start), (expected, resumed));
        };
        let anew = || Start::Snapshot(FromSnapshot {});
        check(vec![opened(9)], "opened", anew());
        check(vec![opened(9), page(9, false)], "opened, begins, page 9", anew());
        check(vec![opened(9), page(9, false), page(11, false)], "opened, begins, page 9, page 11", anew());
        // What changed while it was read comes after it: the first page's revision is where it goes on.
        check(
            vec![opened(9), page(9, false), page(11, true)],
            "opened, begins, page 9, page 11",
            Start::AfterRevision(9),
        );
        check(
            vec![opened(9), page(9, true), part(10, false)],
            "opened, begins, page 9, 10x1",
            Start::AfterRevision(10),
        );
        // The last word of a server that stops within it.
        check(vec![opened(9), page(9, false), checkpoint(9)], "opened, begins, page 9", anew());
        check(
            vec![opened(9), page(9, false), part(10, false)],
            "opened, begins, page 9, out of order",
            anew(),
        );
        check(vec![opened(9), part(10, false)], "opened, out of order", anew());
        check(
            vec![opened(9), page(9, true), page(9, true)],
            "opened, begins, page 9, out of order",
            Start::AfterRevision(9),
        );
    }
}
