//! One workload, again and again: each time another operation of the disk fails.

use std::collections::BTreeMap;

use crate::{
    disk::{Failure, Operation},
    history::Summary,
    run::{self, Plan},
};

/// Decides the workload: four clients who ask for a bit of everything.
const SEED: u64 = 75;
const WORKLOAD: Plan = Plan { fails_at: None, troubles: false, calls: 40, lines_max: 60 };

/// Of the operations that read, so many fail in the short form.
const SHORT_READS: usize = 100;

/// A call under which an operation fails is not acknowledged, and what is acknowledged is there afterwards. A read that
/// failed works when it is asked again. After a failed write nothing is written any more, not even tried, and the
/// engine says so. Whatever fails, the next start finds everything whole.
#[test]
fn any_operation_may_fail() {
    crate::be_quiet();
    let good = run::run(SEED, WORKLOAD).unwrap_or_else(|wrong| panic!("nothing failed: {wrong}"));
    assert!(good.failures.is_empty());
    let Summary { unknown, unheard, .. } = good.summary;
    assert_eq!((unknown, unheard), (0, 0), "nothing failed, and not everybody was answered");
    let rare = |operation: &Operation| {
        matches!(operation, Operation::Apply | Operation::Sync | Operation::FreeBytes)
    };
    let some = if crate::is_long() { 1 } else { good.operations.len().div_ceil(SHORT_READS) };
    let mut failed: BTreeMap<(Operation, bool), usize> = BTreeMap::new();
    for (index, operation) in good.operations.iter().enumerate() {
        for (failure, panics) in [(Failure::Error, false), (Failure::Panic, true)] {
            if !rare(operation) && index % some != usize::from(panics) % some {
                continue;
            }
            let number = index + 1;
            let plan = Plan { fails_at: Some((number, failure)), ..WORKLOAD };
            let report = run::run(SEED, plan)
                .unwrap_or_else(|wrong| panic!("operation {number} failed by {failure:?}: {wrong}"));
            // Only while clients ask; the last start, which looks at what is left, is not disturbed.
            if let Some((operation, _)) = report.failures.first() {
                *failed.entry((*operation, panics)).or_default() += 1;
            }
        }
    }
    for operation in [
        Operation::Get,
        Operation::ScanStart,
        Operation::ScanStep,
        Operation::Floor,
        Operation::Apply,
        Operation::Sync,
        Operation::FreeBytes,
    ] {
        assert!(failed.contains_key(&(operation, false)), "{operation:?} never failed");
    }
    let runs: usize = failed.values().sum();
    crate::say(&format!("{} operations, {runs} runs: {good}; {failed:?}", good.operations.len()));
}
