//! What decisions see and do.

use std::sync::atomic::Ordering;

use super::*;
use crate::limits::{COMMIT_BYTES_MAX, COMMIT_ROWS_MAX, KEY_BYTES_MAX, VALUE_BYTES_MAX};

pub(super) async fn a_commit_is_there_whole<H: Harness>(fixture: Fixture<H>) {
    let commit = fixture.commit(P, puts(&[("a", "1"), ("b", ""), ("c", "3")])).await.unwrap();
    assert_eq!(commit.stamp.revision, Revision(1));
    assert_eq!(commit.stamp.time, Timestamp(1_000));
    let change = |record: &'static str| Change { scope: 7, record: record.into() };
    assert_eq!(commit.changes, [change("1"), change(""), change("3")]);
    let rows = [("a", "1"), ("b", ""), ("c", "3")].map(|(key, value)| (key.into(), value.into()));
    assert_eq!(fixture.rows(P).await, rows.into());
    let read = fixture.engine.read(P, |view| view.get(b"b")).await.unwrap();
    assert_eq!((read.value, read.revision), (Some(Bytes::new()), Revision(1)));
    let deletes = decision(|draft| {
        draft.delete("a");
        draft.delete("never there");
        Ok(())
    });
    assert_eq!(fixture.commit(P, deletes).await.unwrap().stamp.revision, Revision(2));
    assert_eq!(fixture.rows(P).await.len(), 2);
    assert_eq!(fixture.value(P, "a").await, None);
}

pub(super) async fn a_decision_sees_the_earlier_ones_of_its_group<H: Harness>(fixture: Fixture<H>) {
    fixture.faults.hold_syncs();
    let mut begun = vec![fixture.begin(P, counts("n"), Mode::Apply).await];
    fixture.faults.until_sync_waits().await;
    for _ in 0..100 {
        begun.push(fixture.begin(P, counts("n"), Mode::Apply).await);
    }
    fixture.faults.release_syncs();
    for (index, begun) in (1..).zip(begun) {
        let commit = begun.await.unwrap().unwrap();
        assert_eq!((commit.stamp.revision, commit.changes[0].scope), (Revision(index), index));
    }
    assert_eq!(number(fixture.value(P, "n").await), 101);
}

pub(super) async fn a_decision_reads_its_own_writes<H: Harness>(fixture: Fixture<H>) {
    fixture.put(P, &[("a", "old"), ("b", "old"), ("d", "old")]).await;
    let reads = decision(|draft| {
        draft.put("b", "new");
        draft.put("c", "new");
        draft.delete("d");
        assert_eq!(draft.get(b"b")?, Some("new".into()));
        assert_eq!(draft.get(b"d")?, None);
        let rows = [("a", "old"), ("b", "new"), ("c", "new")];
        let mut rows = rows.map(|(key, value)| (Bytes::from(key), Bytes::from(value))).to_vec();
        assert_eq!(draft.ascending(b"a", b"z").collect::<Result<Vec<_>>>()?, rows);
        rows.reverse();
        assert_eq!(draft.descending(b"a", b"z").collect::<Result<Vec<_>>>()?, rows);
        Ok(())
    });
    fixture.commit(P, reads).await.unwrap();
    assert_eq!(fixture.rows(P).await.len(), 3);
}

pub(super) async fn a_refusal_drops_only_itself_and_takes_no_revision<H: Harness>(fixture: Fixture<H>) {
    fixture.faults.hold_syncs();
    let first = fixture.begin(Q, counts("n"), Mode::Apply).await;
    fixture.faults.until_sync_waits().await;
    let before = fixture.begin(P, puts(&[("before", "")]), Mode::Apply).await;
    let refused = fixture.begin(P, refuses(), Mode::Apply).await;
    let after = fixture.begin(P, puts(&[("after", "")]), Mode::Apply).await;
    fixture.faults.release_syncs();
    first.await.unwrap().unwrap();
    assert_eq!(before.await.unwrap().unwrap().stamp.revision, Revision(1));
    assert_eq!(refused.await.unwrap(), Err(refusal()));
    assert_eq!(after.await.unwrap().unwrap().stamp.revision, Revision(2));
    assert_eq!(fixture.rows(P).await.into_keys().collect::<Vec<_>>(), ["after", "before"]);
}

pub(super) async fn a_check_sees_the_state_and_changes_nothing<H: Harness>(fixture: Fixture<H>) {
    fixture.commit(P, counts("n")).await.unwrap();
    for _ in 0..2 {
        let checked = fixture.check(P, counts("n")).await.unwrap();
        assert_eq!((checked.stamp.revision, checked.changes[0].scope), (Revision(2), 2));
        assert_eq!(fixture.check(P, refuses()).await, Err(refusal()));
    }
    assert_eq!(number(fixture.value(P, "n").await), 1);
    assert_eq!((fixture.head(P), fixture.log(P, 0).await.len()), (Revision(1), 1));
    assert_eq!(fixture.observed.lock().unwrap().len(), 1);
}

pub(super) async fn a_panic_refuses_its_decision_and_nothing_else<H: Harness>(fixture: Fixture<H>) {
    let panics = decision(|draft| {
        draft.put("half", "done");
        panic!("on purpose");
    });
    let error = fixture.commit(P, panics).await.unwrap_err();
    assert!(error.to_string().contains("a decision panicked"), "{error}");
    assert_eq!(fixture.put(P, &[("a", "1")]).await, Revision(1));
    assert_eq!(fixture.rows(P).await.len(), 1);
}

pub(super) async fn a_read_that_panics_is_an_error_of_that_read<H: Harness>(fixture: Fixture<H>) {
    for _ in 0..20 {
        let read = fixture.engine.read(P, |_| -> Result<()> { panic!("on purpose") });
        let error = read.await.unwrap_err();
        assert!(error.to_string().contains("a read panicked"), "{error}");
    }
    assert_eq!(fixture.put(P, &[("a", "1")]).await, Revision(1));
    assert_eq!(fixture.rows(P).await.len(), 1);
}

/// Every commit moves something from each of many rows to another, and writes its own revision.
pub(super) async fn views_are_never_torn<H: Harness>(fixture: Fixture<H>) {
    const ROWS: usize = 60;
    const SUM: u64 = 6_000;
    let key = |index: usize| format!("row{index:03}");
    let rows: Vec<_> = (0..ROWS).map(|index| (key(index), "100".to_owned())).collect();
    let mut rows: Vec<_> = rows.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    rows.push(("revision", "1"));
    fixture.put(P, &rows).await;
    let (engine, done) = (Arc::clone(&fixture.engine), Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (engine, done) = (Arc::clone(&engine), Arc::clone(&done));
            tokio::spawn(async move {
                let (mut last, mut reads) = (Revision(0), 0);
                while !done.load(Ordering::SeqCst) || reads == 0 {
                    let read = engine.read(P, |view| {
                        let sum = |mut rows: Rows<'_>| -> Result<(usize, u64)> {
                            rows.try_fold((0, 0), |(rows, sum), row| {
                                Ok((rows + 1, sum + number(Some(row?.1))))
                            })
                        };
                        assert_eq!(sum(view.ascending(b"row", b"rox"))?, (ROWS, SUM));
                        assert_eq!(sum(view.descending(b"row", b"rox"))?, (ROWS, SUM));
                        Ok(number(view.get(b"revision")?))
                    });
                    let read = read.await.unwrap();
                    assert_eq!(read.revision, Revision(read.value));
                    assert!(read.revision >= last, "a later read is not of an earlier state");
                    (last, reads) = (read.revision, reads + 1);
                }
            })
        })
        .collect();
    for round in 1..150 {
        let moves = decision(move |draft| {
            for index in 0..ROWS {
                let (from, to) = (key(index), key((index + round) % ROWS));
                let (less, more) = (number(draft.get(from.as_bytes())?), number(draft.get(to.as_bytes())?));
                if from != to && less > 0 {
                    draft.put(from, (less - 1).to_string());
                    draft.put(to, (more + 1).to_string());
                }
            }
            draft.put("revision", draft.stamp().revision.0.to_string());
            Ok(())
        });
        fixture.commit(P, moves).await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await.unwrap();
    }
}

pub(super) async fn revisions_have_no_gaps<H: Harness>(fixture: Fixture<H>) {
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let engine = Arc::clone(&fixture.engine);
            tokio::spawn(async move {
                let mut revisions = Vec::new();
                for _ in 0..40 {
                    engine.commit(P, refuses(), Mode::Apply).await.unwrap_err();
                    engine.commit(P, counts("n"), Mode::Check).await.unwrap();
                    revisions.push(engine.commit(P, counts("n"), Mode::Apply).await.unwrap().stamp.revision);
                }
                assert!(revisions.is_sorted());
                revisions
            })
        })
        .collect();
    let mut revisions = Vec::new();
    for writer in writers {
        revisions.extend(writer.await.unwrap());
    }
    revisions.sort();
    assert_eq!(revisions, (1..=320).map(Revision).collect::<Vec<_>>());
    assert_eq!(number(fixture.value(P, "n").await), 320);
    let logged: Vec<_> = fixture.log(P, 0).await.into_iter().map(|commit| commit.stamp.revision).collect();
    assert_eq!(logged, revisions);
}

pub(super) async fn time_never_goes_back<H: Harness>(mut fixture: Fixture<H>) {
    let mut check = async |now: i64, expected: i64, reopen: bool| {
        fixture.clock.store(now, Ordering::SeqCst);
        if reopen {
            fixture.reopen();
        }
        let commit = fixture.commit(P, counts("n")).await.unwrap();
        assert_eq!(commit.stamp.time, Timestamp(expected));
    };
    check(5_000, 5_000, false).await;
    check(4_000, 5_000, false).await;
    check(-1, 5_000, true).await;
    check(5_001, 5_001, false).await;
}

pub(super) async fn partitions_are_independent<H: Harness>(fixture: Fixture<H>) {
    let partitions = [0, 1, 2, 0x00ff_ffff, 0x0100_0000, u32::MAX - 1, u32::MAX].map(Partition);
    for (index, partition) in (0..).zip(partitions) {
        for _ in 0..=index {
            fixture.commit(partition, counts("n")).await.unwrap();
        }
    }
    for (index, partition) in (0..).zip(partitions) {
        assert_eq!(fixture.head(partition), Revision(index + 1));
        assert_eq!(
            fixture.rows(partition).await,
            BTreeMap::from([("n".into(), (index + 1).to_string().into())])
        );
        assert_eq!(fixture.log(partition, index).await.len(), 1);
    }
    let unused = fixture.engine.read(Partition(77), |view| view.get(b"n")).await.unwrap();
    assert_eq!((unused.value, unused.revision), (None, Revision(0)));
}

pub(super) async fn ranges_hold_their_start_and_not_their_end<H: Harness>(fixture: Fixture<H>) {
    fixture.put(P, &[("a", ""), ("b", ""), ("ba", ""), ("c", "")]).await;
    let check = async |from: &'static str, to: &'static str, expected: &[&str]| {
        let read = fixture.engine.read(P, move |view| {
            let keys = |rows: Rows<'_>| rows.map(|row| row.map(|(key, _)| key)).collect::<Result<Vec<_>>>();
            let ascending = keys(view.ascending(from.as_bytes(), to.as_bytes()))?;
            let mut descending = keys(view.descending(from.as_bytes(), to.as_bytes()))?;
            descending.reverse();
            assert_eq!(ascending, descending);
            Ok(ascending)
        });
        assert_eq!(read.await.unwrap().value, expected, "[{from:?}, {to:?})");
    };
    check("a", "c", &["a", "b", "ba"]).await;
    check("aa", "ba", &["b"]).await;
    check("b", "b", &[]).await;
    check("c", "a", &[]).await;
    check("c", "zzz", &["c"]).await;
    check("d", "e", &[]).await;
}

pub(super) async fn maintenance_has_no_revision<H: Harness>(fixture: Fixture<H>) {
    fixture.put(P, &[("a", "1"), ("b", "1")]).await;
    fixture
        .engine
        .maintain(P, maintenance(&[("a", None), ("b", Some("2")), ("c", Some("3"))]))
        .await
        .unwrap();
    let rows = [("b", "2"), ("c", "3")].map(|(key, value)| (key.into(), value.into()));
    assert_eq!(fixture.rows(P).await, rows.into());
    assert_eq!((fixture.head(P), fixture.log(P, 0).await.len()), (Revision(1), 1));
    assert_eq!(fixture.observed.lock().unwrap().len(), 1);
}

/// A text may be staged for a project that was deleted meanwhile, and whose partition was swept already.
pub(super) async fn maintenance_may_ask_for_a_row_beside_it<H: Harness>(fixture: Fixture<H>) {
    let beside = || maintenance(&[("staged", Some("1"))]).only_beside("fence");
    fixture.engine.maintain(P, beside()).await.unwrap();
    assert!(fixture.rows(P).await.is_empty());
    fixture.put(P, &[("fence", "")]).await;
    fixture.engine.maintain(P, beside()).await.unwrap();
    assert_eq!(fixture.rows(P).await.len(), 2);
    fixture.engine.erase(P).await.unwrap();
    fixture.engine.maintain(P, beside()).await.unwrap();
    assert!(fixture.rows(P).await.is_empty());
}

pub(super) async fn limits_hold<H: Harness>(fixture: Fixture<H>) {
    let rows = |count: usize| {
        decision(move |draft| {
            (0..count).for_each(|index| draft.put(format!("row{index:04}"), ""));
            Ok(())
        })
    };
    let sized = |bytes: usize| {
        decision(move |draft| {
            let change = 100;
            draft.change(Change { scope: 0, record: vec![0; change].into() });
            let (mut left, mut index) = (bytes - change, 0);
            while left > 0 {
                let key = format!("row{index:05}");
                let value = (left - key.len()).min(4_000);
                left -= key.len() + value;
                draft.put(key, vec![0; value]);
                index += 1;
            }
            Ok(())
        })
    };
    let row = |key: usize, value: usize| {
        decision(move |draft| {
            draft.put("fine", "");
            draft.put(vec![b'k'; key], vec![0; value]);
            Ok(())
        })
    };
    let reserved = |delete: bool| {
        decision(move |draft| {
            if delete {
                draft.delete(&[0x02, 7][..]);
            } else {
                draft.put(&[0x01][..], "head");
            }
            Ok(())
        })
    };
    let refused = async |decision: Arc<dyn Decision>, message: &str| {
        let head = fixture.head(Q);
        for mode in [Mode::Check, Mode::Apply] {
            let error = fixture.engine.commit(Q, Arc::clone(&decision), mode).await.unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        }
        assert_eq!((fixture.head(Q), fixture.rows(Q).await.len()), (head, 0));
    };
    refused(rows(COMMIT_ROWS_MAX + 1), "a commit has 4097 rows; at most 4096").await;
    refused(sized(COMMIT_BYTES_MAX + 1), "at most 4194304 are allowed").await;
    refused(row(KEY_BYTES_MAX - 3, 0), "at most 64").await;
    refused(row(1, VALUE_BYTES_MAX + 1), "at most 4096").await;
    refused(reserved(false), "the engine's own").await;
    refused(reserved(true), "the engine's own").await;
    fixture.commit(P, rows(COMMIT_ROWS_MAX)).await.unwrap();
    fixture.commit(P, sized(COMMIT_BYTES_MAX)).await.unwrap();
    fixture.commit(P, row(KEY_BYTES_MAX - 4, VALUE_BYTES_MAX)).await.unwrap();
    let key = "k".repeat(KEY_BYTES_MAX - 4);
    assert_eq!(fixture.value(P, &key).await.unwrap().len(), VALUE_BYTES_MAX);
    let long = "v".repeat(VALUE_BYTES_MAX + 1);
    fixture.engine.maintain(Q, maintenance(&[("a", None), ("b", Some(&long))])).await.unwrap_err();
    assert_eq!(fixture.rows(Q).await.len(), 0);
}
