//! TOA with hyper alone: an accept loop with HTTP/1, HTTP/2, upgrades and an end.
//!
//! Run it as root to see all of it:
//!
//!     cargo run --example hyper_demo [ADDRESS:PORT]
//!
//! It loads the eBPF source and starts a NAT64 balancer for as long as it runs, and
//! answers with curl's own address and port:
//!
//!     you are [fd74:6f61::1]:41234 (toa, peer 10.116.111.16:5000)
//!
//! A request with `Upgrade: toa-demo` gets the same line over the upgraded connection.
//! Ctrl-C ends it once the requests under way are answered, `/slow` for one.

use std::convert::Infallible;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderValue, UPGRADE};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use toa_examples::Stage;
use toa_tower::{ClientAddr, Toa, ToaListener};
use tokio::io::AsyncWriteExt;

type Body = Full<Bytes>;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    toa_examples::log_to_stderr();
    let addr = toa_examples::listen_addr()?;
    let _stage = Stage::set_up(addr.port())?;

    let app = tower::service_fn(answer);
    let listener = ToaListener::bind(addr).await?;
    let builder = Builder::new(TokioExecutor::new());
    let connections = GracefulShutdown::new();
    let mut end = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let (stream, client) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = &mut end => break,
        };
        let service = TowerToHyperService::new(Toa::for_connection(app, client));
        let connection = builder
            .serve_connection_with_upgrades(TokioIo::new(stream), service)
            .into_owned();
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, %client, "a connection ended early");
            }
        });
    }
    drop(listener);
    connections.shutdown().await;
    Ok(())
}

async fn answer(mut request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let Some(client) = ClientAddr::from_extensions(request.extensions()) else {
        let mut response = Response::new("the accept loop lacks Toa::for_connection\n".into());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        return Ok(response);
    };
    if request
        .headers()
        .get(UPGRADE)
        .is_some_and(|to| to == PROTOCOL)
    {
        tokio::spawn(talk(hyper::upgrade::on(&mut request), client));
        return Ok(switch());
    }
    if request.uri().path() == "/slow" {
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    Ok(Response::new(tell(client).into()))
}

const PROTOCOL: HeaderValue = HeaderValue::from_static("toa-demo");

fn switch() -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, PROTOCOL);
    response
}

async fn talk(upgrade: hyper::upgrade::OnUpgrade, client: ClientAddr) {
    match upgrade.await {
        Ok(upgraded) => {
            let mut io = TokioIo::new(upgraded);
            // The other side may close at any time.
            let _ = io.write_all(tell(client).as_bytes()).await;
            let _ = io.shutdown().await;
        }
        Err(error) => tracing::debug!(%error, "an upgrade failed"),
    }
}

fn tell(client: ClientAddr) -> String {
    format!("you are {client}\n")
}
