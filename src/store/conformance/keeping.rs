//! What an engine keeps, and what it lets go.

use std::sync::atomic::Ordering;

use super::*;
use crate::limits::MAINTENANCE_ROWS_MAX;

pub(super) async fn everything_is_kept<H: Harness>(mut fixture: Fixture<H>) {
    for round in 0..30 {
        let (key, value) = (format!("key{round}"), "v".repeat(round * 100));
        fixture.clock.store(i64::try_from(round).unwrap(), Ordering::SeqCst);
        fixture.put(P, &[(&key, &value), ("last", &value)]).await;
    }
    fixture.put(Q, &[("a", "1")]).await;
    fixture.engine.maintain(Q, maintenance(&[("m", Some("2"))])).await.unwrap();
    fixture.engine.trim_log(P, Revision(4)).await.unwrap();
    let state = async |fixture: &Fixture<H>| {
        let trimmed = fixture.engine.log_after(P, Revision(3), 1).await.unwrap_err();
        let heads = (fixture.head(P), fixture.head(Q));
        (fixture.rows(P).await, fixture.rows(Q).await, fixture.log(P, 4).await, heads, trimmed)
    };
    let before = state(&fixture).await;
    for _ in 0..3 {
        fixture.reopen();
        assert_eq!(state(&fixture).await, before);
    }
    assert_eq!(fixture.put(P, &[("a", "1")]).await, Revision(31));
    assert_eq!(fixture.put(Q, &[("a", "1")]).await, Revision(2));
}

pub(super) async fn an_engine_that_is_dropped_releases_its_disk<H: Harness>(fixture: Fixture<H>) {
    fixture.put(P, &[("a", "1")]).await;
    let Fixture { harness, engine, faults, clock, observed } = fixture;
    let mut head = engine.head(P);
    drop(engine);
    // The writer lets go of everything, in its own time: nobody waits for it on an async thread.
    while head.changed().await.is_ok() {}
    let engine = harness.open(&faults, options(&faults, &clock, &observed));
    assert_eq!(engine.read(P, |view| view.get(b"a")).await.unwrap().value, Some("1".into()));
}

pub(super) async fn several_runtimes_share_an_engine<H: Harness>(fixture: Fixture<H>) {
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let engine = Arc::clone(&fixture.engine);
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async {
                    for _ in 0..50 {
                        let commit = engine.commit(P, counts("n"), Mode::Apply).await.unwrap();
                        let read = engine.read(P, |view| Ok(number(view.get(b"n")?))).await.unwrap();
                        assert_eq!(read.revision, Revision(read.value));
                        assert!(read.revision >= commit.stamp.revision, "what was acknowledged is read");
                    }
                });
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(number(fixture.value(P, "n").await), 150);
}

pub(super) async fn an_erased_partition_is_empty_for_good<H: Harness>(mut fixture: Fixture<H>) {
    let rows = MAINTENANCE_ROWS_MAX * 2 + 10;
    let many = decision(move |draft| {
        (0..rows).for_each(|index| draft.put(format!("row{index:05}"), "value"));
        draft.put(vec![0xff; 60], "the last key there is");
        Ok(())
    });
    fixture.commit(P, many).await.unwrap();
    fixture.put(Partition(0), &[("a", "1")]).await;
    fixture.put(Q, &[("a", "1")]).await;
    let mut head = fixture.engine.head(P);
    fixture.faults.set(|state| state.largest_batch_rows = 0);
    fixture.engine.erase(P).await.unwrap();
    assert!(fixture.faults.set(|state| state.largest_batch_rows) <= MAINTENANCE_ROWS_MAX);
    assert!(head.wait_for(|head| *head > Revision(1)).await.is_err(), "nobody is kept waiting");
    for _ in 0..2 {
        let read = fixture.engine.read(P, |view| Ok(view.ascending(&[], &[0xff; 64]).count())).await.unwrap();
        assert_eq!((read.value, read.revision, fixture.head(P)), (0, Revision(0), Revision(0)));
        assert_eq!(fixture.log(P, 0).await, []);
        assert_eq!(fixture.rows(Partition(0)).await.len(), 1);
        assert_eq!(fixture.rows(Q).await.len(), 1);
        fixture.reopen();
    }
    fixture.engine.erase(P).await.unwrap();

    fixture.put(P, &[("a", "1")]).await;
    fixture.faults.hold_syncs();
    let first = fixture.begin(Q, counts("n"), Mode::Apply).await;
    fixture.faults.until_sync_waits().await;
    let engine = Arc::clone(&fixture.engine);
    let erased = begin(async move { engine.erase(P).await }).await;
    let after = fixture.begin(P, counts("n"), Mode::Apply).await;
    fixture.faults.release_syncs();
    first.await.unwrap().unwrap();
    erased.await.unwrap().unwrap();
    assert_eq!(after.await.unwrap().unwrap().stamp.revision, Revision(1), "nothing is remembered");
}
