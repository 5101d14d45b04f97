//! A connection as tonic's server takes it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tonic::transport::server::{Connected, TcpConnectInfo};

use super::registry::{Registered, Registry};
use crate::client::ClientAddr;

/// A TCP connection whose remote address is the real client.
///
/// What it tells tonic is tonic's own [`TcpConnectInfo`]: `remote_addr()` and
/// `peer_certs()` of a request look for nothing else.
#[derive(Debug)]
pub struct ToaStream {
    stream: TcpStream,
    registered: Registered,
}

impl ToaStream {
    pub(super) fn new(stream: TcpStream, client: ClientAddr, registry: &Registry) -> Self {
        let registered = registry.register(stream.local_addr().ok(), client);
        Self { stream, registered }
    }

    /// The connection's client.
    #[must_use]
    pub const fn client_addr(&self) -> ClientAddr {
        self.registered.client()
    }
}

impl Connected for ToaStream {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.registered.connect_info()
    }
}

impl AsyncRead for ToaStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for ToaStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
