//! The one address that most handlers want.

use std::fmt;
use std::net::{SocketAddr, SocketAddrV6};

use http::Extensions;

use crate::client_addr::ClientAddr;

/// The best-known client: the TOA address, else the TCP peer; IPv4 as
/// `::ffff:a.b.c.d`. [`ClientAddr`] tells which of them it is, and why.
///
/// An axum extractor behind [`ToaLayer`](crate::ToaLayer); as `Option<RealClient>` it
/// is `None` where nothing is wired up. Middleware asks
/// [`from_extensions`](Self::from_extensions).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RealClient(pub SocketAddrV6);

impl RealClient {
    /// The client of the request with these extensions, behind
    /// [`ToaLayer`](crate::ToaLayer); for middleware, and for handlers without axum.
    ///
    /// The extension itself is [`ClientAddr`]: one per request, as each costs an
    /// allocation.
    #[must_use]
    pub fn from_extensions(extensions: &Extensions) -> Option<Self> {
        extensions.get::<ClientAddr>().copied().map(Self::from)
    }

    /// The address with IPv4 as IPv4, for display and for interfaces that take a
    /// [`SocketAddr`].
    #[must_use]
    pub fn canonical(&self) -> SocketAddr {
        toa_core::to_canonical(self.0)
    }
}

impl From<ClientAddr> for RealClient {
    fn from(client: ClientAddr) -> Self {
        Self(client.client())
    }
}

impl fmt::Display for RealClient {
    /// As [`SocketAddrV6`] has it: `[2001:db8::7]:41234`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
