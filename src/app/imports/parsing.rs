//! The thread that reads the files of an import: formats are read from a stream of bytes, which blocks.

use std::{
    io::{self, BufRead, Read},
    sync::Arc,
};

use bytes::{Buf, Bytes};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
};

use super::ImportOptions;
use crate::{
    domain::{
        Error, Problem, Result, annotations::Annotation, ids::LayerId, layers::LayerDetails,
        projects::ProjectDetails, schema::SchemaDefinition,
    },
    formats::{
        Losses,
        exchange::{ContentsSink, FileProblem, ImportedArticle, Reader, Resolver, SourceFile, Stopped},
    },
    limits::IMPORT_BYTES_HELD_MAX,
};

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePart {
    /// The file.
    pub path: String,
    /// Where it begins in the file.
    pub offset: u64,
    /// What it is.
    pub data: Bytes,
    /// Whether the file ends with it.
    pub last: bool,
}

/// What is read, and held against its text.
#[derive(Debug)]
pub(super) enum Parsed {
    /// An article, and its share of what may be held.
    Article(Box<ImportedArticle>, OwnedSemaphorePermit),
    /// What is said of the project.
    Project(ProjectPart),
    /// A record that cannot be read.
    Problem(FileProblem),
    /// The files did not come as they must; nothing more comes.
    Failed(Error),
    /// Everything is read; what is not carried over.
    End(Losses),
}

/// What a file says of the project.
#[derive(Debug)]
pub(super) enum ProjectPart {
    /// What people say of it.
    Details(ProjectDetails),
    /// What may be said in it.
    Schema(Box<SchemaDefinition>),
    /// A layer.
    Layer(LayerId, LayerDetails),
}

/// Reads the files that come in on a thread of their own.
///
/// # Errors
///
/// OVERLOADED when there is no thread to be had.
pub(super) fn spawn(
    options: ImportOptions,
    parts: mpsc::Receiver<FilePart>,
    parsed: mpsc::Sender<Parsed>,
    budget: Arc<Semaphore>,
) -> Result<()> {
    let runtime = Handle::current();
    let thread = std::thread::Builder::new().name("import".to_owned());
    let spawned = thread.spawn(move || {
        let mut sink = Forward { parsed, budget, runtime, losses: Losses::default() };
        let reader = options.format.reader();
        match read(&options, Parts::new(parts), reader, &mut sink) {
            Ok(()) => {
                let losses = std::mem::take(&mut sink.losses);
                let _ = sink.parsed.blocking_send(Parsed::End(losses));
            }
            Err(Some(error)) => {
                let _ = sink.parsed.blocking_send(Parsed::Failed(error));
            }
            // Nobody wants the rest.
            Err(None) => {}
        }
    });
    spawned.map(drop).map_err(|_| Problem::Overloaded.into())
}

/// Reads all files. An error without a refusal: nobody wants the rest.
fn read(
    options: &ImportOptions,
    mut parts: Parts,
    mut reader: Box<dyn Reader>,
    sink: &mut Forward,
) -> Result<(), Option<Error>> {
    let mut resolver = Resolver::new(options.layer.clone(), options.unit, &options.import_id, sink);
    while let Some((path, offset)) = parts.next_file() {
        let mut file = if offset == 0 {
            SourceFile::new(path.as_str(), &mut parts)
        } else {
            SourceFile::from_middle(path.as_str(), &mut parts, offset)
        };
        let read = reader.file(&mut file, &mut resolver);
        let line = file.line();
        let read = read.and_then(|()| parts.skip_rest().map_err(Stopped::from));
        match read {
            Ok(()) => {}
            Err(Stopped::Sink) => return Err(None),
            Err(Stopped::Input(error)) => {
                if let Some(refusal) = parts.refusal.take() {
                    return Err(Some(refusal));
                }
                let problem = FileProblem::invalid(&path, line, format!("cannot be read on: {error}"));
                crate::formats::exchange::Sink::problem(&mut resolver, problem).map_err(|_| None)?;
            }
        }
    }
    reader.finish(&mut resolver).map_err(|_| None)?;
    resolver.finish().map_err(|_| None)
}

/// The files as they come in.
struct Parts {
    incoming: mpsc::Receiver<FilePart>,
    /// The file that is being read.
    path: String,
    /// What has come of it and is not read yet.
    data: Bytes,
    /// Where the next part of it begins.
    offset: u64,
    /// Whether all of it has come.
    is_last: bool,
    refusal: Option<Error>,
}

impl Parts {
    fn new(incoming: mpsc::Receiver<FilePart>) -> Self {
        let (path, data) = (String::new(), Bytes::new());
        Self { incoming, path, data, offset: 0, is_last: true, refusal: None }
    }

    /// The next file, with where it begins; none if there is none.
    fn next_file(&mut self) -> Option<(String, u64)> {
        let FilePart { path, offset, data, last } = self.incoming.blocking_recv()?;
        self.offset = offset.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
        (self.path, self.data, self.is_last) = (path.clone(), data, last);
        Some((path, offset))
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        loop {
            let available = self.fill_buf()?.len();
            if available == 0 {
                return Ok(());
            }
            self.consume(available);
        }
    }

    fn refuse(&mut self, field: &str, message: String) -> io::Error {
        self.refusal = Some(Error::field(field, message));
        io::Error::other("the files did not come as they must")
    }
}

impl BufRead for Parts {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.data.is_empty() && !self.is_last {
            let Some(FilePart { path, offset, data, last }) = self.incoming.blocking_recv() else {
                self.is_last = true;
                let message = "it is cut off: no chunk said that it was the last";
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
            };
            if path != self.path {
                let message = format!("is {path:?}, and the last chunk of {:?} has not come yet", self.path);
                return Err(self.refuse("chunk.path", message));
            }
            if offset != self.offset {
                let message = format!("is {offset}; what came before of {path:?} ended at {}", self.offset);
                return Err(self.refuse("chunk.offset", message));
            }
            self.offset = offset.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
            (self.data, self.is_last) = (data, last);
        }
        Ok(&self.data)
    }

    fn consume(&mut self, amount: usize) {
        self.data.advance(amount.min(self.data.len()));
    }
}

impl Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let amount = self.fill_buf()?.read(buffer)?;
        self.consume(amount);
        Ok(amount)
    }
}

/// Hands on what is read to who writes it.
struct Forward {
    parsed: mpsc::Sender<Parsed>,
    budget: Arc<Semaphore>,
    runtime: Handle,
    losses: Losses,
}

impl Forward {
    fn send(&self, parsed: Parsed) -> Result<(), Stopped> {
        self.parsed.blocking_send(parsed).map_err(|_| Stopped::Sink)
    }
}

impl ContentsSink for Forward {
    fn project(&mut self, details: ProjectDetails) -> Result<(), Stopped> {
        self.send(Parsed::Project(ProjectPart::Details(details)))
    }

    fn schema(&mut self, schema: SchemaDefinition) -> Result<(), Stopped> {
        self.send(Parsed::Project(ProjectPart::Schema(Box::new(schema))))
    }

    fn layer(&mut self, id: LayerId, details: LayerDetails) -> Result<(), Stopped> {
        self.send(Parsed::Project(ProjectPart::Layer(id, details)))
    }

    fn article(&mut self, article: ImportedArticle) -> Result<(), Stopped> {
        let bytes = held_bytes(&article).min(IMPORT_BYTES_HELD_MAX);
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        let held = self.runtime.block_on(Arc::clone(&self.budget).acquire_many_owned(permits));
        let held = held.map_err(|_| Stopped::Sink)?;
        self.send(Parsed::Article(Box::new(article), held))
    }

    fn problem(&mut self, problem: FileProblem) -> Result<(), Stopped> {
        self.send(Parsed::Problem(problem))
    }

    fn loss(&mut self, feature: &str, example: String) {
        self.losses.add(feature, example);
    }
}

/// What an article takes in memory, roughly.
fn held_bytes(imported: &ImportedArticle) -> usize {
    const PARTS: usize = 200;
    let article = &imported.article;
    let texts: usize = article.older_texts.iter().map(|older| older.text.memory_bytes()).sum();
    let annotations = article.annotations.len().saturating_mul(size_of::<Annotation>() + PARTS);
    texts.saturating_add(article.text.memory_bytes()).saturating_add(annotations)
}
