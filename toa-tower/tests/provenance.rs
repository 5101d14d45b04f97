//! Every way an address can be known, as handlers and middleware see it.
#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, Extension};
use axum::routing::get;
use common::story;
use http::StatusCode;
use toa_tower::{AddClientAddr, ClientAddr, MockToaLayer, Provenance, RealClient, ToaLayer};
use tower::{Layer, Service, ServiceExt};

const CLIENT: &str = "[2001:db8::7]:41234";
const BALANCER: &str = "[::ffff:10.0.0.9]:5000";
const STRANGER: &str = "[::ffff:203.0.113.9]:5000";

fn app() -> Router {
    Router::new()
        .route(
            "/",
            get(|RealClient(client): RealClient| async move { client.to_string() }),
        )
        .route(
            "/canonical",
            get(|client: RealClient| async move { client.canonical().to_string() }),
        )
        .route(
            "/maybe",
            get(|client: Option<RealClient>| async move { format!("{client:?}") }),
        )
        .route(
            "/story",
            get(|client: ClientAddr| async move { client.to_string() }),
        )
        .route(
            "/maybe-story",
            get(|client: Option<ClientAddr>| async move { client.unwrap().to_string() }),
        )
        .layer(ToaLayer)
}

/// Asks a service as a handler would be asked.
async fn ask<S>(app: S, path: &str) -> String
where
    S: Service<http::Request<axum::body::Body>, Response = axum::response::Response>,
    S::Error: std::fmt::Debug,
{
    let (status, body) = common::read(app.oneshot(common::get(path)).await.unwrap()).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body
}

#[tokio::test]
async fn handlers_tell_the_client_and_the_reason() {
    use Provenance::{Accept, Failed, Invalid, NoSource, NotSent, Toa, Untrusted};
    for (client, peer, provenance, told) in [
        (
            CLIENT,
            BALANCER,
            Toa,
            "[2001:db8::7]:41234 (toa, peer 10.0.0.9:5000)",
        ),
        (
            BALANCER,
            BALANCER,
            NotSent,
            "10.0.0.9:5000 (no option sent)",
        ),
        (
            STRANGER,
            STRANGER,
            Untrusted,
            "203.0.113.9:5000 (peer not trusted)",
        ),
        (
            BALANCER,
            BALANCER,
            Invalid,
            "10.0.0.9:5000 (option invalid)",
        ),
        (BALANCER, BALANCER, NoSource, "10.0.0.9:5000 (no source)"),
        (
            CLIENT,
            CLIENT,
            Accept,
            "[2001:db8::7]:41234 (third-party module, as accepted)",
        ),
        (
            BALANCER,
            BALANCER,
            Failed(1),
            "10.0.0.9:5000 (the source failed with errno 1)",
        ),
    ] {
        let known = story(client, peer, provenance);
        // Every way in which the listener half, or a test, can supply it.
        let by_axum = || Extension(ConnectInfo(known)).layer(app());
        let by_loop = || AddClientAddr::new(app(), known);
        let by_mock = || app().layer(MockToaLayer::from(known));
        for path in ["/story", "/maybe-story"] {
            assert_eq!(ask(by_axum(), path).await, told);
            assert_eq!(ask(by_loop(), path).await, told);
            assert_eq!(ask(by_mock(), path).await, told);
        }
        assert_eq!(ask(by_axum(), "/").await, client);
        assert_eq!(ask(by_loop(), "/").await, client);
        assert_eq!(ask(by_mock(), "/").await, client);
        let some = format!("Some(RealClient({client}))");
        assert_eq!(ask(by_axum(), "/maybe").await, some);
        let canonical = known.client_canonical().to_string();
        assert_eq!(ask(by_axum(), "/canonical").await, canonical);
    }
}

#[tokio::test]
async fn a_mock_stands_in_for_the_layer_too() {
    let client: SocketAddr = "203.0.113.7:41234".parse().unwrap();
    let app = Router::new()
        .route(
            "/",
            get(|client: ClientAddr| async move { client.to_string() }),
        )
        .layer(MockToaLayer::new(client));
    assert_eq!(
        ask(app, "/").await,
        "203.0.113.7:41234 (toa, peer 10.0.0.1:40000)"
    );
}

#[tokio::test]
async fn a_mock_inside_the_layer_fills_in_what_is_missing_and_no_more() {
    let client: SocketAddr = CLIENT.parse().unwrap();
    let app = || {
        Router::new()
            .route(
                "/",
                get(|RealClient(client): RealClient| async move { client.to_string() }),
            )
            .layer(MockToaLayer::new(client))
            .layer(ToaLayer)
    };
    assert_eq!(ask(app(), "/").await, CLIENT);
    let real = story(STRANGER, STRANGER, Provenance::NotSent);
    assert_eq!(
        ask(Extension(ConnectInfo(real)).layer(app()), "/").await,
        STRANGER
    );
    assert_eq!(ask(AddClientAddr::new(app(), real), "/").await, STRANGER);
}
