//! The stream of connections that tonic's server takes.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio::net::{TcpStream, ToSocketAddrs};

use super::layer::ToaIncomingLayer;
use super::registry::Registry;
use super::stream::ToaStream;
use crate::client::ClientAddr;
use crate::listener::ToaListener;

type Accepting = Pin<Box<dyn Future<Output = io::Result<(TcpStream, ClientAddr)>> + Send>>;

/// The connections of a [`ToaListener`], for tonic's `serve_with_incoming` and
/// `serve_with_incoming_shutdown`.
///
/// tonic's `tcp_nodelay` and `tcp_keepalive` do not reach connections from such a stream.
/// `TCP_NODELAY` is set here instead, unless [`with_nodelay`](Self::with_nodelay) says
/// otherwise; for idle connections use tonic's `http2_keepalive_interval`.
pub struct ToaIncoming {
    listener: Arc<ToaListener>,
    accepting: Option<Accepting>,
    registry: Registry,
    nodelay: bool,
}

impl ToaIncoming {
    /// Binds to an address; see [`ToaListener::bind`].
    ///
    /// # Errors
    /// Those of [`ToaListener::bind`].
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        ToaListener::bind(addr).await.map(Self::new)
    }

    /// The connections of `listener`.
    #[must_use]
    pub fn new(listener: ToaListener) -> Self {
        Self {
            listener: Arc::new(listener),
            accepting: None,
            registry: Registry::default(),
            nodelay: true,
        }
    }

    /// Whether small messages are sent at once (`TCP_NODELAY`); yes unless told
    /// otherwise, as in tonic.
    #[must_use]
    pub const fn with_nodelay(mut self, nodelay: bool) -> Self {
        self.nodelay = nodelay;
        self
    }

    /// The layer that knows the clients of these connections, for `Server::layer`. It gives
    /// each request its [`ClientAddr`], which also tells the peer and the provenance.
    #[must_use]
    pub fn layer(&self) -> ToaIncomingLayer {
        ToaIncomingLayer::new(self.registry.clone())
    }

    /// The address it listens on.
    ///
    /// # Errors
    /// Those of [`ToaListener::local_addr`].
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Stream for ToaIncoming {
    type Item = io::Result<ToaStream>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let accepting = this.accepting.get_or_insert_with(|| {
            let listener = Arc::clone(&this.listener);
            Box::pin(async move { listener.accept().await })
        });
        let accepted = ready!(accepting.as_mut().poll(cx));
        this.accepting = None;
        Poll::Ready(Some(accepted.map(|(stream, client)| {
            if this.nodelay
                && let Err(error) = stream.set_nodelay(true)
            {
                tracing::debug!(%error, "a connection was lost as it was accepted");
            }
            ToaStream::new(stream, client, &this.registry)
        })))
    }
}

impl fmt::Debug for ToaIncoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToaIncoming")
            .field("listener", &self.listener)
            .field("nodelay", &self.nodelay)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn next(incoming: &mut ToaIncoming) -> ToaStream {
        let next = poll_fn(|cx| Pin::new(&mut *incoming).poll_next(cx)).await;
        next.unwrap().unwrap()
    }

    #[tokio::test]
    async fn no_client_outlives_its_connection_whenever_the_stream_of_them_is_dropped() {
        for accepted in 0..4 {
            for polls in 0..3 {
                let mut incoming = ToaIncoming::bind("127.0.0.1:0").await.unwrap();
                let local = incoming.local_addr().unwrap();
                let registry = incoming.registry.clone();
                let mut clients = Vec::new();
                let mut streams = Vec::new();
                for _ in 0..accepted {
                    clients.push(TcpStream::connect(local).await.unwrap());
                    streams.push(next(&mut incoming).await);
                }
                for _ in 0..polls {
                    let polled =
                        poll_fn(|cx| Poll::Ready(Pin::new(&mut incoming).poll_next(cx))).await;
                    assert!(polled.is_pending());
                }
                // One that waits and is never taken.
                clients.push(TcpStream::connect(local).await.unwrap());
                drop(incoming);
                assert_eq!(registry.len(), accepted);
                drop(streams);
                assert_eq!(registry.len(), 0);
            }
        }
    }
}
