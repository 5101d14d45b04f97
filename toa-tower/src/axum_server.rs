//! axum-server, plain or with TLS: the acceptor that sees the bare socket.

use std::future::{Ready, ready};
use std::io;
use std::sync::Arc;

use axum_server::accept::Accept;
use toa_core::{Policy, Resolver};
use tokio::net::TcpStream;

use crate::client::ClientAddr;
use crate::layer::Toa;

/// The listener half for axum-server. It is the innermost acceptor, before TLS, so that
/// it sees the socket:
///
/// ```no_run
/// # #[cfg(feature = "axum-0_8")]
/// # async fn run(config: axum_server::tls_rustls::RustlsConfig) -> std::io::Result<()> {
/// use axum::{Router, routing::get};
/// use axum_server::tls_rustls::RustlsAcceptor;
/// use toa_tower::{RealClient, ToaAcceptor, ToaLayer};
///
/// let app = Router::new()
///     .route("/", get(|client: RealClient| async move { client.to_string() }))
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
/// With a [`Resolver`] of its own it reads the option in the SYN where no source answers. Read
/// what [`SavedSyn`](toa_core::SavedSyn) says about who can forge that:
///
/// ```no_run
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use toa_tower::{Resolver, SavedSyn, ToaAcceptor};
///
/// let saved_syn = SavedSyn::insecure_trusting("100.125.0.0/16".parse()?);
/// let listener = std::net::TcpListener::bind("[::]:3000")?;
/// let resolver = Resolver::new().with_saved_syn(saved_syn, &listener)?;
/// let server = axum_server::from_tcp(listener)?.acceptor(ToaAcceptor::from(resolver));
/// # Ok(())
/// # }
/// ```
///
/// One system call per connection; a second one where no source of ours answers, as
/// axum-server does not tell an acceptor what `accept()` returned. The log warns once, with
/// the first connection, when there is no source.
#[derive(Clone, Debug, Default)]
pub struct ToaAcceptor(Arc<Resolver>);

impl ToaAcceptor {
    /// With the default [`Policy`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the default [`Policy`].
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        Resolver::from(policy).into()
    }
}

impl From<Resolver> for ToaAcceptor {
    fn from(resolver: Resolver) -> Self {
        Self(Arc::new(resolver))
    }
}

impl<S> Accept<TcpStream, S> for ToaAcceptor {
    type Stream = TcpStream;
    type Service = Toa<S, ClientAddr>;
    type Future = Ready<io::Result<(TcpStream, Toa<S, ClientAddr>)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready(
            self.0
                .resolve_connected(&stream)
                .map(|client| (stream, Toa::for_connection(service, client))),
        )
    }
}
