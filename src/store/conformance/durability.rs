//! When answers are given, and what becomes of them when the disk fails.

use super::*;
use crate::limits::{FREE_SPACE_AGE_MAX, GROUP_ROWS_MAX, WRITER_QUEUE_COMMITS_MAX};

pub(super) async fn nothing_is_answered_before_it_is_durable<H: Harness>(fixture: Fixture<H>) {
    fixture.faults.hold_syncs();
    let first = fixture.begin(Q, counts("n"), Mode::Apply).await;
    fixture.faults.until_sync_waits().await;
    let commit = fixture.begin(P, counts("n"), Mode::Apply).await;
    let refused = fixture.begin(P, refuses(), Mode::Apply).await;
    let checked = fixture.begin(P, counts("n"), Mode::Check).await;
    let engine = Arc::clone(&fixture.engine);
    let maintained = begin(async move { engine.maintain(P, maintenance(&[("m", Some(""))])).await }).await;
    fixture.faults.pass_to_next_sync().await;
    first.await.unwrap().unwrap();

    // The second group is visible now, and not durable.
    let engine = Arc::clone(&fixture.engine);
    let read = begin(async move { engine.read(P, |view| Ok(number(view.get(b"n")?))).await }).await;
    let engine = Arc::clone(&fixture.engine);
    let failed_read = begin(async move { engine.read(P, |_| -> Result<()> { Err(refusal()) }).await }).await;
    a_while().await;
    assert_eq!(
        [commit.is_finished(), refused.is_finished(), checked.is_finished(), maintained.is_finished()],
        [false; 4]
    );
    assert_eq!([read.is_finished(), failed_read.is_finished()], [false; 2]);
    assert_eq!(fixture.head(P), Revision(0));
    assert_eq!(fixture.observed.lock().unwrap().len(), 1);

    fixture.faults.release_syncs();
    assert_eq!(commit.await.unwrap().unwrap().stamp.revision, Revision(1));
    assert_eq!(refused.await.unwrap(), Err(refusal()));
    assert_eq!(checked.await.unwrap().unwrap().stamp.revision, Revision(2));
    maintained.await.unwrap().unwrap();
    let read = read.await.unwrap().unwrap();
    assert_eq!((read.value, read.revision), (1, Revision(1)));
    assert_eq!(failed_read.await.unwrap().unwrap_err(), refusal());
    assert_eq!(fixture.head(P), Revision(1));
}

pub(super) async fn what_is_durable_is_read_while_a_sync_waits<H: Harness>(fixture: Fixture<H>) {
    fixture.commit(P, counts("n")).await.unwrap();
    fixture.faults.hold_syncs();
    let waiting = fixture.begin(Q, counts("n"), Mode::Apply).await;
    fixture.faults.until_sync_waits().await;
    assert_eq!(number(fixture.value(P, "n").await), 1);
    assert_eq!(fixture.log(P, 0).await.len(), 1);
    assert!(!waiting.is_finished());
    fixture.faults.release_syncs();
    waiting.await.unwrap().unwrap();
}

pub(super) async fn the_observer_is_called_between_the_sync_and_the_answer<H: Harness>(fixture: Fixture<H>) {
    for revision in 1..=20 {
        let syncs_done = fixture.faults.set(|state| state.syncs_done);
        let commit = fixture.commit(P, counts("n")).await.unwrap();
        let observed = fixture.observed.lock().unwrap().last().cloned().unwrap();
        assert_eq!(observed, (P, (*commit).clone(), syncs_done + 1));
        assert_eq!(commit.stamp.revision, Revision(revision));
    }
    assert_eq!(fixture.observed.lock().unwrap().len(), 20);
}

pub(super) async fn waiting_commits_share_a_sync<H: Harness>(fixture: Fixture<H>) {
    fixture.faults.hold_syncs();
    let mut begun = vec![fixture.begin(P, counts("n"), Mode::Apply).await];
    fixture.faults.until_sync_waits().await;
    for _ in 0..50 {
        begun.push(fixture.begin(P, counts("n"), Mode::Apply).await);
        begun.push(fixture.begin(Q, counts("n"), Mode::Apply).await);
    }
    fixture.faults.release_syncs();
    for begun in begun {
        begun.await.unwrap().unwrap();
    }
    assert_eq!(fixture.faults.set(|state| state.syncs_begun), 2);
}

/// Or all who come before the group's end would wait for a thousand large checks.
pub(super) async fn checks_fill_a_group_as_commits_do<H: Harness>(fixture: Fixture<H>) {
    fixture.faults.hold_syncs();
    let first = fixture.begin(Q, counts("n"), Mode::Apply).await;
    fixture.faults.until_sync_waits().await;
    let many = decision(|draft| {
        (0..GROUP_ROWS_MAX).for_each(|index| draft.put(format!("row{index:05}"), "value"));
        Ok(())
    });
    let checked = fixture.begin(P, many, Mode::Check).await;
    let commit = fixture.begin(P, counts("n"), Mode::Apply).await;
    fixture.faults.pass_to_next_sync().await;
    first.await.unwrap().unwrap();
    checked.await.unwrap().unwrap();
    assert!(!commit.is_finished());
    fixture.faults.release_syncs();
    commit.await.unwrap().unwrap();
}

pub(super) async fn refusals_alone_need_no_sync<H: Harness>(fixture: Fixture<H>) {
    assert_eq!(fixture.commit(P, refuses()).await, Err(refusal()));
    fixture.check(P, counts("n")).await.unwrap();
    assert_eq!(fixture.faults.set(|state| state.syncs_begun), 0);
}

/// Expects that the engine has failed and does nothing any more.
async fn check_has_failed<H: Harness>(fixture: &Fixture<H>) {
    let syncs = fixture.faults.set(|state| {
        (state.fails_sync, state.fails_apply) = (false, false);
        state.syncs_begun
    });
    check_unavailable(Err::<(), _>(fixture.engine.failed().await));
    for _ in 0..3 {
        check_unavailable(fixture.commit(P, counts("n")).await);
        check_unavailable(fixture.check(P, counts("n")).await);
        check_unavailable(fixture.commit(Q, refuses()).await);
        check_unavailable(fixture.engine.maintain(P, maintenance(&[("m", None)])).await);
        check_unavailable(fixture.engine.trim_log(P, Revision(1)).await);
        check_unavailable(fixture.engine.erase(Q).await);
        check_unavailable(fixture.engine.read(P, |view| view.get(b"n")).await);
        fixture.engine.log_after(P, Revision(0), usize::MAX).await.unwrap_err();
    }
    assert_eq!(fixture.faults.set(|state| state.syncs_begun), syncs, "nothing is synced again");
    assert_eq!(fixture.head(P), Revision(1));
    assert_eq!(fixture.observed.lock().unwrap().len(), 1);
}

pub(super) async fn a_failed_sync_is_not_acknowledged_and_not_retried<H: Harness>(fixture: Fixture<H>) {
    fixture.faults.hold_syncs();
    let good = fixture.begin(P, counts("n"), Mode::Apply).await;
    fixture.faults.until_sync_waits().await;
    let lost = fixture.begin(P, counts("n"), Mode::Apply).await;
    let checked = fixture.begin(P, counts("n"), Mode::Check).await;
    let refused = fixture.begin(P, refuses(), Mode::Apply).await;
    fixture.faults.pass_to_next_sync().await;
    good.await.unwrap().unwrap();
    let engine = Arc::clone(&fixture.engine);
    let read = begin(async move { engine.read(P, |view| view.get(b"n")).await }).await;
    let later = fixture.begin(P, counts("n"), Mode::Apply).await;
    a_while().await;
    fixture.faults.set(|state| (state.fails_sync, state.holds_syncs) = (true, false));
    check_unavailable(lost.await.unwrap());
    check_unavailable(checked.await.unwrap());
    check_unavailable(refused.await.unwrap());
    check_unavailable(read.await.unwrap());
    check_unavailable(later.await.unwrap());
    check_has_failed(&fixture).await;
}

pub(super) async fn a_failed_write_is_not_acknowledged<H: Harness>(mut fixture: Fixture<H>) {
    fixture.commit(P, counts("n")).await.unwrap();
    fixture.faults.set(|state| state.fails_apply = true);
    check_unavailable(fixture.commit(P, counts("n")).await);
    check_has_failed(&fixture).await;
    fixture.reopen();
    assert_eq!(number(fixture.value(P, "n").await), 1);
    assert_eq!(fixture.put(P, &[("a", "1")]).await, Revision(2));
}

pub(super) async fn one_commit_too_many_is_refused_at_once<H: Harness>(fixture: Fixture<H>) {
    fixture.faults.hold_syncs();
    let mut begun = vec![fixture.begin(P, counts("n"), Mode::Apply).await];
    fixture.faults.until_sync_waits().await;
    for _ in 0..WRITER_QUEUE_COMMITS_MAX {
        begun.push(fixture.begin(P, counts("n"), Mode::Apply).await);
    }
    let refused = fixture.commit(P, counts("n")).await;
    assert_eq!(refused.unwrap_err().problem, Problem::Overloaded);
    fixture.faults.release_syncs();
    let count = begun.len();
    for begun in begun {
        begun.await.unwrap().unwrap();
    }
    assert_eq!(number(fixture.value(P, "n").await), u64::try_from(count).unwrap());
}

pub(super) async fn close_finishes_what_was_accepted<H: Harness>(mut fixture: Fixture<H>) {
    fixture.faults.hold_syncs();
    let mut begun = vec![fixture.begin(P, counts("n"), Mode::Apply).await];
    fixture.faults.until_sync_waits().await;
    for _ in 0..20 {
        begun.push(fixture.begin(P, counts("n"), Mode::Apply).await);
    }
    let engine = Arc::clone(&fixture.engine);
    let read = begin(async move { engine.read(P, |view| Ok(number(view.get(b"n")?))).await }).await;
    let engine = Arc::clone(&fixture.engine);
    let close = tokio::task::spawn_blocking(move || engine.close());
    a_while().await;
    assert!(!close.is_finished());
    check_shutting_down(fixture.commit(P, counts("n")).await);
    check_shutting_down(fixture.engine.maintain(P, maintenance(&[("m", None)])).await);
    check_shutting_down(fixture.engine.read(P, |view| view.get(b"n")).await);
    fixture.faults.release_syncs();
    close.await.unwrap();
    for begun in begun {
        begun.await.unwrap().unwrap();
    }
    assert!(read.await.unwrap().unwrap().value >= 1);
    fixture.engine.close();
    check_shutting_down(fixture.commit(P, counts("n")).await);
    fixture.reopen();
    assert_eq!(number(fixture.value(P, "n").await), 21);
}

pub(super) async fn writes_stop_at_the_floor_of_free_space<H: Harness>(fixture: Fixture<H>) {
    let set_free_bytes = async |free: u64| {
        fixture.faults.set(|state| state.free_bytes = Some(free));
        tokio::time::sleep(FREE_SPACE_AGE_MAX + Duration::from_millis(20)).await;
    };
    set_free_bytes(FLOOR_BYTES).await;
    fixture.put(P, &[("a", "1"), ("b", "1")]).await;
    set_free_bytes(FLOOR_BYTES - 1).await;
    let error = fixture.commit(P, counts("n")).await.unwrap_err();
    let expected = "9.9 MiB free on the disk, below the floor of 10.0 MiB: free some space";
    assert!(error.to_string().contains(expected), "{error}");
    check_unavailable(fixture.engine.maintain(P, maintenance(&[("a", None), ("c", Some(""))])).await);
    assert_eq!(fixture.rows(P).await.len(), 2);
    fixture.check(P, counts("n")).await.unwrap();
    assert_eq!(fixture.commit(P, refuses()).await.unwrap_err().to_string(), error.to_string());
    fixture.engine.maintain(P, maintenance(&[("a", None)])).await.unwrap();
    fixture.engine.trim_log(P, Revision(1)).await.unwrap();
    assert_eq!(fixture.rows(P).await.len(), 1);
    // What was begun above the floor is not left half done below it.
    let finished = fixture.engine.commit(P, puts(&[("b", "2")]), Mode::Finish).await.unwrap();
    assert_eq!(finished.stamp.revision, Revision(2));
    set_free_bytes(FLOOR_BYTES).await;
    assert_eq!(fixture.put(P, &[("a", "1")]).await, Revision(3));
}
