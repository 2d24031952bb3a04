//! Projects.

use super::{
    details::{self, Field, Mask, Metadata},
    errors::Result,
    ids::{ProjectId, ProjectName},
    revisions::{Etag, ProjectUid, Revision, Timestamp},
};
use crate::limits;

/// A project, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// This life of it.
    pub uid: ProjectUid,
    /// What people say of it.
    pub details: ProjectDetails,
    /// When it was last changed itself.
    pub revision: Revision,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it was last changed itself.
    pub update_time: Timestamp,
}

/// What people say of a project, within its limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectDetails {
    /// What people call it.
    pub display_name: String,
    /// What it is for.
    pub description: String,
    /// Anything else.
    pub metadata: Metadata,
}

/// A field that an update of a project can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectField {
    /// `display_name`
    DisplayName,
    /// `description`
    Description,
    /// `metadata`
    Metadata,
}

impl Field for ProjectField {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("display_name", Self::DisplayName),
        ("description", Self::Description),
        ("metadata", Self::Metadata),
    ];
}

impl Project {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> ProjectName {
        ProjectName { project: self.id.clone() }
    }

    /// Its etag.
    #[must_use]
    pub fn etag(&self) -> Etag {
        Etag::new(self.uid, self.revision)
    }
}

impl ProjectDetails {
    /// Checks every field against its limit.
    ///
    /// # Errors
    ///
    /// FIELD_INVALID or LIMIT_EXCEEDED at the field, within `project`.
    pub fn parse(
        display_name: String,
        description: String,
        metadata: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self> {
        Ok(Self {
            display_name: details::bounded(
                "display_name",
                "the display name",
                display_name,
                limits::DISPLAY_NAME_BYTES_MAX,
            )?,
            description: details::bounded(
                "description",
                "the description",
                description,
                limits::DESCRIPTION_BYTES_MAX,
            )?,
            metadata: details::metadata("metadata", metadata)?,
        })
    }

    /// Takes the fields that `mask` names from `new`.
    pub fn update(&mut self, mask: &Mask<ProjectField>, new: &Self) {
        let Self { display_name, description, metadata } = new;
        if mask.names(ProjectField::DisplayName) {
            self.display_name.clone_from(display_name);
        }
        if mask.names(ProjectField::Description) {
            self.description.clone_from(description);
        }
        if mask.names(ProjectField::Metadata) {
            self.metadata.clone_from(metadata);
        }
    }
}
