//! What Spandrel refuses, and why. One type for every layer: a refusal keeps its facts until the edge turns it
//! into a status, whose code and reason stand in one table in `grpc/status.rs`.

use std::fmt;

use super::{
    annotations::Annotation,
    articles::Article,
    ids::{ArticleName, LayerName, ProjectName},
    layers::Layer,
    projects::Project,
    revisions::{ProjectUid, Revision},
    schema::{ProjectSchema, Rule},
    text::{Position, Unit},
};

/// A refusal: the problem, and the field of the request that has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    /// The field's path, such as `annotation.anchor.spans[0].utf16.end`; empty when no field is to blame.
    pub field: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong, with the facts that a client needs to mend it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Problem {
    /// A field is missing, malformed, unknown or in conflict with another.
    #[error("{0}")]
    FieldInvalid(String),
    /// A file that is imported says what its format does not allow.
    #[error("{0}")]
    RecordInvalid(String),
    /// Neither a range nor a quote.
    #[error("a span needs a range (utf8, utf16 or code_points), a quote, or both")]
    SpanRequired,
    /// An offset inside a character or a surrogate pair.
    #[error(
        "offset {offset} in {unit} is inside a character; the boundaries around it are {floor} and {ceiling}"
    )]
    OffsetNotOnBoundary {
        /// The offset.
        offset: u32,
        /// What it counts.
        unit: Unit,
        /// The boundary before it, in the same unit.
        floor: u32,
        /// The boundary after it, in the same unit.
        ceiling: u32,
    },
    /// A range that is inverted or past the end.
    #[error("{}", out_of_bounds(*.start, *.end, *.unit, *.length))]
    SpanOutOfBounds {
        /// The range's start.
        start: u32,
        /// The range's end.
        end: u32,
        /// What they count.
        unit: Unit,
        /// The text's length in the same unit.
        length: u32,
    },
    /// An empty range.
    #[error("the range is empty; a span covers at least one character")]
    SpanEmpty,
    /// Two ranges of one span are different places.
    #[error(
        "the range in {first} is [{first_start}, {first_end}), which in {second} is \
             [{expected_start}, {expected_end}), not [{second_start}, {second_end})"
    )]
    RangesDisagree {
        /// The unit of the range that was taken as given.
        first: Unit,
        /// Its start.
        first_start: u32,
        /// Its end.
        first_end: u32,
        /// The unit of the range that disagrees.
        second: Unit,
        /// Its start.
        second_start: u32,
        /// Its end.
        second_end: u32,
        /// What its start would be.
        expected_start: u32,
        /// What its end would be.
        expected_end: u32,
    },
    /// The quote is not what the range covers.
    #[error("{}{}", covers(.covered, *.sent_unit), fits(*.sent_unit, *.matches_in_unit))]
    QuoteMismatch {
        /// What stands in the range, shortened; empty when its numbers are no range of the text in this unit.
        covered: String,
        /// What the range counts.
        sent_unit: Unit,
        /// The unit in which the same numbers would cover the quote.
        matches_in_unit: Option<Unit>,
    },
    /// The quote does not stand in the text.
    #[error("the quote does not stand in the text{}", if *.without_context > 0 {
        format!(" with this prefix and suffix; without them it stands there {}", times(*.without_context))
    } else { String::new() })]
    QuoteNotFound {
        /// How often the quote stands there regardless of prefix and suffix.
        without_context: usize,
    },
    /// The quote stands more than once.
    #[error(
        "the quote stands {count} times in the text; send a range, or a longer prefix or suffix, to say which one"
    )]
    QuoteAmbiguous {
        /// How often.
        count: usize,
        /// The first of them.
        starts: Vec<Position>,
    },
    /// A page token that is damaged or belongs to other arguments.
    #[error("{0}")]
    PageTokenInvalid(String),
    /// A request id that was used before, with another request.
    #[error(
        "was used before, with another request of this method; make a new one for each request, and send it again only \
         with the same request"
    )]
    RequestIdReused,
    /// Too large or too many.
    #[error("{what} has {actual} {unit}; at most {limit} are allowed")]
    LimitExceeded {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        actual: u64,
        /// How large it may be.
        limit: u64,
        /// What both count.
        unit: &'static str,
    },
    /// The text revision is not the latest.
    #[error("text revision {sent} is not the latest, which is {latest}")]
    TextRevisionStale {
        /// What was sent.
        sent: u32,
        /// The latest.
        latest: u32,
    },
    /// The resource holds others and the delete is not forced.
    #[error("{name} has {children}; send force to delete them with it")]
    HasChildren {
        /// The resource.
        name: String,
        /// What it holds, such as `3 annotations`.
        children: String,
    },
    /// The layer that is copied to has annotations, and the copy is not forced.
    #[error("{name} has {children}; send force to copy all the same")]
    DestinationInUse {
        /// The layer of the article.
        name: String,
        /// What it has, such as `3 annotations`.
        children: String,
    },
    /// The layer was submitted in the article, and may not be changed there.
    #[error("{name} is submitted; reopen it to change its annotations")]
    LayerLocked {
        /// The layer of the article.
        name: String,
    },
    /// A rule of the project's label schema is broken: by what was sent, or by what stands there and a new schema refuses.
    #[error("{}", violated(.broken, *.count))]
    SchemaViolated {
        /// What breaks it: the first of them.
        broken: Vec<Broken>,
        /// How many do.
        count: usize,
    },
    /// The resource was changed since its etag was read.
    #[error("{name} was changed by somebody else: its etag is {current_etag}")]
    EtagMismatch {
        /// The resource.
        name: String,
        /// What its etag is now.
        current_etag: String,
        /// The resource as it is now.
        current: Box<Standing>,
    },
    /// A place in a feed that is of another life of the project, or past its head.
    #[error("{0}; begin anew, with a snapshot")]
    FeedReset(String, ProjectUid, Revision),
    /// The log does not keep a revision any more.
    #[error(
        "the log does not keep what came after revision {asked} any more; the oldest that it keeps is {}",
        .earliest.0
    )]
    RevisionCompacted {
        /// The revision after which it was asked for.
        asked: u64,
        /// The oldest revision that is kept.
        earliest: Revision,
    },
    /// A commit cannot be undone, since something was changed after it.
    #[error("revision {} cannot be undone: {}", .revision.0, conflicting(.conflicts, *.count))]
    UndoConflict {
        /// The commit's revision.
        revision: Revision,
        /// What is in conflict, and why: the first of them.
        conflicts: Vec<Conflict>,
        /// How many are.
        count: usize,
    },
    /// The name is taken.
    #[error("{name} exists")]
    ResourceExists {
        /// The resource.
        name: String,
    },
    /// There is no such resource.
    #[error("{name} does not exist")]
    ResourceNotFound {
        /// The resource.
        name: String,
    },
    /// Too much to do.
    #[error("the server has more to do than it can; try again in a moment")]
    Overloaded,
    /// The server is stopping.
    #[error("the server is shutting down; try again in a moment")]
    ShuttingDown,
    /// The disk is full or failed.
    #[error("the storage takes no writes: {0}")]
    StorageUnavailable(String),
    /// Stored data is damaged.
    #[error("stored data is damaged: {0}")]
    StorageCorrupt(String),
}

/// A resource as it stands, for whoever meant another state of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// A project.
    Project(Project),
    /// The label schema of a project, in this life of it.
    LabelSchema(ProjectName, ProjectUid, Box<ProjectSchema>),
    /// A layer, in this life of its project.
    Layer(LayerName, ProjectUid, Layer),
    /// An article, in this life of its project.
    Article(ArticleName, ProjectUid, Article),
    /// An annotation of an article, in this life of its project.
    Annotation(ArticleName, ProjectUid, Annotation),
}

/// A resource that stands in the way of an undo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Its full name.
    pub name: String,
    /// What was done to it.
    pub why: &'static str,
}

/// What breaks a rule of a label schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The annotation's full name; empty for what was sent.
    pub subject: String,
    /// The rule.
    pub rule: Rule,
    /// What is wrong and what would be right.
    pub description: String,
}

impl Error {
    /// A problem of the field at `field`.
    pub fn at(field: impl Into<String>, problem: Problem) -> Self {
        Self { field: field.into(), problem }
    }

    /// A FIELD_INVALID of the field at `field`: `message` says what is wrong and what would be right.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::at(field, Problem::FieldInvalid(message.into()))
    }

    /// Stored data that cannot be what this server wrote.
    pub fn corrupt(what: impl Into<String>) -> Self {
        Problem::StorageCorrupt(what.into()).into()
    }

    /// The same problem seen from outside: `spans[0]` within `annotation.anchor` is `annotation.anchor.spans[0]`.
    #[must_use]
    pub fn within(mut self, outer: &str) -> Self {
        if !outer.is_empty() {
            let dot = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
            self.field = format!("{outer}{dot}{}", self.field);
        }
        self
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self { field: String::new(), problem }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            self.problem.fmt(f)
        } else {
            write!(f, "{}: {}", self.field, self.problem)
        }
    }
}

impl std::error::Error for Error {}

/// Enough of what was sent or stands there to recognise it in an error.
pub(crate) fn shortened(text: &str) -> String {
    const CHARACTERS: usize = 80;
    match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn out_of_bounds(start: u32, end: u32, unit: Unit, length: u32) -> String {
    if start == end {
        return format!("offset {start} in {unit} is past the end of the text, whose length is {length}");
    }
    let wrong = if start > length {
        "starts past the end of the text"
    } else if end > length {
        "ends past the end of the text"
    } else {
        "ends before it starts"
    };
    format!("[{start}, {end}) in {unit} {wrong}: start <= end <= {length} is right")
}

fn covers(covered: &str, sent: Unit) -> String {
    if covered.is_empty() {
        format!("the range is none of the text in {sent}")
    } else {
        format!("the range covers {covered:?}, not the quote")
    }
}

/// The first conflict, and how many there are beside it.
fn conflicting(conflicts: &[Conflict], count: usize) -> String {
    let first = conflicts.first().map_or_else(String::new, |Conflict { name, why }| format!("{name} {why}"));
    match count.saturating_sub(1) {
        0 => first,
        others => format!("{first}, and so it is with {others} more"),
    }
}

/// The first that breaks a schema, and how many do beside it.
fn violated(broken: &[Broken], count: usize) -> String {
    let first = broken.first().map_or_else(String::new, |Broken { subject, rule: _, description }| {
        if subject.is_empty() { description.clone() } else { format!("{subject}: {description}") }
    });
    match count.saturating_sub(1) {
        0 => first,
        others => format!("{first}; {others} more break the schema"),
    }
}

fn times(count: usize) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn fits(sent: Unit, matching: Option<Unit>) -> String {
    matching
        .map_or_else(String::new, |unit| format!("; this range fits the quote in {unit}, you sent {sent}"))
}

/// What refuses a call.
pub type Result<T, E = Error> = std::result::Result<T, E>;
