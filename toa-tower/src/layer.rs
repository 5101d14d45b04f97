//! The layer half: from what the listener knows to the request's extensions.

use std::task::{Context, Poll};

use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use crate::wiring;

/// Puts [`ClientAddr`](crate::ClientAddr) into each request's extensions, from what the
/// listener half knows of its connection.
///
/// Without that half the request passes all the same, the log says once what to
/// add, and the extractors answer 500.
///
/// It must be outside of the layers that read the address: the last `.layer` on an
/// axum `Router`, the first of a `tower::ServiceBuilder`.
///
/// Middleware by others reads axum's `ConnectInfo<SocketAddr>`:
/// `.layer(ToaLayer.with_connect_info())` makes that the client too.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToaLayer;

/// The service of [`ToaLayer`].
#[derive(Clone, Copy, Debug)]
pub struct Toa<S> {
    inner: S,
}

impl<S> Layer<S> for ToaLayer {
    type Service = Toa<S>;

    fn layer(&self, inner: S) -> Toa<S> {
        Toa { inner }
    }
}

impl<S, B> Service<Request<B>> for Toa<S>
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
            Some(client) => wiring::publish(extensions, client),
            None => wiring::publish_nothing(extensions),
        }
        self.inner.call(request)
    }
}
