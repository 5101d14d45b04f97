//! The connection's story as this crate's own type, so that actix's traits can be
//! implemented for it.

use std::fmt;
use std::net::SocketAddrV6;
use std::ops::Deref;

use toa_core::Provenance;

/// The whole story of a connection's client: [`client`](toa_core::ClientAddr::client),
/// [`peer`](toa_core::ClientAddr::peer) and
/// [`provenance`](toa_core::ClientAddr::provenance), through `Deref` to
/// [`toa_core::ClientAddr`].
///
/// An extractor. actix turns every error of an `Option<ClientAddr>` into `None`, so
/// `None` means that nothing is wired up; that no option came, or why it was
/// refused, is told by the provenance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct ClientAddr(toa_core::ClientAddr);

impl ClientAddr {
    /// A made-up connection, for [tests](crate::test).
    #[must_use]
    pub const fn mock(client: SocketAddrV6, peer: SocketAddrV6, provenance: Provenance) -> Self {
        Self(toa_core::ClientAddr::mock(client, peer, provenance))
    }
}

impl Deref for ClientAddr {
    type Target = toa_core::ClientAddr;

    fn deref(&self) -> &toa_core::ClientAddr {
        &self.0
    }
}

impl From<toa_core::ClientAddr> for ClientAddr {
    fn from(client: toa_core::ClientAddr) -> Self {
        Self(client)
    }
}

impl From<ClientAddr> for toa_core::ClientAddr {
    fn from(client: ClientAddr) -> Self {
        client.0
    }
}

impl fmt::Display for ClientAddr {
    /// `[2001:db8::7]:41234 (toa, peer 10.0.0.9:5000)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
