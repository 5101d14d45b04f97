//! `toa exporter`: an HTTP server for one page.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::encoding::prometheus_text;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::Scrape;
use crate::output::{Outcome, complain, say};
use crate::status::Subject;

/// So many connections are served at a time; the others wait to be accepted.
const CONNECTIONS: usize = 16;
/// A connection ends after this, whatever its client does.
const TIME: Duration = Duration::from_secs(10);
/// What a request may have before its body.
const HEADER_BYTES: usize = 16 * 1024;

const HOME: &str = "the series of `toa metrics` are at /metrics\n";

/// Serve the metrics over HTTP
///
/// It serves /metrics until it is ended, and asks the kernel at each request. The page names
/// networks and cgroups of the host and is open to whoever can connect: leave it on loopback,
/// or let a firewall admit Prometheus alone.
#[derive(Debug, clap::Args)]
pub(crate) struct Exporter {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:19254")]
    listen: SocketAddr,
    #[command(flatten)]
    subject: Subject,
}

impl Exporter {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .context("cannot start the server")?;
        runtime.block_on(self.serve())
    }

    async fn serve(self) -> anyhow::Result<Outcome> {
        let listener = TcpListener::bind(self.listen)
            .await
            .with_context(|| format!("cannot listen on {}", self.listen))?;
        let local = listener
            .local_addr()
            .context("cannot tell where it listens")?;
        say(format_args!("serving http://{local}/metrics\n"))?;
        let page = Arc::new(Page::new(self.subject));
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let place = Arc::clone(&places).acquire_owned().await;
            let place = place.expect("nobody closes the semaphore");
            match listener.accept().await {
                Ok((stream, _)) => {
                    let page = Arc::clone(&page);
                    tokio::spawn(async move {
                        let _place = place;
                        // Whoever is late, or breaks off, has been served as far as he can be.
                        let _ = tokio::time::timeout(TIME, one(stream, &page)).await;
                    });
                }
                // Of a connection that has gone already, or out of descriptors.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

/// Answers one request.
async fn one(stream: TcpStream, page: &Page) -> hyper::Result<()> {
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(TIME)
        .max_buf_size(HEADER_BYTES)
        .keep_alive(false)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(|request: Request<Incoming>| {
                let response = page.answer(request.method(), request.uri().path());
                std::future::ready(Ok::<_, Infallible>(response))
            }),
        )
        .await
}

struct Page {
    subject: Subject,
    /// Why not all was known the last time, so that it is said once.
    said: Mutex<Option<String>>,
}

impl Page {
    fn new(subject: Subject) -> Self {
        Self {
            subject,
            said: Mutex::new(None),
        }
    }

    /// One question at a time: the server has one thread.
    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        match (method, path) {
            (&Method::GET | &Method::HEAD, "/metrics") => {
                let Scrape { text, unknown } = Scrape::of(&self.subject);
                self.say_once(unknown);
                response(StatusCode::OK, prometheus_text::CONTENT_TYPE, text)
            }
            (&Method::GET | &Method::HEAD, "/") => plain(StatusCode::OK, HOME),
            (&Method::GET | &Method::HEAD, _) => plain(StatusCode::NOT_FOUND, HOME),
            _ => {
                let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, HOME);
                refused
                    .headers_mut()
                    .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                refused
            }
        }
    }

    fn say_once(&self, unknown: Option<String>) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if *said != unknown {
            match &unknown {
                Some(why) => complain(format_args!("toa: not all is known: {why}\n")),
                None => complain("toa: all is known again\n"),
            }
            *said = unknown;
        }
    }
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    response(status, "text/plain; charset=utf-8", text.to_owned())
}

fn response(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
