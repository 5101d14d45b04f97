//! The types that a framework's adapter hands to handlers.
//!
//! `toa-tower` and `toa-actix` implement traits of their frameworks, which Rust allows on
//! their own types only. So each has its own of these, made here once.

/// Makes an adapter crate's `ClientAddr`, `RealClient` and `VirtualAddr`, with its own words
/// on where they come from.
#[doc(hidden)]
#[macro_export]
macro_rules! client_types {
    (
        $(#[$client_addr:meta])* ClientAddr,
        $(#[$real_client:meta])* RealClient,
        $(#[$virtual_addr:meta])* VirtualAddr $(,)?
    ) => {
        $(#[$client_addr])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(transparent)]
        pub struct ClientAddr($crate::ClientAddr);

        impl ClientAddr {
            /// A made-up connection, for your own tests.
            #[cfg(feature = "test-util")]
            #[must_use]
            pub const fn mock(
                client: ::std::net::SocketAddrV6,
                peer: ::std::net::SocketAddrV6,
                provenance: $crate::Provenance,
            ) -> Self {
                Self($crate::ClientAddr::mock(client, peer, provenance))
            }

            /// A made-up connection of a client for whom a trusted balancer at
            /// 10.0.0.1:40000 vouches, for your own tests.
            #[cfg(feature = "test-util")]
            #[must_use]
            pub fn mock_toa(client: impl Into<::std::net::SocketAddr>) -> Self {
                Self($crate::ClientAddr::mock_toa(client))
            }

            /// The same, of a client that asked for this address.
            #[cfg(feature = "test-util")]
            #[must_use]
            pub fn with_mock_virtual_addr(self, addr: impl Into<::std::net::SocketAddr>) -> Self {
                Self(self.0.with_mock_virtual_addr(addr))
            }

            /// The best-known client: the TOA address, else the TCP peer; IPv4 as
            /// `::ffff:a.b.c.d`.
            #[must_use]
            pub const fn client(&self) -> ::std::net::SocketAddrV6 {
                self.0.client()
            }

            /// [`client`](Self::client) with an IPv4 address as IPv4.
            #[must_use]
            pub fn client_canonical(&self) -> ::std::net::SocketAddr {
                self.0.client_canonical()
            }

            /// The client's address without its port, IPv4 as IPv4.
            #[must_use]
            pub fn client_ip(&self) -> ::std::net::IpAddr {
                self.0.client_ip()
            }

            /// The TCP peer: the balancer, or the client of a direct connection.
            #[must_use]
            pub const fn peer(&self) -> ::std::net::SocketAddrV6 {
                self.0.peer()
            }

            /// [`peer`](Self::peer) with an IPv4 address as IPv4.
            #[must_use]
            pub fn peer_canonical(&self) -> ::std::net::SocketAddr {
                self.0.peer_canonical()
            }

            /// The address and port at the balancer that the client asked for, where a
            /// trusted balancer's option has them; port 0 where it has the address alone.
            #[must_use]
            pub fn virtual_addr(&self) -> Option<::std::net::SocketAddr> {
                self.0.virtual_addr()
            }

            /// Where the client address comes from.
            #[must_use]
            pub const fn provenance(&self) -> $crate::Provenance {
                self.0.provenance()
            }

            /// Whether a trusted balancer vouches for the client address, be it in the SYN.
            #[must_use]
            pub const fn is_from_toa(&self) -> bool {
                self.0.is_from_toa()
            }
        }

        impl From<$crate::ClientAddr> for ClientAddr {
            fn from(client: $crate::ClientAddr) -> Self {
                Self(client)
            }
        }

        impl From<ClientAddr> for $crate::ClientAddr {
            fn from(client: ClientAddr) -> Self {
                client.0
            }
        }

        impl ::std::fmt::Display for ClientAddr {
            /// `[2001:db8::7]:41234 (toa, peer 10.0.0.9:5000)`.
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                self.0.fmt(f)
            }
        }

        $(#[$real_client])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct RealClient(pub ::std::net::SocketAddrV6);

        impl RealClient {
            /// The address with IPv4 as IPv4, for interfaces that take a
            /// [`SocketAddr`](::std::net::SocketAddr).
            #[must_use]
            pub fn canonical(&self) -> ::std::net::SocketAddr {
                $crate::to_canonical(self.0)
            }

            /// The address without its port, IPv4 as IPv4.
            #[must_use]
            pub fn ip(&self) -> ::std::net::IpAddr {
                self.canonical().ip()
            }
        }

        impl From<ClientAddr> for RealClient {
            fn from(client: ClientAddr) -> Self {
                Self(client.client())
            }
        }

        $(#[$virtual_addr])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct VirtualAddr(pub Option<::std::net::SocketAddr>);

        impl From<ClientAddr> for VirtualAddr {
            fn from(client: ClientAddr) -> Self {
                Self(client.virtual_addr())
            }
        }

        impl From<RealClient> for ::std::net::SocketAddr {
            fn from(client: RealClient) -> Self {
                client.canonical()
            }
        }

        impl From<RealClient> for ::std::net::IpAddr {
            fn from(client: RealClient) -> Self {
                client.ip()
            }
        }

        impl ::std::fmt::Display for RealClient {
            /// `[2001:db8::7]:41234`, and IPv4 as IPv4: `203.0.113.7:41234`.
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                self.canonical().fmt(f)
            }
        }

        #[cfg(feature = "serde")]
        const _: () = {
            use $crate::private::serde::{Deserialize, Deserializer, Serialize, Serializer};

            impl Serialize for ClientAddr {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    self.0.serialize(serializer)
                }
            }

            impl<'de> Deserialize<'de> for ClientAddr {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    Deserialize::deserialize(deserializer).map(Self)
                }
            }

            impl Serialize for RealClient {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    self.canonical().serialize(serializer)
                }
            }

            impl<'de> Deserialize<'de> for RealClient {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let client = <::std::net::SocketAddr>::deserialize(deserializer)?;
                    Ok(Self($crate::to_mapped(client)))
                }
            }
        };
    };
}

/// What the macro's expansion names.
#[doc(hidden)]
pub mod private {
    #[cfg(feature = "serde")]
    pub use serde;
}
