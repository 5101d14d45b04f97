//! The real client behind a TOA load balancer, for axum, tower, hyper and tonic.
//!
//! ```no_run
//! # #[cfg(feature = "axum-0_8")]
//! # async fn run() -> std::io::Result<()> {
//! use axum::{Router, routing::get};
//! use toa_tower::{ClientAddr, RealClient, ToaLayer, ToaListener};
//!
//! let app = Router::new()
//!     .route("/", get(|client: RealClient| async move { client.to_string() }))
//!     .layer(ToaLayer);
//! let listener = ToaListener::bind("[::]:3000").await?;
//! axum::serve(listener, app.into_make_service_with_connect_info::<ClientAddr>()).await?;
//! # Ok(())
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
//!                ToaListener ─▶ ClientAddr of the connection, with each of its requests
//!                                        │
//!                              RealClient, your handler
//! ```
//!
//! # Without axum
//!
//! An accept loop of your own over hyper-util; [`Toa::for_connection`] is the listener half
//! there:
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # async fn run() -> std::io::Result<()> {
//! use http_body_util::Full;
//! use hyper::body::{Bytes, Incoming};
//! use hyper::{Request, Response};
//! use hyper_util::rt::{TokioExecutor, TokioIo};
//! use hyper_util::server::conn::auto::Builder;
//! use hyper_util::service::TowerToHyperService;
//! use toa_tower::{RealClient, Toa, ToaListener};
//!
//! let app = tower::service_fn(|request: Request<Incoming>| async move {
//!     let client = RealClient::from_extensions(request.extensions());
//!     let answer = client.map_or_else(|| "unknown".to_owned(), |client| client.to_string());
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from(answer)))
//! });
//! let listener = ToaListener::bind("[::]:3000").await?;
//! loop {
//!     let (stream, client) = listener.accept().await?;
//!     let service = TowerToHyperService::new(Toa::for_connection(app, client));
//!     tokio::spawn(async move {
//!         let builder = Builder::new(TokioExecutor::new());
//!         builder.serve_connection(TokioIo::new(stream), service).await
//!     });
//! }
//! # }
//! ```
//!
//! # Features
//!
//! Each framework's feature carries the version of the framework that it goes with.
//!
//! | feature | default | |
//! |---|---|---|
//! | `axum-0_8` | yes | the extractors, and `ToaListener` for `axum::serve`; implies `tokio` |
//! | `axum-server-0_9` | | `ToaAcceptor`, for axum-server, plain or TLS; implies `tokio` |
//! | `governor-0_8` | | `RealClientKey`, for tower_governor |
//! | `rustls-0_23` | | `TlsListener`, TLS around `ToaListener`; implies `tokio` |
//! | `tokio` | yes | `ToaListener` |
//! | `tonic-0_14` | | `tonic::ToaIncoming`; implies `tokio` |
//! | `tower-http-0_7` | | `trace::ToaMakeSpan`, for tower-http's `TraceLayer` |
//! | `metrics` | | counts connections by outcome, `toa_connections_total`; needs one of the listeners |
//! | `serde` | | [`Policy`] in configuration files; [`ClientAddr`] and [`RealClient`] in logs and sessions |
//! | `test-util` | | `MockToaLayer`, `ClientAddr::mock` |
//!
//! # Where the client is seen
//!
//! | who asks | what is needed besides the listener half |
//! |---|---|
//! | axum handlers: [`RealClient`], [`ClientAddr`] | nothing |
//! | middleware: [`ClientAddr::from_extensions`] | nothing; [`ToaLayer`] says in the log when the listener half is missing |
//! | middleware by others: axum's `ConnectInfo<SocketAddr>` | `.layer(ToaLayer.with_connect_info())` |
//! | tower_governor | `RealClientKey`, or `ConnectInfo` as above |
//! | tonic's `remote_addr()`, in tonic's own server | nothing |
//! | tonic's `remote_addr()`, within an axum `Router` | `.layer(ToaLayer)` |
//! | [`ClientAddr::from_extensions`] in tonic's own server | `.layer(incoming.layer())` |
//!
//! | who listens | the listener half |
//! |---|---|
//! | `axum::serve` | [`ToaListener`], or a plain `tokio` listener with the default policy, with `into_make_service_with_connect_info::<ClientAddr>()` |
//! | `axum::serve` with TLS | `ToaListener::with_tls`; for a listener of your own around ours, `.tap_io(\|_\| {})` |
//! | `axum::serve` on a Unix socket | `into_make_service_with_connect_info::<UnixClient>()` |
//! | axum-server | `ToaAcceptor` |
//! | hyper | [`Toa::for_connection`] |
//! | tonic | `tonic::ToaIncoming` |
//!
//! # Before you deploy
//!
//! - `ToaLayer.with_connect_info()` must be outside of whatever reads the address, tracing
//!   and rate limits above all. On an axum `Router` the last `.layer` runs first, so it is
//!   the last one there; in a `tower::ServiceBuilder` it is the first.
//! - TOA speaks of connections. A proxy in front that reuses its upstream connections
//!   makes every request on one carry the address of whoever opened it.
//! - Without a source (`toa load`, or the kernel module) every client is the TCP peer,
//!   and [`ClientAddr`] says so: [`Provenance::NoSource`].
//! - Behind a third-party kernel module the address is believed from peers in private
//!   space only, unless [`Policy`] says otherwise.
//! - For balancers that write the option into the SYN there is a way without a source, which
//!   proves less: [`SavedSyn`].
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(feature = "axum-server-0_9")]
mod axum_server;
mod client;
#[cfg_attr(not(feature = "axum-0_8"), path = "no_connect_info.rs")]
mod connect_info;
#[cfg(feature = "axum-0_8")]
mod extract;
#[cfg(feature = "governor-0_8")]
mod governor;
#[cfg_attr(not(feature = "tonic-0_14"), path = "no_grpc.rs")]
mod grpc;
mod known;
mod layer;
#[cfg(feature = "tokio")]
mod listener;
#[cfg(feature = "test-util")]
mod mock;
mod nested;
mod require;
#[cfg(feature = "rustls-0_23")]
mod tls;
#[cfg(feature = "tonic-0_14")]
pub mod tonic;
#[cfg(feature = "tower-http-0_7")]
pub mod trace;

#[cfg(feature = "axum-server-0_9")]
pub use axum_server::ToaAcceptor;
pub use client::{ClientAddr, RealClient, UnixClient, VirtualAddr};
#[cfg(feature = "governor-0_8")]
pub use governor::RealClientKey;
pub use known::ClientAddrError;
#[cfg(feature = "axum-0_8")]
pub use layer::ToaConnectInfoLayer;
pub use layer::{Toa, ToaLayer};
#[cfg(feature = "tokio")]
pub use listener::ToaListener;
#[cfg(feature = "test-util")]
pub use mock::MockToaLayer;
pub use require::{
    NeutralResponse, RefusalResponse, RequireToa, RequireToaFuture, RequireToaLayer,
};
#[cfg(feature = "rustls-0_23")]
pub use tls::TlsListener;
#[cfg(feature = "governor-0_8")]
pub use toa_core::ClientNetwork;
#[cfg(feature = "metrics")]
pub use toa_core::{CONNECTIONS_TOTAL, describe_metrics};
pub use toa_core::{
    Nat64Prefix, OptionFormats, ParseNat64PrefixError, ParseTrustedPeersError, Policy, Provenance,
    Refusal, Resolver, SavedSyn, SourceKind, TrustedPeers,
};
