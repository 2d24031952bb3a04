//! Some call fails while a server starts, or a sector cannot be read: the next start is as if nothing had been.

use std::{collections::BTreeMap, fs, path::Path};

use tempfile::TempDir;

use crate::{
    check::Checker,
    process_death::until_worthy,
    server::{Ended, Launch},
    shim::{self, Calls, EIO, ENOSPC, Failure},
    support::Seeded,
    table::{Row, is_thorough, rounds, say, say_skipped},
    verify,
    workload::{SMALL, Workload},
};

/// The end of the data folder's path: everything that is done to it.
const FOLDER: &str = "/data";

/// Failures, and that they come at one of the first so many calls when a server makes the folder and when it starts
/// over one.
const FAILURES: [(Failure, [usize; 2]); 6] = {
    const fn of(op: &'static str, how: &'static str, is_sticky: bool) -> Failure {
        Failure { file: FOLDER, op, how, is_sticky }
    }
    [
        (of("any", EIO, false), [56, 31]),
        (of("any", EIO, true), [56, 31]),
        (of("write", ENOSPC, true), [10, 6]),
        (of("write", "half", false), [10, 6]),
        (of("rename", EIO, false), [4, 2]),
        (Failure { file: "/sled/snap.", op: "any", how: EIO, is_sticky: false }, [6, 7]),
    ]
};

const SEGMENT_BYTES: usize = 512 * 1_024;

/// How often a start ended how.
type Outcomes = BTreeMap<String, u64>;

/// Lets a server start that meets a failure.
fn start(launch: &Launch, log: &Path, outcomes: &mut Outcomes) -> Result<(), String> {
    let started = launch.start();
    let what = match &started {
        Ok(_) => "and the server went on",
        Err(_) => "and the server did not start",
    };
    let calls = Calls::of(log);
    let failed = calls.failed().map(|failed| failed.split(' ').nth(1).unwrap_or_default().to_owned());
    *outcomes
        .entry(failed.map_or("nothing failed".to_owned(), |op| format!("{op} failed, {what}")))
        .or_default() += 1;
    let ended = match started {
        Ok(mut server) => server.stop(),
        Err(ended) => ended,
    };
    match ended.code() {
        // Whatever cannot be tidied up any more may be said and does no harm.
        Some(0) => Ok(()),
        _ => fault_of_failed_start(&ended)
            .map_or(Ok(()), |fault| Err(format!("it {fault}: {ended:?}, {calls:?}"))),
    }
}

fn fault_of_failed_start(ended: &Ended) -> Option<String> {
    // As the operating system words it, or Rust shows it.
    ended.fault_of_refusal(&[
        "os error 5",
        "os error 28",
        "Os { code: 5,",
        "Os { code: 28,",
        "failed to write whole buffer",
    ])
}

/// A server that starts after the failure, and what its clients know.
struct After {
    folder: TempDir,
    workload: Workload,
    checker: Checker,
}

impl After {
    fn new(seeded: &mut Seeded) -> Self {
        let workload = Workload::new(SMALL, seeded.number());
        Self { folder: TempDir::new().unwrap(), workload, checker: Checker::default() }
    }

    fn launch(&self) -> Launch {
        Launch::over(&self.folder.path().join("data"))
    }

    /// Starts a server over a folder that was made, and kills it at work.
    async fn work(&mut self, row: &mut Row, is_new: bool) -> Result<(), String> {
        let mut server = self.launch().start().map_err(|ended| format!("{ended:?}"))?;
        if is_new {
            self.workload.set_up(&server).await;
        }
        let working = self.workload.begin(&server);
        row.expect(until_worthy(&self.workload).await);
        row.expect(self.workload.kill(working, &mut server).await);
        Ok(())
    }

    /// Starts a server that finds everything.
    async fn look(&mut self, row: &mut Row, story: &str) {
        match self.launch().start() {
            Ok(mut server) => {
                row.add(self.checker.check(&server, &mut self.workload).await);
                row.expect(server.close());
                row.expect(verify::once(&self.folder.path().join("data")).map(drop));
            }
            Err(ended) => row.add_failed_open(&format!("{story}: {ended:?}")),
        }
    }
}

fn say_outcomes(fault: &str, outcomes: &Outcomes) {
    for (outcome, times) in outcomes {
        say(&format!("{fault}: {times:5} {outcome}"));
    }
    let failed = outcomes.iter().filter(|(outcome, _)| *outcome != "nothing failed").map(|(_, times)| times);
    let (failed, all) = (failed.sum::<u64>(), outcomes.values().sum::<u64>());
    assert!(2 * failed >= all || !is_thorough(all), "something failed in only {failed} of {all} starts");
    assert!(failed > 0, "nothing failed, so nothing was tested");
}

#[tokio::test]
async fn whatever_fails_while_it_starts_the_next_start_is_right() {
    let library = match shim::path() {
        Ok(library) => library,
        Err(why) => return say_skipped("calls that fail while a server starts", &why),
    };
    let (mut row, mut seeded) = Row::begin("I/O errors at the start");
    let mut outcomes = Outcomes::new();
    for round in 0..rounds(FAILURES.len(), 300) {
        let (failure, within) = &FAILURES[round % FAILURES.len()];
        let mut after = After::new(&mut seeded);
        let ats = within.map(|within| 1 + seeded.below(within));
        for (at, what) in ats.into_iter().zip(["new folder", "folder of a server that was killed"]) {
            let story = format!("over the {what}, {failure}, call {at}");
            let log = after.folder.path().join(format!("calls-{what}"));
            let armed = failure.arm(after.launch(), library, at, &log);
            if let Err(fault) = start(&armed, &log, &mut outcomes) {
                row.add_story(format!("{story}: {fault}"));
            }
            if what == "new folder" {
                if let Err(ended) = after.work(&mut row, true).await {
                    row.add_failed_open(&format!("{story}: {ended}"));
                    break;
                }
            } else {
                after.look(&mut row, &story).await;
            }
        }
    }
    row.expect_nothing_lost_in_worthy_rounds();
    say_outcomes("I/O errors at the start", &outcomes);
}

/// A byte of the database's file, every other time one of the segment that was written last.
fn some_byte(database: &Path, is_new: bool, seeded: &mut Seeded) -> usize {
    let bytes = fs::read(database).unwrap();
    let lsn = |segment: &[u8]| {
        let stored = segment.get(4..12).map(|lsn| u64::from_le_bytes(lsn.try_into().unwrap()));
        // Segments that are not used have zeros there.
        stored.filter(|stored| *stored != 0).map(|stored| stored ^ (u64::MAX >> 1))
    };
    let segments: Vec<_> = bytes.chunks(SEGMENT_BYTES).map(lsn).collect();
    let newest = segments.iter().enumerate().max_by_key(|(_, lsn)| **lsn).map_or(0, |(at, _)| at);
    let (from, below) =
        if is_new { (newest * SEGMENT_BYTES, (newest + 1) * SEGMENT_BYTES) } else { (0, bytes.len()) };
    let used: Vec<_> = (from..below.min(bytes.len())).filter(|at| bytes[*at] != 0).collect();
    *seeded.pick(&used)
}

/// Once such a sector lost what was behind it: sled takes what it cannot read for the end of its log, and goes on from
/// there.
#[tokio::test]
async fn a_sector_that_cannot_be_read_for_a_while_loses_nothing() {
    let library = match shim::path() {
        Ok(library) => library,
        Err(why) => return say_skipped("sectors that cannot be read", &why),
    };
    let (mut row, mut seeded) = Row::begin("bad sector at the start");
    let mut outcomes = Outcomes::new();
    for round in 0..rounds(6, 200) {
        let mut after = After::new(&mut seeded);
        after.work(&mut row, true).await.unwrap();
        for _ in 0..seeded.below(3) {
            // What became of the calls that were cut off has to be known before the clients go on.
            after.look(&mut row, "before anything failed").await;
            after.work(&mut row, false).await.unwrap();
        }
        let database = after.folder.path().join("data/sled/db");
        let bad = some_byte(&database, round % 2 == 0, &mut seeded);
        let log = after.folder.path().join("calls");
        let armed = after.launch().with_environment(&[
            ("LD_PRELOAD", library),
            ("SHIM_BAD", &bad.to_string()),
            ("SHIM_LOG", log.to_str().unwrap()),
        ]);
        let story = format!("byte {bad} could not be read");
        if let Err(fault) = start(&armed, &log, &mut outcomes) {
            row.add_story(format!("{story}: {fault}"));
        }
        after.look(&mut row, &story).await;
    }
    row.expect_nothing_lost_in_worthy_rounds();
    say_outcomes("bad sector at the start", &outcomes);
}
