//! Some call fails while a server starts: the next start is as if nothing had been.

use std::{collections::BTreeMap, path::Path};

use tempfile::TempDir;

use crate::{
    check::Checker,
    process_death::until_worthy,
    server::{Ended, Launch},
    shim::{self, Calls, EIO, ENOSPC, Failure},
    support::Seeded,
    table::{Row, is_long, rounds, say, say_skipped},
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
    assert!(2 * failed >= all || !is_long(), "something failed in only {failed} of {all} starts");
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
