//! tonic: gRPC methods whose `request.remote_addr()` is the real client.
//!
//! ```no_run
//! # async fn run(routes: tonic::service::Routes) -> Result<(), Box<dyn std::error::Error>> {
//! use toa_tower::tonic::ToaIncoming;
//!
//! let incoming = ToaIncoming::bind("[::]:3000").await?;
//! tonic::transport::Server::builder()
//!     .layer(incoming.layer())
//!     .add_routes(routes)
//!     .serve_with_incoming(incoming)
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`ToaIncoming`] alone makes `remote_addr()` right, with `tls_config` and without, and
//! leaves `peer_certs()` as it is. [`ToaIncoming::layer`] adds what is known besides:
//! [`ClientAddr::from_extensions`](crate::ClientAddr::from_extensions) tells the peer and
//! the provenance.
//!
//! A tonic service within an axum `Router` has [`ToaLayer`](crate::ToaLayer) instead.

mod incoming;
mod layer;
#[cfg(feature = "test-util")]
mod mock;
mod registry;
mod require;
mod stream;

pub use incoming::ToaIncoming;
pub use layer::ToaIncomingLayer;
#[cfg(feature = "test-util")]
pub use mock::{with_client, with_client_addr};
pub use require::require_toa;
pub use stream::ToaStream;
