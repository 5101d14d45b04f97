//! The three combinations of listener and peer families.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use anyhow::Result;
use toa_core::option::ToaOption;
use toa_lab::peer::PeerDevice;

/// Which listener, and which family of peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressPath {
    /// An AF_INET listener.
    V4,
    /// IPv4 peers of an AF_INET6 listener; their clients have IPv6, as with NAT64.
    Mapped,
    /// IPv6 peers of an AF_INET6 listener.
    V6,
}

impl AddressPath {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::V4, Self::Mapped, Self::V6];

    /// A new listener, which does not block.
    ///
    /// # Errors
    /// The kernel's.
    pub fn listen(self) -> Result<TcpListener> {
        let any: IpAddr = match self {
            Self::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Self::Mapped | Self::V6 => Ipv6Addr::UNSPECIFIED.into(),
        };
        let listener = TcpListener::bind((any, 0))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    /// Where peers reach a listener on `port`.
    #[must_use]
    pub fn server(self, port: u16) -> SocketAddr {
        match self {
            Self::V4 | Self::Mapped => (PeerDevice::KERNEL_V4, port).into(),
            Self::V6 => (PeerDevice::KERNEL_V6, port).into(),
        }
    }

    /// A balancer's address, number `n` of many.
    #[must_use]
    pub fn trusted(self, n: u16) -> IpAddr {
        let [high, low] = n.to_be_bytes();
        match self {
            Self::V4 | Self::Mapped => Ipv4Addr::new(172, 20, high, low).into(),
            Self::V6 => Ipv6Addr::new(0xfd00, 7, 0, 0, 0, 0, 0, n).into(),
        }
    }

    /// A public address, which is not trusted.
    #[must_use]
    pub fn untrusted(self) -> IpAddr {
        match self {
            Self::V4 | Self::Mapped => Ipv4Addr::new(198, 51, 100, 7).into(),
            Self::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, 0, 7).into(),
        }
    }

    /// A client behind a balancer, number `n` of many.
    #[must_use]
    pub fn client(self, n: u16) -> SocketAddr {
        let [high, low] = n.to_be_bytes();
        match self {
            Self::V4 => (Ipv4Addr::new(203, 0, high, low), 40_000 | n).into(),
            Self::Mapped | Self::V6 => {
                (Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, n), 40_000 | n).into()
            }
        }
    }
}

/// The option that names `client`, as balancers write it.
#[must_use]
pub fn option(client: SocketAddr) -> Vec<u8> {
    ToaOption::new(254, client).encode().to_vec()
}
