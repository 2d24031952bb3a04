//! Which method takes which request, and how a request becomes one that may be sent twice.

use tonic::{Response, Status};

use super::{Client, request_id};
use crate::proto::v1;

/// A request of a unary method. It is a read, or it bears a request id: there is none that would be done twice.
pub trait Call: Clone + Send + Sync {
    /// What the method answers.
    type Answer: Send;

    /// Makes it one that happens once, however often it is sent: gives it a request id unless it has one, or nothing
    /// if it only reads.
    fn identify(&mut self);

    /// Sends it once. [`Client::call`] is what to use: it identifies the request, and tries again.
    fn send(self, client: Client) -> impl Future<Output = Result<Self::Answer, Status>> + Send;
}

macro_rules! calls {
    (@identify reads, $request:ident) => {};
    (@identify writes, $request:ident) => {
        if $request.request_id.is_empty() {
            $request.request_id = request_id();
        }
    };
    ($($kind:ident $service:ident.$method:ident($request:ident) -> $answer:ty;)+) => {$(
        impl Call for v1::$request {
            type Answer = $answer;

            fn identify(&mut self) {
                let _request = self;
                calls!(@identify $kind, _request);
            }

            async fn send(self, client: Client) -> Result<$answer, Status> {
                client.$service().$method(self).await.map(Response::into_inner)
            }
        }
    )+};
}

calls! {
    writes projects.create_project(CreateProjectRequest) -> v1::Project;
    reads projects.get_project(GetProjectRequest) -> v1::Project;
    reads projects.list_projects(ListProjectsRequest) -> v1::ListProjectsResponse;
    writes projects.update_project(UpdateProjectRequest) -> v1::Project;
    writes projects.delete_project(DeleteProjectRequest) -> ();
    reads projects.get_label_schema(GetLabelSchemaRequest) -> v1::LabelSchema;
    writes projects.update_label_schema(UpdateLabelSchemaRequest) -> v1::LabelSchema;
    writes articles.create_article(CreateArticleRequest) -> v1::Article;
    reads articles.get_article(GetArticleRequest) -> v1::Article;
    reads articles.list_articles(ListArticlesRequest) -> v1::ListArticlesResponse;
    writes articles.update_article(UpdateArticleRequest) -> v1::Article;
    writes articles.delete_article(DeleteArticleRequest) -> ();
    writes articles.batch_create_articles(BatchCreateArticlesRequest) -> v1::BatchCreateArticlesResponse;
    reads articles.batch_get_articles(BatchGetArticlesRequest) -> v1::BatchGetArticlesResponse;
    reads articles.convert_offsets(ConvertOffsetsRequest) -> v1::ConvertOffsetsResponse;
    writes articles.revise_article(ReviseArticleRequest) -> v1::ReviseArticleResponse;
    reads articles.list_article_revisions(ListArticleRevisionsRequest) -> v1::ListArticleRevisionsResponse;
    writes annotations.create_annotation(CreateAnnotationRequest) -> v1::Annotation;
    reads annotations.get_annotation(GetAnnotationRequest) -> v1::Annotation;
    reads annotations.list_annotations(ListAnnotationsRequest) -> v1::ListAnnotationsResponse;
    writes annotations.update_annotation(UpdateAnnotationRequest) -> v1::Annotation;
    writes annotations.delete_annotation(DeleteAnnotationRequest) -> ();
    writes annotations.batch_create_annotations(BatchCreateAnnotationsRequest) -> v1::BatchCreateAnnotationsResponse;
    writes annotations.commit_annotations(CommitAnnotationsRequest) -> v1::CommitAnnotationsResponse;
    writes layers.create_layer(CreateLayerRequest) -> v1::Layer;
    reads layers.get_layer(GetLayerRequest) -> v1::Layer;
    reads layers.list_layers(ListLayersRequest) -> v1::ListLayersResponse;
    writes layers.update_layer(UpdateLayerRequest) -> v1::Layer;
    writes layers.delete_layer(DeleteLayerRequest) -> ();
    reads layers.get_article_layer(GetArticleLayerRequest) -> v1::ArticleLayer;
    reads layers.list_article_layers(ListArticleLayersRequest) -> v1::ListArticleLayersResponse;
    writes layers.submit_layer(SubmitLayerRequest) -> v1::ArticleLayer;
    writes layers.reopen_layer(ReopenLayerRequest) -> v1::ArticleLayer;
    writes layers.copy_layer(CopyLayerRequest) -> v1::CopyLayerResponse;
    reads changes.list_changes(ListChangesRequest) -> v1::ListChangesResponse;
    writes changes.undo_commit(UndoCommitRequest) -> v1::UndoCommitResponse;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_gets_a_request_id_unless_it_has_one() {
        let mut request = v1::DeleteAnnotationRequest::default();
        request.identify();
        assert_eq!(request.request_id.len(), 36);
        let first = request.clone();
        request.identify();
        assert_eq!(request, first);
    }
}
