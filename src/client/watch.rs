//! A watch that reconnects, and goes on where it was cut off.

use std::{collections::VecDeque, error::Error, fmt, pin::Pin, time::Duration};

use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::{Code, Status, Streaming, transport::Channel};

use super::{
    place::{Event, OutOfOrder, Place, WatchStart},
    retry::{Backoff, may_pass},
};
use crate::proto::v1::{self, change_service_client::ChangeServiceClient};

/// How long a stream may say nothing: a server says how far it has come every 15 s.
const SILENCE_MAX: Duration = Duration::from_mins(1);
/// The same within a snapshot, which may pass over much that is not asked for.
const SNAPSHOT_SILENCE_MAX: Duration = Duration::from_mins(10);

/// What to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchRequest {
    /// `projects/{project}`.
    pub project: String,
    /// Only changes of this article and its annotations, if it is not empty.
    pub article: String,
    /// Only changes of annotations of this layer, if it is not empty.
    pub layer: String,
    /// Where to begin.
    pub start: WatchStart,
}

impl WatchRequest {
    /// All changes of the project from now on.
    #[must_use]
    pub fn of(project: String) -> Self {
        Self { project, article: String::new(), layer: String::new(), start: WatchStart::Now }
    }
}

/// How a watch reconnects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchOptions {
    /// The longest wait before the first try to reconnect; 200 ms by default. It doubles from try to try.
    pub delay: Duration,
    /// The longest wait before any try, beside what the server asks for; 5 s by default.
    pub delay_max: Duration,
    /// How long it is tried to reconnect; by default there is no end.
    pub give_up_after: Option<Duration>,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self { delay: Duration::from_millis(200), delay_max: Duration::from_secs(5), give_up_after: None }
    }
}

/// Why a watch has ended.
#[derive(Debug, Clone)]
pub enum WatchError {
    /// The server refused: `NOT_FOUND` when there is no such project or it was deleted; `FAILED_PRECONDITION` with the
    /// reason `FEED_RESET` or `REVISION_COMPACTED` where there is no going on, and a new watch may begin with a
    /// snapshot; `INVALID_ARGUMENT`, and whatever does not pass by itself.
    Refused(Status),
    /// It could not reconnect within [`WatchOptions::give_up_after`]; this is why the last try failed.
    GaveUp(Status),
}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(status) => write!(f, "the watch was refused: {status}"),
            Self::GaveUp(status) => write!(f, "the watch could not reconnect: {status}"),
        }
    }
}

impl Error for WatchError {}

type Stream = Streaming<v1::WatchChangesResponse>;
type Opening = Pin<Box<dyn Future<Output = Result<Stream, Status>> + Send>>;

/// What there is of a connection.
enum Link {
    /// None until then.
    Down(Instant),
    /// The server was asked.
    Opening(Opening),
    /// It answers.
    Open(Box<Stream>),
}

/// A watch: every commit of what it follows, whole, once and in order, over as many connections as it takes.
pub struct Watch {
    service: ChangeServiceClient<Channel>,
    project: String,
    article: String,
    layer: String,
    options: WatchOptions,
    place: Place,
    link: Link,
    backoff: Backoff,
    /// When something came from the server, or it was asked.
    heard: Instant,
    down_since: Option<Instant>,
    ready: VecDeque<Event>,
    ended: Option<WatchError>,
}

impl Watch {
    pub(super) fn new(
        service: ChangeServiceClient<Channel>,
        request: WatchRequest,
        options: WatchOptions,
    ) -> Self {
        let WatchRequest { project, article, layer, start } = request;
        let now = Instant::now();
        Self {
            service,
            project,
            article,
            layer,
            options,
            place: Place::new(start),
            link: Link::Down(now),
            backoff: Backoff::new(options.delay, options.delay_max),
            heard: now,
            down_since: None,
            ready: VecDeque::new(),
            ended: None,
        }
    }

    /// The next event; waits for it, and reconnects meanwhile. Dropped while it waits, it has told nothing, and the
    /// next call goes on.
    ///
    /// A commit is kept in memory until it is whole: that of an undo that brings back an article holds all annotations
    /// of the article.
    ///
    /// # Errors
    ///
    /// When the watch has ended, then and ever after.
    pub async fn next(&mut self) -> Result<Event, WatchError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            if let Some(ended) = &self.ended {
                return Err(ended.clone());
            }
            match self.hear().await {
                Ok(Some(message)) => self.take(message),
                Ok(None) => {}
                Err(status) => self.lost(status),
            }
        }
    }

    /// Waits for one thing: the time to reconnect, the connection, or a message.
    async fn hear(&mut self) -> Result<Option<v1::WatchChangesResponse>, Status> {
        let silence = if self.place.is_snapshotting() { SNAPSHOT_SILENCE_MAX } else { SILENCE_MAX };
        let deadline = self.heard + silence;
        let silent = |_| Status::unavailable(format!("the server said nothing for {silence:?}"));
        match &mut self.link {
            Link::Down(until) => {
                sleep_until(*until).await;
                self.link = Link::Opening(self.open());
                self.heard = Instant::now();
                Ok(None)
            }
            Link::Opening(opening) => {
                let stream = timeout_at(deadline, opening).await.map_err(silent)??;
                self.link = Link::Open(Box::new(stream));
                Ok(None)
            }
            Link::Open(stream) => {
                let message = timeout_at(deadline, stream.message()).await.map_err(silent)??;
                self.heard = Instant::now();
                // A stream of changes has no end: this one was cut off by something in between.
                message.ok_or_else(|| Status::unavailable("the stream was cut off")).map(Some)
            }
        }
    }

    fn open(&self) -> Opening {
        let mut service = self.service.clone();
        let (start, project_uid) = self.place.resume();
        let request = v1::WatchChangesRequest {
            parent: self.project.clone(),
            article: self.article.clone(),
            layer: self.layer.clone(),
            start: Some(start),
            project_uid,
        };
        Box::pin(async move { service.watch_changes(request).await.map(tonic::Response::into_inner) })
    }

    fn take(&mut self, message: v1::WatchChangesResponse) {
        // What a newer server tells besides is not for this client.
        let Some(message) = message.event else { return };
        match self.place.take(message) {
            Ok(events) => {
                for event in events.into_iter().flatten() {
                    match &event {
                        Event::Connected { .. } => self.down_since = None,
                        // Not before: a server that opens each stream and cuts it off is to be spared.
                        Event::Snapshot(_) | Event::Commit(_) | Event::Checkpoint(_) => self.backoff.reset(),
                        Event::SnapshotBegins | Event::Disconnected(_) => {}
                    }
                    self.ready.push_back(event);
                }
            }
            Err(OutOfOrder) => self.lost(Status::unavailable("the stream is out of order")),
        }
    }

    /// The connection is of no use any more.
    fn lost(&mut self, status: Status) {
        self.place.cut_off();
        if !self.is_worth_another(&status) {
            self.ended = Some(WatchError::Refused(status));
            return;
        }
        let now = Instant::now();
        let since = *self.down_since.get_or_insert_with(|| {
            self.ready.push_back(Event::Disconnected(status.clone()));
            now
        });
        let until = now + self.backoff.wait_after(&status);
        self.link = Link::Down(until);
        if self.options.give_up_after.is_some_and(|limit| until > since + limit) {
            self.ended = Some(WatchError::GaveUp(status));
        }
    }

    fn is_worth_another(&self, status: &Status) -> bool {
        // So some proxies cut off a stream whose server is gone. Of what never answered it says that it is no Spandrel.
        let was_reset = || status.code() == Code::Internal && status.source().is_some();
        may_pass(status)
            || status.code() == Code::DeadlineExceeded
            || (self.place.was_opened() && was_reset())
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("project", &self.project)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}
