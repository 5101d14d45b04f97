//! Who is on the other side of a connection, and how that is known.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::str::FromStr;

use crate::addr::{to_canonical, to_mapped};

/// The best-known client of one connection, and how it is known.
///
/// Addresses are IPv6, with IPv4 as `::ffff:a.b.c.d`; the `canonical` forms have IPv4
/// as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddr {
    client: SocketAddrV6,
    peer: SocketAddrV6,
    provenance: Provenance,
    /// Without flow label and scope, which keeps it small: it is copied with each request.
    virtual_addr: Option<(Ipv6Addr, u16)>,
}

/// Where a [`ClientAddr`]'s client address comes from.
///
/// In every case but [`Toa`](Self::Toa) and [`ToaSyn`](Self::ToaSyn) it is the TCP peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Provenance {
    /// A trusted balancer sent it in a TOA option.
    Toa,
    /// A trusted balancer sent it in a TOA option of the SYN, which the library read itself,
    /// as the listener asked for ([`SavedSyn`](crate::SavedSyn)). A SYN proves less than the
    /// segment that a source reads.
    ToaSyn,
    /// No TOA option was sent: a direct connection, or the balancer's health check. Behind
    /// [`SavedSyn`](crate::SavedSyn) it is the SYN that has none.
    NotSent,
    /// A TOA option was sent by a peer that is not trusted, and is ignored.
    Untrusted,
    /// A TOA option was sent, but it is malformed or its address is refused.
    Invalid,
    /// An option of a configured kind was sent, of a length that no configured format has:
    /// another balancer's format, or nothing about addresses. It is not read.
    Foreign,
    /// A TOA option was sent in a segment that the balancer cannot have written so: its
    /// own option would have found no room. It is ignored.
    Implausible,
    /// No source answers in this kernel, so nobody read the option.
    NoSource,
    /// No source answers, and the kernel has kept no SYN for [`SavedSyn`](crate::SavedSyn):
    /// it answered with a SYN cookie, or the SYN came before the listener asked to keep
    /// them. Whether an option was sent cannot be known.
    NoSyn,
    /// A third-party module has already put the client into what `accept()`
    /// returns. The balancer's own address is unknown, so trust cannot be checked.
    FromAccept,
    /// The source did not answer as it should; the errno, or 0 where the answer
    /// itself was broken.
    Failed(i32),
}

/// A text that is no [`Provenance`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a provenance: write one of toa, toa_syn, not_sent, untrusted, invalid, foreign, implausible, no_source, no_syn, from_accept, failed"
)]
pub struct ParseProvenanceError(String);

impl Provenance {
    const ALL: [Self; 11] = [
        Self::Toa,
        Self::ToaSyn,
        Self::NotSent,
        Self::Untrusted,
        Self::Invalid,
        Self::Foreign,
        Self::Implausible,
        Self::NoSource,
        Self::NoSyn,
        Self::FromAccept,
        Self::Failed(0),
    ];

    /// Its one name, in logs, spans, metrics and JSON: `toa`, `toa_syn`, `not_sent`,
    /// `untrusted`, `invalid`, `foreign`, `implausible`, `no_source`, `no_syn`, `from_accept`
    /// or `failed`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Toa => "toa",
            Self::ToaSyn => "toa_syn",
            Self::NotSent => "not_sent",
            Self::Untrusted => "untrusted",
            Self::Invalid => "invalid",
            Self::Foreign => "foreign",
            Self::Implausible => "implausible",
            Self::NoSource => "no_source",
            Self::NoSyn => "no_syn",
            Self::FromAccept => "from_accept",
            Self::Failed(_) => "failed",
        }
    }
}

impl fmt::Display for Provenance {
    /// [`as_str`](Self::as_str).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Provenance {
    type Err = ParseProvenanceError;

    /// Reads what [`as_str`](Self::as_str) gives; the errno of a
    /// [`Failed`](Self::Failed) is not part of it.
    fn from_str(text: &str) -> Result<Self, ParseProvenanceError> {
        let found = Self::ALL.into_iter().find(|known| known.as_str() == text);
        found.ok_or_else(|| ParseProvenanceError(text.to_owned()))
    }
}

impl ClientAddr {
    pub(crate) const fn new(
        client: SocketAddrV6,
        peer: SocketAddrV6,
        provenance: Provenance,
    ) -> Self {
        Self {
            client,
            peer,
            provenance,
            virtual_addr: None,
        }
    }

    pub(crate) const fn with_virtual_addr(mut self, virtual_addr: Option<SocketAddrV6>) -> Self {
        self.virtual_addr = match virtual_addr {
            Some(addr) => Some((*addr.ip(), addr.port())),
            None => None,
        };
        self
    }

    pub(crate) const fn from_toa(client: SocketAddrV6, peer: SocketAddrV6) -> Self {
        Self::new(client, peer, Provenance::Toa)
    }

    pub(crate) const fn from_syn(client: SocketAddrV6, peer: SocketAddrV6) -> Self {
        Self::new(client, peer, Provenance::ToaSyn)
    }

    pub(crate) const fn from_peer(peer: SocketAddrV6, provenance: Provenance) -> Self {
        Self::new(peer, peer, provenance)
    }

    /// A listening address in the form of a client, for frameworks that have one type for
    /// both.
    #[must_use]
    pub const fn of_listener(local: SocketAddr) -> Self {
        Self::from_peer(to_mapped(local), Provenance::NotSent)
    }

    /// A made-up connection, for tests of code that takes one.
    #[cfg(feature = "test-util")]
    #[must_use]
    pub const fn mock(client: SocketAddrV6, peer: SocketAddrV6, provenance: Provenance) -> Self {
        Self::new(client, peer, provenance)
    }

    /// The same, of a client that asked for this address.
    #[cfg(feature = "test-util")]
    #[must_use]
    pub fn with_mock_virtual_addr(self, virtual_addr: impl Into<SocketAddr>) -> Self {
        self.with_virtual_addr(Some(to_mapped(virtual_addr.into())))
    }

    /// A made-up connection of a client for whom a trusted balancer at 10.0.0.1:40000
    /// vouches, for tests of code that takes one.
    #[cfg(feature = "test-util")]
    #[must_use]
    pub fn mock_toa(client: impl Into<SocketAddr>) -> Self {
        let balancer = std::net::Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped();
        Self::from_toa(
            to_mapped(client.into()),
            SocketAddrV6::new(balancer, 40000, 0, 0),
        )
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

    /// The client's address without its port, IPv4 as IPv4.
    #[must_use]
    pub fn client_ip(&self) -> IpAddr {
        self.client_canonical().ip()
    }

    /// The TCP peer: the balancer, or the client of a direct connection.
    #[must_use]
    pub const fn peer(&self) -> SocketAddrV6 {
        self.peer
    }

    /// [`peer`](Self::peer) with an IPv4 address as IPv4.
    #[must_use]
    pub fn peer_canonical(&self) -> SocketAddr {
        to_canonical(self.peer)
    }

    /// The address and port at the balancer that the client asked for, where a trusted
    /// balancer's option has them; port 0 where it has the address alone.
    #[must_use]
    pub fn virtual_addr(&self) -> Option<SocketAddr> {
        self.virtual_addr
            .map(|(ip, port)| SocketAddr::new(ip.to_canonical(), port))
    }

    /// Where the client address comes from.
    #[must_use]
    pub const fn provenance(&self) -> Provenance {
        self.provenance
    }

    /// Whether a trusted balancer vouches for the client address, be it in the SYN.
    #[must_use]
    pub const fn is_from_toa(&self) -> bool {
        matches!(self.provenance, Provenance::Toa | Provenance::ToaSyn)
    }
}

impl fmt::Display for ClientAddr {
    /// `[2001:db8::7]:41234 (toa, peer 10.0.0.9:5000)`, with a virtual address
    /// `203.0.113.7:41234 (toa, peer 10.0.0.9:5000, to 10.0.8.208:443)`, else
    /// `10.0.0.9:5000 (not_sent)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.client_canonical(), self.provenance)?;
        match self.provenance {
            Provenance::Toa | Provenance::ToaSyn => {
                write!(f, ", peer {}", self.peer_canonical())?;
            }
            Provenance::Failed(errno) => write!(f, ", errno {errno}")?,
            _ => {}
        }
        if let Some(virtual_addr) = self.virtual_addr() {
            write!(f, ", to {virtual_addr}")?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provenance_reads_back_what_it_prints() {
        for provenance in Provenance::ALL {
            assert_eq!(provenance.to_string(), provenance.as_str());
            assert_eq!(provenance.as_str().parse(), Ok(provenance));
        }
        for nonsense in ["", "TOA", "none", "no option sent"] {
            let error = nonsense.parse::<Provenance>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("{nonsense:?} is not a provenance")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_client_is_shown_with_its_provenance_and_ipv4_as_ipv4() {
        let peer: SocketAddrV6 = "[::ffff:10.0.0.9]:5000".parse().unwrap();
        let client: SocketAddrV6 = "[2001:db8::7]:41234".parse().unwrap();
        for (shown, expected) in [
            (
                ClientAddr::from_toa(client, peer),
                "[2001:db8::7]:41234 (toa, peer 10.0.0.9:5000)",
            ),
            (
                ClientAddr::from_syn(client, peer),
                "[2001:db8::7]:41234 (toa_syn, peer 10.0.0.9:5000)",
            ),
            (
                ClientAddr::from_toa(client, peer)
                    .with_virtual_addr(Some("[::ffff:10.0.8.208]:443".parse().unwrap())),
                "[2001:db8::7]:41234 (toa, peer 10.0.0.9:5000, to 10.0.8.208:443)",
            ),
            (
                ClientAddr::from_peer(peer, Provenance::NotSent),
                "10.0.0.9:5000 (not_sent)",
            ),
            (
                ClientAddr::from_peer(peer, Provenance::Failed(1)),
                "10.0.0.9:5000 (failed, errno 1)",
            ),
        ] {
            assert_eq!(shown.to_string(), expected);
        }
    }
}
