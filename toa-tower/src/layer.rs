//! The one service that writes into a request's extensions, and the layers that make it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use crate::client::{ClientAddr, UnixClient};
use crate::{grpc, known};

/// The layer half: what the listener half knows of the connection is seen by middleware,
/// and by a gRPC service within axum.
///
/// Extractors and [`ClientAddr::from_extensions`] read what the connection knows, with or
/// without this layer; it looks whether the listener half is there, and the log says once
/// what to add if it is not. On an axum `Router` it is the last `.layer`, which runs first.
///
/// Middleware by others reads axum's `ConnectInfo<SocketAddr>`:
/// `.layer(ToaLayer.with_connect_info())` makes that the client too.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToaLayer;

/// The service of [`ToaLayer`] and its siblings, and, made by
/// [`for_connection`](Toa::for_connection), the listener half of an accept loop of your own.
///
/// `W` is what it writes into a request's extensions before the request goes on.
#[derive(Clone, Copy, Debug)]
pub struct Toa<S, W> {
    inner: S,
    write: W,
}

/// What a [`Toa`] writes into a request's extensions.
pub trait Write {
    /// Writes it.
    fn write<B>(&self, request: &mut Request<B>);
}

impl<S, W> Toa<S, W> {
    pub(crate) const fn new(inner: S, write: W) -> Self {
        Self { inner, write }
    }
}

impl<S> Toa<S, ClientAddr> {
    /// Serves one connection with `app`: each request, over HTTP/1 keep-alive and on HTTP/2
    /// streams alike, carries the connection's client.
    pub fn for_connection(app: S, client: impl Into<ClientAddr>) -> Self {
        Self::new(app, client.into())
    }
}

impl<S> Toa<S, UnixClient> {
    /// Serves one connection of a Unix socket with `app`.
    pub const fn for_unix_socket(app: S) -> Self {
        Self::new(app, UnixClient)
    }
}

impl<S, W, B> Service<Request<B>> for Toa<S, W>
where
    S: Service<Request<B>>,
    W: Write,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        self.write.write(&mut request);
        self.inner.call(request)
    }
}

impl<S> Layer<S> for ToaLayer {
    type Service = Toa<S, Self>;

    fn layer(&self, inner: S) -> Toa<S, Self> {
        Toa::new(inner, *self)
    }
}

impl Write for ToaLayer {
    /// Nothing, where the client is there already: everybody reads it where it is.
    fn write<B>(&self, request: &mut Request<B>) {
        /// The wiring of a program does not change: once it was seen to be right, no
        /// request pays for another look.
        static WIRED_UP: AtomicBool = AtomicBool::new(false);
        if !WIRED_UP.load(Ordering::Relaxed) && known::find_or_log(request.extensions()).is_ok() {
            WIRED_UP.store(true, Ordering::Relaxed);
        }
        grpc::tell_tonic(request);
    }
}

impl Write for ClientAddr {
    fn write<B>(&self, request: &mut Request<B>) {
        request.extensions_mut().insert(*self);
    }
}

impl Write for UnixClient {
    fn write<B>(&self, request: &mut Request<B>) {
        request.extensions_mut().insert(*self);
    }
}

#[cfg(feature = "axum-0_8")]
pub use for_others::ToaConnectInfoLayer;

#[cfg(feature = "axum-0_8")]
mod for_others {
    use std::net::SocketAddr;

    use axum::extract::ConnectInfo;
    use http::Request;
    use tower_layer::Layer;

    use super::{Toa, ToaLayer, Write};
    use crate::{grpc, known};

    /// [`ToaLayer`] that also sets axum's `ConnectInfo<SocketAddr>` to the client, IPv4 as
    /// IPv4, so that middleware and extractors by others (`tower_governor`,
    /// `axum-client-ip`, spans of `tower-http`) see the client unchanged. Made by
    /// [`ToaLayer::with_connect_info`].
    ///
    /// Where nothing is wired up it leaves an existing `ConnectInfo<SocketAddr>` alone, and
    /// the log says once what to add.
    ///
    /// It is one more extension, hence one more allocation, per request.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct ToaConnectInfoLayer;

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
        /// It must be outside of whatever reads the address: the last `.layer` on a `Router`.
        #[must_use]
        pub const fn with_connect_info(self) -> ToaConnectInfoLayer {
            ToaConnectInfoLayer
        }
    }

    impl<S> Layer<S> for ToaConnectInfoLayer {
        type Service = Toa<S, Self>;

        fn layer(&self, inner: S) -> Toa<S, Self> {
            Toa::new(inner, *self)
        }
    }

    impl Write for ToaConnectInfoLayer {
        fn write<B>(&self, request: &mut Request<B>) {
            if let Ok(client) = known::find_or_log(request.extensions()) {
                let client = client.client_canonical();
                let extensions = request.extensions_mut();
                extensions.insert(ConnectInfo::<SocketAddr>(client));
            }
            grpc::tell_tonic(request);
        }
    }
}
