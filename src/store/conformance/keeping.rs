//! What an engine keeps, and what it lets go.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::limits::{MAINTENANCE_ROWS_MAX, READER_THREADS_MAX};

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

/// It has seen a commit that is not durable yet, and whose partition is forgotten when it is.
pub(super) async fn a_read_of_what_is_being_erased_is_answered<H: Harness>(fixture: Fixture<H>) {
    fixture.faults.hold_syncs();
    let first = fixture.begin(Q, counts("n"), Mode::Apply).await;
    fixture.faults.until_sync_waits().await;
    let commit = fixture.begin(P, counts("n"), Mode::Apply).await;
    let engine = Arc::clone(&fixture.engine);
    let erased = begin(async move { engine.erase(P).await }).await;
    fixture.faults.pass_to_next_sync().await;
    first.await.unwrap().unwrap();
    let engine = Arc::clone(&fixture.engine);
    let read = begin(async move { engine.read(P, |view| view.get(b"n")).await }).await;
    a_while().await;
    assert!(!read.is_finished());
    fixture.faults.release_syncs();
    let read = tokio::time::timeout(Duration::from_secs(10), read).await.expect("the read is answered");
    assert_eq!(read.unwrap().unwrap().revision, Revision(1));
    commit.await.unwrap().unwrap();
    erased.await.unwrap().unwrap();
}

/// Who asks and goes away, again and again, must not make others wait for answers that nobody wants.
pub(super) async fn a_read_that_nobody_waits_for_is_not_run<H: Harness>(fixture: Fixture<H>) {
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let mut busy = Vec::new();
    for _ in 0..READER_THREADS_MAX {
        let (engine, held) = (Arc::clone(&fixture.engine), Arc::clone(&held));
        let reading = move |_: &dyn View| {
            let _ = held.lock().unwrap().recv();
            Ok(())
        };
        busy.push(begin(async move { engine.read(P, reading).await }).await);
    }
    let was_run = Arc::new(AtomicBool::new(false));
    let (engine, runs) = (Arc::clone(&fixture.engine), Arc::clone(&was_run));
    let reading = move |_: &dyn View| {
        runs.store(true, Ordering::SeqCst);
        Ok(())
    };
    let given_up = begin(async move { engine.read(P, reading).await }).await;
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    drop(let_go);
    for busy in busy {
        busy.await.unwrap().unwrap();
    }
    // Readers take what waits in order, so that this one comes after it.
    for _ in 0..READER_THREADS_MAX {
        fixture.value(P, "n").await;
    }
    assert!(!was_run.load(Ordering::SeqCst));
}
