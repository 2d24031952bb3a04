//! From a reader to a writer, an article after another.

use std::{
    collections::HashSet,
    io::{self, BufReader},
};

use super::Done;
use crate::{
    cli::{
        exchange::{Destination, InputFiles, OpenInput, Pace, Teller},
        failure::Failure,
    },
    domain::{
        ids::{ArticleId, LayerId, ProjectId},
        layers::LayerDetails,
        projects::ProjectDetails,
        schema::SchemaDefinition,
    },
    formats::{
        Format, Losses,
        exchange::{
            ContentsSink, FileProblem, ImportedArticle, Output, ProjectContents, Reader, Resolver,
            SourceFile, Stopped, UnitChoice, Writer,
        },
    },
    grpc::status::reason,
    proto::v1,
};

/// The project that files are of which name none.
const PROJECT: &str = "converted";

/// Takes what is read, and writes it.
pub(super) struct Converting<'t, 'o> {
    writer: Box<dyn Writer>,
    files: Files,
    teller: &'t mut Teller<'o>,
    pace: Pace,
    project: ProjectContents,
    /// Whether the project is written, and nothing can be added to it.
    is_begun: bool,
    ids: HashSet<ArticleId>,
    not_read: Losses,
    summary: v1::ExchangeSummary,
    failure: Option<Failure>,
}

/// Where files go, and what they cannot carry.
struct Files {
    destination: Destination,
    losses: Losses,
    failure: Option<Failure>,
}

impl<'t, 'o> Converting<'t, 'o> {
    pub(super) fn new(
        writer: Box<dyn Writer>,
        destination: Destination,
        teller: &'t mut Teller<'o>,
        pace: Pace,
    ) -> Result<Self, Failure> {
        let id = ProjectId::parse("project", PROJECT).map_err(|error| Failure::Usage(error.to_string()))?;
        let project =
            ProjectContents { id, details: ProjectDetails::default(), schema: None, layers: Vec::new() };
        Ok(Self {
            writer,
            files: Files { destination, losses: Losses::default(), failure: None },
            teller,
            pace,
            project,
            is_begun: false,
            ids: HashSet::new(),
            not_read: Losses::default(),
            summary: v1::ExchangeSummary::default(),
            failure: None,
        })
    }

    /// Reads all files.
    pub(super) fn read(
        &mut self,
        files: InputFiles,
        format: Format,
        layer: LayerId,
        unit: UnitChoice,
    ) -> Result<(), Failure> {
        let (mut reader, pace) = (format.reader(), self.pace.clone());
        let mut resolver = Resolver::new(layer, unit, "", self);
        let mut read = Ok(());
        for mut file in files.files {
            let input = file.open(pace.bytes())?;
            read = read_file(&file.path, input, reader.as_mut(), &mut resolver);
            pace.file_ends();
            if read.is_err() {
                break;
            }
        }
        let read = read.and_then(|()| Ok(reader.finish(&mut resolver).and_then(|()| resolver.finish())?));
        match read {
            Ok(()) => Ok(()),
            Err(Ended::Failed(failure)) => Err(failure),
            Err(Ended::Stopped) => Err(self.failure.take().unwrap_or_else(unexplained)),
        }
    }

    /// Writes what comes last.
    pub(super) fn finish(mut self) -> Result<Done, Failure> {
        let written = self.begin().and_then(|()| {
            let finished = self.writer.finish(&mut self.files);
            self.written(finished)
        });
        if written.is_err() {
            return Err(self.failure.take().unwrap_or_else(unexplained));
        }
        let Files { destination, losses, failure: _ } = self.files;
        let mut summary = self.summary;
        summary.records =
            summary.records.saturating_add(summary.articles).saturating_add(summary.annotations);
        Ok(Done { summary, kept: destination.finish()?, not_read: self.not_read, not_written: losses })
    }

    /// Writes the project, before the first article.
    fn begin(&mut self) -> Result<(), Stopped> {
        if std::mem::replace(&mut self.is_begun, true) {
            return Ok(());
        }
        self.project.layers.sort_by(|(one, _), (other, _)| one.cmp(other));
        let begun = self.writer.begin(&self.project, &mut self.files);
        self.written(begun)
    }

    /// Keeps why nothing more can be written.
    fn written(&mut self, written: io::Result<()>) -> Result<(), Stopped> {
        written.map_err(|error| {
            let failure = self.files.failure.take();
            self.failure = Some(failure.unwrap_or_else(|| Failure::Local(format!("cannot write: {error}"))));
            Stopped::Sink
        })
    }

    /// Whether something of the project can still be written; if not, it is lost.
    fn is_in_time(&mut self, what: &str, example: &str) -> bool {
        if self.is_begun {
            self.not_read.add(&format!("{what} after the first article"), example);
        } else {
            self.summary.records = self.summary.records.saturating_add(1);
        }
        !self.is_begun
    }
}

/// Why reading ended.
enum Ended {
    /// Nothing more can be written or told.
    Stopped,
    Failed(Failure),
}

impl From<Stopped> for Ended {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Sink => Self::Stopped,
            Stopped::Input(error) => Self::Failed(Failure::Local(format!("cannot be read on: {error}"))),
        }
    }
}

fn read_file(
    path: &str,
    input: OpenInput,
    reader: &mut dyn Reader,
    resolver: &mut Resolver<'_>,
) -> Result<(), Ended> {
    let mut input = BufReader::with_capacity(64 * 1_024, input);
    let mut file = SourceFile::new(path, &mut input);
    let read = reader.file(&mut file, resolver);
    let line = file.line();
    match read {
        Ok(()) => Ok(()),
        Err(Stopped::Sink) => Err(Ended::Stopped),
        // A reader says so of what it reads; a disk does not.
        Err(Stopped::Input(error))
            if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
        {
            let problem = FileProblem::invalid(path, line, format!("cannot be read on: {error}"));
            crate::formats::exchange::Sink::problem(resolver, problem).map_err(Ended::from)
        }
        Err(Stopped::Input(error)) => Err(Ended::Failed(input.get_ref().failed(&error))),
    }
}

fn unexplained() -> Failure {
    Failure::Local("it cannot be converted to its end".to_owned())
}

impl ContentsSink for Converting<'_, '_> {
    fn project(&mut self, details: ProjectDetails) -> Result<(), Stopped> {
        if self.is_in_time("what is said of the project", "") {
            self.project.details = details;
        }
        Ok(())
    }

    fn schema(&mut self, schema: SchemaDefinition) -> Result<(), Stopped> {
        if self.is_in_time("a label schema", "") && self.project.schema.replace(schema).is_some() {
            self.not_read.add("a label schema before another one", "");
        }
        Ok(())
    }

    fn layer(&mut self, id: LayerId, details: LayerDetails) -> Result<(), Stopped> {
        if self.is_in_time("a layer", id.as_str()) {
            self.project.layers.retain(|(other, _)| *other != id);
            self.project.layers.push((id, details));
        }
        Ok(())
    }

    fn article(&mut self, article: ImportedArticle) -> Result<(), Stopped> {
        let ImportedArticle { path, line, resume_at: _, article, lines: _ } = article;
        if !self.ids.insert(article.id.clone()) {
            let message = format!("the article {} is there twice; the first one stands", article.id);
            return self.problem(FileProblem::invalid(&path, line, message));
        }
        self.begin()?;
        self.summary.articles = self.summary.articles.saturating_add(1);
        let annotations = u64::try_from(article.annotations.len()).unwrap_or(u64::MAX);
        self.summary.annotations = self.summary.annotations.saturating_add(annotations);
        let records = self.summary.articles.saturating_add(self.summary.annotations);
        let pace = &self.pace;
        self.teller.far(|| pace.line("converting", records));
        let written = self.writer.article(&article, &mut self.files);
        self.written(written)
    }

    fn problem(&mut self, problem: FileProblem) -> Result<(), Stopped> {
        let FileProblem { path, line, error } = problem;
        let (reason, message) = (reason(&error.problem).to_owned(), error.to_string());
        self.summary.failed = self.summary.failed.saturating_add(1);
        self.teller.problem(v1::Problem { path, line, reason, message }).map_err(|failure| {
            self.failure = Some(failure);
            Stopped::Sink
        })
    }

    fn loss(&mut self, feature: &str, example: String) {
        self.not_read.add(feature, example);
    }
}

impl Files {
    fn taken(&mut self, taken: Result<(), Failure>) -> io::Result<()> {
        taken.map_err(|failure| {
            self.failure = Some(failure);
            io::Error::other("it cannot be written")
        })
    }
}

impl Output for Files {
    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let taken = self.destination.write(path, bytes);
        self.taken(taken)
    }

    fn close(&mut self, path: &str) -> io::Result<()> {
        let taken = self.destination.close(path);
        self.taken(taken)
    }

    fn loss(&mut self, feature: &str, example: String) {
        self.losses.add(feature, example);
    }
}
