//! From the connection types that actix serves to the TCP socket within.

use std::any::Any;

#[cfg(any(feature = "openssl", feature = "rustls-0_23"))]
use actix_tls::accept;
use actix_web::rt::net::TcpStream;

/// What `on_connect` is called with.
#[derive(Debug)]
pub(crate) enum Stream<'a> {
    /// TCP, be it within TLS.
    Tcp(&'a TcpStream),
    /// A Unix socket.
    Unix,
    /// A type that is not in the table.
    Unknown,
}

/// The way to the TCP socket within one type of connection; `None` for every other.
type Find = fn(&dyn Any) -> Option<&TcpStream>;

/// One line per type: each TLS library wraps the socket in a type of its own.
const TCP: &[Find] = &[
    |connection| connection.downcast_ref::<TcpStream>(),
    #[cfg(feature = "rustls-0_23")]
    |connection| {
        let tls = connection.downcast_ref::<accept::rustls_0_23::TlsStream<TcpStream>>()?;
        Some(tls.get_ref().0)
    },
    #[cfg(feature = "openssl")]
    |connection| {
        let tls = connection.downcast_ref::<accept::openssl::TlsStream<TcpStream>>()?;
        Some(tls.get_ref())
    },
];

#[cfg(unix)]
fn is_unix(connection: &dyn Any) -> bool {
    connection.is::<actix_web::rt::net::UnixStream>()
}

#[cfg(not(unix))]
fn is_unix(_: &dyn Any) -> bool {
    false
}

impl<'a> Stream<'a> {
    pub(crate) fn of(connection: &'a dyn Any) -> Self {
        match TCP.iter().find_map(|find| find(connection)) {
            Some(tcp) => Self::Tcp(tcp),
            None if is_unix(connection) => Self::Unix,
            None => Self::Unknown,
        }
    }
}
