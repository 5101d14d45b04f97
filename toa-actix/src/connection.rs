//! What `on_connect` leaves with a connection, and how an address comes of it.

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::sync::Arc;

use toa_core::{Pending, Resolver};

use crate::client_addr::ClientAddr;
use crate::error::Unavailable;

/// One connection's data. The kernel is asked when the connection opens; what
/// `accept()` returned is known to actix with the first request, so the answer is
/// completed then, and kept: a middleware that later replaces the request's peer
/// address changes nothing.
pub(crate) enum Connection {
    /// A TCP connection.
    Tcp {
        resolver: Arc<Resolver>,
        pending: Pending,
        client: OnceCell<ClientAddr>,
    },
    /// A stream type that is not known, such as a Unix socket's.
    Unknown,
}

impl Connection {
    pub(crate) const fn new(resolver: Arc<Resolver>, pending: Pending) -> Self {
        Self::Tcp {
            resolver,
            pending,
            client: OnceCell::new(),
        }
    }

    /// The client; `accepted` is the peer address as actix has it.
    pub(crate) fn client(&self, accepted: Option<SocketAddr>) -> Result<ClientAddr, Unavailable> {
        let Self::Tcp {
            resolver,
            pending,
            client,
        } = self
        else {
            return Err(Unavailable::UnknownStream);
        };
        if let Some(client) = client.get() {
            return Ok(*client);
        }
        let accepted = accepted
            .or_else(|| pending.peer().map(SocketAddr::V6))
            .ok_or(Unavailable::PeerGone)?;
        let decided = pending.with_accepted(accepted, resolver.policy());
        Ok(*client.get_or_init(|| decided.into()))
    }
}
