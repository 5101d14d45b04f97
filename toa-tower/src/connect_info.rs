//! What `axum::serve` says of a request's connection. Keep axum's connection traits
//! in this file: their coherence rules change from one axum to the next.

use http::Extensions;

use crate::client_addr::ClientAddr;

#[cfg(feature = "axum")]
pub(crate) fn get(extensions: &Extensions) -> Option<ClientAddr> {
    use axum::extract::ConnectInfo;
    extensions.get().map(|&ConnectInfo(client)| client)
}

#[cfg(not(feature = "axum"))]
pub(crate) const fn get(_: &Extensions) -> Option<ClientAddr> {
    None
}

#[cfg(feature = "axum")]
mod connected {
    use std::sync::LazyLock;

    use axum::extract::connect_info::Connected;
    use axum::serve::IncomingStream;
    use tokio::net::TcpListener;

    use crate::accepted::Accepted;
    use crate::client_addr::ClientAddr;
    use crate::listener::ToaListener;

    // No blanket impl over `L: Listener<Addr = ClientAddr>`: it would collide with
    // axum's own for `TapIo`, which already serves any listener with this address.
    impl Connected<IncomingStream<'_, ToaListener>> for ClientAddr {
        fn connect_info(stream: IncomingStream<'_, ToaListener>) -> Self {
            *stream.remote_addr()
        }
    }

    /// A listener that is not ours: the socket is asked when its connection is served.
    impl Connected<IncomingStream<'_, TcpListener>> for ClientAddr {
        fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
            static ACCEPTED: LazyLock<Accepted> = LazyLock::new(Accepted::default);
            ACCEPTED.resolve(stream.io(), *stream.remote_addr())
        }
    }

    #[cfg(feature = "rustls")]
    impl Connected<IncomingStream<'_, crate::tls::TlsListener>> for ClientAddr {
        fn connect_info(stream: IncomingStream<'_, crate::tls::TlsListener>) -> Self {
            *stream.remote_addr()
        }
    }
}
