//! The process is killed while many clients write.

use std::time::Duration;

use tempfile::TempDir;

use crate::{
    check::{Checker, verify},
    server::Launch,
    table::{Row, is_long, rounds},
    workload::{USUAL, Workload},
};

/// A folder is kept for so many deaths.
const LIVES: usize = 100;

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let (mut row, mut seeded) = Row::begin("process death");
    let mut folder = TempDir::new().unwrap();
    let mut workload = Workload::new(USUAL, seeded.number());
    let mut checker = Checker::default();
    for round in 0..rounds(20, 1_000) {
        // The first one dies young.
        let is_fresh = round % LIVES == 0 || round == 2;
        if is_fresh {
            folder = TempDir::new().unwrap();
            workload = Workload::new(USUAL, seeded.number());
            checker = Checker::default();
        }
        let launch = Launch::over(&folder.path().join("data"));
        let mut server = match launch.start() {
            Ok(server) => server,
            Err(ended) => {
                row.add_failed_open(&format!("{ended:?}"));
                break;
            }
        };
        if is_fresh {
            workload.set_up(&server).await;
        }
        let working = workload.begin(&server);
        let longest = if is_long() { 970 } else { 370 };
        tokio::time::sleep(Duration::from_millis(30 + u64::try_from(seeded.below(longest)).unwrap())).await;
        server.kill();
        workload.end(working).await;
        match launch.start() {
            Ok(mut server) => {
                row.add(checker.check(&server, &mut workload).await);
                // A server that sweeps what the one before left is killed, too.
                if seeded.below(2) == 0 {
                    server.kill();
                } else if server.stop().code() != Some(0) {
                    row.add_story(format!("it did not end well: {}", server.said()));
                }
            }
            Err(ended) => row.add_failed_open(&format!("{ended:?}")),
        }
        if round % 5 == 4
            && let Err(story) = verify(&folder.path().join("data"))
        {
            row.add_story(story);
        }
    }
    row.expect_nothing_lost();
}
