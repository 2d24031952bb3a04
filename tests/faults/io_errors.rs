//! Writes and syncs fail in the process.

use std::time::{Duration, Instant};

use spandrel::proto::v1;
use tempfile::TempDir;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    check::Checker,
    process_death::millis,
    server::{Ended, Launch, PATIENCE},
    shim::{self, Calls, EIO, ENOSPC, Failure},
    support::{annotation, by_code_points, channel_to, check_refused},
    table::{Row, rounds, say_skipped},
    verify,
    workload::{PROJECT, USUAL, Workload},
};

const DATABASE: &str = "/sled/db";

/// Failures of the database's file, and that they come at one of the first so many calls.
const FAILURES: [(Failure, usize); 7] = {
    const fn of(op: &'static str, how: &'static str, is_sticky: bool) -> Failure {
        Failure { file: DATABASE, op, how, is_sticky }
    }
    [
        // The second one would succeed, and must not be tried: the kernel has dropped what the first one could not
        // write.
        (of("fdatasync", EIO, false), 100),
        (of("write", EIO, false), 100),
        (of("write", ENOSPC, true), 100),
        (of("write", "half", false), 100),
        (of("range", EIO, false), 100),
        (of("cut", EIO, false), 3),
        (of("cut", ENOSPC, true), 3),
    ]
};

/// What is wrong with how the process ended, whose calls these were.
fn wrong_end(failure: &Failure, ended: &Ended, calls: &Calls) -> Option<String> {
    if failure.op == "cut" && ended.code() == Some(0) {
        // Files are cut rarely: the failure may not have come. And a file that could not be made shorter has lost
        // nothing, and may be noticed as little.
        return None;
    }
    if calls.failed().is_none() {
        return Some("nothing failed".to_owned());
    }
    // The first failure may be met by sled's own threads, which panic; what counts is that it is told in one line.
    let errors = ended.said.lines().filter(|line| line.starts_with("error: ")).count();
    if ended.code() != Some(1) || errors != 1 {
        return Some("it did not say so in one line and exit with 1".to_owned());
    }
    (failure.op == "fdatasync" && calls.syncs().1 > 0).then(|| "it was tried again".to_owned())
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_writes_and_syncs_fail() {
    let library = match shim::path() {
        Ok(library) => library,
        Err(why) => return say_skipped("failing writes and syncs", &why),
    };
    let (mut row, mut seeded) = Row::begin("I/O errors in the process");
    let mut kept: Option<(TempDir, Workload, Checker)> = None;
    for round in 0..rounds(FAILURES.len(), 300) {
        let (failure, within) = &FAILURES[round % FAILURES.len()];
        let is_fresh = kept.is_none();
        let (folder, mut workload, mut checker) = kept.take().unwrap_or_else(|| {
            (TempDir::new().unwrap(), Workload::new(USUAL, seeded.number()), Checker::default())
        });
        let data_dir = folder.path().join("data");
        if is_fresh {
            let mut server = Launch::over(&data_dir).start().unwrap();
            workload.set_up(&server).await;
            row.expect(server.close());
        }
        let log = folder.path().join(format!("calls-{round}"));
        let at = 1 + seeded.below(*within);
        let story = format!("{failure}, call {at}");
        let ended = match failure.arm(Launch::over(&data_dir), library, at, &log).start() {
            Ok(mut server) => {
                let working = workload.begin(&server);
                workload.progress.announce_fault();
                let patience = if failure.op == "cut" { Duration::from_millis(500) } else { PATIENCE };
                let started = Instant::now();
                while started.elapsed() < patience && !server.has_ended() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                // A server that ends waits for its clients.
                workload.end(working).await;
                server.stop()
            }
            Err(ended) => ended,
        };
        if let Some(wrong) = wrong_end(failure, &ended, &Calls::of(&log)) {
            row.add_story(format!("{story}: {wrong}: {ended:?}"));
        }
        match Launch::over(&data_dir).start() {
            Ok(mut server) => {
                row.add(checker.check(&server, &mut workload).await);
                row.expect(server.close());
                if let Err(problem) = verify::until_swept(&data_dir) {
                    row.add_story(format!("{story}: {problem}"));
                }
                if seeded.below(4) != 0 {
                    kept = Some((folder, workload, checker));
                }
            }
            Err(ended) => row.add_failed_open(&format!("{story}: {ended:?}")),
        }
    }
    row.expect_nothing_lost_in_worthy_rounds();
}

/// The count of what was acknowledged is not needed to go on. Whatever is left of it, the next start is right.
#[tokio::test]
async fn a_count_that_cannot_be_kept_ends_nothing_and_loses_nothing() {
    const FAILURES: [(&str, &str, bool); 4] =
        [("write", EIO, false), ("write", ENOSPC, true), ("write", "half", false), ("fdatasync", EIO, true)];
    let library = match shim::path() {
        Ok(library) => library,
        Err(why) => return say_skipped("a count of batches that cannot be kept", &why),
    };
    let (mut row, mut seeded) = Row::begin("I/O errors of the count of batches");
    let folder = TempDir::new().unwrap();
    let data_dir = folder.path().join("data");
    let (mut workload, mut checker) = (Workload::new(USUAL, seeded.number()), Checker::default());
    let mut server = Launch::over(&data_dir).start().unwrap();
    workload.set_up(&server).await;
    row.expect(server.close());
    for round in 0..rounds(FAILURES.len(), 100) {
        let (op, how, is_sticky) = FAILURES[round % FAILURES.len()];
        let failure = Failure { file: "/ACKNOWLEDGED", op, how, is_sticky };
        let log = folder.path().join(format!("calls-{round}"));
        // The first write makes the file; it is synced once a second.
        let at = if op == "fdatasync" { 1 } else { 2 + seeded.below(50) };
        let mut server = match failure.arm(Launch::over(&data_dir), library, at, &log).start() {
            Ok(server) => server,
            Err(ended) => {
                row.add_story(format!("{failure}, call {at}: it did not start: {ended:?}"));
                continue;
            }
        };
        let working = workload.begin(&server);
        let has_failed = |_: &_| Calls::of(&log).failed().is_some();
        row.expect(workload.until("the count cannot be written", has_failed).await);
        let before = workload.progress.acknowledged.get();
        let goes_on = |acknowledged: u64| acknowledged > before + 16;
        let goes_on = workload.until("it goes on", |so_far| goes_on(so_far.acknowledged.get())).await;
        row.expect(goes_on);
        tokio::time::sleep(millis(0, 100, &mut seeded)).await;
        if !server.said().contains("cannot keep the count") {
            row.add_story(format!("{failure}, call {at}: nobody is told: {}", server.said()));
        }
        if seeded.below(3) == 0 {
            workload.end(working).await;
            row.expect(server.close());
        } else {
            row.expect(workload.kill(working, &mut server).await);
        }
        for is_first in [true, false] {
            match Launch::over(&data_dir).start() {
                Ok(mut server) if is_first => {
                    row.add(checker.check(&server, &mut workload).await);
                    row.expect(server.kill());
                }
                Ok(mut server) => row.expect(server.close()),
                Err(ended) => row.add_failed_open(&format!("{failure}, call {at}: {ended:?}")),
            }
        }
        row.expect(verify::until_swept(&data_dir));
    }
    row.expect_nothing_lost_in_worthy_rounds();
}

/// After a failed sync nothing is acknowledged, nothing is tried again, and everybody is told.
#[tokio::test]
async fn a_failed_sync_is_the_last_one() {
    const AT: usize = 30;
    let library = match shim::path() {
        Ok(library) => library,
        Err(why) => return say_skipped("a failing fdatasync", &why),
    };
    let folder = TempDir::new().unwrap();
    let (data_dir, log) = (folder.path().join("data"), folder.path().join("calls"));
    let failure = Failure { file: DATABASE, op: "fdatasync", how: EIO, is_sticky: false };
    let mut server = failure.arm(Launch::over(&data_dir), library, AT, &log).start().unwrap();
    Workload::new(USUAL, 0).set_up(&server).await;
    let mut health = HealthClient::new(channel_to(&server.address).await);
    let request = HealthCheckRequest { service: String::new() };
    let mut statuses = health.watch(request).await.unwrap().into_inner();
    let client = server.client().await;
    let create = || v1::CreateAnnotationRequest {
        parent: format!("{PROJECT}/articles/s0"),
        annotation: Some(annotation("one more", vec![by_code_points(0, 1)])),
        ..Default::default()
    };
    let mut acknowledged = Vec::new();
    let refusal = loop {
        match client.send(create()).await {
            // Each takes a sync, so that the failing one is not far.
            Ok(created) if acknowledged.len() < AT => acknowledged.push(created),
            Ok(_) => panic!("no sync failed: {:?}", Calls::of(&log)),
            Err(status) => break status,
        }
    };
    check_refused(Err::<(), _>(refusal.clone()), "STORAGE_UNAVAILABLE", "");
    assert!(refusal.message().contains("cannot sync the disk"), "{refusal:?}");
    for _ in 0..20 {
        client.send(create()).await.unwrap_err();
    }
    let mut said = Vec::new();
    while let Ok(Some(status)) = statuses.message().await {
        said.push(status.status());
    }
    assert_eq!(said, [ServingStatus::Serving, ServingStatus::NotServing]);
    let ended = server.wait(PATIENCE);
    assert_eq!(ended.code(), Some(1), "{ended:?}");
    assert!(ended.said.contains("cannot sync the disk"), "{ended:?}");
    let calls = Calls::of(&log);
    assert!(calls.failed().is_some_and(|failed| failed.contains("fdatasync")), "{calls:?}");
    assert_eq!(calls.syncs(), (AT, 0), "something was synced after the failure: {calls:?}");

    let server = Launch::over(&data_dir).start().unwrap();
    let client = server.client().await;
    assert!(!acknowledged.is_empty());
    for expected in acknowledged {
        assert_eq!(client.get(&expected.name).await.unwrap(), expected);
    }
    client.send(create()).await.unwrap();
}
