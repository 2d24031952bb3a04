//! A server without threads over a disk that may fail: started, run step by step, and looked at.

use std::{
    collections::BTreeSet,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use spandrel::{
    app::{App, Renderers, Settings, answers::Versions, sweeper::Sweeper},
    domain::Result,
    store::{
        annotation_index::AnnotationIndex,
        article_table,
        catalog::{self, Entry, State},
        committer::{Backend, Committer, Hand, Options, PartitionView},
        engine::{Clock, Commit, Engine, EngineExt as _, LogError, Observer, Partition, Revision, Timestamp},
        keys::{self, ArticleNumber},
        project_table, verify,
    },
};

use crate::{
    clients,
    disk::{Disk, DiskBackend},
    logs::Logs,
    seeded::Seeded,
};

/// What outlives a server.
#[derive(Default)]
pub struct Machine {
    pub disk: Disk,
    /// What its clock shows, in microseconds.
    pub clock: AtomicI64,
    /// Tells what comes before what.
    ticks: AtomicU64,
    logs: Mutex<Logs>,
    /// Whether it has no power, and what still happens did not.
    gone: AtomicBool,
}

impl Machine {
    /// A later time than any before.
    pub fn now(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub fn logs(&self) -> MutexGuard<'_, Logs> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the power is cut. What is answered afterwards, is not.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::SeqCst)
    }

    /// Cuts the power under a server that has threads: they go on, and nobody sees it.
    pub fn cut_power(&self, dice: &mut Seeded) {
        // What was published is on the disk; what is from now on does not count.
        let logs = self.logs();
        self.gone.store(true, Ordering::SeqCst);
        self.disk.freeze(dice);
        drop(logs);
    }

    /// Lets it begin again over what is on the disk. Nobody uses that any more.
    pub fn switch_on(&self, dice: &mut Seeded) {
        self.disk.cut_power(dice);
        self.gone.store(false, Ordering::SeqCst);
    }
}

/// A server that runs when its hand moves.
pub struct Server {
    pub engine: Arc<Committer>,
    pub hand: Hand,
    pub app: Arc<App>,
}

pub const SETTINGS: Settings = Settings::with_texts_of(1_024 * 1_024);

/// Free space below which writes are refused.
const FREE_SPACE_FLOOR_BYTES: u64 = 1;

/// Returns once nobody can go on by himself: with paused time, a sleep ends when everybody else waits.
pub async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Does all that waits, until nothing does.
pub async fn finish(hand: &mut Hand) {
    loop {
        settle().await;
        if !step(hand) {
            return;
        }
    }
}

fn step(hand: &mut Hand) -> bool {
    let read = hand.read(0);
    let applied = hand.apply(usize::MAX);
    hand.sync() || applied || read
}

/// Runs a future to its end, doing what it waits for.
async fn run<T: Send + 'static>(hand: &mut Hand, future: impl Future<Output = T> + Send + 'static) -> T {
    let task = tokio::spawn(future);
    loop {
        settle().await;
        if task.is_finished() {
            return task.await.unwrap();
        }
        assert!(step(hand), "what waits for nothing does not end");
    }
}

impl Server {
    /// Starts a server over what is on the disk, after a look at the logs. The sweeper runs in the background.
    pub async fn start(machine: &Arc<Machine>) -> Result<Self> {
        let given = Given::new(machine);
        let backend = Box::new(DiskBackend(machine.disk.clone()));
        let (engine, mut hand) = Committer::by_hand(backend, given.options());
        let _ = given.engine.set(Arc::downgrade(&engine));
        compare_logs(machine, &engine, &mut hand).await?;
        let opening = given.open(Arc::<Committer>::clone(&engine), clients::RENDER);
        let (app, sweeper) = run(&mut hand, opening).await?;
        tokio::spawn(sweeper.run());
        Ok(Self { engine, hand, app })
    }

    /// Closes it as a server does that was told to stop.
    pub async fn close(self) {
        self.engine.close();
        settle().await;
        self.hand.close();
        settle().await;
    }
}

/// Starts a server that runs by itself, with threads of its own over `backend`.
pub async fn start_threads(
    machine: &Arc<Machine>,
    backend: Box<dyn Backend>,
    render: Renderers,
) -> Result<(Arc<Committer>, Arc<App>)> {
    let given = Given::new(machine);
    let engine = Committer::start(backend, given.options())?;
    let _ = given.engine.set(Arc::downgrade(&engine));
    let (app, sweeper) = given.open(Arc::<Committer>::clone(&engine), render).await?;
    tokio::spawn(sweeper.run());
    Ok((engine, app))
}

/// What the parts of a server are given.
struct Given {
    clock: Clock,
    versions: Arc<Versions>,
    observer: Observer,
    /// For the observer, who is there before the engine is.
    engine: Arc<OnceLock<Weak<Committer>>>,
}

impl Given {
    fn new(machine: &Arc<Machine>) -> Self {
        let ticking = Arc::clone(machine);
        let clock: Clock = Arc::new(move || Timestamp(ticking.clock.load(Ordering::SeqCst)));
        let (versions, engine) = (Versions::new(), Arc::default());
        let observer = observer(machine, &versions, &engine);
        Self { clock, versions, observer, engine }
    }

    fn options(&self) -> Options {
        Options {
            clock: Arc::clone(&self.clock),
            observer: Arc::clone(&self.observer),
            free_space_floor_bytes: FREE_SPACE_FLOOR_BYTES,
        }
    }

    fn open(
        &self,
        engine: Arc<dyn Engine>,
        render: Renderers,
    ) -> impl Future<Output = Result<(Arc<App>, Sweeper)>> + Send + 'static {
        App::open(engine, Arc::clone(&self.versions), Arc::clone(&self.clock), SETTINGS, render)
    }
}

/// Notes what is published, and that it is not yet known to readers.
fn observer(
    machine: &Arc<Machine>,
    versions: &Arc<Versions>,
    engine: &Arc<OnceLock<Weak<Committer>>>,
) -> Observer {
    let (machine, engine, raise) = (Arc::clone(machine), Arc::clone(engine), versions.observer());
    Arc::new(move |partition: Partition, commit: &Commit| {
        raise(partition, commit);
        let known = engine.get().and_then(Weak::upgrade).map(|engine| *engine.head(partition).borrow());
        let mut logs = machine.logs();
        if known.is_some_and(|known| known >= commit.stamp.revision) {
            logs.wrong.push(format!("{partition:?} showed {commit:?} before kept answers were stale"));
        }
        if !machine.is_gone() {
            logs.add(partition, commit, machine.now());
        }
    })
}

/// Compares the logs on the disk with what was published, before the server begins.
async fn compare_logs(machine: &Arc<Machine>, engine: &Arc<Committer>, hand: &mut Hand) -> Result<()> {
    let reader = Arc::clone(engine);
    let entries = run(hand, async move {
        let all = |view: &dyn spandrel::store::engine::View| {
            catalog::entries(view, Partition::CATALOG).collect::<Result<Vec<_>>>()
        };
        reader.read(Partition::CATALOG, all).await
    });
    let entries = entries.await?.value;
    let kept = entries.iter().filter(|entry| entry.state != State::Deleted).map(|entry| entry.partition);
    for partition in [Partition::CATALOG].into_iter().chain(kept) {
        let reader = Arc::clone(engine);
        let log = run(hand, async move {
            let mut floor = Revision(0);
            let mut log = reader.log_after(partition, floor, usize::MAX).await;
            if let Err(LogError::Compacted { earliest }) = log {
                floor = Revision(earliest.0 - 1);
                log = reader.log_after(partition, floor, usize::MAX).await;
            }
            log.map(|log| (floor, log))
        });
        match log.await {
            Ok((floor, log)) => machine.logs().compare(partition, floor, &log, machine.now()),
            Err(LogError::Failed(error)) => return Err(error),
            Err(LogError::Compacted { .. }) => unreachable!("nobody trims yet"),
        }
    }
    Ok(())
}

/// What is wrong with the rows of a disk whose server has finished everything, and swept.
pub fn inspect(disk: &Disk) -> std::result::Result<(), String> {
    disk.look_at(inspect_rows)
}

fn inspect_rows(backend: &DiskBackend) -> std::result::Result<(), String> {
    let report = verify::verify(backend, &mut |_| {}).map_err(|error| error.to_string())?;
    if report.problem_count > 0 || report.unswept > 0 {
        return Err(format!("the disk is not as it should be: {report:#?}"));
    }
    let catalog = PartitionView::new(backend, Partition::CATALOG);
    let entries = catalog::entries(&catalog, Partition::CATALOG).collect::<Result<Vec<_>>>();
    let entries = entries.map_err(|error| error.to_string())?;
    let mut partitions = BTreeSet::from([Partition::CATALOG]);
    for Entry { partition, state, id, .. } in entries {
        if state != State::Active {
            return Err(format!("{id} is {state:?} in the catalog"));
        }
        partitions.insert(partition);
        let view = PartitionView::new(backend, partition);
        let project = project_table::get(&view).map_err(|error| error.to_string())?;
        if project.is_none_or(|project| project.id != id) {
            return Err(format!("{id} is in the catalog, and there is no such project"));
        }
        inspect_project(&view).map_err(|wrong| format!("{id}: {wrong}"))?;
    }
    for row in backend.ascending(&[], &[u8::MAX; 64]) {
        let (key, _) = row.map_err(|error| error.to_string())?;
        let partition = key.first_chunk().map(|bytes| Partition(u32::from_be_bytes(*bytes)));
        if !partition.is_some_and(|partition| partitions.contains(&partition)) {
            return Err(format!("the row at {key:02x?} is nobody's"));
        }
    }
    Ok(())
}

/// Each article's index agrees with itself, and nothing hangs on the number of an article that there is not, nor can be
/// again.
fn inspect_project(view: &PartitionView<'_>) -> std::result::Result<(), String> {
    use spandrel::store::engine::View as _;
    let articles = article_table::articles(view, ArticleNumber(0)).collect::<Result<Vec<_>>>();
    let articles = articles.map_err(|error| error.to_string())?;
    for (number, stored) in &articles {
        let verified = AnnotationIndex::new(*number, stored.annotation_generation).verify(view);
        verified.map_err(|error| format!("{}: {error}", stored.article.id))?;
    }
    let mut numbers: BTreeSet<_> = articles.iter().map(|(number, _)| number.0).collect();
    let sweeps = keys::sweeps();
    for row in view.ascending(&sweeps.from, &sweeps.to) {
        let (key, mark) = row.map_err(|error| error.to_string())?;
        let deleted = article_table::deleted_at(&mark).map_err(|error| error.to_string())?;
        let is_logged =
            |deleted: Revision| view.get(&keys::log(deleted.0)).is_ok_and(|entry| entry.is_some());
        // Of an article that was deleted, an undo needs all.
        if deleted.is_some_and(is_logged) {
            numbers.extend(keys::number_of(&key));
        }
    }
    // From the texts on, all keys begin with an article's number.
    for row in view.ascending(&[0x22], &[0x41]) {
        let (key, _) = row.map_err(|error| error.to_string())?;
        if !keys::number_of(&key).is_some_and(|number| numbers.contains(&number)) {
            return Err(format!("the row at {key:02x?} was not swept"));
        }
    }
    Ok(())
}
