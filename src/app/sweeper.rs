//! The sweeper: deletes what no reader can reach any more, and forgets what the logs need not keep.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::sync::mpsc;

use super::App;
use crate::{
    domain::{Problem, Result, revisions::Revision},
    limits::{LOG_AGE_MAX, LOG_COMMITS_MAX, MAINTENANCE_ROWS_MAX},
    store::{
        catalog,
        engine::{Clock, Draft, Engine, EngineExt, LogError, Maintenance, Mode, Partition, Timestamp},
        keys::{self, ArticleNumber, KeyRange},
    },
};

/// Something to be swept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// What hangs on the number of an article that was deleted or never finished.
    Article(Partition, ArticleNumber),
    /// All rows of a deleted project.
    Project(Partition),
    /// What an earlier run left to be swept in a project: articles with numbers below this one, which this run does
    /// not give away.
    LeftOvers(Partition, ArticleNumber),
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
        const TRIM_EVERY: Duration = Duration::from_hours(1);
        let mut trims = tokio::time::interval(TRIM_EVERY);
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
            Sweep::LeftOvers(partition, below) => loop {
                let numbers = self.engine.read(partition, move |view| {
                    let (from, to) = (keys::sweep(ArticleNumber(0)), keys::sweep(below));
                    let rows = view.ascending(&from, &to).take(MAINTENANCE_ROWS_MAX);
                    rows.map(|row| Ok(keys::number_of(&row?.0))).collect::<Result<Vec<_>>>()
                });
                let numbers = numbers.await?.value;
                if numbers.is_empty() {
                    return Ok(());
                }
                for number in numbers.into_iter().flatten() {
                    self.sweep_article(partition, ArticleNumber(number)).await?;
                }
            },
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
        for range in keys::hanging_on(number) {
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
        let done = Maintenance::of(vec![(keys::sweep(number), None)]);
        self.engine.maintain(partition, done).await
    }

    /// Forgets commits that are too many or too old.
    async fn trim_logs(&self) -> Result<()> {
        let Some(app) = self.app.upgrade() else { return Ok(()) };
        let mut partitions = vec![Partition::CATALOG];
        app.change_projects(|projects| partitions.extend(projects.values().map(|project| project.partition)));
        let clock = Clock::clone(&app.clock);
        drop(app);
        partitions.sort_unstable();
        for partition in partitions {
            let oldest_kept =
                Timestamp(clock().0 - i64::try_from(LOG_AGE_MAX.as_micros()).unwrap_or(i64::MAX));
            if let Some(through) =
                trim_point(self.engine.as_ref(), partition, oldest_kept, LOG_COMMITS_MAX).await?
            {
                self.engine.trim_log(partition, through).await?;
            }
        }
        Ok(())
    }
}

/// The last commit of the partition's log that is older than `oldest_kept` or more than `commits_max` back.
async fn trim_point(
    engine: &dyn Engine,
    partition: Partition,
    oldest_kept: Timestamp,
    commits_max: u64,
) -> Result<Option<Revision>> {
    let head = engine.head(partition).borrow().0;
    let floor = match engine.log_after(partition, Revision(0), 1).await {
        Ok(_) => 1,
        Err(LogError::Compacted { earliest }) => earliest.0,
        Err(LogError::Failed(error)) => return Err(error),
    };
    // Times never go back, so the first commit that is young enough is found by halving.
    let (mut low, mut high) = (floor, head + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let commit = match engine.log_after(partition, Revision(middle - 1), 1).await {
            Ok(commits) => commits.into_iter().next(),
            Err(LogError::Compacted { .. }) => return Ok(None),
            Err(LogError::Failed(error)) => return Err(error),
        };
        if commit.is_some_and(|commit| commit.stamp.time < oldest_kept) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let through = low.saturating_sub(1).max(head.saturating_sub(commits_max));
    Ok((through >= floor).then_some(Revision(through)))
}
