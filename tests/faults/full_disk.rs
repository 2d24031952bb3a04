//! The disk is full, or nearly.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use spandrel::proto::v1;

use crate::{
    check::{Checker, Findings, read_all},
    mounts::{Mount, free_bytes},
    process_death::{millis, until_worthy},
    server::{Launch, PATIENCE},
    support::{by_code_points, check_refused},
    table::{Row, rounds, say_skipped},
    verify,
    workload::{CLIENTS, PROJECT, USUAL, Workload},
};

const DISK_MEBIBYTES: usize = 96;
const MIB: u64 = 1_024 * 1_024;

/// Takes space until so much is left.
fn fill(disk: &Path, leave_bytes: u64) {
    let block = vec![0xa5; 64 * 1_024];
    let mut ballast = File::options().create(true).append(true).open(disk.join("ballast")).unwrap();
    while free_bytes(disk) > leave_bytes && ballast.write_all(&block).is_ok() {}
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
    let disk = match Mount::tmpfs(2 * DISK_MEBIBYTES) {
        Ok(disk) => disk,
        Err(why) => return say_skipped("a disk below the floor, which needs root and tmpfs", &why),
    };
    let (mut row, mut seeded) = Row::begin("disk below the floor");
    let data_dir = disk.path().join("data");
    let mut workload = Workload::new(USUAL, seeded.number());
    let mut checker = Checker::default();
    let launch = Launch::over(&data_dir).with_floor("32MiB");
    let mut server = launch.start().unwrap();
    workload.set_up(&server).await;
    for _ in 0..rounds(2, 20) {
        let working = workload.begin(&server);
        row.expect(until_worthy(&workload).await);
        tokio::time::sleep(millis(0, 300, &mut seeded)).await;
        workload.progress.announce_refusals();
        workload.progress.refused.take();
        fill(disk.path(), 31 * MIB);
        row.expect(until_all_are_refused(&workload, disk.path()).await);
        workload.end(working).await;
        let client = server.client().await;
        let refusal = client.send(annotate()).await.unwrap_err();
        for part in ["below the floor of 32.0 MiB", "free some space beside the data folder"] {
            assert!(refusal.message().contains(part), "{refusal:?} does not say {part:?}");
        }
        check_refused(Err::<(), _>(refusal), "STORAGE_UNAVAILABLE", "");
        // Everything can be read meanwhile.
        let read = read_all(&client, &mut Findings::default()).await;
        row.expect(read.map(drop).map_err(|status| format!("reads do not go on: {status:?}")));
        // Nothing is left half done, so that all is as it was told without a restart.
        row.add(checker.check(&server, &mut workload).await);
        fs::remove_file(disk.path().join("ballast")).unwrap();
        let freed = Instant::now();
        while let Err(status) = client.send(annotate_and_delete(&client).await).await {
            assert!(freed.elapsed() < PATIENCE, "writes do not go on: {status:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if seeded.below(3) == 0 {
            row.expect(server.close());
            server = launch.start().unwrap();
        }
    }
    row.expect(server.close());
    row.expect(verify::until_swept(&data_dir));
    row.expect_nothing_lost_in_worthy_rounds();
}

/// Waits until every client is refused, and expects that from then on no space is taken any more.
async fn until_all_are_refused(workload: &Workload, disk: &Path) -> Result<(), String> {
    let all = 2 * u64::try_from(CLIENTS).unwrap();
    workload.until("writes are refused", |so_far| so_far.refused.get() >= all).await?;
    let left = free_bytes(disk);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let left_later = free_bytes(disk);
    if left_later + MIB < left {
        return Err(format!("writes were refused, and of {left} free bytes {left_later} are left"));
    }
    Ok(())
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
        row.expect(until_worthy(&workload).await);
        tokio::time::sleep(millis(0, 500, &mut seeded)).await;
        workload.progress.announce_fault();
        workload.progress.told_of_failure.take();
        fill(disk.path(), seeded.number() % (3 * MIB));
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
        if workload.progress.told_of_failure.get() == 0 {
            row.add_story("no client was told that the storage has failed".to_owned());
        }
        // Over a full disk it may start or refuse, and loses nothing by either.
        match launch.start() {
            // What it sweeps may fill the disk again.
            Ok(mut server) => drop(server.stop()),
            Err(ended) if ended.code() == Some(1) && ended.said.contains("free some space") => {}
            Err(ended) => row.add_story(format!("over a full disk it ended like this: {ended:?}")),
        }
        fs::remove_file(disk.path().join("ballast")).unwrap();
        match launch.start() {
            Ok(mut server) => {
                row.add(Checker::default().check(&server, &mut workload).await);
                server.client().await.send(annotate()).await.unwrap();
                row.expect(server.close());
                row.expect(verify::until_swept(&data_dir));
            }
            Err(ended) => row.add_failed_open(&format!("{ended:?}")),
        }
    }
    row.expect_nothing_lost_in_worthy_rounds();
}
