//! A client for tests that opens one connection and sends requests on it.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(dead_code, reason = "each test uses its part")]

#[cfg(feature = "rustls-0_23")]
pub(crate) mod tls;

use std::net::SocketAddr;

use axum::body::Body;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use toa_tower::{ClientAddr, Provenance};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Which protocol a connection speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Http {
    One,
    Two,
}

pub(crate) const BOTH: [Http; 2] = [Http::One, Http::Two];

/// What plain loopback connections are known as on this machine: a source may be
/// loaded or not.
pub(crate) fn expected_provenance() -> Provenance {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    match toa_core::detect_source(&socket) {
        toa_core::SourceKind::Absent => Provenance::NoSource,
        _ => Provenance::NotSent,
    }
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path)
        .header("host", "test")
        .body(Body::empty())
        .unwrap()
}

/// GETs the paths one after the other over one connection; returns the client's own
/// address and the answers.
pub(crate) async fn get_all(
    server: SocketAddr,
    http: Http,
    paths: &[&str],
) -> (SocketAddr, Vec<(StatusCode, String)>) {
    let stream = TcpStream::connect(server).await.unwrap();
    let local = stream.local_addr().unwrap();
    (local, get_all_over(stream, http, paths).await)
}

/// GETs the paths one after the other over a connection.
pub(crate) async fn get_all_over(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    http: Http,
    paths: &[&str],
) -> Vec<(StatusCode, String)> {
    let io = TokioIo::new(stream);
    let mut answers = Vec::new();
    match http {
        Http::One => {
            let (mut sender, connection) = http1::handshake(io).await.unwrap();
            tokio::spawn(connection);
            for path in paths {
                let response = sender.send_request(get(path)).await.unwrap();
                answers.push(read(response.map(Body::new)).await);
            }
        }
        Http::Two => {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
            tokio::spawn(connection);
            // All streams are opened before the first answer is read.
            let pending: Vec<_> = paths
                .iter()
                .map(|path| {
                    let request = get(&format!("http://test{path}"));
                    tokio::spawn(sender.clone().send_request(request))
                })
                .collect();
            for answer in pending {
                let response = answer.await.unwrap().unwrap();
                answers.push(read(response.map(Body::new)).await);
            }
        }
    }
    answers
}

pub(crate) async fn read(response: Response<Body>) -> (StatusCode, String) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// A made-up connection.
pub(crate) fn connection_of(client: &str, peer: &str, provenance: Provenance) -> ClientAddr {
    ClientAddr::mock(client.parse().unwrap(), peer.parse().unwrap(), provenance)
}
