//! Why there is no address at all.

use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::{StatusCode, header::ContentType};
use actix_web::{HttpResponse, ResponseError};

/// Why a request has no [`ClientAddr`](crate::ClientAddr), not even its peer's:
/// answered with 500 and this sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// The hook is missing.
    #[error(
        "toa-actix is not wired up: add `.on_connect(toa_actix::on_connect)` to the HttpServer, \
         before `.bind`"
    )]
    NotWiredUp,
    /// The hook is there, but cannot see the socket within the stream's type.
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
    /// The connection had gone before its peer was known.
    #[error("the connection was closed before its peer address was read")]
    PeerGone,
}

impl Unavailable {
    /// Logs what the program's author has to change, the first time only.
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

impl ResponseError for Unavailable {
    fn status_code(&self) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code())
            .content_type(ContentType::plaintext())
            .body(self.to_string())
    }
}
