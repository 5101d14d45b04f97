//! The types that handlers and middleware ask for.

use http::Extensions;

use crate::known;

toa_core::client_types! {
    /// The client of a request's connection, the connection's peer, and how the client is
    /// known.
    ///
    /// An axum extractor; `Option<ClientAddr>` is `None` where there is no such address, over
    /// a Unix socket for one. Middleware asks [`from_extensions`](Self::from_extensions).
    ClientAddr,
    /// The best-known client: the TOA address, else the TCP peer; IPv4 as
    /// `::ffff:a.b.c.d`. [`ClientAddr`] tells which of them it is, and why.
    ///
    /// An axum extractor; `Option<RealClient>` is `None` where there is no such address, over
    /// a Unix socket for one. Middleware asks [`from_extensions`](Self::from_extensions).
    RealClient,
    /// The address and port at the balancer that the client asked for, IPv4 as IPv4; `None`
    /// where the balancer's option does not have it, as that of most formats. Port 0 where
    /// it has the address alone.
    ///
    /// An axum extractor, which fails where [`ClientAddr`] does.
    VirtualAddr,
}

impl ClientAddr {
    /// The client of the request with these extensions; for middleware, and for handlers
    /// without axum.
    #[must_use]
    pub fn from_extensions(extensions: &Extensions) -> Option<Self> {
        known::find(extensions).copied()
    }
}

impl RealClient {
    /// The client of the request with these extensions; for middleware, and for handlers
    /// without axum.
    #[must_use]
    pub fn from_extensions(extensions: &Extensions) -> Option<Self> {
        known::find(extensions).map(|client| Self(client.client()))
    }
}

/// Stands for a client where the connection is a Unix socket, whose other side is a program
/// of this machine and has no address.
///
/// A shared stack of layers serves both: `axum::serve(unix_listener,
/// app.into_make_service_with_connect_info::<UnixClient>())`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnixClient;
