//! Which method takes which request.

use spandrel::proto::v1;
use tonic::{Response, Status};

use super::Client;

/// A request of a unary method.
pub trait Request {
    /// What the method answers.
    type Answer;

    /// Sends it.
    fn send(self, client: Client) -> impl Future<Output = Result<Self::Answer, Status>> + Send;
}

macro_rules! requests {
    ($($service:ident.$method:ident($request:ident) -> $answer:ty;)+) => {$(
        impl Request for v1::$request {
            type Answer = $answer;

            async fn send(self, mut client: Client) -> Result<$answer, Status> {
                client.$service.$method(self).await.map(Response::into_inner)
            }
        }
    )+};
}

requests! {
    projects.create_project(CreateProjectRequest) -> v1::Project;
    projects.get_project(GetProjectRequest) -> v1::Project;
    projects.list_projects(ListProjectsRequest) -> v1::ListProjectsResponse;
    projects.update_project(UpdateProjectRequest) -> v1::Project;
    projects.delete_project(DeleteProjectRequest) -> ();
    projects.get_label_schema(GetLabelSchemaRequest) -> v1::LabelSchema;
    projects.update_label_schema(UpdateLabelSchemaRequest) -> v1::LabelSchema;
    articles.create_article(CreateArticleRequest) -> v1::Article;
    articles.get_article(GetArticleRequest) -> v1::Article;
    articles.list_articles(ListArticlesRequest) -> v1::ListArticlesResponse;
    articles.update_article(UpdateArticleRequest) -> v1::Article;
    articles.delete_article(DeleteArticleRequest) -> ();
    articles.batch_create_articles(BatchCreateArticlesRequest) -> v1::BatchCreateArticlesResponse;
    articles.batch_get_articles(BatchGetArticlesRequest) -> v1::BatchGetArticlesResponse;
    articles.convert_offsets(ConvertOffsetsRequest) -> v1::ConvertOffsetsResponse;
    articles.revise_article(ReviseArticleRequest) -> v1::ReviseArticleResponse;
    articles.list_article_revisions(ListArticleRevisionsRequest) -> v1::ListArticleRevisionsResponse;
    annotations.create_annotation(CreateAnnotationRequest) -> v1::Annotation;
    annotations.get_annotation(GetAnnotationRequest) -> v1::Annotation;
    annotations.list_annotations(ListAnnotationsRequest) -> v1::ListAnnotationsResponse;
    annotations.update_annotation(UpdateAnnotationRequest) -> v1::Annotation;
    annotations.delete_annotation(DeleteAnnotationRequest) -> ();
    annotations.batch_create_annotations(BatchCreateAnnotationsRequest) -> v1::BatchCreateAnnotationsResponse;
    annotations.commit_annotations(CommitAnnotationsRequest) -> v1::CommitAnnotationsResponse;
    layers.create_layer(CreateLayerRequest) -> v1::Layer;
    layers.get_layer(GetLayerRequest) -> v1::Layer;
    layers.list_layers(ListLayersRequest) -> v1::ListLayersResponse;
    layers.update_layer(UpdateLayerRequest) -> v1::Layer;
    layers.delete_layer(DeleteLayerRequest) -> ();
    layers.get_article_layer(GetArticleLayerRequest) -> v1::ArticleLayer;
    layers.list_article_layers(ListArticleLayersRequest) -> v1::ListArticleLayersResponse;
    layers.submit_layer(SubmitLayerRequest) -> v1::ArticleLayer;
    layers.reopen_layer(ReopenLayerRequest) -> v1::ArticleLayer;
    layers.copy_layer(CopyLayerRequest) -> v1::CopyLayerResponse;
    changes.list_changes(ListChangesRequest) -> v1::ListChangesResponse;
    changes.undo_commit(UndoCommitRequest) -> v1::UndoCommitResponse;
}
