//! An import that writes nothing: each article is decided about as if it were written.

use std::sync::Arc;

use super::{
    annotations::{AnnotationWrite, ImportedAnnotations, blamed, named},
    articles::Outcome,
    project::is_about_the_record,
};
use crate::{
    app::{App, projects::ProjectHandle, texts::ArticleHandle},
    domain::{
        Problem, Result,
        articles::{Article, TextIdentity},
        revisions::{Revision, Timestamp},
    },
    formats::exchange::ImportedArticle,
    limits::{IMPORT_CHECK_PROBLEMS_MAX, IMPORT_CHECK_WRITES_MAX},
    store::{
        article_table,
        engine::{Decision, Mode},
        keys::{ArticleNumber, Generation},
        records::StoredArticle,
    },
};

/// What a check says of what it did not look at.
const UNCHECKED: &str = "annotations that were not held against the label schema";

impl App {
    /// Decides about an article, and writes nothing.
    ///
    /// # Errors
    ///
    /// Where the server fails. What would be refused is in the outcome.
    pub(super) async fn check_article(
        &self,
        project: &Arc<ProjectHandle>,
        imported: ImportedArticle,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let name = project.name().article(imported.article.id.clone());
        let id = imported.article.id.clone();
        let stored =
            project.read(self.engine.as_ref(), move |view| article_table::find(view, &id)).await?.value;
        let (number, stored, is_new) = match stored {
            Some((number, stored)) => {
                if let Some(refusal) = super::articles::other_text(&imported, &stored) {
                    outcome.refuse_article(&imported, refusal);
                    return Ok(());
                }
                outcome.present += 1;
                (number, stored, false)
            }
            None => (ArticleNumber(0), unborn(&imported), true),
        };
        outcome.articles += 1;
        let handle = Arc::new(ArticleHandle {
            project: Arc::clone(project),
            name,
            number,
            generation: stored.text_generation,
            text: stored.article.text,
        });
        let ImportedArticle { path, line: _, resume_at: _, article, lines } = imported;
        let path: Arc<str> = path.into();
        let writes = article.annotations.into_iter().zip(lines).map(|(annotation, line)| AnnotationWrite {
            path: Arc::clone(&path),
            line,
            article: Arc::clone(&handle),
            annotation,
        });
        let latest = stored.article.text.revision;
        let mut writes: Vec<_> = writes.map(|write| write.in_text(latest)).collect();
        if !is_new {
            writes = self.without_present(project, writes, outcome).await?;
        }
        self.check_writes(project, is_new.then_some(&stored), writes, outcome).await
    }

    async fn check_writes(
        &self,
        project: &Arc<ProjectHandle>,
        unborn: Option<&StoredArticle>,
        mut writes: Vec<AnnotationWrite>,
        outcome: &mut Outcome,
    ) -> Result<()> {
        // What does not fit a commit is checked as far as it does: its rules look at what is near.
        if writes.len() > IMPORT_CHECK_WRITES_MAX {
            let beyond = writes.len() - IMPORT_CHECK_WRITES_MAX;
            let example = writes.first().map_or(String::new(), |write| write.article.name.to_string());
            let lost = (UNCHECKED.to_owned(), example);
            outcome.losses.extend(std::iter::repeat_n(lost, beyond));
            outcome.annotations += u64::try_from(beyond).unwrap_or(u64::MAX);
            writes.truncate(IMPORT_CHECK_WRITES_MAX);
        }
        let mut is_checked = false;
        for _ in 0..IMPORT_CHECK_PROBLEMS_MAX {
            let mut commit = ImportedAnnotations::new(project, writes.clone());
            commit.unborn = unborn.cloned();
            let decision: Arc<dyn Decision> = Arc::new(commit);
            let Err(refusal) = self.engine.attempt(project.partition, decision, Mode::Check.into()).await
            else {
                is_checked = true;
                break;
            };
            match blamed(&refusal) {
                Some((index, error)) if is_about_the_record(&error.problem) && index < writes.len() => {
                    let refused = writes.remove(index);
                    outcome.failed += 1;
                    outcome.refuse(&refused.path, refused.line, named(&refused.annotation, error));
                }
                None if matches!(refusal.problem, Problem::LimitExceeded { .. }) => break,
                Some(_) | None => return Err(refusal),
            }
        }
        if !is_checked {
            let example = writes.first().map_or(String::new(), |write| write.article.name.to_string());
            outcome.losses.extend(std::iter::repeat_n((UNCHECKED.to_owned(), example), writes.len()));
        }
        outcome.annotations += u64::try_from(writes.len()).unwrap_or(u64::MAX);
        Ok(())
    }
}

/// The article as it would be stored.
fn unborn(imported: &ImportedArticle) -> StoredArticle {
    let article = &imported.article;
    let text = TextIdentity {
        revision: article.text_revision(),
        sha256: super::sha256(&article.text),
        length: article.text.length(),
    };
    let article = Article {
        id: article.id.clone(),
        details: article.details.clone(),
        text,
        revision: Revision(0),
        create_time: Timestamp(0),
        update_time: Timestamp(0),
    };
    StoredArticle { article, text_generation: Generation::FIRST, annotation_generation: Generation::FIRST }
}
