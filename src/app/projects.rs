//! Projects: created and deleted in steps that a crash may cut off and the next start finishes.

use std::sync::Arc;

use tokio::sync::Mutex;
use uuid::Uuid;

use super::{App, answers::Scope, changed, changes, detached, pages, sweeper::Sweep, unexpected};
use crate::{
    domain::{
        Error, Problem, Result,
        details::Mask,
        ids::{ProjectId, ProjectName},
        projects::{Project, ProjectDetails, ProjectField},
        revisions::{ProjectUid, Revision},
    },
    limits::ANSWER_BYTES_MAX,
    store::{
        article_table,
        catalog::{self, Entry, State},
        engine::{At, Draft, Engine, EngineExt, Maintenance, Mode, Partition, View},
        keys::{self, ArticleNumber},
        project_table,
        records::ResourceChange,
    },
};

/// Where a project's rows are.
#[derive(Debug)]
pub struct ProjectHandle {
    /// Its id.
    pub id: ProjectId,
    /// Its partition.
    pub partition: Partition,
    /// This life of it.
    pub uid: ProjectUid,
    numbers: Mutex<std::ops::Range<u64>>,
}

impl ProjectHandle {
    pub(super) fn new(entry: &Entry) -> Arc<Self> {
        let Entry { id, partition, uid, state: _ } = entry.clone();
        Arc::new(Self { id, partition, uid, numbers: Mutex::new(0..0) })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> ProjectName {
        ProjectName { project: self.id.clone() }
    }

    /// Reads the project's rows, unless it is deleted. Who got this handle before a delete may come to read after it,
    /// when the rows still stand and are nobody's any more.
    ///
    /// # Errors
    ///
    /// As [`EngineExt::read`]; RESOURCE_NOT_FOUND.
    pub(super) async fn read<T, F>(&self, engine: &dyn Engine, reading: F) -> Result<At<T>>
    where
        T: Send + 'static,
        F: for<'v> FnOnce(&'v (dyn View + 'v)) -> Result<T> + Send + 'static,
    {
        let name = self.name();
        let read = engine.read(self.partition, move |view| {
            project_table::require(view, &name)?;
            reading(view)
        });
        read.await
    }

    /// Takes article numbers that were never used. They are reserved in blocks, which a restart leaves behind.
    pub(super) async fn take_numbers(&self, engine: &dyn Engine, count: usize) -> Result<Vec<ArticleNumber>> {
        const BLOCK: u64 = 1_000;
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let mut numbers = self.numbers.lock().await;
        if numbers.end - numbers.start < count {
            let stored = engine.read(self.partition, |view| article_table::numbers_in_use(view)).await?.value;
            let start = stored.max(1);
            let end = start.saturating_add(count.max(BLOCK));
            let (key, value) = article_table::numbers_in_use_row(end);
            let rows = vec![(key, Some(value))];
            engine.maintain(self.partition, Maintenance::of(rows).only_beside(keys::PROJECT)).await?;
            *numbers = start..end;
        }
        let first = numbers.start;
        numbers.start += count;
        Ok((first..numbers.start).map(ArticleNumber).collect())
    }
}

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
    /// RESOURCE_EXISTS.
    pub async fn create_project(
        self: &Arc<Self>,
        id: Option<ProjectId>,
        details: ProjectDetails,
        mode: Mode,
    ) -> Result<At<Project>> {
        let id = match id {
            Some(id) => id,
            None => ProjectId::parse("project_id", &Uuid::now_v7().to_string())?,
        };
        let app = Arc::clone(self);
        detached(async move {
            // One after another, so that a reservation that is found is nobody's who is still at it.
            let _alone = app.creations.lock().await;
            let uid = ProjectUid(Uuid::new_v4());
            let entry = app.reserve_project(id.clone(), uid, mode).await?;
            let Some(entry) = entry else {
                let time = (app.clock)();
                let revision = Revision(1);
                let project = Project { id, uid, details, revision, create_time: time, update_time: time };
                return Ok(At { value: project, revision });
            };
            let project = app.initialise_project(&entry, details).await?;
            let active = entry.clone();
            app.finish_in_catalog(move |draft| {
                catalog::activate(draft, &active);
                Ok(())
            })
            .await?;
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
    /// RESOURCE_NOT_FOUND, ETAG_MISMATCH, FIELD_INVALID.
    pub async fn update_project(self: &Arc<Self>, update: ProjectUpdate, mode: Mode) -> Result<At<Project>> {
        loop {
            let handle = self.project(&update.name);
            let (is_missing, written) = match handle {
                Err(_) if update.allow_missing => {
                    let ProjectUpdate { name, details, .. } = update.clone();
                    (true, self.create_project(Some(name.project), details, mode).await)
                }
                handle => (false, self.change_project(handle?.partition, update.clone(), mode).await),
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
        mode: Mode,
    ) -> Result<At<Project>> {
        update.mask.require_etag("project.etag", &update.etag)?;
        let commit = self.engine.commit(
            partition,
            Arc::new(move |draft: &mut Draft<'_>| {
                let ProjectUpdate { name, details, mask, etag, allow_missing: _ } = &update;
                project_table::require(draft, name)?;
                let before = project_table::get(draft)?.ok_or_else(unexpected)?;
                before.etag().check(etag, name).map_err(|error| error.within("project.etag"))?;
                let mut after = before.clone();
                after.details.update(mask, details);
                after.revision = draft.stamp().revision;
                after.update_time = draft.stamp().time;
                project_table::put(draft, &after)?;
                let change = ResourceChange::Project { before: Some(before), after: Some(after) };
                draft.change(changed(Scope::project(partition), &change));
                Ok(())
            }),
            mode,
        );
        let commit = commit.await?;
        match changes(&commit).next() {
            Some(Ok(ResourceChange::Project { after: Some(value), .. })) => {
                Ok(At { value, revision: commit.stamp.revision })
            }
            _ => Err(unexpected()),
        }
    }

    /// Deletes a project: fences its partition, frees its id, and leaves its rows to the sweeper.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND, ETAG_MISMATCH, HAS_CHILDREN.
    pub async fn delete_project(self: &Arc<Self>, deletion: Deletion<ProjectName>, mode: Mode) -> Result<()> {
        let handle = match self.project(&deletion.name) {
            Err(error)
                if deletion.allow_missing && matches!(error.problem, Problem::ResourceNotFound { .. }) =>
            {
                return Ok(());
            }
            handle => handle?,
        };
        let app = Arc::clone(self);
        detached(async move {
            let allow_missing = deletion.allow_missing;
            match app.fence_project(handle.partition, deletion, mode).await {
                // Whoever deleted it first releases it.
                Err(error) if allow_missing && matches!(error.problem, Problem::ResourceNotFound { .. }) => {
                    return Ok(());
                }
                fenced => fenced?,
            }
            if mode == Mode::Check {
                return Ok(());
            }
            app.change_projects(|projects| {
                if projects.get(&handle.id).is_some_and(|current| current.partition == handle.partition) {
                    projects.remove(&handle.id);
                }
            });
            let entry = Entry {
                id: handle.id.clone(),
                partition: handle.partition,
                uid: handle.uid,
                state: State::Active,
            };
            app.finish_in_catalog(move |draft| catalog::release(draft, &entry)).await?;
            app.sweep(Sweep::Project(handle.partition));
            Ok(())
        })
        .await
    }

    /// Takes a number for the id; `None` when it is only checked.
    async fn reserve_project(&self, id: ProjectId, uid: ProjectUid, mode: Mode) -> Result<Option<Entry>> {
        let cut_off = self.cut_off_holder(&id).await?;
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

    async fn initialise_project(&self, entry: &Entry, details: ProjectDetails) -> Result<At<Project>> {
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
            project_table::put(draft, &project)?;
            let change = ResourceChange::Project { before: None, after: Some(project) };
            draft.change(changed(Scope::project(partition), &change));
            Ok(())
        };
        let commit = self.engine.commit(partition, Arc::new(initialise), Mode::Finish).await?;
        match changes(&commit).next() {
            Some(Ok(ResourceChange::Project { after: Some(value), .. })) => {
                Ok(At { value, revision: commit.stamp.revision })
            }
            _ => Err(unexpected()),
        }
    }

    async fn fence_project(
        &self,
        partition: Partition,
        deletion: Deletion<ProjectName>,
        mode: Mode,
    ) -> Result<()> {
        let fence = move |draft: &mut Draft<'_>| {
            let Deletion { name, etag, force, allow_missing: _ } = &deletion;
            project_table::require(draft, name)?;
            let before = project_table::get(draft)?.ok_or_else(unexpected)?;
            before.etag().check(etag, name).map_err(|error| error.within("etag"))?;
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
        self.engine.commit(partition, Arc::new(fence), mode).await.map(drop)
    }

    /// The last step of a creation or deletion.
    async fn finish_in_catalog(
        &self,
        decide: impl Fn(&mut Draft<'_>) -> Result<()> + Send + Sync + 'static,
    ) -> Result<()> {
        self.engine.commit(Partition::CATALOG, Arc::new(decide), Mode::Finish).await.map(drop)
    }
}

/// What a project takes in an answer, at most: far less than an answer may have.
fn details_bytes(details: &ProjectDetails) -> usize {
    const FIXED: usize = 512;
    let ProjectDetails { display_name, description, metadata } = details;
    let metadata: usize = metadata.iter().map(|(key, value)| key.len() + value.len() + 16).sum();
    FIXED + display_name.len() + description.len() + metadata
}
