//! The listener half: a TCP listener whose address type is the client.

use std::io;
use std::net::SocketAddr;

use toa_core::{Policy, SavedSyn, SourceKind};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};

use crate::client::ClientAddr;

/// A `tokio` TCP listener that knows the client of each connection it accepts, with
/// one system call per connection; [`toa_core::ToaListener`] as a listener for
/// `axum::serve`.
///
/// The client travels as the listener's *address*, so wrappers that exchange the IO
/// type, for TLS say, go around this listener and pass the address on. `axum::serve`
/// takes such a wrapper with axum's `.tap_io(|_| {})` behind it, which knows every
/// address type; `with_tls` needs nothing more.
///
/// When no source answers on this machine it warns once, as it begins to accept, and works
/// on with peer addresses; a source that is loaded later is picked up.
#[derive(Debug)]
pub struct ToaListener(toa_core::ToaListener);

impl ToaListener {
    /// Binds to an address. `[::]:3000` takes IPv4 connections as well, unless the
    /// system says otherwise (`net.ipv6.bindv6only`).
    ///
    /// # Errors
    /// Those of [`TcpListener::bind`].
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        toa_core::ToaListener::bind(addr).await.map(Self)
    }

    /// Takes over a listener from elsewhere; it is set to non-blocking.
    ///
    /// # Errors
    /// Those of [`TcpListener::from_std`].
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Self> {
        toa_core::ToaListener::from_std(listener).map(Self)
    }

    /// Takes over a `tokio` listener.
    #[must_use]
    pub fn new(listener: TcpListener) -> Self {
        Self(toa_core::ToaListener::new(listener))
    }

    /// Replaces the default [`Policy`].
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        Self(self.0.with_policy(policy))
    }

    /// Reads the option in the SYN where no source answers. Read what [`SavedSyn`] says
    /// about who can forge that.
    ///
    /// # Errors
    /// Those of [`SavedSyn::keep`].
    pub fn with_saved_syn(self, saved_syn: SavedSyn) -> io::Result<Self> {
        self.0.with_saved_syn(saved_syn).map(Self)
    }

    /// The next connection and its client, for accept loops; see
    /// [`toa_core::ToaListener::accept`].
    ///
    /// # Errors
    /// When the listening socket itself is unusable.
    pub async fn accept(&self) -> io::Result<(TcpStream, ClientAddr)> {
        let (stream, client) = self.0.accept().await?;
        Ok((stream, client.into()))
    }

    /// The address it listens on.
    ///
    /// # Errors
    /// Those of [`TcpListener::local_addr`].
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Which source answered last.
    #[must_use]
    pub fn source(&self) -> SourceKind {
        self.0.source()
    }

    /// The listener within.
    #[must_use]
    pub const fn get_ref(&self) -> &TcpListener {
        self.0.get_ref()
    }
}

#[cfg(feature = "axum-0_8")]
mod for_axum {
    use std::io;
    use std::net::SocketAddr;
    use std::time::Duration;

    use axum::serve::Listener;
    use tokio::net::TcpStream;

    use super::ToaListener;
    use crate::client::ClientAddr;

    /// How long to wait before an unusable listener is tried again.
    const BACK_OFF: Duration = Duration::from_secs(1);

    /// A listener that may fail.
    trait TryAccept: Send {
        type Io;

        fn try_accept(&mut self)
        -> impl Future<Output = io::Result<(Self::Io, ClientAddr)>> + Send;
    }

    impl TryAccept for ToaListener {
        type Io = TcpStream;

        async fn try_accept(&mut self) -> io::Result<(TcpStream, ClientAddr)> {
            Self::accept(self).await
        }
    }

    impl Listener for ToaListener {
        type Io = TcpStream;
        type Addr = ClientAddr;

        async fn accept(&mut self) -> (TcpStream, ClientAddr) {
            accept(self).await
        }

        /// The listening address in the form of a client, as axum asks for one type.
        fn local_addr(&self) -> io::Result<ClientAddr> {
            Self::local_addr(self).map(listening)
        }
    }

    #[cfg(feature = "rustls-0_23")]
    impl TryAccept for crate::tls::TlsListener {
        type Io = tokio_rustls::server::TlsStream<TcpStream>;

        async fn try_accept(&mut self) -> io::Result<(Self::Io, ClientAddr)> {
            Self::accept(self).await
        }
    }

    #[cfg(feature = "rustls-0_23")]
    impl Listener for crate::tls::TlsListener {
        type Io = tokio_rustls::server::TlsStream<TcpStream>;
        type Addr = ClientAddr;

        async fn accept(&mut self) -> (Self::Io, ClientAddr) {
            accept(self).await
        }

        /// The listening address in the form of a client, as axum asks for one type.
        fn local_addr(&self) -> io::Result<ClientAddr> {
            Self::local_addr(self).map(listening)
        }
    }

    /// axum's contract has no way to give up on a listener: tries until it works.
    async fn accept<L: TryAccept>(listener: &mut L) -> (L::Io, ClientAddr) {
        let mut logged = false;
        loop {
            match listener.try_accept().await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    if !std::mem::replace(&mut logged, true) {
                        tracing::error!(%error, "the listening socket is unusable, trying again");
                    }
                    tokio::time::sleep(BACK_OFF).await;
                }
            }
        }
    }

    fn listening(local: SocketAddr) -> ClientAddr {
        toa_core::ClientAddr::of_listener(local).into()
    }
}
