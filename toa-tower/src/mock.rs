//! A made-up client for users' own tests.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV6};
use std::task::{Context, Poll};

use http::Request;
use toa_core::{Provenance, to_mapped};
use tower_layer::Layer;
use tower_service::Service;

use crate::client_addr::ClientAddr;
use crate::{tonic_info, wiring};

/// Where a mocked client's balancer is.
const BALANCER: SocketAddrV6 =
    SocketAddrV6::new(Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped(), 40000, 0, 0);

/// Gives each request a made-up client, for tests that call the app without a
/// listener. Handlers and layers see it as they see a real one; where there is a real
/// one, that wins. Under tonic a request's `remote_addr()` tells it too.
///
/// Add it outside of the app under test, which keeps its [`ToaLayer`](crate::ToaLayer):
///
/// ```
/// # #[cfg(feature = "axum")]
/// # fn main() -> Result<(), std::net::AddrParseError> {
/// use axum::{Router, routing::get};
/// use toa_tower::{MockToaLayer, RealClient, ToaLayer};
///
/// fn app() -> Router {
///     Router::new()
///         .route("/", get(|RealClient(client): RealClient| async move { client.to_string() }))
///         .layer(ToaLayer)
/// }
///
/// let client: std::net::SocketAddr = "[2001:db8::7]:41234".parse()?;
/// let app_under_test = app().layer(MockToaLayer::new(client));
/// # drop(app_under_test);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "axum"))]
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MockToaLayer(ClientAddr);

/// The service of [`MockToaLayer`].
#[derive(Clone, Copy, Debug)]
pub struct MockToa<S> {
    inner: S,
    client: ClientAddr,
}

impl MockToaLayer {
    #[cfg_attr(
        not(feature = "tonic"),
        expect(dead_code, reason = "only tonic's requests can be made by hand")
    )]
    pub(crate) const fn client(self) -> ClientAddr {
        self.0
    }

    /// A client for whom a trusted balancer vouches, at 10.0.0.1:40000.
    #[must_use]
    pub fn new(client: impl Into<SocketAddr>) -> Self {
        let client = to_mapped(client.into());
        Self(ClientAddr::mock(client, BALANCER, Provenance::Toa))
    }
}

impl From<ClientAddr> for MockToaLayer {
    /// Any story, such as one made by [`ClientAddr::mock`].
    fn from(client: ClientAddr) -> Self {
        Self(client)
    }
}

impl<S> Layer<S> for MockToaLayer {
    type Service = MockToa<S>;

    fn layer(&self, inner: S) -> MockToa<S> {
        MockToa {
            inner,
            client: self.0,
        }
    }
}

impl<S, B> Service<Request<B>> for MockToa<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        let extensions = request.extensions_mut();
        let client = wiring::known(extensions).unwrap_or(self.client);
        wiring::publish(extensions, client);
        tonic_info::mock(extensions, client);
        self.inner.call(request)
    }
}
