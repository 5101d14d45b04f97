//! The real client behind a TOA load balancer, for actix-web.
//!
//! ```no_run
//! # async fn run() -> std::io::Result<()> {
//! use actix_web::{App, HttpServer, web};
//! use toa_actix::RealClient;
//!
//! HttpServer::new(|| App::new().route("/", web::get().to(|c: RealClient| async move { c.to_string() })))
//!     .on_connect(toa_actix::on_connect)
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
//! | `metrics` | | counts connections by outcome, `toa_connections_total`, each with its first request that asks for the client |
//! | `serde` | | [`Policy`] and [`Mode`] in configuration files |
//!
//! Plain TCP, HTTP/1 and HTTP/2, needs none of them.
//!
//! # Where the client is seen
//!
//! | who asks | what is needed |
//! |---|---|
//! | handlers: [`RealClient`], [`ClientAddr`], and `Option` of either | [`on_connect()`] |
//! | middleware of your own: `ServiceRequest::extract::<ClientAddr>()` | [`on_connect()`] |
//! | `req.peer_addr()`, `connection_info()`, `Logger`, rate limiters | [`on_connect()`], and [`client_as_peer`] around the `App` |
//! | nobody, unless it came through the balancer | [`on_connect()`], and the middleware [`RequireToa`] |
//! | your tests | [`test::with_client`] |
//!
//! # Before you deploy
//!
//! - `.on_connect` comes **before** `.bind`, and there is one hook per server: a second
//!   call replaces the first. A hook of your own can call [`on_connect()`].
//! - Under TLS enable the feature of the library that you serve with; without it the
//!   extractors answer 500 and say so.
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
//!   space only, unless [`Policy`] says otherwise ([`on_connect_with`]). The peer is the
//!   one that actix shows with the connection's first request, so a middleware that
//!   replaces it must be inside of what asks for the client.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod client_addr;
mod client_as_peer;
mod connection;
mod error;
mod extract;
mod on_connect;
mod real_client;
mod require_toa;
mod stream;
pub mod test;

pub use client_addr::ClientAddr;
pub use client_as_peer::client_as_peer;
pub use error::Unavailable;
pub use on_connect::{on_connect, on_connect_with};
pub use real_client::RealClient;
pub use require_toa::{RequireToa, RequireToaFuture, RequireToaService};
pub use toa_core::{EnvError, Mode, Policy, Provenance, SourceKind, TrustedPeers};
