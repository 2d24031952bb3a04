//! ProjectService.

use std::sync::Arc;

use tonic::Request;

use super::{
    convert::{label_schemas, projects as convert},
    generated::project_service_server::ProjectService,
    reply::{Reply, reply},
};
use crate::{app::App, domain::ids::ProjectName, proto::v1};

/// Projects over gRPC.
#[derive(Debug, Clone)]
pub struct Projects {
    app: Arc<App>,
}

impl Projects {
    /// The service over `app`.
    #[must_use]
    pub fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl ProjectService for Projects {
    async fn create_project(&self, request: Request<v1::CreateProjectRequest>) -> Reply<v1::Project> {
        reply(async {
            let (id, details, attempt) = convert::create(request.into_inner())?;
            self.app.create_project(id, details, attempt).await.map(convert::project)
        })
        .await
    }

    async fn get_project(&self, request: Request<v1::GetProjectRequest>) -> Reply<v1::Project> {
        reply(async {
            let v1::GetProjectRequest { name } = request.into_inner();
            self.app.get_project(&ProjectName::parse("name", &name)?).await.map(convert::project)
        })
        .await
    }

    async fn list_projects(
        &self,
        request: Request<v1::ListProjectsRequest>,
    ) -> Reply<v1::ListProjectsResponse> {
        reply(async {
            let v1::ListProjectsRequest { page_size, page_token } = request.into_inner();
            self.app.list_projects(page_size, &page_token).await.map(convert::page)
        })
        .await
    }

    async fn update_project(&self, request: Request<v1::UpdateProjectRequest>) -> Reply<v1::Project> {
        reply(async {
            let (update, attempt) = convert::update(request.into_inner())?;
            self.app.update_project(update, attempt).await.map(convert::project)
        })
        .await
    }

    async fn delete_project(&self, request: Request<v1::DeleteProjectRequest>) -> Reply<()> {
        reply(async {
            let (deletion, attempt) = convert::delete(request.into_inner())?;
            self.app.delete_project(deletion, attempt).await
        })
        .await
    }

    async fn get_label_schema(&self, request: Request<v1::GetLabelSchemaRequest>) -> Reply<v1::LabelSchema> {
        reply(async {
            let v1::GetLabelSchemaRequest { name } = request.into_inner();
            let project = label_schemas::project_of("name", &name)?;
            let (handle, schema) = self.app.get_label_schema(&project).await?;
            Ok(label_schemas::label_schema(&project, handle.uid, &schema))
        })
        .await
    }

    async fn update_label_schema(
        &self,
        request: Request<v1::UpdateLabelSchemaRequest>,
    ) -> Reply<v1::LabelSchema> {
        reply(async {
            let (update, attempt) = label_schemas::update(request.into_inner())?;
            let project = update.project.clone();
            let (handle, schema) = self.app.update_label_schema(update, attempt).await?;
            Ok(label_schemas::label_schema(&project, handle.uid, &schema.value))
        })
        .await
    }
}
