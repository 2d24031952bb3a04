//! The engine with threads of its own, its writer and its readers, and clients on several threads. The scripts of the
//! clients are a seed's, who comes when is not: a seed that failed once need not fail again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use spandrel::{
    app::App,
    domain::Result,
    grpc::convert::changes::RENDERERS,
    limits::DATABASE_CACHE_BYTES_DEFAULT,
    store::{
        committer::{Backend, Batch, Committer},
        engine::{Engine as _, Row, Rows},
        sled_backend::{SledBackend, until_released},
    },
};
use tempfile::TempDir;
use tokio::{runtime::Builder, sync::Notify, task::JoinSet};

use crate::{
    calls::Call,
    clients::{self, Answered},
    disk::{Disk, DiskBackend},
    grpc,
    run::{Plan, Report, World},
    seeded::Seeded,
    server,
    simulation::Simulation,
    workload::{Scale, Script},
};

const CLIENTS: usize = 8;
const CALLS: usize = 60;
const THREADS: usize = 4;
/// For the look at what is left, when nothing goes wrong any more. All is told, since it does not happen again.
const PLAN: Plan = Plan { fails_at: None, troubles: false, calls: 0, lines_max: 5_000 };
/// As long as all calls together may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// What the rows are kept in, and how clients ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    InMemory,
    InSled,
    /// In memory.
    OverGrpc,
}

/// Where a client asks.
#[derive(Clone)]
enum Door {
    App(Arc<App>),
    Grpc(Box<grpc::Client>),
}

impl Door {
    async fn carry_out(self, call: &Call) -> Answered {
        match self {
            Self::App(app) => clients::carry_out(&app, call).await,
            Self::Grpc(client) => client.carry_out(call).await,
        }
    }
}

/// How a server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// When everybody is answered.
    Done,
    /// It is closed while clients still ask.
    Closed,
    /// The power is cut while clients still ask.
    Cut,
}

/// A backend that takes its time now and then, so that threads meet where they seldom would.
struct Slow {
    backend: Box<dyn Backend>,
    seed: u64,
    moments: AtomicU64,
}

impl Slow {
    fn new(backend: Box<dyn Backend>, seed: u64) -> Self {
        Self { backend, seed, moments: AtomicU64::new(0) }
    }

    fn pause(&self, one_in: usize) {
        let moment = self.moments.fetch_add(1, Ordering::Relaxed);
        let mut dice = Seeded::new(self.seed.wrapping_add(moment));
        if dice.below(one_in) == 0 {
            match dice.below(4) {
                0 => thread::sleep(Duration::from_micros(20)),
                _ => thread::yield_now(),
            }
        }
    }
}

impl Backend for Slow {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        self.pause(16);
        self.backend.get(key)
    }

    fn ascending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        Box::new(self.backend.ascending(from, to).inspect(|_| self.pause(32)))
    }

    fn descending(&self, from: &[u8], to: &[u8]) -> Rows<'_> {
        Box::new(self.backend.descending(from, to).inspect(|_| self.pause(32)))
    }

    fn floor(&self, from: &[u8], at: &[u8]) -> Result<Option<Row>> {
        self.pause(16);
        self.backend.floor(from, at)
    }

    fn apply(&mut self, batch: Batch) -> Result<()> {
        self.pause(2);
        self.backend.apply(batch)
    }

    fn sync(&self) -> Result<()> {
        self.pause(2);
        self.backend.sync()?;
        self.pause(2);
        Ok(())
    }

    fn free_bytes(&self) -> Option<u64> {
        self.backend.free_bytes()
    }

    fn close(self: Box<Self>) {
        self.backend.close();
    }
}

/// What keeps the rows of a run while its server has them.
struct Keeper {
    disk: Disk,
    folder: Option<TempDir>,
}

impl Keeper {
    fn new(kind: Kind, disk: &Disk) -> Self {
        let folder = (kind == Kind::InSled).then(|| tempfile::tempdir().unwrap());
        Self { disk: disk.clone(), folder }
    }

    fn open(&self) -> Box<dyn Backend> {
        self.folder.as_ref().map_or_else(
            || -> Box<dyn Backend> { Box::new(DiskBackend(self.disk.clone())) },
            |folder| Box::new(SledBackend::open(folder.path(), DATABASE_CACHE_BYTES_DEFAULT).unwrap()),
        )
    }

    /// Brings what was kept to the disk, where it is looked at.
    fn unload(&self) {
        let Some(folder) = &self.folder else { return };
        until_released(folder.path()).unwrap();
        let backend = self.open();
        let rows = backend.ascending(&[], &[u8::MAX; 64]).map(Result::unwrap);
        // Shorter keys are the backend's own.
        let batch = rows.filter(|(key, _)| key.len() > 4).map(|(key, value)| (key, Some(value))).collect();
        let mut disk = DiskBackend(self.disk.clone());
        disk.apply(batch).unwrap();
        disk.sync().unwrap();
        backend.close();
    }
}

/// A client, who asks as soon as he is answered, and sometimes does not wait for it.
async fn client(world: Arc<World>, door: Door, index: usize, mut script: Script, mut dice: Seeded) {
    for _ in 0..CALLS {
        if world.machine.is_gone() || world.closes() {
            return;
        }
        let minute = 60_000_000;
        match dice.below(20) {
            0 => drop(world.machine.clock.fetch_sub(minute, Ordering::SeqCst)),
            _ => drop(world.machine.clock.fetch_add(1_000, Ordering::SeqCst)),
        }
        let call = world.next_call(&mut script);
        let leave = Arc::new(Notify::new());
        if dice.below(25) == 0 {
            let (leave, patience) = (Arc::clone(&leave), dice.below(10));
            tokio::spawn(async move {
                for _ in 0..patience {
                    tokio::task::yield_now().await;
                }
                leave.notify_one();
            });
        }
        let (outcome, token) = world.note(door.clone().carry_out(&call), index, &call, &leave).await;
        script.answered(&call, &outcome, token);
    }
}

/// Lets clients and server live until the end.
async fn live(
    world: &Arc<World>,
    dice: &mut Seeded,
    backend: Slow,
    kind: Kind,
    end: End,
) -> Result<(), String> {
    let render = if kind == Kind::OverGrpc { RENDERERS } else { clients::RENDER };
    let started = server::start_threads(&world.machine, Box::new(backend), render).await;
    let (engine, app) = started.map_err(|error| error.to_string())?;
    let door = match kind {
        Kind::InMemory | Kind::InSled => Door::App(app),
        Kind::OverGrpc => Door::Grpc(Box::new(grpc::Client::start(&app, server::SETTINGS).await)),
    };
    let scale = Scale::roll(dice);
    let mut clients = JoinSet::new();
    for index in 0..CLIENTS {
        let (script, dice) = (Script::new(dice.number(), index, scale), Seeded::new(dice.number()));
        clients.spawn(client(Arc::clone(world), door.clone(), index, script, dice));
    }
    if end != End::Done {
        let calls = 1 + dice.below(CLIENTS * CALLS);
        while world.journal().events.len() < calls && !clients.is_empty() {
            tokio::time::sleep(Duration::from_micros(50)).await;
            while clients.try_join_next().is_some_and(|one| one.is_ok()) {}
        }
    }
    match end {
        End::Done => {}
        End::Closed => {
            world.close();
            close(&engine).await;
        }
        End::Cut => world.machine.cut_power(dice),
    }
    let everybody = tokio::time::timeout(PATIENCE, async { while clients.join_next().await.is_some() {} });
    everybody.await.map_err(|_| "a call is never answered".to_owned())?;
    drop(door);
    close(&engine).await;
    Ok(())
}

/// Closes an engine from a thread that may wait.
async fn close(engine: &Arc<Committer>) {
    let engine = Arc::clone(engine);
    tokio::task::spawn_blocking(move || engine.close()).await.unwrap();
}

fn run_seed(seed: u64, kind: Kind) -> Result<Report, String> {
    let world = World::new(PLAN);
    let outcome = run_world(&world, seed, kind);
    world.judge(outcome)
}

fn run_world(world: &Arc<World>, seed: u64, kind: Kind) -> Result<Report, String> {
    let mut dice = Seeded::new(seed);
    let end = match kind {
        Kind::InMemory | Kind::OverGrpc => *dice.pick(&[End::Done, End::Done, End::Closed, End::Cut]),
        // sled has no power to cut.
        Kind::InSled => *dice.pick(&[End::Done, End::Closed]),
    };
    let runtime = Builder::new_multi_thread().worker_threads(THREADS).enable_time().build().unwrap();
    let keeper = Keeper::new(kind, &world.machine.disk);
    let backend = Slow::new(keeper.open(), dice.number());
    let ended = runtime.block_on(live(world, &mut dice, backend, kind, end));
    drop(runtime);
    ended?;
    keeper.unload();
    world.machine.switch_on(&mut dice);
    // What is left is looked at step by step.
    Simulation::new(seed, PLAN, world).end()
}

/// Counts what many runs came to, or panics.
fn run_seeds(test: &str, kind: Kind, seeds: impl IntoIterator<Item = u64>) -> Report {
    let mut total = Report::default();
    for seed in seeds {
        let report = run_seed(seed, kind).unwrap_or_else(|wrong| {
            panic!(
                "seed {seed}: {wrong}\n\nthreads do not come as they did, so it may take many rounds: \
                 SPANDREL_SEED={seed} cargo test --locked --test simulation {test}\n"
            )
        });
        total.add(&report);
    }
    total
}

fn check(test: &str, kind: Kind, seeds: u64) {
    /// How often a seed is run that failed once.
    const ROUNDS: usize = 500;
    crate::be_quiet();
    let total = match crate::number("SPANDREL_SEED") {
        Some(seed) => run_seeds(test, kind, std::iter::repeat_n(seed, ROUNDS)),
        None => run_seeds(test, kind, crate::seeds(seeds)),
    };
    crate::say(&format!("{test}: {total}"));
    let summary = total.summary;
    assert!(summary.acknowledged_writes > 0 && summary.reads > 0 && summary.refusals > 0, "{total}");
}

#[test]
fn histories_of_threads_are_linearizable() {
    let seeds = if crate::is_long() { 2_000 } else { 40 };
    check("histories_of_threads_are_linearizable", Kind::InMemory, seeds);
}

#[test]
fn histories_of_threads_over_sled_are_linearizable() {
    let seeds = if crate::is_long() { 300 } else { 6 };
    check("histories_of_threads_over_sled_are_linearizable", Kind::InSled, seeds);
}

#[test]
fn histories_over_grpc_are_linearizable() {
    let seeds = if crate::is_long() { 1_000 } else { 30 };
    check("histories_over_grpc_are_linearizable", Kind::OverGrpc, seeds);
}
