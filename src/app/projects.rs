//! Projects: created and deleted in steps that a crash may cut off and the next start finishes.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

pub use super::project_handle::ProjectHandle;
use super::{App, answers::Scope, changed, changes, detached, pages, recovery, sweeper::Sweep, unexpected};
use crate::{
    domain::{
        Error, Problem, Result,
        details::Mask,
        errors::Standing,
        ids::{ProjectId, ProjectName},
        projects::{Project, ProjectDetails, ProjectField},
        revisions::{ProjectUid, Revision},
    },
    limits::ANSWER_BYTES_MAX,
    store::{
        article_table,
        catalog::{self, Entry, State},
        engine::{At, Attempt, Commit, Decision, Draft, EngineExt, Mode, Partition},
        project_table,
        records::ResourceChange,
    },
};

/// What an update of a project says.
#[derive(Debug, Clone)]
pub struct ProjectUpdate {
    /// Which project.
    pub name: ProjectName,
    /// The new values.
    pub details: ProjectDetails,
    /// Which of them count.
    pub mask: Mask<ProjectField>,
    /// The etag that was read, or empty.
    pub etag: String,
    /// Whether a missing project is created.
    pub allow_missing: bool,
}

/// What a delete says.
#[derive(Debug, Clone)]
pub struct Deletion<N> {
    /// Which resource.
    pub name: N,
    /// The etag that was read, or empty.
    pub etag: String,
    /// Whether what it holds is deleted with it.
    pub force: bool,
    /// Whether a missing resource is as good as a deleted one.
    pub allow_missing: bool,
}

/// A page of projects.
#[derive(Debug)]
pub struct ProjectPage {
    /// The projects, each at its own revision.
    pub projects: Vec<At<Project>>,
    /// The next page's token, or empty.
    pub next_page_token: String,
}

impl App {
    /// Creates a project.
    ///
    /// # Errors
    ///
    /// RESOURCE_EXISTS, REQUEST_ID_REUSED.
    pub async fn create_project(
        self: &Arc<Self>,
        id: Option<ProjectId>,
        details: ProjectDetails,
        attempt: impl Into<Attempt>,
    ) -> Result<At<Project>> {
        let attempt = attempt.into();
        let id = match id {
            Some(id) => id,
            None => ProjectId::parse("project_id", &Uuid::now_v7().to_string())?,
        };
        let app = Arc::clone(self);
        detached(async move {
            // One after another, so that a reservation that is found is nobody's who is still at it, and a retry finds
            // what its first try did.
            let _alone = app.lives.lock().await;
            if let Some(commit) = app.known_in_catalog(&attempt).await? {
                return project_after(&commit);
            }
            let uid = ProjectUid(Uuid::new_v4());
            let entry = app.reserve_project(id.clone(), uid, attempt.mode).await?;
            let Some(entry) = entry else {
                let time = (app.clock)();
                let revision = Revision(1);
                let project = Project { id, uid, details, revision, create_time: time, update_time: time };
                return Ok(At { value: project, revision });
            };
            let finish = Attempt { mode: Mode::Finish, ..attempt };
            let project = app.initialise_project(&entry, details, finish).await?;
            app.finish_in_catalog(&activation(entry.clone(), &project.value), finish).await?;
            app.change_projects(|projects| {
                projects.insert(entry.id.clone(), ProjectHandle::new(&entry));
            });
            Ok(project)
        })
        .await
    }

    /// Reads a project.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND.
    pub async fn get_project(&self, name: &ProjectName) -> Result<At<Project>> {
        let handle = self.project(name)?;
        let At { value, revision } =
            self.engine.read(handle.partition, |view| project_table::get(view)).await?;
        let value = value.ok_or_else(|| Problem::ResourceNotFound { name: name.to_string() })?;
        Ok(At { value, revision })
    }

    /// Lists projects in the order of their creation.
    ///
    /// # Errors
    ///
    /// PAGE_TOKEN_INVALID, FIELD_INVALID.
    pub async fn list_projects(&self, page_size: i32, page_token: &str) -> Result<ProjectPage> {
        let items = pages::items(page_size)?;
        let arguments = pages::Arguments::of("ListProjects", &[]);
        let after = match arguments.key(page_token)? {
            Some(key) => u32::from_be_bytes(key.try_into().map_err(|_| pages::damaged())?),
            None => Partition::CATALOG.0,
        };
        let from = Partition(after.saturating_add(1));
        let entries = self.engine.read(Partition::CATALOG, move |view| {
            let active = |entry: &Result<Entry>| !matches!(entry, Ok(entry) if entry.state != State::Active);
            catalog::entries(view, from).filter(active).take(items + 1).collect::<Result<Vec<_>>>()
        });
        let entries = entries.await?.value;
        let mut projects = Vec::with_capacity(items.min(entries.len()));
        let (mut more, mut last, mut bytes) = (entries.len() > items, None, 0);
        for entry in entries.iter().take(items) {
            let At { value, revision } =
                self.engine.read(entry.partition, |view| project_table::get(view)).await?;
            // If there is none, it was deleted since the catalog was read. A new one is found by its name a moment after
            // it stands in the catalog, and not shown before.
            if let Some(value) = value.filter(|value| self.project(&value.name()).is_ok()) {
                bytes += details_bytes(&value.details);
                if bytes > ANSWER_BYTES_MAX {
                    more = true;
                    break;
                }
                projects.push(At { value, revision });
            }
            last = Some(entry.partition);
        }
        let next = last.filter(|_| more);
        let next_page_token =
            next.map_or_else(String::new, |partition| arguments.token(&partition.0.to_be_bytes()));
        Ok(ProjectPage { projects, next_page_token })
    }

    /// Changes a project.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND, ETAG_MISMATCH, FIELD_INVALID, REQUEST_ID_REUSED.
    pub async fn update_project(
        self: &Arc<Self>,
        update: ProjectUpdate,
        attempt: impl Into<Attempt>,
    ) -> Result<At<Project>> {
        let attempt = attempt.into();
        loop {
            let handle = self.project(&update.name);
            // After the name is looked up: what a first try created is then either that project or known here.
            if update.allow_missing
                && let Some(commit) = self.known_in_catalog(&attempt).await?
            {
                return project_after(&commit);
            }
            let (is_missing, written) = match handle {
                Err(_) if update.allow_missing => {
                    let ProjectUpdate { name, details, .. } = update.clone();
                    (true, self.create_project(Some(name.project), details, attempt).await)
                }
                handle => {
                    let changed = self.change_project(handle?.partition, update.clone(), attempt).await;
                    // A retry would create the project if it is gone by then.
                    if let (true, Ok(project)) = (update.allow_missing, &changed) {
                        self.keep_in_catalog(attempt, Some(&project.value)).await?;
                    }
                    (false, changed)
                }
            };
            // Somebody else may have created it since, or deleted it.
            match written {
                Err(Error { problem: Problem::ResourceExists { .. }, .. }) if is_missing => {}
                Err(Error { problem: Problem::ResourceNotFound { .. }, .. })
                    if update.allow_missing && !is_missing => {}
                written => return written,
            }
        }
    }

    async fn change_project(
        &self,
        partition: Partition,
        update: ProjectUpdate,
        attempt: Attempt,
    ) -> Result<At<Project>> {
        update.mask.require_etag("project.etag", &update.etag)?;
        let commit = self.engine.attempt(
            partition,
            Arc::new(move |draft: &mut Draft<'_>| {
                let ProjectUpdate { name, details, mask, etag, allow_missing: _ } = &update;
                project_table::require(draft, name)?;
                let before = project_table::get(draft)?.ok_or_else(unexpected)?;
                let current = || Standing::Project(before.clone());
                before.etag().check(etag, name, current).map_err(|error| error.within("project.etag"))?;
                let mut after = before.clone();
                after.details.update(mask, details);
                after.revision = draft.stamp().revision;
                after.update_time = draft.stamp().time;
                project_table::put(draft, &after)?;
                let change = ResourceChange::Project { before: Some(before), after: Some(after) };
                draft.change(changed(Scope::project(partition), &change));
                Ok(())
            }),
            attempt,
        );
        project_after(&*commit.await?)
    }

    /// Deletes a project: fences its partition, frees its id, and leaves its rows to the sweeper.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND, ETAG_MISMATCH, HAS_CHILDREN, REQUEST_ID_REUSED.
    pub async fn delete_project(
        self: &Arc<Self>,
        deletion: Deletion<ProjectName>,
        attempt: impl Into<Attempt>,
    ) -> Result<()> {
        let (app, attempt) = (Arc::clone(self), attempt.into());
        detached(async move {
            // A retry waits for its first try: before its end, the name may lead to what that deletes, and after it to
            // another project.
            let _alone = if attempt.retried().is_some() { Some(app.lives.lock().await) } else { None };
            if app.known_in_catalog(&attempt).await?.is_some() {
                return Ok(());
            }
            let allow_missing = deletion.allow_missing;
            let is_missing =
                |error: &Error| allow_missing && matches!(error.problem, Problem::ResourceNotFound { .. });
            let handle = match app.project(&deletion.name) {
                Err(error) if is_missing(&error) => return app.keep_in_catalog(attempt, None).await,
                handle => handle?,
            };
            match app.fence_project(handle.partition, deletion, attempt).await {
                // Whoever deleted it first releases it.
                Err(error) if is_missing(&error) => return app.keep_in_catalog(attempt, None).await,
                fenced => fenced?,
            }
            if attempt.mode == Mode::Check {
                return Ok(());
            }
            app.release_project(&handle, attempt).await
        })
        .await
    }

    /// Frees the id of a project whose partition is fenced.
    async fn release_project(&self, handle: &ProjectHandle, attempt: Attempt) -> Result<()> {
        self.change_projects(|projects| {
            if projects.get(&handle.id).is_some_and(|current| current.partition == handle.partition) {
                projects.remove(&handle.id);
            }
        });
        let (id, partition, uid) = (handle.id.clone(), handle.partition, handle.uid);
        let entry = Entry { id, partition, uid, state: State::Active };
        let release: Arc<dyn Decision> =
            Arc::new(move |draft: &mut Draft<'_>| catalog::release(draft, &entry));
        self.finish_in_catalog(&release, Attempt { mode: Mode::Finish, ..attempt }).await?;
        self.feeds.end(partition).await;
        self.sweep(Sweep::Project(partition));
        Ok(())
    }

    /// Takes the last step of a creation or deletion, as often as the writer has too much to do for it: what is half
    /// done would answer a retry wrongly.
    async fn finish_in_catalog(&self, decision: &Arc<dyn Decision>, attempt: Attempt) -> Result<()> {
        const PAUSE: Duration = Duration::from_millis(20);
        loop {
            match self.engine.attempt(Partition::CATALOG, Arc::clone(decision), attempt).await {
                Err(error) if error.problem == Problem::Overloaded => tokio::time::sleep(PAUSE).await,
                finished => return finished.map(drop),
            }
        }
    }

    /// What a first try did that created or deleted a project. Its request is kept in the catalog, which outlives the
    /// project.
    async fn known_in_catalog(&self, attempt: &Attempt) -> Result<Option<Commit>> {
        match attempt.retried() {
            Some(request) => self.engine.carried_out(Partition::CATALOG, *request).await,
            None => Ok(None),
        }
    }

    /// Lets a request be known that changed nothing in the catalog, with the project that it was answered with, if with
    /// any: by the time of its retry there may be something that it would change.
    async fn keep_in_catalog(&self, attempt: Attempt, answer: Option<&Project>) -> Result<()> {
        if attempt.retried().is_none() {
            return Ok(());
        }
        let answer =
            answer.map(|project| ResourceChange::Project { before: None, after: Some(project.clone()) });
        let keep = move |draft: &mut Draft<'_>| {
            if let Some(answer) = &answer {
                draft.change(changed(Scope::project(Partition::CATALOG), answer));
            }
            Ok(())
        };
        self.engine.attempt(Partition::CATALOG, Arc::new(keep), attempt).await.map(drop)
    }

    /// Takes a number for the id; `None` when it is only checked.
    async fn reserve_project(&self, id: ProjectId, uid: ProjectUid, mode: Mode) -> Result<Option<Entry>> {
        let cut_off = self.cut_off_holder(&id).await?;
        if let Some(holder) = cut_off.as_ref().filter(|_| mode != Mode::Check) {
            self.remember_deletion(holder).await?;
        }
        let left = cut_off.as_ref().map(|entry| entry.partition);
        let reserved = id.clone();
        let reserve = move |draft: &mut Draft<'_>| {
            match catalog::find(draft, &reserved)? {
                Some(holder) if cut_off.as_ref() == Some(&holder) => catalog::release(draft, &holder)?,
                Some(_) => {
                    let name = ProjectName { project: reserved.clone() }.to_string();
                    return Err(Problem::ResourceExists { name }.into());
                }
                None => {}
            }
            catalog::reserve(draft, &reserved, uid).map(drop)
        };
        self.engine.commit(Partition::CATALOG, Arc::new(reserve), mode).await?;
        if mode == Mode::Check {
            return Ok(None);
        }
        if let Some(partition) = left {
            self.sweep(Sweep::Project(partition));
        }
        let found = self.engine.read(Partition::CATALOG, move |view| catalog::find(view, &id)).await?.value;
        found.map(Some).ok_or_else(unexpected)
    }

    /// Who holds the id without being a project: a creation or deletion of which one step was refused, as it is when
    /// the disk fills up. A project is in use until its fence is durable, so that none is taken for cut off.
    async fn cut_off_holder(&self, id: &ProjectId) -> Result<Option<Entry>> {
        let in_use = self.project(&ProjectName { project: id.clone() }).ok().map(|project| project.partition);
        let id = id.clone();
        let held = self.engine.read(Partition::CATALOG, move |view| catalog::find(view, &id)).await?.value;
        Ok(held.filter(|entry| in_use != Some(entry.partition)))
    }

    /// Lets the request be known that deleted a project whose id was not freed any more, before the id is taken by
    /// another: a retry would delete that.
    async fn remember_deletion(&self, holder: &Entry) -> Result<()> {
        let last = recovery::last_commit(self.engine.as_ref(), holder.partition).await?;
        let Some(request) = last.filter(recovery::deletes_project).and_then(|commit| commit.origin.request)
        else {
            return Ok(());
        };
        self.keep_in_catalog(Attempt { mode: Mode::Apply, request: Some(request) }, None).await
    }

    async fn initialise_project(
        &self,
        entry: &Entry,
        details: ProjectDetails,
        attempt: Attempt,
    ) -> Result<At<Project>> {
        let Entry { id, partition, uid, state: _ } = entry.clone();
        let initialise = move |draft: &mut Draft<'_>| {
            let stamp = draft.stamp();
            let project = Project {
                id: id.clone(),
                uid,
                details: details.clone(),
                revision: stamp.revision,
                create_time: stamp.time,
                update_time: stamp.time,
            };
            project_table::create(draft, &project)?;
            let change = ResourceChange::Project { before: None, after: Some(project) };
            draft.change(changed(Scope::project(partition), &change));
            Ok(())
        };
        project_after(&*self.engine.attempt(partition, Arc::new(initialise), attempt).await?)
    }

    async fn fence_project(
        &self,
        partition: Partition,
        deletion: Deletion<ProjectName>,
        attempt: Attempt,
    ) -> Result<()> {
        let fence = move |draft: &mut Draft<'_>| {
            let Deletion { name, etag, force, allow_missing: _ } = &deletion;
            project_table::require(draft, name)?;
            let before = project_table::get(draft)?.ok_or_else(unexpected)?;
            let current = || Standing::Project(before.clone());
            before.etag().check(etag, name, current).map_err(|error| error.within("etag"))?;
            if !force && article_table::any(draft)? {
                return Err(
                    Problem::HasChildren { name: name.to_string(), children: "articles".to_owned() }.into()
                );
            }
            project_table::delete(draft)?;
            let change = ResourceChange::Project { before: Some(before), after: None };
            draft.change(changed(Scope::project(partition), &change));
            Ok(())
        };
        self.engine.attempt(partition, Arc::new(fence), attempt).await.map(drop)
    }
}

/// Says that a project is in use. The catalog's log keeps what was created, for a retry that comes when the project is
/// gone.
pub(super) fn activation(entry: Entry, project: &Project) -> Arc<dyn Decision> {
    let change = ResourceChange::Project { before: None, after: Some(project.clone()) };
    Arc::new(move |draft: &mut Draft<'_>| {
        catalog::activate(draft, &entry);
        draft.change(changed(Scope::project(entry.partition), &change));
        Ok(())
    })
}

/// The project as a commit left it: of the project's own log, or the one in the catalog that created it.
fn project_after(commit: &Commit) -> Result<At<Project>> {
    match changes(commit).next() {
        Some(Ok(ResourceChange::Project { before, after: Some(value) })) => {
            // Of the catalog's commits, the project's own revision counts.
            let revision = if before.is_none() { value.revision } else { commit.stamp.revision };
            Ok(At { value, revision })
        }
        _ => Err(unexpected()),
    }
}

/// What a project takes in an answer, at most: far less than an answer may have.
fn details_bytes(details: &ProjectDetails) -> usize {
    const FIXED: usize = 512;
    let ProjectDetails { display_name, description, metadata } = details;
    let metadata: usize = metadata.iter().map(|(key, value)| key.len() + value.len() + 16).sum();
    FIXED + display_name.len() + description.len() + metadata
}
