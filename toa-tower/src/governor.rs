//! A key for tower_governor: the client's address, IPv6 by its network.

use http::{Request, StatusCode};
use toa_core::{ClientNetwork, Ipv6Prefix, Nat64Prefix};
use tower_governor::GovernorError;
use tower_governor::key_extractor::KeyExtractor;

use crate::known::{self, ClientAddrError};

/// Rate limits by the real client: an IPv4 client by its address, an IPv6 client by
/// its network, /64 unless told otherwise, as one customer has at least that much and
/// could take a new address for each request.
///
/// ```
/// use tower_governor::{GovernorLayer, governor::GovernorConfigBuilder};
/// use toa_tower::RealClientKey;
///
/// let limit = GovernorConfigBuilder::default()
///     .per_second(1)
///     .burst_size(10)
///     .key_extractor(RealClientKey::new().with_ipv6_prefix(56))
///     .finish();
/// # assert!(limit.is_some());
/// ```
///
/// The feature turns `tower_governor`'s own `tracing` on, which logs each refusal at
/// `INFO`; `tower_governor=warn` in the log filter keeps that from a stranger.
///
/// Requests of a Unix socket (see [`UnixClient`](crate::UnixClient)) count as one client.
/// Without the listener half it answers 500, and the log says what to add.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RealClientKey {
    ipv6_prefix: Ipv6Prefix,
    nat64_prefix: Nat64Prefix,
}

impl RealClientKey {
    /// IPv4 by address, IPv6 by /64.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the 64. Providers give their customers /64 to /48; 128 takes each
    /// address for a client of its own.
    ///
    /// # Panics
    /// When it is not from 1 to 128.
    #[must_use]
    pub const fn with_ipv6_prefix(mut self, bits: u8) -> Self {
        self.ipv6_prefix = Ipv6Prefix::new(bits);
        self
    }

    /// Takes clients of this NAT64 prefix for the IPv4 clients that they are. Those of
    /// 64:ff9b::/96 are always taken so.
    #[must_use]
    pub const fn with_nat64_prefix(mut self, prefix: Nat64Prefix) -> Self {
        self.nat64_prefix = prefix;
        self
    }
}

impl KeyExtractor for RealClientKey {
    type Key = ClientNetwork;

    fn name(&self) -> &'static str {
        "real client"
    }

    fn extract<T>(&self, request: &Request<T>) -> Result<ClientNetwork, GovernorError> {
        match known::find_or_log(request.extensions()) {
            Ok(client) => Ok(ClientNetwork::of(
                client.client(),
                self.ipv6_prefix,
                self.nat64_prefix,
            )),
            Err(ClientAddrError::UnixSocket) => Ok(ClientNetwork::UNIX),
            Err(ClientAddrError::NotWiredUp) => Err(GovernorError::Other {
                code: StatusCode::INTERNAL_SERVER_ERROR,
                msg: Some("internal server error".to_owned()),
                headers: None,
            }),
        }
    }

    fn key_name(&self, key: &ClientNetwork) -> Option<String> {
        Some(key.to_string())
    }
}
