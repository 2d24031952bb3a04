//! What a file says, in its own words: nothing is held against a text or a limit yet.

use std::collections::BTreeMap;

use crate::domain::{
    annotations::{Anchoring, State},
    attributes::AttributeValue,
    ids::LayerId,
    layers::LayerDetails,
    projects::ProjectDetails,
    revisions::Timestamp,
    schema::SchemaDefinition,
    text::Unit,
};

/// Something that a file says.
#[derive(Debug, Clone)]
pub enum Record {
    /// What people say of the project.
    Project(ProjectDetails),
    /// What may be said in it.
    Schema(Box<SchemaDefinition>),
    /// A layer that is declared.
    Layer(LayerId, LayerDetails),
    /// An article with all that is said about it.
    Article(Box<ArticleRecord>),
}

/// An article with all that is said about it.
#[derive(Debug, Clone, Default)]
pub struct ArticleRecord {
    /// The file that the lines of it and of its annotations count in.
    pub path: String,
    /// The line that it begins on, from 1; 0 where lines say nothing.
    pub line: u64,
    /// Bytes of the file up to its end, where reading may begin again with the next record; none where it cannot.
    pub resume_at: Option<u64>,
    /// Its id. [`super::article_id_of`] makes one of a file's name.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its language, a BCP 47 tag.
    pub language: String,
    /// Where it came from: the path of its file, unless the file says something better.
    pub source_uri: String,
    /// Anything else.
    pub metadata: BTreeMap<String, String>,
    /// Its text as it is now, byte for byte.
    pub text: String,
    /// The texts that it had before, the first one first.
    pub older_texts: Vec<TextRecord>,
    /// What the ranges count, where the reader knows because it counted them itself; none for what the file counts.
    pub unit: Option<Unit>,
    /// What is said about it, in the order of the file.
    pub annotations: Vec<AnnotationRecord>,
    /// Which of its layers are submitted, and when they were.
    pub submitted: Vec<(LayerId, Option<Timestamp>)>,
    /// When it was created and last changed.
    pub times: Option<(Timestamp, Timestamp)>,
}

/// A text that an article had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextRecord {
    /// The text, byte for byte.
    pub text: String,
    /// When it was made.
    pub create_time: Option<Timestamp>,
}

/// Something that is said about an article.
#[derive(Debug, Clone, Default)]
pub struct AnnotationRecord {
    /// The line that it stands on, from 1; 0 where lines say nothing.
    pub line: u64,
    /// What the file calls it, such as `T1`, or a UUID; empty where it has no name there. No two of an article are the same.
    pub id: String,
    /// Its layer; none is the import's.
    pub layer: Option<String>,
    /// What it says.
    pub label: String,
    /// What it is about.
    pub target: TargetRecord,
    /// What else it says.
    pub attributes: BTreeMap<String, AttributeValue>,
    /// What somebody remarked on it.
    pub note: String,
    /// How sure a model is of it, 0 to 1.
    pub score: Option<f64>,
    /// What the review says.
    pub state: State,
    /// Full names of what it was made from.
    pub derived_from: Vec<String>,
    /// What only the native format keeps.
    pub kept: Option<Box<Kept>>,
}

/// What an annotation is about.
#[derive(Debug, Clone, Default)]
pub enum TargetRecord {
    /// Spans of the text.
    Spans(SpansRecord),
    /// Other annotations of the article: a role and what the file calls the annotation, each.
    Relation(Vec<(String, String)>),
    /// The article as a whole.
    #[default]
    Article,
}

/// Spans of the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpansRecord {
    /// The spans, in any order.
    pub spans: Vec<SpanRecord>,
    /// What they cover together, where the file says it of all of them at once.
    pub joined: Option<JoinedQuote>,
}

/// A span of the text: a range, a quote, or both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpanRecord {
    /// Its start and its end, in what the file counts.
    pub range: Option<(u64, u64)>,
    /// What it covers; empty where the file does not say.
    pub quote: String,
    /// What stands right before it; only with a quote.
    pub prefix: String,
    /// What stands right after it; only with a quote.
    pub suffix: String,
}

/// What several spans cover, one after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedQuote {
    /// The quotes, joined.
    pub quote: String,
    /// What stands between two of them, such as a space.
    pub joiner: &'static str,
    /// Whether line breaks of the text stand there as spaces.
    pub lines_as_spaces: bool,
}

/// What only the native format keeps of an annotation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kept {
    /// What the latest text made of it.
    pub anchoring: Option<Anchoring>,
    /// The text that it stands in, from 1: its article's latest, unless it is an orphan.
    pub text_revision: u32,
    /// When it was created and last changed.
    pub times: (Timestamp, Timestamp),
}

impl SpansRecord {
    /// One span, in what the file counts.
    #[must_use]
    pub fn one(start: u64, end: u64, quote: impl Into<String>) -> Self {
        let span = SpanRecord { range: Some((start, end)), quote: quote.into(), ..SpanRecord::default() };
        Self { spans: vec![span], joined: None }
    }
}
