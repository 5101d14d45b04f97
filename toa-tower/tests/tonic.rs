//! tonic over real connections, with TLS and without: `remote_addr()` is the client,
//! and the layer tells the provenance.
#![cfg(all(feature = "rustls-0_23", feature = "tonic-0_14"))]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use common::{connection_of, expected_provenance, tls};
use hyper_util::rt::TokioIo;
use toa_tower::tonic::{ToaIncoming, require_toa, with_client, with_client_addr};
use toa_tower::{ClientAddr, MockToaLayer, Provenance, RealClient, Toa, ToaLayer};
use tokio::net::TcpStream;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::service::Routes;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::{Layer, Service};

/// What one gRPC method sees of its caller.
#[derive(Clone)]
struct Who;

fn tell<T>(request: &Request<T>) -> String {
    let whole = ClientAddr::from_extensions(request.extensions());
    let client = RealClient::from_extensions(request.extensions());
    let certificates = request.peer_certs().map_or(0, |certs| certs.len());
    format!(
        "{} {} {}{}",
        request
            .remote_addr()
            .map_or("none".to_owned(), |addr| addr.to_string()),
        client.map_or("none".to_owned(), |client| client.canonical().to_string()),
        whole.map_or("none".to_owned(), |whole| whole.provenance().to_string()),
        " certificate".repeat(certificates),
    )
}

impl UnaryService<()> for Who {
    type Response = String;
    type Future = Ready<Result<Response<String>, Status>>;

    fn call(&mut self, request: Request<()>) -> Self::Future {
        ready(Ok(Response::new(tell(&request))))
    }
}

impl NamedService for Who {
    const NAME: &'static str = "toa.Who";
}

impl Service<http::Request<Body>> for Who {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async {
            let mut grpc = Grpc::new(ProstCodec::<String, ()>::default());
            Ok(grpc.unary(Who, request).await)
        })
    }
}

/// The server's address; with the layer and TLS, by certificates on both sides, or without.
async fn serve(layered: bool, encrypted: bool) -> SocketAddr {
    let incoming = ToaIncoming::bind("127.0.0.1:0").await.unwrap();
    let addr = incoming.local_addr().unwrap();
    let mut server = Server::builder();
    if encrypted {
        let (certificate, key) = tls::pem();
        let config = ServerTlsConfig::new()
            .client_ca_root(Certificate::from_pem(&certificate))
            .identity(Identity::from_pem(certificate, key));
        server = server.tls_config(config).unwrap();
    }
    let routes = Routes::new(Who);
    tokio::spawn(async move {
        if layered {
            let mut server = server.layer(incoming.layer());
            server
                .add_routes(routes)
                .serve_with_incoming(incoming)
                .await
        } else {
            server
                .add_routes(routes)
                .serve_with_incoming(incoming)
                .await
        }
    });
    addr
}

/// Calls the method a few times over one connection; its own address, the answers.
async fn call(server: SocketAddr, encrypted: bool) -> (SocketAddr, Vec<String>) {
    let scheme = if encrypted { "https" } else { "http" };
    let mut endpoint = Endpoint::from_shared(format!("{scheme}://localhost")).unwrap();
    if encrypted {
        let (certificate, key) = tls::pem();
        let config = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&certificate))
            .identity(Identity::from_pem(certificate, key));
        endpoint = endpoint.tls_config(config).unwrap();
    }
    let local = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&local);
    let connector = tower::service_fn(move |_| {
        let seen = Arc::clone(&seen);
        async move {
            let stream = TcpStream::connect(server).await?;
            let before = seen.lock().unwrap().replace(stream.local_addr()?);
            assert_eq!(before, None, "one connection");
            std::io::Result::Ok(TokioIo::new(stream))
        }
    });
    let channel = endpoint.connect_with_connector(connector).await.unwrap();
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(ask(channel.clone()).await.unwrap());
    }
    let local = local.lock().unwrap().unwrap();
    (local, answers)
}

async fn ask<S>(service: S) -> Result<String, Status>
where
    S: tonic::client::GrpcService<Body>,
    S::ResponseBody: http_body_util::BodyExt<Data: Send> + Send + 'static,
    <S::ResponseBody as hyper::body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut grpc = tonic::client::Grpc::new(service);
    grpc.ready()
        .await
        .map_err(|_| Status::unavailable("not ready"))?;
    let codec = ProstCodec::<(), String>::default();
    let path = http::uri::PathAndQuery::from_static("/toa.Who/Am");
    let response = grpc.unary(Request::new(()), path, codec).await?;
    Ok(response.into_inner())
}

#[tokio::test]
async fn remote_addr_is_the_client_beside_its_certificate_and_the_layer_tells_the_provenance() {
    for encrypted in [false, true] {
        for layered in [false, true] {
            let server = serve(layered, encrypted).await;
            // Two connections: each has a client of its own.
            for _ in 0..2 {
                let (local, answers) = call(server, encrypted).await;
                let certificate = if encrypted { " certificate" } else { "" };
                let expected = if layered {
                    format!("{local} {local} {}{certificate}", expected_provenance())
                } else {
                    format!("{local} none none{certificate}")
                };
                assert_eq!(
                    answers,
                    vec![expected; 3],
                    "tls {encrypted} layer {layered}"
                );
            }
        }
    }
}

#[tokio::test]
async fn deny_mode_refuses_what_did_not_come_through_the_balancer() {
    let peer = "[::ffff:10.0.0.9]:5000";
    let forbidden = Err((Code::PermissionDenied, "forbidden"));
    for (known, outcome) in [
        (Some(Provenance::Toa), Ok("none 10.0.0.9:5000 toa")),
        (Some(Provenance::NotSent), forbidden),
        (Some(Provenance::Untrusted), forbidden),
        (None, Err((Code::Internal, "internal server error"))),
    ] {
        let required = require_toa().layer(Who);
        let answer = match known {
            Some(provenance) => {
                let client = connection_of(peer, peer, provenance);
                ask(Toa::for_connection(required, client)).await
            }
            None => ask(required).await,
        };
        let answer = answer.as_deref();
        let answer = answer.map_err(|status| (status.code(), status.message()));
        assert_eq!(answer, outcome, "{known:?}");
    }
    let direct = connection_of(peer, peer, Provenance::NotSent);
    let exempt = require_toa().with_exempt_prefix("/toa.Who").layer(Who);
    let answer = ask(Toa::for_connection(exempt, direct)).await;
    assert_eq!(answer.unwrap(), "none 10.0.0.9:5000 not_sent");
}

#[tokio::test]
async fn the_layer_of_another_listener_knows_nothing_of_the_connection() {
    let incoming = ToaIncoming::bind("127.0.0.1:0").await.unwrap();
    let other = ToaIncoming::bind("127.0.0.1:0").await.unwrap();
    let addr = incoming.local_addr().unwrap();
    let mut server = Server::builder().layer(other.layer());
    let server = server.add_routes(Routes::new(Who));
    tokio::spawn(server.serve_with_incoming(incoming));
    let (local, answers) = call(addr, false).await;
    assert_eq!(answers, vec![format!("{local} none none"); 3]);
}

#[cfg(feature = "axum-0_8")]
#[tokio::test]
async fn a_service_within_an_axum_router_is_told_the_client() {
    for with_connect_info in [false, true] {
        let app = Routes::new(Who).into_axum_router();
        let app = match with_connect_info {
            true => app.layer(ToaLayer.with_connect_info()),
            false => app.layer(ToaLayer),
        };
        let listener = toa_tower::ToaListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let app = app.into_make_service_with_connect_info::<ClientAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await });
        let (local, answers) = call(addr, false).await;
        let expected = format!("{local} {local} {}", expected_provenance());
        assert_eq!(answers, vec![expected; 3]);
    }
}

#[tokio::test]
async fn a_mocked_server_tells_the_mocked_client_everywhere() {
    let client: SocketAddr = "[2001:db8::7]:41234".parse().unwrap();
    let service = MockToaLayer::new(client).layer(ToaLayer.layer(Who));
    assert_eq!(
        ask(service).await.unwrap(),
        format!("{client} {client} toa")
    );
}

#[test]
fn a_mocked_request_tells_the_mocked_client_everywhere() {
    let client: SocketAddr = "192.0.2.7:41234".parse().unwrap();
    let request = with_client(Request::new(()), client);
    assert_eq!(tell(&request), format!("{client} {client} toa"));
    let direct = connection_of("[2001:db8::7]:1", "[2001:db8::7]:1", Provenance::NotSent);
    let request = with_client_addr(Request::new(()), direct);
    assert_eq!(tell(&request), "[2001:db8::7]:1 [2001:db8::7]:1 not_sent");
}
