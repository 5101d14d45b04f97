//! A plain tower service over hyper-util, without axum.
#![cfg(feature = "tokio")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::convert::Infallible;
use std::net::SocketAddr;

use common::{BOTH, expected_provenance, get_all};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use toa_tower::{ClientAddr, RealClient, Toa, ToaLayer, ToaListener};
use tower::ServiceBuilder;

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let client = RealClient::from_extensions(request.extensions()).unwrap();
    let whole = ClientAddr::from_extensions(request.extensions()).unwrap();
    Ok(Response::new(format!("{client} {whole}").into()))
}

async fn serve() -> SocketAddr {
    let listener = ToaListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let app = ServiceBuilder::new().layer(ToaLayer).service_fn(answer);
    tokio::spawn(async move {
        loop {
            let (stream, client) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(Toa::for_connection(app, client));
            tokio::spawn(async move {
                Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await
                    .unwrap();
            });
        }
    });
    addr
}

#[tokio::test]
async fn every_request_of_a_connection_carries_its_client() {
    let server = serve().await;
    for http in BOTH {
        let (local, answers) = get_all(server, http, &["/", "/", "/"]).await;
        let expected = format!("{local} {local} ({})", expected_provenance());
        assert_eq!(answers, vec![(StatusCode::OK, expected); 3], "{http:?}");
    }
}
