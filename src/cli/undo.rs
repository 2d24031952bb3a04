//! `spandrel undo`.

use clap::Args;

use super::{
    arguments,
    changes::{Lines, NOT_SENT},
    failure::Failure,
    output::Output,
    table::{counted, thousands},
};
use crate::{
    client::{Client, Server},
    domain::ids::ProjectName,
    proto::v1,
};

const UNDONE: &str = "spandrel.v1.UndoCommitResponse";

/// What `undo` takes.
#[derive(Debug, Args)]
pub(super) struct Undo {
    /// The project's id.
    #[arg(value_parser = arguments::project)]
    project: ProjectName,
    /// The revision of the commit that is taken back, as watch and log show it.
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    revision: u64,
    /// Check everything and change nothing.
    #[arg(long)]
    validate_only: bool,
}

impl Undo {
    /// Asks the server.
    pub(super) async fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        let Self { project, revision, validate_only } = self;
        let client = Client::connect(server).await?;
        let request = v1::UndoCommitRequest {
            parent: project.to_string(),
            revision,
            validate_only,
            ..v1::UndoCommitRequest::default()
        };
        let undone = client.call(request).await?;
        if output.json {
            return output.print_json(UNDONE, &undone, NOT_SENT);
        }
        output.print(&said(revision, &undone, validate_only, output.color))
    }
}

/// What was done, or would be.
fn said(revision: u64, undone: &v1::UndoCommitResponse, validate_only: bool, color: bool) -> String {
    let v1::UndoCommitResponse { revision: by, commit_time, changes, change_count } = undone;
    let (revision, count) = (thousands(revision), counted(*change_count, "change"));
    let head = if validate_only {
        format!("revision {revision} can be undone, with {count}; nothing was changed\n")
    } else {
        format!("revision {revision} is undone by revision {}, with {count}\n", thousands(*by))
    };
    let lines = Lines::new(color).changes(*by, *commit_time, changes, 0);
    let listed = u32::try_from(changes.len()).unwrap_or(u32::MAX);
    let rest = match change_count.saturating_sub(listed) {
        0 => String::new(),
        rest => format!("and {} more, which are too many for an answer\n", thousands(rest)),
    };
    head + &lines + &rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_undo_says_what_it_did_or_would_do() {
        let name = "projects/p/articles/a".to_owned();
        let change = v1::Change { name, ..v1::Change::default() };
        let undone = |change_count| v1::UndoCommitResponse {
            revision: 9,
            commit_time: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
            changes: vec![change.clone()],
            change_count,
        };
        let line = "    9  2023-11-14T22:13:20Z  +  article a\n";
        let head = "revision 7 is undone by revision 9, with 1 change\n";
        assert_eq!(said(7, &undone(1), false, false), format!("{head}{line}"));
        let head = "revision 7 can be undone, with 1,001 changes; nothing was changed\n";
        let rest = "and 1,000 more, which are too many for an answer\n";
        assert_eq!(said(7, &undone(1_001), true, false), format!("{head}{line}{rest}"));
    }
}
