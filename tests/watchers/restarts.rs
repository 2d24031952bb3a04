//! Followers and writers over a server that is killed on the way.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering::SeqCst},
    time::{Duration, Instant},
};

use spandrel::proto::v1::{self, watch_changes_request::Start};
use tokio::task::JoinSet;

use crate::{
    follower::{Follower, Temper},
    memory::Memory,
    replica::Filter,
    source::Caller,
    stage::{ARTICLES, LAYERS, P, Scale, Stage, address, article, article_to_create, patience, say, seed},
    support::{Seeded, Server},
    writer::Writer,
};

/// What the server may take, in KiB, with all who follow it.
const MEMORY_KIB_MAX: u64 = 400 * 1_024;

/// A follower that differs from those before it.
fn follower(stage: &Arc<Stage>, number: usize, seeded: &mut Seeded) -> Follower {
    let temper = [Temper::Steady, Temper::Slow, Temper::Steady, Temper::Flighty][number % 4];
    let start = match seeded.below(4) {
        0 => Start::Now(v1::Now {}),
        // The first commits made the project and the articles.
        1 => Start::AfterRevision(*seeded.pick(&[0, 1, 5])),
        2 => Start::Earliest(v1::Earliest {}),
        _ => Start::Snapshot(v1::FromSnapshot {}),
    };
    let (article, layer) = (seeded.below(ARTICLES), *seeded.pick(&LAYERS));
    let filter = match seeded.below(10) {
        0..6 => Filter::default(),
        6 | 7 => Filter { article: Some(article), layer: None },
        8 => Filter { article: None, layer: Some(layer) },
        _ => Filter { article: Some(article), layer: Some(layer) },
    };
    let caller = if number.is_multiple_of(10) {
        Caller::Web(stage.address.clone())
    } else {
        Caller::grpc(&stage.address, (temper == Temper::Slow).then_some(4_096))
    };
    Follower::new(Arc::clone(stage), caller, (temper, start, filter), seeded.number())
}

/// Kills and restarts the server again and again, and returns the most memory that it took.
async fn kill_again_and_again(server: &mut Server, stage: &Stage, scale: Scale) -> u64 {
    let mut most = 0;
    for restart in 1..=scale.restarts {
        stage.until_done(restart * scale.writes / (scale.restarts + 1)).await;
        most = most.max(Memory::of(server.pid()).most);
        server.kill();
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.start_again();
    }
    most
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_who_follow_see_each_change_once_and_end_with_what_there_is() {
    let (scale, started) = (Scale::chosen(), Instant::now());
    let mut seeded = Seeded::new(seed("all_who_follow_see_each_change_once_and_end_with_what_there_is"));
    let address = address(&mut seeded);
    let mut server = Server::start_at(&address, &["--cache", "32MiB"]);
    let stage = Arc::new(Stage::at(&address));
    stage.client().create_project("p").await;
    for number in 0..ARTICLES {
        stage.client().send(article_to_create(&article(number), String::new())).await.unwrap();
    }
    // Somebody who opens a stream and reads nothing, ever.
    let start = Some(Start::Earliest(v1::Earliest {}));
    let unread = v1::WatchChangesRequest { parent: P.to_owned(), start, ..Default::default() };
    let _unread = Caller::grpc(&address, None).watch(unread).await.unwrap();

    let mut followers = JoinSet::new();
    let mut writers = JoinSet::new();
    for number in 0..scale.writers {
        writers.spawn(Writer::new(Arc::clone(&stage), number, seeded.number()).run(scale.writes));
    }
    for number in 0..scale.watchers {
        let follower = follower(&stage, number, &mut seeded);
        let begins_at = if number % 2 == 0 { 0 } else { u64::try_from(seeded.below(80)).unwrap() };
        let stage = Arc::clone(&stage);
        followers.spawn(async move {
            stage.until_done(begins_at * scale.writes / 100).await;
            (number, follower.run().await)
        });
    }
    let mut most = kill_again_and_again(&mut server, &stage, scale).await;
    writers.join_all().await;
    let written = started.elapsed();
    let last = Writer::new(Arc::clone(&stage), scale.writers, seeded.number()).finish().await;
    stage.last.send_replace(last);
    let followers =
        tokio::time::timeout(patience(), followers.join_all()).await.expect("somebody is told nothing");
    let followed = started.elapsed();
    let memory = Memory::of(server.pid());
    most = most.max(memory.most);

    let client = stage.client();
    let truth = crate::truth::Truth::read(&client, last).await;
    stage.ledger.check(truth.log());
    for (number, follower) in &followers {
        truth.check(*number, follower);
    }
    for filter in followers.iter().map(|(_, follower)| follower.filter).collect::<BTreeSet<_>>() {
        truth.check_filter(&client, filter).await;
    }
    say(&format!(
        "{last} revisions, {} retries, {} connections of {} followers; written after {written:?}, followed after \
         {followed:?}, all after {:?}; the server took {} KiB at the end, {most} at most; {}",
        stage.ledger.retries(),
        stage.reconnects.load(SeqCst),
        followers.len(),
        started.elapsed(),
        memory.now,
        stage.ledger.summary(),
    ));
    assert!(most < MEMORY_KIB_MAX, "{most} KiB");
}
