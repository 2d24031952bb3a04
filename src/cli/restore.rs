//! `spandrel restore`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{
    failure::Failure,
    json::harmless,
    output::Output,
    progress::Progress,
    table::{Table, counted, size, thousands},
};
use crate::restore::{self, Restored, RestoredProject};

/// What `restore` takes.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The file that spandrel backup wrote, or - for stdin.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The folder to make; it must not exist, or be empty.
    #[arg(long, env = "SPANDREL_DATA_DIR", value_name = "FOLDER")]
    data_dir: PathBuf,
}

impl Restore {
    /// Restores.
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let Self { file, data_dir } = self;
        let restored = {
            let mut progress = Progress::new();
            restore::run(&file, &data_dir, &mut |at| progress.say(|| line(at)))
        };
        let restored = restored.map_err(|failure| Failure::Local(failure.to_string()))?;
        if output.json {
            return output.print(&format!("{}\n", harmless(&as_json(&restored).to_string())));
        }
        output.print(&as_text(&restored))
    }
}

fn line(at: restore::Progress) -> String {
    match at {
        restore::Progress::Restoring { bytes, total: Some(total) } => {
            format!("restoring: {} of {}", size(bytes), size(total))
        }
        restore::Progress::Restoring { bytes, total: None } => format!("restoring: {}", size(bytes)),
        restore::Progress::Checking { rows, articles, annotations, commits } => format!(
            "checking: {} rows, {} articles, {} annotations, {} commits",
            thousands(rows),
            thousands(articles),
            thousands(annotations),
            thousands(commits),
        ),
    }
}

/// As protobuf JSON would have it: 64 bits are strings.
fn as_json(restored: &Restored) -> Value {
    let Restored { data_dir, projects, file_bytes, folder_bytes } = restored;
    let project = |project: &RestoredProject| {
        let RestoredProject { id, uid, revision, articles, annotations, commits } = project;
        json!({ "name": format!("projects/{id}"), "uid": uid.to_string(), "revision": revision.0.to_string(),
                "articles": articles.to_string(), "annotations": annotations.to_string(),
                "commits": commits.to_string() })
    };
    json!({ "dataDir": data_dir.to_string_lossy(), "projects": projects.iter().map(project).collect::<Vec<_>>(),
            "fileBytes": file_bytes.to_string(), "folderBytes": folder_bytes.to_string() })
}

fn as_text(restored: &Restored) -> String {
    let Restored { data_dir, projects, file_bytes, folder_bytes } = restored;
    let folder = data_dir.display();
    let summary = format!(
        "restored {} into {folder}\n  {} of backup, {} of data folder\n  serve it with: spandrel serve --data-dir \
         {folder}\n",
        counted(projects.len(), "project"),
        size(*file_bytes),
        size(*folder_bytes),
    );
    if projects.is_empty() {
        return summary;
    }
    let row = |project: &RestoredProject| {
        let RestoredProject { id, uid: _, revision, articles, annotations, commits: _ } = project;
        [id.to_string(), thousands(*articles), thousands(*annotations), thousands(revision.0)]
    };
    let mut table = Table::new(["PROJECT", " ARTICLES", " ANNOTATIONS", " REVISION"]);
    table.page(projects.iter().map(row)) + &summary
}
