//! The log of a partition.

use super::*;
use crate::{
    limits::{COMMIT_BYTES_MAX, MAINTENANCE_ROWS_MAX, VIEW_ROWS_MAX},
    store::{engine::LogError, keys},
};

/// A decision with one change of so many bytes.
fn says(bytes: usize) -> Arc<dyn Decision> {
    decision(move |draft| {
        draft.change(Change { scope: 9, record: vec![b'x'; bytes].into() });
        Ok(())
    })
}

fn revisions(commits: &[Commit]) -> Vec<u64> {
    commits.iter().map(|commit| commit.stamp.revision.0).collect()
}

pub(super) async fn the_log_has_every_commit_in_order<H: Harness>(mut fixture: Fixture<H>) {
    let mut expected = Vec::new();
    for index in 0..300 {
        let value = index.to_string();
        let commit = fixture.commit(P, puts(&[("a", &value), ("b", "")])).await.unwrap();
        let unscoped = |change: &Change| Change { scope: 0, ..change.clone() };
        expected.push(Commit {
            changes: commit.changes.iter().map(unscoped).collect(),
            ..Commit::clone(&commit)
        });
    }
    fixture.commit(Q, says(1)).await.unwrap();
    fixture.reopen();
    assert_eq!(fixture.log(P, 0).await, expected);
    assert_eq!(fixture.log(P, 299).await, expected[299..]);
    assert_eq!(fixture.log(P, 300).await, []);
    assert_eq!(fixture.log(P, u64::MAX).await, []);
    assert_eq!(fixture.log(Partition(77), 0).await, []);
}

pub(super) async fn a_reading_of_the_log_is_bounded<H: Harness>(fixture: Fixture<H>) {
    for _ in 0..10 {
        fixture.commit(P, says(1_000)).await.unwrap();
    }
    let check = async |after: u64, max_bytes: usize, expected: std::ops::Range<u64>| {
        let read = fixture.engine.log_after(P, Revision(after), max_bytes).await.unwrap();
        assert_eq!(revisions(&read), expected.collect::<Vec<_>>(), "after {after}, {max_bytes} bytes");
    };
    check(0, 0, 1..2).await;
    check(0, 1_000, 1..2).await;
    check(0, 2_500, 1..4).await;
    check(8, 2_500, 9..11).await;
    check(4, usize::MAX, 5..11).await;

    fixture.commit(P, says(COMMIT_BYTES_MAX)).await.unwrap();
    fixture.commit(P, says(1)).await.unwrap();
    let read = fixture.engine.log_after(P, Revision(10), 1).await.unwrap();
    assert_eq!((read.len(), read[0].changes[0].record.len()), (1, COMMIT_BYTES_MAX));
    let begun = (0..VIEW_ROWS_MAX + 5).map(|_| fixture.begin(Q, says(1), Mode::Apply));
    for begun in begun {
        drop(begun.await);
    }
    fixture.commit(Q, says(1)).await.unwrap();
    assert_eq!(fixture.log(Q, 0).await.len(), VIEW_ROWS_MAX);
}

pub(super) async fn a_trimmed_log_says_where_it_begins<H: Harness>(mut fixture: Fixture<H>) {
    let commits = u64::try_from(MAINTENANCE_ROWS_MAX * 2 + 50).unwrap();
    for _ in 1..commits {
        drop(fixture.begin(P, says(1), Mode::Apply).await);
    }
    assert_eq!(fixture.commit(P, says(1)).await.unwrap().stamp.revision, Revision(commits));
    let compacted = |earliest| Err(LogError::Compacted { earliest: Revision(earliest) });
    let after = async |fixture: &Fixture<H>, after: u64| {
        fixture.engine.log_after(P, Revision(after), 1).await.map(|commits| revisions(&commits))
    };
    fixture.faults.set(|state| state.largest_batch_rows = 0);
    fixture.engine.trim_log(P, Revision(commits - 10)).await.unwrap();
    assert!(fixture.faults.set(|state| state.largest_batch_rows) <= MAINTENANCE_ROWS_MAX + 1);
    fixture.engine.trim_log(P, Revision(3)).await.unwrap();
    for _ in 0..2 {
        assert_eq!(after(&fixture, 0).await, compacted(commits - 9));
        assert_eq!(after(&fixture, commits - 11).await, compacted(commits - 9));
        assert_eq!(after(&fixture, commits - 10).await, Ok(vec![commits - 9]));
        fixture.reopen();
    }
    fixture.engine.trim_log(P, Revision(u64::MAX)).await.unwrap();
    assert_eq!(after(&fixture, commits - 1).await, compacted(commits + 1));
    assert_eq!(after(&fixture, commits).await, Ok(vec![]));
    assert_eq!(fixture.head(P), Revision(commits));
    fixture.commit(P, says(1)).await.unwrap();
    assert_eq!(after(&fixture, commits).await, Ok(vec![commits + 1]));
    let log_rows = fixture.engine.read(P, |view| Ok(view.ascending(&[0x02], &[0x03]).count())).await.unwrap();
    assert_eq!(log_rows.value, 1, "only the last commit has rows in the log");
}

pub(super) async fn long_entries_are_trimmed_whole<H: Harness>(fixture: Fixture<H>) {
    for _ in 0..3 {
        fixture.commit(P, says(1_500_000)).await.unwrap();
    }
    fixture.engine.trim_log(P, Revision(2)).await.unwrap();
    assert_eq!(revisions(&fixture.log(P, 2).await), [3]);
    let log_rows = |view: &dyn View| {
        let rows = view.ascending(&[0x02], &[0x03]).collect::<Result<Vec<_>>>()?;
        Ok(rows.iter().filter_map(|(key, _)| keys::number_of(key)).collect::<Vec<_>>())
    };
    let rows = fixture.engine.read(P, log_rows).await.unwrap().value;
    assert!(rows.iter().all(|revision| *revision == 3) && rows.len() > 300, "{} rows", rows.len());
}

pub(super) async fn the_head_wakes_whoever_waits_for_it<H: Harness>(mut fixture: Fixture<H>) {
    let mut head = fixture.engine.head(P);
    assert_eq!(*head.borrow(), Revision(0));
    let engine = Arc::clone(&fixture.engine);
    let commits = begin(async move {
        for _ in 0..3 {
            engine.commit(P, counts("n"), Mode::Apply).await?;
        }
        Ok(())
    });
    commits.await.await.unwrap().unwrap();
    head.wait_for(|head| *head == Revision(3)).await.unwrap();
    head.mark_unchanged();
    fixture.commit(P, refuses()).await.unwrap_err();
    fixture.commit(Q, counts("n")).await.unwrap();
    assert!(!head.has_changed().unwrap());
    fixture.reopen();
    assert_eq!(fixture.head(P), Revision(3));
}

pub(super) async fn a_pinned_log_is_not_trimmed<H: Harness>(fixture: Fixture<H>) {
    for _ in 0..6 {
        fixture.commit(P, says(1)).await.unwrap();
        fixture.commit(Q, says(1)).await.unwrap();
    }
    fixture.engine.trim_log(P, Revision(2)).await.unwrap();
    let pin = fixture.engine.pin_log(P).await.unwrap();
    let head = Stamp { revision: Revision(6), time: Timestamp(1_000) };
    assert_eq!((pin.head, pin.floor), (head, Revision(2)));
    fixture.commit(P, says(1)).await.unwrap();
    let second = fixture.engine.pin_log(P).await.unwrap();
    assert_eq!((second.head.revision, second.floor), (Revision(7), Revision(2)));

    fixture.engine.trim_log(Q, Revision(5)).await.unwrap();
    assert_eq!(revisions(&fixture.log(Q, 5).await), [6], "another log is trimmed all the same");
    for pin in [pin, second] {
        fixture.engine.trim_log(P, Revision(u64::MAX)).await.unwrap();
        assert_eq!(revisions(&fixture.log(P, 2).await), [3, 4, 5, 6, 7]);
        drop(pin);
    }
    fixture.engine.trim_log(P, Revision(5)).await.unwrap();
    assert_eq!(revisions(&fixture.log(P, 5).await), [6, 7]);

    let empty = fixture.engine.pin_log(Partition(77)).await.unwrap();
    assert_eq!((empty.head.revision, empty.floor), (Revision(0), Revision(0)));
}

/// A trim that the writer has begun is done before the log counts as pinned: what the pin promises is there.
pub(super) async fn a_pin_waits_for_the_trim_before_it<H: Harness>(fixture: Fixture<H>) {
    for _ in 0..6 {
        fixture.commit(P, says(1)).await.unwrap();
    }
    fixture.faults.hold_syncs();
    let engine = Arc::clone(&fixture.engine);
    let trim = begin(async move { engine.trim_log(P, Revision(4)).await }).await;
    fixture.faults.until_sync_waits().await;
    let engine = Arc::clone(&fixture.engine);
    let pinning = begin(async move { engine.pin_log(P).await }).await;
    a_while().await;
    assert!(!pinning.is_finished());
    fixture.faults.release_syncs();
    trim.await.unwrap().unwrap();
    let pin = pinning.await.unwrap().unwrap();
    assert_eq!(pin.floor, Revision(4));
    assert_eq!(revisions(&fixture.log(P, pin.floor.0).await), [5, 6]);
}
