//! A batch of articles is written: those that are not there are created, then what is said about them.

use std::{collections::HashSet, sync::Arc};

use tokio::sync::OwnedSemaphorePermit;

use super::{ImportOptions, annotations::AnnotationWrite, project::is_about_the_record};
use crate::{
    app::{
        App, article_commits::NewArticle, projects::ProjectHandle, revisions::NewText, texts::ArticleHandle,
    },
    domain::{
        Error, Problem, Result, details::too_many, ids::ArticleId, layers::LayerState, revisions::Revision,
        text::Text,
    },
    formats::exchange::{ArticleContents, FileProblem, ImportedArticle, SubmittedLayer},
    limits::{IMPORT_BATCH_ANNOTATIONS, IMPORT_BATCH_ARTICLES, IMPORT_BATCH_BYTES},
    store::{
        article_table,
        engine::{At, Mode},
        keys::ArticleNumber,
        records::StoredArticle,
    },
};

/// Articles that are written together, and their shares of what may be held.
#[derive(Debug, Default)]
pub(super) struct Batch {
    articles: Vec<ImportedArticle>,
    ids: HashSet<ArticleId>,
    text_bytes: usize,
    annotations: usize,
    held: Vec<OwnedSemaphorePermit>,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) articles: u64,
    pub(super) annotations: u64,
    /// What is said of the project.
    pub(super) others: u64,
    pub(super) present: u64,
    pub(super) failed: u64,
    pub(super) problems: Vec<FileProblem>,
    pub(super) losses: Vec<(String, String)>,
    pub(super) revision: Revision,
    /// The file of the last article, and where reading it may begin again.
    pub(super) reached: Option<(String, u64)>,
}

/// Where an article is stored.
type Stored = Option<(ArticleNumber, StoredArticle)>;

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.articles.is_empty()
    }

    /// The ids of its articles.
    pub(super) fn ids(&self) -> impl Iterator<Item = ArticleId> + '_ {
        self.ids.iter().cloned()
    }

    /// Whether the article may go with the others: an article that comes twice goes twice.
    pub(super) fn has_room_for(&self, imported: &ImportedArticle) -> bool {
        let article = &imported.article;
        let fits = self.articles.len() < IMPORT_BATCH_ARTICLES
            && self.text_bytes.saturating_add(article.text.as_str().len()) <= IMPORT_BATCH_BYTES
            && self.annotations.saturating_add(article.annotations.len()) <= IMPORT_BATCH_ANNOTATIONS;
        self.is_empty() || (fits && !self.ids.contains(&article.id))
    }

    pub(super) fn add(&mut self, imported: ImportedArticle, held: OwnedSemaphorePermit) {
        let article = &imported.article;
        self.text_bytes = self.text_bytes.saturating_add(article.text.as_str().len());
        self.annotations = self.annotations.saturating_add(article.annotations.len());
        self.ids.insert(article.id.clone());
        self.articles.push(imported);
        self.held.push(held);
    }
}

impl Outcome {
    /// A record that was there already.
    pub(super) fn present() -> Self {
        Self { others: 1, present: 1, ..Self::default() }
    }

    /// A record that stays as the project has it.
    pub(super) fn lost(feature: &str, example: String) -> Self {
        Self { others: 1, losses: vec![(feature.to_owned(), example)], ..Self::default() }
    }

    pub(super) fn refuse(&mut self, path: &str, line: u64, error: Error) {
        self.problems.push(FileProblem { path: path.to_owned(), line, error });
    }

    /// Refuses an article with all that is said about it.
    pub(super) fn refuse_article(&mut self, imported: &ImportedArticle, error: Error) {
        let annotations = u64::try_from(imported.article.annotations.len()).unwrap_or(u64::MAX);
        self.failed += 1 + annotations;
        self.refuse(&imported.path, imported.line, error);
    }
}

impl App {
    /// Writes a batch.
    ///
    /// # Errors
    ///
    /// Where the server fails. What is refused is in the outcome.
    pub(super) async fn import_batch(
        self: Arc<Self>,
        project: &Arc<ProjectHandle>,
        options: &ImportOptions,
        batch: Batch,
    ) -> Result<Outcome> {
        let Batch { mut articles, ids: _, text_bytes: _, annotations: _, held } = batch;
        let mut outcome = Outcome::default();
        if let Some(last) = articles.last() {
            outcome.reached = Some((last.path.clone(), last.resume_at.unwrap_or(0)));
        }
        articles.retain(|imported| match self.check_sizes(&imported.article) {
            Ok(()) => true,
            Err(error) => {
                outcome.refuse_article(imported, error);
                false
            }
        });
        if options.validate_only {
            for imported in articles {
                self.check_article(project, imported, &mut outcome).await?;
            }
            return Ok(outcome);
        }
        let before = self.create_missing_articles(project, &mut articles, &mut outcome).await?;
        self.add_texts(project, &mut articles, &before, &mut outcome).await?;
        self.annotate_batch(project, articles, &before, &mut outcome).await?;
        drop(held);
        Ok(outcome)
    }

    fn check_sizes(&self, article: &ArticleContents) -> Result<()> {
        let limit = self.settings.text_bytes_max;
        let texts = article.older_texts.iter().map(|older| &older.text).chain([&article.text]);
        for text in texts {
            if text.as_str().len() > limit {
                return Err(too_many("text", "the text", text.as_str().len(), limit, "bytes"));
            }
        }
        Ok(())
    }

    /// Where each of these articles is.
    async fn stored_articles(
        &self,
        project: &Arc<ProjectHandle>,
        ids: Vec<ArticleId>,
    ) -> Result<At<Vec<Stored>>> {
        let read = project.read(self.engine.as_ref(), move |view| {
            ids.iter().map(|id| article_table::find(view, id)).collect::<Result<Vec<_>>>()
        });
        read.await
    }

    /// Creates the articles that are not there, and refuses those that are there with another text. Answers which were there.
    async fn create_missing_articles(
        self: &Arc<Self>,
        project: &Arc<ProjectHandle>,
        articles: &mut Vec<ImportedArticle>,
        outcome: &mut Outcome,
    ) -> Result<HashSet<ArticleId>> {
        const TRIES: usize = 4;
        let mut tries = 0;
        loop {
            let ids = articles.iter().map(|imported| imported.article.id.clone()).collect();
            let stored = self.stored_articles(project, ids).await?.value;
            let there: Vec<_> = articles.iter().zip(&stored).map(there).collect();
            let new = articles.iter().zip(&stored).filter(|(_, stored)| stored.is_none());
            let new: Vec<_> = new.enumerate().map(|(index, (it, _))| new_article(index, it)).collect();
            let created = u64::try_from(new.len()).unwrap_or(u64::MAX);
            if !new.is_empty() {
                match self.create_articles(&project.name(), new, Mode::Apply).await {
                    Ok(at) => outcome.revision = outcome.revision.max(at.revision),
                    // Somebody else creates the same ones.
                    Err(Error { problem: Problem::ResourceExists { .. }, field: _ }) if tries < TRIES => {
                        tries += 1;
                        continue;
                    }
                    Err(error) if is_about_the_record(&error.problem) => {
                        self.create_one_by_one(project, articles, &stored, outcome).await?;
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            }
            let mut before = HashSet::new();
            let mut there = there.into_iter();
            articles.retain(|imported| match there.next().flatten() {
                None => true,
                Some(There { refusal: None, details_differ }) => {
                    before.insert(imported.article.id.clone());
                    if details_differ {
                        let example = imported.article.id.to_string();
                        outcome.losses.push(("details of an article that has its own".to_owned(), example));
                    }
                    true
                }
                Some(There { refusal: Some(error), details_differ: _ }) => {
                    outcome.refuse_article(imported, error);
                    false
                }
            });
            let present = u64::try_from(before.len()).unwrap_or(u64::MAX);
            outcome.articles += created + present;
            outcome.present += present;
            return Ok(before);
        }
    }

    /// Creates the articles that are not there by themselves, and leaves out those that are refused.
    async fn create_one_by_one(
        self: &Arc<Self>,
        project: &Arc<ProjectHandle>,
        articles: &mut Vec<ImportedArticle>,
        stored: &[Stored],
        outcome: &mut Outcome,
    ) -> Result<()> {
        let mut kept = Vec::with_capacity(articles.len());
        for (imported, stored) in articles.drain(..).zip(stored) {
            if stored.is_some() {
                kept.push(imported);
                continue;
            }
            let new = vec![new_article(0, &imported)];
            match self.create_articles(&project.name(), new, Mode::Apply).await {
                Ok(at) => {
                    outcome.revision = outcome.revision.max(at.revision);
                    kept.push(imported);
                }
                Err(Error { problem: Problem::ResourceExists { .. }, field: _ }) => kept.push(imported),
                Err(error) if is_about_the_record(&error.problem) => outcome.refuse_article(&imported, error),
                Err(error) => return Err(error),
            }
        }
        *articles = kept;
        Ok(())
    }

    /// Gives articles the texts that followed their first one, as far as they do not have them.
    async fn add_texts(
        self: &Arc<Self>,
        project: &Arc<ProjectHandle>,
        articles: &mut Vec<ImportedArticle>,
        before: &HashSet<ArticleId>,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let mut refused = HashSet::new();
        for imported in articles.iter().filter(|imported| !imported.article.older_texts.is_empty()) {
            let article = &imported.article;
            let name = project.name().article(article.id.clone());
            let latest =
                if before.contains(&article.id) { self.article(&name).await?.text.revision } else { 1 };
            for revision in latest.saturating_add(1)..=article.text_revision() {
                let Some(text) = article.text_at(revision) else { break };
                let text = text.as_str().to_owned();
                let new = NewText { name: name.clone(), text, etag: String::new() };
                match self.revise_article(new, Mode::Apply.into()).await {
                    Ok(revised) => {
                        outcome.revision = outcome.revision.max(revised.revision);
                        outcome.losses.push(("when a text was revised".to_owned(), name.to_string()));
                    }
                    Err(error) if is_about_the_record(&error.problem) => {
                        outcome.refuse_article(imported, error);
                        refused.insert(article.id.clone());
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        articles.retain(|imported| !refused.contains(&imported.article.id));
        Ok(())
    }

    /// Writes what is said about articles that are there.
    async fn annotate_batch(
        self: &Arc<Self>,
        project: &Arc<ProjectHandle>,
        articles: Vec<ImportedArticle>,
        before: &HashSet<ArticleId>,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let ids = articles.iter().map(|imported| imported.article.id.clone()).collect();
        let stored = self.stored_articles(project, ids).await?.value;
        let mut writes = Vec::new();
        let mut submitted = Vec::new();
        for (imported, stored) in articles.into_iter().zip(stored) {
            let name = project.name().article(imported.article.id.clone());
            let Some((number, stored)) = stored else {
                let error = Problem::ResourceNotFound { name: name.to_string() }.into();
                outcome.refuse_article(&imported, error);
                continue;
            };
            let handle = Arc::new(ArticleHandle {
                project: Arc::clone(project),
                name: name.clone(),
                number,
                generation: stored.text_generation,
                text: stored.article.text,
            });
            let was_there = before.contains(&imported.article.id);
            let ImportedArticle { path, line: _, resume_at: _, article, lines } = imported;
            let path: Arc<str> = path.into();
            for SubmittedLayer { layer, submit_time } in article.submitted {
                if submit_time.is_some() {
                    let example = name.layer(layer.clone()).to_string();
                    outcome.losses.push(("when a layer was submitted".to_owned(), example));
                }
                submitted.push((Arc::clone(&path), name.layer(layer)));
            }
            for annotation in article.annotations.iter().filter(|it| it.update_time != it.create_time) {
                let example = name.annotation(annotation.id).to_string();
                outcome.losses.push(("when it was last changed".to_owned(), example));
            }
            let latest = stored.article.text.revision;
            let of_article = article.annotations.into_iter().zip(lines).map(|(annotation, line)| {
                AnnotationWrite { path: Arc::clone(&path), line, article: Arc::clone(&handle), annotation }
            });
            let of_article: Vec<_> = of_article.map(|write| write.in_text(latest)).collect();
            if was_there {
                writes.extend(self.without_present(project, of_article, outcome).await?);
            } else {
                writes.extend(of_article);
            }
        }
        self.write_annotations(project, writes, outcome).await?;
        for (path, layer) in submitted {
            let set = self.set_layer_state(&layer, LayerState::Submitted, Mode::Apply.into()).await;
            match set {
                Ok(_) => {}
                Err(error) if is_about_the_record(&error.problem) => {
                    outcome.failed += 1;
                    outcome.refuse(&path, 0, error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// An article that is there already.
struct There {
    /// Why it cannot be taken for the imported one.
    refusal: Option<Error>,
    details_differ: bool,
}

/// What is there under an imported article's id.
fn there((imported, stored): (&ImportedArticle, &Stored)) -> Option<There> {
    let (_, stored) = stored.as_ref()?;
    let details_differ = stored.article.details != imported.article.details;
    Some(There { refusal: other_text(imported, stored), details_differ })
}

/// Why an article that is there already cannot be taken for the imported one: it has another text than that, or one of those
/// that this one followed.
pub(super) fn other_text(imported: &ImportedArticle, stored: &StoredArticle) -> Option<Error> {
    let article = &imported.article;
    let has = |text: &Text| {
        text.length() == stored.article.text.length && super::sha256(text) == stored.article.text.sha256
    };
    let is_ours = if article.older_texts.is_empty() {
        has(&article.text)
    } else {
        article.text_at(stored.article.text.revision).is_some_and(|text| has(text))
    };
    let message = || {
        format!(
            "the article {} is there with another text, which stays; import this one under another id, or revise the text \
             that is there",
            article.id
        )
    };
    (!is_ours).then(|| Error::field("text", message()))
}

/// The article with its first text, to be created.
fn new_article(index: usize, imported: &ImportedArticle) -> NewArticle {
    let ArticleContents { id, details, text, older_texts, times, annotations: _, submitted: _ } =
        &imported.article;
    let first = older_texts.first().map_or(text, |older| &older.text);
    NewArticle {
        path: format!("articles[{index}]"),
        id: Some(id.clone()),
        details: details.clone(),
        text: first.as_str().to_owned(),
        create_time: times.map(|(created, _)| created),
    }
}
