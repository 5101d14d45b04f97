//! Every way in which a connection can be known or not, against everything that asks:
//! extractor, optional extractor, middleware, `ConnectInfo`, deny mode; whole answers.
#![cfg(feature = "axum")]

mod common;

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{Next, from_fn};
use axum::routing::get;
use common::{read, story};
use http::StatusCode;
use toa_tower::{AddClientAddr, ClientAddr, MockToaLayer, Provenance, RealClient};
use toa_tower::{RequireToaLayer, ToaLayer};
use tower::ServiceExt;

const CLIENT: &str = "[2001:db8::7]:41234";
const BALANCER: &str = "[::ffff:10.0.0.9]:5000";
const STRANGER: &str = "[::ffff:203.0.113.9]:5000";

const NOT_WIRED_UP: &str = "toa-tower is not wired up: the listener half is missing, serve a \
    `ToaListener` with `app.into_make_service_with_connect_info::<ClientAddr>()`, or wrap each \
    connection's service in `AddClientAddr`; with axum-server use `ToaAcceptor`, with tonic \
    `ToaIncoming`";
const NO_CONNECT_INFO: &str = "Missing request extension: Extension of type \
    `axum::extract::connect_info::ConnectInfo<core::net::socket_addr::SocketAddr>` was not \
    found. Perhaps you forgot to add it? See `axum::Extension`.";

/// A connection, and what each of those who ask is answered.
struct Row {
    connection: Option<ClientAddr>,
    real_client: &'static str,
    maybe: &'static str,
    story: &'static str,
    middleware: &'static str,
    connect_info: &'static str,
    required: &'static str,
}

fn rows() -> Vec<Row> {
    use Provenance::{Accept, Failed, Invalid, NoSource, NotSent, Toa, Untrusted};
    let through = |reason| Some(story(BALANCER, BALANCER, reason));
    vec![
        Row {
            connection: Some(story(CLIENT, BALANCER, Toa)),
            real_client: CLIENT,
            maybe: "Some(RealClient([2001:db8::7]:41234))",
            story: "[2001:db8::7]:41234 (toa, peer 10.0.0.9:5000)",
            middleware: "[2001:db8::7]:41234",
            connect_info: "[2001:db8::7]:41234",
            required: "",
        },
        Row {
            connection: Some(story("[::ffff:192.0.2.7]:41234", BALANCER, Toa)),
            real_client: "[::ffff:192.0.2.7]:41234",
            maybe: "Some(RealClient([::ffff:192.0.2.7]:41234))",
            story: "192.0.2.7:41234 (toa, peer 10.0.0.9:5000)",
            middleware: "[::ffff:192.0.2.7]:41234",
            connect_info: "192.0.2.7:41234",
            required: "",
        },
        Row {
            connection: through(NotSent),
            story: "10.0.0.9:5000 (no option sent)",
            required: "only clients of the load balancer are served here: no option sent",
            ..peer()
        },
        Row {
            connection: Some(story(STRANGER, STRANGER, Untrusted)),
            real_client: STRANGER,
            maybe: "Some(RealClient([::ffff:203.0.113.9]:5000))",
            story: "203.0.113.9:5000 (peer not trusted)",
            middleware: STRANGER,
            connect_info: "203.0.113.9:5000",
            required: "only clients of the load balancer are served here: peer not trusted",
        },
        Row {
            connection: through(Invalid),
            story: "10.0.0.9:5000 (option invalid)",
            required: "only clients of the load balancer are served here: option invalid",
            ..peer()
        },
        Row {
            connection: through(NoSource),
            story: "10.0.0.9:5000 (no source)",
            required: "only clients of the load balancer are served here: no source",
            ..peer()
        },
        Row {
            connection: through(Accept),
            story: "10.0.0.9:5000 (third-party module, as accepted)",
            required: "only clients of the load balancer are served here: third-party module, as \
                accepted",
            ..peer()
        },
        Row {
            connection: through(Failed(1)),
            story: "10.0.0.9:5000 (the source failed with errno 1)",
            required: "only clients of the load balancer are served here: the source failed with \
                errno 1",
            ..peer()
        },
        Row {
            connection: None,
            real_client: NOT_WIRED_UP,
            maybe: "None",
            story: NOT_WIRED_UP,
            middleware: "None",
            connect_info: NO_CONNECT_INFO,
            required: NOT_WIRED_UP,
        },
    ]
}

/// What is the same wherever the balancer's own address stands for the client.
fn peer() -> Row {
    Row {
        connection: None,
        real_client: BALANCER,
        maybe: "Some(RealClient([::ffff:10.0.0.9]:5000))",
        story: "",
        middleware: BALANCER,
        connect_info: "10.0.0.9:5000",
        required: "",
    }
}

async fn tell(request: Request, _: Next) -> String {
    RealClient::from_extensions(request.extensions())
        .map_or_else(|| "None".to_owned(), |client| client.to_string())
}

fn app() -> Router {
    Router::new()
        .route(
            "/real-client",
            get(|RealClient(client): RealClient| async move { client.to_string() }),
        )
        .route(
            "/maybe",
            get(|client: Option<RealClient>| async move { format!("{client:?}") }),
        )
        .route(
            "/story",
            get(|client: ClientAddr| async move { client.to_string() }),
        )
        .route("/middleware", get(|| async {}).layer(from_fn(tell)))
        .route(
            "/connect-info",
            get(|ConnectInfo(client): ConnectInfo<SocketAddr>| async move { client.to_string() }),
        )
        .route("/required", get(|| async {}).layer(RequireToaLayer::new()))
        .route(
            "/healthz",
            get(|| async { "healthy" }).layer(RequireToaLayer::new().with_exempt_path("/healthz")),
        )
}

async fn ask(app: Router, connection: Option<ClientAddr>, path: &str) -> (StatusCode, String) {
    let request = common::get(path);
    let response = match connection {
        Some(client) => AddClientAddr::new(app, client).oneshot(request).await,
        None => app.oneshot(request).await,
    };
    read(response.unwrap()).await
}

#[tokio::test]
async fn everyone_who_asks_is_answered_by_the_table() {
    for row in rows() {
        let wired = row.connection.is_some();
        let miswired = StatusCode::INTERNAL_SERVER_ERROR;
        let needs_wiring = if wired { StatusCode::OK } else { miswired };
        let required = match row.required {
            "" => StatusCode::OK,
            _ if wired => StatusCode::FORBIDDEN,
            _ => miswired,
        };
        let health = if wired { "healthy" } else { NOT_WIRED_UP };
        for (path, status, body) in [
            ("/real-client", needs_wiring, row.real_client),
            ("/maybe", StatusCode::OK, row.maybe),
            ("/story", needs_wiring, row.story),
            ("/middleware", StatusCode::OK, row.middleware),
            ("/required", required, row.required),
            ("/healthz", needs_wiring, health),
        ] {
            let expected = (status, body.to_owned());
            let plain = app().layer(ToaLayer);
            assert_eq!(ask(plain, row.connection, path).await, expected, "{path}");
            let for_others = app().layer(ToaLayer.with_connect_info());
            assert_eq!(
                ask(for_others, row.connection, path).await,
                expected,
                "{path}"
            );
            // A mock from a test stands for a connection in each respect.
            if let Some(client) = row.connection {
                let mocked = app().layer(ToaLayer).layer(MockToaLayer::from(client));
                assert_eq!(ask(mocked, None, path).await, expected, "{path}, mocked");
            }
        }
        let path = "/connect-info";
        let expected = (needs_wiring, row.connect_info.to_owned());
        let app = app().layer(ToaLayer.with_connect_info());
        assert_eq!(ask(app.clone(), row.connection, path).await, expected);
        if let Some(client) = row.connection {
            let mocked = app.layer(MockToaLayer::from(client));
            assert_eq!(ask(mocked, None, path).await, expected);
        }
    }
}

#[tokio::test]
async fn the_plain_layer_leaves_connect_info_to_others() {
    let connection = story(CLIENT, BALANCER, Provenance::Toa);
    let (status, _) = ask(app().layer(ToaLayer), Some(connection), "/connect-info").await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_connect_info_that_is_there_gives_way_to_the_client_and_to_nothing_else() {
    use tower::Layer;
    let peer: SocketAddr = "10.0.0.9:5000".parse().unwrap();
    let app =
        || axum::Extension(ConnectInfo(peer)).layer(app().layer(ToaLayer.with_connect_info()));
    let client = story(CLIENT, BALANCER, Provenance::Toa);
    let wired = AddClientAddr::new(app(), client).oneshot(common::get("/connect-info"));
    assert_eq!(read(wired.await.unwrap()).await.1, CLIENT);
    let unwired = app().oneshot(common::get("/connect-info"));
    assert_eq!(read(unwired.await.unwrap()).await.1, "10.0.0.9:5000");
}
