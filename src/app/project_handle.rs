//! Where a project is, and the numbers that it gives to articles.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Mutex;

use crate::{
    domain::{
        Error, Result,
        ids::{ProjectId, ProjectName},
        revisions::{ProjectUid, Revision},
        schema::ProjectSchema,
    },
    store::{
        article_table,
        catalog::Entry,
        engine::{At, Draft, Engine, EngineExt, Maintenance, Partition, View},
        keys::{self, ArticleNumber, Generation},
        project_table, schema_table, text_revision_table,
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
    /// The label schema that was read last.
    schema: RwLock<Arc<ProjectSchema>>,
    generations: Mutex<std::ops::Range<u32>>,
}

impl ProjectHandle {
    pub(super) fn new(entry: &Entry) -> Arc<Self> {
        let Entry { id, partition, uid, state: _ } = entry.clone();
        let schema = RwLock::new(Arc::new(ProjectSchema::unset()));
        Arc::new(Self {
            id,
            partition,
            uid,
            numbers: Mutex::new(0..0),
            schema,
            generations: Mutex::new(0..0),
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> ProjectName {
        ProjectName { project: self.id.clone() }
    }

    /// The project's label schema as it stands in `view`, which is parsed once for each change of it.
    ///
    /// # Errors
    ///
    /// As every read.
    pub(super) fn schema(&self, view: &dyn View) -> Result<Arc<ProjectSchema>> {
        self.schema_before(view, None)
    }

    /// As [`Self::schema`], within a decision: what the draft itself writes may never come to be, and is not kept.
    ///
    /// # Errors
    ///
    /// As every read.
    pub(super) fn schema_in(&self, draft: &Draft<'_>) -> Result<Arc<ProjectSchema>> {
        self.schema_before(draft, Some(draft.stamp().revision))
    }

    fn schema_before(&self, view: &dyn View, unborn: Option<Revision>) -> Result<Arc<ProjectSchema>> {
        let revision = schema_table::revision(view)?;
        let kept = Arc::clone(&self.schema.read().unwrap_or_else(PoisonError::into_inner));
        if kept.revision == revision && unborn != Some(revision) {
            return Ok(kept);
        }
        let schema = Arc::new(schema_table::get(view)?.unwrap_or_else(ProjectSchema::unset));
        if unborn == Some(revision) {
            return Ok(schema);
        }
        *self.schema.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&schema);
        Ok(schema)
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

    /// Takes a generation that was never used, for any article. They are reserved in blocks, which a restart leaves behind.
    pub(super) async fn take_generation(&self, engine: &dyn Engine) -> Result<Generation> {
        const BLOCK: u32 = 100;
        let mut generations = self.generations.lock().await;
        if generations.is_empty() {
            let stored = engine
                .read(self.partition, |view| text_revision_table::generations_in_use(view))
                .await?
                .value;
            let used_up = || Error::corrupt("all generations of the project are used");
            let end = stored.0.checked_add(BLOCK).ok_or_else(used_up)?;
            let (key, value) = text_revision_table::generations_in_use_row(Generation(end));
            let rows = vec![(key, Some(value))];
            engine.maintain(self.partition, Maintenance::of(rows).only_beside(keys::PROJECT)).await?;
            *generations = stored.0..end;
        }
        let first = generations.start;
        generations.start += 1;
        Ok(Generation(first))
    }
}
