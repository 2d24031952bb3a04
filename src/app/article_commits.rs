//! Articles are created with their texts, changed beside their texts, and deleted.

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    App,
    answers::Scope,
    articles::{ArticleAnswer, answer},
    calculate, changed, changes, detached,
    projects::{Deletion, ProjectHandle},
    sweeper::Sweep,
    unexpected,
};
use crate::{
    domain::{
        Error, Problem, Result,
        articles::{Article, ArticleDetails, ArticleField, TextIdentity},
        details::{Mask, too_many},
        errors::Standing,
        ids::{ArticleId, ArticleName, ProjectName},
        revisions::Timestamp,
        text::Text,
    },
    limits,
    store::{
        article_table::{self, ArticlePlace},
        engine::{At, Attempt, Commit, Decision, Draft, Maintenance, Mode, Partition},
        keys::{self, ArticleNumber, Generation},
        layer_table, project_table,
        records::{ResourceChange, StoredArticle},
    },
};

/// An article to be created.
#[derive(Debug, Clone)]
pub struct NewArticle {
    /// Where in the request it stands.
    pub path: String,
    /// Its id, or none to be given one.
    pub id: Option<ArticleId>,
    /// What is said of it.
    pub details: ArticleDetails,
    /// Its text.
    pub text: String,
    /// When it was created elsewhere; none for now.
    pub create_time: Option<Timestamp>,
}

/// What an update of an article says.
#[derive(Debug, Clone)]
pub struct ArticleUpdate {
    /// Which article.
    pub name: ArticleName,
    /// The new values.
    pub details: ArticleDetails,
    /// The text, which an update cannot change; empty when it was not sent.
    pub text: String,
    /// Which of the values count.
    pub mask: Mask<ArticleField>,
    /// The etag that was read, or empty.
    pub etag: String,
    /// Whether a missing article is created.
    pub allow_missing: bool,
}

/// An article whose text is read.
struct Read {
    path: String,
    id: ArticleId,
    details: ArticleDetails,
    identity: TextIdentity,
    text: Arc<Text>,
    create_time: Option<Timestamp>,
}

/// An article that is ready to be committed.
struct Prepared {
    article: Read,
    number: ArticleNumber,
    staged: bool,
}

struct Creation {
    project: Arc<ProjectHandle>,
    articles: Vec<Prepared>,
}

impl Decision for Creation {
    fn decide(&self, draft: &mut Draft<'_>) -> Result<()> {
        project_table::require(draft, &self.project.name())?;
        for Prepared { article, number, staged } in &self.articles {
            let Read { path, id, details, identity, text, create_time } = article;
            if article_table::place(draft, id)?.is_some() {
                let name = self.project.name().article(id.clone()).to_string();
                let field =
                    if path.is_empty() { "article_id".to_owned() } else { format!("{path}.article_id") };
                return Err(Error::at(field, Problem::ResourceExists { name }));
            }
            let stamp = draft.stamp();
            // Elsewhere may be ahead of here.
            let created = create_time.map_or(stamp.time, |time| time.min(stamp.time));
            let stored = StoredArticle {
                article: Article {
                    id: id.clone(),
                    details: details.clone(),
                    text: *identity,
                    revision: stamp.revision,
                    create_time: created,
                    update_time: stamp.time,
                },
                text_generation: Generation::FIRST,
                annotation_generation: Generation::FIRST,
            };
            article_table::insert(draft, *number, &stored)?;
            if *staged {
                draft.delete(keys::sweep(*number));
            } else {
                for (key, value) in article_table::text_rows(*number, Generation::FIRST, text.as_str()) {
                    draft.put(key, value);
                }
            }
            let change = ResourceChange::Article {
                number: *number,
                before: None,
                after: Some(stored),
                cascaded: false,
            };
            draft.change(changed(Scope::article(self.project.partition, id), &change));
        }
        Ok(())
    }
}

impl App {
    /// Creates articles of one project: all or none.
    ///
    /// # Errors
    ///
    /// RESOURCE_EXISTS, RESOURCE_NOT_FOUND (the project), LIMIT_EXCEEDED, REQUEST_ID_REUSED.
    pub async fn create_articles(
        self: &Arc<Self>,
        project: &ProjectName,
        new: Vec<NewArticle>,
        attempt: impl Into<Attempt>,
    ) -> Result<At<Vec<ArticleAnswer>>> {
        let (project, attempt) = (self.project(project)?, attempt.into());
        self.check_texts(&new)?;
        let app = Arc::clone(self);
        detached(async move {
            let bytes = new.iter().map(|article| article.text.len()).sum();
            let read = calculate(bytes, || new.into_iter().map(read).collect::<Result<Vec<_>>>()).await??;
            let texts: Vec<_> = read.iter().map(|article| Arc::clone(&article.text)).collect();
            let (numbers, commit) = match attempt.mode {
                Mode::Apply | Mode::Finish => app.number_and_commit(&project, read, attempt).await?,
                Mode::Check => {
                    // Nothing is kept under it.
                    let numbers = vec![ArticleNumber(0); read.len()];
                    let articles = read.into_iter().zip(numbers.iter().copied()).map(prepared).collect();
                    let creation = Creation { project: Arc::clone(&project), articles };
                    let commit = app.engine.attempt(project.partition, Arc::new(creation), attempt).await?;
                    (numbers, commit)
                }
            };
            let mut answers = Vec::with_capacity(texts.len());
            for ((change, text), own) in changes(&commit).zip(texts).zip(numbers) {
                let ResourceChange::Article { number, after: Some(stored), .. } = change? else {
                    return Err(unexpected());
                };
                if attempt.mode == Mode::Apply && number == own {
                    let generation = stored.text_generation;
                    app.keep_text(project.partition, number, generation, Arc::clone(&text));
                }
                answers.push(answer(&project, stored, Some(text)));
            }
            Ok(At { value: answers, revision: commit.stamp.revision })
        })
        .await
    }

    /// Creates articles under new numbers, which are returned, too. Where a first try created them, its own stand in
    /// the commit, and these are left unused.
    async fn number_and_commit(
        &self,
        project: &Arc<ProjectHandle>,
        read: Vec<Read>,
        attempt: Attempt,
    ) -> Result<(Vec<ArticleNumber>, Arc<Commit>)> {
        let partition = project.partition;
        let is_staged = |article: &Read| article.text.as_str().len() > limits::TEXT_STAGED_ABOVE_BYTES;
        if let Some(request) = attempt.retried().filter(|_| read.iter().any(is_staged))
            && let Some(commit) = self.engine.carried_out(partition, *request).await?
        {
            return Ok((vec![ArticleNumber(0); read.len()], Arc::new(commit)));
        }
        let numbers = match project.take_numbers(self.engine.as_ref(), read.len()).await {
            Ok(numbers) => numbers,
            Err(refusal) => {
                let commit = self.first_try(partition, &attempt, refusal).await?;
                return Ok((vec![ArticleNumber(0); read.len()], commit));
            }
        };
        let staged = read.iter().zip(&numbers).filter(|(article, _)| is_staged(article));
        let staged: Vec<_> = staged.map(|(_, number)| *number).collect();
        let articles = read.into_iter().zip(numbers.iter().copied()).map(prepared).collect();
        let creation = Creation { project: Arc::clone(project), articles };
        let commit = self.stage_and_commit(creation, attempt).await;
        let is_own = |change: Result<ResourceChange>| {
            change.is_ok_and(|change| change.article_number().is_some_and(|number| numbers.contains(&number)))
        };
        if !commit.as_ref().is_ok_and(|commit| changes(commit).any(is_own)) {
            for number in staged {
                self.sweep(Sweep::Article(partition, number));
            }
        }
        Ok((numbers, commit?))
    }

    /// Changes what is said of a text.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND, ETAG_MISMATCH, FIELD_INVALID.
    pub async fn update_article(
        self: &Arc<Self>,
        update: ArticleUpdate,
        attempt: impl Into<Attempt>,
    ) -> Result<At<ArticleAnswer>> {
        let (project, attempt) = (self.project(&update.name.parent())?, attempt.into());
        if !update.allow_missing {
            return self.change_article(project, update, attempt).await;
        }
        loop {
            let is_missing = self.is_missing(&project, &update.name.article).await?;
            let written = if is_missing {
                self.create_missing(update.clone(), attempt).await
            } else {
                self.change_article(Arc::clone(&project), update.clone(), attempt).await
            };
            // Somebody else may have created it since, or deleted it.
            match written {
                Err(Error { problem: Problem::ResourceExists { .. }, .. }) if is_missing => {}
                Err(Error { problem: Problem::ResourceNotFound { .. }, .. }) if !is_missing => {}
                written => return written,
            }
        }
    }

    async fn create_missing(
        self: &Arc<Self>,
        update: ArticleUpdate,
        attempt: Attempt,
    ) -> Result<At<ArticleAnswer>> {
        let ArticleUpdate { name, details, text, mask: _, etag: _, allow_missing: _ } = update;
        let new = NewArticle {
            path: String::new(),
            id: Some(name.article.clone()),
            details,
            text,
            create_time: None,
        };
        let created = self.create_articles(&name.parent(), vec![new], attempt).await?;
        let value = created.value.into_iter().next().ok_or_else(unexpected)?;
        // An update answers without the text, and a retry as the first try.
        Ok(At { value: ArticleAnswer { text: None, ..value }, revision: created.revision })
    }

    async fn change_article(
        &self,
        project: Arc<ProjectHandle>,
        update: ArticleUpdate,
        attempt: Attempt,
    ) -> Result<At<ArticleAnswer>> {
        let commit = match update.mask.require_etag("article.etag", &update.etag) {
            Ok(()) => {
                let (update, sha256) = calculate(update.text.len(), move || {
                    let sha256 = Sha256::digest(update.text.as_bytes()).into();
                    (update, sha256)
                })
                .await?;
                let decision = article_update(Arc::clone(&project), update, sha256);
                self.engine.attempt(project.partition, Arc::new(decision), attempt).await?
            }
            // The first try may have created the article, which needs none.
            Err(refusal) => self.first_try(project.partition, &attempt, refusal).await?,
        };
        match changes(&commit).next() {
            Some(Ok(ResourceChange::Article { after: Some(stored), .. })) => {
                Ok(At { value: answer(&project, stored, None), revision: commit.stamp.revision })
            }
            _ => Err(unexpected()),
        }
    }

    /// Deletes an article. What hangs on it can no longer be reached; it is swept once the log has forgotten the
    /// deletion, which can be undone until then.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND, ETAG_MISMATCH, HAS_CHILDREN, REQUEST_ID_REUSED.
    pub async fn delete_article(
        self: &Arc<Self>,
        deletion: Deletion<ArticleName>,
        attempt: impl Into<Attempt>,
    ) -> Result<()> {
        let (project, attempt) = (self.project(&deletion.name.parent())?, attempt.into());
        // What a request finds missing is kept: its retry may come when there is another article of this name. For any
        // other deletion nothing is written then.
        let may_be_missing = deletion.allow_missing && attempt.retried().is_none();
        if may_be_missing && self.is_missing(&project, &deletion.name.article).await? {
            return Ok(());
        }
        // Not the project, which may be what is missing by now.
        let missing = Problem::ResourceNotFound { name: deletion.name.to_string() };
        let deletion = Deletion { allow_missing: deletion.allow_missing && !may_be_missing, ..deletion };
        let decision = article_deletion(Arc::clone(&project), deletion);
        match self.engine.attempt(project.partition, Arc::new(decision), attempt).await {
            Err(error) if may_be_missing && error.problem == missing => Ok(()),
            commit => commit.map(drop),
        }
    }

    async fn is_missing(&self, project: &ProjectHandle, id: &ArticleId) -> Result<bool> {
        let id = id.clone();
        let number = project.read(self.engine.as_ref(), move |view| article_table::place(view, &id));
        Ok(number.await?.value.is_none())
    }

    fn check_texts(&self, new: &[NewArticle]) -> Result<()> {
        for NewArticle { path, text, .. } in new {
            if text.len() > self.settings.text_bytes_max {
                let error = too_many("text", "the text", text.len(), self.settings.text_bytes_max, "bytes");
                return Err(error.within("article").within(path));
            }
        }
        let bytes = new.iter().map(|article| article.text.len()).sum();
        if new.len() > 1 && bytes > limits::BATCH_TEXT_BYTES_MAX {
            return Err(too_many(
                "requests",
                "the articles' text",
                bytes,
                limits::BATCH_TEXT_BYTES_MAX,
                "bytes",
            ));
        }
        Ok(())
    }

    async fn stage_and_commit(&self, creation: Creation, attempt: Attempt) -> Result<Arc<Commit>> {
        let partition = creation.project.partition;
        self.stage_texts(partition, &creation.articles).await?;
        self.engine.attempt(partition, Arc::new(creation), attempt).await
    }

    /// Writes long texts under numbers that no article has yet, a bounded number of rows at a time. The first rows
    /// say that they are to be swept, which the article's own commit takes back.
    async fn stage_texts(&self, partition: Partition, articles: &[Prepared]) -> Result<()> {
        for article in articles.iter().filter(|article| article.staged) {
            let sweep = (keys::sweep(article.number), Some(Bytes::new()));
            let text =
                article_table::text_rows(article.number, Generation::FIRST, article.article.text.as_str());
            let mut rows = std::iter::once(sweep).chain(text.map(|(key, value)| (key, Some(value))));
            loop {
                let rows: Vec<_> = rows.by_ref().take(limits::MAINTENANCE_ROWS_MAX).collect();
                if rows.is_empty() {
                    break;
                }
                self.engine.maintain(partition, Maintenance::of(rows).only_beside(keys::PROJECT)).await?;
            }
        }
        Ok(())
    }
}

fn read(new: NewArticle) -> Result<Read> {
    let NewArticle { path, id, details, text, create_time } = new;
    let id = match id {
        Some(id) => id,
        None => ArticleId::parse("article_id", &Uuid::now_v7().to_string())?,
    };
    let sha256 = Sha256::digest(text.as_bytes()).into();
    let text = Arc::new(Text::new(text));
    let identity = TextIdentity { revision: 1, sha256, length: text.length() };
    Ok(Read { path, id, details, identity, text, create_time })
}

fn prepared((article, number): (Read, ArticleNumber)) -> Prepared {
    let staged = article.text.as_str().len() > limits::TEXT_STAGED_ABOVE_BYTES;
    Prepared { article, number, staged }
}

fn article_update(
    project: Arc<ProjectHandle>,
    update: ArticleUpdate,
    sha256: [u8; 32],
) -> impl Decision + 'static {
    move |draft: &mut Draft<'_>| {
        let ArticleUpdate { name, details, text, mask, etag, allow_missing: _ } = &update;
        project_table::require(draft, &project.name())?;
        let missing = || Error::at("article.name", Problem::ResourceNotFound { name: name.to_string() });
        let (number, before) = article_table::find(draft, &name.article)?.ok_or_else(missing)?;
        check_etag(&project, &before, etag, name).map_err(|error| error.within("article.etag"))?;
        if *mask == Mask::Everything && !text.is_empty() && before.article.text.sha256 != sha256 {
            return Err(Error::field(
                "article.text",
                "an update cannot change the text; leave it out or send it as it is",
            ));
        }
        let mut after = before.clone();
        after.article.details.update(mask, details);
        after.article.revision = draft.stamp().revision;
        after.article.update_time = draft.stamp().time;
        article_table::put(draft, number, &after)?;
        let (before, after) = (Some(before), Some(after));
        let change = ResourceChange::Article { number, before, after, cascaded: false };
        draft.change(changed(Scope::article(project.partition, &name.article), &change));
        Ok(())
    }
}

pub(super) fn check_etag(
    project: &ProjectHandle,
    before: &StoredArticle,
    sent: &str,
    name: &ArticleName,
) -> Result<()> {
    let current = || Standing::Article(name.clone(), project.uid, before.article.clone());
    before.article.etag(project.uid).check(sent, name, current)
}

fn article_deletion(project: Arc<ProjectHandle>, deletion: Deletion<ArticleName>) -> impl Decision + 'static {
    move |draft: &mut Draft<'_>| {
        let Deletion { name, etag, force, allow_missing } = &deletion;
        project_table::require(draft, &project.name())?;
        let (number, before) = match article_table::find(draft, &name.article)? {
            Some(found) => found,
            None if *allow_missing => return Ok(()),
            None => return Err(Error::at("name", Problem::ResourceNotFound { name: name.to_string() })),
        };
        check_etag(&project, &before, etag, name).map_err(|error| error.within("etag"))?;
        let annotations = ArticlePlace::of(number, &before).annotations().count(draft)?;
        if annotations > 0 && !force {
            let children = format!("{annotations} annotation{}", if annotations == 1 { "" } else { "s" });
            return Err(Problem::HasChildren { name: name.to_string(), children }.into());
        }
        let was_submitted = layer_table::article_layers(draft, number).next().transpose()?.is_some();
        article_table::delete(draft, number, &name.article)?;
        let cascaded = annotations > 0 || was_submitted;
        let change = ResourceChange::Article { number, before: Some(before), after: None, cascaded };
        draft.change(changed(Scope::article(project.partition, &name.article), &change));
        Ok(())
    }
}
