//! The answer to "who is on the other side?", with its reason.

use std::fmt;
use std::net::{SocketAddr, SocketAddrV6};

use crate::addr::to_canonical;

/// The best-known client of one connection, and how it is known.
///
/// Addresses are IPv6, with IPv4 as `::ffff:a.b.c.d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddr {
    client: SocketAddrV6,
    peer: SocketAddrV6,
    provenance: Provenance,
}

/// Where a [`ClientAddr`]'s client address comes from.
///
/// In every case but [`Toa`](Self::Toa) it is the TCP peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Provenance {
    /// A trusted balancer sent it in a TOA option.
    Toa,
    /// No TOA option was sent: a direct connection, or the balancer's health check.
    NotSent,
    /// A TOA option was sent by a peer that is not trusted, and is ignored.
    Untrusted,
    /// A TOA option was sent, but its length or address is refused.
    Invalid,
    /// No source answers in this kernel, so nobody read the option.
    NoSource,
    /// A third-party module has already put the client into what `accept()`
    /// returns. The balancer's own address is unknown, so trust cannot be checked.
    Accept,
    /// The source did not answer as it should; the errno, or 0 where the answer
    /// itself was broken.
    Failed(i32),
}

impl ClientAddr {
    pub(crate) const fn from_toa(client: SocketAddrV6, peer: SocketAddrV6) -> Self {
        Self {
            client,
            peer,
            provenance: Provenance::Toa,
        }
    }

    pub(crate) const fn from_peer(peer: SocketAddrV6, provenance: Provenance) -> Self {
        Self {
            client: peer,
            peer,
            provenance,
        }
    }

    /// A made-up answer, for tests of code that takes one.
    #[must_use]
    pub const fn mock(client: SocketAddrV6, peer: SocketAddrV6, provenance: Provenance) -> Self {
        Self {
            client,
            peer,
            provenance,
        }
    }

    /// The best-known client: the TOA address, else the TCP peer.
    #[must_use]
    pub const fn client(&self) -> SocketAddrV6 {
        self.client
    }

    /// [`client`](Self::client) with an IPv4 address as IPv4, for display and for
    /// interfaces that take a [`SocketAddr`].
    #[must_use]
    pub fn client_canonical(&self) -> SocketAddr {
        to_canonical(self.client)
    }

    /// The TCP peer: the balancer, or the client of a direct connection.
    #[must_use]
    pub const fn peer(&self) -> SocketAddrV6 {
        self.peer
    }

    /// Where the client address comes from.
    #[must_use]
    pub const fn provenance(&self) -> Provenance {
        self.provenance
    }

    /// Whether a trusted balancer vouches for the client address.
    #[must_use]
    pub const fn is_from_toa(&self) -> bool {
        matches!(self.provenance, Provenance::Toa)
    }
}

impl fmt::Display for ClientAddr {
    /// `[2001:db8::7]:41234 (toa, peer 10.0.0.9:5000)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.client_canonical(), self.provenance)?;
        if self.is_from_toa() {
            write!(f, ", peer {}", to_canonical(self.peer))?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Toa => f.write_str("toa"),
            Self::NotSent => f.write_str("no option sent"),
            Self::Untrusted => f.write_str("peer not trusted"),
            Self::Invalid => f.write_str("option invalid"),
            Self::NoSource => f.write_str("no source"),
            Self::Accept => f.write_str("third-party module, as accepted"),
            Self::Failed(0) => f.write_str("broken answer from the source"),
            Self::Failed(errno) => write!(f, "the source failed with errno {errno}"),
        }
    }
}
