//! axum-server, plain or with TLS: the acceptor that sees the bare socket.

use std::future::{Ready, ready};
use std::io;
use std::sync::Arc;

use axum_server::accept::Accept;
use toa_core::Policy;
use tokio::net::TcpStream;

use crate::accepted::Accepted;
use crate::add_client_addr::AddClientAddr;

/// The listener half for axum-server. It is the innermost acceptor, before TLS, so that
/// it sees the socket:
///
/// ```no_run
/// # #[cfg(feature = "axum")]
/// # async fn run(config: axum_server::tls_rustls::RustlsConfig) -> std::io::Result<()> {
/// use axum::{Router, routing::get};
/// use axum_server::tls_rustls::RustlsAcceptor;
/// use toa_tower::{RealClient, ToaAcceptor, ToaLayer};
///
/// let app = Router::new()
///     .route("/", get(|RealClient(client): RealClient| async move { client.to_string() }))
///     .layer(ToaLayer);
/// let addr = std::net::SocketAddr::from(([0; 8], 3000));
/// axum_server::bind(addr)
///     .acceptor(RustlsAcceptor::new(config).acceptor(ToaAcceptor::new()))
///     // plain: .acceptor(ToaAcceptor::new())
///     .serve(app.into_make_service())
///     .await
/// # }
/// ```
///
/// One system call per connection; a second one where no source of ours answers, as
/// axum-server does not tell an acceptor what `accept()` returned. The first connection
/// finds out which source is there, and the log warns once when there is none.
#[derive(Clone, Debug, Default)]
pub struct ToaAcceptor(Arc<Accepted>);

impl ToaAcceptor {
    /// With the default [`Policy`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the default [`Policy`].
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        Self(Arc::new(Accepted::new(policy)))
    }
}

impl<S> Accept<TcpStream, S> for ToaAcceptor {
    type Stream = TcpStream;
    type Service = AddClientAddr<S>;
    type Future = Ready<io::Result<(TcpStream, AddClientAddr<S>)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready(
            self.0
                .resolve_alone(&stream)
                .map(|client| (stream, AddClientAddr::new(service, client))),
        )
    }
}
