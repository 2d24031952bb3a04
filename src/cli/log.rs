//! `spandrel log`.

use clap::Args;

use super::{
    arguments,
    changes::{CHANGES, Lines, NOT_SENT},
    failure::Failure,
    output::Output,
};
use crate::{
    client::{Client, Server},
    domain::ids::{ArticleId, LayerId, ProjectName},
    proto::v1,
};

const PAGE_COMMITS: u64 = 1_000;

/// What `log` takes.
#[derive(Debug, Args)]
pub(super) struct Log {
    /// The project's id.
    #[arg(value_parser = arguments::project)]
    project: ProjectName,
    /// Only changes of this article and its annotations.
    #[arg(long, value_parser = arguments::article)]
    article: Option<ArticleId>,
    /// Only changes of annotations of this layer.
    #[arg(long, value_parser = arguments::layer)]
    layer: Option<LayerId>,
    /// Only the history of this annotation: its full name, or its id beside --article.
    #[arg(long, value_name = "NAME")]
    annotation: Option<String>,
    /// How many commits at most.
    #[arg(long, value_name = "COMMITS", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// The oldest commit first.
    #[arg(long)]
    oldest_first: bool,
    /// Only commits after this revision.
    #[arg(long, value_name = "REVISION", default_value_t = 0, hide_default_value = true)]
    after: u64,
}

impl Log {
    /// Asks the server, page by page.
    pub(super) async fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        let mut left = self.limit;
        let mut request = self.request()?;
        let client = Client::connect(server).await?;
        let mut lines = Lines::new(output.color);
        let mut parts: Option<v1::Changes> = None;
        loop {
            request.page_size = i32::try_from(left.min(PAGE_COMMITS)).unwrap_or(i32::MAX);
            let page = client.call(request.clone()).await?;
            for part in page.changes {
                let Some(commit) = joined(&mut parts, part) else { continue };
                if output.json {
                    output.print_json(CHANGES, &commit, NOT_SENT)?;
                } else {
                    output.print(&lines.commit(&commit))?;
                }
                left = left.saturating_sub(1);
                if left == 0 {
                    return Ok(());
                }
            }
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return Ok(());
            }
        }
    }

    fn request(self) -> Result<v1::ListChangesRequest, Failure> {
        let annotation = self.annotation.unwrap_or_default();
        if !annotation.is_empty() && !annotation.contains('/') && self.article.is_none() {
            let message = "--annotation needs the full name, or --article beside the id";
            return Err(Failure::Usage(message.to_owned()));
        }
        Ok(v1::ListChangesRequest {
            parent: self.project.to_string(),
            article: self.article.map_or_else(String::new, |article| article.to_string()),
            layer: self.layer.map_or_else(String::new, |layer| layer.to_string()),
            annotation,
            after_revision: self.after,
            order_by: if self.oldest_first { "revision" } else { "revision desc" }.to_owned(),
            ..v1::ListChangesRequest::default()
        })
    }
}

/// A commit once all of its parts are there: one that is larger than an answer goes on in the next page.
fn joined(parts: &mut Option<v1::Changes>, part: v1::Changes) -> Option<v1::Changes> {
    let whole = match parts.take() {
        Some(mut before) => {
            before.changes.extend(part.changes);
            v1::Changes { continued: part.continued, ..before }
        }
        None => part,
    };
    if whole.continued {
        *parts = Some(whole);
        return None;
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Ask, Cli, Command};

    fn request(line: &str) -> Result<v1::ListChangesRequest, Failure> {
        let Command::Ask(Ask::Log(log)) = Cli::try_parse_from(line.split(' ')).unwrap().command else {
            panic!("{line} is another command");
        };
        log.request()
    }

    #[test]
    fn what_is_asked_for_is_sent() {
        let newest = || v1::ListChangesRequest {
            parent: "projects/p".into(),
            order_by: "revision desc".into(),
            ..v1::ListChangesRequest::default()
        };
        assert_eq!(request("spandrel log p").unwrap(), newest());
        let oldest = v1::ListChangesRequest { order_by: "revision".into(), after_revision: 7, ..newest() };
        assert_eq!(request("spandrel log p --oldest-first --after 7").unwrap(), oldest);
        let some = v1::ListChangesRequest {
            article: "a".into(),
            layer: "gold".into(),
            annotation: "x".into(),
            ..newest()
        };
        assert_eq!(request("spandrel log p --article a --layer gold --annotation x").unwrap(), some);
        assert!(matches!(request("spandrel log p --annotation x"), Err(Failure::Usage(_))));
    }

    #[test]
    fn a_commit_in_parts_is_joined() {
        let part = |continued| v1::Changes {
            revision: 7,
            changes: vec![v1::Change::default()],
            continued,
            ..v1::Changes::default()
        };
        let mut parts = None;
        assert_eq!(joined(&mut parts, part(true)), None);
        assert_eq!(joined(&mut parts, part(true)), None);
        let whole = v1::Changes { changes: vec![v1::Change::default(); 3], ..part(false) };
        assert_eq!(joined(&mut parts, part(false)), Some(whole));
        assert_eq!(joined(&mut parts, part(false)), Some(part(false)));
    }
}
