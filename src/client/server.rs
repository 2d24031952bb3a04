//! Where a server is.

use std::{error::Error, fmt};

use http::uri::Authority;

const DEFAULT_PORT: &str = "50051";

/// A server's address: a host and a port, reached without TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server(http::Uri);

/// Why an address is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerError {
    /// It is no host with a port.
    Malformed,
    /// It asks for TLS.
    Tls,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "must be HOST:PORT or http://HOST:PORT, such as 127.0.0.1:50051",
            Self::Tls => "https is not supported; put a proxy that ends TLS before it",
        })
    }
}

impl Error for ServerError {}

impl Server {
    /// Where a server listens unless it is told otherwise.
    pub const DEFAULT: &str = "http://127.0.0.1:50051";

    /// Parses `host`, `host:port` or `http://host:port`; the port left out is 50051.
    ///
    /// # Errors
    ///
    /// When it is something else.
    pub fn parse(address: &str) -> Result<Self, ServerError> {
        let authority = match address.split_once("://") {
            Some(("http", authority)) => authority.trim_end_matches('/'),
            Some(("https", _)) => return Err(ServerError::Tls),
            Some(_) => return Err(ServerError::Malformed),
            None => address,
        };
        let authority: Authority = authority.parse().map_err(|_| ServerError::Malformed)?;
        if authority.host().is_empty() || authority.as_str().contains('@') {
            return Err(ServerError::Malformed);
        }
        let uri = match authority.port() {
            Some(_) => format!("http://{authority}"),
            None if authority.as_str() != authority.host() => return Err(ServerError::Malformed),
            None => format!("http://{}:{DEFAULT_PORT}", authority.host()),
        };
        uri.parse().map(Self).map_err(|_| ServerError::Malformed)
    }

    /// `host:port`.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.0.authority().map_or("", Authority::as_str)
    }

    pub(super) fn uri(&self) -> http::Uri {
        self.0.clone()
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority())
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
        check(Server::DEFAULT, "http://127.0.0.1:50051");
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
