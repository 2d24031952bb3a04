//! Articles.

use std::{mem, sync::Arc};

use super::{attempt, check_batch, id_or_name, not_alone, required, spans, timestamp};
use crate::{
    app::{
        article_commits::{ArticleUpdate, NewArticle},
        article_lists::ArticleQuery,
        articles::{ArticleAnswer, ArticlePage},
        projects::Deletion,
    },
    domain::{
        Error, Result,
        articles::{Article, ArticleDetails, TextIdentity},
        details::Mask,
        filter::ArticleFilter,
        ids::{ArticleId, ArticleName, ProjectName},
        requests::Method,
        text::{Position, Unit},
    },
    limits,
    proto::v1,
    store::engine::{At, Attempt},
};

/// What CreateArticle asks for.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED.
pub fn create(mut request: v1::CreateArticleRequest) -> Result<(ProjectName, NewArticle, Attempt)> {
    let id = mem::take(&mut request.request_id);
    let attempt = attempt(Method::CreateArticle, request.validate_only, &id, &request)?;
    let parent = ProjectName::parse("parent", &request.parent)?;
    let article = new(request, &parent, String::new())?;
    Ok((parent, article, attempt))
}

/// What BatchCreateArticles asks for.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED; the field names the request.
pub fn create_batch(
    mut request: v1::BatchCreateArticlesRequest,
) -> Result<(ProjectName, Vec<NewArticle>, Attempt)> {
    let id = mem::take(&mut request.request_id);
    let attempt = attempt(Method::BatchCreateArticles, request.validate_only, &id, &request)?;
    let v1::BatchCreateArticlesRequest { parent, requests, validate_only: _, request_id: _ } = request;
    let parent = ProjectName::parse("parent", &parent)?;
    check_batch("requests", "the batch", requests.len(), limits::BATCH_ARTICLES_MAX)?;
    let one = |(index, request): (usize, v1::CreateArticleRequest)| {
        let path = format!("requests[{index}]");
        let article = not_alone(request.validate_only, &request.request_id).and_then(|()| {
            if !request.parent.is_empty() && ProjectName::parse("parent", &request.parent)? != parent {
                return Err(Error::field("parent", format!("is not {parent}, the batch's; leave it out")));
            }
            new(request, &parent, path.clone())
        });
        article.map_err(|error| error.within(&path))
    };
    let articles = requests.into_iter().enumerate().map(one).collect::<Result<_>>()?;
    Ok((parent, articles, attempt))
}

/// What GetArticle asks for: the article, which of its texts, and whether with that.
///
/// # Errors
///
/// FIELD_INVALID.
pub fn get(request: v1::GetArticleRequest) -> Result<(ArticleName, u32, bool)> {
    let v1::GetArticleRequest { name, view, text_revision } = request;
    Ok((ArticleName::parse("name", &name)?, text_revision, with_text(view, true)?))
}

/// What BatchGetArticles asks for, and whether with the texts.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED.
pub fn get_batch(request: v1::BatchGetArticlesRequest) -> Result<(ProjectName, Vec<ArticleName>, bool)> {
    let v1::BatchGetArticlesRequest { parent, names, view } = request;
    let parent = ProjectName::parse("parent", &parent)?;
    check_batch("names", "the batch", names.len(), limits::BATCH_GET_NAMES_MAX)?;
    let one = |(index, name): (usize, &String)| {
        let field = format!("names[{index}]");
        let name = ArticleName::parse(&field, name)?;
        if name.parent() == parent {
            Ok(name)
        } else {
            Err(Error::field(field, format!("is not in {parent}")))
        }
    };
    let names = names.iter().enumerate().map(one).collect::<Result<_>>()?;
    Ok((parent, names, with_text(view, false)?))
}

/// What ListArticles asks for.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED.
pub fn list(request: v1::ListArticlesRequest) -> Result<ArticleQuery> {
    let v1::ListArticlesRequest { parent, page_size, page_token, view, filter } = request;
    Ok(ArticleQuery {
        project: ProjectName::parse("parent", &parent)?,
        filter: Arc::new(ArticleFilter::parse("filter", &filter)?),
        page_size,
        page_token,
        with_text: with_text(view, false)?,
    })
}

/// What UpdateArticle asks for.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED.
pub fn update(mut request: v1::UpdateArticleRequest) -> Result<(ArticleUpdate, Attempt)> {
    let id = mem::take(&mut request.request_id);
    let attempt = attempt(Method::UpdateArticle, request.validate_only, &id, &request)?;
    let v1::UpdateArticleRequest { article, update_mask, allow_missing, validate_only: _, request_id: _ } =
        request;
    let Parts { name, details, text, etag } = parts(required("article", article)?)?;
    let name = ArticleName::parse("article.name", &name)?;
    let mask = Mask::parse("update_mask", update_mask.as_ref().map(|mask| mask.paths.as_slice()))?;
    Ok((ArticleUpdate { name, details, text, mask, etag, allow_missing }, attempt))
}

/// What DeleteArticle asks for.
///
/// # Errors
///
/// FIELD_INVALID.
pub fn delete(mut request: v1::DeleteArticleRequest) -> Result<(Deletion<ArticleName>, Attempt)> {
    let id = mem::take(&mut request.request_id);
    let attempt = attempt(Method::DeleteArticle, request.validate_only, &id, &request)?;
    let v1::DeleteArticleRequest { name, etag, force, allow_missing, validate_only: _, request_id: _ } =
        request;
    let name = ArticleName::parse("name", &name)?;
    Ok((Deletion { name, etag, force, allow_missing }, attempt))
}

/// What ConvertOffsets asks for: the article, its text revision, the unit, and the offsets.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED.
pub fn convert_offsets(request: v1::ConvertOffsetsRequest) -> Result<(ArticleName, u32, Unit, Vec<u32>)> {
    let v1::ConvertOffsetsRequest { name, text_revision, unit, offsets } = request;
    let name = ArticleName::parse("name", &name)?;
    let unit = spans::unit("unit", unit)?;
    check_batch("offsets", "the list", offsets.len(), limits::CONVERT_OFFSETS_MAX)?;
    Ok((name, text_revision, unit, offsets))
}

/// Positions as clients see them.
#[must_use]
pub fn positions(positions: Vec<Position>) -> v1::ConvertOffsetsResponse {
    v1::ConvertOffsetsResponse { positions: positions.into_iter().map(spans::length).collect() }
}

/// An article as clients see it.
#[must_use]
pub fn article(answer: ArticleAnswer) -> v1::Article {
    let ArticleAnswer { uid, name, article, text } = answer;
    let etag = article.etag(uid).to_string();
    let Article { id: _, details, text: identity, revision, create_time, update_time } = article;
    let ArticleDetails { title, language, source_uri, metadata } = details;
    let TextIdentity { revision: text_revision, sha256, length } = identity;
    v1::Article {
        name: name.to_string(),
        title,
        text: text.map_or_else(String::new, |text| text.as_str().to_owned()),
        language,
        source_uri,
        metadata: metadata.into_iter().collect(),
        text_revision,
        text_sha256: hexadecimal(&sha256),
        length: Some(spans::length(length)),
        revision: revision.0,
        create_time: Some(timestamp(create_time)),
        update_time: Some(timestamp(update_time)),
        etag,
    }
}

/// A hash as clients see it.
pub(super) fn hexadecimal(sha256: &[u8; 32]) -> String {
    sha256.iter().fold(String::with_capacity(64), |hex, byte| hex + &format!("{byte:02x}"))
}

/// A page of articles as clients see it.
#[must_use]
pub fn page(page: ArticlePage) -> v1::ListArticlesResponse {
    let ArticlePage { articles, next_page_token, revision } = page;
    let articles = articles.into_iter().map(article).collect();
    v1::ListArticlesResponse { articles, next_page_token, revision: revision.0 }
}

/// Created articles as clients see them: without their texts, which they have.
#[must_use]
pub fn created(created: At<Vec<ArticleAnswer>>) -> v1::BatchCreateArticlesResponse {
    let without_text = |answer| article(ArticleAnswer { text: None, ..answer });
    let articles = created.value.into_iter().map(without_text).collect();
    v1::BatchCreateArticlesResponse { articles, revision: created.revision.0 }
}

/// Several articles as clients see them.
#[must_use]
pub fn batch(batch: At<Vec<ArticleAnswer>>) -> v1::BatchGetArticlesResponse {
    let articles = batch.value.into_iter().map(article).collect();
    v1::BatchGetArticlesResponse { articles, revision: batch.revision.0 }
}

/// What a client sent of an article.
struct Parts {
    name: String,
    details: ArticleDetails,
    text: String,
    etag: String,
}

fn new(request: v1::CreateArticleRequest, parent: &ProjectName, path: String) -> Result<NewArticle> {
    let v1::CreateArticleRequest { parent: _, article_id, article, validate_only: _, request_id: _ } =
        request;
    let Parts { name, details, text, etag: _ } = parts(required("article", article)?)?;
    let id =
        id_or_name(("article_id", &article_id), ("article.name", &name), ArticleId::parse, |field, name| {
            let name = ArticleName::parse(field, name)?;
            if name.parent() == *parent {
                Ok(name.article)
            } else {
                Err(Error::field(field, format!("is not in {parent}; leave it out")))
            }
        })?;
    Ok(NewArticle { path, id, details, text, create_time: None })
}

fn parts(article: v1::Article) -> Result<Parts> {
    let v1::Article {
        name,
        title,
        text,
        language,
        source_uri,
        metadata,
        text_revision: _,
        text_sha256: _,
        length: _,
        revision: _,
        create_time: _,
        update_time: _,
        etag,
    } = article;
    let details = ArticleDetails::parse(title, language, source_uri, metadata);
    Ok(Parts { name, details: details.map_err(|error| error.within("article"))?, text, etag })
}

fn with_text(view: i32, by_default: bool) -> Result<bool> {
    match v1::ArticleView::try_from(view) {
        Ok(v1::ArticleView::Unspecified) => Ok(by_default),
        Ok(v1::ArticleView::Basic) => Ok(false),
        Ok(v1::ArticleView::Full) => Ok(true),
        Err(_) => Err(Error::field(
            "view",
            format!("{view} is no view; send ARTICLE_VIEW_BASIC or ARTICLE_VIEW_FULL"),
        )),
    }
}
