//! What a backup says, in order: one record a frame of its file (`backup_file.rs`).
//!
//! ```text
//! Start
//! for each project:
//!   Project                                    as it stands at the base revision or later
//!   LabelSchema                                if it was set, as it stands at the base revision or later
//!   Layers...                                  those that were declared, as they stand at the base revision or later
//!   for each article:
//!     Article, Text..., ArticleLayers..., Annotations...,
//!     (TextRevision, Text..., Annotations...)...
//!                                              as they stand at the base revision or later; the texts that it had, and
//!                                              the annotations in them, do not change
//!   Text..., ArticleLayers..., Annotations..., TextRevision..., Commits
//!                                              the whole log, oldest first, and before it what it does not tell of the
//!                                              articles created in it, brought back or given another text: their
//!                                              texts, and what came with them
//!   ProjectEnd                                 the final revision
//! End
//! ```
//!
//! Rows change while they are copied, so that what stands before the log is of no one revision. Together with the log
//! from the base revision to the final one, where the newer revision wins, it is the state at the final one: what was
//! changed in between is in the log, and what was not was copied as it is. What the log says of an article that is not
//! there is about one that was deleted before it was copied.

use bytes::Bytes;
use prost::Message as _;

use super::{
    engine::{Origin, Revision, Stamp, Timestamp},
    keys::{ArticleNumber, Generation},
    records::{self, GenerationBase, StoredArticle, StoredTextRevision, decode},
    schema_records,
};
use crate::{
    domain::{
        Error, Result,
        ids::AnnotationId,
        layers::{ArticleLayer, Layer},
        projects::Project,
        schema::ProjectSchema,
    },
    proto::stored::{self, backup_record::Record as Stored},
};

/// One record of a backup.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// Begins the backup, at this time.
    Start(Timestamp),
    /// Begins a project.
    Project {
        /// The project.
        project: Project,
        /// The revision that the copy began at.
        base: Revision,
        /// The last revision that the log does not have.
        log_floor: Revision,
    },
    /// An article, without its text.
    Article {
        /// Its internal number.
        number: ArticleNumber,
        /// The article.
        article: StoredArticle,
    },
    /// A part of an article's text.
    Text {
        /// The article's internal number.
        number: ArticleNumber,
        /// The text's generation.
        generation: Generation,
        /// Where the bytes begin in the text; a multiple of [`crate::limits::VALUE_BYTES_MAX`].
        offset: u64,
        /// Bytes of UTF-8, cut anywhere.
        bytes: Bytes,
    },
    /// Some of an article's annotations.
    Annotations {
        /// The article's internal number.
        number: ArticleNumber,
        /// Their generation.
        generation: Generation,
        /// What those stand for that were staged, where some may be.
        base: Option<GenerationBase>,
        /// The annotations: their ids, and what is stored of each.
        annotations: Vec<(AnnotationId, Bytes)>,
    },
    /// Some of a project's layers that were declared.
    Layers(Vec<Layer>),
    /// How far some layers of an article are.
    ArticleLayers {
        /// The article's internal number.
        number: ArticleNumber,
        /// The layers.
        layers: Vec<ArticleLayer>,
    },
    /// A text that an article has or had, once it had two; the text itself and the annotations in it follow, unless they
    /// are the article's own.
    TextRevision {
        /// The article's internal number.
        number: ArticleNumber,
        /// The text.
        stored: StoredTextRevision,
    },
    /// The project's label schema.
    LabelSchema(Box<ProjectSchema>),
    /// Some of the log.
    Commits(Vec<CommitPart>),
    /// Ends a project.
    ProjectEnd(ProjectEnd),
}

/// A commit of the log, or a part of one: a commit may be longer than a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitPart {
    /// The commit's revision and time.
    pub stamp: Stamp,
    /// What it came from.
    pub origin: Origin,
    /// Encoded changes.
    pub changes: Vec<Bytes>,
    /// Whether the commit goes on in the next part.
    pub continued: bool,
}

/// How a project ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectEnd {
    /// It was deleted while it was copied, and is not restored.
    Deleted,
    /// It is restored as it stands at `head`.
    At {
        /// The final revision and its time.
        head: Stamp,
        /// Article numbers below this one may be in use.
        numbers_below: u64,
        /// Generations below this one may be in use.
        generations_below: Generation,
    },
}

/// How much a backup holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Projects that are not deleted.
    pub projects: u64,
    /// Articles.
    pub articles: u64,
    /// Annotations; one that was moved, or came back, while it was copied may count twice.
    pub annotations: u64,
    /// Commits of the logs.
    pub commits: u64,
}

impl Counts {
    /// Counts a record.
    pub fn add(&mut self, record: &Record) {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        match record {
            Record::ProjectEnd(ProjectEnd::At { .. }) => self.projects += 1,
            Record::Article { .. } => self.articles += 1,
            Record::Annotations { annotations, .. } => self.annotations += number(annotations.len()),
            Record::Commits(parts) => {
                self.commits += number(parts.iter().filter(|part| !part.continued).count());
            }
            Record::Start(_)
            | Record::Project { .. }
            | Record::Text { .. }
            | Record::LabelSchema(_)
            | Record::Layers(_)
            | Record::ArticleLayers { .. }
            | Record::TextRevision { .. }
            | Record::ProjectEnd(ProjectEnd::Deleted) => {}
        }
    }
}

/// What a frame holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Payload {
    Record(Record),
    /// The last frame: how much there is, and the SHA-256 of all before it.
    End(Counts, [u8; 32]),
}

impl Payload {
    pub(super) fn encode(self) -> Vec<u8> {
        let record = match self {
            Self::Record(record) => stored(record),
            Self::End(counts, sha256) => {
                let Counts { projects, articles, annotations, commits } = counts;
                let sha256 = Bytes::copy_from_slice(&sha256);
                Stored::End(stored::BackupEnd { projects, articles, annotations, commits, sha256 })
            }
        };
        stored::BackupRecord { record: Some(record) }.encode_to_vec()
    }

    /// # Errors
    ///
    /// STORAGE_CORRUPT.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        let stored::BackupRecord { record } = decode(bytes)?;
        let record = record.ok_or_else(|| Error::corrupt("a record of no kind that this version knows"))?;
        if let Stored::End(stored::BackupEnd { projects, articles, annotations, commits, sha256 }) = record {
            let sha256 = sha256.as_ref().try_into();
            let sha256 = sha256.map_err(|_| Error::corrupt("the file's SHA-256 is not 32 bytes"))?;
            return Ok(Self::End(Counts { projects, articles, annotations, commits }, sha256));
        }
        read(record).map(Self::Record)
    }
}

fn stored(record: Record) -> Stored {
    match record {
        Record::Start(time) => Stored::Start(stored::BackupStart { time_us: time.0 }),
        Record::Project { project, base, log_floor } => Stored::Project(stored::BackupProject {
            project: Some(records::project(&project)),
            base_revision: base.0,
            log_floor: log_floor.0,
        }),
        Record::Article { number, article } => Stored::Article(stored::BackupArticle {
            number: number.0,
            article: Some(records::article(&article)),
        }),
        Record::Text { number, generation, offset, bytes } => Stored::Text(stored::BackupText {
            number: number.0,
            generation: generation.0,
            offset,
            data: bytes,
        }),
        Record::Annotations { number, generation, base, annotations } => {
            let annotation = |(id, record): (AnnotationId, Bytes)| {
                let id = Bytes::copy_from_slice(id.as_bytes());
                stored::BackupAnnotation { id, record }
            };
            Stored::Annotations(stored::BackupAnnotations {
                number: number.0,
                generation: generation.0,
                annotations: annotations.into_iter().map(annotation).collect(),
                base: base.map(records::generation_base),
            })
        }
        Record::Commits(parts) => {
            Stored::Commits(stored::BackupCommits { commits: parts.into_iter().map(part).collect() })
        }
        Record::ProjectEnd(ProjectEnd::Deleted) => Stored::ProjectEnd(stored::BackupProjectEnd {
            deleted: true,
            ..stored::BackupProjectEnd::default()
        }),
        Record::LabelSchema(schema) => Stored::LabelSchema(schema_records::label_schema(&schema)),
        Record::Layers(layers) => {
            Stored::Layers(stored::BackupLayers { layers: layers.iter().map(records::layer).collect() })
        }
        Record::ArticleLayers { number, layers } => Stored::ArticleLayers(stored::BackupArticleLayers {
            number: number.0,
            layers: layers.iter().map(records::article_layer).collect(),
        }),
        Record::TextRevision { number, stored: text } => Stored::TextRevision(stored::BackupTextRevision {
            number: number.0,
            text_revision: text.text_revision.text.revision,
            record: Some(records::text_revision(&text)),
        }),
        Record::ProjectEnd(ProjectEnd::At { head, numbers_below, generations_below: Generation(below) }) => {
            Stored::ProjectEnd(stored::BackupProjectEnd {
                deleted: false,
                revision: head.revision.0,
                commit_time_us: head.time.0,
                article_numbers_below: numbers_below,
                generations_below: if below == Generation::FIRST_STAGED.0 { 0 } else { below },
            })
        }
    }
}

fn part(part: CommitPart) -> stored::BackupCommit {
    let CommitPart { stamp, origin, changes, continued } = part;
    stored::BackupCommit {
        revision: stamp.revision.0,
        commit_time_us: stamp.time.0,
        changes,
        continued,
        request: origin.request.as_ref().map(records::request),
        undone_revision: origin.undone.unwrap_or_default().0,
    }
}

fn read_part(commit: stored::BackupCommit) -> Result<CommitPart> {
    let stored::BackupCommit { revision, commit_time_us, changes, continued, request, undone_revision } =
        commit;
    let stamp = Stamp { revision: Revision(revision), time: Timestamp(commit_time_us) };
    let origin = records::read_origin(request, undone_revision)?;
    Ok(CommitPart { stamp, origin, changes, continued })
}

fn read(record: Stored) -> Result<Record> {
    let missing = |what: &str| Error::corrupt(format!("a record lacks its {what}"));
    Ok(match record {
        Stored::Start(stored::BackupStart { time_us }) => Record::Start(Timestamp(time_us)),
        Stored::Project(stored::BackupProject { project, base_revision, log_floor }) => Record::Project {
            project: records::read_project(project.ok_or_else(|| missing("project"))?)?,
            base: Revision(base_revision),
            log_floor: Revision(log_floor),
        },
        Stored::Article(stored::BackupArticle { number, article }) => Record::Article {
            number: ArticleNumber(number),
            article: records::read_article(article.ok_or_else(|| missing("article"))?)?,
        },
        Stored::Text(stored::BackupText { number, generation, offset, data }) => Record::Text {
            number: ArticleNumber(number),
            generation: Generation(generation),
            offset,
            bytes: data,
        },
        Stored::Annotations(stored::BackupAnnotations { number, generation, annotations, base }) => {
            let annotation = |stored::BackupAnnotation { id, record }| {
                let id = id.as_ref().try_into();
                let id = id.map_err(|_| Error::corrupt("an annotation's id is not 16 bytes"))?;
                Ok((AnnotationId::from_bytes(id), record))
            };
            Record::Annotations {
                number: ArticleNumber(number),
                generation: Generation(generation),
                base: base.map(records::read_generation_base),
                annotations: annotations.into_iter().map(annotation).collect::<Result<_>>()?,
            }
        }
        Stored::LabelSchema(record) => {
            Record::LabelSchema(Box::new(schema_records::read_label_schema(record)?))
        }
        Stored::Layers(stored::BackupLayers { layers }) => {
            Record::Layers(layers.into_iter().map(records::read_layer).collect::<Result<_>>()?)
        }
        Stored::ArticleLayers(stored::BackupArticleLayers { number, layers }) => Record::ArticleLayers {
            number: ArticleNumber(number),
            layers: layers.into_iter().map(records::read_article_layer).collect::<Result<_>>()?,
        },
        Stored::TextRevision(stored::BackupTextRevision { number, text_revision, record }) => {
            let record = record.ok_or_else(|| missing("text revision"))?;
            let stored = records::read_text_revision(text_revision, record)?;
            Record::TextRevision { number: ArticleNumber(number), stored }
        }
        Stored::Commits(stored::BackupCommits { commits }) => {
            Record::Commits(commits.into_iter().map(read_part).collect::<Result<_>>()?)
        }
        Stored::ProjectEnd(stored::BackupProjectEnd { deleted: true, .. }) => {
            Record::ProjectEnd(ProjectEnd::Deleted)
        }
        Stored::ProjectEnd(stored::BackupProjectEnd {
            deleted: false,
            revision,
            commit_time_us,
            article_numbers_below,
            generations_below,
        }) => Record::ProjectEnd(ProjectEnd::At {
            head: Stamp { revision: Revision(revision), time: Timestamp(commit_time_us) },
            numbers_below: article_numbers_below,
            generations_below: Generation(generations_below.max(Generation::FIRST_STAGED.0)),
        }),
        Stored::End(_) => return Err(Error::corrupt("the end stands among the records")),
    })
}
