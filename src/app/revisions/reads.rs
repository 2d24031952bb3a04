//! The texts that an article has and had.

use std::sync::Arc;

use super::super::{App, pages, texts::ArticleHandle};
use crate::{
    domain::{Error, Problem, Result, ids::ArticleName, revisions::Revision, text_revisions::TextRevision},
    store::{
        article_table::{self, ArticlePlace},
        engine::View,
        keys::{ArticleNumber, Generation},
        records::StoredArticle,
        text_revision_table,
    },
};

/// A page of an article's texts.
#[derive(Debug)]
pub struct TextRevisionPage {
    /// The texts.
    pub text_revisions: Vec<TextRevision>,
    /// The next page's token, or empty.
    pub next_page_token: String,
    /// The project's revision that the page was read at.
    pub revision: Revision,
}

impl App {
    /// Lists the texts that an article has and had, the first one first.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND, PAGE_TOKEN_INVALID, FIELD_INVALID.
    pub async fn list_text_revisions(
        &self,
        name: &ArticleName,
        page_size: i32,
        page_token: &str,
    ) -> Result<TextRevisionPage> {
        let items = pages::items(page_size)?;
        let arguments = pages::Arguments::of("ListArticleRevisions", &[name.to_string().as_bytes()]);
        let from = match arguments.key(page_token)? {
            Some(key) => u32::from_be_bytes(key.try_into().map_err(|_| pages::damaged())?),
            None => 0,
        };
        let project = self.project(&name.parent())?;
        let asked = name.clone();
        let read = project.read(self.engine.as_ref(), move |view| {
            let (number, stored) = find(view, &asked).map_err(|error| error.within("parent"))?;
            let texts = text_revision_table::list(view, number, &stored, from).take(items + 1);
            texts.map(|text| text.map(|text| text.text_revision)).collect::<Result<Vec<_>>>()
        });
        let read = read.await?;
        let mut text_revisions = read.value;
        let next = if text_revisions.len() > items { text_revisions.pop() } else { None };
        let next_page_token =
            next.map_or_else(String::new, |next| arguments.token(&next.text.revision.to_be_bytes()));
        Ok(TextRevisionPage { text_revisions, next_page_token, revision: read.revision })
    }

    /// Where an article is with a text that it has or had; 0 is the latest.
    ///
    /// # Errors
    ///
    /// RESOURCE_NOT_FOUND, at `text_revision` when it never had that.
    pub(in crate::app) async fn article_at(
        &self,
        name: &ArticleName,
        text_revision: u32,
    ) -> Result<Arc<ArticleHandle>> {
        let article = self.article(name).await?;
        if text_revision == 0 || text_revision == article.text.revision {
            return Ok(article);
        }
        let (asked, number) = (name.clone(), article.number);
        let read = article.project.read(self.engine.as_ref(), move |view| {
            let stored = article_table::get(view, number)?;
            let missing = || Problem::ResourceNotFound { name: asked.to_string() };
            at(view, &asked, (number, &stored.ok_or_else(missing)?), text_revision)
        });
        let StoredArticle { article: then, text_generation, annotation_generation: _ } = read.await?.value;
        Ok(Arc::new(ArticleHandle {
            project: Arc::clone(&article.project),
            name: name.clone(),
            number,
            generation: text_generation,
            text: then.text,
        }))
    }
}

/// An article with a text that it has or had, and the annotations in it; 0 is the latest.
///
/// # Errors
///
/// RESOURCE_NOT_FOUND at `text_revision`.
pub(in crate::app) fn at(
    view: &dyn View,
    name: &ArticleName,
    (number, stored): (ArticleNumber, &StoredArticle),
    text_revision: u32,
) -> Result<StoredArticle> {
    let latest = stored.article.text.revision;
    if text_revision == 0 || text_revision == latest {
        return Ok(stored.clone());
    }
    let found = text_revision_table::get(view, number, stored, text_revision)?;
    let missing = || {
        let name = format!("text revision {text_revision} of {name}, whose latest is {latest},");
        Error::at("text_revision", Problem::ResourceNotFound { name })
    };
    Ok(found.ok_or_else(missing)?.article(stored))
}

/// Where the annotations of an article are that stood in a text that it has or had; 0 is the latest.
///
/// # Errors
///
/// RESOURCE_NOT_FOUND: of the article, too, when its number is not `number` any more.
pub(in crate::app) fn place_at(
    view: &dyn View,
    name: &ArticleName,
    number: ArticleNumber,
    text_revision: u32,
) -> Result<ArticlePlace> {
    let place = article_table::place(view, &name.article)?.filter(|place| place.number == number);
    let missing = || Problem::ResourceNotFound { name: name.to_string() };
    let place = place.ok_or_else(missing)?;
    if text_revision == 0 {
        return Ok(place);
    }
    let stored = article_table::get(view, number)?.ok_or_else(missing)?;
    Ok(ArticlePlace::of(number, &at(view, name, (number, &stored), text_revision)?))
}

/// Checks that an article still has the text of this generation.
///
/// # Errors
///
/// TEXT_REVISION_STALE, to be tried again.
pub(in crate::app) fn require_text(
    view: &dyn View,
    number: ArticleNumber,
    generation: Generation,
) -> Result<()> {
    match article_table::get(view, number)? {
        Some(stored) if stored.text_generation != generation => {
            let latest = stored.article.text.revision;
            Err(Problem::TextRevisionStale { sent: 0, latest }.into())
        }
        Some(_) | None => Ok(()),
    }
}

fn find(view: &dyn View, name: &ArticleName) -> Result<(ArticleNumber, StoredArticle)> {
    let found = article_table::find(view, &name.article)?;
    found.ok_or_else(|| Problem::ResourceNotFound { name: name.to_string() }.into())
}
