//! The disk is full, or nearly.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use spandrel::proto::v1;

use crate::{
    check::{Checker, verify},
    mounts::Mount,
    server::{Launch, PATIENCE},
    support::by_code_points,
    table::{Row, rounds, say_skipped},
    workload::{PROJECT, USUAL, Workload},
};

const DISK_MEBIBYTES: usize = 96;

/// Takes space until so much is left.
fn fill(disk: &Path, leave_bytes: usize) {
    let block = vec![0xa5; 64 * 1_024];
    let mut ballast = File::options().create(true).append(true).open(disk.join("ballast")).unwrap();
    while free_bytes(disk) > leave_bytes && ballast.write_all(&block).is_ok() {}
}

fn free_bytes(disk: &Path) -> usize {
    let output = std::process::Command::new("df").args(["--output=avail", "-B1"]).arg(disk).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().nth(1).unwrap().trim().parse().unwrap()
}

fn annotate() -> v1::CreateAnnotationRequest {
    v1::CreateAnnotationRequest {
        parent: format!("{PROJECT}/articles/s0"),
        annotation: Some(crate::support::annotation("one more", vec![by_code_points(0, 1)])),
        ..Default::default()
    }
}

/// Below the floor writes are refused, reads go on, and writes go on as soon as there is space again: without a restart.
#[tokio::test]
async fn writes_are_refused_below_the_floor_and_go_on_above_it() {
    let disk = match Mount::tmpfs(DISK_MEBIBYTES) {
        Ok(disk) => disk,
        Err(why) => return say_skipped("full disks, which need root and tmpfs", &why),
    };
    let (mut row, mut seeded) = Row::begin("disk below the floor");
    let data_dir = disk.path().join("data");
    let mut workload = Workload::new(USUAL, seeded.number());
    let mut checker = Checker::default();
    let launch = Launch::over(&data_dir).with_floor("16MiB");
    let mut server = launch.start().unwrap();
    workload.set_up(&server).await;
    for _ in 0..rounds(2, 20) {
        let working = workload.begin(&server);
        tokio::time::sleep(Duration::from_millis(300)).await;
        fill(disk.path(), 15 * 1_024 * 1_024);
        tokio::time::sleep(Duration::from_millis(700)).await;
        workload.end(working).await;
        let client = server.client().await;
        let refusal = client.send(annotate()).await.unwrap_err();
        for part in ["below the floor of 16.0 MiB", "free some space beside the data folder"] {
            assert!(refusal.message().contains(part), "{refusal:?} does not say {part:?}");
        }
        // Everything can be read meanwhile.
        row.add(checker.check(&server, &mut workload).await);
        if free_bytes(disk.path()) < 8 * 1_024 * 1_024 {
            row.add_story(format!("only {} bytes were left", free_bytes(disk.path())));
        }
        fs::remove_file(disk.path().join("ballast")).unwrap();
        let freed = Instant::now();
        while let Err(status) = client.send(annotate_and_delete(&client).await).await {
            assert!(freed.elapsed() < PATIENCE, "writes do not go on: {status:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if seeded.below(3) == 0 {
            server.stop();
            server = launch.start().unwrap();
        }
    }
    assert_eq!(server.stop().code(), Some(0));
    drop(server);
    if let Err(story) = verify(&data_dir) {
        row.add_story(story);
    }
    row.expect_nothing_lost();
}

/// Makes an annotation, once that is possible, and returns the request that takes it away again.
async fn annotate_and_delete(client: &crate::support::Client) -> v1::DeleteAnnotationRequest {
    let created = client.send(annotate()).await.unwrap_or_default();
    v1::DeleteAnnotationRequest { name: created.name, ..Default::default() }
}

/// Without a floor the disk fills up to its last byte: the server acknowledges nothing more and ends, and what it
/// acknowledged before is there when there is space again. Once it was not: a start over the full disk left a snapshot
/// that it could not write, which the next start took for damage.
#[tokio::test]
async fn a_disk_that_is_full_ends_the_server_and_loses_nothing() {
    let (mut row, mut seeded) = Row::begin("disk full");
    for round in 0..rounds(2, 40) {
        let disk = match Mount::tmpfs(DISK_MEBIBYTES) {
            Ok(disk) => disk,
            Err(why) => return say_skipped("full disks, which need root and tmpfs", &why),
        };
        let data_dir = disk.path().join("data");
        let mut workload = Workload::new(USUAL, seeded.number());
        let launch = Launch::over(&data_dir);
        let mut server = launch.start().unwrap();
        workload.set_up(&server).await;
        let working = workload.begin(&server);
        tokio::time::sleep(Duration::from_millis(u64::try_from(seeded.below(500)).unwrap())).await;
        fill(disk.path(), seeded.below(3 * 1_024 * 1_024));
        let started = Instant::now();
        while !server.has_ended() && started.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if round % 2 == 0 {
                fill(disk.path(), 0);
            }
        }
        let ended = server.wait(Duration::ZERO);
        workload.end(working).await;
        if ended.code() != Some(1) || !ended.said.contains("the storage has failed") {
            row.add_story(format!("with a full disk it ended like this: {ended:?}"));
        }
        // Over a full disk it may start or refuse, and loses nothing by either.
        match launch.start() {
            Ok(mut server) => drop(server.stop()),
            Err(ended) if ended.code() == Some(1) && ended.said.contains("free some space") => {}
            Err(ended) => row.add_story(format!("over a full disk it ended like this: {ended:?}")),
        }
        fs::remove_file(disk.path().join("ballast")).unwrap();
        match launch.start() {
            Ok(mut server) => {
                row.add(Checker::default().check(&server, &mut workload).await);
                server.client().await.send(annotate()).await.unwrap();
                server.stop();
                drop(server);
                if let Err(story) = verify(&data_dir) {
                    row.add_story(story);
                }
            }
            Err(ended) => row.add_failed_open(&format!("{ended:?}")),
        }
    }
    row.expect_nothing_lost();
}
