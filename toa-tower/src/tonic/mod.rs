//! tonic: gRPC methods whose `request.remote_addr()` is the real client.
//!
//! ```no_run
//! # async fn run(routes: tonic::service::Routes) -> Result<(), Box<dyn std::error::Error>> {
//! use toa_tower::ToaLayer;
//! use toa_tower::tonic::ToaIncoming;
//!
//! tonic::transport::Server::builder()
//!     .layer(ToaLayer)
//!     .add_routes(routes)
//!     .serve_with_incoming(ToaIncoming::bind("[::]:3000").await?)
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`ToaIncoming`] alone makes `remote_addr()` right, with `tls_config` and without, and
//! leaves `peer_certs()` as it is. [`ToaLayer`](crate::ToaLayer) adds the whole story to
//! the request's extensions: [`ClientAddr`](crate::ClientAddr), and
//! [`RealClient::from_extensions`](crate::RealClient::from_extensions).

mod incoming;
pub(crate) mod live;
mod mock;
mod require;
mod stream;

pub use incoming::ToaIncoming;
pub(crate) use mock::publish_connect_info;
pub use mock::{with_client, with_client_addr};
pub use require::require_toa;
pub use stream::ToaStream;
