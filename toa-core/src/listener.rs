//! A listener that knows the client of each connection it accepts.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};

use crate::accept_error::{Remedy, remedy};
use crate::client_addr::ClientAddr;
use crate::policy::Policy;
use crate::resolver::{Resolver, SourceKind};

/// How long to wait when descriptors or memory have run out.
const BACK_OFF: Duration = Duration::from_millis(500);

/// A `tokio` TCP listener that reads each connection's client as it is accepted,
/// with one system call.
///
/// When no source answers on this machine it warns once, at bind, and works on
/// with peer addresses; a source that is loaded later is picked up.
#[derive(Debug)]
pub struct ToaListener {
    inner: TcpListener,
    resolver: Resolver,
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
        let resolver = Resolver::default();
        resolver.detect(&inner);
        Self { inner, resolver }
    }

    /// Replaces the default [`Policy`].
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.resolver = self.resolver.with_policy(policy);
        self
    }

    /// The next connection and its client.
    ///
    /// Errors that concern one peer are passed over. When descriptors or memory
    /// have run out it waits and goes on, and logs once until one is accepted
    /// again. Cancellation safe: nothing is awaited once a connection is accepted.
    ///
    /// # Errors
    /// When the listening socket itself is unusable.
    pub async fn accept(&self) -> io::Result<(TcpStream, ClientAddr)> {
        let (stream, accepted) = accept_one(|| self.inner.accept()).await?;
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

    /// Which source answered last.
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

async fn accept_one<T, F>(mut accept: impl FnMut() -> F) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut exhausted = false;
    loop {
        let error = match accept().await {
            Ok(accepted) => return Ok(accepted),
            Err(error) => error,
        };
        match remedy(&error) {
            Remedy::Retry => {
                tracing::debug!(%error, "a connection was lost before it was accepted")
            }
            Remedy::BackOff => {
                if !std::mem::replace(&mut exhausted, true) {
                    tracing::error!(
                        %error,
                        "cannot accept connections for now, trying again: raise the limit on \
                         open files (ulimit -n, LimitNOFILE=) if this is EMFILE"
                    );
                }
                tokio::time::sleep(BACK_OFF).await;
            }
            Remedy::Fail => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::time::Instant;

    use tokio::net::TcpSocket;

    use super::*;
    use crate::client_addr::Provenance;
    use crate::sys::fake;

    /// Accepts against a script of errnos, 0 for a connection; returns what
    /// came of it and how many calls were left.
    async fn accept_script(script: &[i32]) -> (io::Result<()>, usize) {
        let mut script: VecDeque<i32> = script.iter().copied().collect();
        let outcome = accept_one(|| {
            let next = script
                .pop_front()
                .expect("accept() called beyond the script");
            async move {
                if next == 0 {
                    Ok(())
                } else {
                    Err(io::Error::from_raw_os_error(next))
                }
            }
        })
        .await;
        (outcome, script.len())
    }

    #[tokio::test(start_paused = true)]
    async fn errors_of_a_peer_are_passed_over_at_once() {
        let start = tokio::time::Instant::now();
        let peers = [
            libc::ECONNABORTED,
            libc::ENETDOWN,
            libc::EPROTO,
            libc::ENOPROTOOPT,
            libc::EHOSTDOWN,
            libc::ENONET,
            libc::EHOSTUNREACH,
            libc::ENETUNREACH,
            libc::EPERM,
            libc::ECONNRESET,
            libc::EINTR,
            libc::ETIMEDOUT,
            0,
        ];
        let (outcome, left) = accept_script(&peers).await;
        assert!(outcome.is_ok() && left == 0);
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn exhaustion_backs_off_and_goes_on() {
        for errno in [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM] {
            let start = tokio::time::Instant::now();
            let (outcome, left) = accept_script(&[errno, errno, 0]).await;
            assert!(outcome.is_ok() && left == 0);
            assert_eq!(start.elapsed(), 2 * BACK_OFF);
        }
    }

    #[tokio::test]
    async fn an_unusable_listener_is_an_error() {
        for errno in [libc::EBADF, libc::EINVAL, libc::ENOTSOCK] {
            let (outcome, left) = accept_script(&[errno, 0]).await;
            assert_eq!(outcome.unwrap_err().raw_os_error(), Some(errno));
            assert_eq!(left, 1);
        }
    }

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
