//! What a start finds half done: creations and deletions of projects that a crash cut off are finished.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::mpsc;

use super::{changes, projects::ProjectHandle, sweeper::Sweep};
use crate::{
    domain::{Error, Result, ids::ProjectId, revisions::Revision},
    store::{
        article_table,
        catalog::{self, Entry, State},
        engine::{Draft, Engine, EngineExt, LogError, Mode, Partition},
        keys::{self, ArticleNumber},
        records::ResourceChange,
    },
};

/// Finishes what was cut off, says what is to be swept, and returns the projects in use.
///
/// # Errors
///
/// STORAGE_CORRUPT, STORAGE_UNAVAILABLE.
pub(super) async fn recover(
    engine: &dyn Engine,
    sweeps: &mpsc::UnboundedSender<Sweep>,
) -> Result<HashMap<ProjectId, Arc<ProjectHandle>>> {
    let mut projects = HashMap::new();
    let mut from = Partition(Partition::CATALOG.0 + 1);
    loop {
        let page = engine.read(Partition::CATALOG, move |view| {
            catalog::entries(view, from).take(crate::limits::VIEW_ROWS_MAX).collect::<Result<Vec<_>>>()
        });
        let page = page.await?.value;
        let Some(last) = page.last() else { return Ok(projects) };
        from = Partition(last.partition.0.saturating_add(1));
        for entry in page {
            if let Some(below) = recover_project(engine, sweeps, &entry).await? {
                let _ = sweeps.send(Sweep::LeftOvers(entry.partition, below));
                projects.insert(entry.id.clone(), ProjectHandle::new(&entry));
            }
        }
    }
}

/// The article numbers below the answer may be in use, if the project is.
async fn recover_project(
    engine: &dyn Engine,
    sweeps: &mpsc::UnboundedSender<Sweep>,
    entry: &Entry,
) -> Result<Option<ArticleNumber>> {
    let (partition, entry) = (entry.partition, entry.clone());
    let state = engine.read(partition, |view| {
        let below = ArticleNumber(article_table::numbers_in_use(view)?);
        Ok((view.get(keys::PROJECT)?.is_some(), below))
    });
    let (initialised, below) = state.await?.value;
    match (entry.state, initialised) {
        (State::Active, true) => Ok(Some(below)),
        (State::Reserved, true) => {
            let activate = move |draft: &mut Draft<'_>| {
                catalog::activate(draft, &entry);
                Ok(())
            };
            engine.commit(Partition::CATALOG, Arc::new(activate), Mode::Finish).await?;
            Ok(Some(below))
        }
        (State::Active, false) if !is_fenced(engine, partition).await? => {
            // Released, it would be swept.
            let what = format!("project {} is in use, and has no row of its own", entry.id);
            Err(Error::corrupt(what))
        }
        (State::Reserved | State::Active, false) => {
            let release = move |draft: &mut Draft<'_>| catalog::release(draft, &entry);
            engine.commit(Partition::CATALOG, Arc::new(release), Mode::Finish).await?;
            let _ = sweeps.send(Sweep::Project(partition));
            Ok(None)
        }
        (State::Deleted, _) => {
            let _ = sweeps.send(Sweep::Project(partition));
            Ok(None)
        }
    }
}

/// Whether the last commit of a project deleted it.
async fn is_fenced(engine: &dyn Engine, partition: Partition) -> Result<bool> {
    let head = engine.head(partition).borrow().0;
    let Some(before) = head.checked_sub(1) else { return Ok(false) };
    match engine.log_after(partition, Revision(before), 1).await {
        Ok(commits) => Ok(commits
            .iter()
            .flat_map(changes)
            .any(|change| matches!(change, Ok(ResourceChange::Project { before: Some(_), after: None })))),
        // Only the log of a project that is in use is trimmed.
        Err(LogError::Compacted { .. }) => Ok(false),
        Err(LogError::Failed(error)) => Err(error),
    }
}
