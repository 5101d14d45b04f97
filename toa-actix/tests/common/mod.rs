//! A client for tests that opens one connection and sends requests on it.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(dead_code, reason = "each test uses its part")]

use std::net::SocketAddr;

use actix_web::rt::{net::TcpStream, spawn};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

/// Which protocol a connection speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Http {
    One,
    Two,
}

pub(crate) const BOTH: [Http; 2] = [Http::One, Http::Two];

/// GETs the paths over one connection; returns the client's own address and the
/// answers.
pub(crate) async fn get_all(
    server: SocketAddr,
    http: Http,
    paths: &[&str],
) -> (SocketAddr, Vec<(StatusCode, String)>) {
    let stream = TcpStream::connect(server).await.unwrap();
    let local = stream.local_addr().unwrap();
    (local, ask(stream, http, paths).await)
}

/// GETs the paths over `stream`.
pub(crate) async fn ask<S>(stream: S, http: Http, paths: &[&str]) -> Vec<(StatusCode, String)>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let io = TokioIo::new(stream);
    let mut answers = Vec::new();
    match http {
        Http::One => {
            let (mut sender, connection) = http1::handshake(io).await.unwrap();
            spawn(connection);
            for path in paths {
                answers.push(read(sender.send_request(get(path)).await.unwrap()).await);
            }
        }
        Http::Two => {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
            spawn(connection);
            // All streams are opened before the first answer is read.
            let pending: Vec<_> = paths
                .iter()
                .map(|path| {
                    let request = get(&format!("http://test{path}"));
                    spawn(sender.clone().send_request(request))
                })
                .collect();
            for answer in pending {
                answers.push(read(answer.await.unwrap().unwrap()).await);
            }
        }
    }
    answers
}

fn get(path: &str) -> Request<Empty<Bytes>> {
    let request = Request::get(path).header("host", "test");
    request.body(Empty::new()).unwrap()
}

async fn read(response: http::Response<Incoming>) -> (StatusCode, String) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}
