//! The connection to a server.

use std::{fmt, time::Duration};

use tonic::transport::{Channel, Endpoint};

use super::failure::Failure;
use crate::{
    limits::{REQUEST_BYTES_BESIDE_TEXT, TEXT_BYTES_CEILING},
    proto::v1::{
        admin_service_client::AdminServiceClient, annotation_service_client::AnnotationServiceClient,
        article_service_client::ArticleServiceClient, project_service_client::ProjectServiceClient,
    },
};

/// Where a server listens unless it is told otherwise.
pub(super) const DEFAULT_SERVER: &str = "http://127.0.0.1:50051";
const DEFAULT_PORT: &str = "50051";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a server may say nothing before it is asked whether it is there, and how long it may take to answer that.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// An answer with the largest text that an operator may allow.
const MESSAGE_BYTES_MAX: usize = TEXT_BYTES_CEILING + REQUEST_BYTES_BESIDE_TEXT;

/// A server's address, with its scheme and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server(http::Uri);

impl Server {
    /// Parses `host`, `host:port` or `http://host:port`.
    pub(super) fn parse(address: &str) -> Result<Self, String> {
        let wrong = || "must be HOST:PORT or http://HOST:PORT, such as 127.0.0.1:50051".to_owned();
        let authority = match address.split_once("://") {
            Some(("http", authority)) => authority.trim_end_matches('/'),
            Some(("https", _)) => {
                return Err("https is not supported; put a proxy that ends TLS before it".to_owned());
            }
            Some(_) => return Err(wrong()),
            None => address,
        };
        let authority: http::uri::Authority = authority.parse().map_err(|_| wrong())?;
        if authority.host().is_empty() || authority.as_str().contains('@') {
            return Err(wrong());
        }
        let uri = match authority.port() {
            Some(_) => format!("http://{authority}"),
            None if authority.as_str() != authority.host() => return Err(wrong()),
            None => format!("http://{}:{DEFAULT_PORT}", authority.host()),
        };
        uri.parse().map(Self).map_err(|_| wrong())
    }

    /// `host:port`.
    pub(super) fn authority(&self) -> &str {
        self.0.authority().map_or("", http::uri::Authority::as_str)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority())
    }
}

/// A connection.
#[derive(Debug, Clone)]
pub(super) struct Client(Channel);

impl Client {
    /// Connects, or says that nobody listens there.
    pub(super) async fn connect(server: &Server) -> Result<Self, Failure> {
        let endpoint = Endpoint::from(server.0.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            // Else a stream from a host that is gone, or a way to it that was forgotten, is waited for without end.
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
        let channel = endpoint.connect().await.map_err(|error| Failure::unreachable(server, &error))?;
        Ok(Self(channel))
    }

    pub(super) fn projects(&self) -> ProjectServiceClient<Channel> {
        ProjectServiceClient::new(self.0.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    pub(super) fn articles(&self) -> ArticleServiceClient<Channel> {
        ArticleServiceClient::new(self.0.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    pub(super) fn admin(&self) -> AdminServiceClient<Channel> {
        AdminServiceClient::new(self.0.clone())
    }

    pub(super) fn annotations(&self) -> AnnotationServiceClient<Channel> {
        AnnotationServiceClient::new(self.0.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_and_a_port() {
        let check = |address: &str, url: &str| {
            assert_eq!(
                Server::parse(address).map(|server| server.to_string()).as_deref(),
                Ok(url),
                "{address}"
            );
        };
        check(DEFAULT_SERVER, "http://127.0.0.1:50051");
        check("127.0.0.1:7", "http://127.0.0.1:7");
        check("http://example.org:80/", "http://example.org:80");
        check("example.org", "http://example.org:50051");
        check("[::1]:50051", "http://[::1]:50051");
        check("[::1]", "http://[::1]:50051");
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for address in
            ["", "http://", "ftp://a:1", "https://a:1", "a b:1", "a:70000", "a:x", "u@a:1", "http://a:1/x"]
        {
            assert!(Server::parse(address).is_err(), "{address}");
        }
    }
}
