//! The service under test, by the way in which it learns its client.

use std::hint::black_box;
use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use axum_client_ip::RightmostXForwardedFor;
use clap::ValueEnum;
use toa_tower::{RealClient, ToaLayer};
use tower_layer::layer_fn;

/// How a handler learns its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// Not at all.
    Bare,
    /// axum's own extractor: the TCP peer, so behind a balancer the balancer.
    ConnectInfo,
    /// This project, as documented: `.layer(ToaLayer)`.
    Toa,
    /// This project, with the layer around the whole app instead of within it.
    ToaAround,
    /// This project's listener and extractor, without any layer.
    ToaWithoutLayer,
    /// `ConnectInfo` under a layer that does nothing, to see what axum itself needs to call one.
    EmptyLayer,
    /// The last entry of X-Forwarded-For, by axum-client-ip.
    Forwarded,
    /// A PROXY protocol v2 header before the first request, by proxy-header.
    Proxy,
}

impl Method {
    /// The name in tables.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare axum",
            Self::ConnectInfo => "`ConnectInfo` (the peer)",
            Self::Toa => "`ToaLayer` + `RealClient`",
            Self::ToaAround => "`ToaLayer` around the app + `RealClient`",
            Self::ToaWithoutLayer => "`RealClient`, no layer",
            Self::EmptyLayer => "`ConnectInfo` under a layer that does nothing",
            Self::Forwarded => "X-Forwarded-For, axum-client-ip",
            Self::Proxy => "PROXY v2, proxy-header",
        }
    }

    /// Whether the method asks a source for the client.
    pub(crate) const fn needs_source(self) -> bool {
        matches!(self, Self::Toa | Self::ToaAround | Self::ToaWithoutLayer)
    }

    /// The app: `/` is measured, `/client` shows the client that the handler was told. The
    /// caller puts the layer around the app of `ToaAround`.
    pub(crate) fn app(self) -> Router {
        match self {
            Self::Bare => bare(),
            Self::EmptyLayer => connect_info().layer(layer_fn(|inner| inner)),
            Self::ConnectInfo | Self::Proxy => connect_info(),
            Self::Toa => real_client().layer(ToaLayer),
            Self::ToaAround | Self::ToaWithoutLayer => real_client(),
            Self::Forwarded => Router::new()
                .route(
                    "/",
                    get(async |RightmostXForwardedFor(addr): RightmostXForwardedFor| discard(addr)),
                )
                .route(
                    "/client",
                    get(
                        async |RightmostXForwardedFor(addr): RightmostXForwardedFor| {
                            canonical(addr)
                        },
                    ),
                ),
        }
    }
}

fn bare() -> Router {
    Router::new()
        .route("/", get(async || "ok"))
        .route("/client", get(async || "nobody"))
}

fn connect_info() -> Router {
    Router::new()
        .route(
            "/",
            get(async |ConnectInfo(addr): ConnectInfo<SocketAddr>| discard(addr)),
        )
        .route(
            "/client",
            get(async |ConnectInfo(addr): ConnectInfo<SocketAddr>| canonical(addr.ip())),
        )
}

fn real_client() -> Router {
    Router::new()
        .route("/", get(async |RealClient(addr): RealClient| discard(addr)))
        .route(
            "/client",
            get(async |client: RealClient| canonical(client.ip())),
        )
}

/// All methods answer alike, so that only the way to the address differs.
pub(crate) fn discard<T>(addr: T) -> &'static str {
    black_box(addr);
    "ok"
}

fn canonical(addr: IpAddr) -> String {
    addr.to_canonical().to_string()
}
