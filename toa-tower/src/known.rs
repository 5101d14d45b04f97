//! What a request's extensions tell of its connection.
//!
//! The listener half leaves it there: axum's `ConnectInfo<ClientAddr>`, or [`ClientAddr`]
//! itself where [`Toa::for_connection`](crate::Toa::for_connection) or the layer of a
//! `ToaIncoming` serves. Everybody who asks reads it here.

use std::sync::atomic::{AtomicBool, Ordering};

use http::Extensions;

use crate::client::{ClientAddr, UnixClient};
use crate::connect_info;

/// Why a request has no [`ClientAddr`]; the rejection of the extractors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientAddrError {
    /// Nobody has looked for the client of the request's connection.
    #[error(
        "toa-tower is not wired up: serve a `ToaListener` with \
         `app.into_make_service_with_connect_info::<ClientAddr>()`; with axum-server use \
         `ToaAcceptor`, with tonic `ToaIncoming` and `.layer(incoming.layer())`, in an accept \
         loop of your own `Toa::for_connection`"
    )]
    NotWiredUp,
    /// The connection is a Unix socket's.
    #[error(
        "a unix socket has no client address: take `Option<RealClient>` in handlers that unix \
         sockets reach"
    )]
    UnixSocket,
}

/// The client, where it is known.
pub(crate) fn find(extensions: &Extensions) -> Option<&ClientAddr> {
    connect_info::get(extensions)
        .or_else(|| extensions.get())
        .or_else(|| connect_info::get_mock(extensions))
}

/// [`find`], or the reason why not, which is logged.
pub(crate) fn find_or_log(extensions: &Extensions) -> Result<&ClientAddr, ClientAddrError> {
    find(extensions).ok_or_else(|| {
        let error = if is_unix(extensions) {
            ClientAddrError::UnixSocket
        } else {
            ClientAddrError::NotWiredUp
        };
        error.log();
        error
    })
}

fn is_unix(extensions: &Extensions) -> bool {
    connect_info::is_unix(extensions) || extensions.get::<UnixClient>().is_some()
}

impl ClientAddrError {
    /// Logs what the program's author has to change, the first time only: a stranger must
    /// not be able to fill the log. Once per process and not per layer, as axum builds a
    /// layer's service anew for each request.
    fn log(self) {
        static LOGGED: AtomicBool = AtomicBool::new(false);
        if self == Self::NotWiredUp && !LOGGED.swap(true, Ordering::Relaxed) {
            tracing::error!("{self}");
        }
    }
}
