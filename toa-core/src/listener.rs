//! A listener that knows the client of each connection it accepts.

use std::io;
use std::net::SocketAddr;
use std::sync::Once;

use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};

use crate::accept::Accepting;
use crate::client_addr::ClientAddr;
use crate::policy::Policy;
use crate::resolver::{Resolver, SourceKind};
use crate::saved_syn::SavedSyn;

/// A `tokio` TCP listener that reads each connection's client as it is accepted,
/// with one system call.
///
/// When no source answers on this machine it warns once, as it begins to accept, and works
/// on with peer addresses; a source that is loaded later is picked up.
#[derive(Debug)]
pub struct ToaListener {
    inner: TcpListener,
    resolver: Resolver,
    detected: Once,
    accepting: Accepting,
}

impl ToaListener {
    /// Binds to an address. `[::]:3000` takes IPv4 connections as well, unless the
    /// system says otherwise (`net.ipv6.bindv6only`).
    ///
    /// # Errors
    /// Those of [`TcpListener::bind`].
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        Ok(Self::new(TcpListener::bind(addr).await?))
    }

    /// Takes over a listener from elsewhere; it is set to non-blocking.
    ///
    /// # Errors
    /// Those of [`TcpListener::from_std`].
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self::new(TcpListener::from_std(listener)?))
    }

    /// Takes over a `tokio` listener.
    #[must_use]
    pub fn new(inner: TcpListener) -> Self {
        Self {
            inner,
            resolver: Resolver::new(),
            detected: Once::new(),
            accepting: Accepting::default(),
        }
    }

    /// Replaces the default [`Policy`].
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.resolver = self.resolver.with_policy(policy);
        self
    }

    /// Reads the option in the SYN where no source answers. Read what [`SavedSyn`] says
    /// about who can forge that.
    ///
    /// # Errors
    /// Those of [`SavedSyn::keep`].
    pub fn with_saved_syn(mut self, saved_syn: SavedSyn) -> io::Result<Self> {
        self.resolver = self.resolver.with_saved_syn(saved_syn, &self.inner)?;
        Ok(self)
    }

    /// The next connection and its client.
    ///
    /// Errors that concern one peer are passed over; after 64 in a row it rests for a
    /// millisecond. When descriptors or memory have run out it waits and goes on, and
    /// logs once until one is accepted again. Cancellation safe: nothing is awaited once
    /// a connection is accepted.
    ///
    /// # Errors
    /// When the listening socket itself is unusable.
    ///
    /// # Panics
    /// When it has to wait and the runtime was built without
    /// `enable_time`.
    pub async fn accept(&self) -> io::Result<(TcpStream, ClientAddr)> {
        self.detected.call_once(|| {
            self.resolver.detect(&self.inner);
        });
        let (stream, accepted) = self.accepting.next(|| self.inner.accept()).await?;
        let client = self.resolver.resolve(&stream, accepted);
        tracing::trace!(%client, "accepted");
        Ok((stream, client))
    }

    /// The address it listens on.
    ///
    /// # Errors
    /// Those of [`TcpListener::local_addr`].
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// Which source answered last; see [`Resolver::source`].
    #[must_use]
    pub fn source(&self) -> SourceKind {
        self.resolver.source()
    }

    /// The listener within.
    #[must_use]
    pub const fn get_ref(&self) -> &TcpListener {
        &self.inner
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tokio::net::TcpSocket;

    use super::*;
    use crate::client_addr::Provenance;
    use crate::sys::fake;

    #[tokio::test]
    async fn a_cancelled_accept_loses_no_connection() {
        fake::script([]);
        let listener = ToaListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut clients = Vec::new();
        for _ in 0..50 {
            clients.push(std::net::TcpStream::connect(addr).unwrap());
        }
        let mut accepted = 0;
        let start = Instant::now();
        while accepted < clients.len() && start.elapsed() < Duration::from_secs(10) {
            let accept = listener.accept();
            // Ready or dropped after one poll, as in the branch of a select!.
            tokio::select! {
                biased;
                outcome = accept => { outcome.unwrap(); accepted += 1; }
                () = tokio::task::yield_now() => {}
            }
        }
        assert_eq!(accepted, clients.len());
    }

    #[tokio::test]
    async fn without_a_source_the_client_is_the_peer_in_mapped_form() {
        fake::script([]);
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let std = socket.listen(1).unwrap().into_std().unwrap();
        let listener = ToaListener::from_std(std).unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (_, answer) = listener.accept().await.unwrap();
        assert_eq!(answer.provenance(), Provenance::NoSource);
        assert_eq!(answer.client_canonical(), client.local_addr().unwrap());
        assert_eq!(answer.client(), answer.peer());
    }
}
