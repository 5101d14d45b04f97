//! The one address form inside: IPv6, with IPv4 as `::ffff:a.b.c.d`.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// `address` as IPv6, an IPv4 one in mapped form; flow label and scope are dropped
/// for IPv4 and kept for IPv6.
#[must_use]
pub const fn to_mapped(address: SocketAddr) -> SocketAddrV6 {
    match address {
        SocketAddr::V4(v4) => SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0),
        SocketAddr::V6(v6) => v6,
    }
}

/// `address` with a mapped IPv4 address as plain IPv4.
#[must_use]
pub fn to_canonical(address: SocketAddrV6) -> SocketAddr {
    match from_mapped(*address.ip()) {
        IpAddr::V4(v4) => SocketAddr::new(IpAddr::V4(v4), address.port()),
        IpAddr::V6(_) => SocketAddr::V6(address),
    }
}

pub(crate) fn from_mapped(ip: Ipv6Addr) -> IpAddr {
    ip.to_canonical()
}
