//! What was read, held against its text: the domain's own types, which are imported and from which files are written.

use std::sync::Arc;

use crate::domain::{
    annotations::Annotation,
    articles::ArticleDetails,
    ids::{ArticleId, LayerId, ProjectId},
    layers::LayerDetails,
    projects::ProjectDetails,
    revisions::Timestamp,
    schema::SchemaDefinition,
    text::Text,
};

/// A project, without its articles.
#[derive(Debug, Clone)]
pub struct ProjectContents {
    /// Its id.
    pub id: ProjectId,
    /// What people say of it.
    pub details: ProjectDetails,
    /// What may be said in it; none where nobody set it.
    pub schema: Option<SchemaDefinition>,
    /// The layers that are declared, in the order of their ids.
    pub layers: Vec<(LayerId, LayerDetails)>,
}

/// An article with all that is said about it.
#[derive(Debug, Clone)]
pub struct ArticleContents {
    /// Its id.
    pub id: ArticleId,
    /// What people say of it.
    pub details: ArticleDetails,
    /// Its text as it is now.
    pub text: Arc<Text>,
    /// The texts that it had before, the first one first. The latest text's revision is their number and one.
    pub older_texts: Vec<OlderText>,
    /// When it was created and last changed; none where no file says so.
    pub times: Option<(Timestamp, Timestamp)>,
    /// What is said about it: as the file had it where it was read from one; otherwise whole-article annotations first, then
    /// spans in document order, then relations, then orphans.
    pub annotations: Vec<Annotation>,
    /// Its layers that are submitted.
    pub submitted: Vec<SubmittedLayer>,
}

/// A text that an article had.
#[derive(Debug, Clone)]
pub struct OlderText {
    /// The text.
    pub text: Arc<Text>,
    /// When it was made; none where no file says so.
    pub create_time: Option<Timestamp>,
}

/// A layer of an article that is submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmittedLayer {
    /// The layer.
    pub layer: LayerId,
    /// When it was; none where no file says so.
    pub submit_time: Option<Timestamp>,
}

/// An article that was read from a file.
#[derive(Debug, Clone)]
pub struct ImportedArticle {
    /// The file that lines count in.
    pub path: String,
    /// The line that it begins on; 0 where lines say nothing.
    pub line: u64,
    /// Bytes of the file up to its end, where reading may begin again; none where it cannot.
    pub resume_at: Option<u64>,
    /// The article. Annotations come after what they use. Their revision is 0, and so are their times, unless they are kept.
    pub article: ArticleContents,
    /// The line of each annotation.
    pub lines: Vec<u64>,
}

impl ArticleContents {
    /// The number of its latest text.
    #[must_use]
    pub fn text_revision(&self) -> u32 {
        u32::try_from(self.older_texts.len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// The text of a revision.
    #[must_use]
    pub fn text_at(&self, revision: u32) -> Option<&Arc<Text>> {
        let index = usize::try_from(revision.checked_sub(1)?).ok()?;
        match self.older_texts.get(index) {
            Some(older) => Some(&older.text),
            None => (index == self.older_texts.len()).then_some(&self.text),
        }
    }
}
