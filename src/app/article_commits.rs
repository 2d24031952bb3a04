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
        ids::{ArticleId, ArticleName, ProjectName},
        text::Text,
    },
    limits,
    store::{
        annotation_index::AnnotationIndex,
        article_table,
        engine::{At, Commit, Decision, Draft, Maintenance, Mode, Partition},
        keys::{self, ArticleNumber, Generation},
        project_table,
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

/// An article that is ready to be committed.
struct Prepared {
    path: String,
    number: ArticleNumber,
    id: ArticleId,
    details: ArticleDetails,
    identity: TextIdentity,
    text: Arc<Text>,
    staged: bool,
}

struct Creation {
    project: Arc<ProjectHandle>,
    articles: Vec<Prepared>,
}

impl Decision for Creation {
    fn decide(&self, draft: &mut Draft<'_>) -> Result<()> {
        project_table::require(draft, &self.project.name())?;
        for article in &self.articles {
            let Prepared { path, number, id, details, identity, text, staged } = article;
            if article_table::number(draft, id)?.is_some() {
                let name = self.project.name().article(id.clone()).to_string();
                let field =
                    if path.is_empty() { "article_id".to_owned() } else { format!("{path}.article_id") };
                return Err(Error::at(field, Problem::ResourceExists { name }));
            }
            let stamp = draft.stamp();
            let stored = StoredArticle {
                article: Article {
                    id: id.clone(),
                    details: details.clone(),
                    text: *identity,
                    revision: stamp.revision,
                    create_time: stamp.time,
                    update_time: stamp.time,
                },
                text_generation: Generation::FIRST,
            };
            article_table::insert(draft, *number, &stored)?;
            if *staged {
                draft.delete(keys::sweep(*number));
            } else {
                for (key, value) in article_table::text_rows(*number, Generation::FIRST, text.as_str()) {
                    draft.put(key, value);
                }
            }
            let change = ResourceChange::Article { number: *number, before: None, after: Some(stored) };
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
    /// RESOURCE_EXISTS, RESOURCE_NOT_FOUND (the project), LIMIT_EXCEEDED.
    pub async fn create_articles(
        self: &Arc<Self>,
        project: &ProjectName,
        new: Vec<NewArticle>,
        mode: Mode,
    ) -> Result<At<Vec<ArticleAnswer>>> {
        let project = self.project(project)?;
        self.check_texts(&new)?;
        let app = Arc::clone(self);
        detached(async move {
            let numbers = match mode {
                Mode::Apply | Mode::Finish => project.take_numbers(app.engine.as_ref(), new.len()).await?,
                // Nothing is kept under it.
                Mode::Check => vec![ArticleNumber(0); new.len()],
            };
            let bytes = new.iter().map(|article| article.text.len()).sum();
            let prepared =
                calculate(bytes, || new.into_iter().zip(numbers).map(prepare).collect::<Result<Vec<_>>>());
            let articles = prepared.await??;
            let texts: Vec<_> =
                articles.iter().map(|article| (article.number, Arc::clone(&article.text))).collect();
            let staged: Vec<_> =
                articles.iter().filter(|article| article.staged).map(|article| article.number).collect();
            let partition = project.partition;
            let creation = Creation { project: Arc::clone(&project), articles };
            let commit = match mode {
                Mode::Apply | Mode::Finish => app.stage_and_commit(creation).await.inspect_err(|_| {
                    for number in staged {
                        app.sweep(Sweep::Article(partition, number));
                    }
                })?,
                Mode::Check => app.engine.commit(partition, Arc::new(creation), mode).await?,
            };
            let mut answers = Vec::with_capacity(texts.len());
            for (change, (number, text)) in changes(&commit).zip(texts) {
                let ResourceChange::Article { after: Some(stored), .. } = change? else {
                    return Err(unexpected());
                };
                if mode == Mode::Apply {
                    app.keep_text(partition, number, stored.text_generation, Arc::clone(&text));
                }
                answers.push(answer(&project, stored, Some(text)));
            }
            Ok(At { value: answers, revision: commit.stamp.revision })
        })
        .await
    }

    /// Changes what is said of a text.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND, ETAG_MISMATCH, FIELD_INVALID.
    pub async fn update_article(
        self: &Arc<Self>,
        update: ArticleUpdate,
        mode: Mode,
    ) -> Result<At<ArticleAnswer>> {
        let project = self.project(&update.name.parent())?;
        if !update.allow_missing {
            return self.change_article(project, update, mode).await;
        }
        loop {
            let is_missing = self.is_missing(&project, &update.name.article).await?;
            let written = if is_missing {
                self.create_missing(update.clone(), mode).await
            } else {
                self.change_article(Arc::clone(&project), update.clone(), mode).await
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
        mode: Mode,
    ) -> Result<At<ArticleAnswer>> {
        let ArticleUpdate { name, details, text, mask: _, etag: _, allow_missing: _ } = update;
        let new = NewArticle { path: String::new(), id: Some(name.article.clone()), details, text };
        let created = self.create_articles(&name.parent(), vec![new], mode).await?;
        let value = created.value.into_iter().next().ok_or_else(unexpected)?;
        Ok(At { value, revision: created.revision })
    }

    async fn change_article(
        &self,
        project: Arc<ProjectHandle>,
        update: ArticleUpdate,
        mode: Mode,
    ) -> Result<At<ArticleAnswer>> {
        update.mask.require_etag("article.etag", &update.etag)?;
        let (update, sha256) = calculate(update.text.len(), move || {
            let sha256 = Sha256::digest(update.text.as_bytes()).into();
            (update, sha256)
        })
        .await?;
        let decision = article_update(Arc::clone(&project), update, sha256);
        let commit = self.engine.commit(project.partition, Arc::new(decision), mode).await?;
        match changes(&commit).next() {
            Some(Ok(ResourceChange::Article { after: Some(stored), .. })) => {
                Ok(At { value: answer(&project, stored, None), revision: commit.stamp.revision })
            }
            _ => Err(unexpected()),
        }
    }

    /// Deletes an article. What hangs on it can no longer be reached and is swept afterwards.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND, ETAG_MISMATCH, HAS_CHILDREN.
    pub async fn delete_article(self: &Arc<Self>, deletion: Deletion<ArticleName>, mode: Mode) -> Result<()> {
        let project = self.project(&deletion.name.parent())?;
        if deletion.allow_missing && self.is_missing(&project, &deletion.name.article).await? {
            return Ok(());
        }
        let app = Arc::clone(self);
        detached(async move {
            // Not the project, which may be what is missing by now.
            let missing = Problem::ResourceNotFound { name: deletion.name.to_string() };
            let allow_missing = deletion.allow_missing;
            let decision = article_deletion(Arc::clone(&project), deletion);
            let commit = match app.engine.commit(project.partition, Arc::new(decision), mode).await {
                Err(error) if allow_missing && error.problem == missing => return Ok(()),
                commit => commit?,
            };
            if mode == Mode::Apply
                && let Some(Ok(ResourceChange::Article { number, .. })) = changes(&commit).next()
            {
                app.sweep(Sweep::Article(project.partition, number));
            }
            Ok(())
        })
        .await
    }

    async fn is_missing(&self, project: &ProjectHandle, id: &ArticleId) -> Result<bool> {
        let id = id.clone();
        let number = project.read(self.engine.as_ref(), move |view| article_table::number(view, &id));
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

    async fn stage_and_commit(&self, creation: Creation) -> Result<Arc<Commit>> {
        let partition = creation.project.partition;
        self.stage_texts(partition, &creation.articles).await?;
        self.engine.commit(partition, Arc::new(creation), Mode::Apply).await
    }

    /// Writes long texts under numbers that no article has yet, a bounded number of rows at a time. The first rows
    /// say that they are to be swept, which the article's own commit takes back.
    async fn stage_texts(&self, partition: Partition, articles: &[Prepared]) -> Result<()> {
        for article in articles.iter().filter(|article| article.staged) {
            let sweep = (keys::sweep(article.number), Some(Bytes::new()));
            let text = article_table::text_rows(article.number, Generation::FIRST, article.text.as_str());
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

fn prepare((new, number): (NewArticle, ArticleNumber)) -> Result<Prepared> {
    let NewArticle { path, id, details, text } = new;
    let id = match id {
        Some(id) => id,
        None => ArticleId::parse("article_id", &Uuid::now_v7().to_string())?,
    };
    let sha256 = Sha256::digest(text.as_bytes()).into();
    let staged = text.len() > limits::TEXT_STAGED_ABOVE_BYTES;
    let text = Arc::new(Text::new(text));
    let identity = TextIdentity { revision: 1, sha256, length: text.length() };
    Ok(Prepared { path, number, id, details, identity, text, staged })
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
        before.article.etag(project.uid).check(etag, name).map_err(|error| error.within("article.etag"))?;
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
        let change = ResourceChange::Article { number, before: Some(before), after: Some(after) };
        draft.change(changed(Scope::article(project.partition, &name.article), &change));
        Ok(())
    }
}

fn article_deletion(project: Arc<ProjectHandle>, deletion: Deletion<ArticleName>) -> impl Decision + 'static {
    move |draft: &mut Draft<'_>| {
        let Deletion { name, etag, force, allow_missing: _ } = &deletion;
        project_table::require(draft, &project.name())?;
        let missing = || Error::at("name", Problem::ResourceNotFound { name: name.to_string() });
        let (number, before) = article_table::find(draft, &name.article)?.ok_or_else(missing)?;
        before.article.etag(project.uid).check(etag, name).map_err(|error| error.within("etag"))?;
        let annotations = AnnotationIndex::new(number, Generation::FIRST).count(draft)?;
        if annotations > 0 && !force {
            let children = format!("{annotations} annotation{}", if annotations == 1 { "" } else { "s" });
            return Err(Problem::HasChildren { name: name.to_string(), children }.into());
        }
        article_table::delete(draft, number, &name.article)?;
        let change = ResourceChange::Article { number, before: Some(before), after: None };
        draft.change(changed(Scope::article(project.partition, &name.article), &change));
        Ok(())
    }
}
