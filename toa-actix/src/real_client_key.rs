//! A key for rate limiters: the client's address, IPv6 by its network.

use toa_core::{ClientNetwork, Ipv6Prefix, Nat64Prefix};

use crate::conn_data::ConnData;
use crate::known::{self, ClientAddrError};

/// Rate limits by the real client: an IPv4 client by its address, an IPv6 client by
/// its network, /64 unless told otherwise, as one customer has at least that much and
/// could take a new address for each request.
///
/// With `actix-extensible-rate-limit`:
///
/// ```
/// use std::time::Duration;
///
/// use actix_extensible_rate_limit::RateLimiter;
/// use actix_extensible_rate_limit::backend::SimpleInputFunctionBuilder;
/// use actix_extensible_rate_limit::backend::memory::InMemoryBackend;
/// use actix_web::App;
/// use toa_actix::RealClientKey;
///
/// # #[actix_web::main]
/// # async fn main() {
/// let key = RealClientKey::new().with_ipv6_prefix(56);
/// let input = SimpleInputFunctionBuilder::new(Duration::from_secs(60), 100)
///     .custom_fn(move |request| Ok(key.extract(request)?.to_string()));
/// let limit = RateLimiter::builder(InMemoryBackend::builder().build(), input.build()).build();
/// let app = App::new().wrap(limit);
/// # drop(app);
/// # }
/// ```
///
/// Requests of Unix sockets count as one client; that crate's own `peer_ip_key()` panics
/// there. So do requests of connections that were closed before their peer was known.
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

    /// What to count this `ServiceRequest` or `HttpRequest` by.
    ///
    /// # Errors
    /// Where [`on_connect`](crate::on_connect()) is missing or cannot see the socket; it is
    /// answered with 500, and the log says what to change.
    pub fn extract(&self, request: &impl ConnData) -> Result<ClientNetwork, ClientAddrError> {
        match known::find_or_log(request) {
            Ok(client) => Ok(ClientNetwork::of(
                client.client(),
                self.ipv6_prefix,
                self.nat64_prefix,
            )),
            Err(ClientAddrError::UnixSocket) => Ok(ClientNetwork::UNIX),
            // Not an error, which the limiter would log each time: a client can bring this
            // about at will.
            Err(ClientAddrError::PeerGone) => Ok(ClientNetwork::UNKNOWN),
            Err(error) => Err(error),
        }
    }
}
