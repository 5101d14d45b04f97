//! A key for tower_governor: the client's address, IPv6 by its network.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::{Request, StatusCode};
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RealClientKey {
    ipv6_prefix: u8,
}

/// What [`RealClientKey`] counts by; shown as `192.0.2.1`, `2001:db8::/64` or `unix`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientNetwork(Network);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Network {
    V4(Ipv4Addr),
    V6(Ipv6Addr, u8),
    /// The programs of this machine, which have no addresses.
    Unix,
}

impl RealClientKey {
    /// IPv4 by address, IPv6 by /64.
    #[must_use]
    pub const fn new() -> Self {
        Self { ipv6_prefix: 64 }
    }

    /// Replaces the 64. Providers give their customers /64 to /48; 128 takes each
    /// address for a client of its own.
    ///
    /// # Panics
    /// When it is not from 1 to 128.
    #[must_use]
    pub const fn with_ipv6_prefix(mut self, bits: u8) -> Self {
        assert!(
            bits >= 1 && bits <= 128,
            "an ipv6 prefix to limit by is from 1 to 128 bits"
        );
        self.ipv6_prefix = bits;
        self
    }

    fn network(self, client: Ipv6Addr) -> ClientNetwork {
        ClientNetwork(match client.to_canonical() {
            IpAddr::V4(v4) => Network::V4(v4),
            IpAddr::V6(v6) => {
                let mask = u128::MAX << (128 - self.ipv6_prefix);
                Network::V6(Ipv6Addr::from_bits(v6.to_bits() & mask), self.ipv6_prefix)
            }
        })
    }
}

impl Default for RealClientKey {
    fn default() -> Self {
        Self::new()
    }
}

impl KeyExtractor for RealClientKey {
    type Key = ClientNetwork;

    fn name(&self) -> &'static str {
        "real client"
    }

    fn extract<T>(&self, request: &Request<T>) -> Result<ClientNetwork, GovernorError> {
        match known::find_or_log(request.extensions()) {
            Ok(client) => Ok(self.network(*client.client().ip())),
            Err(ClientAddrError::UnixSocket) => Ok(ClientNetwork(Network::Unix)),
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

impl fmt::Display for ClientNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Network::V4(v4) => v4.fmt(f),
            Network::V6(v6, prefix) => write!(f, "{v6}/{prefix}"),
            Network::Unix => f.write_str("unix"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_is_masked_to_its_network_and_ipv4_is_not() {
        for (prefix, client, network) in [
            (64, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            (56, "2001:db8:1:2ff:3:4:5:6", "2001:db8:1:200::/56"),
            (48, "2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
            (128, "2001:db8::1", "2001:db8::1/128"),
            (1, "ffff::", "8000::/1"),
            (64, "::ffff:192.0.2.1", "192.0.2.1"),
            (1, "::ffff:192.0.2.1", "192.0.2.1"),
        ] {
            let key = RealClientKey::new().with_ipv6_prefix(prefix);
            let client = client.parse().unwrap();
            assert_eq!(key.network(client).to_string(), network);
        }
        assert_eq!(
            RealClientKey::default(),
            RealClientKey::new().with_ipv6_prefix(64)
        );
    }

    #[test]
    fn prefixes_that_cannot_be_are_refused_when_configured() {
        for bits in [0, 129, 255] {
            let outcome = std::panic::catch_unwind(|| RealClientKey::new().with_ipv6_prefix(bits));
            assert!(outcome.is_err(), "{bits}");
        }
    }
}
