//! The listening socket and what is accepted on it.

use std::{io, net::SocketAddr, time::Duration};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::TcpListener;

use crate::limits::KEEPALIVE_INTERVAL;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 4_096;
/// How long to wait when there are no file descriptors left for another connection.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// Listens at `address`. The port is not shared: a second server on it is refused by the operating system.
pub(super) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A server that was killed may start again while its old connections linger. Elsewhere than on Unix the option
    // would mean sharing the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The next connection.
pub(super) async fn accept(listener: &TcpListener) -> std::net::TcpStream {
    loop {
        let accepted = match listener.accept().await {
            Ok((stream, _peer)) => stream.into_std().and_then(prepared),
            Err(error) => Err(error),
        };
        match accepted {
            Ok(stream) => return stream,
            Err(error) if is_of_one_connection(&error) => {
                tracing::debug!("a connection was gone before it was accepted: {error}");
            }
            Err(error) => {
                tracing::warn!("cannot accept connections for now: {error}");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
        }
    }
}

/// Sets what every connection has. Nagle's algorithm would hold small answers back for 40 ms; and a client that is
/// gone without a word should be noticed even when it speaks HTTP/1.1, which has no pings.
fn prepared(stream: std::net::TcpStream) -> io::Result<std::net::TcpStream> {
    stream.set_nodelay(true)?;
    SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_INTERVAL))?;
    Ok(stream)
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::NotConnected
            | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_send_small_answers_at_once() {
        let listener = TcpListener::from_std(bind(([127, 0, 0, 1], 0).into()).unwrap()).unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let accepted = accept(&listener).await;
        assert!(accepted.nodelay().unwrap());
        assert!(SockRef::from(&accepted).keepalive().unwrap());
        assert_eq!(accepted.peer_addr().unwrap(), client.local_addr().unwrap());
    }

    #[test]
    fn a_port_is_not_shared() {
        let first = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let second = bind(first.local_addr().unwrap()).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
    }
}
