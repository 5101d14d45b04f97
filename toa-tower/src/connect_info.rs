//! What `axum::serve` says of a request's connection. Keep axum's connection traits
//! in this file: their coherence rules change from one axum to the next.

use axum::extract::ConnectInfo;
use axum::extract::connect_info::{Connected, MockConnectInfo};
use axum::serve::IncomingStream;
use http::Extensions;
use toa_core::Resolver;
use tokio::net::TcpListener;

use crate::client::{ClientAddr, UnixClient};
use crate::listener::ToaListener;

pub(crate) fn get(extensions: &Extensions) -> Option<&ClientAddr> {
    extensions.get().map(|ConnectInfo(client)| client)
}

pub(crate) fn get_mock(extensions: &Extensions) -> Option<&ClientAddr> {
    extensions.get().map(|MockConnectInfo(client)| client)
}

pub(crate) fn is_unix(extensions: &Extensions) -> bool {
    extensions.get::<ConnectInfo<UnixClient>>().is_some()
}

/// Leaves what `axum::serve` would leave.
#[cfg(feature = "test-util")]
pub(crate) fn insert(extensions: &mut Extensions, client: ClientAddr) {
    extensions.insert(ConnectInfo(client));
}

// No blanket impl over `L: Listener<Addr = ClientAddr>`: it would collide with
// axum's own for `TapIo`, which already serves any listener with this address.
impl Connected<IncomingStream<'_, ToaListener>> for ClientAddr {
    fn connect_info(stream: IncomingStream<'_, ToaListener>) -> Self {
        *stream.remote_addr()
    }
}

#[cfg(feature = "rustls-0_23")]
impl Connected<IncomingStream<'_, crate::tls::TlsListener>> for ClientAddr {
    fn connect_info(stream: IncomingStream<'_, crate::tls::TlsListener>) -> Self {
        *stream.remote_addr()
    }
}

/// A listener that is not ours: the socket is asked when its connection is served, by
/// the default policy. A source that is not ours costs a second call here, as nothing
/// remembers which one is there.
impl Connected<IncomingStream<'_, TcpListener>> for ClientAddr {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Resolver::new()
            .resolve(stream.io(), *stream.remote_addr())
            .into()
    }
}

#[cfg(unix)]
impl Connected<IncomingStream<'_, tokio::net::UnixListener>> for UnixClient {
    fn connect_info(_: IncomingStream<'_, tokio::net::UnixListener>) -> Self {
        Self
    }
}
