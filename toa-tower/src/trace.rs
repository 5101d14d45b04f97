//! The client in logs and traces, by OpenTelemetry's names.
//!
//! | field | |
//! |---|---|
//! | `client.address`, `client.port` | the best-known client |
//! | `network.peer.address`, `network.peer.port` | the TCP peer: the balancer, or the client itself |
//! | `toa.virtual_address`, `toa.virtual_port` | the address at the balancer that the client asked for, where the balancer tells it |
//! | `toa.provenance` | where the client's address comes from, [`Provenance::as_str`](toa_core::Provenance::as_str): `toa`, `not_sent` |
//!
//! IPv4 addresses are written as such. A request whose connection is not known, for
//! want of a listener half, has none of the fields.
//!
//! ```
//! use toa_tower::trace::ToaMakeSpan;
//! use tower_http::trace::TraceLayer;
//!
//! let trace = TraceLayer::new_for_http().make_span_with(ToaMakeSpan::new());
//! # let _: TraceLayer<_, ToaMakeSpan> = trace;
//! ```

use http::{Request, Version};
use toa_core::Nat64Prefix;
use tower_http::trace::MakeSpan;
use tracing::field::{Empty, display};
use tracing::{Level, Span, span};

use crate::client::ClientAddr;

/// A value for `TraceLayer::make_span_with` of tower-http: each request's span carries
/// the [client's fields](self), beside `http.request.method`, `url.path` and
/// `network.protocol.version`. The query is left out, as it may hold secrets.
///
/// Under `axum::serve` the trace layer may be outside or inside of
/// [`ToaLayer`](crate::ToaLayer).
#[derive(Clone, Copy, Debug)]
pub struct ToaMakeSpan {
    level: Level,
    nat64_prefix: Option<Nat64Prefix>,
}

impl ToaMakeSpan {
    /// Spans of level `INFO`.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            level: Level::INFO,
            nat64_prefix: None,
        }
    }

    /// Writes clients of this NAT64 prefix as the IPv4 clients that they are.
    #[must_use]
    pub const fn with_nat64_prefix(mut self, prefix: Nat64Prefix) -> Self {
        self.nat64_prefix = Some(prefix);
        self
    }

    /// Spans of another level.
    #[must_use]
    pub const fn with_level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }
}

impl Default for ToaMakeSpan {
    fn default() -> Self {
        Self::new()
    }
}

impl<B> MakeSpan<B> for ToaMakeSpan {
    fn make_span(&mut self, request: &Request<B>) -> Span {
        // `span!` wants its level as a constant.
        macro_rules! of_level {
            ($level:expr) => {
                span!(
                    $level,
                    "request",
                    http.request.method = %request.method(),
                    url.path = request.uri().path(),
                    network.protocol.version = version(request.version()),
                    client.address = Empty,
                    client.port = Empty,
                    network.peer.address = Empty,
                    network.peer.port = Empty,
                    toa.virtual_address = Empty,
                    toa.virtual_port = Empty,
                    toa.provenance = Empty,
                )
            };
        }
        let span = match self.level {
            Level::ERROR => of_level!(Level::ERROR),
            Level::WARN => of_level!(Level::WARN),
            Level::INFO => of_level!(Level::INFO),
            Level::DEBUG => of_level!(Level::DEBUG),
            Level::TRACE => of_level!(Level::TRACE),
        };
        if let Some(client) = ClientAddr::from_extensions(request.extensions()) {
            record(&span, &client);
            if let Some(prefix) = self.nat64_prefix {
                let client = prefix.canonical(client.client());
                span.record("client.address", display(client.ip()));
            }
        }
        span
    }
}

/// Records the [client's fields](self) in a span of your own, those that it declares:
///
/// ```
/// use tracing::field::Empty;
///
/// # fn session(client: toa_tower::ClientAddr) {
/// let span = tracing::info_span!("session", client.address = Empty, client.port = Empty);
/// toa_tower::trace::record(&span, &client);
/// # }
/// ```
pub fn record(span: &Span, client: &ClientAddr) {
    let peer = client.peer_canonical();
    let client_addr = client.client_canonical();
    span.record("client.address", display(client_addr.ip()))
        .record("client.port", client_addr.port())
        .record("network.peer.address", display(peer.ip()))
        .record("network.peer.port", peer.port())
        .record("toa.provenance", client.provenance().as_str());
    if let Some(virtual_addr) = client.virtual_addr() {
        span.record("toa.virtual_address", display(virtual_addr.ip()))
            .record("toa.virtual_port", virtual_addr.port());
    }
}

/// As OpenTelemetry writes it.
fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_11 => "1.1",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "unknown",
    }
}
