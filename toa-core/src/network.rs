//! What rate limiters count by: the client's address, IPv6 by its network.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::nat64::Nat64Prefix;

/// Whom a rate limiter takes for one client: an IPv4 address, an IPv6 network, or the
/// programs behind a Unix socket. Shown as `192.0.2.1`, `2001:db8::/64` or `unix`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientNetwork(Network);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Network {
    V4(Ipv4Addr),
    V6(Ipv6Addr, Ipv6Prefix),
    Unix,
    Unknown,
}

/// How many bits of an IPv6 address name the network that is one client; 64 by default, as
/// one customer has at least that much and could take a new address for each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ipv6Prefix(u8);

impl ClientNetwork {
    /// The programs that ask over Unix sockets: they have no addresses and count as one.
    pub const UNIX: Self = Self(Network::Unix);

    /// Connections that were closed before their peer was known: they count as one. Shown
    /// as `unknown`.
    pub const UNKNOWN: Self = Self(Network::Unknown);

    /// The network of this client. One that a NAT64 has translated, by the well-known
    /// prefix or by this one, counts as the IPv4 client that it is: all of them are in one
    /// IPv6 network.
    #[must_use]
    pub fn of(client: SocketAddrV6, prefix: Ipv6Prefix, nat64: Nat64Prefix) -> Self {
        let client = match nat64.canonical(client) {
            SocketAddr::V6(v6) => Nat64Prefix::WELL_KNOWN.canonical(v6).ip(),
            SocketAddr::V4(v4) => (*v4.ip()).into(),
        };
        Self(match client {
            IpAddr::V4(v4) => Network::V4(v4),
            IpAddr::V6(v6) => Network::V6(prefix.network_of(v6), prefix),
        })
    }
}

impl Ipv6Prefix {
    /// A prefix of so many bits. Providers give their customers /64 to /48; 128 takes each
    /// address for a client of its own.
    ///
    /// # Panics
    /// When it is not from 1 to 128.
    #[must_use]
    pub const fn new(bits: u8) -> Self {
        assert!(
            bits >= 1 && bits <= 128,
            "an ipv6 prefix to limit by is from 1 to 128 bits"
        );
        Self(bits)
    }

    const fn network_of(self, address: Ipv6Addr) -> Ipv6Addr {
        let mask = u128::MAX << (128 - self.0);
        Ipv6Addr::from_bits(address.to_bits() & mask)
    }
}

impl Default for Ipv6Prefix {
    fn default() -> Self {
        Self::new(64)
    }
}

impl fmt::Display for ClientNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Network::V4(v4) => v4.fmt(f),
            Network::V6(v6, Ipv6Prefix(bits)) => write!(f, "{v6}/{bits}"),
            Network::Unix => f.write_str("unix"),
            Network::Unknown => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_is_masked_to_its_network_and_ipv4_is_not() {
        let nat64 = "2001:db8:64::/96".parse().unwrap();
        for (prefix, client, network) in [
            (64, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            (56, "2001:db8:1:2ff:3:4:5:6", "2001:db8:1:200::/56"),
            (48, "2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
            (128, "2001:db8::1", "2001:db8::1/128"),
            (1, "ffff::", "8000::/1"),
            (64, "::ffff:192.0.2.1", "192.0.2.1"),
            (1, "::ffff:192.0.2.1", "192.0.2.1"),
            (64, "64:ff9b::192.0.2.1", "192.0.2.1"),
            (64, "2001:db8:64::192.0.2.1", "192.0.2.1"),
            (64, "64:ff9b:1::192.0.2.1", "64:ff9b:1::/64"),
        ] {
            let client = SocketAddrV6::new(client.parse().unwrap(), 9, 0, 0);
            let found = ClientNetwork::of(client, Ipv6Prefix::new(prefix), nat64);
            assert_eq!(found.to_string(), network);
        }
        assert_eq!(Ipv6Prefix::default(), Ipv6Prefix::new(64));
    }

    #[test]
    fn prefixes_that_cannot_be_are_refused_when_configured() {
        for bits in [0, 129, 255] {
            let outcome = std::panic::catch_unwind(|| Ipv6Prefix::new(bits));
            assert!(outcome.is_err(), "{bits}");
        }
    }

    #[test]
    fn what_has_no_address_is_counted_apart_from_what_has_one() {
        let any = SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 0, 0, 0);
        let any = ClientNetwork::of(any, Ipv6Prefix::new(1), Nat64Prefix::WELL_KNOWN);
        assert_eq!(ClientNetwork::UNIX.to_string(), "unix");
        assert_eq!(ClientNetwork::UNKNOWN.to_string(), "unknown");
        assert_ne!(ClientNetwork::UNIX, ClientNetwork::UNKNOWN);
        assert!(![ClientNetwork::UNIX, ClientNetwork::UNKNOWN].contains(&any));
    }
}
