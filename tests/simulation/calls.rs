//! What clients ask for and what they are answered, in plain values: whoever drives a server, and however, can say it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which state of a resource: the project's life, as its etags begin, and the resource's own revision.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Etag {
    pub life: String,
    pub revision: u64,
}

impl Etag {
    /// # Panics
    ///
    /// When `etag` is none.
    pub fn parse(etag: &str) -> Self {
        let (life, revision) = etag.rsplit_once('-').expect("an etag is a life and a revision");
        Self { life: life.to_owned(), revision: revision.parse().expect("an etag ends with a revision") }
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.life, self.revision)
    }
}

impl fmt::Debug for Etag {
    /// Without the life, which differs from run to run.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.revision)
    }
}

/// A text, of which little is printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(pub String);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.char_indices().nth(24).map_or(self.0.len(), |(end, _)| end);
        write!(f, "{:?} of {} bytes", &self.0[..end], self.0.len())
    }
}

/// Times are in microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    pub id: String,
    pub title: String,
    pub etag: Etag,
    pub created: i64,
    pub updated: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Article {
    pub id: String,
    pub title: String,
    pub text_bytes: usize,
    /// Where it is said.
    pub text: Option<Text>,
    pub etag: Etag,
    pub created: i64,
    pub updated: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    pub article: String,
    pub id: String,
    pub layer: String,
    pub label: String,
    /// In bytes of the text.
    pub spans: Vec<(usize, usize)>,
    pub quotes: Vec<String>,
    pub etag: Etag,
    pub created: i64,
    pub updated: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewArticle {
    pub id: String,
    pub title: String,
    pub text: Text,
}

/// A write of a commit on annotations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    pub article: String,
    pub id: String,
    pub op: WriteOp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteOp {
    Create(Content),
    Update { content: Content, mask: Mask, etag: Option<Etag>, allow_missing: bool },
    Delete { etag: Option<Etag>, allow_missing: bool },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub layer: Option<String>,
    pub label: String,
    pub spans: Vec<(usize, usize)>,
}

/// What an update of an annotation changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mask {
    Everything,
    Label,
    Anchor,
}

/// Behind what a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    pub token: String,
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// An article as it stood on the page before, which was read then.
    Article(Etag, String),
    /// The hull of an annotation, and its id.
    Annotation(usize, usize, String),
}

/// A call. `check` is `validate_only`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    CreateProject {
        project: String,
        title: String,
        check: bool,
    },
    UpdateProject {
        project: String,
        title: String,
        masked: bool,
        etag: Option<Etag>,
        allow_missing: bool,
        check: bool,
    },
    DeleteProject {
        project: String,
        etag: Option<Etag>,
        force: bool,
        allow_missing: bool,
        check: bool,
    },
    GetProject {
        project: String,
    },
    ListProjects,
    CreateArticles {
        project: String,
        articles: Vec<NewArticle>,
        check: bool,
    },
    UpdateArticle {
        project: String,
        new: NewArticle,
        masked: bool,
        etag: Option<Etag>,
        allow_missing: bool,
        check: bool,
    },
    DeleteArticle {
        project: String,
        article: String,
        etag: Option<Etag>,
        force: bool,
        allow_missing: bool,
        check: bool,
    },
    GetArticle {
        project: String,
        article: String,
        text: bool,
    },
    GetArticles {
        project: String,
        articles: Vec<String>,
        text: bool,
    },
    ListArticles {
        project: String,
        size: i32,
        text: bool,
        after: Option<After>,
    },
    CommitAnnotations {
        project: String,
        writes: Vec<Write>,
        check: bool,
    },
    GetAnnotation {
        project: String,
        article: String,
        id: String,
    },
    ListAnnotations {
        project: String,
        article: String,
        label: Option<String>,
        window: Option<(usize, usize)>,
        size: i32,
        after: Option<After>,
    },
    StreamAnnotations {
        project: String,
    },
}

impl Call {
    /// Whose rows it reads or writes; none when it is about all projects.
    pub fn project(&self) -> Option<&str> {
        match self {
            Self::ListProjects => None,
            Self::CreateProject { project, .. }
            | Self::UpdateProject { project, .. }
            | Self::DeleteProject { project, .. }
            | Self::GetProject { project }
            | Self::CreateArticles { project, .. }
            | Self::UpdateArticle { project, .. }
            | Self::DeleteArticle { project, .. }
            | Self::GetArticle { project, .. }
            | Self::GetArticles { project, .. }
            | Self::ListArticles { project, .. }
            | Self::CommitAnnotations { project, .. }
            | Self::GetAnnotation { project, .. }
            | Self::ListAnnotations { project, .. }
            | Self::StreamAnnotations { project } => Some(project),
        }
    }

    /// Whether it may change something.
    pub fn writes(&self) -> bool {
        match self {
            Self::CreateProject { check, .. }
            | Self::UpdateProject { check, .. }
            | Self::DeleteProject { check, .. }
            | Self::CreateArticles { check, .. }
            | Self::UpdateArticle { check, .. }
            | Self::DeleteArticle { check, .. }
            | Self::CommitAnnotations { check, .. } => !check,
            _ => false,
        }
    }

    /// Whether it only asks what a write would do.
    pub fn checks(&self) -> bool {
        match self {
            Self::CreateProject { check, .. }
            | Self::UpdateProject { check, .. }
            | Self::DeleteProject { check, .. }
            | Self::CreateArticles { check, .. }
            | Self::UpdateArticle { check, .. }
            | Self::DeleteArticle { check, .. }
            | Self::CommitAnnotations { check, .. } => *check,
            _ => false,
        }
    }
}

/// What a call that was not refused says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is deleted, or was not there.
    Done,
    Project(Project),
    /// Each at its own revision.
    Projects(Vec<(u64, Project)>),
    Articles(Vec<Article>),
    /// A page, and whether there is another.
    ArticlePage(Vec<Article>, bool),
    /// What each write left.
    Written(Vec<Option<Annotation>>),
    Annotations(Vec<Annotation>),
    /// A page, and whether there is another.
    AnnotationPage(Vec<Annotation>, bool),
}

impl Answer {
    /// The life of the project that it tells of, if it shows.
    pub fn life(&self) -> Option<&str> {
        let etag = match self {
            Self::Done | Self::Projects(_) => None,
            Self::Project(project) => Some(&project.etag),
            Self::Articles(articles) | Self::ArticlePage(articles, _) => {
                articles.first().map(|article| &article.etag)
            }
            Self::Written(written) => written.iter().flatten().next().map(|annotation| &annotation.etag),
            Self::Annotations(annotations) | Self::AnnotationPage(annotations, _) => {
                annotations.first().map(|annotation| &annotation.etag)
            }
        };
        etag.map(|etag| etag.life.as_str())
    }
}

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Such as RESOURCE_EXISTS.
    pub reason: &'static str,
    /// The current etag, of an ETAG_MISMATCH.
    pub etag: Option<Etag>,
}

impl From<&'static str> for Refusal {
    fn from(reason: &'static str) -> Self {
        Self { reason, etag: None }
    }
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Answered; most answers say a revision.
    Ok(Answer, Option<u64>),
    Refused(Refusal),
    /// Nobody knows: the client went away, or the server did, or its storage failed.
    Unknown,
}

/// What a commit did to one resource, as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Project {
        before: Option<Project>,
        after: Option<Project>,
    },
    /// With its internal number; without texts.
    Article {
        number: u64,
        before: Option<Article>,
        after: Option<Article>,
    },
    Annotation {
        article: String,
        id: String,
        before: Option<Annotation>,
        after: Option<Annotation>,
    },
}

/// A commit in a project's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    pub revision: u64,
    pub time: i64,
    /// When it was first seen there: no call that began later made it, nor one that was told of it before. The end of
    /// time when that is not known; then deletes, which say no revision, should not be lenient.
    pub seen: u64,
    pub changes: Vec<Change>,
}
