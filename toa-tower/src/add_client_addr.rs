//! The listener half of an accept loop that is not `axum::serve`.

use std::task::{Context, Poll};

use http::Request;
use tower_service::Service;

use crate::client_addr::ClientAddr;

/// The service of one connection: it adds the connection's [`ClientAddr`] to each of
/// its requests, over HTTP/1 keep-alive and on HTTP/2 streams alike.
///
/// Use it in an accept loop of your own, around the app and its
/// [`ToaLayer`](crate::ToaLayer).
#[derive(Clone, Copy, Debug)]
pub struct AddClientAddr<S> {
    inner: S,
    client: ClientAddr,
}

impl<S> AddClientAddr<S> {
    /// Serves the connection of `client` with `app`.
    pub fn new(app: S, client: impl Into<ClientAddr>) -> Self {
        Self {
            inner: app,
            client: client.into(),
        }
    }
}

impl<S, B> Service<Request<B>> for AddClientAddr<S>
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
        request.extensions_mut().insert(self.client);
        self.inner.call(request)
    }
}
