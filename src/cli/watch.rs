//! `spandrel watch`.

use std::{error::Error, pin::pin};

use clap::Args;
use tonic::Status;

use super::{
    arguments,
    changes::{Lines, NOT_SENT},
    failure::Failure,
    output::{Output, note},
    render::printable,
    table::thousands,
};
use crate::{
    client::{Client, Event, Server, WatchError, WatchRequest, WatchStart},
    domain::ids::{ArticleId, LayerId, ProjectName},
    proto::v1::{self, watch_changes_response::Event as Message},
};

const EVENT: &str = "spandrel.v1.WatchChangesResponse";

/// What `watch` takes.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("start").args(["after", "earliest", "snapshot"]))]
pub(super) struct Watch {
    /// The project's id.
    #[arg(value_parser = arguments::project)]
    project: ProjectName,
    /// Only changes of this article and its annotations.
    #[arg(long, value_parser = arguments::article)]
    article: Option<ArticleId>,
    /// Only changes of annotations of this layer.
    #[arg(long, value_parser = arguments::layer)]
    layer: Option<LayerId>,
    /// Begin with the commit after this revision.
    #[arg(long, value_name = "REVISION")]
    after: Option<u64>,
    /// Begin with the oldest commit that the log keeps.
    #[arg(long)]
    earliest: bool,
    /// Begin with what there is.
    #[arg(long)]
    snapshot: bool,
}

impl From<WatchError> for Failure {
    fn from(error: WatchError) -> Self {
        match error {
            WatchError::Refused(status) | WatchError::GaveUp(status) => status.into(),
        }
    }
}

impl Watch {
    /// Follows the server until it refuses, or until nobody wants to know any more.
    pub(super) async fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        let client = Client::connect(server).await?;
        let mut watch = client.watch(self.request());
        let mut told = Told { project: self.project, lines: Lines::new(output.color), snapshots: 0 };
        let mut interrupted = pin!(interrupted());
        loop {
            let event = tokio::select! {
                biased;
                () = &mut interrupted => return Ok(()),
                event = watch.next() => event?,
            };
            told.tell(event, output)?;
            output.finish()?;
        }
    }

    fn request(&self) -> WatchRequest {
        let start = match self.after {
            Some(revision) => WatchStart::After { revision, project_uid: String::new() },
            None if self.earliest => WatchStart::Earliest,
            None if self.snapshot => WatchStart::Snapshot,
            None => WatchStart::Now,
        };
        WatchRequest {
            project: self.project.to_string(),
            article: self.article.as_ref().map(ToString::to_string).unwrap_or_default(),
            layer: self.layer.as_ref().map(ToString::to_string).unwrap_or_default(),
            start,
        }
    }
}

/// Ctrl-C.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // It ends the process then, as it does by itself.
        std::future::pending::<()>().await;
    }
}

/// What was told so far.
struct Told {
    project: ProjectName,
    lines: Lines,
    snapshots: usize,
}

impl Told {
    fn tell(&mut self, event: Event, output: &mut Output) -> Result<(), Failure> {
        // What is about the connection goes to stderr: it is no answer.
        match &event {
            Event::Connected { again: true, .. } => note("connected again\n"),
            Event::Connected { opened, again: false } if !output.json => {
                let head = thousands(opened.head_revision);
                note(&format!("following {}, which is at revision {head}\n", self.project));
            }
            Event::Disconnected(status) => note(&format!("disconnected: {}; reconnecting\n", cause(status))),
            Event::SnapshotBegins => {
                self.snapshots += 1;
                if self.snapshots > 1 {
                    note("what there is comes again from the beginning\n");
                }
            }
            Event::Connected { .. } | Event::Snapshot(_) | Event::Commit(_) | Event::Checkpoint(_) => {}
        }
        if output.json {
            let message = match event {
                Event::Connected { opened, .. } => Message::Opened(opened),
                Event::Snapshot(page) => Message::Snapshot(page),
                Event::Commit(commit) => Message::Changes(commit),
                Event::Checkpoint(checkpoint) => Message::Checkpoint(checkpoint),
                Event::SnapshotBegins | Event::Disconnected(_) => return Ok(()),
            };
            return output.print_json(EVENT, &v1::WatchChangesResponse { event: Some(message) }, NOT_SENT);
        }
        match event {
            Event::Snapshot(page) => output.print(&self.lines.snapshot(&page)),
            Event::Commit(commit) => output.print(&self.lines.commit(&commit)),
            Event::Connected { .. }
            | Event::SnapshotBegins
            | Event::Checkpoint(_)
            | Event::Disconnected(_) => Ok(()),
        }
    }
}

/// Why a connection is gone, on one line: the deepest of the causes, or what the server said.
fn cause(status: &Status) -> String {
    let Some(mut cause) = status.source() else { return printable(status.message()) };
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    printable(&cause.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Ask, Cli, Command};

    #[test]
    fn what_is_asked_for_is_sent() {
        let check = |line: &str, expected: WatchRequest| {
            let Command::Ask(Ask::Watch(watch)) = Cli::try_parse_from(line.split(' ')).unwrap().command
            else {
                panic!("{line} is another command");
            };
            assert_eq!(watch.request(), expected, "{line}");
        };
        let all = || WatchRequest::of("projects/p".to_owned());
        let after = WatchStart::After { revision: 7, project_uid: String::new() };
        check("spandrel watch p", all());
        check("spandrel watch p --after 7", WatchRequest { start: after, ..all() });
        check("spandrel watch p --earliest", WatchRequest { start: WatchStart::Earliest, ..all() });
        let (article, layer) = ("a".to_owned(), "gold".to_owned());
        let some = WatchRequest { article, layer, start: WatchStart::Snapshot, ..all() };
        check("spandrel watch p --article a --layer gold --snapshot", some);
    }

    #[test]
    fn a_connection_that_is_gone_says_why() {
        let check = |status: Status, expected: &str| assert_eq!(cause(&status), expected);
        check(Status::unavailable("the server is\nstopping"), "the server is↵stopping");
        let broken = std::io::Error::other(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        check(Status::from_error(Box::new(broken)), "connection reset");
    }
}
