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

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection whose peer no source tells: a listening socket has none.
    fn connection() -> Connection {
        let resolver = Arc::new(Resolver::default());
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let pending = resolver.ask(&socket);
        Connection::new(resolver, pending)
    }

    #[test]
    fn a_client_once_told_is_not_changed_by_a_later_peer_address() {
        let connection = connection();
        let first: SocketAddr = "10.0.0.9:5000".parse().unwrap();
        let told = connection.client(Some(first)).unwrap();
        assert_eq!(told.client_canonical(), first);
        let later = "203.0.113.9:1".parse().unwrap();
        assert_eq!(connection.client(Some(later)), Ok(told));
        assert_eq!(connection.client(None), Ok(told));
    }

    #[test]
    fn a_connection_that_has_gone_is_not_called_miswired() {
        assert_eq!(connection().client(None), Err(Unavailable::PeerGone));
    }

    #[test]
    fn an_unknown_stream_has_no_client_whatever_its_peer_address() {
        let peer = "203.0.113.9:1".parse().unwrap();
        assert_eq!(
            Connection::Unknown.client(Some(peer)),
            Err(Unavailable::UnknownStream)
        );
    }
}
