//! Requests that have ids: what was carried out once is known, and not done again.

use std::sync::atomic::Ordering;

use super::*;
use crate::{
    domain::requests::{Method, Request, RequestId},
    limits::{FREE_SPACE_AGE_MAX, MAINTENANCE_ROWS_MAX},
    store::engine::{Attempt, LogError, Origin},
};

const HOUR_US: i64 = 3_600_000_000;

fn request(id: u128) -> Request {
    let id = RequestId::from_bytes((id + 1).to_be_bytes()).unwrap();
    Request { id, method: Method::UpdateArticle, body: [7; 16] }
}

fn tries(request: Request) -> Attempt {
    Attempt { mode: Mode::Apply, request: Some(request) }
}

impl<H: Harness> Fixture<H> {
    async fn request(&self, request: Request, decision: Arc<dyn Decision>) -> Result<Arc<Commit>> {
        self.engine.attempt(P, decision, tries(request)).await
    }

    async fn begin_request(&self, request: Request, decision: Arc<dyn Decision>) -> Begun<Arc<Commit>> {
        let engine = Arc::clone(&self.engine);
        begin(async move { engine.attempt(P, decision, tries(request)).await }).await
    }

    async fn carried_out(&self, request: Request) -> Option<Commit> {
        self.engine.carried_out(P, request).await.unwrap()
    }

    /// The engine's own rows, too.
    async fn all_rows(&self) -> Vec<Row> {
        let all = |view: &dyn View| view.ascending(&[], &[0xff; 64]).collect::<Result<Vec<_>>>();
        self.engine.read(P, all).await.unwrap().value
    }

    fn set_hour(&self, hour: i64) {
        self.clock.store(hour * HOUR_US, Ordering::SeqCst);
    }
}

/// A commit as the log keeps it.
fn logged(commit: &Commit) -> Commit {
    let unscoped = |change: &Change| Change { scope: 0, ..change.clone() };
    Commit { changes: commit.changes.iter().map(unscoped).collect(), ..commit.clone() }
}

fn is_reused(answer: Result<Arc<Commit>>) -> bool {
    answer.is_err_and(|error| error == Error::at("request_id", Problem::RequestIdReused))
}

pub(super) async fn a_request_is_carried_out_once<H: Harness>(mut fixture: Fixture<H>) {
    fixture.put(P, &[("a", "1")]).await;
    let first = fixture.request(request(1), puts(&[("b", "1"), ("c", "")])).await.unwrap();
    assert_eq!(first.origin, Origin { request: Some(request(1)), undone: None });
    assert_eq!((first.stamp.revision, first.changes[0].scope), (Revision(2), 7));
    assert_eq!(fixture.log(P, 1).await, [logged(&first)]);
    // What it wrote is written over since, and would be refused now.
    fixture.put(P, &[("b", "2")]).await;
    fixture.clock.store(2_000, Ordering::SeqCst);
    let before = (fixture.all_rows().await, fixture.observed.lock().unwrap().len());
    for _ in 0..2 {
        for again in [puts(&[("b", "1"), ("c", "")]), counts("n"), refuses()] {
            let retried = fixture.request(request(1), again).await.unwrap();
            assert_eq!(*retried, logged(&first));
        }
        assert_eq!(fixture.carried_out(request(1)).await, Some(logged(&first)));
        assert_eq!(fixture.carried_out(request(2)).await, None);
        assert_eq!((fixture.all_rows().await, fixture.observed.lock().unwrap().len()), before);
        assert_eq!(fixture.head(P), Revision(3));
        fixture.reopen();
    }
    assert_eq!(fixture.request(request(2), counts("n")).await.unwrap().stamp.revision, Revision(4));
}

/// A commit that changes nothing is one, too, and a long one is answered whole.
pub(super) async fn a_request_may_do_nothing_or_much<H: Harness>(fixture: Fixture<H>) {
    let nothing = fixture.request(request(1), decision(|_| Ok(()))).await.unwrap();
    assert_eq!((nothing.stamp.revision, nothing.changes.len()), (Revision(1), 0));
    let much = decision(|draft| {
        for index in 0..1_000_u64 {
            draft.put(format!("row{index:05}"), "value");
            draft.change(Change { scope: index, record: vec![b'x'; 1_000].into() });
        }
        Ok(())
    });
    let much = fixture.request(request(2), much).await.unwrap();
    assert_eq!(fixture.request(request(1), refuses()).await, Ok(nothing));
    assert_eq!(fixture.request(request(2), refuses()).await, Ok(Arc::new(logged(&much))));
    assert_eq!(fixture.head(P), Revision(2));
}

/// Submitted together, decided together.
pub(super) async fn twins_of_a_group_are_carried_out_once<H: Harness>(fixture: Fixture<H>) {
    fixture.faults.hold_syncs();
    let other = fixture.begin(Q, counts("n"), Mode::Apply).await;
    fixture.faults.until_sync_waits().await;
    let mut begun = Vec::new();
    for id in 0..20 {
        for _ in 0..3 {
            begun.push((id, fixture.begin_request(request(id), counts("n")).await));
        }
    }
    let stranger = fixture.begin_request(Request { body: [8; 16], ..request(3) }, counts("n")).await;
    a_while().await;
    assert!(begun.iter().all(|(_, begun)| !begun.is_finished()), "nobody is told before it is durable");
    fixture.faults.release_syncs();
    other.await.unwrap().unwrap();
    let mut done: BTreeMap<u128, Commit> = BTreeMap::new();
    for (id, begun) in begun {
        let commit = begun.await.unwrap().unwrap();
        let first = done.entry(id).or_insert_with(|| logged(&commit));
        assert_eq!(logged(&commit), *first);
    }
    assert!(is_reused(stranger.await.unwrap()));
    assert_eq!(fixture.faults.set(|state| state.syncs_begun), 2, "they were one group");
    assert_eq!((number(fixture.value(P, "n").await), fixture.head(P)), (20, Revision(20)));
    assert_eq!(fixture.log(P, 0).await, done.into_values().collect::<Vec<_>>());
}

/// Nothing is written for it.
pub(super) async fn a_retry_needs_no_space<H: Harness>(fixture: Fixture<H>) {
    let set_free_bytes = async |free: u64| {
        fixture.faults.set(|state| state.free_bytes = Some(free));
        tokio::time::sleep(FREE_SPACE_AGE_MAX + Duration::from_millis(20)).await;
    };
    let first = fixture.request(request(1), counts("n")).await.unwrap();
    set_free_bytes(FLOOR_BYTES - 1).await;
    assert_eq!(fixture.request(request(1), counts("n")).await, Ok(Arc::new(logged(&first))));
    assert!(is_reused(fixture.request(Request { body: [8; 16], ..request(1) }, counts("n")).await));
    check_unavailable(fixture.request(request(2), counts("n")).await);
    assert_eq!(fixture.carried_out(request(2)).await, None);
    set_free_bytes(FLOOR_BYTES).await;
    assert_eq!(fixture.request(request(2), counts("n")).await.unwrap().stamp.revision, Revision(2));
}

pub(super) async fn an_id_is_of_one_body_one_method_and_one_partition<H: Harness>(mut fixture: Fixture<H>) {
    let first = fixture.request(request(1), counts("n")).await.unwrap();
    let other_method = Request { method: Method::UndoCommit, body: [8; 16], ..request(1) };
    let other = fixture.request(other_method, counts("n")).await.unwrap();
    assert_eq!(other.stamp.revision, Revision(2));
    let beside = fixture.engine.attempt(Q, counts("n"), tries(request(1))).await.unwrap();
    assert_eq!(beside.stamp.revision, Revision(1));
    for _ in 0..2 {
        let before = fixture.all_rows().await;
        let reused = Request { body: [9; 16], ..request(1) };
        assert!(is_reused(fixture.request(reused, counts("n")).await));
        assert!(is_reused(fixture.engine.carried_out(P, reused).await.map(|_| unreachable!())));
        assert!(is_reused(fixture.request(Request { body: [7; 16], ..other_method }, counts("n")).await));
        assert_eq!(fixture.carried_out(request(1)).await, Some(logged(&first)));
        assert_eq!(fixture.carried_out(other_method).await, Some(logged(&other)));
        assert_eq!(fixture.engine.carried_out(Q, request(1)).await, Ok(Some(logged(&beside))));
        assert_eq!(fixture.engine.carried_out(Q, other_method).await, Ok(None));
        assert_eq!(fixture.all_rows().await, before);
        fixture.reopen();
    }
    fixture.engine.erase(P).await.unwrap();
    assert_eq!(fixture.carried_out(request(1)).await, None);
    assert_eq!(fixture.request(request(1), counts("n")).await.unwrap().stamp.revision, Revision(1));
}

/// And so its next try is its first.
pub(super) async fn what_was_not_carried_out_is_not_remembered<H: Harness>(fixture: Fixture<H>) {
    let panics = decision(|_| panic!("a decision that panics"));
    let too_large = decision(|draft| {
        (0..2_000).for_each(|index| draft.put(format!("row{index}"), vec![b'x'; 4_000]));
        Ok(())
    });
    for refused in [refuses(), panics, too_large] {
        fixture.request(request(1), refused).await.unwrap_err();
        assert_eq!(fixture.carried_out(request(1)).await, None);
        assert_eq!(fixture.all_rows().await, []);
    }
    // A twin of one that is refused in the same group is not refused for that.
    fixture.faults.hold_syncs();
    let other = fixture.begin(Q, counts("n"), Mode::Apply).await;
    fixture.faults.until_sync_waits().await;
    let refused = fixture.begin_request(request(1), refuses()).await;
    let twin = fixture.begin_request(request(1), counts("n")).await;
    fixture.faults.release_syncs();
    other.await.unwrap().unwrap();
    assert_eq!(refused.await.unwrap(), Err(refusal()));
    assert_eq!(twin.await.unwrap().unwrap().stamp.revision, Revision(1));
}

/// It asks what a first try would do.
pub(super) async fn a_check_has_no_request<H: Harness>(fixture: Fixture<H>) {
    let check = async |id: u128, decision: Arc<dyn Decision>| {
        let attempt = Attempt { mode: Mode::Check, request: Some(request(id)) };
        fixture.engine.attempt(P, decision, attempt).await
    };
    let checked = check(1, counts("n")).await.unwrap();
    assert_eq!((checked.stamp.revision, checked.origin), (Revision(1), Origin::default()));
    assert_eq!(fixture.all_rows().await, []);
    fixture.request(request(1), counts("n")).await.unwrap();
    assert_eq!(check(1, counts("n")).await.unwrap().stamp.revision, Revision(2));
    assert_eq!(check(1, refuses()).await, Err(refusal()));
    // Whatever its body says.
    let attempt = Attempt { mode: Mode::Check, request: Some(Request { body: [8; 16], ..request(1) }) };
    fixture.engine.attempt(P, counts("n"), attempt).await.unwrap();
    assert_eq!(fixture.head(P), Revision(1));
}

pub(super) async fn requests_are_known_for_a_day<H: Harness>(mut fixture: Fixture<H>) {
    fixture.set_hour(0);
    let first = fixture.request(request(1), counts("n")).await.unwrap();
    fixture.set_hour(5);
    fixture.request(request(2), counts("n")).await.unwrap();
    fixture.set_hour(6);
    fixture.request(request(3), counts("n")).await.unwrap();
    fixture.put(P, &[("a", "1")]).await;
    let known = async |fixture: &Fixture<H>| {
        let mut known = Vec::new();
        for id in 1..=3 {
            known.extend(fixture.carried_out(request(id)).await.map(|commit| commit.stamp.revision.0));
        }
        known
    };
    for (hour, expected) in
        [(24, vec![1, 2, 3]), (29, vec![1, 2, 3]), (30, vec![3]), (35, vec![3]), (36, vec![])]
    {
        fixture.set_hour(hour);
        fixture.engine.forget_requests(P, Timestamp(hour * HOUR_US)).await.unwrap();
        assert_eq!(known(&fixture).await, expected, "after {hour} hours");
        fixture.reopen();
        assert_eq!(known(&fixture).await, expected, "after {hour} hours, opened again");
    }
    // Nothing of them is left but that they are forgotten, and what has that id now is another request.
    let rows = fixture.engine.read(P, |view| Ok(view.ascending(&[0x03], &[0x05]).count())).await.unwrap();
    assert_eq!(rows.value, 1);
    let again = fixture.request(Request { body: [8; 16], ..request(1) }, counts("n")).await.unwrap();
    assert_eq!((first.stamp.revision, again.stamp.revision), (Revision(1), Revision(5)));
}

pub(super) async fn many_requests_are_forgotten_step_by_step<H: Harness>(fixture: Fixture<H>) {
    let (days, a_day) = (i64::try_from(MAINTENANCE_ROWS_MAX).unwrap() / 4 + 20, 4);
    for day in 0..days {
        for quarter in 0..a_day {
            fixture.set_hour(24 * day + 6 * quarter);
            fixture
                .request(request(u128::try_from(day * a_day + quarter).unwrap()), counts("n"))
                .await
                .unwrap();
        }
    }
    let last = u128::try_from(days * a_day - 1).unwrap();
    // What is long known to be too old takes no place among the buckets.
    let buckets = fixture.all_rows().await.into_iter().find(|(key, _)| key.as_ref() == [0x03]).unwrap().1;
    assert!(buckets.len() <= 8 + 6 * 20, "{} bytes say which buckets there are", buckets.len());
    fixture.faults.set(|state| state.largest_batch_rows = 0);
    let now = fixture.clock.load(Ordering::SeqCst);
    fixture.engine.forget_requests(P, Timestamp(now)).await.unwrap();
    let largest = fixture.faults.set(|state| state.largest_batch_rows);
    assert!((200..=MAINTENANCE_ROWS_MAX).contains(&largest), "{largest} rows");
    let rows = fixture.engine.read(P, |view| Ok(view.ascending(&[0x04], &[0x05]).count())).await.unwrap();
    assert_eq!(rows.value, 5, "a day of quarters, and the one that is not over");
    for (id, is_known) in [(0, false), (last - 5, false), (last - 4, true), (last, true)] {
        assert_eq!(fixture.carried_out(request(id)).await.is_some(), is_known, "{id} of {last}");
    }
}

/// What a retry is answered from is there as long as it may come.
pub(super) async fn the_log_is_kept_for_the_requests_that_are_known<H: Harness>(mut fixture: Fixture<H>) {
    let hours = [(0, None), (0, Some(1)), (1, None), (7, Some(2)), (8, None), (8, None)];
    for (hour, id) in hours {
        fixture.set_hour(hour);
        match id {
            Some(id) => drop(fixture.request(request(id), counts("n")).await.unwrap()),
            None => drop(fixture.commit(P, counts("n")).await.unwrap()),
        }
    }
    let floor_after_trim = async |fixture: &Fixture<H>| {
        fixture.engine.trim_log(P, Revision(5)).await.unwrap();
        let read = fixture.engine.log_after(P, Revision(0), 1).await;
        let Err(LogError::Compacted { earliest }) = read else { panic!("{read:?}") };
        assert_eq!(fixture.engine.log_floor(P), Ok(Revision(earliest.0 - 1)));
        earliest.0 - 1
    };
    for (hour, floor) in [(8, 1), (29, 1), (30, 3), (35, 3), (36, 5)] {
        fixture.engine.forget_requests(P, Timestamp(hour * HOUR_US)).await.unwrap();
        assert_eq!(floor_after_trim(&fixture).await, floor, "after {hour} hours");
        for (id, revision) in [(1, 2), (2, 4)] {
            let found = fixture.carried_out(request(id)).await.map(|commit| commit.stamp.revision);
            assert_eq!(found, (floor < revision).then_some(Revision(revision)));
        }
        fixture.reopen();
    }
    assert_eq!(number(fixture.value(P, "n").await), 6);
}

/// Whether a write was lost or is there after all, its request is known exactly if it is there.
pub(super) async fn a_request_is_known_if_its_effect_is_there<H: Harness>(mut fixture: Fixture<H>) {
    let mut expected = 0;
    for round in 0..6 {
        let fails_sync = round % 2 == 0;
        let before = number(fixture.value(P, "n").await);
        assert_eq!(before, expected);
        fixture.faults.set(|state| (state.fails_sync, state.fails_apply) = (fails_sync, !fails_sync));
        check_unavailable(fixture.request(request(round), counts("n")).await);
        fixture.faults.set(|state| (state.fails_sync, state.fails_apply) = (false, false));
        check_unavailable(fixture.engine.carried_out(P, request(round)).await);
        fixture.reopen();
        let is_there = number(fixture.value(P, "n").await) > before;
        assert_eq!(fixture.carried_out(request(round)).await.is_some(), is_there);
        assert!(fails_sync || !is_there, "nothing of it was written");
        expected += 1;
        for _ in 0..2 {
            let retried = fixture.request(request(round), counts("n")).await.unwrap();
            assert_eq!(retried.stamp.revision, Revision(expected));
            assert_eq!(number(fixture.value(P, "n").await), expected);
        }
    }
}
