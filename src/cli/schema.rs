//! `spandrel schema`.

mod files;
mod outline;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use self::files::{Files, SchemaFormat};
use super::{
    arguments,
    exchange::losses_shown,
    failure::Failure,
    json,
    output::{Output, note},
    render::printable,
    table::{counted, thousands},
};
use crate::{
    client::{Client, Server},
    domain::{
        ids::ProjectName,
        schema::{LabelSchema, SchemaMode},
    },
    formats::{Loss, schema_file},
    grpc::convert::label_schemas,
    proto::v1,
};

/// The message's name in the API.
const LABEL_SCHEMA: &str = "spandrel.v1.LabelSchema";

/// What to do with a project's label schema.
#[derive(Debug, Subcommand)]
pub(super) enum Schema {
    /// Show which labels, attributes and relations a project has, and the rules among them.
    ///
    /// As YAML or JSON, it is what spandrel schema set reads. With --json it is the message of the API.
    Show(Show),
    /// Set a project's label schema from a file.
    ///
    /// The file replaces all of the schema. What annotations would break is refused, and named.
    Set(Set),
}

/// What `schema show` takes.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The project's id.
    #[arg(value_parser = arguments::project)]
    project: ProjectName,
    /// How it is written; an outline on a terminal, YAML otherwise.
    #[arg(long, value_name = "HOW")]
    format: Option<Shape>,
}

/// How a schema is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// For people, labels below their parents.
    Outline,
    /// A file for schema set.
    Yaml,
    /// The same file in JSON.
    Json,
}

/// What `schema set` takes.
#[derive(Debug, Args)]
pub(super) struct Set {
    /// The project's id.
    #[arg(value_parser = arguments::project)]
    project: ProjectName,
    /// The file; - is stdin.
    file: PathBuf,
    /// What the file is; left out, its name and what stands in it tell.
    #[arg(long, value_name = "FORMAT")]
    format: Option<SchemaFormat>,
    /// Check everything and change nothing: tells which annotations would break the schema.
    #[arg(long, conflicts_with = "force")]
    dry_run: bool,
    /// Set it although annotations break it: they stay, and must keep its rules when they are next changed.
    #[arg(long)]
    force: bool,
    /// Only if the schema still has this etag, as schema show tells it; otherwise the one that this command reads.
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
    /// brat's `visual.conf`, for colors and what people call labels.
    #[arg(long, value_name = "FILE")]
    visual: Option<PathBuf>,
    /// brat's `kb_shortcuts.conf`, for keys.
    #[arg(long, value_name = "FILE")]
    shortcuts: Option<PathBuf>,
}

impl Schema {
    /// Asks the server.
    pub(super) async fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Show(show) => show.run(server, output).await,
            Self::Set(set) => set.run(server, output).await,
        }
    }
}

impl Show {
    async fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        let Self { project, format } = self;
        let client = Client::connect(server).await?;
        let sent = client.call(v1::GetLabelSchemaRequest { name: label_schemas::name(&project) }).await?;
        if output.json {
            return output.print_json(LABEL_SCHEMA, &sent, &[]);
        }
        let schema = read(&sent)?;
        match format.unwrap_or(if output.is_terminal { Shape::Outline } else { Shape::Yaml }) {
            Shape::Outline => output.print(&outline::outline(&sent, schema.definition(), output.color)),
            // Whatever a terminal would obey stands in double quotes, where YAML has the escapes of JSON.
            Shape::Yaml => {
                let yaml = json::harmless(&schema_file::write_yaml(&schema));
                output.print(&format!("# {}\n{yaml}", identity(&sent)))
            }
            Shape::Json => output.print(&with_end(json::harmless(&schema_file::write_json(&schema)))),
        }
    }
}

impl Set {
    async fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        let Self { project, file, format, dry_run, force, etag, visual, shortcuts } = self;
        let files::Read { schema, losses, guessed } = Files { file, format, visual, shortcuts }.read()?;
        if output.json {
            if !losses.is_empty() {
                note(&format!("{}\n", json::harmless(&losses_json(&losses).to_string())));
            }
        } else {
            note(&guessed.map_or_else(String::new, |guessed| format!("{guessed}\n")));
            note(&losses_shown("not carried over", &losses));
        }
        let client = Client::connect(server).await?;
        let name = label_schemas::name(&project);
        let etag = if etag.is_empty() {
            client.call(v1::GetLabelSchemaRequest { name: name.clone() }).await?.etag
        } else {
            etag
        };
        let label_schema = v1::LabelSchema { name, etag, ..label_schemas::sent(schema.definition()) };
        let request = v1::UpdateLabelSchemaRequest {
            label_schema: Some(label_schema),
            force,
            validate_only: dry_run,
            ..v1::UpdateLabelSchemaRequest::default()
        };
        let sent = client.call(request).await?;
        if output.json {
            return output.print_json(LABEL_SCHEMA, &sent, &[]);
        }
        output.print(&done(&sent, &schema, dry_run))
    }
}

/// The schema that a server sent.
fn read(sent: &v1::LabelSchema) -> Result<LabelSchema, Failure> {
    label_schemas::definition(sent.clone()).and_then(LabelSchema::parse).map_err(|error| {
        Failure::Local(format!(
            "the schema has what this version does not know: {error}; --json shows it as it is"
        ))
    })
}

/// Which schema it is, and of when.
fn identity(schema: &v1::LabelSchema) -> String {
    let name = printable(&schema.name);
    match schema.revision {
        0 => format!("{name}, never set"),
        revision => format!("{name}, revision {}, etag {}", thousands(revision), printable(&schema.etag)),
    }
}

/// What was set, or would be.
fn done(sent: &v1::LabelSchema, schema: &LabelSchema, dry_run: bool) -> String {
    let definition = schema.definition();
    let mode = match definition.mode {
        SchemaMode::Open => "open",
        SchemaMode::Closed => "closed",
    };
    let (labels, attributes) =
        (counted(definition.labels.len(), "label"), counted(definition.attributes.len(), "attribute"));
    let what = format!("{mode}, {labels}, {attributes}");
    if dry_run {
        format!("valid, not stored: {what}; no annotation breaks it that did not before\n")
    } else {
        format!("set {}: {what}\n", identity(sent))
    }
}

fn losses_json(losses: &[Loss]) -> serde_json::Value {
    let losses: Vec<_> = losses
        .iter()
        .map(|Loss { feature, count, examples }| {
            // As protobuf JSON writes 64 bits.
            serde_json::json!({ "feature": feature, "count": count.to_string(), "examples": examples })
        })
        .collect();
    serde_json::json!({ "losses": losses })
}

fn with_end(mut text: String) -> String {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests;
