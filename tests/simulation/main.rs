//! The whole application over a disk that fails, simulated: a seed decides what happens when, a model says what every
//! client must be answered, and histories are checked whole.
//!
//! The short form runs with the other tests. `SPANDREL_FAULTS=long` runs more, and others each time; it prints the
//! first seed, which `SPANDREL_FIRST_SEED` repeats. `SPANDREL_SEEDS` says how many, and `SPANDREL_SEED` runs one again,
//! which is what a failure asks for.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::wildcard_enum_match_arm,
    unreachable_pub,
    reason = "a test ends where it did not get what it expected, and a module of a test has no outside"
)]

#[allow(dead_code, reason = "each of the tests uses some of it")]
#[path = "../support/seeded.rs"]
mod seeded;

mod calls;
mod clients;
mod comparing;
mod disk;
mod grpc;
mod history;
mod history_tests;
mod io_errors;
mod logs;
mod model;
mod retries;
mod run;
mod server;
mod simulation;
mod starts;
mod stories;
mod threads;
mod workload;

use std::{
    env,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io::Write as _,
    ops::Range,
    sync::Once,
};

use run::{Plan, Report};

/// A plan in which the seed decides about troubles, too.
const TROUBLED: Plan = Plan { fails_at: None, troubles: true, calls: 12, lines_max: 60 };

/// Panics that are meant are not printed.
fn be_quiet() {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let said = panic.payload().downcast_ref::<String>();
            if !said.is_some_and(|said| said.starts_with(disk::PANIC)) {
                print(panic);
            }
        }));
    });
}

/// Whether what takes minutes is run, too.
fn is_long() -> bool {
    env::var("SPANDREL_FAULTS").is_ok_and(|form| form == "long")
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|number| number.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

/// Says what was done, for who shows it.
fn say(what: &str) {
    std::io::stderr().write_all(format!("{what}\n").as_bytes()).unwrap();
}

/// The seeds that a test runs, so many unless the environment says how many. In the long form they are others each
/// time, unless the environment says which is the first.
fn seeds(count: u64) -> Range<u64> {
    let count = number("SPANDREL_SEEDS").unwrap_or(count);
    let random = || RandomState::new().build_hasher().finish() >> 32;
    let first = number("SPANDREL_FIRST_SEED").unwrap_or_else(|| if is_long() { random() } else { 0 });
    say(&format!("{count} seeds from SPANDREL_FIRST_SEED={first}"));
    first..first + count
}

fn run_seed(seed: u64, lines_max: usize) -> Report {
    run::run(seed, Plan { lines_max, ..TROUBLED }).unwrap_or_else(|wrong| {
        panic!(
            "seed {seed}: {wrong}\n\nagain: SPANDREL_SEED={seed} cargo test --locked --test simulation \
             histories_are_linearizable\n"
        )
    })
}

#[test]
fn histories_are_linearizable() {
    const SHORT: u64 = 300;
    const LONG: u64 = 20_000;
    be_quiet();
    if let Some(seed) = number("SPANDREL_SEED") {
        let report = run_seed(seed, usize::MAX);
        say(&format!("seed {seed}: {report:#?}"));
        return;
    }
    let seeds = seeds(if is_long() { LONG } else { SHORT });
    let count = seeds.end - seeds.start;
    let mut total = Report::default();
    for seed in seeds {
        let report = run_seed(seed, TROUBLED.lines_max);
        total.add(&report);
    }
    say(&format!("{count} seeds: {total}"));
    total.check_worth();
}

#[test]
fn a_seed_says_everything() {
    be_quiet();
    for seed in 0..20 {
        let [one, other] = [run_seed(seed, TROUBLED.lines_max), run_seed(seed, TROUBLED.lines_max)];
        assert_eq!(one.trace_hash, other.trace_hash, "seed {seed} has two outcomes");
    }
}
