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

use crate::client::ClientAddr;
use crate::listener::ToaListener;

/// How long a client may take for its handshake, unless told otherwise.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How many handshakes may be under way at once, unless told otherwise.
const MAX_HANDSHAKES: usize = 1024;

/// A [`ToaListener`] with TLS around it, made by [`ToaListener::with_tls`]; for
/// `axum::serve` and for accept loops.
///
/// Handshakes run beside each other, so that a slow client holds up nobody; with 1024
/// under way the next connection waits in the kernel's accept queue. One that fails, or
/// takes longer than ten seconds, ends its connection and is logged at debug.
#[derive(Debug)]
pub struct TlsListener {
    listener: ToaListener,
    config: Arc<ServerConfig>,
    handshakes: JoinSet<io::Result<(TlsStream<TcpStream>, ClientAddr)>>,
    max_handshakes: usize,
    handshake_timeout: Duration,
}

impl ToaListener {
    /// Speaks TLS on each connection:
    ///
    /// ```no_run
    /// # #[cfg(feature = "axum-0_8")]
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
            max_handshakes: MAX_HANDSHAKES,
            handshake_timeout: HANDSHAKE_TIMEOUT,
        }
    }
}

impl TlsListener {
    /// Replaces the 1024 handshakes that may be under way at once.
    ///
    /// # Panics
    /// When it is 0, as no connection would ever be accepted.
    #[must_use]
    pub const fn with_max_handshakes(mut self, max: usize) -> Self {
        assert!(max > 0, "with no handshake at once nobody is ever served");
        self.max_handshakes = max;
        self
    }

    /// Replaces the ten seconds that a client has for its handshake.
    #[must_use]
    pub const fn with_handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// The next connection whose handshake is done, and its client. Cancellation safe.
    ///
    /// # Errors
    /// When the listening socket itself is unusable.
    pub async fn accept(&mut self) -> io::Result<(TlsStream<TcpStream>, ClientAddr)> {
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if self.handshakes.len() < self.max_handshakes => {
                    let (stream, client) = accepted?;
                    let acceptor = TlsAcceptor::from(Arc::clone(&self.config));
                    let timeout = self.handshake_timeout;
                    self.handshakes.spawn(handshake(acceptor, stream, client, timeout));
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
    timeout: Duration,
) -> io::Result<(TlsStream<TcpStream>, ClientAddr)> {
    let stream = tokio::time::timeout(timeout, acceptor.accept(stream)).await??;
    Ok((stream, client))
}
