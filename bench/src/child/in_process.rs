//! Requests to a service in this process, without any network: the cost of layer and
//! extractor alone.

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use axum::{Extension, Router};
use clap::Args;
use http::{HeaderValue, Request};
use toa_core::Provenance;
use toa_tower::{ClientAddr, Toa, ToaLayer};
use tower_layer::Layer;
use tower_service::Service;

use crate::app::Method;

const PEER: &str = "10.0.0.9:5000";
const CLIENT: &str = "[2001:db8::7]:41234";

/// The command line of a process that calls its own service.
#[derive(Args, Clone, Debug)]
pub struct Drive {
    #[arg(value_enum)]
    pub(crate) method: Method,
    /// How many requests.
    #[arg(long)]
    pub(crate) requests: u32,
    /// With the X-Forwarded-For header in each request, which bare axum ignores.
    #[arg(long)]
    pub(crate) header: bool,
}

impl Drive {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        Driver::new(self.method, self.header)?.run(self.requests)?;
        Ok(())
    }
}

/// A service as `axum::serve` has it for one connection, and the requests for it.
pub(crate) struct Driver {
    service: Connection,
    header: bool,
    runtime: tokio::runtime::Runtime,
}

/// What the make-services of axum make: the app, and what they know of the connection.
enum Connection {
    Bare(Router),
    Peer(<Extension<ConnectInfo<SocketAddr>> as Layer<Router>>::Service),
    Toa(<Extension<ConnectInfo<ClientAddr>> as Layer<Router>>::Service),
    ToaAround(<Extension<ConnectInfo<ClientAddr>> as Layer<Toa<Router, ToaLayer>>>::Service),
}

impl Driver {
    pub(crate) fn new(method: Method, header: bool) -> anyhow::Result<Self> {
        let app = method.app();
        let peer: SocketAddr = PEER.parse()?;
        let client = ClientAddr::mock(CLIENT.parse()?, toa_core::to_mapped(peer), Provenance::Toa);
        let client = Extension(ConnectInfo(client));
        let service = match method {
            Method::Bare | Method::Forwarded => Connection::Bare(app),
            Method::ConnectInfo | Method::EmptyLayer | Method::Proxy => {
                Connection::Peer(Extension(ConnectInfo(peer)).layer(app))
            }
            Method::Toa | Method::ToaWithoutLayer => Connection::Toa(client.layer(app)),
            Method::ToaAround => Connection::ToaAround(client.layer(ToaLayer.layer(app))),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        Ok(Self {
            service,
            header,
            runtime,
        })
    }

    /// Puts `requests` to the service; says how long it took.
    pub(crate) fn run(&mut self, requests: u32) -> anyhow::Result<Duration> {
        match &mut self.service {
            Connection::Bare(app) => self.runtime.block_on(drive(app, requests, self.header)),
            Connection::Peer(app) => self.runtime.block_on(drive(app, requests, self.header)),
            Connection::Toa(app) => self.runtime.block_on(drive(app, requests, self.header)),
            Connection::ToaAround(app) => self.runtime.block_on(drive(app, requests, self.header)),
        }
    }
}

async fn drive<S>(app: &mut S, requests: u32, header: bool) -> anyhow::Result<Duration>
where
    S: Service<Request<Body>, Response = Response>,
    S::Error: std::error::Error + Send + Sync + 'static,
{
    let start = Instant::now();
    for _ in 0..requests {
        let mut request = Request::new(Body::empty());
        if header {
            let value = HeaderValue::from_static("203.0.113.5, 2001:db8::7");
            request.headers_mut().insert("x-forwarded-for", value);
        }
        let response = black_box(app.call(request).await?);
        anyhow::ensure!(
            response.status().is_success(),
            "the service answers {}",
            response.status()
        );
    }
    Ok(start.elapsed())
}
