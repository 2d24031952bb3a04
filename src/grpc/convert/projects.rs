//! Projects.

use std::mem;

use super::{attempt, id_or_name, required, timestamp};
use crate::{
    app::projects::{Deletion, ProjectPage, ProjectUpdate},
    domain::{
        Result,
        details::Mask,
        ids::{ProjectId, ProjectName},
        projects::{Project, ProjectDetails},
        requests::Method,
    },
    proto::v1,
    store::engine::{At, Attempt},
};

/// What CreateProject asks for.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED.
pub fn create(mut request: v1::CreateProjectRequest) -> Result<(Option<ProjectId>, ProjectDetails, Attempt)> {
    let id = mem::take(&mut request.request_id);
    let attempt = attempt(Method::CreateProject, request.validate_only, &id, &request)?;
    let v1::CreateProjectRequest { project_id, project, validate_only: _, request_id: _ } = request;
    let (name, details, _) = parts(project.unwrap_or_default())?;
    let id =
        id_or_name(("project_id", &project_id), ("project.name", &name), ProjectId::parse, |field, name| {
            Ok(ProjectName::parse(field, name)?.project)
        })?;
    Ok((id, details, attempt))
}

/// What UpdateProject asks for.
///
/// # Errors
///
/// FIELD_INVALID, LIMIT_EXCEEDED.
pub fn update(mut request: v1::UpdateProjectRequest) -> Result<(ProjectUpdate, Attempt)> {
    let id = mem::take(&mut request.request_id);
    let attempt = attempt(Method::UpdateProject, request.validate_only, &id, &request)?;
    let v1::UpdateProjectRequest { project, update_mask, allow_missing, validate_only: _, request_id: _ } =
        request;
    let (name, details, etag) = parts(required("project", project)?)?;
    let name = ProjectName::parse("project.name", &name)?;
    let mask = Mask::parse("update_mask", update_mask.as_ref().map(|mask| mask.paths.as_slice()))?;
    Ok((ProjectUpdate { name, details, mask, etag, allow_missing }, attempt))
}

/// What DeleteProject asks for.
///
/// # Errors
///
/// FIELD_INVALID.
pub fn delete(mut request: v1::DeleteProjectRequest) -> Result<(Deletion<ProjectName>, Attempt)> {
    let id = mem::take(&mut request.request_id);
    let attempt = attempt(Method::DeleteProject, request.validate_only, &id, &request)?;
    let v1::DeleteProjectRequest { name, etag, force, allow_missing, validate_only: _, request_id: _ } =
        request;
    let name = ProjectName::parse("name", &name)?;
    Ok((Deletion { name, etag, force, allow_missing }, attempt))
}

/// A project as clients see it.
#[must_use]
pub fn project(project: At<Project>) -> v1::Project {
    let At { value: project, revision: head } = project;
    let (name, etag) = (project.name().to_string(), project.etag().to_string());
    let Project { id: _, uid, details, revision: _, create_time, update_time } = project;
    let ProjectDetails { display_name, description, metadata } = details;
    v1::Project {
        name,
        display_name,
        description,
        metadata: metadata.into_iter().collect(),
        revision: head.0,
        create_time: Some(timestamp(create_time)),
        update_time: Some(timestamp(update_time)),
        etag,
        uid: uid.to_string(),
    }
}

/// A page of projects as clients see it.
#[must_use]
pub fn page(page: ProjectPage) -> v1::ListProjectsResponse {
    let ProjectPage { projects, next_page_token } = page;
    v1::ListProjectsResponse { projects: projects.into_iter().map(project).collect(), next_page_token }
}

/// The name, details and etag of a project that a client sent.
fn parts(project: v1::Project) -> Result<(String, ProjectDetails, String)> {
    let v1::Project {
        name,
        display_name,
        description,
        metadata,
        revision: _,
        create_time: _,
        update_time: _,
        etag,
        uid: _,
    } = project;
    let details = ProjectDetails::parse(display_name, description, metadata)
        .map_err(|error| error.within("project"))?;
    Ok((name, details, etag))
}
