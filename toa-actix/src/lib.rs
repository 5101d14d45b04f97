//! The real client behind a TOA load balancer, for actix-web.
//!
//! ```no_run
//! # async fn run() -> std::io::Result<()> {
//! use actix_web::{App, HttpServer, web};
//! use toa_actix::RealClient;
//!
//! HttpServer::new(|| App::new().route("/", web::get().to(|c: RealClient| async move { c.to_string() })))
//!     .on_connect(toa_actix::on_connect())
//!     .bind("[::]:3000")?.run().await
//! # }
//! ```
//!
//! # The life of an address
//!
//! ```text
//! client ──SYN──▶ balancer ──SYN──────────────▶ kernel
//!        ──ACK──▶          ──ACK + TOA option─▶ source keeps the address with the socket
//!                           accept() ◀──────────┤
//!               getsockopt, once ◀──────────────┘
//!                     │
//!                on_connect ──▶ data of the connection
//!                     │
//!          each request's extractor: ClientAddr, RealClient ─▶ your handler
//! ```
//!
//! # Features
//!
//! | feature | default | |
//! |---|---|---|
//! | `openssl` | | TLS by `bind_openssl`, `listen_openssl` |
//! | `rustls-0_23` | | TLS by `bind_rustls_0_23`, `listen_rustls_0_23` |
//! | `metrics` | | counts connections by outcome as they open, `toa_connections_total` |
//! | `serde` | | [`Policy`] in configuration files; [`ClientAddr`] and [`RealClient`] in logs and sessions |
//! | `test-util` | | the module `test`, `ClientAddr::mock` |
//!
//! Plain TCP, HTTP/1 and HTTP/2, needs none of them.
//!
//! # Where the client is seen
//!
//! | who asks | what is needed |
//! |---|---|
//! | handlers: [`RealClient`], [`ClientAddr`], and `Option` of either | [`on_connect()`] |
//! | middleware of your own: [`ClientAddr::from_conn_data`] | [`on_connect()`] |
//! | `req.peer_addr()`, `connection_info()`, `Logger` | [`on_connect()`], and [`client_as_peer`] around the `App` |
//! | rate limiters | [`on_connect()`], and [`RealClientKey`] for a key |
//! | nobody, unless it came through the balancer | [`on_connect()`], and the middleware [`RequireToa`] |
//! | your tests | the module `test` |
//!
//! # Before you deploy
//!
//! - `.on_connect` comes **before** `.bind`, and there is one hook per server: a second
//!   call replaces the first. A hook of your own can call ours.
//! - Under TLS enable the feature of the library that you serve with; without it the
//!   extractors answer 500, and the log says what to change.
//! - A Unix socket (`bind_uds`) may be served by the same `App`: extractors answer 500
//!   there, their `Option` is `None`, and [`RequireToa`] refuses unless told otherwise.
//! - Without [`client_as_peer`], `req.peer_addr()` and `Logger`'s `%a` show what
//!   `accept()` showed, which is the client only where the source rewrites the peer name.
//! - `realip_remote_addr()`, and `Logger`'s `%{r}a`, believe the headers `Forwarded` and
//!   `X-Forwarded-For`, which any client can send: behind a balancer that sends TOA and
//!   no headers, ask for the peer.
//! - TOA speaks of connections. A proxy in front that reuses its upstream connections
//!   makes every request on one carry the address of whoever opened it.
//! - Without a source (`toa load`, or the kernel module) every client is the TCP peer,
//!   and [`ClientAddr`] says so: [`Provenance::NoSource`].
//! - Behind a third-party kernel module the address is believed from peers in private
//!   space only, unless [`Policy`] says otherwise ([`on_connect_with`]).
//! - For balancers that write the option into the SYN there is a way without a source, which
//!   proves less: [`SavedSyn`], and [`on_connect_with`].
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod client;
mod client_as_peer;
mod conn_data;
mod extract;
mod known;
#[cfg_attr(not(feature = "test-util"), path = "no_mock.rs")]
mod mock;
mod on_connect;
mod real_client_key;
mod require;
mod stream;
#[cfg(feature = "test-util")]
pub mod test;

pub use client::{ClientAddr, RealClient, VirtualAddr};
pub use client_as_peer::client_as_peer;
pub use known::ClientAddrError;
pub use on_connect::{on_connect, on_connect_with};
pub use real_client_key::RealClientKey;
pub use require::{RequireToa, RequireToaFuture, RequireToaService};
#[cfg(feature = "metrics")]
pub use toa_core::{CONNECTIONS_TOTAL, describe_metrics};
pub use toa_core::{
    ClientNetwork, Nat64Prefix, OptionFormats, ParseNat64PrefixError, ParseTrustedPeersError,
    Policy, Provenance, Refusal, Resolver, SavedSyn, SourceKind, TrustedPeers,
};
