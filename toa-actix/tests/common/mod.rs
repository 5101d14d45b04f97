//! A client for tests that opens one connection and sends requests on it.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(dead_code, reason = "each test uses its part")]

pub(crate) mod listeners;

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use actix_web::rt::{net::TcpStream, spawn};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use toa_actix::Provenance;
use tokio::io::{AsyncRead, AsyncWrite};

/// Which protocol a connection speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Http {
    One,
    Two,
}

pub(crate) const BOTH: [Http; 2] = [Http::One, Http::Two];

pub(crate) const INTERNAL: &str = "internal server error";

/// What plain loopback connections are known as on this machine: a source may be
/// loaded or not.
pub(crate) fn expected_provenance() -> Provenance {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    match toa_core::detect_source(&socket) {
        toa_core::SourceKind::Absent => Provenance::NoSource,
        _ => Provenance::NotSent,
    }
}

/// What the process logs.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Makes itself the log of the process, from debug on.
    pub(crate) fn install() -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_ansi(false)
            .without_time()
            .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
            .with_writer(move || writer.clone())
            .init();
        log
    }

    /// The lines since the last call that come from this project: those above debug, and
    /// the others.
    pub(crate) fn take(&self) -> [Vec<String>; 2] {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        let text = String::from_utf8(bytes).unwrap();
        let ours = text.lines().filter(|line| line.contains(" toa_"));
        let (debug, above) = ours
            .map(str::to_owned)
            .partition(|line| line.starts_with("DEBUG"));
        [above, debug]
    }
}

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
