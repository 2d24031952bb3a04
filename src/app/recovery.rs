//! What a start finds half done: creations and deletions of projects that a crash cut off are finished.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::mpsc;

use super::{
    changes,
    projects::{ProjectHandle, activation},
    sweeper::Sweep,
    upgrade,
};
use crate::{
    domain::{Error, Problem, Result, ids::ProjectId, revisions::Revision},
    store::{
        article_table,
        catalog::{self, Entry, State},
        engine::{Attempt, Commit, Draft, Engine, EngineExt, LogError, Mode, Partition},
        keys::{self, ArticleNumber, Generation},
        project_table,
        records::ResourceChange,
        text_revision_table,
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
            if let Some((below, generations_below)) = recover_project(engine, sweeps, &entry).await? {
                match upgrade::upgrade(engine, entry.partition, &entry.id).await {
                    Ok(()) => {}
                    // What is wrong with one project is said by whoever asks for it.
                    Err(Error { problem: Problem::StorageCorrupt(what), .. }) => {
                        tracing::error!(project = %entry.id, what, "its annotations cannot be counted");
                    }
                    Err(error) => return Err(error),
                }
                let _ = sweeps.send(Sweep::LeftOvers(entry.partition, below, generations_below));
                projects.insert(entry.id.clone(), ProjectHandle::new(&entry));
            }
        }
    }
}

/// The article numbers and the generations below the answer may be in use, if the project is.
async fn recover_project(
    engine: &dyn Engine,
    sweeps: &mpsc::UnboundedSender<Sweep>,
    entry: &Entry,
) -> Result<Option<(ArticleNumber, Generation)>> {
    let (partition, entry) = (entry.partition, entry.clone());
    let state = engine.read(partition, |view| {
        let numbers = ArticleNumber(article_table::numbers_in_use(view)?);
        let below = (numbers, text_revision_table::generations_in_use(view)?);
        // The row alone, where it need not be whole: what is wrong with one project is said by whoever asks for it.
        Ok((view.get(keys::PROJECT)?.is_some(), below))
    });
    let (initialised, below) = state.await?.value;
    match (entry.state, initialised) {
        (State::Active, true) => Ok(Some(below)),
        (State::Reserved, true) => {
            let created = engine.read(partition, |view| project_table::get(view)).await?.value;
            let created = created.ok_or_else(super::unexpected)?;
            let attempt = finishing(last_commit(engine, partition).await?);
            engine.attempt(Partition::CATALOG, activation(entry, &created), attempt).await?;
            Ok(Some(below))
        }
        (State::Reserved | State::Active, false) => {
            let last = last_commit(engine, partition).await?;
            if entry.state == State::Active && !last.as_ref().is_some_and(deletes_project) {
                // Released, it would be swept.
                let what = format!("project {} is in use, and has no row of its own", entry.id);
                return Err(Error::corrupt(what));
            }
            let release = move |draft: &mut Draft<'_>| catalog::release(draft, &entry);
            engine.attempt(Partition::CATALOG, Arc::new(release), finishing(last)).await?;
            let _ = sweeps.send(Sweep::Project(partition));
            Ok(None)
        }
        (State::Deleted, _) => {
            let _ = sweeps.send(Sweep::Project(partition));
            Ok(None)
        }
    }
}

/// The last step of what `last` began: a retry of its request finds that it was carried out.
fn finishing(last: Option<Commit>) -> Attempt {
    Attempt { mode: Mode::Finish, request: last.and_then(|commit| commit.origin.request) }
}

/// Whether a commit deleted its project.
pub(super) fn deletes_project(commit: &Commit) -> bool {
    changes(commit)
        .any(|change| matches!(change, Ok(ResourceChange::Project { before: Some(_), after: None })))
}

/// The last commit of a project that is half created or deleted; only the log of one that is in use is trimmed.
pub(super) async fn last_commit(engine: &dyn Engine, partition: Partition) -> Result<Option<Commit>> {
    let head = engine.head(partition).borrow().0;
    let Some(before) = head.checked_sub(1) else { return Ok(None) };
    match engine.log_after(partition, Revision(before), 1).await {
        Ok(commits) => Ok(commits.into_iter().next()),
        Err(LogError::Compacted { .. }) => Ok(None),
        Err(LogError::Failed(error)) => Err(error),
    }
}
