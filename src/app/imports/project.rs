//! What files say of a project itself: taken where the project says nothing of its own, and never put over what it says.

use std::sync::Arc;

use super::{ImportOptions, articles::Outcome, parsing::ProjectPart};
use crate::{
    app::{
        App,
        label_schemas::SchemaUpdate,
        layers::NewLayer,
        projects::{ProjectHandle, ProjectUpdate},
    },
    domain::{
        Error, Problem, Result,
        details::Mask,
        ids::LayerId,
        layers::LayerDetails,
        projects::{ProjectDetails, ProjectField},
        schema::{LabelSchema, SchemaDefinition, SchemaField},
    },
    formats::exchange::FileProblem,
    store::engine::{Attempt, Mode},
};

impl App {
    /// Takes what a file says of the project.
    ///
    /// # Errors
    ///
    /// As every write. What is refused is an outcome.
    pub(super) async fn import_project_part(
        self: &Arc<Self>,
        project: &Arc<ProjectHandle>,
        options: &ImportOptions,
        part: ProjectPart,
    ) -> Result<Outcome> {
        let mode = if options.validate_only { Mode::Check } else { Mode::Apply };
        let taken = match part {
            ProjectPart::Details(details) => self.import_details(project, details, mode).await,
            ProjectPart::Schema(schema) => self.import_schema(project, *schema, mode.into()).await,
            ProjectPart::Layer(id, details) => self.import_layer(project, id, details, mode.into()).await,
        };
        match taken {
            Ok(outcome) => Ok(outcome),
            Err(error) if is_about_the_record(&error.problem) => {
                let problem = FileProblem { path: options.project.to_string(), line: 0, error };
                Ok(Outcome { failed: 1, problems: vec![problem], ..Outcome::default() })
            }
            Err(error) => Err(error),
        }
    }

    async fn import_details(
        self: &Arc<Self>,
        project: &Arc<ProjectHandle>,
        details: ProjectDetails,
        mode: Mode,
    ) -> Result<Outcome> {
        let current = self.get_project(&project.name()).await?.value.details;
        if current == details {
            return Ok(Outcome::present());
        }
        if current != ProjectDetails::default() {
            return Ok(Outcome::lost("details of a project that has its own", project.id.to_string()));
        }
        let fields = vec![ProjectField::DisplayName, ProjectField::Description, ProjectField::Metadata];
        let (name, etag) = (project.name(), String::new());
        let update = ProjectUpdate { name, details, mask: Mask::Only(fields), etag, allow_missing: false };
        let updated = self.update_project(update, mode).await?;
        Ok(Outcome { others: 1, revision: updated.revision, ..Outcome::default() })
    }

    async fn import_schema(
        &self,
        project: &Arc<ProjectHandle>,
        definition: SchemaDefinition,
        attempt: Attempt,
    ) -> Result<Outcome> {
        let (_, current) = self.get_label_schema(&project.name()).await?;
        let schema = LabelSchema::parse(definition).map_err(|error| error.within("label_schema"))?;
        if current.schema.definition() == schema.definition() {
            return Ok(Outcome::present());
        }
        if !current.schema.is_default() {
            let message =
                "is another one than the project has, which stays; change it with UpdateLabelSchema";
            return Err(Error::field("label_schema", message));
        }
        let mask = Mask::Only(vec![
            SchemaField::Mode,
            SchemaField::Labels,
            SchemaField::Attributes,
            SchemaField::SpanRules,
            SchemaField::ExclusiveSets,
        ]);
        let (name, etag, definition) = (project.name(), String::new(), schema.into_definition());
        let update = SchemaUpdate { project: name, definition, mask, etag, force: false };
        let (_, updated) = self.update_label_schema(update, attempt).await?;
        Ok(Outcome { others: 1, revision: updated.revision, ..Outcome::default() })
    }

    async fn import_layer(
        &self,
        project: &Arc<ProjectHandle>,
        id: LayerId,
        details: LayerDetails,
        attempt: Attempt,
    ) -> Result<Outcome> {
        let name = project.name().layer(id.clone());
        let new = NewLayer { project: project.name(), id: Some(id), details: details.clone() };
        match self.create_layer(new, attempt).await {
            Ok(_) => Ok(Outcome { others: 1, ..Outcome::default() }),
            Err(Error { problem: Problem::ResourceExists { .. }, field: _ }) => {
                let (_, known) = self.get_layer(&name).await?;
                let is_same = known.declared.is_some_and(|declared| declared.details == details);
                if is_same {
                    return Ok(Outcome::present());
                }
                Ok(Outcome::lost("details of a layer that has its own", name.to_string()))
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether an import goes on after this: it is the record that is refused, and not the server that fails.
pub(super) fn is_about_the_record(problem: &Problem) -> bool {
    match problem {
        Problem::Overloaded
        | Problem::ShuttingDown
        | Problem::StorageUnavailable(_)
        | Problem::StorageCorrupt(_) => false,
        Problem::FieldInvalid(_)
        | Problem::RecordInvalid(_)
        | Problem::SpanRequired
        | Problem::OffsetNotOnBoundary { .. }
        | Problem::SpanOutOfBounds { .. }
        | Problem::SpanEmpty
        | Problem::RangesDisagree { .. }
        | Problem::QuoteMismatch { .. }
        | Problem::QuoteNotFound { .. }
        | Problem::QuoteAmbiguous { .. }
        | Problem::PageTokenInvalid(_)
        | Problem::LimitExceeded { .. }
        | Problem::RequestIdReused
        | Problem::FeedReset(..)
        | Problem::RevisionCompacted { .. }
        | Problem::UndoConflict { .. }
        | Problem::TextRevisionStale { .. }
        | Problem::HasChildren { .. }
        | Problem::DestinationInUse { .. }
        | Problem::LayerLocked { .. }
        | Problem::SchemaViolated { .. }
        | Problem::EtagMismatch { .. }
        | Problem::ResourceExists { .. }
        | Problem::ResourceNotFound { .. } => true,
    }
}
