//! What those who follow a project are told before its log is trimmed.

use tokio::time::Instant;

use super::*;
use crate::{
    app::{
        feed::ChangeFilter,
        watch::{Watch, WatchEvent, WatchQuery, WatchStart},
    },
    limits::{FEED_TAIL_AGE_MAX, LOG_TRIM_NOTICE},
};

async fn watch(app: &Arc<App>, start: WatchStart) -> Watch {
    let filter = ChangeFilter::default();
    app.watch(WatchQuery { project: project("p"), filter, start, project_uid: String::new() }).await.unwrap()
}

async fn opened(watch: &mut Watch) -> (u64, u64) {
    match watch.next().await.unwrap() {
        WatchEvent::Opened { uid: _, head, earliest } => (head.0, earliest.0),
        other @ (WatchEvent::Snapshot(_) | WatchEvent::Changes(..) | WatchEvent::Checkpoint { .. }) => {
            panic!("{other:?}")
        }
    }
}

/// The first checkpoint that says that the log will begin elsewhere.
async fn announced(watch: &mut Watch) -> (u64, u64) {
    loop {
        match watch.next().await.unwrap() {
            WatchEvent::Checkpoint { revision, earliest } if earliest.0 > 1 => {
                return (revision.0, earliest.0);
            }
            WatchEvent::Checkpoint { .. } | WatchEvent::Changes(..) => {}
            other @ (WatchEvent::Opened { .. } | WatchEvent::Snapshot(_)) => panic!("{other:?}"),
        }
    }
}

async fn up_to(watch: &mut Watch, revision: u64) {
    let is_last = |event| matches!(event, WatchEvent::Changes(_, Some(Revision(told))) if told == revision);
    while !is_last(watch.next().await.unwrap()) {}
}

#[tokio::test]
async fn who_follows_is_told_ten_seconds_before_the_log_forgets() {
    let log = LogKept { commits: 5, ..LogKept::DEFAULT };
    let settings = Settings { log, ..Settings::with_texts_of(ANSWER_BYTES_MAX) };
    let (app, engine) = open_as(settings, NAMES).await;
    // The sweeper looks at the logs as soon as it runs, and a minute later; not in the midst of what follows.
    tokio::time::sleep(Duration::from_millis(20)).await;
    app.add_project(ProjectDetails::default()).await.unwrap();
    let mut told = watch(&app, WatchStart::Now).await;
    assert_eq!(opened(&mut told).await, (1, 1));
    for number in 2..=12 {
        app.add_article(&format!("a{number}"), "text".to_owned()).await.unwrap();
    }
    up_to(&mut told, 12).await;
    // From here on there is nothing to be waited for but time.
    tokio::time::pause();
    let partition = app.project(&project("p")).unwrap().partition;
    let floor = || engine.log_floor(partition).unwrap().0;
    assert_eq!(announced(&mut told).await, (12, 8));
    assert_eq!(floor(), 0, "it is told before it is done");

    // Who comes in the last moment is told at once, and may still read what is about to go.
    tokio::time::sleep(LOG_TRIM_NOTICE * 9 / 10).await;
    tokio::time::resume();
    let mut late = watch(&app, WatchStart::Earliest).await;
    assert_eq!(opened(&mut late).await, (12, 8));
    assert!(matches!(late.next().await.unwrap(), WatchEvent::Changes(_, Some(Revision(1)))));
    let patience = Instant::now() + LOG_TRIM_NOTICE / 2;
    while floor() == 0 {
        assert!(Instant::now() < patience, "the log is not trimmed");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(floor(), 7);
    // Both go on.
    app.add_article("b", "text".to_owned()).await.unwrap();
    for watch in [&mut told, &mut late] {
        up_to(watch, 13).await;
    }
}

/// All tails have their room together: one that nobody reads from must not keep it.
#[tokio::test]
async fn what_all_have_read_is_not_kept_encoded_for_long() {
    let (app, _engine) = open().await;
    app.add_project(ProjectDetails::default()).await.unwrap();
    let mut told = watch(&app, WatchStart::Now).await;
    app.add_article("a", "text".to_owned()).await.unwrap();
    up_to(&mut told, 2).await;
    let kept = || format!("{:?}", app.feeds);
    assert_ne!(kept(), "Feeds { bytes: 0, .. }");
    tokio::time::pause();
    tokio::time::sleep(FEED_TAIL_AGE_MAX * 2).await;
    assert_eq!(kept(), "Feeds { bytes: 0, .. }");
    app.add_article("b", "text".to_owned()).await.unwrap();
    up_to(&mut told, 3).await;
    drop(told);
    assert_eq!(kept(), "Feeds { bytes: 0, .. }");
}
