//! What is staged: a new text and the annotations in it, written before a commit switches to them.

use std::sync::Arc;

use bytes::Bytes;

use super::{App, projects::ProjectHandle, sweeper::Sweep};
use crate::{
    domain::Result,
    limits::MAINTENANCE_ROWS_MAX,
    store::{
        engine::Maintenance,
        keys::{self, ArticleNumber, Generation},
        text_revision_table,
    },
};

/// A generation of an article that is written and that nobody reads yet. Dropped before it was [switched
/// to](Staging::switched), it is swept.
#[derive(Debug)]
pub(super) struct Staging {
    app: Arc<App>,
    project: Arc<ProjectHandle>,
    number: ArticleNumber,
    generation: Generation,
    is_switched_to: bool,
}

impl App {
    /// Begins a generation of an article, which no crash leaves behind.
    ///
    /// # Errors
    ///
    /// As every write.
    pub(super) async fn stage(
        self: &Arc<Self>,
        project: &Arc<ProjectHandle>,
        number: ArticleNumber,
    ) -> Result<Staging> {
        let generation = project.take_generation(self.engine.as_ref()).await?;
        let staging = Staging {
            app: Arc::clone(self),
            project: Arc::clone(project),
            number,
            generation,
            is_switched_to: false,
        };
        staging.put([text_revision_table::mark_row(number, generation)]).await?;
        Ok(staging)
    }
}

impl Staging {
    /// The generation.
    pub(super) fn generation(&self) -> Generation {
        self.generation
    }

    /// Writes rows of it, a bounded number at a time.
    ///
    /// # Errors
    ///
    /// As every write.
    pub(super) async fn put(&self, rows: impl IntoIterator<Item = (Bytes, Bytes)>) -> Result<()> {
        self.change(rows.into_iter().map(|(key, value)| (key, Some(value)))).await
    }

    /// Writes and deletes rows of it, a bounded number at a time.
    ///
    /// # Errors
    ///
    /// As every write.
    pub(super) async fn change(&self, rows: impl IntoIterator<Item = (Bytes, Option<Bytes>)>) -> Result<()> {
        let mut rows = rows.into_iter();
        loop {
            let rows: Vec<_> = rows.by_ref().take(MAINTENANCE_ROWS_MAX).collect();
            if rows.is_empty() {
                return Ok(());
            }
            let written = Maintenance::of(rows).only_beside(keys::PROJECT);
            self.app.engine.maintain(self.project.partition, written).await?;
        }
    }

    /// Says that a commit switched to it. Where it is not known whether one did, its mark is: drop it, and a sweep looks.
    pub(super) fn switched(mut self) {
        self.is_switched_to = true;
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.is_switched_to {
            self.app.sweep(Sweep::Generation(self.project.partition, self.number, self.generation));
        }
    }
}
