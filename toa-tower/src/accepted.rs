//! The lookup for connections that somebody else accepts.

use std::io;
use std::net::SocketAddr;
use std::sync::Once;

use toa_core::{Policy, Resolver};
use tokio::net::TcpStream;

use crate::client_addr::ClientAddr;

/// Asks about each connection once; the first one finds out which source is there.
#[derive(Debug)]
pub(crate) struct Accepted {
    resolver: Resolver,
    detected: Once,
}

impl Accepted {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            resolver: Resolver::new(policy),
            detected: Once::new(),
        }
    }

    /// `peer` is what `accept()` returned.
    #[cfg_attr(
        not(feature = "axum"),
        expect(dead_code, reason = "only `axum::serve` tells accept()'s answer")
    )]
    pub(crate) fn resolve(&self, stream: &TcpStream, peer: SocketAddr) -> ClientAddr {
        self.detect(stream);
        self.resolver.resolve(stream, peer).into()
    }

    /// Where `accept()`'s answer is out of reach; without a source of ours this is a
    /// second system call.
    #[cfg_attr(
        not(feature = "axum-server"),
        expect(dead_code, reason = "only axum-server keeps the answer to itself")
    )]
    pub(crate) fn resolve_alone(&self, stream: &TcpStream) -> io::Result<ClientAddr> {
        self.detect(stream);
        let pending = self.resolver.ask(stream);
        let peer = match pending.peer() {
            Some(peer) => peer.into(),
            None => stream.peer_addr()?,
        };
        Ok(self.resolver.complete(pending, peer).into())
    }

    fn detect(&self, stream: &TcpStream) {
        self.detected.call_once(|| {
            self.resolver.detect(stream);
        });
    }
}

impl Default for Accepted {
    fn default() -> Self {
        Self::new(Policy::default())
    }
}
