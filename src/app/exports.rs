//! A project is exported: articles are read in small views beside the writers, and a thread makes files of them.

mod files;
mod reading;

use std::{collections::HashSet, sync::Arc};

use tokio::{runtime::Handle, sync::mpsc};

use self::{
    files::ChunkedFiles,
    reading::{Cursor, Page},
};
use super::{
    App, imports::ExchangeSummary, imports::FilePart, projects::ProjectHandle, selection::Selection,
};
use crate::{
    domain::{
        Error, Problem, Result,
        ids::{LayerId, ProjectName},
        text::Unit,
    },
    formats::{Format, WriteOptions, exchange::ProjectContents},
    store::{layer_table, project_table},
};

/// Messages of an export that wait for a slow client.
const MESSAGES_AHEAD: usize = 4;

/// What is to be exported.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// The project.
    pub project: ProjectName,
    /// As what.
    pub format: Format,
    /// What offsets count, where the format does not say.
    pub unit: Option<Unit>,
    /// Only annotations on these layers; empty for all.
    pub layers: HashSet<LayerId>,
    /// Only annotations that this passes.
    pub selection: Arc<Selection>,
}

/// What comes of an export; an error, or the summary, is the last.
#[derive(Debug, Clone, PartialEq)]
pub enum ExportEvent {
    /// A part of a file.
    Part(FilePart),
    /// It is done.
    Summary(ExchangeSummary),
}

impl App {
    /// Begins an export. Dropping the receiver ends it.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND; OVERLOADED when as many are under way as may be.
    pub async fn export(
        self: &Arc<Self>,
        options: ExportOptions,
    ) -> Result<mpsc::Receiver<Result<ExportEvent>>> {
        let project = self.project(&options.project)?;
        let place = Arc::clone(&self.exchanges).try_acquire_owned().map_err(|_| Problem::Overloaded)?;
        let contents = self.project_contents(&project).await?;
        let (sender, receiver) = mpsc::channel(MESSAGES_AHEAD);
        let (app, runtime) = (Arc::clone(self), Handle::current());
        let thread = std::thread::Builder::new().name("export".to_owned());
        let spawned = thread.spawn(move || {
            let _place = place;
            let exporting =
                Exporting { app, project, options: Arc::new(options), runtime, sender: sender.clone() };
            match exporting.run(&contents) {
                Ok(Some(summary)) => drop(sender.blocking_send(Ok(ExportEvent::Summary(summary)))),
                // Nobody wants the rest.
                Ok(None) => {}
                Err(error) => drop(sender.blocking_send(Err(error))),
            }
        });
        spawned.map(|_| receiver).map_err(|_| Problem::Overloaded.into())
    }

    async fn project_contents(&self, project: &Arc<ProjectHandle>) -> Result<ProjectContents> {
        let handle = Arc::clone(project);
        let read = project.read(self.engine.as_ref(), move |view| {
            let missing = || Problem::ResourceNotFound { name: handle.name().to_string() };
            let stored = project_table::get(view)?.ok_or_else(missing)?;
            let schema = handle.schema(view)?;
            let layers = layer_table::declared(view).map(|layer| layer.map(|it| (it.id, it.details)));
            Ok(ProjectContents {
                id: handle.id.clone(),
                details: stored.details,
                schema: (!schema.schema.is_default()).then(|| schema.schema.definition().clone()),
                layers: layers.collect::<Result<_>>()?,
            })
        });
        Ok(read.await?.value)
    }
}

/// An export on its thread.
struct Exporting {
    app: Arc<App>,
    project: Arc<ProjectHandle>,
    options: Arc<ExportOptions>,
    runtime: Handle,
    sender: mpsc::Sender<Result<ExportEvent>>,
}

impl Exporting {
    /// Writes everything; no summary when nobody wants it.
    fn run(&self, contents: &ProjectContents) -> Result<Option<ExchangeSummary>> {
        let mut files = ChunkedFiles::new(self.sender.clone());
        let mut writer = self.options.format.writer(WriteOptions { unit: self.options.unit });
        let mut summary = ExchangeSummary::default();
        let mut reading = Some(self.read(Cursor::START));
        if writer.begin(contents, &mut files).is_err() {
            return Ok(None);
        }
        let mut is_first = true;
        while let Some(page) = reading.take() {
            let page =
                self.runtime.block_on(page).map_err(|_| Error::corrupt("a part of an export panicked"))?;
            let Page { articles, next, revision } = page?;
            if std::mem::take(&mut is_first) {
                summary.revision = revision;
            }
            // What comes next is read while this is written.
            reading = next.map(|next| self.read(next));
            for article in articles {
                summary.articles += 1;
                summary.annotations += u64::try_from(article.contents.annotations.len()).unwrap_or(u64::MAX);
                for (feature, example) in article.losses {
                    crate::formats::exchange::Output::loss(&mut files, feature, example);
                }
                if writer.article(&article.contents, &mut files).is_err() {
                    return Ok(None);
                }
            }
        }
        if writer.finish(&mut files).and_then(|()| files.close_all()).is_err() {
            return Ok(None);
        }
        summary.records = summary.articles + summary.annotations;
        summary.losses = files.into_losses().into_vec();
        Ok(Some(summary))
    }

    fn read(&self, from: Cursor) -> tokio::task::JoinHandle<Result<Page>> {
        let (app, project, options) =
            (Arc::clone(&self.app), Arc::clone(&self.project), Arc::clone(&self.options));
        self.runtime.spawn(async move { app.export_page(&project, &options, from).await })
    }
}
