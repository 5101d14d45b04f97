//! Around a TLS stream there is no socket to ask: the acceptor goes inside.

use axum_server::accept::Accept;
use toa_tower::ToaAcceptor;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

fn acceptor_of_tls(acceptor: impl Accept<TlsStream<TcpStream>, ()>) {
    let _ = acceptor;
}

fn main() {
    acceptor_of_tls(ToaAcceptor::new());
}
