//! LayerService.

use std::sync::Arc;

use prost::Message;
use tonic::Request;

use super::{
    convert::layers as convert,
    encoded::Encoded,
    generated::layer_service_server::LayerService,
    reply::{Reply, reply},
};
use crate::{
    app::{App, answers::AnswerKey},
    domain::{
        ids::{ArticleLayerName, LayerName},
        layers::LayerState,
    },
    proto::v1,
};

/// Layers over gRPC.
#[derive(Debug, Clone)]
pub struct Layers {
    app: Arc<App>,
}

impl Layers {
    /// The service over `app`.
    #[must_use]
    pub fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl LayerService for Layers {
    async fn create_layer(&self, request: Request<v1::CreateLayerRequest>) -> Reply<v1::Layer> {
        reply(async {
            let (new, attempt) = convert::create(request.into_inner())?;
            let (project, layer) = self.app.create_layer(new, attempt).await?;
            Ok(convert::layer(&project.name(), project.uid, layer))
        })
        .await
    }

    async fn get_layer(&self, request: Request<v1::GetLayerRequest>) -> Reply<v1::Layer> {
        reply(async {
            let v1::GetLayerRequest { name } = request.into_inner();
            let (project, layer) = self.app.get_layer(&LayerName::parse("name", &name)?).await?;
            Ok(convert::layer(&project.name(), project.uid, layer))
        })
        .await
    }

    async fn list_layers(&self, request: Request<v1::ListLayersRequest>) -> Reply<v1::ListLayersResponse> {
        reply(async {
            let (parent, page_size, page_token) = convert::list(request.into_inner())?;
            let (project, page) = self.app.list_layers(&parent, page_size, &page_token).await?;
            Ok(convert::page(&parent, project.uid, page))
        })
        .await
    }

    async fn update_layer(&self, request: Request<v1::UpdateLayerRequest>) -> Reply<v1::Layer> {
        reply(async {
            let (update, attempt) = convert::update(request.into_inner())?;
            let (project, layer) = self.app.update_layer(update, attempt).await?;
            Ok(convert::layer(&project.name(), project.uid, layer))
        })
        .await
    }

    async fn delete_layer(&self, request: Request<v1::DeleteLayerRequest>) -> Reply<()> {
        reply(async {
            let (deletion, attempt) = convert::delete(request.into_inner())?;
            self.app.delete_layer(deletion, attempt).await
        })
        .await
    }

    async fn get_article_layer(
        &self,
        request: Request<v1::GetArticleLayerRequest>,
    ) -> Reply<Encoded<v1::ArticleLayer>> {
        reply(async {
            let v1::GetArticleLayerRequest { name } = request.into_inner();
            let key = AnswerKey::new("GetArticleLayer", name);
            if let Some(kept) = self.app.answers().get(&key) {
                return Ok(Encoded::Bytes(kept));
            }
            let name = ArticleLayerName::parse("name", key.text())?;
            let (layer, seen) = self.app.get_article_layer(&name).await?;
            let bytes = convert::article_layer(layer).encode_to_vec();
            self.app.answers().keep(key, seen, bytes.clone().into());
            Ok(Encoded::Bytes(bytes.into()))
        })
        .await
    }

    async fn list_article_layers(
        &self,
        request: Request<v1::ListArticleLayersRequest>,
    ) -> Reply<Encoded<v1::ListArticleLayersResponse>> {
        reply(async {
            let request = request.into_inner();
            let key = AnswerKey::new("ListArticleLayers", request.encode_to_vec());
            if let Some(kept) = self.app.answers().get(&key) {
                return Ok(Encoded::Bytes(kept));
            }
            let (page, seen) = self.app.list_article_layers(&convert::list_of_article(request)?).await?;
            let bytes = convert::page_of_article(page).encode_to_vec();
            self.app.answers().keep(key, seen, bytes.clone().into());
            Ok(Encoded::Bytes(bytes.into()))
        })
        .await
    }

    async fn submit_layer(&self, request: Request<v1::SubmitLayerRequest>) -> Reply<v1::ArticleLayer> {
        reply(async {
            let (name, attempt) = convert::submit(request.into_inner())?;
            let layer = self.app.set_layer_state(&name, LayerState::Submitted, attempt).await?;
            Ok(convert::article_layer(layer))
        })
        .await
    }

    async fn reopen_layer(&self, request: Request<v1::ReopenLayerRequest>) -> Reply<v1::ArticleLayer> {
        reply(async {
            let (name, attempt) = convert::reopen(request.into_inner())?;
            let layer = self.app.set_layer_state(&name, LayerState::Open, attempt).await?;
            Ok(convert::article_layer(layer))
        })
        .await
    }

    async fn copy_layer(&self, request: Request<v1::CopyLayerRequest>) -> Reply<v1::CopyLayerResponse> {
        reply(async {
            let (copy, attempt) = convert::copy(request.into_inner())?;
            self.app.copy_layer(copy, attempt).await.map(convert::copied)
        })
        .await
    }
}
