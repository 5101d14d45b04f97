//! The real client behind a TOA load balancer, for axum, tower, hyper and tonic.
//!
//! ```no_run
//! # #[cfg(feature = "axum")]
//! # async fn run() -> std::io::Result<()> {
//! use axum::{Router, routing::get};
//! use toa_tower::{ClientAddr, RealClient, ToaLayer, ToaListener};
//!
//! let app = Router::new()
//!     .route("/", get(|RealClient(client): RealClient| async move { client.to_string() }))
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
//!                ToaListener ─▶ ClientAddr of the connection
//!                     │
//!                 ToaLayer ───▶ ClientAddr of each request ─▶ RealClient, your handler
//! ```
//!
//! # Without axum
//!
//! An accept loop of your own over hyper-util; [`AddClientAddr`] is the listener half
//! of [`ToaLayer`] then:
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
//! use toa_tower::{AddClientAddr, RealClient, ToaLayer, ToaListener};
//!
//! let app = tower::ServiceBuilder::new()
//!     .layer(ToaLayer)
//!     .service_fn(|request: Request<Incoming>| async move {
//!         let client = RealClient::from_extensions(request.extensions());
//!         let answer = client.map_or_else(|| "unknown".to_owned(), |client| client.to_string());
//!         Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from(answer)))
//!     });
//! let listener = ToaListener::bind("[::]:3000").await?;
//! loop {
//!     let (stream, client) = listener.accept().await?;
//!     let service = TowerToHyperService::new(AddClientAddr::new(app.clone(), client));
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
//! | feature | default | |
//! |---|---|---|
//! | `axum` | yes | the extractors, and `ToaListener` for `axum::serve`; implies `tokio` |
//! | `axum-server` | | `ToaAcceptor`, for axum-server, plain or TLS; implies `tokio` |
//! | `governor` | | `RealClientKey`, for tower_governor |
//! | `rustls` | | `TlsListener`, TLS around `ToaListener`; implies `tokio` |
//! | `tokio` | yes | `ToaListener` |
//! | `tonic` | | `tonic::ToaIncoming`; implies `tokio` |
//! | `trace` | | `trace::ToaMakeSpan`, for tower-http's `TraceLayer` |
//! | `metrics` | | counts connections by outcome, `toa_connections_total`; needs one of the listeners |
//! | `serde` | | [`Policy`] and [`Mode`] in configuration files |
//!
//! [`ToaLayer`], [`RequireToaLayer`], [`AddClientAddr`] and [`MockToaLayer`] are always
//! there.
//!
//! # Where the client is seen
//!
//! | who asks | what is needed |
//! |---|---|
//! | axum handlers: [`RealClient`], [`ClientAddr`] | `.layer(ToaLayer)` |
//! | middleware: [`RealClient::from_extensions`], the extension [`ClientAddr`] | `.layer(ToaLayer)` |
//! | middleware by others: axum's `ConnectInfo<SocketAddr>` | `.layer(ToaLayer.with_connect_info())` |
//! | tower_governor | `RealClientKey`, or `ConnectInfo` as above |
//! | tonic's `remote_addr()` | `tonic::ToaIncoming` |
//!
//! | who listens | the listener half |
//! |---|---|
//! | `axum::serve` | [`ToaListener`], or a plain `tokio` listener with the default policy, with `into_make_service_with_connect_info::<ClientAddr>()` |
//! | `axum::serve` with TLS | `ToaListener::with_tls`; for a listener of your own around ours, `.tap_io(\|_\| {})` |
//! | axum-server | `ToaAcceptor` |
//! | hyper | [`AddClientAddr`] |
//! | tonic | `tonic::ToaIncoming` |
//!
//! # Before you deploy
//!
//! - [`ToaLayer`] must be outside of whatever reads the address, tracing and rate
//!   limits above all. On an axum `Router` the last `.layer` runs first, so it is the
//!   last one there; in a `tower::ServiceBuilder` it is the first.
//! - TOA speaks of connections. A proxy in front that reuses its upstream connections
//!   makes every request on one carry the address of whoever opened it.
//! - Without a source (`toa load`, or the kernel module) every client is the TCP peer,
//!   and [`ClientAddr`] says so: [`Provenance::NoSource`].
//! - Behind a third-party kernel module the address is believed from peers in private
//!   space only, unless [`Policy`] says otherwise.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(any(feature = "axum", feature = "axum-server"))]
mod accepted;
mod add_client_addr;
#[cfg(feature = "axum")]
mod axum_listener;
#[cfg(feature = "axum-server")]
mod axum_server;
mod client_addr;
mod connect_info;
#[cfg(feature = "axum")]
mod connect_info_layer;
#[cfg(feature = "axum")]
mod extract;
#[cfg(feature = "governor")]
mod governor;
mod layer;
#[cfg(feature = "tokio")]
mod listener;
mod mock;
mod real_client;
mod require;
#[cfg(feature = "rustls")]
mod tls;
#[cfg(feature = "tonic")]
pub mod tonic;
mod tonic_info;
#[cfg(feature = "trace")]
pub mod trace;
mod wiring;

pub use add_client_addr::AddClientAddr;
#[cfg(feature = "axum-server")]
pub use axum_server::ToaAcceptor;
pub use client_addr::ClientAddr;
#[cfg(feature = "axum")]
pub use connect_info_layer::{ToaConnectInfo, ToaConnectInfoLayer};
#[cfg(feature = "governor")]
pub use governor::{ClientNetwork, RealClientKey};
pub use layer::{Toa, ToaLayer};
#[cfg(feature = "tokio")]
pub use listener::ToaListener;
pub use mock::{MockToa, MockToaLayer};
pub use real_client::RealClient;
pub use require::{RequireToa, RequireToaFuture, RequireToaLayer};
#[cfg(feature = "rustls")]
pub use tls::TlsListener;
pub use toa_core::{EnvError, Mode, Policy, Provenance, SourceKind, TrustedPeers};
pub use wiring::NotWiredUp;
