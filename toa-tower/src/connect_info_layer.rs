//! axum's `ConnectInfo<SocketAddr>` made to carry the client, for middleware by others.

use std::net::SocketAddr;
use std::task::{Context, Poll};

use axum::extract::ConnectInfo;
use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use crate::layer::ToaLayer;
use crate::wiring;

/// [`ToaLayer`] that also sets axum's `ConnectInfo<SocketAddr>` to the client, so that
/// middleware and extractors by others (`tower_governor`, `axum-client-ip`, spans of
/// `tower-http`) see the client unchanged; IPv4 as IPv4. Made by
/// [`ToaLayer::with_connect_info`].
///
/// Where nothing is wired up it leaves an existing `ConnectInfo<SocketAddr>` alone, and
/// the log says once what to add.
///
/// It is one more extension, hence one more allocation, per request.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToaConnectInfoLayer;

/// The service of [`ToaConnectInfoLayer`].
#[derive(Clone, Copy, Debug)]
pub struct ToaConnectInfo<S> {
    inner: S,
}

impl ToaLayer {
    /// Sets axum's `ConnectInfo<SocketAddr>` as well:
    ///
    /// ```
    /// use std::net::SocketAddr;
    /// use axum::{Router, extract::ConnectInfo, routing::get};
    /// use toa_tower::ToaLayer;
    ///
    /// let app: Router = Router::new()
    ///     .route("/", get(|ConnectInfo(client): ConnectInfo<SocketAddr>| async move {
    ///         client.to_string()
    ///     }))
    ///     .layer(ToaLayer.with_connect_info());
    /// ```
    ///
    /// The order is [`ToaLayer`]'s: outside of whatever reads the address.
    #[must_use]
    pub const fn with_connect_info(self) -> ToaConnectInfoLayer {
        ToaConnectInfoLayer
    }
}

impl<S> Layer<S> for ToaConnectInfoLayer {
    type Service = ToaConnectInfo<S>;

    fn layer(&self, inner: S) -> ToaConnectInfo<S> {
        ToaConnectInfo { inner }
    }
}

impl<S, B> Service<Request<B>> for ToaConnectInfo<S>
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
        match wiring::known(extensions) {
            Some(client) => {
                wiring::publish(extensions, client);
                extensions.insert(ConnectInfo::<SocketAddr>(client.client_canonical()));
            }
            None => wiring::publish_nothing(extensions),
        }
        self.inner.call(request)
    }
}
