//! ArticleService.

use std::sync::Arc;

use tonic::Request;

use super::{
    convert::{articles as convert, revisions},
    generated::article_service_server::ArticleService,
    reply::{Reply, reply},
};
use crate::{
    app::App,
    domain::{Error, Result},
    proto::v1,
};

/// Articles over gRPC.
#[derive(Debug, Clone)]
pub struct Articles {
    app: Arc<App>,
}

impl Articles {
    /// The service over `app`.
    #[must_use]
    pub fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl ArticleService for Articles {
    async fn create_article(&self, request: Request<v1::CreateArticleRequest>) -> Reply<v1::Article> {
        reply(async {
            let (project, article, attempt) = convert::create(request.into_inner())?;
            let created = self.app.create_articles(&project, vec![article], attempt).await?;
            only(created.value).map(convert::article)
        })
        .await
    }

    async fn get_article(&self, request: Request<v1::GetArticleRequest>) -> Reply<v1::Article> {
        reply(async {
            let (name, text_revision, with_text) = convert::get(request.into_inner())?;
            self.app.get_article(&name, text_revision, with_text).await.map(convert::article)
        })
        .await
    }

    async fn list_articles(
        &self,
        request: Request<v1::ListArticlesRequest>,
    ) -> Reply<v1::ListArticlesResponse> {
        reply(async {
            let query = convert::list(request.into_inner())?;
            self.app.list_articles(&query).await.map(convert::page)
        })
        .await
    }

    async fn update_article(&self, request: Request<v1::UpdateArticleRequest>) -> Reply<v1::Article> {
        reply(async {
            let (update, attempt) = convert::update(request.into_inner())?;
            let updated = self.app.update_article(update, attempt).await?;
            Ok(convert::article(updated.value))
        })
        .await
    }

    async fn delete_article(&self, request: Request<v1::DeleteArticleRequest>) -> Reply<()> {
        reply(async {
            let (deletion, attempt) = convert::delete(request.into_inner())?;
            self.app.delete_article(deletion, attempt).await
        })
        .await
    }

    async fn batch_create_articles(
        &self,
        request: Request<v1::BatchCreateArticlesRequest>,
    ) -> Reply<v1::BatchCreateArticlesResponse> {
        reply(async {
            let (project, articles, attempt) = convert::create_batch(request.into_inner())?;
            self.app.create_articles(&project, articles, attempt).await.map(convert::created)
        })
        .await
    }

    async fn batch_get_articles(
        &self,
        request: Request<v1::BatchGetArticlesRequest>,
    ) -> Reply<v1::BatchGetArticlesResponse> {
        reply(async {
            let (project, names, with_text) = convert::get_batch(request.into_inner())?;
            self.app.get_articles(&project, names, with_text).await.map(convert::batch)
        })
        .await
    }

    async fn revise_article(
        &self,
        request: Request<v1::ReviseArticleRequest>,
    ) -> Reply<v1::ReviseArticleResponse> {
        reply(async {
            let (text, attempt) = revisions::revise(request.into_inner())?;
            self.app.revise_article(text, attempt).await.map(revisions::revised)
        })
        .await
    }

    async fn list_article_revisions(
        &self,
        request: Request<v1::ListArticleRevisionsRequest>,
    ) -> Reply<v1::ListArticleRevisionsResponse> {
        reply(async {
            let (name, page_size, page_token) = revisions::list(request.into_inner())?;
            self.app.list_text_revisions(&name, page_size, &page_token).await.map(revisions::page)
        })
        .await
    }

    async fn convert_offsets(
        &self,
        request: Request<v1::ConvertOffsetsRequest>,
    ) -> Reply<v1::ConvertOffsetsResponse> {
        reply(async {
            let (name, text_revision, unit, offsets) = convert::convert_offsets(request.into_inner())?;
            self.app.convert_offsets(&name, text_revision, unit, offsets).await.map(convert::positions)
        })
        .await
    }
}

/// The answer to a batch of one.
fn only<T>(answers: Vec<T>) -> Result<T> {
    answers.into_iter().next().ok_or_else(|| Error::corrupt("a commit answered nothing"))
}
