//! Every way in which a connection can be known or not, against everything that asks, with
//! each layer and without: whole answers.
#![cfg(feature = "axum-0_8")]

mod common;

use std::net::SocketAddr;

use axum::Router;
use axum::extract::connect_info::MockConnectInfo;
use axum::extract::{ConnectInfo, Extension, Request};
use axum::middleware::{Next, from_fn};
use axum::routing::get;
use common::{connection_of, read};
use http::StatusCode;
use toa_tower::{ClientAddr, MockToaLayer, Provenance, RealClient, Toa, UnixClient};
use toa_tower::{RequireToaLayer, ToaLayer};
use tower::{Layer, ServiceExt};

const CLIENT: &str = "[2001:db8::7]:41234";
const BALANCER: &str = "[::ffff:10.0.0.9]:5000";
const STRANGER: &str = "[::ffff:203.0.113.9]:5000";

/// What a connection is known as.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    Client(ClientAddr),
    Unix,
    Nothing,
}

/// How the app comes to know: what each listener half, and each mock, leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Carrier {
    AxumServe,
    AcceptLoop,
    Mock,
    AxumsMock,
}

const CARRIERS: [Carrier; 4] = [
    Carrier::AxumServe,
    Carrier::AcceptLoop,
    Carrier::Mock,
    Carrier::AxumsMock,
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum WithLayer {
    None,
    Toa,
    ToaWithConnectInfo,
}

const LAYERS: [WithLayer; 3] = [
    WithLayer::None,
    WithLayer::Toa,
    WithLayer::ToaWithConnectInfo,
];

async fn tell(request: Request, _: Next) -> String {
    let extensions = request.extensions();
    let real_client = RealClient::from_extensions(extensions);
    let client_addr = ClientAddr::from_extensions(extensions);
    assert_eq!(real_client, client_addr.map(RealClient::from));
    client_addr.map_or_else(|| "none".to_owned(), |client| client.to_string())
}

fn routes() -> Router {
    Router::new()
        .route(
            "/real-client",
            get(|client: RealClient| async move { client.to_string() }),
        )
        .route(
            "/maybe",
            get(
                |client: Option<RealClient>| async move { format!("{:?}", client.map(|c| c.ip())) },
            ),
        )
        .route(
            "/client-addr",
            get(|client: ClientAddr| async move { client.to_string() }),
        )
        .route(
            "/maybe-client-addr",
            get(|client: Option<ClientAddr>| async move {
                client.map_or_else(|| "none".to_owned(), |client| client.to_string())
            }),
        )
        .route("/middleware", get(|| async {}).layer(from_fn(tell)))
        .route(
            "/connect-info",
            get(
                |client: Option<Extension<ConnectInfo<SocketAddr>>>| async move {
                    client.map_or_else(|| "none".to_owned(), |Extension(c)| c.0.to_string())
                },
            ),
        )
        .route(
            "/required",
            get(|| async { "served" }).layer(RequireToaLayer::new()),
        )
        .route(
            "/healthz",
            get(|| async { "healthy" }).layer(RequireToaLayer::new().with_exempt_path("/healthz")),
        )
}

async fn ask(known: Known, carrier: Carrier, layer: WithLayer, path: &str) -> (StatusCode, String) {
    let app = match layer {
        WithLayer::None => routes(),
        WithLayer::Toa => routes().layer(ToaLayer),
        WithLayer::ToaWithConnectInfo => routes().layer(ToaLayer.with_connect_info()),
    };
    let request = common::get(path);
    let response = match (known, carrier) {
        (Known::Nothing, _) => app.oneshot(request).await,
        (Known::Unix, Carrier::AcceptLoop) => Toa::for_unix_socket(app).oneshot(request).await,
        (Known::Unix, _) => {
            let app = Extension(ConnectInfo(UnixClient)).layer(app);
            app.oneshot(request).await
        }
        (Known::Client(client), Carrier::AxumServe) => {
            let app = Extension(ConnectInfo(client)).layer(app);
            app.oneshot(request).await
        }
        (Known::Client(client), Carrier::AcceptLoop) => {
            Toa::for_connection(app, client).oneshot(request).await
        }
        (Known::Client(client), Carrier::Mock) => {
            app.layer(MockToaLayer::from(client)).oneshot(request).await
        }
        (Known::Client(client), Carrier::AxumsMock) => {
            app.layer(MockConnectInfo(client)).oneshot(request).await
        }
    };
    read(response.unwrap()).await
}

#[tokio::test]
async fn everyone_who_asks_is_answered_by_the_table() {
    use Provenance::{Failed, FromAccept, Implausible, Invalid, NoSource, NotSent, Toa, Untrusted};
    const V4: &str = "[::ffff:192.0.2.7]:41234";
    let client = |client, peer, provenance| Known::Client(connection_of(client, peer, provenance));
    // What is known; the client by address and port, the whole; who is let in.
    for (known, address, whole, let_in) in [
        (
            client(CLIENT, BALANCER, Toa),
            CLIENT,
            "[2001:db8::7]:41234 (toa, peer 10.0.0.9:5000)",
            true,
        ),
        (
            client(V4, BALANCER, Toa),
            "192.0.2.7:41234",
            "192.0.2.7:41234 (toa, peer 10.0.0.9:5000)",
            true,
        ),
        (
            client(BALANCER, BALANCER, NotSent),
            "10.0.0.9:5000",
            "10.0.0.9:5000 (not_sent)",
            false,
        ),
        (
            client(STRANGER, STRANGER, Untrusted),
            "203.0.113.9:5000",
            "203.0.113.9:5000 (untrusted)",
            false,
        ),
        (
            client(BALANCER, BALANCER, Invalid),
            "10.0.0.9:5000",
            "10.0.0.9:5000 (invalid)",
            false,
        ),
        (
            client(BALANCER, BALANCER, Implausible),
            "10.0.0.9:5000",
            "10.0.0.9:5000 (implausible)",
            false,
        ),
        (
            client(BALANCER, BALANCER, NoSource),
            "10.0.0.9:5000",
            "10.0.0.9:5000 (no_source)",
            false,
        ),
        (
            client(CLIENT, CLIENT, FromAccept),
            CLIENT,
            "[2001:db8::7]:41234 (from_accept)",
            false,
        ),
        (
            client(BALANCER, BALANCER, Failed(1)),
            "10.0.0.9:5000",
            "10.0.0.9:5000 (failed, errno 1)",
            false,
        ),
        (Known::Unix, "none", "none", false),
        (Known::Nothing, "none", "none", false),
    ] {
        let ok = |body: &str| (StatusCode::OK, body.to_owned());
        let error = || {
            let body = "internal server error".to_owned();
            (StatusCode::INTERNAL_SERVER_ERROR, body)
        };
        let is_known = matches!(known, Known::Client(_));
        let wired = known != Known::Nothing;
        let extracted = |body| if is_known { ok(body) } else { error() };
        let ip: Option<SocketAddr> = address.parse().ok();
        for carrier in CARRIERS {
            for layer in LAYERS {
                let connect_info = match layer {
                    WithLayer::ToaWithConnectInfo => address,
                    _ => "none",
                };
                for (path, expected) in [
                    ("/real-client", extracted(address)),
                    ("/maybe", ok(&format!("{:?}", ip.map(|addr| addr.ip())))),
                    ("/client-addr", extracted(whole)),
                    ("/maybe-client-addr", ok(whole)),
                    ("/middleware", ok(whole)),
                    ("/connect-info", ok(connect_info)),
                    (
                        "/required",
                        match (wired, let_in) {
                            (false, _) => error(),
                            (true, true) => ok("served"),
                            (true, false) => (StatusCode::FORBIDDEN, "forbidden".to_owned()),
                        },
                    ),
                    ("/healthz", if wired { ok("healthy") } else { error() }),
                ] {
                    let answer = ask(known, carrier, layer, path).await;
                    assert_eq!(answer, expected, "{known:?} {carrier:?} {layer:?} {path}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_real_client_wins_over_a_mock_wherever_that_stands() {
    let real = connection_of(STRANGER, STRANGER, Provenance::NotSent);
    let mock = || MockToaLayer::new(CLIENT.parse::<SocketAddr>().unwrap());
    for app in [
        routes().layer(ToaLayer).layer(mock()),
        routes().layer(mock()).layer(ToaLayer),
    ] {
        let by_axum = Extension(ConnectInfo(real)).layer(app.clone());
        let by_loop = Toa::for_connection(app, real);
        for answer in [
            by_axum.oneshot(common::get("/real-client")).await.unwrap(),
            by_loop.oneshot(common::get("/real-client")).await.unwrap(),
        ] {
            assert_eq!(read(answer).await.1, "203.0.113.9:5000");
        }
    }
}

#[tokio::test]
async fn a_mock_leaves_what_axum_serve_leaves_and_no_more() {
    async fn left(request: Request, _: Next) -> String {
        let extensions = request.extensions();
        format!(
            "{} {} {}",
            extensions.get::<ConnectInfo<ClientAddr>>().is_some(),
            extensions.get::<ConnectInfo<SocketAddr>>().is_some(),
            extensions.get::<ClientAddr>().is_some(),
        )
    }
    let client: SocketAddr = CLIENT.parse().unwrap();
    let app = Router::new()
        .route("/", get(|| async {}))
        .layer(from_fn(left))
        .layer(MockToaLayer::new(client));
    let answer = app.oneshot(common::get("/")).await.unwrap();
    assert_eq!(read(answer).await.1, "true false false");
}

#[tokio::test]
async fn a_connect_info_that_is_there_gives_way_to_the_client_and_to_nothing_else() {
    let peer: SocketAddr = "10.0.0.9:5000".parse().unwrap();
    let app = || Extension(ConnectInfo(peer)).layer(routes().layer(ToaLayer.with_connect_info()));
    let client = connection_of(CLIENT, BALANCER, Provenance::Toa);
    let wired = Toa::for_connection(app(), client).oneshot(common::get("/connect-info"));
    assert_eq!(read(wired.await.unwrap()).await.1, CLIENT);
    let unwired = app().oneshot(common::get("/connect-info"));
    assert_eq!(read(unwired.await.unwrap()).await.1, "10.0.0.9:5000");
}
