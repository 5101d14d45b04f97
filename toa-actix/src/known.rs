//! What is known of a request's connection.
//!
//! The hook leaves it as data of the connection; a test leaves it with the request.
//! Everybody who asks reads it here.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::client::ClientAddr;
use crate::conn_data::ConnData;
use crate::mock;

/// Why a request has no [`ClientAddr`]; the error of the extractors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientAddrError {
    /// Nobody has looked for the client of the request's connection.
    #[error(
        "toa-actix is not wired up: add `.on_connect(toa_actix::on_connect())` to the \
         HttpServer, before `.bind`"
    )]
    NotWiredUp,
    /// The hook was called, but cannot see the socket within the stream's type.
    #[error(
        "toa-actix does not know this kind of connection: serve plain tcp, or tls with the \
         feature `rustls-0_23` or `openssl` of toa-actix enabled"
    )]
    UnknownStream,
    /// The connection is a Unix socket's.
    #[error(
        "a unix socket has no client address: take `Option<RealClient>` in handlers that unix \
         sockets reach"
    )]
    UnixSocket,
    /// The connection was closed before its peer was known.
    #[error("the connection was closed before its peer address was read")]
    PeerGone,
}

/// What the hook leaves as data of each connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection(pub(crate) Result<ClientAddr, ClientAddrError>);

/// The client, or why it is not known.
pub(crate) fn find(request: &impl ConnData) -> Result<ClientAddr, ClientAddrError> {
    match request.conn_data() {
        Some(&Connection(known)) => known,
        None => mock::get(request).ok_or(ClientAddrError::NotWiredUp),
    }
}

/// [`find`], which logs what is wrong with the program. A Unix socket is not: many who ask
/// can do without an address.
pub(crate) fn find_or_log(request: &impl ConnData) -> Result<ClientAddr, ClientAddrError> {
    find(request).inspect_err(|error| {
        if *error != ClientAddrError::UnixSocket {
            error.log();
        }
    })
}

impl ClientAddrError {
    /// Logs what the program's author has to change, the first time only: a stranger must
    /// not be able to fill the log.
    pub(crate) fn log(self) {
        static LOGGED: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];
        match self {
            Self::NotWiredUp | Self::UnknownStream | Self::UnixSocket => {
                if !LOGGED[self as usize].swap(true, Ordering::Relaxed) {
                    tracing::error!("{self}");
                }
            }
            // A client can bring this about at will.
            Self::PeerGone => tracing::debug!("{self}"),
        }
    }
}
