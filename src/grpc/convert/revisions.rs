//! Texts of articles.

use std::mem;

use super::{annotations, articles, attempt, spans, timestamp};
use crate::{
    app::revisions::{NewText, Revised, TextRevisionPage},
    domain::{
        Result,
        articles::TextIdentity,
        ids::ArticleName,
        requests::Method,
        text_revisions::{AnchoringCounts, TextRevision},
    },
    proto::v1,
    store::engine::Attempt,
};

/// What ReviseArticle asks for.
///
/// # Errors
///
/// FIELD_INVALID.
pub fn revise(mut request: v1::ReviseArticleRequest) -> Result<(NewText, Attempt)> {
    let id = mem::take(&mut request.request_id);
    let attempt = attempt(Method::ReviseArticle, request.validate_only, &id, &request)?;
    let v1::ReviseArticleRequest { name, text, etag, validate_only: _, request_id: _ } = request;
    Ok((NewText { name: ArticleName::parse("name", &name)?, text, etag }, attempt))
}

/// What ListArticleRevisions asks for: the article, page size and token.
///
/// # Errors
///
/// FIELD_INVALID.
pub fn list(request: v1::ListArticleRevisionsRequest) -> Result<(ArticleName, i32, String)> {
    let v1::ListArticleRevisionsRequest { parent, page_size, page_token } = request;
    Ok((ArticleName::parse("parent", &parent)?, page_size, page_token))
}

/// What a revision did, as clients see it.
#[must_use]
pub fn revised(revised: Revised) -> v1::ReviseArticleResponse {
    let Revised { article, counts, needs_review, revision } = revised;
    let (name, uid) = (article.name.clone(), article.uid);
    v1::ReviseArticleResponse {
        article: Some(articles::article(article)),
        needs_review_count: counts.needs_review,
        counts: Some(anchoring_counts(counts)),
        needs_review: needs_review.iter().map(|it| annotations::annotation(&name, uid, it)).collect(),
        revision: revision.0,
    }
}

/// A page of texts as clients see it.
#[must_use]
pub fn page(page: TextRevisionPage) -> v1::ListArticleRevisionsResponse {
    let TextRevisionPage { text_revisions, next_page_token, revision } = page;
    v1::ListArticleRevisionsResponse {
        article_revisions: text_revisions.into_iter().map(article_revision).collect(),
        next_page_token,
        revision: revision.0,
    }
}

fn article_revision(text: TextRevision) -> v1::ArticleRevision {
    let TextRevision { text, revision, create_time, results } = text;
    let TextIdentity { revision: text_revision, sha256, length } = text;
    v1::ArticleRevision {
        text_revision,
        text_sha256: articles::hexadecimal(&sha256),
        length: Some(spans::length(length)),
        revision: revision.0,
        create_time: Some(timestamp(create_time)),
        counts: Some(anchoring_counts(results)),
    }
}

fn anchoring_counts(counts: AnchoringCounts) -> v1::AnchoringCounts {
    let AnchoringCounts {
        unchanged,
        shifted,
        moved,
        modified,
        orphaned,
        needs_review: _,
        relations_needing_review,
    } = counts;
    v1::AnchoringCounts { unchanged, shifted, moved, modified, orphaned, relations_needing_review }
}
