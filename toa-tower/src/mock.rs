//! A made-up client for users' own tests.

use std::net::SocketAddr;

use http::Request;
use tower_layer::Layer;

use crate::client::ClientAddr;
use crate::layer::{Toa, Write};
use crate::{connect_info, grpc, known};

/// Gives each request a made-up client, for tests that call the app without a listener. It
/// stands for the listener half and leaves what that leaves, no more: axum's
/// `ConnectInfo<ClientAddr>`, and tonic's connection information. Where there is a real
/// client, that wins.
///
/// Add it outside of the app under test, which keeps its [`ToaLayer`](crate::ToaLayer):
///
/// ```
/// # #[cfg(feature = "axum-0_8")]
/// # fn main() -> Result<(), std::net::AddrParseError> {
/// use axum::{Router, routing::get};
/// use toa_tower::{MockToaLayer, RealClient, ToaLayer};
///
/// fn app() -> Router {
///     Router::new()
///         .route("/", get(|client: RealClient| async move { client.to_string() }))
///         .layer(ToaLayer)
/// }
///
/// let client: std::net::SocketAddr = "[2001:db8::7]:41234".parse()?;
/// let app_under_test = app().layer(MockToaLayer::new(client));
/// # drop(app_under_test);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "axum-0_8"))]
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MockToaLayer(ClientAddr);

impl MockToaLayer {
    /// A client for whom a trusted balancer vouches, at 10.0.0.1:40000.
    #[must_use]
    pub fn new(client: impl Into<SocketAddr>) -> Self {
        Self(ClientAddr::mock_toa(client))
    }
}

impl From<ClientAddr> for MockToaLayer {
    /// Any connection, such as one made by [`ClientAddr::mock`].
    fn from(client: ClientAddr) -> Self {
        Self(client)
    }
}

impl<S> Layer<S> for MockToaLayer {
    type Service = Toa<S, Self>;

    fn layer(&self, inner: S) -> Toa<S, Self> {
        Toa::new(inner, *self)
    }
}

impl Write for MockToaLayer {
    fn write<B>(&self, request: &mut Request<B>) {
        let extensions = request.extensions_mut();
        let client = match known::find(extensions) {
            Some(real) => *real,
            None => {
                connect_info::insert(extensions, self.0);
                self.0
            }
        };
        grpc::insert(extensions, client);
    }
}
