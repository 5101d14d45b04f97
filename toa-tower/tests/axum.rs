//! axum over a real listener: whoever connects is told their own address.
#![cfg(feature = "axum-0_8")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::net::SocketAddr;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::routing::get;
use axum::serve::{Listener, ListenerExt};
use common::{BOTH, expected_provenance, get_all};
use http::StatusCode;
use toa_tower::{ClientAddr, MockToaLayer, RealClient, ToaLayer, ToaListener, VirtualAddr};
use tokio::io::BufStream;
use tokio::net::TcpStream;
use tower::ServiceExt;

fn app() -> Router {
    Router::new()
        .route(
            "/",
            get(|client: RealClient| async move { client.to_string() }),
        )
        .route(
            "/client-addr",
            get(|client: ClientAddr| async move { client.to_string() }),
        )
        .route(
            "/maybe",
            get(|client: Option<RealClient>| async move { client.unwrap().to_string() }),
        )
        .layer(ToaLayer)
}

/// Serves `app` on loopback.
async fn serve(app: Router, addr: &str) -> SocketAddr {
    let listener = ToaListener::bind(addr).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let app = app.into_make_service_with_connect_info::<ClientAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    addr
}

#[tokio::test]
async fn every_request_of_a_connection_carries_its_client() {
    for bind in ["127.0.0.1:0", "[::1]:0"] {
        let server = serve(app(), bind).await;
        for http in BOTH {
            for _connection in 0..2 {
                let paths = ["/", "/client-addr", "/maybe", "/"];
                let (local, answers) = get_all(server, http, &paths).await;
                let shown = local.to_string();
                let whole = format!("{local} ({})", expected_provenance());
                let expected = [&shown, &whole, &shown, &shown];
                for (answer, expected) in answers.iter().zip(expected) {
                    assert_eq!(answer, &(StatusCode::OK, expected.clone()), "{http:?}");
                }
                assert_eq!(answers.len(), paths.len());
            }
        }
    }
}

#[tokio::test]
async fn middleware_inside_the_layer_reads_the_extensions() {
    async fn tell(request: Request, _: Next) -> String {
        let client = RealClient::from_extensions(request.extensions()).unwrap();
        let whole = ClientAddr::from_extensions(request.extensions()).unwrap();
        format!("{client} {}", whole.peer_canonical())
    }
    let app = Router::new()
        .route("/", get(|| async {}))
        .layer(from_fn(tell))
        .layer(ToaLayer);
    let server = serve(app, "127.0.0.1:0").await;
    let (local, answers) = get_all(server, common::Http::One, &["/"]).await;
    assert_eq!(answers, [(StatusCode::OK, format!("{local} {local}"))]);
}

#[tokio::test]
async fn a_tapped_listener_passes_the_client_on() {
    let listener = ToaListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    let app = app().into_make_service_with_connect_info::<ClientAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let (local, answers) = get_all(server, common::Http::One, &["/"]).await;
    assert_eq!(answers[0].1, local.to_string());
}

/// What a TLS listener does: another IO type, the same address.
struct Buffered(ToaListener);

impl Listener for Buffered {
    type Io = BufStream<TcpStream>;
    type Addr = ClientAddr;

    async fn accept(&mut self) -> (Self::Io, ClientAddr) {
        let (stream, client) = Listener::accept(&mut self.0).await;
        (BufStream::new(stream), client)
    }

    fn local_addr(&self) -> std::io::Result<ClientAddr> {
        Listener::local_addr(&self.0)
    }
}

#[tokio::test]
async fn a_wrapper_with_another_io_type_passes_the_client_on() {
    let listener = ToaListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    // `tap_io` makes axum's own impl of `Connected` apply to a foreign wrapper.
    let listener = Buffered(listener).tap_io(|_| {});
    let app = app().into_make_service_with_connect_info::<ClientAddr>();
    let serving = axum::serve(listener, app);
    assert_eq!(serving.local_addr().unwrap().client_canonical(), server);
    tokio::spawn(async move { serving.await });
    let (local, answers) = get_all(server, common::Http::One, &["/"]).await;
    assert_eq!(answers[0].1, local.to_string());
}

#[tokio::test]
async fn the_real_client_wins_over_a_mocked_one() {
    let mock = MockToaLayer::new("[2001:db8::7]:41234".parse::<SocketAddr>().unwrap());
    let inside = Router::new()
        .route(
            "/",
            get(|client: RealClient| async move { client.to_string() }),
        )
        .layer(mock)
        .layer(ToaLayer);
    for app in [app().layer(mock), inside] {
        let server = serve(app, "127.0.0.1:0").await;
        let (local, answers) = get_all(server, common::Http::One, &["/"]).await;
        assert_eq!(answers[0].1, local.to_string());
    }
}

#[tokio::test]
async fn a_handler_is_told_what_the_client_asked_for_where_the_balancer_tells_it() {
    let shown = |VirtualAddr(addr): VirtualAddr| async move { format!("{addr:?}") };
    let app: Router = Router::new().route("/", get(shown)).layer(ToaLayer);
    let client = ClientAddr::mock_toa(SocketAddr::from(([203, 0, 113, 7], 41234)));
    let asked_for = SocketAddr::from(([10, 0, 8, 208], 443));
    for (client, expected) in [
        (client, "None"),
        (
            client.with_mock_virtual_addr(asked_for),
            "Some(10.0.8.208:443)",
        ),
    ] {
        let app: Router = app.clone().layer(MockToaLayer::from(client));
        let response = app
            .oneshot(Request::new(axum::body::Body::empty()))
            .await
            .unwrap();
        let body = axum::body::to_bytes(response.into_body(), 100)
            .await
            .unwrap();
        assert_eq!(body, expected);
    }
    let response = app
        .oneshot(Request::new(axum::body::Body::empty()))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}
