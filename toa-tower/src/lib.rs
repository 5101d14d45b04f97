//! The real client behind a TOA load balancer, for axum, tower and hyper.
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
//!                 ToaLayer ───▶ ClientAddr, RealClient of each request ─▶ your handler
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
//!         let client = request.extensions().get::<RealClient>();
//!         let answer = client.map_or_else(|| "unknown".to_owned(), RealClient::to_string);
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
//! | `tokio` | yes | `ToaListener` |
//!
//! [`ToaLayer`], [`AddClientAddr`] and [`MockToaLayer`] are always there.
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
#![forbid(unsafe_code)]

mod add_client_addr;
#[cfg(feature = "axum")]
mod axum_listener;
mod client_addr;
mod connect_info;
#[cfg(feature = "axum")]
mod extract;
mod layer;
#[cfg(feature = "tokio")]
mod listener;
mod mock;
mod real_client;
mod wiring;

pub use add_client_addr::AddClientAddr;
pub use client_addr::ClientAddr;
pub use layer::{Toa, ToaLayer};
#[cfg(feature = "tokio")]
pub use listener::ToaListener;
pub use mock::{MockToa, MockToaLayer};
pub use real_client::RealClient;
pub use toa_core::{Policy, Provenance, SourceKind, TrustedPeers};
pub use wiring::NotWiredUp;
