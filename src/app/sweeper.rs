//! The sweeper: deletes what no reader can reach any more, and forgets what the logs need not keep.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{sync::mpsc, time::MissedTickBehavior};

use super::App;
use crate::{
    domain::{Problem, Result, revisions::Revision},
    limits::{LOG_TRIM_INTERVAL, LOG_TRIM_NOTICE, MAINTENANCE_ROWS_MAX},
    store::{
        article_table, catalog,
        committer::forgettable_log,
        engine::{Draft, Engine, EngineExt, LogError, Maintenance, Mode, Partition, Timestamp, successor},
        keys::{self, ArticleNumber, Generation, KeyRange},
        text_revision_table,
    },
};

/// Something to be swept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// What hangs on the number of an article that was never finished.
    Article(Partition, ArticleNumber),
    /// A generation of an article that was staged, unless a commit switched to it.
    Generation(Partition, ArticleNumber, Generation),
    /// All rows of a deleted project.
    Project(Partition),
    /// What an earlier run left to be swept in a project: articles with numbers, and generations, below these, which
    /// this run does not give away.
    LeftOvers(Partition, ArticleNumber, Generation),
}

/// Sweeps what it is told to, one after another, until the application is dropped.
#[derive(Debug)]
pub struct Sweeper {
    engine: Arc<dyn Engine>,
    sweeps: mpsc::UnboundedReceiver<Sweep>,
    app: Weak<App>,
}

impl Sweeper {
    pub(super) fn new(
        engine: Arc<dyn Engine>,
        sweeps: mpsc::UnboundedReceiver<Sweep>,
        app: Weak<App>,
    ) -> Self {
        Self { engine, sweeps, app }
    }

    /// Runs until the application is dropped or the engine takes no more writes.
    pub async fn run(mut self) {
        let mut trims = tokio::time::interval(LOG_TRIM_INTERVAL);
        // Trimming that takes long must leave time for sweeping.
        trims.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let work = tokio::select! {
                // What is rare goes first, so that nothing is left to chance.
                biased;
                _ = trims.tick() => self.trim_logs().await,
                sweep = self.sweeps.recv() => match sweep {
                    Some(sweep) => self.sweep_patiently(sweep).await,
                    None => return,
                },
            };
            if let Err(error) = work {
                // What was not swept is found again at the next start.
                tracing::warn!(%error, "sweeping was cut off");
            }
        }
    }

    /// Carries out one sweep, as often as the writer has too much to do for it.
    async fn sweep_patiently(&self, sweep: Sweep) -> Result<()> {
        const PAUSE: Duration = Duration::from_secs(1);
        loop {
            match self.sweep(sweep).await {
                Err(error) if error.problem == Problem::Overloaded => tokio::time::sleep(PAUSE).await,
                swept => return swept,
            }
        }
    }

    /// Carries out one sweep.
    ///
    /// # Errors
    ///
    /// As every read and write.
    pub async fn sweep(&self, sweep: Sweep) -> Result<()> {
        match sweep {
            Sweep::Article(partition, number) => self.sweep_article(partition, number).await,
            Sweep::Generation(partition, number, generation) => {
                self.sweep_generation(partition, number, generation).await
            }
            Sweep::LeftOvers(partition, below, generations_below) => {
                self.sweep_staged(partition, generations_below).await?;
                self.sweep_marked(partition, below).await
            }
            Sweep::Project(partition) => {
                self.engine.erase(partition).await?;
                let forget = move |draft: &mut Draft<'_>| {
                    catalog::forget(draft, partition);
                    Ok(())
                };
                self.engine.commit(Partition::CATALOG, Arc::new(forget), Mode::Finish).await.map(drop)
            }
        }
    }

    async fn sweep_article(&self, partition: Partition, number: ArticleNumber) -> Result<()> {
        self.sweep_ranges(partition, keys::hanging_on(number)).await?;
        let done = Maintenance::of(vec![(keys::sweep(number), None)]);
        self.engine.maintain(partition, done).await
    }

    /// Sweeps a generation that has the mark of what is staged. Only the commit that switches to it takes that back.
    async fn sweep_generation(
        &self,
        partition: Partition,
        number: ArticleNumber,
        generation: Generation,
    ) -> Result<()> {
        // From here on no commit switches to it. If one has, there is no mark, and nothing is written.
        let (mark, swept) = text_revision_table::swept_mark_row(number, generation);
        let claim = Maintenance::of(vec![(mark.clone(), Some(swept))]).only_beside(mark.clone());
        self.engine.maintain(partition, claim).await?;
        let key = mark.clone();
        if self.engine.read(partition, move |view| view.get(&key)).await?.value.is_none() {
            return Ok(());
        }
        self.sweep_ranges(partition, keys::of_generation(number, generation)).await?;
        self.engine.maintain(partition, Maintenance::of(vec![(mark, None)])).await
    }

    /// Sweeps what is staged in generations below `below`.
    async fn sweep_staged(&self, partition: Partition, below: Generation) -> Result<()> {
        let mut range = keys::all_staged();
        loop {
            let from = range.clone();
            let marks = self.engine.read(partition, move |view| {
                text_revision_table::staged(view, &from)
                    .take(MAINTENANCE_ROWS_MAX)
                    .collect::<Result<Vec<_>>>()
            });
            let marks = marks.await?.value;
            let Some((last, ..)) = marks.last() else { return Ok(()) };
            range.from = successor(last);
            for (_, number, generation) in marks.into_iter().filter(|(_, _, generation)| *generation < below)
            {
                self.sweep_generation(partition, number, generation).await?;
            }
        }
    }

    async fn sweep_ranges(
        &self,
        partition: Partition,
        ranges: impl IntoIterator<Item = KeyRange>,
    ) -> Result<()> {
        for range in ranges {
            loop {
                let KeyRange { from, to } = range.clone();
                let keys = self.engine.read(partition, move |view| {
                    let rows = view.ascending(&from, &to).take(MAINTENANCE_ROWS_MAX);
                    rows.map(|row| Ok((row?.0, None))).collect::<Result<Vec<_>>>()
                });
                let rows = keys.await?.value;
                if rows.is_empty() {
                    break;
                }
                self.engine.maintain(partition, Maintenance::of(rows)).await?;
            }
        }
        Ok(())
    }

    /// Sweeps what is marked: articles whose deletion the log has forgotten, and those below `below` that were never
    /// finished.
    async fn sweep_marked(&self, partition: Partition, below: ArticleNumber) -> Result<()> {
        let mut from = keys::sweeps().from;
        loop {
            let start = from.clone();
            let floor = self.engine.log_floor(partition)?;
            let marks = self.engine.read(partition, move |view| {
                let rows = view.ascending(&start, &keys::sweeps().to).take(MAINTENANCE_ROWS_MAX);
                rows.map(|row| row.and_then(|(key, mark)| Ok((key, article_table::deleted_at(&mark)?))))
                    .collect::<Result<Vec<_>>>()
            });
            let marks = marks.await?.value;
            let Some((last, _)) = marks.last() else { return Ok(()) };
            from = successor(last);
            for (key, deleted) in marks {
                let number = keys::number_of(&key).map(ArticleNumber);
                let is_due = |number: &ArticleNumber| match deleted {
                    Some(deleted) => deleted <= floor,
                    None => *number < below,
                };
                if let Some(number) = number.filter(is_due) {
                    self.sweep_article(partition, number).await?;
                }
            }
        }
    }

    /// Forgets requests that are too old, then commits that are too many or too old, then what was deleted by them.
    ///
    /// # Errors
    ///
    /// The first of those that were met; what is wrong with one project is no reason to let the others grow.
    pub(super) async fn trim_logs(&self) -> Result<()> {
        let Some(app) = self.app.upgrade() else { return Ok(()) };
        let mut partitions = vec![Partition::CATALOG];
        app.change_projects(|projects| partitions.extend(projects.values().map(|project| project.partition)));
        let (now, kept) = ((app.clock)(), app.settings.log);
        let oldest_kept = Timestamp(now.0 - i64::try_from(kept.age.as_micros()).unwrap_or(i64::MAX));
        partitions.sort_unstable();
        let (mut trims, mut outcome) = (Vec::new(), Ok(()));
        for partition in partitions {
            let point = async {
                self.engine.forget_requests(partition, now).await?;
                trim_point(self.engine.as_ref(), partition, oldest_kept, kept.commits).await
            };
            match point.await {
                Ok(point) => trims.extend(point.map(|through| (partition, through))),
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        let mut are_told = false;
        for (partition, through) in &trims {
            are_told |= app.feeds.announce(*partition, through.next());
        }
        drop(app);
        if are_told {
            tokio::time::sleep(LOG_TRIM_NOTICE).await;
        }
        for (partition, through) in trims {
            let trimmed = async {
                self.engine.trim_log(partition, through).await?;
                self.sweep_marked(partition, ArticleNumber(0)).await
            };
            outcome = outcome.and(trimmed.await);
        }
        outcome
    }
}

/// The last commit of the partition's log that is older than `oldest_kept` or more than `commits_max` back.
async fn trim_point(
    engine: &dyn Engine,
    partition: Partition,
    oldest_kept: Timestamp,
    commits_max: u64,
) -> Result<Option<Revision>> {
    let (head, floor) = (engine.head(partition).borrow().0, engine.log_floor(partition)?.0);
    let is_old = async |revision: u64| match engine.log_after(partition, Revision(revision - 1), 1).await {
        Ok(commits) => Ok(commits.first().is_some_and(|commit| commit.stamp.time < oldest_kept)),
        Err(LogError::Compacted { .. }) => Ok(false),
        Err(LogError::Failed(error)) => Err(error),
    };
    // Times never go back, so the first commit that is young enough is found by halving. Mostly it is the first of all.
    let (mut low, mut high) = (floor + 1, head + 1);
    if low < high && !is_old(low).await? {
        high = low;
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if is_old(middle).await? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let through = low.saturating_sub(1).max(head.saturating_sub(commits_max));
    if through <= floor {
        return Ok(None);
    }
    let most = engine.read(partition, |view| forgettable_log(view)).await?.value;
    let through = most.map_or(through, |most| most.0.min(through));
    Ok((through > floor).then_some(Revision(through)))
}
