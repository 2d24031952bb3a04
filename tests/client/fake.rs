//! A server of one project, whose every answer is known beforehand.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use prost::Message;
use spandrel::{
    grpc::{
        encoded::Encoded,
        generated::change_service_server::{ChangeService, ChangeServiceServer},
    },
    proto::v1::{
        self, Changes, Checkpoint, ListChangesRequest, ListChangesResponse, Opened, Snapshot,
        UndoCommitRequest, UndoCommitResponse, WatchChangesRequest, WatchChangesResponse,
        watch_changes_request::Start, watch_changes_response::Event,
    },
};
use tokio::net::TcpListener;
use tokio_stream::{Stream, StreamExt, wrappers::TcpListenerStream};
use tonic::{Code, Request, Response, Status, async_trait};
use tonic_types::{ErrorDetails, StatusExt};

pub(crate) const UID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";
/// The newest commit.
pub(crate) const HEAD: u64 = 12;
/// Where a snapshot begins that was read while commits were made.
pub(crate) const SNAPSHOT: u64 = 7;
/// Pages of a snapshot.
pub(crate) const PAGES: u64 = 3;
/// The commits that come in parts, and in how many.
pub(crate) const PARTS: [(u64, usize); 2] = [(9, 3), (12, 2)];

/// What is refused, with these details.
pub(crate) fn refused(code: Code, reason: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason, "spandrel", []);
    Status::with_error_details(code, reason, details)
}

/// The server asks to come back after a moment.
pub(crate) fn come_back(reason: &str) -> Status {
    let mut details = ErrorDetails::with_error_info(reason, "spandrel", []);
    details.set_retry_info(Some(Duration::from_millis(1)));
    Status::with_error_details(Code::Unavailable, reason, details)
}

/// How a stream ends that has told everything.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// It does not.
    Stays,
    /// With a status, after so many messages.
    Refuses(usize, Status),
    /// With OK, after so many messages.
    Closes(usize),
}

/// What was asked, and how what comes next is answered.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) watches: Vec<WatchChangesRequest>,
    pub(crate) undos: Vec<UndoCommitRequest>,
    /// How the next streams end, before they stay.
    pub(crate) ends: Vec<End>,
    /// What the next calls are refused with, before they are answered.
    pub(crate) refusals: Vec<Status>,
}

/// The server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fake(pub(crate) Arc<Mutex<State>>);

impl Fake {
    /// Serves on a port of its own.
    pub(crate) async fn serve(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = ChangeServiceServer::new(self.clone());
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        address
    }

    pub(crate) fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

fn part(revision: u64, number: usize, continued: bool) -> Event {
    let change = v1::Change { name: format!("{revision}/{number}"), ..v1::Change::default() };
    Event::Changes(Changes { revision, changes: vec![change], continued, ..Changes::default() })
}

/// The commit as a client is to be told of it.
pub(crate) fn names(revision: u64) -> Vec<String> {
    (0..parts(revision)).map(|number| format!("{revision}/{number}")).collect()
}

fn parts(revision: u64) -> usize {
    PARTS.iter().find(|(of, _)| *of == revision).map_or(1, |(_, parts)| *parts)
}

/// All that is told from a place on.
fn told(start: &Start) -> Vec<Event> {
    let (mut told, after) = match start {
        Start::Now(_) => (Vec::new(), HEAD),
        Start::AfterRevision(after) => (Vec::new(), *after),
        Start::Earliest(_) => (Vec::new(), 0),
        Start::Snapshot(_) => {
            let page = |number| {
                Event::Snapshot(Snapshot {
                    // Commits are made while it is read.
                    revision: SNAPSHOT + number,
                    resources: vec![v1::Resource::default()],
                    last: number + 1 == PAGES,
                })
            };
            ((0..PAGES).map(page).collect(), SNAPSHOT)
        }
    };
    let opened = Opened { project_uid: UID.to_owned(), head_revision: HEAD, earliest_revision: 1 };
    told.insert(0, Event::Opened(opened));
    for revision in after + 1..=HEAD {
        let last = parts(revision) - 1;
        told.extend((0..=last).map(|number| part(revision, number, number < last)));
        if revision % 4 == 0 {
            told.push(Event::Checkpoint(Checkpoint { revision, earliest_revision: 1 }));
        }
    }
    told
}

type Streamed = Result<Encoded<WatchChangesResponse>, Status>;

#[async_trait]
impl ChangeService for Fake {
    type WatchChangesStream = Pin<Box<dyn Stream<Item = Streamed> + Send>>;

    async fn watch_changes(
        &self,
        request: Request<WatchChangesRequest>,
    ) -> Result<Response<Self::WatchChangesStream>, Status> {
        let request = request.into_inner();
        let mut state = self.state();
        let told = told(&request.start.unwrap());
        state.watches.push(request);
        if !state.refusals.is_empty() {
            return Err(state.refusals.remove(0));
        }
        let end = if state.ends.is_empty() { End::Stays } else { state.ends.remove(0) };
        let count = match end {
            End::Stays => told.len(),
            End::Refuses(count, _) | End::Closes(count) => count,
        };
        let told = tokio_stream::iter(told.into_iter().take(count)).then(async |event| {
            // So that each message is a frame of its own: of half a frame a client is told nothing.
            tokio::task::yield_now().await;
            Ok(Encoded::Bytes(WatchChangesResponse { event: Some(event) }.encode_to_vec().into()))
        });
        Ok(Response::new(match end {
            End::Stays => Box::pin(told.chain(tokio_stream::pending())),
            End::Refuses(_, status) => Box::pin(told.chain(tokio_stream::once(Err(status)))),
            End::Closes(_) => Box::pin(told),
        }))
    }

    async fn list_changes(
        &self,
        _: Request<ListChangesRequest>,
    ) -> Result<Response<Encoded<ListChangesResponse>>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn undo_commit(
        &self,
        request: Request<UndoCommitRequest>,
    ) -> Result<Response<Encoded<UndoCommitResponse>>, Status> {
        let mut state = self.state();
        state.undos.push(request.into_inner());
        if state.refusals.is_empty() {
            Ok(Response::new(UndoCommitResponse { revision: HEAD, ..UndoCommitResponse::default() }.into()))
        } else {
            Err(state.refusals.remove(0))
        }
    }
}
