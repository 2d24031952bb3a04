//! A start over a disk that is full of what a start has to finish, again and again: each time another operation of the
//! disk fails.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use spandrel::{
    domain::Result,
    limits::TEXT_STAGED_ABOVE_BYTES,
    store::{
        catalog::{self, State},
        committer::PartitionView,
        engine::{Partition, View as _},
        keys,
    },
};
use tokio::{sync::Notify, task::JoinHandle};

use crate::{
    calls::{Call, Content, Mask, NewArticle, Outcome, Text, Write, WriteOp},
    disk::{DiskBackend, Failure, Operation},
    run::{Plan, Report, World},
    server::{self, Server, settle},
    simulation::Simulation,
};

const PLAN: Plan = Plan { fails_at: None, troubles: false, calls: 0, lines_max: 60 };

/// Of the operations that read, so many fail in the short form.
const SHORT_READS: usize = 40;

/// Tells what happens before the start.
struct Story<'s> {
    world: &'s Arc<World>,
    server: &'s mut Server,
}

impl Story<'_> {
    /// Begins a call, which goes on by itself as far as it can.
    async fn begin(&self, call: Call) -> JoinHandle<Outcome> {
        let (world, app) = (Arc::clone(self.world), Arc::clone(&self.server.app));
        let begun = tokio::spawn(async move { world.call(&app, 0, &call, &Notify::new()).await.0 });
        settle().await;
        begun
    }

    async fn call(&mut self, call: Call) {
        let begun = self.begin(call).await;
        server::finish(&mut self.server.hand).await;
        let outcome = begun.await.unwrap();
        assert!(matches!(outcome, Outcome::Ok(..)), "{outcome:?}");
    }

    /// Writes what waits, and nothing of what then comes.
    async fn round(&mut self) {
        self.read_all().await;
        assert!(self.server.hand.apply(usize::MAX), "nobody writes");
        self.server.hand.sync();
        settle().await;
        self.read_all().await;
    }

    async fn read_all(&mut self) {
        while self.server.hand.read(0) {
            settle().await;
        }
    }

    /// Leaves behind everything that a start finishes. The creation of a project has come so many steps far.
    async fn leave(&mut self, steps: usize) {
        for project in ["kept", "deleted", "fenced"] {
            self.call(create_project(project)).await;
            for article in ["a", "b"] {
                self.call(create_article(project, article, 100)).await;
                self.call(mark(project, article)).await;
            }
        }
        let month = 31 * 24 * 60 * 60 * 1_000_000;
        self.world.machine.clock.fetch_add(month, Ordering::SeqCst);
        self.call(create_article("kept", "c", 100)).await;
        self.call(mark("kept", "c")).await;

        let mut begun = vec![self.begin(delete_project("deleted")).await];
        if steps == 2 {
            begun.push(self.begin(create_project("begun")).await);
        }
        self.round().await;
        begun.push(self.begin(delete_project("fenced")).await);
        begun.push(self.begin(delete_article("kept", "b")).await);
        begun.push(self.begin(create_article("kept", "staged", TEXT_STAGED_ABOVE_BYTES + 1)).await);
        if steps == 1 {
            begun.push(self.begin(create_project("begun")).await);
        }
        self.round().await;
        assert!(begun.iter().any(|call| !call.is_finished()));
    }
}

fn create_project(project: &str) -> Call {
    Call::CreateProject { project: project.to_owned(), title: "title".to_owned(), check: false }
}

fn delete_project(project: &str) -> Call {
    let project = project.to_owned();
    Call::DeleteProject { project, etag: None, force: true, allow_missing: false, check: false }
}

fn create_article(project: &str, id: &str, bytes: usize) -> Call {
    let article = NewArticle { id: id.to_owned(), title: "title".to_owned(), text: Text("x".repeat(bytes)) };
    Call::CreateArticles { project: project.to_owned(), articles: vec![article], check: false }
}

fn delete_article(project: &str, article: &str) -> Call {
    let (project, article) = (project.to_owned(), article.to_owned());
    Call::DeleteArticle { project, article, etag: None, force: true, allow_missing: false, check: false }
}

/// Some annotations in one commit.
fn mark(project: &str, article: &str) -> Call {
    let write = |n: usize| Write {
        article: article.to_owned(),
        id: format!("00000000-0000-4000-8000-{n:012}"),
        op: WriteOp::Update {
            content: Content { layer: None, label: "PER".to_owned(), spans: vec![(n, n + 3)] },
            mask: Mask::Everything,
            etag: None,
            allow_missing: true,
        },
    };
    Call::CommitAnnotations { project: project.to_owned(), writes: (0..5).map(write).collect(), check: false }
}

/// What a start finds: each project, whether it has a row of its own, and how many articles are to be swept in it.
fn found(backend: &DiskBackend) -> Result<BTreeMap<String, (State, bool, usize)>> {
    let catalog = PartitionView::new(backend, Partition::CATALOG);
    let entries = catalog::entries(&catalog, Partition::CATALOG).collect::<Result<Vec<_>>>()?;
    let found = entries.into_iter().map(|entry| {
        let view = PartitionView::new(backend, entry.partition);
        let sweeps = keys::sweeps();
        let unswept = view.ascending(&sweeps.from, &sweeps.to).count();
        Ok((entry.id.to_string(), (entry.state, view.get(keys::PROJECT)?.is_some(), unswept)))
    });
    found.collect()
}

fn run(steps: usize, fails_at: Option<(usize, Failure)>) -> std::result::Result<Report, String> {
    let world = World::new(PLAN);
    let outcome = run_world(&world, steps, fails_at);
    world.judge(outcome)
}

fn run_world(
    world: &Arc<World>,
    steps: usize,
    fails_at: Option<(usize, Failure)>,
) -> std::result::Result<Report, String> {
    let mut simulation = Simulation::new(0, PLAN, world);
    let (runtime, mut server) = simulation.start()?;
    runtime.block_on(async { Story { world, server: &mut server }.leave(steps).await });
    drop((server, runtime));
    simulation.cut_power()?;
    let expected = [
        ("begun", (State::Reserved, steps == 2, 0)),
        ("deleted", (State::Deleted, false, 0)),
        ("fenced", (State::Active, false, 0)),
        ("kept", (State::Active, true, 2)),
    ];
    let expected: BTreeMap<_, _> = expected.into_iter().map(|(id, state)| (id.to_owned(), state)).collect();
    assert_eq!(world.machine.disk.look_at(found), Ok(expected));
    let operations = simulation.start_badly(fails_at)?;
    Ok(Report { operations, ..simulation.end()? })
}

/// Whatever fails while a server starts and sweeps, nothing is lost, and the next start finishes it.
fn check(steps: usize) {
    crate::be_quiet();
    let good = run(steps, None).unwrap_or_else(|wrong| panic!("nothing failed: {wrong}"));
    let reads = [Operation::Get, Operation::ScanStart, Operation::ScanStep];
    let some = if crate::is_long() { 1 } else { good.operations.len().div_ceil(SHORT_READS) };
    let mut failed: BTreeMap<(Operation, bool), usize> = BTreeMap::new();
    for (index, operation) in good.operations.iter().enumerate() {
        for (failure, panics) in [(Failure::Error, false), (Failure::Panic, true)] {
            if reads.contains(operation) && index % some != usize::from(panics) % some {
                continue;
            }
            let number = index + 1;
            let report = run(steps, Some((number, failure))).unwrap_or_else(|wrong| {
                panic!("operation {number} of the start failed by {failure:?}: {wrong}")
            });
            assert_eq!(report.failures, [(*operation, failure)]);
            *failed.entry((*operation, panics)).or_default() += 1;
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
    let (operations, runs) = (good.operations.len(), failed.values().sum::<usize>());
    crate::say(&format!("{operations} operations of a start, {runs} runs: {good}; {failed:?}"));
}

#[test]
fn any_operation_may_fail_of_a_start_that_gives_up_a_creation() {
    check(1);
}

#[test]
fn any_operation_may_fail_of_a_start_that_finishes_a_creation() {
    check(2);
}
