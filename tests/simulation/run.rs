//! One simulated history: what happens when is decided by a seed, and by nothing else.

use std::{
    collections::VecDeque,
    fmt,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use spandrel::{app::App, domain::Problem, limits::FREE_SPACE_AGE_MAX, store::engine::Engine as _};
use tokio::{
    sync::{Notify, mpsc},
    time::Instant,
};

use crate::{
    calls::{Call, Outcome},
    clients::{self, Answered},
    disk::{Failure, Operation},
    history::{Event, Summary},
    server::Machine,
    simulation::Simulation,
    workload::{Knowledge, Script},
};

/// What a run is given beside its seed.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The one operation that fails, if one does; otherwise the seed decides about faults.
    pub fails_at: Option<(usize, Failure)>,
    /// Whether the seed may let the disk fail, cut the power, and so on.
    pub troubles: bool,
    /// What each client asks for between a start and the end.
    pub calls: usize,
    /// How much is told of what happened before something went wrong.
    pub lines_max: usize,
}

/// What a run came to.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub summary: Summary,
    /// Of everything that happened.
    pub trace_hash: u64,
    pub operations: Vec<Operation>,
    pub failures: Vec<(Operation, Failure)>,
    pub starts: usize,
    pub commits: usize,
}

/// What happened so far.
#[derive(Default)]
pub struct Journal {
    pub events: Vec<Event>,
    knowledge: Knowledge,
    /// Which clients wait for an answer.
    pub busy: Vec<bool>,
    wrong: Vec<String>,
    last: VecDeque<String>,
    lines_max: usize,
    hasher: DefaultHasher,
}

impl Journal {
    pub fn trace(&mut self, line: String) {
        line.hash(&mut self.hasher);
        self.last.push_back(line);
        if self.last.len() > self.lines_max {
            self.last.pop_front();
        }
    }
}

/// What a run's parts share.
pub struct World {
    pub machine: Arc<Machine>,
    journal: Mutex<Journal>,
    /// Whether reads are asked again when the disk failed under them.
    insists: bool,
    closes: AtomicBool,
}

impl World {
    pub fn new(plan: Plan) -> Arc<Self> {
        let machine = Machine::default();
        machine.clock.store(1_000_000, Ordering::SeqCst);
        Arc::new(Self {
            machine: Arc::new(machine),
            journal: Mutex::new(Journal { lines_max: plan.lines_max, ..Journal::default() }),
            insists: plan.fails_at.is_some(),
            closes: AtomicBool::new(false),
        })
    }

    /// Says that the server is about to be closed, and may refuse for that.
    pub fn close(&self) {
        self.closes.store(true, Ordering::SeqCst);
    }

    pub fn closes(&self) -> bool {
        self.closes.load(Ordering::SeqCst)
    }

    /// What a client asks for next.
    pub fn next_call(&self, script: &mut Script) -> Call {
        script.next(&self.journal().knowledge)
    }

    /// Says what a run came to; an error says what is wrong and what happened last.
    pub fn judge(&self, outcome: Result<Report, String>) -> Result<Report, String> {
        let journal = self.journal();
        let mut wrong: Vec<_> = outcome.as_ref().err().cloned().into_iter().collect();
        wrong.extend(journal.wrong.iter().chain(&self.machine.logs().wrong).cloned());
        if wrong.is_empty() {
            let trace_hash = journal.hasher.finish();
            return outcome.map(|report| Report { trace_hash, ..report });
        }
        let last: Vec<_> = journal.last.iter().map(String::as_str).collect();
        Err(format!(
            "{}\n\nwhat happened last:\n{}\n\nwhat is wrong: {}",
            wrong.join("\n"),
            last.join("\n"),
            wrong[0]
        ))
    }

    pub fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries out a call of a client and notes what came of it.
    pub async fn call(
        &self,
        app: &Arc<App>,
        client: usize,
        call: &Call,
        leave: &Notify,
    ) -> (Outcome, Option<String>) {
        self.note(clients::carry_out(app, call), client, call, leave).await
    }

    /// Notes what comes of a call that is carried out.
    pub async fn note(
        &self,
        carry_out: impl Future<Output = Answered>,
        client: usize,
        call: &Call,
        leave: &Notify,
    ) -> (Outcome, Option<String>) {
        let failures = self.machine.disk.failures().len();
        let began = Instant::now();
        let index = {
            let mut journal = self.journal();
            let invoked = self.machine.now();
            journal.trace(format!("{invoked} client {client} asks {call:?}"));
            let (call, outcome) = (call.clone(), Outcome::Unknown);
            journal.events.push(Event { client, invoked, returned: None, call, outcome });
            journal.events.len() - 1
        };
        let Answered { outcome, token, trouble } = tokio::select! {
            biased;
            () = leave.notified() => Answered::left(),
            answered = carry_out => answered,
        };
        let unexcused = trouble.filter(|trouble| !self.is_excused(trouble, call, failures, began));
        let mut journal = self.journal();
        let (returned, gone) = (self.machine.now(), self.machine.is_gone());
        // Then it never came.
        let outcome = if gone { Outcome::Unknown } else { outcome };
        if let Some(trouble) = unexcused {
            journal
                .wrong
                .push(format!("{call:?} is answered {trouble:?}, and nothing is wrong with the disk"));
        }
        journal.trace(format!("{returned} client {client} is answered {outcome:?}"));
        journal.knowledge.learn(call, &outcome);
        // Nobody knows when what was not answered ended, if it did.
        journal.events[index].returned = (outcome != Outcome::Unknown).then_some(returned);
        journal.events[index].outcome = outcome.clone();
        (outcome, token)
    }

    /// Whether the disk is to blame that a call could not be answered: it failed since there were `failures`, when the
    /// call began.
    fn is_excused(&self, trouble: &Problem, call: &Call, failures: usize, began: Instant) -> bool {
        let disk = &self.machine.disk;
        let failed_meanwhile = disk.failures().split_off(failures);
        let panics = |failures: &[(Operation, Failure)]| {
            failures.iter().any(|(_, failure)| *failure == Failure::Panic)
        };
        match trouble {
            Problem::StorageCorrupt(_) => panics(&failed_meanwhile),
            Problem::StorageUnavailable(_) => {
                // After a failed write all fails, and where the writer meets a panic that may be one.
                let ended = disk.is_broken() || panics(&disk.failures_since_cut());
                let short = || disk.said_short().is_some_and(|said| said + FREE_SPACE_AGE_MAX >= began);
                !failed_meanwhile.is_empty() || ended || (call.writes() && short())
            }
            Problem::ShuttingDown => self.closes(),
            _ => false,
        }
    }
}

/// A client, who makes a call whenever he is told to.
pub async fn client(
    world: Arc<World>,
    server: (Arc<App>, Arc<spandrel::store::committer::Committer>),
    index: usize,
    script: Arc<Mutex<Script>>,
    mut turns: mpsc::UnboundedReceiver<()>,
    leave: Arc<Notify>,
) {
    let (app, engine) = server;
    while turns.recv().await.is_some() {
        let call = world.next_call(&mut script.lock().unwrap());
        let failures = world.machine.disk.failures().len();
        let (outcome, token) = world.call(&app, index, &call, &leave).await;
        let reads = !call.writes() && !call.checks();
        if world.insists
            && reads
            && outcome == Outcome::Unknown
            && world.machine.disk.failures().len() > failures
        {
            let again = world.call(&app, index, &call, &leave).await.0;
            let failed = tokio::time::timeout(Duration::ZERO, engine.failed()).await.is_ok();
            if again == Outcome::Unknown && !failed {
                let wrong = format!("{call:?} failed, and was asked again in vain");
                world.journal().wrong.push(wrong);
            }
        }
        script.lock().unwrap().answered(&call, &outcome, token);
        world.journal().busy[index] = false;
    }
}

/// Runs a seed to its end.
pub fn run(seed: u64, plan: Plan) -> Result<Report, String> {
    let world = World::new(plan);
    let outcome = Simulation::new(seed, plan, &world).run();
    world.judge(outcome)
}

impl Report {
    /// Adds another run.
    pub fn add(&mut self, other: &Self) {
        let Summary { acknowledged_writes, reads, refusals, unknown, unheard } = other.summary;
        self.summary.acknowledged_writes += acknowledged_writes;
        self.summary.reads += reads;
        self.summary.refusals += refusals;
        self.summary.unknown += unknown;
        self.summary.unheard += unheard;
        self.failures.extend(&other.failures);
        self.starts += other.starts;
        self.commits += other.commits;
    }

    /// Fails when runs did not meet what they are for.
    pub fn check_worth(&self) {
        let Summary { acknowledged_writes, reads, refusals, unknown, unheard } = self.summary;
        for (what, count) in [
            ("writes", acknowledged_writes),
            ("reads", reads),
            ("refusals", refusals),
            ("answers that never came", unknown),
            ("commits that nobody heard of", unheard),
            ("failures of the disk", self.failures.len()),
        ] {
            assert!(count > 0, "there were no {what}");
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { acknowledged_writes, reads, refusals, unknown, unheard } = self.summary;
        write!(
            f,
            "{} starts, {} commits, {acknowledged_writes} acknowledged writes, {reads} reads, {refusals} refusals, \
             {unknown} calls without effect or answer, {unheard} with effect and without answer, {} failures of the disk",
            self.starts,
            self.commits,
            self.failures.len()
        )
    }
}
