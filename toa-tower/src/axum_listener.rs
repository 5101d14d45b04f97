//! `axum::serve` over our listeners.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::serve::Listener;
use toa_core::{Provenance, to_mapped};
use tokio::net::TcpStream;

use crate::client_addr::ClientAddr;
use crate::listener::ToaListener;

/// How long to wait before an unusable listener is tried again.
const BACK_OFF: Duration = Duration::from_secs(1);

impl Listener for ToaListener {
    type Io = TcpStream;
    type Addr = ClientAddr;

    async fn accept(&mut self) -> (TcpStream, ClientAddr) {
        let mut logged = false;
        loop {
            match Self::accept(self).await {
                Ok(accepted) => return accepted,
                Err(error) => wait(&error, &mut logged).await,
            }
        }
    }

    /// The listening address in the form of a client, as axum asks for one type.
    fn local_addr(&self) -> io::Result<ClientAddr> {
        Self::local_addr(self).map(listening)
    }
}

#[cfg(feature = "rustls")]
impl Listener for crate::tls::TlsListener {
    type Io = tokio_rustls::server::TlsStream<TcpStream>;
    type Addr = ClientAddr;

    async fn accept(&mut self) -> (Self::Io, ClientAddr) {
        let mut logged = false;
        loop {
            match Self::accept(self).await {
                Ok(accepted) => return accepted,
                Err(error) => wait(&error, &mut logged).await,
            }
        }
    }

    /// The listening address in the form of a client, as axum asks for one type.
    fn local_addr(&self) -> io::Result<ClientAddr> {
        Self::local_addr(self).map(listening)
    }
}

/// axum's contract has no way to give up on a listener.
async fn wait(error: &io::Error, logged: &mut bool) {
    if !std::mem::replace(logged, true) {
        tracing::error!(%error, "the listening socket is unusable, trying again");
    }
    tokio::time::sleep(BACK_OFF).await;
}

fn listening(local: SocketAddr) -> ClientAddr {
    let local = to_mapped(local);
    ClientAddr::mock(local, local, Provenance::NotSent)
}
