//! A client: calls that are tried again without being done twice, and watches that go on where they were cut off.
//!
//! ```no_run
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! use spandrel::{
//!     client::{Client, Event, Server, WatchRequest, WatchStart},
//!     proto::v1,
//! };
//!
//! let client = Client::connect(&Server::parse("127.0.0.1:50051")?).await?;
//! let name = "projects/demo".to_owned();
//! let project = client.call(v1::GetProjectRequest { name: name.clone() }).await?;
//!
//! let mut watch = client.watch(WatchRequest { start: WatchStart::Snapshot, ..WatchRequest::of(name) });
//! loop {
//!     match watch.next().await? {
//!         Event::SnapshotBegins => { /* forget everything */ }
//!         Event::Snapshot(page) => { /* put each resource unless a newer one is there */ }
//!         Event::Commit(commit) => { /* put or delete each resource, likewise */ }
//!         Event::Connected { .. } | Event::Checkpoint(_) | Event::Disconnected(_) => {}
//!     }
//! }
//! # }
//! ```

mod calls;
mod place;
mod retry;
mod server;
mod watch;

use std::{error::Error, fmt, time::Duration};

use tonic::{
    Status,
    transport::{Channel, Endpoint},
};
use uuid::Uuid;

use crate::{
    limits::{REQUEST_BYTES_BESIDE_TEXT, TEXT_BYTES_CEILING},
    proto::v1::{
        admin_service_client::AdminServiceClient, annotation_service_client::AnnotationServiceClient,
        article_service_client::ArticleServiceClient, change_service_client::ChangeServiceClient,
        exchange_service_client::ExchangeServiceClient, layer_service_client::LayerServiceClient,
        project_service_client::ProjectServiceClient,
    },
};
pub use calls::Call;
pub use place::{Event, WatchStart};
pub use retry::RetryPolicy;
pub use server::{Server, ServerError};
pub use watch::{Watch, WatchError, WatchOptions, WatchRequest};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a server may say nothing before it is asked whether it is there, and how long it may take to answer that.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// An answer with the largest text that an operator may allow.
const MESSAGE_BYTES_MAX: usize = TEXT_BYTES_CEILING + REQUEST_BYTES_BESIDE_TEXT;

/// A connection to a server, made again when it breaks. Clones share it.
#[derive(Debug, Clone)]
pub struct Client {
    channel: Channel,
    policy: RetryPolicy,
}

/// A connection that could not be made.
#[derive(Debug)]
pub struct ConnectError {
    server: Server,
    source: tonic::transport::Error,
}

impl ConnectError {
    /// Where nobody answers.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// What the system says: the deepest of the causes.
    #[must_use]
    pub fn cause(&self) -> String {
        let mut cause: &dyn Error = &self.source;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        cause.to_string()
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot reach a server at {}: {}", self.server.authority(), self.cause())
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

impl Client {
    /// Connects, within five seconds.
    ///
    /// # Errors
    ///
    /// When nobody listens there.
    pub async fn connect(server: &Server) -> Result<Self, ConnectError> {
        let endpoint = Endpoint::from(server.uri())
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            // Else a stream from a host that is gone, or a way to it that was forgotten, is waited for without end.
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
        match endpoint.connect().await {
            Ok(channel) => Ok(Self { channel, policy: RetryPolicy::default() }),
            Err(source) => Err(ConnectError { server: server.clone(), source }),
        }
    }

    /// The same connection, whose calls are tried again as `policy` says.
    #[must_use]
    pub fn with_retry(self, policy: RetryPolicy) -> Self {
        Self { policy, ..self }
    }

    /// Calls the method that takes `request`, again and again as the [`RetryPolicy`] says. A request that changes
    /// something gets a request id unless it has one, the same for each try, so that it happens once.
    ///
    /// # Errors
    ///
    /// What the server refused with, or what the last try ended with. After UNAVAILABLE, UNKNOWN and CANCELLED a change
    /// may have been made all the same: send the same request with the same id to learn it.
    pub async fn call<R: Call>(&self, mut request: R) -> Result<R::Answer, Status> {
        request.identify();
        retry::retry(self.policy, || request.clone().send(self.clone())).await
    }

    /// Follows the changes of a project, for as long as there is something to follow.
    #[must_use]
    pub fn watch(&self, request: WatchRequest) -> Watch {
        self.watch_with(request, WatchOptions::default())
    }

    /// Follows the changes of a project, and reconnects as `options` say.
    #[must_use]
    pub fn watch_with(&self, request: WatchRequest, options: WatchOptions) -> Watch {
        Watch::new(self.changes(), request, options)
    }

    /// `ProjectService` as it is: nothing is tried again.
    #[must_use]
    pub fn projects(&self) -> ProjectServiceClient<Channel> {
        ProjectServiceClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// `ArticleService` as it is: nothing is tried again.
    #[must_use]
    pub fn articles(&self) -> ArticleServiceClient<Channel> {
        ArticleServiceClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// `AnnotationService` as it is: nothing is tried again.
    #[must_use]
    pub fn annotations(&self) -> AnnotationServiceClient<Channel> {
        AnnotationServiceClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// `LayerService` as it is: nothing is tried again.
    #[must_use]
    pub fn layers(&self) -> LayerServiceClient<Channel> {
        LayerServiceClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// `ChangeService` as it is: nothing is tried again.
    #[must_use]
    pub fn changes(&self) -> ChangeServiceClient<Channel> {
        ChangeServiceClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// `ExchangeService` as it is: nothing is tried again.
    #[must_use]
    pub fn exchange(&self) -> ExchangeServiceClient<Channel> {
        ExchangeServiceClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// `AdminService` as it is: nothing is tried again.
    #[must_use]
    pub fn admin(&self) -> AdminServiceClient<Channel> {
        AdminServiceClient::new(self.channel.clone())
    }
}

/// A new request id: a `UUIDv7`, since the server keeps ids that were made one after another beside each other.
#[must_use]
pub fn request_id() -> String {
    Uuid::now_v7().hyphenated().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_in_the_order_of_their_making() {
        let ids: Vec<_> = (0..1_000).map(|_| request_id()).collect();
        assert!(ids.is_sorted_by(|one, next| one < next));
        assert_eq!(ids[0].parse::<Uuid>().unwrap().get_version_num(), 7);
    }
}
