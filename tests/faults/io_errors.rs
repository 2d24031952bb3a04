//! Writes and syncs fail in the process.

use std::{fs, time::Duration};

use spandrel::proto::v1;
use tempfile::TempDir;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    check::{Checker, verify},
    server::{Ended, Launch, PATIENCE},
    shim,
    support::{annotation, by_code_points, channel_to},
    table::{Row, rounds, say_skipped},
    workload::{PROJECT, USUAL, Workload},
};

const EIO: &str = "5";
const ENOSPC: &str = "28";

/// One kind of failure.
struct Failure {
    op: &'static str,
    how: &'static str,
    is_sticky: bool,
    /// It comes at one of the first so many calls.
    within: usize,
}

impl Failure {
    /// What is wrong with how the process ended, whose calls these were.
    fn wrong_end(&self, ended: &Ended, calls: &str) -> Option<&'static str> {
        match calls.split_once("failed") {
            // A file that could not be made shorter has lost nothing, and may be noticed as little.
            Some(_) if self.op == "cut" && ended.code() == Some(0) => None,
            Some(_) if ended.code() != Some(1) || ended.said.is_empty() => {
                Some("it did not say so and exit with 1")
            }
            Some((_, after)) if self.op == "fdatasync" && after.contains("fdatasync") => {
                Some("it was tried again")
            }
            None if ended.code() != Some(0) => Some("nothing failed"),
            Some(_) | None => None,
        }
    }
}

const FAILURES: [Failure; 6] = [
    // The second one would succeed, and must not be tried: the kernel has dropped what the first one could not write.
    Failure { op: "fdatasync", how: EIO, is_sticky: false, within: 100 },
    Failure { op: "write", how: EIO, is_sticky: false, within: 100 },
    Failure { op: "write", how: ENOSPC, is_sticky: true, within: 100 },
    Failure { op: "write", how: "half", is_sticky: false, within: 100 },
    Failure { op: "cut", how: EIO, is_sticky: false, within: 3 },
    Failure { op: "cut", how: ENOSPC, is_sticky: true, within: 3 },
];

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_writes_and_syncs_fail() {
    let library = match shim::path() {
        Ok(library) => library,
        Err(why) => return say_skipped("failing writes and syncs", &why),
    };
    let (mut row, mut seeded) = Row::begin("I/O errors in the process");
    let mut kept: Option<(TempDir, Workload, Checker)> = None;
    for round in 0..rounds(6, 300) {
        let failure = &FAILURES[round % FAILURES.len()];
        let is_fresh = kept.is_none();
        let (folder, mut workload, mut checker) = kept.take().unwrap_or_else(|| {
            (TempDir::new().unwrap(), Workload::new(USUAL, seeded.number()), Checker::default())
        });
        let data_dir = folder.path().join("data");
        if is_fresh {
            let mut server = Launch::over(&data_dir).start().unwrap();
            workload.set_up(&server).await;
            server.stop();
        }
        let log = folder.path().join(format!("calls-{round}"));
        let at = (1 + seeded.below(failure.within)).to_string();
        let launch = Launch::over(&data_dir).with_environment(&[
            ("LD_PRELOAD", library),
            ("SHIM_OP", failure.op),
            ("SHIM_AT", &at),
            ("SHIM_HOW", failure.how),
            ("SHIM_STICKY", if failure.is_sticky { "1" } else { "0" }),
            ("SHIM_LOG", log.to_str().unwrap()),
        ]);
        let story = format!("{} {} at call {at}", failure.op, failure.how);
        let ended = match launch.start() {
            Ok(mut server) => {
                let working = workload.begin(&server);
                // Files are cut rarely: the failure may not come.
                let waits_max = if failure.op == "cut" { 25 } else { 100 };
                let mut waits = 0;
                while waits < waits_max && !server.has_ended() {
                    waits += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                let ended = if server.has_ended() { server.wait(PATIENCE) } else { server.stop() };
                workload.end(working).await;
                ended
            }
            Err(ended) => ended,
        };
        let calls = fs::read_to_string(&log).unwrap_or_default();
        if let Some(wrong) = failure.wrong_end(&ended, &calls) {
            row.add_story(format!("{story}: {wrong}: {ended:?}"));
        }
        match Launch::over(&data_dir).start() {
            Ok(mut server) => {
                row.add(checker.check(&server, &mut workload).await);
                server.stop();
                drop(server);
                if let Err(problem) = verify(&data_dir) {
                    row.add_story(format!("{story}: {problem}"));
                }
                if seeded.below(4) != 0 {
                    kept = Some((folder, workload, checker));
                }
            }
            Err(ended) => row.add_failed_open(&format!("{story}: {ended:?}")),
        }
    }
    row.expect_nothing_lost();
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
    let launch = Launch::over(&data_dir).with_environment(&[
        ("LD_PRELOAD", library),
        ("SHIM_OP", "fdatasync"),
        ("SHIM_AT", &AT.to_string()),
        ("SHIM_HOW", EIO),
        ("SHIM_LOG", log.to_str().unwrap()),
    ]);
    let mut server = launch.start().unwrap();
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
            Ok(created) => acknowledged.push(created),
            Err(status) => break status,
        }
    };
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
    let calls = fs::read_to_string(&log).unwrap();
    assert!(calls.ends_with("fdatasync\nfailed\n"), "something was synced after the failure: {calls}");
    assert_eq!(calls.matches("fdatasync").count(), AT, "{calls}");

    let server = Launch::over(&data_dir).start().unwrap();
    let client = server.client().await;
    assert!(!acknowledged.is_empty());
    for expected in acknowledged {
        assert_eq!(client.get(&expected.name).await.unwrap(), expected);
    }
    client.send(create()).await.unwrap();
}
