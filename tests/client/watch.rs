//! Watches that are cut off.

use std::time::Duration;

use spandrel::{
    client::{Client, Event, Watch, WatchError, WatchOptions, WatchRequest, WatchStart},
    proto::v1::{FromSnapshot, watch_changes_request::Start},
};
use tonic::{Code, Status};

use crate::{
    fake::{End, Fake, HEAD, PAGES, SNAPSHOT, UID, come_back, names, refused},
    wire::Wire,
};

const OPTIONS: WatchOptions = WatchOptions {
    delay: Duration::from_millis(1),
    delay_max: Duration::from_millis(10),
    give_up_after: Some(Duration::from_secs(20)),
};

async fn watch(wire: &Wire, start: WatchStart) -> Watch {
    // The wire may break before there is a connection.
    let client = loop {
        match Client::connect(&wire.server).await {
            Ok(client) => break client,
            Err(error) => assert!(wire.broke(), "{error}"),
        }
    };
    client.watch_with(WatchRequest { start, ..WatchRequest::of("projects/p".to_owned()) }, OPTIONS)
}

/// What a client has that follows a watch up to the newest commit.
#[derive(Debug, Default)]
struct Had {
    connections: Vec<bool>,
    disconnections: usize,
    snapshot: Vec<u64>,
    commits: Vec<u64>,
}

impl Had {
    async fn of(watch: &mut Watch) -> Self {
        let mut had = Self::default();
        while had.commits.last() != Some(&HEAD) {
            had.take(watch.next().await.unwrap());
        }
        had
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Connected { opened, again } => {
                assert_eq!(opened.project_uid, UID);
                self.connections.push(again);
            }
            Event::SnapshotBegins => {
                assert_eq!(self.commits, [0_u64; 0]);
                self.snapshot.clear();
            }
            Event::Snapshot(page) => {
                self.snapshot.push(page.revision);
                assert_eq!(page.last, page.revision == SNAPSHOT + PAGES - 1);
            }
            Event::Commit(commit) => {
                let found: Vec<_> = commit.changes.iter().map(|change| change.name.clone()).collect();
                assert_eq!(found, names(commit.revision), "a commit is told whole");
                assert!(!commit.continued);
                self.commits.push(commit.revision);
            }
            Event::Checkpoint(checkpoint) => {
                assert!(self.commits.iter().all(|revision| *revision <= checkpoint.revision));
            }
            Event::Disconnected(_) => self.disconnections += 1,
        }
    }

    /// Each commit after `after` once and in order, and what there was before them.
    #[track_caller]
    fn check(&self, after: u64, has_snapshot: bool) {
        assert_eq!(self.commits, (after + 1..=HEAD).collect::<Vec<_>>());
        let pages: Vec<_> =
            if has_snapshot { (0..PAGES).map(|page| SNAPSHOT + page).collect() } else { Vec::new() };
        assert_eq!(self.snapshot, pages);
        let again: Vec<_> = (0..self.connections.len()).map(|connection| connection > 0).collect();
        assert_eq!(self.connections, again);
    }
}

/// The connection breaks after every seventh byte that the server sends, and so between and within all messages.
#[tokio::test]
async fn a_watch_that_is_cut_off_anywhere_has_each_commit_once() {
    async fn check(start: WatchStart, after: u64) {
        let mut cut_off = 0;
        for bytes in (0..).step_by(7) {
            let fake = Fake::default();
            let wire = Wire::breaking_after(bytes, fake.serve().await).await;
            let had = Had::of(&mut watch(&wire, start.clone()).await).await;
            had.check(after, start == WatchStart::Snapshot);
            if !wire.broke() {
                break;
            }
            cut_off += had.disconnections;
        }
        assert!(cut_off > 30, "it was cut off {cut_off} times only");
    }
    check(WatchStart::After { revision: 5, project_uid: UID.to_owned() }, 5).await;
    check(WatchStart::Earliest, 0).await;
    check(WatchStart::Snapshot, SNAPSHOT).await;
}

/// The server ends the stream after each of its messages.
#[tokio::test]
async fn a_watch_whose_stream_ends_goes_on_where_it_was() {
    async fn check(start: WatchStart, after: u64, end: impl Fn(usize) -> End) {
        for messages in 0..10 {
            let fake = Fake::default();
            fake.state().ends = vec![end(messages), end(messages + 3)];
            let wire = Wire::breaking_after(usize::MAX, fake.serve().await).await;
            let had = Had::of(&mut watch(&wire, start.clone()).await).await;
            had.check(after, start == WatchStart::Snapshot);
            let asked = fake.state().watches.clone();
            assert!(asked.len() >= 2 && had.disconnections >= 1, "after {messages}");
            for request in &asked[1..] {
                match request.start.as_ref().unwrap() {
                    Start::AfterRevision(revision) => {
                        assert!(*revision >= after && *revision < HEAD);
                        assert_eq!(request.project_uid, UID);
                    }
                    Start::Snapshot(FromSnapshot {}) => {
                        assert!(start == WatchStart::Snapshot && messages <= usize::try_from(PAGES).unwrap());
                        assert_eq!(request.project_uid, "");
                    }
                    begun => assert_eq!((Some(begun), messages), (asked[0].start.as_ref(), 0)),
                }
            }
        }
    }
    let known = || WatchStart::After { revision: 5, project_uid: UID.to_owned() };
    check(known(), 5, |messages| End::Refuses(messages, come_back("SHUTTING_DOWN"))).await;
    check(known(), 5, End::Closes).await;
    check(WatchStart::Snapshot, SNAPSHOT, |messages| End::Refuses(messages, come_back("OVERLOADED"))).await;
    let late = |messages| End::Refuses(messages, refused(Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
    check(WatchStart::Snapshot, SNAPSHOT, late).await;
}

#[tokio::test]
async fn from_now_on_is_from_what_was_now_when_it_began() {
    let fake = Fake::default();
    fake.state().ends = vec![End::Closes(0), End::Closes(1)];
    let wire = Wire::breaking_after(usize::MAX, fake.serve().await).await;
    let mut watch = watch(&wire, WatchStart::Now).await;
    let mut told = Vec::new();
    for _ in 0..4 {
        told.push(match watch.next().await.unwrap() {
            Event::Connected { again, .. } => format!("connected {again}"),
            Event::Disconnected(status) => status.code().to_string(),
            other => panic!("{other:?}"),
        });
    }
    let unavailable = Code::Unavailable.to_string();
    assert_eq!(told, [&unavailable, "connected false", &unavailable, "connected true"]);
    let starts: Vec<_> = fake.state().watches.iter().map(|request| request.start.unwrap()).collect();
    assert!(matches!(starts[..], [Start::Now(_), Start::Now(_), Start::AfterRevision(HEAD)]), "{starts:?}");
}

#[tokio::test]
async fn what_does_not_pass_ends_a_watch() {
    async fn check(status: Status, is_first: bool) {
        let fake = Fake::default();
        if is_first {
            fake.state().refusals = vec![status.clone()];
        } else {
            fake.state().ends = vec![End::Refuses(1, status.clone())];
        }
        let wire = Wire::breaking_after(usize::MAX, fake.serve().await).await;
        let mut watch = watch(&wire, WatchStart::Earliest).await;
        if !is_first {
            assert!(matches!(watch.next().await, Ok(Event::Connected { again: false, .. })));
        }
        for _ in 0..2 {
            match watch.next().await {
                Err(WatchError::Refused(found)) => {
                    assert_eq!((found.code(), found.message()), (status.code(), status.message()));
                    assert_eq!(found.details(), status.details());
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(fake.state().watches.len(), 1);
    }
    for is_first in [true, false] {
        check(refused(Code::FailedPrecondition, "FEED_RESET"), is_first).await;
        check(refused(Code::FailedPrecondition, "REVISION_COMPACTED"), is_first).await;
        check(refused(Code::NotFound, "RESOURCE_NOT_FOUND"), is_first).await;
        check(refused(Code::InvalidArgument, "FIELD_INVALID"), is_first).await;
        check(Status::unimplemented(""), is_first).await;
        check(Status::internal("is no Spandrel"), is_first).await;
    }
}

/// Whoever waits for other things, too, drops the wait for the next event all the time.
#[tokio::test]
async fn a_wait_that_is_dropped_loses_nothing() {
    let fake = Fake::default();
    fake.state().ends = (0..8).map(End::Closes).collect();
    let wire = Wire::breaking_after(usize::MAX, fake.serve().await).await;
    let mut watch = watch(&wire, WatchStart::Earliest).await;
    let mut had = Had::default();
    while had.commits.last() != Some(&HEAD) {
        tokio::select! {
            biased;
            event = watch.next() => had.take(event.unwrap()),
            () = tokio::task::yield_now() => {}
        }
    }
    had.check(0, false);
}

#[tokio::test]
async fn a_server_that_stays_away_is_given_up_if_that_is_wanted() {
    let fake = Fake::default();
    fake.state().refusals = vec![come_back("SHUTTING_DOWN"); 1_000];
    let wire = Wire::breaking_after(usize::MAX, fake.serve().await).await;
    let client = Client::connect(&wire.server).await.unwrap();
    let options = WatchOptions { give_up_after: Some(Duration::from_millis(200)), ..OPTIONS };
    let mut watch = client.watch_with(WatchRequest::of("projects/p".to_owned()), options);
    assert!(matches!(watch.next().await, Ok(Event::Disconnected(_))));
    assert!(
        matches!(watch.next().await, Err(WatchError::GaveUp(status)) if status.message() == "SHUTTING_DOWN")
    );
    assert!(fake.state().watches.len() > 3);
}
