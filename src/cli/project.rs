//! `spandrel project`.

use clap::Subcommand;

use super::{
    arguments,
    failure::Failure,
    output::Output,
    render::printable,
    table::{Table, moment, thousands},
};
use crate::{
    client::{Client, Server},
    domain::ids::ProjectName,
    proto::v1,
};

const PROJECT: &str = "spandrel.v1.Project";
const PAGE_ITEMS: i32 = 500;

/// What to do with projects.
#[derive(Debug, Subcommand)]
pub(super) enum Project {
    /// Create a project.
    Create {
        /// Its id: letters, digits and . _ ~ -.
        #[arg(value_parser = arguments::project)]
        project: ProjectName,
        /// What people call it.
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        display_name: String,
        /// What it is for.
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        description: String,
        /// More about it; may be given again.
        #[arg(long, value_name = "KEY=VALUE", value_parser = arguments::metadata)]
        metadata: Vec<(String, String)>,
    },
    /// List the projects.
    List,
    /// Show a project.
    Show {
        /// Its id.
        #[arg(value_parser = arguments::project)]
        project: ProjectName,
    },
    /// Delete a project.
    Delete {
        /// Its id.
        #[arg(value_parser = arguments::project)]
        project: ProjectName,
        /// Delete all that it holds with it.
        #[arg(long)]
        force: bool,
    },
}

impl Project {
    /// Asks the server.
    pub(super) async fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        let client = Client::connect(server).await?;
        match self {
            Self::Create { project, display_name, description, metadata } => {
                let metadata = metadata.into_iter().collect();
                let new = v1::Project { display_name, description, metadata, ..v1::Project::default() };
                let created = create(&client, &project, new).await?;
                print(&created, "created ", output)
            }
            Self::List => list(&client, output).await,
            Self::Show { project } => {
                let request = v1::GetProjectRequest { name: project.to_string() };
                let found = client.call(request).await?;
                print(&found, "", output)
            }
            Self::Delete { project, force } => {
                let name = project.to_string();
                let request = v1::DeleteProjectRequest {
                    name: name.clone(),
                    force,
                    ..v1::DeleteProjectRequest::default()
                };
                client.call(request).await?;
                if output.json {
                    return output.print_json("google.protobuf.Empty", &(), &[]);
                }
                output.print(&format!("deleted {name}\n"))
            }
        }
    }
}

/// Creates the project under its name.
pub(super) async fn create(
    client: &Client,
    name: &ProjectName,
    project: v1::Project,
) -> Result<v1::Project, Failure> {
    let request = v1::CreateProjectRequest {
        project_id: name.project.to_string(),
        project: Some(project),
        ..v1::CreateProjectRequest::default()
    };
    Ok(client.call(request).await?)
}

async fn list(client: &Client, output: &mut Output) -> Result<(), Failure> {
    let mut table = Table::new(["PROJECT", "NAME", " REVISION", "UPDATED"]);
    let mut page_token = String::new();
    loop {
        let request = v1::ListProjectsRequest { page_size: PAGE_ITEMS, page_token };
        let page = client.call(request).await?;
        if output.json {
            for project in &page.projects {
                output.print_json(PROJECT, project, &[])?;
            }
        } else {
            output.print(&table.page(page.projects.into_iter().map(row)))?;
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(());
        }
    }
}

fn row(project: v1::Project) -> [String; 4] {
    let id = project.name.trim_start_matches("projects/").to_owned();
    [id, project.display_name, thousands(project.revision), moment(project.update_time)]
}

fn print(project: &v1::Project, verb: &str, output: &mut Output) -> Result<(), Failure> {
    if output.json {
        return output.print_json(PROJECT, project, &[]);
    }
    output.print(&format!("{verb}{}\n{}", printable(&project.name), facts(project)))
}

/// What is known of the project, a line each, without what is empty.
fn facts(project: &v1::Project) -> String {
    let mut facts = vec![
        ("name", project.display_name.clone()),
        ("description", project.description.clone()),
        ("revision", thousands(project.revision)),
        ("created", moment(project.create_time)),
        ("updated", moment(project.update_time)),
        ("uid", project.uid.clone()),
        ("etag", project.etag.clone()),
    ];
    let mut metadata: Vec<String> =
        project.metadata.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    metadata.sort();
    facts.extend(metadata.into_iter().map(|entry| ("metadata", entry)));
    facts
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("  {name:11}  {}\n", printable(&value)))
        .collect::<Vec<_>>()
        .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_shown_with_what_is_known_of_it() {
        let project = v1::Project {
            name: "projects/demo".into(),
            display_name: "Demo\u{7}".into(),
            metadata: [("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())].into(),
            revision: 1_234,
            create_time: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 999 }),
            ..v1::Project::default()
        };
        assert_eq!(
            facts(&project),
            "  name         Demo␇\n  revision     1,234\n  created      2023-11-14T22:13:20Z\n  \
             metadata     a = 1\n  metadata     b = 2\n"
        );
    }
}
