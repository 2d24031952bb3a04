//! A wire to a server that breaks after so many bytes of what the server says.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use spandrel::client::Server;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
};

/// The wire; each connection over it breaks after as many bytes as there are left, and then none does.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    pub(crate) server: Server,
    /// Bytes until the first connection breaks; `usize::MAX` once one did.
    left: Arc<AtomicUsize>,
}

impl Wire {
    /// A wire to `to` that breaks once, after `bytes` bytes from there.
    pub(crate) async fn breaking_after(bytes: usize, to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server::parse(&listener.local_addr().unwrap().to_string()).unwrap();
        let wire = Self { server, left: Arc::new(AtomicUsize::new(bytes)) };
        let left = Arc::clone(&wire.left);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, to, Arc::clone(&left)));
            }
        });
        wire
    }

    /// Whether it broke.
    pub(crate) fn broke(&self) -> bool {
        self.left.load(Ordering::Relaxed) == usize::MAX
    }
}

async fn carry(mut client: TcpStream, to: SocketAddr, left: Arc<AtomicUsize>) {
    let mut server = TcpStream::connect(to).await.unwrap();
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let answers = async {
        let mut buffer = [0; 4_096];
        loop {
            let most = left.load(Ordering::Relaxed);
            if most == 0 {
                left.store(usize::MAX, Ordering::Relaxed);
                break;
            }
            let room = most.min(buffer.len());
            let Ok(count @ 1..) = from_server.read(&mut buffer[..room]).await else { break };
            if to_client.write_all(&buffer[..count]).await.is_err() {
                break;
            }
            if most != usize::MAX {
                left.store(most - count, Ordering::Relaxed);
            }
        }
    };
    tokio::select! {
        () = answers => {}
        _ = copy(&mut from_client, &mut to_server) => {}
    }
}
