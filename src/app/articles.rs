//! Articles as they are read: one, several, and positions in their texts.

use std::sync::Arc;

use super::{App, calculate, projects::ProjectHandle, revisions};
use crate::{
    domain::{
        Error, Problem, Result,
        articles::{Article, ArticleDetails},
        details::too_many,
        ids::{ArticleName, ProjectName},
        revisions::{ProjectUid, Revision},
        text::{Position, Text, Unit},
    },
    limits,
    store::{article_table, engine::At, records::StoredArticle},
};

/// An article as it is answered.
#[derive(Debug, Clone)]
pub struct ArticleAnswer {
    /// The project's life.
    pub uid: ProjectUid,
    /// Its name.
    pub name: ArticleName,
    /// The article.
    pub article: Article,
    /// Its text, when it was asked for.
    pub text: Option<Arc<Text>>,
}

/// A page of articles.
#[derive(Debug)]
pub struct ArticlePage {
    /// The articles.
    pub articles: Vec<ArticleAnswer>,
    /// The next page's token, or empty.
    pub next_page_token: String,
    /// The project's revision that the page was read at.
    pub revision: Revision,
}

impl App {
    /// Reads an article with the number, and when `with_text` the text itself, of a text that it has or had; 0 is the latest.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND.
    pub async fn get_article(
        &self,
        name: &ArticleName,
        text_revision: u32,
        with_text: bool,
    ) -> Result<ArticleAnswer> {
        let project = self.project(&name.parent())?;
        let asked = name.clone();
        let read = project.read(self.engine.as_ref(), move |view| {
            let found = article_table::find(view, &asked.article)?;
            let missing = || Problem::ResourceNotFound { name: asked.to_string() };
            let (number, stored) = found.ok_or_else(missing)?;
            Ok((number, revisions::at(view, &asked, (number, &stored), text_revision)?))
        });
        let (number, stored) = read.await?.value;
        let text = if with_text { Some(self.text_of(&project, number, &stored).await?) } else { None };
        Ok(answer(&project, stored, text))
    }

    /// Reads articles of one project at one revision: all or none.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND; LIMIT_EXCEEDED when their texts do not fit into one answer.
    pub async fn get_articles(
        &self,
        project: &ProjectName,
        names: Vec<ArticleName>,
        with_text: bool,
    ) -> Result<At<Vec<ArticleAnswer>>> {
        let project = self.project(project)?;
        let read = project.read(self.engine.as_ref(), move |view| {
            let find = |(index, name): (usize, &ArticleName)| {
                let missing = Problem::ResourceNotFound { name: name.to_string() };
                let missing = Error::at(format!("names[{index}]"), missing);
                article_table::find(view, &name.article)?.ok_or(missing)
            };
            names.iter().enumerate().map(find).collect::<Result<Vec<_>>>()
        });
        let At { value: found, revision } = read.await?;
        let bytes: usize = found.iter().map(|(_, stored)| answer_bytes(stored, with_text)).sum();
        if bytes > limits::ANSWER_BYTES_MAX && found.len() > 1 {
            return Err(too_many("names", "the answer", bytes, limits::ANSWER_BYTES_MAX, "bytes"));
        }
        let mut answers = Vec::with_capacity(found.len());
        for (number, stored) in found {
            let text = if with_text { Some(self.text_of(&project, number, &stored).await?) } else { None };
            answers.push(answer(&project, stored, text));
        }
        Ok(At { value: answers, revision })
    }

    /// Converts positions in an article's text to all units.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND; OFFSET_NOT_ON_BOUNDARY and SPAN_OUT_OF_BOUNDS at `offsets[i]`.
    pub async fn convert_offsets(
        &self,
        name: &ArticleName,
        text_revision: u32,
        unit: Unit,
        offsets: Vec<u32>,
    ) -> Result<Vec<Position>> {
        let article = self.article_at(name, text_revision).await?;
        let text = self.text(&article).await?;
        calculate(text.walked_bytes(offsets.len()), move || {
            let convert = |(index, offset)| {
                text.position(unit, offset).map_err(|problem| Error::at(format!("offsets[{index}]"), problem))
            };
            offsets.into_iter().enumerate().map(convert).collect()
        })
        .await?
    }
}

/// What an article takes in an answer, at most.
pub(super) fn answer_bytes(stored: &StoredArticle, with_text: bool) -> usize {
    const FIXED: usize = 512;
    let text =
        if with_text { usize::try_from(stored.article.text.length.utf8).unwrap_or(usize::MAX) } else { 0 };
    let ArticleDetails { title, language, source_uri, metadata } = &stored.article.details;
    let metadata: usize = metadata.iter().map(|(key, value)| key.len() + value.len() + 16).sum();
    (FIXED + title.len() + language.len() + source_uri.len() + metadata).saturating_add(text)
}

pub(super) fn answer(
    project: &ProjectHandle,
    stored: StoredArticle,
    text: Option<Arc<Text>>,
) -> ArticleAnswer {
    let StoredArticle { article, text_generation: _, annotation_generation: _ } = stored;
    ArticleAnswer { uid: project.uid, name: article.name(&project.id), article, text }
}
