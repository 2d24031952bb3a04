//! The process is killed while many clients write, while it starts, and while it makes its folder.

use std::{path::Path, time::Duration};

use tempfile::TempDir;

use crate::{
    check::Checker,
    server::Launch,
    support::Seeded,
    table::{Row, is_long, is_thorough, rounds, say},
    verify,
    workload::{USUAL, Workload},
};

/// A folder is kept for so many deaths.
const LIVES: usize = 100;

/// Most rounds go on until so many writes were acknowledged, so that there is something to lose.
const ACKNOWLEDGED_MIN: u64 = 16;

pub fn millis(from: usize, below: usize, seeded: &mut Seeded) -> Duration {
    Duration::from_millis(u64::try_from(from + seeded.below(below - from)).unwrap())
}

/// How long a server is let start before it dies: most starts take less than the longer time, and more than the shorter.
pub fn start_time(seeded: &mut Seeded) -> Duration {
    let below = *seeded.pick(&[25, 150]);
    millis(0, below, seeded)
}

/// Half-done work that a test met.
#[derive(Debug, Default)]
struct Met {
    /// Servers that were killed before they were ready.
    killed_starts: u64,
    /// What servers that were killed left to be swept.
    unswept: u64,
}

impl Met {
    /// Kills a server that starts.
    fn kill_start(&mut self, row: &mut Row, launch: &Launch, seeded: &mut Seeded) {
        let mut starting = launch.spawn();
        std::thread::sleep(start_time(seeded));
        match starting.kill() {
            Ok(was_starting) => self.killed_starts += u64::from(was_starting),
            Err(story) => row.add_story(format!("while it started: {story}")),
        }
    }

    /// Looks at what a server left that was killed.
    fn look(&mut self, row: &mut Row, data_dir: &Path) {
        match verify::once(data_dir) {
            Ok(unswept) => self.unswept += unswept,
            Err(story) => row.add_story(format!("straight after a death: {story}")),
        }
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let (mut row, mut seeded) = Row::begin("process death");
    let mut folder = TempDir::new().unwrap();
    let mut workload = Workload::new(USUAL, seeded.number());
    let (mut checker, mut met) = (Checker::default(), Met::default());
    for round in 0..rounds(20, 1_000) {
        // The first one dies young.
        let is_fresh = round % LIVES == 0 || round == 2;
        if is_fresh {
            folder = TempDir::new().unwrap();
            workload = Workload::new(USUAL, seeded.number());
            checker = Checker::default();
        }
        let data_dir = folder.path().join("data");
        let launch = Launch::over(&data_dir);
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
        // Some die at once.
        if seeded.below(5) != 0 {
            row.expect(until_worthy(&workload).await);
        }
        let longest = if is_long() { 1_000 } else { 400 };
        tokio::time::sleep(millis(30, longest, &mut seeded)).await;
        row.expect(workload.kill(working, &mut server).await);
        match seeded.below(6) {
            0 => met.look(&mut row, &data_dir),
            1 | 2 => met.kill_start(&mut row, &launch, &mut seeded),
            _ => {}
        }
        match launch.start() {
            Ok(mut server) => {
                row.add(checker.check(&server, &mut workload).await);
                // A server that sweeps what the one before left is killed, too.
                row.expect(if seeded.below(2) == 0 { server.kill() } else { server.close() });
            }
            Err(ended) => row.add_failed_open(&format!("{ended:?}")),
        }
        if round % 5 == 4 {
            row.expect(verify::until_swept(&data_dir));
        }
    }
    let Met { killed_starts, unswept } = met;
    say(&format!("process death: {killed_starts} killed before they were ready, {unswept} rests were left"));
    row.expect_nothing_lost_in_worthy_rounds();
    row.expect_long_articles();
    if is_thorough(row.rounds()) {
        assert!(killed_starts > 0, "no server was killed before it was ready");
        assert!(unswept > 0, "no server that was killed left anything to be swept");
    }
}

pub async fn until_worthy(workload: &Workload) -> Result<(), String> {
    let is_worthy = |acknowledged: u64| acknowledged >= ACKNOWLEDGED_MIN;
    let what = "so many writes are acknowledged that there is something to lose";
    workload.until(what, |progress| is_worthy(progress.acknowledged.get())).await
}

/// The first start makes the folder and the database in it; whoever is killed over that leaves what the next one
/// finishes.
#[tokio::test]
async fn a_first_start_that_is_killed_is_made_up_for_by_the_next_one() {
    let (mut row, mut seeded) = Row::begin("process death at the first start");
    let mut met = Met::default();
    for _ in 0..rounds(3, 150) {
        let folder = TempDir::new().unwrap();
        let data_dir = folder.path().join("data");
        let launch = Launch::over(&data_dir);
        for _ in 0..=seeded.below(3) {
            met.kill_start(&mut row, &launch, &mut seeded);
        }
        match launch.start() {
            Ok(mut server) => {
                let mut workload = Workload::new(USUAL, seeded.number());
                workload.set_up(&server).await;
                let working = workload.begin(&server);
                row.expect(until_worthy(&workload).await);
                workload.end(working).await;
                row.add(Checker::default().check(&server, &mut workload).await);
                row.expect(server.close());
                row.expect(verify::once(&data_dir).map(drop));
            }
            Err(ended) => row.add_failed_open(&format!("{ended:?}")),
        }
    }
    say(&format!("process death at the first start: {} killed before they were ready", met.killed_starts));
    row.expect_nothing_lost_in_worthy_rounds();
    if is_thorough(row.rounds()) {
        assert!(met.killed_starts > 0, "no server was killed before it was ready");
    }
}
