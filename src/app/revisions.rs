//! Articles are given other texts: their annotations are carried over outside of the writer, staged under a generation of
//! their own, and switched to by one small commit.

mod decision;
pub(super) mod generations;
mod reads;
mod work;

use std::sync::Arc;

use sha2::{Digest, Sha256};

pub use self::reads::TextRevisionPage;
pub(super) use self::reads::{at, place_at, require_text};
use self::work::Work;
use super::{
    App,
    annotation_rows::answer_bytes_of,
    articles::{ArticleAnswer, answer},
    calculate, changes,
    projects::ProjectHandle,
    unexpected,
};
use crate::{
    domain::{
        Error, Problem, Result, annotations::Annotation, details::too_many, ids::ArticleName,
        revisions::Revision, text::Text, text_revisions::AnchoringCounts,
    },
    limits::{ANSWER_BYTES_MAX, NEEDS_REVIEW_LISTED_MAX, REVISION_TRIES_MAX},
    store::{
        article_table::ArticlePlace,
        engine::{Attempt, Commit, EngineExt, Mode},
        keys::ArticleNumber,
        records::{ResourceChange, StoredArticle},
        text_revision_table,
    },
};

/// Another text for an article.
#[derive(Debug, Clone)]
pub struct NewText {
    /// Which article.
    pub name: ArticleName,
    /// The text.
    pub text: String,
    /// The etag that was read, or empty.
    pub etag: String,
}

/// What a revision did.
#[derive(Debug, Clone)]
pub struct Revised {
    /// The article, without its text.
    pub article: ArticleAnswer,
    /// What became of its annotations.
    pub counts: AnchoringCounts,
    /// Those that need a review, in document order, as far as an answer holds them.
    pub needs_review: Vec<Annotation>,
    /// The commit.
    pub revision: Revision,
}

/// A text that was sent.
struct ReadText {
    text: Arc<Text>,
    sha256: [u8; 32],
}

impl App {
    /// Gives an article another text.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND, ETAG_MISMATCH, FIELD_INVALID, LIMIT_EXCEEDED, REQUEST_ID_REUSED; OVERLOADED when others revise
    /// the article, or write its annotations, so fast that this one does not catch up.
    pub async fn revise_article(self: &Arc<Self>, new: NewText, attempt: Attempt) -> Result<Revised> {
        let NewText { name, text, etag } = new;
        let project = self.project(&name.parent())?;
        let text_bytes_max = self.settings.text_bytes_max;
        if text.len() > text_bytes_max {
            return Err(too_many("text", "the text", text.len(), text_bytes_max, "bytes"));
        }
        if let Some(request) = attempt.retried()
            && let Some(commit) = self.engine.carried_out(project.partition, *request).await?
        {
            return self.revised(&project, &commit).await;
        }
        let place = self.revisions.acquire().await;
        let _place = place.map_err(|_| Error::from(Problem::ShuttingDown))?;
        let new = calculate(text.len(), move || ReadText {
            sha256: Sha256::digest(text.as_bytes()).into(),
            text: Arc::new(Text::new(text)),
        });
        let new = new.await?;
        for _ in 0..REVISION_TRIES_MAX {
            let tried = self.try_to_revise(&project, &name, &etag, &new, attempt).await;
            match tried {
                // It was given another text meanwhile, or is another article by now: from there, then.
                Err(Error { problem: Problem::TextRevisionStale { .. }, field: _ }) => {}
                tried => return tried,
            }
        }
        Err(Problem::Overloaded.into())
    }

    async fn try_to_revise(
        self: &Arc<Self>,
        project: &Arc<ProjectHandle>,
        name: &ArticleName,
        etag: &str,
        new: &ReadText,
        attempt: Attempt,
    ) -> Result<Revised> {
        let mut work = match Work::begin(self, project, name, etag, new).await {
            Ok(work) => work,
            Err(refusal @ Error { problem: Problem::TextRevisionStale { .. }, field: _ }) => {
                return Err(refusal);
            }
            Err(refusal) => {
                let commit = self.first_try(project.partition, &attempt, refusal).await?;
                return self.revised(project, &commit).await;
            }
        };
        if attempt.mode == Mode::Check {
            let decision = work.decision(etag);
            let commit = self.engine.attempt(project.partition, Arc::new(decision), attempt).await?;
            return work.preview(&commit);
        }
        work.stage().await?;
        for _ in 0..REVISION_TRIES_MAX {
            work.catch_up().await?;
            let decision = work.decision(etag);
            match self.engine.attempt(project.partition, Arc::new(decision), attempt).await {
                // Too much was done to the annotations in the last moment.
                Err(Error { problem: Problem::Overloaded, field: _ }) => {}
                Err(refusal) => return Err(refusal),
                Ok(commit) => {
                    let revised = self.revised(project, &commit).await;
                    work.finish(new, &commit);
                    return revised;
                }
            }
        }
        Err(Problem::Overloaded.into())
    }

    /// What a commit that revised an article did to its annotations, as far as that is still there.
    async fn revised(&self, project: &Arc<ProjectHandle>, commit: &Commit) -> Result<Revised> {
        let (number, stored) = revised_article(commit)?;
        let text_revision = stored.article.text.revision;
        let asked = stored.clone();
        let read = self.engine.read(project.partition, move |view| {
            text_revision_table::get(view, number, &asked, text_revision)
        });
        let counts =
            read.await?.value.map_or(AnchoringCounts::default(), |found| found.text_revision.results);
        let article = answer(project, stored.clone(), None);
        let needs_review = self.needing_review(project, number, &stored, counts.needs_review).await?;
        Ok(Revised { article, counts, needs_review, revision: commit.stamp.revision })
    }

    /// The annotations that need a review, about `count` of them.
    async fn needing_review(
        &self,
        project: &Arc<ProjectHandle>,
        number: ArticleNumber,
        stored: &StoredArticle,
        count: u64,
    ) -> Result<Vec<Annotation>> {
        let name = stored.article.name(&project.id);
        let index = ArticlePlace::of(number, stored).annotations();
        let mut listed = Listed::new(&name);
        let mut after = None;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        while listed.annotations.len() < count {
            let entries = generations::read_some(self, project, index, after, |_| Ok(())).await?;
            let Some(last) = entries.last() else { break };
            after = Some(last.key.position());
            for entry in entries {
                let annotation = entry.annotation()?;
                let needs_review = annotation.anchoring.is_some_and(|anchoring| anchoring.needs_review);
                if needs_review && !listed.add(annotation) {
                    return Ok(listed.annotations);
                }
            }
        }
        Ok(listed.annotations)
    }
}

/// The article that a commit revised, as it is since.
fn revised_article(commit: &Commit) -> Result<(ArticleNumber, StoredArticle)> {
    match changes(commit).next() {
        Some(Ok(ResourceChange::Article { number, before: Some(_), after: Some(stored), .. })) => {
            Ok((number, stored))
        }
        Some(Err(error)) => Err(error),
        _ => Err(unexpected()),
    }
}

/// As many annotations as an answer holds beside the rest of it.
struct Listed<'n> {
    name: &'n ArticleName,
    annotations: Vec<Annotation>,
    bytes_left: usize,
}

impl<'n> Listed<'n> {
    fn new(name: &'n ArticleName) -> Self {
        // An article without its text, at most.
        const ARTICLE_BYTES: usize = 64 * 1_024;
        Self { name, annotations: Vec::new(), bytes_left: ANSWER_BYTES_MAX - ARTICLE_BYTES }
    }

    /// Whether there was room.
    fn add(&mut self, annotation: Annotation) -> bool {
        let bytes = answer_bytes_of(&annotation, self.name);
        if self.annotations.len() >= NEEDS_REVIEW_LISTED_MAX || bytes > self.bytes_left {
            return false;
        }
        self.bytes_left -= bytes;
        self.annotations.push(annotation);
        true
    }
}

#[cfg(test)]
mod tests;
