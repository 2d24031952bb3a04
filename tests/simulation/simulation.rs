//! The driver: it holds the dice, and so decides which client goes on, what the server's hand does next, and when the
//! disk fails or the power is cut.

use std::{
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use spandrel::store::{committer::Committer, engine::Engine as _};
use tokio::{
    runtime::{Builder, Runtime},
    sync::{Notify, mpsc},
};

use crate::{
    calls::{Answer, Call, Outcome},
    disk::{Failure, Faults, Operation},
    history,
    run::{self, Plan, Report, World},
    seeded::Seeded,
    server::{self, Server, settle},
    workload::{Scale, Script},
};

/// How likely each step is.
#[derive(Debug)]
struct Mood {
    weights: [usize; 7],
    group_max: usize,
}

/// Where among the weights that of [`Step::Space`] stands.
const SPACE: usize = 6;

#[derive(Debug, Clone, Copy)]
enum Step {
    Client,
    Read,
    Apply,
    Sync,
    Leave,
    Time,
    Space,
}

impl Mood {
    fn roll(dice: &mut Seeded, troubles: bool) -> Self {
        let often = [2, 10, 50];
        let mut weights = [0; 7];
        weights[..4].fill_with(|| *dice.pick(&often));
        if troubles {
            weights[4] = *dice.pick(&[0, 0, 1, 5]);
            weights[5] = *dice.pick(&[0, 1, 5]);
            weights[SPACE] = *dice.pick(&[0, 0, 0, 2]);
        }
        Self { weights, group_max: *dice.pick(&[1, 2, 4, usize::MAX]) }
    }

    fn step(&self, dice: &mut Seeded) -> Step {
        use Step::{Apply, Client, Leave, Read, Space, Sync, Time};
        let mut at = dice.below(self.weights.iter().sum());
        for (weight, step) in self.weights.iter().zip([Client, Read, Apply, Sync, Leave, Time, Space]) {
            if at < *weight {
                return step;
            }
            at -= weight;
        }
        unreachable!()
    }
}

/// Whom the driver gives turns.
struct Client {
    turns: mpsc::UnboundedSender<()>,
    leave: Arc<Notify>,
    calls_left: usize,
}

pub struct Simulation<'w> {
    dice: Seeded,
    plan: Plan,
    world: &'w Arc<World>,
    scripts: Vec<Arc<Mutex<Script>>>,
    starts: usize,
}

impl<'w> Simulation<'w> {
    pub fn new(seed: u64, plan: Plan, world: &'w Arc<World>) -> Self {
        let mut dice = Seeded::new(seed);
        let scale = Scale::roll(&mut dice);
        let clients = if plan.troubles { 1 + dice.below(6) } else { 4 };
        let script = |index| Arc::new(Mutex::new(Script::new(dice.number(), index, scale)));
        let scripts: Vec<_> = (0..clients).map(script).collect();
        world.journal().busy = vec![false; clients];
        Self { dice, plan, world, scripts, starts: 0 }
    }

    pub fn run(mut self) -> Result<Report, String> {
        let epochs = if self.plan.troubles { 1 + self.dice.below(3) } else { 1 };
        for epoch in 0..epochs {
            self.epoch(epoch)?;
        }
        self.end()
    }

    /// Starts once, while an operation of the disk may fail, counted from here. It does not matter whether that start
    /// comes to its end. Returns what was asked of the disk.
    pub fn start_badly(&mut self, fails_at: Option<(usize, Failure)>) -> Result<Vec<Operation>, String> {
        let disk = self.world.machine.disk.clone();
        let (before, failures) = (disk.operations().len(), disk.failures().len());
        if let Some((number, failure)) = fails_at {
            disk.set_faults(Faults::At(before + number, failure));
        }
        let (runtime, started) = self.try_start();
        match started {
            Ok(mut server) => runtime.block_on(async {
                server::finish(&mut server.hand).await;
                self.check_ended(&server.engine).await
            })?,
            Err(error) if disk.failures().len() == failures => {
                return Err(format!("the server does not start: {error}"));
            }
            Err(_) => {}
        }
        drop(runtime);
        let operations = disk.operations().split_off(before);
        self.cut_power()?;
        Ok(operations)
    }

    /// Looks at what is left in the end, and at what clients were answered.
    pub fn end(mut self) -> Result<Report, String> {
        self.last_look()?;
        let lives = self.world.machine.logs().lives();
        let summary = history::check(&self.world.journal().events, &lives)?;
        Ok(Report {
            summary,
            trace_hash: 0,
            operations: self.world.machine.disk.operations(),
            failures: self.world.machine.disk.failures(),
            starts: self.starts,
            commits: lives.iter().map(|life| life.commits.len()).sum(),
        })
    }

    fn roll_faults(&mut self) -> Faults {
        Faults::Chance {
            reads: *self.dice.pick(&[0, 0, 0, 2, 20]),
            writes: *self.dice.pick(&[0, 0, 0, 100, 500]),
            failure: *self.dice.pick(&[Failure::Error, Failure::Panic]),
            dice: Seeded::new(self.dice.number()),
        }
    }

    /// From one start to the loss of power.
    fn epoch(&mut self, epoch: usize) -> Result<(), String> {
        let disk = self.world.machine.disk.clone();
        let mut fails_early = self.plan.troubles && self.dice.below(4) == 0;
        if let Some((number, failure)) = self.plan.fails_at {
            fails_early = true;
            disk.set_faults(Faults::At(number, failure));
        } else if fails_early {
            disk.set_faults(self.roll_faults());
        }
        let (runtime, mut server) = self.start()?;
        let ended = runtime.block_on(async {
            if !fails_early && epoch > 0 && self.dice.below(2) == 0 {
                self.look(&mut server).await?;
            }
            if self.plan.troubles && !fails_early {
                disk.set_faults(self.roll_faults());
            }
            self.live(server).await
        });
        // All tasks end here, wherever they are.
        drop(runtime);
        ended?;
        self.cut_power()
    }

    /// Starts once more over what is left, and finds everything as it should be.
    fn last_look(&mut self) -> Result<(), String> {
        let (runtime, mut server) = self.start()?;
        let looked = runtime.block_on(async { self.look(&mut server).await });
        drop((server, runtime));
        looked
    }

    pub fn cut_power(&mut self) -> Result<(), String> {
        let disk = &self.world.machine.disk;
        let broken = disk.writes_when_broken();
        if broken > 0 {
            return Err(format!("{broken} writes were tried after one had failed"));
        }
        disk.cut_power(&mut self.dice);
        let mut journal = self.world.journal();
        journal.trace("the power is cut".to_owned());
        journal.busy.fill(false);
        Ok(())
    }

    /// Starts a server. One that the disk fails under is started again, and then the disk does not fail.
    pub fn start(&mut self) -> Result<(Runtime, Server), String> {
        for fails in [true, false] {
            let failures = self.world.machine.disk.failures().len();
            let (runtime, started) = self.try_start();
            let error = match started {
                Ok(server) => return Ok((runtime, server)),
                Err(error) => error,
            };
            if !fails || self.world.machine.disk.failures().len() == failures {
                return Err(format!("the server does not start: {error}"));
            }
            drop(runtime);
            self.cut_power()?;
        }
        unreachable!()
    }

    fn try_start(&mut self) -> (Runtime, spandrel::domain::Result<Server>) {
        self.starts += 1;
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let started = runtime.block_on(Server::start(&self.world.machine));
        (runtime, started)
    }

    /// After a failed write the engine has to end, and for no other error.
    async fn check_ended(&self, engine: &Committer) -> Result<(), String> {
        let disk = &self.world.machine.disk;
        let patience = if disk.is_broken() { Duration::from_secs(1) } else { Duration::ZERO };
        let ended = tokio::time::timeout(patience, engine.failed()).await.is_ok();
        let panicked = || disk.failures_since_cut().iter().any(|(_, failure)| *failure == Failure::Panic);
        match (disk.is_broken(), ended) {
            (true, false) => Err("a write failed, and the engine did not".to_owned()),
            (false, true) if !panicked() => Err("the engine failed though no write did".to_owned()),
            _ => Ok(()),
        }
    }

    /// Lets the server finish and sweep, and looks at everything: at the rows, and as a client.
    async fn look(&mut self, server: &mut Server) -> Result<(), String> {
        server::finish(&mut server.hand).await;
        server::inspect(&self.world.machine.disk)?;
        let projects = match self.ask(server, Call::ListProjects).await? {
            Answer::Projects(projects) => projects,
            other => return Err(format!("{other:?} is no list of projects")),
        };
        for (_, project) in projects {
            let project = project.id;
            self.ask(server, Call::GetProject { project: project.clone() }).await?;
            self.ask(server, Call::StreamAnnotations { project: project.clone() }).await?;
            let list = Call::ListArticles { project: project.clone(), size: 0, text: true, after: None };
            let Answer::ArticlePage(articles, _) = self.ask(server, list).await? else { unreachable!() };
            for article in articles {
                let (project, article) = (project.clone(), article.id);
                let list = Call::ListAnnotations {
                    project: project.clone(),
                    article: article.clone(),
                    label: None,
                    window: None,
                    size: 1_000,
                    after: None,
                };
                let Answer::AnnotationPage(annotations, _) = self.ask(server, list).await? else {
                    unreachable!()
                };
                for annotation in annotations {
                    let (project, article, id) = (project.clone(), article.clone(), annotation.id);
                    self.ask(server, Call::GetAnnotation { project, article, id }).await?;
                }
            }
        }
        Ok(())
    }

    /// Asks as a client who is not among those of the scripts.
    async fn ask(&self, server: &mut Server, call: Call) -> Result<Answer, String> {
        let (world, app) = (Arc::clone(self.world), Arc::clone(&server.app));
        let asking = tokio::spawn(async move {
            let outcome = world.call(&app, usize::MAX, &call, &Notify::new()).await.0;
            match outcome {
                Outcome::Ok(answer, _) => Ok(answer),
                outcome => Err(format!("{call:?} of what is there is answered {outcome:?}")),
            }
        });
        server::finish(&mut server.hand).await;
        if !asking.is_finished() {
            return Err("a read is never answered".to_owned());
        }
        asking.await.unwrap()
    }

    /// Lets clients and server live, until all is done or the end comes.
    async fn live(&mut self, mut server: Server) -> Result<(), String> {
        let failures_before = self.world.machine.disk.failures().len();
        let mut clients = self.begin(&server);
        let mood = Mood::roll(&mut self.dice, self.plan.troubles);
        // Some end in the middle, others when they are done; of those some close.
        let steps = if self.plan.troubles && self.dice.below(4) > 0 {
            1 + self.dice.below(clients.len() * self.plan.calls * 8)
        } else {
            usize::MAX
        };
        let mut steps_when_failed = 30;
        for _ in 0..steps {
            if !self.world.journal().busy.contains(&true) && clients.iter().all(|one| one.calls_left == 0) {
                break;
            }
            let step = mood.step(&mut self.dice);
            self.step(step, &mood, &mut server, &mut clients).await;
            if self.world.machine.disk.is_broken() {
                steps_when_failed -= 1;
                if steps_when_failed == 0 {
                    break;
                }
            }
        }
        let ends = steps == usize::MAX && !self.world.machine.disk.is_broken();
        if ends {
            server::finish(&mut server.hand).await;
        }
        self.check_ended(&server.engine).await?;
        if self.world.machine.disk.is_broken() {
            return Ok(());
        }
        let failures = self.world.machine.disk.failures();
        if ends {
            if self.world.journal().busy.contains(&true) {
                return Err("a call is never answered".to_owned());
            }
            let space_was_short = mood.weights[SPACE] > 0;
            if failures.len() == failures_before && !space_was_short {
                // Nothing is left for the next start.
                server::inspect(&self.world.machine.disk)?;
            }
            if self.dice.below(2) == 0 {
                self.world.journal().trace("the server closes".to_owned());
                server.close().await;
            }
        }
        Ok(())
    }

    fn begin(&mut self, server: &Server) -> Vec<Client> {
        let mut clients = Vec::new();
        for (index, script) in self.scripts.iter().enumerate() {
            let (turns, receiver) = mpsc::unbounded_channel();
            let (leave, given) =
                (Arc::new(Notify::new()), (Arc::clone(&server.app), Arc::clone(&server.engine)));
            let (world, script) = (Arc::clone(self.world), Arc::clone(script));
            tokio::spawn(run::client(world, given, index, script, receiver, Arc::clone(&leave)));
            clients.push(Client { turns, leave, calls_left: self.plan.calls });
        }
        clients
    }

    async fn step(&mut self, step: Step, mood: &Mood, server: &mut Server, clients: &mut [Client]) {
        const READERS: usize = 4;
        let dice = &mut self.dice;
        let chosen = dice.below(clients.len());
        let client = &mut clients[chosen];
        let busy = self.world.journal().busy[chosen];
        let done = match step {
            Step::Client if !busy && client.calls_left > 0 => {
                client.calls_left -= 1;
                self.world.journal().busy[chosen] = true;
                client.turns.send(()).unwrap();
                true
            }
            Step::Leave if busy => {
                client.leave.notify_one();
                true
            }
            Step::Client | Step::Leave => false,
            Step::Read => {
                let waiting = server.hand.reads_waiting().min(READERS);
                waiting > 0 && server.hand.read(dice.below(waiting))
            }
            Step::Apply => server.hand.apply(mood.group_max),
            Step::Sync => server.hand.sync(),
            Step::Time => {
                self.pass_time().await;
                true
            }
            Step::Space => {
                self.world.machine.disk.set_short_of_space(dice.below(3) == 0);
                true
            }
        };
        if done {
            self.world.journal().trace(format!("{step:?}"));
            settle().await;
        }
    }

    /// The clock goes on, now and then back, and seldom by so much that old commits are forgotten.
    async fn pass_time(&mut self) {
        const MINUTE: i64 = 60_000_000;
        let clock = &self.world.machine.clock;
        match self.dice.below(20) {
            0 => drop(clock.fetch_sub(MINUTE, Ordering::SeqCst)),
            1 => {
                clock.fetch_add(31 * 24 * 60 * MINUTE, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_hours(1)).await;
            }
            _ => drop(clock.fetch_add(1_000, Ordering::SeqCst)),
        }
    }
}
