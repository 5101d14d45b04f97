//! What `on_connect` leaves with a connection, and how an address comes of it.

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::HttpMessage;
use toa_core::{Pending, Resolver};

use crate::client_addr::ClientAddr;
use crate::error::Unavailable;
use crate::test::Injected;

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
    /// A connection that has no client address, and why.
    Other(Unavailable),
}

/// The client of a request, from what its connection tells, else what a test has
/// injected; `accepted` is the peer address as actix has it.
pub(crate) fn client(
    connection: Option<&Connection>,
    accepted: Option<SocketAddr>,
    request: &impl HttpMessage,
) -> Result<ClientAddr, Unavailable> {
    if let Some(connection) = connection {
        return connection.client(accepted);
    }
    match request.extensions().get() {
        Some(&Injected(client)) => Ok(client),
        None => Err(Unavailable::NotWiredUp),
    }
}

impl Connection {
    pub(crate) const fn new(resolver: Arc<Resolver>, pending: Pending) -> Self {
        Self::Tcp {
            resolver,
            pending,
            client: OnceCell::new(),
        }
    }

    fn client(&self, accepted: Option<SocketAddr>) -> Result<ClientAddr, Unavailable> {
        let (resolver, pending, client) = match self {
            Self::Tcp {
                resolver,
                pending,
                client,
            } => (resolver, pending, client),
            Self::Other(why) => return Err(*why),
        };
        if let Some(client) = client.get() {
            return Ok(*client);
        }
        let accepted = accepted
            .or_else(|| pending.peer().map(SocketAddr::V6))
            .ok_or(Unavailable::PeerGone)?;
        let decided = resolver.complete(*pending, accepted);
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
        for why in [Unavailable::UnixSocket, Unavailable::UnknownStream] {
            assert_eq!(Connection::Other(why).client(Some(peer)), Err(why));
        }
    }
}
