//! `axum::serve` over our listener.

use std::io;
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
                // axum's contract has no way to give up.
                Err(error) => {
                    if !std::mem::replace(&mut logged, true) {
                        tracing::error!(%error, "the listening socket is unusable, trying again");
                    }
                    tokio::time::sleep(BACK_OFF).await;
                }
            }
        }
    }

    /// The listening address in the form of a client, as axum asks for one type.
    fn local_addr(&self) -> io::Result<ClientAddr> {
        let local = to_mapped(Self::local_addr(self)?);
        Ok(ClientAddr::mock(local, local, Provenance::NotSent))
    }
}
