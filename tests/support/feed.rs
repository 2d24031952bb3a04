//! A project's changes as they happen, message by message.

use std::time::Duration;

use spandrel::proto::v1::{self, watch_changes_request::Start, watch_changes_response::Event};
use tonic::{Status, Streaming};

use super::Client;

/// What is not told within this time is not told at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stream of changes that is open.
#[derive(Debug)]
pub struct Feed {
    stream: Streaming<v1::WatchChangesResponse>,
    pub opened: v1::Opened,
}

impl Client {
    /// Opens a stream of changes, whose first message has to be Opened.
    pub async fn watch(&self, request: v1::WatchChangesRequest) -> Result<Feed, Status> {
        let mut stream = self.changes.clone().watch_changes(request).await?.into_inner();
        match next(&mut stream).await? {
            Event::Opened(opened) => Ok(Feed { stream, opened }),
            other => panic!("the first message is not Opened, but {other:?}"),
        }
    }

    /// The same from a start, without a filter.
    pub async fn watch_from(&self, parent: &str, start: Start) -> Result<Feed, Status> {
        let start = Some(start);
        self.watch(v1::WatchChangesRequest { parent: parent.to_owned(), start, ..Default::default() }).await
    }

    /// Changes that were made, page by page.
    pub async fn list_changes(&self, request: v1::ListChangesRequest) -> Vec<v1::Changes> {
        let (mut all, mut page_token) = (Vec::new(), String::new());
        loop {
            let page = self.send(v1::ListChangesRequest { page_token, ..request.clone() }).await.unwrap();
            all.extend(page.changes);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }
}

async fn next(stream: &mut Streaming<v1::WatchChangesResponse>) -> Result<Event, Status> {
    let message = tokio::time::timeout(PATIENCE, stream.message()).await.expect("nothing comes");
    let message = message?.expect("a stream of changes never ends with OK");
    Ok(message.event.expect("every message says something"))
}

impl Feed {
    /// The next message.
    pub async fn next(&mut self) -> Result<Event, Status> {
        next(&mut self.stream).await
    }

    /// The next part of a commit; checkpoints before it are passed over.
    pub async fn part(&mut self) -> Result<v1::Changes, Status> {
        loop {
            match self.next().await? {
                Event::Changes(changes) => return Ok(changes),
                Event::Checkpoint(_) => {}
                other => panic!("not a change: {other:?}"),
            }
        }
    }

    /// The parts of the next commit.
    pub async fn parts(&mut self) -> Vec<v1::Changes> {
        let mut parts = Vec::new();
        loop {
            let part = self.part().await.unwrap();
            let goes_on = part.continued;
            parts.push(part);
            if !goes_on {
                let revision = parts[0].revision;
                assert!(parts.iter().all(|part| part.revision == revision), "{parts:?}");
                return parts;
            }
        }
    }

    /// The next commit with all its changes, as if it had come in one part.
    pub async fn commit(&mut self) -> v1::Changes {
        let mut parts = self.parts().await;
        let changes = parts.iter_mut().flat_map(|part| std::mem::take(&mut part.changes)).collect();
        v1::Changes { changes, continued: false, ..parts.swap_remove(0) }
    }

    /// The next commits, up to and with this revision.
    pub async fn commits_to(&mut self, revision: u64) -> Vec<v1::Changes> {
        let mut commits = Vec::new();
        while commits.last().is_none_or(|last: &v1::Changes| last.revision < revision) {
            commits.push(self.commit().await);
        }
        commits
    }

    /// All pages of a snapshot, with the revision of the first.
    pub async fn snapshot(&mut self) -> (u64, Vec<v1::resource::Kind>) {
        let (mut first, mut resources) = (None, Vec::new());
        loop {
            match self.next().await.unwrap() {
                Event::Snapshot(page) => {
                    first.get_or_insert(page.revision);
                    resources.extend(page.resources.into_iter().map(|resource| resource.kind.unwrap()));
                    if page.last {
                        return (first.unwrap(), resources);
                    }
                }
                other => panic!("in the midst of a snapshot: {other:?}"),
            }
        }
    }

    /// The next checkpoint; changes before it are passed over.
    pub async fn checkpoint(&mut self) -> v1::Checkpoint {
        loop {
            if let Event::Checkpoint(checkpoint) = self.next().await.unwrap() {
                return checkpoint;
            }
        }
    }

    /// How the stream ends, and the last message before.
    pub async fn end(&mut self) -> (Option<Event>, Status) {
        let mut last = None;
        loop {
            match self.next().await {
                Ok(event) => last = Some(event),
                Err(status) => return (last, status),
            }
        }
    }
}
