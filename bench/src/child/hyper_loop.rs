//! An accept loop over hyper: the only server under which all methods can be compared,
//! because a PROXY header must be read before HTTP begins.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Extension;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use proxy_header::ParseConfig;
use proxy_header::io::ProxiedStream;
use toa_tower::{ClientAddr, Toa, ToaLayer, ToaListener};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tower_layer::Layer;
use tower_service::Service;

use super::announce::announce;
use crate::app::Method;

pub(super) async fn serve(method: Method) -> anyhow::Result<()> {
    let app = method.app();
    match method {
        Method::Toa | Method::ToaWithoutLayer => {
            return serve_toa(|client| Toa::for_connection(app.clone(), client)).await;
        }
        Method::ToaAround => {
            let app = ToaLayer.layer(app);
            return serve_toa(|client| Toa::for_connection(app.clone(), client)).await;
        }
        _ => {}
    }
    let listener = TcpListener::bind("[::]:0").await?;
    announce(listener.local_addr()?)?;
    loop {
        let (stream, peer) = listener.accept().await?;
        let app = app.clone();
        match method {
            Method::Bare | Method::Forwarded => drop(tokio::spawn(connection(stream, app))),
            Method::ConnectInfo | Method::EmptyLayer => {
                let app = Extension(ConnectInfo(peer)).layer(app);
                tokio::spawn(connection(stream, app));
            }
            // In the connection's task, so that a slow header delays no other connection.
            Method::Proxy | Method::Toa | Method::ToaAround | Method::ToaWithoutLayer => {
                drop(tokio::spawn(async move {
                    let Ok(stream) =
                        ProxiedStream::create_from_tokio(stream, ParseConfig::default()).await
                    else {
                        return;
                    };
                    let told = stream.proxy_header().proxied_address();
                    let client: SocketAddr = told.map_or(peer, |told| told.source);
                    connection(stream, Extension(ConnectInfo(client)).layer(app)).await;
                }))
            }
        }
    }
}

/// `app` is what serves the connection of a client.
async fn serve_toa<S>(app: impl Fn(ClientAddr) -> S) -> anyhow::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    let listener = ToaListener::bind("[::]:0").await?;
    announce(listener.local_addr()?)?;
    loop {
        let (stream, client) = listener.accept().await?;
        tokio::spawn(connection(stream, app(client)));
    }
}

async fn connection<I, S>(stream: I, app: S)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    let serving =
        http1::Builder::new().serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    // A client that goes away is no concern of the measurement's.
    let _ = serving.await;
}
