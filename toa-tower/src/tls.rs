//! TLS by tokio-rustls around our listener: TOA inside, TLS outside.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use crate::client_addr::ClientAddr;
use crate::listener::ToaListener;

/// How long a client may take for its handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// A [`ToaListener`] with TLS around it, made by [`ToaListener::with_tls`]; for
/// `axum::serve` and for accept loops.
///
/// Handshakes run beside each other, so that a slow client holds up nobody. One that
/// fails, or takes longer than ten seconds, ends its connection and is logged at debug.
#[derive(Debug)]
pub struct TlsListener {
    listener: ToaListener,
    config: Arc<ServerConfig>,
    handshakes: JoinSet<io::Result<(TlsStream<TcpStream>, ClientAddr)>>,
}

impl ToaListener {
    /// Speaks TLS on each connection:
    ///
    /// ```no_run
    /// # #[cfg(feature = "axum")]
    /// # async fn run(
    /// #     app: axum::Router,
    /// #     config: std::sync::Arc<tokio_rustls::rustls::ServerConfig>,
    /// # ) -> std::io::Result<()> {
    /// use toa_tower::{ClientAddr, ToaListener};
    ///
    /// let listener = ToaListener::bind("[::]:3000").await?.with_tls(config);
    /// axum::serve(listener, app.into_make_service_with_connect_info::<ClientAddr>()).await
    /// # }
    /// ```
    ///
    /// For HTTP/2 put `h2` and `http/1.1` into the configuration's `alpn_protocols`.
    #[must_use]
    pub fn with_tls(self, config: Arc<ServerConfig>) -> TlsListener {
        TlsListener {
            listener: self,
            config,
            handshakes: JoinSet::new(),
        }
    }
}

impl TlsListener {
    /// The next connection whose handshake is done, and its client. Cancellation safe.
    ///
    /// # Errors
    /// When the listening socket itself is unusable.
    pub async fn accept(&mut self) -> io::Result<(TlsStream<TcpStream>, ClientAddr)> {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => {
                    let (stream, client) = accepted?;
                    let acceptor = TlsAcceptor::from(Arc::clone(&self.config));
                    self.handshakes.spawn(handshake(acceptor, stream, client));
                }
                Some(done) = self.handshakes.join_next() => {
                    match done.map_err(io::Error::other).and_then(|accepted| accepted) {
                        Ok(accepted) => return Ok(accepted),
                        Err(error) => tracing::debug!(%error, "a tls handshake failed"),
                    }
                }
            }
        }
    }

    /// The address it listens on.
    ///
    /// # Errors
    /// Those of [`ToaListener::local_addr`].
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The listener within.
    #[must_use]
    pub const fn get_ref(&self) -> &ToaListener {
        &self.listener
    }
}

async fn handshake(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    client: ClientAddr,
) -> io::Result<(TlsStream<TcpStream>, ClientAddr)> {
    let stream = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await??;
    Ok((stream, client))
}
