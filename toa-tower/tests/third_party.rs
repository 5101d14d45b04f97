//! Middleware by others, unmodified: it sees the client, not the balancer.
#![cfg(all(feature = "axum-0_8", feature = "governor-0_8"))]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::routing::get;
use axum_client_ip::{ClientIp, ClientIpSource};
use common::{connection_of, read};
use http::StatusCode;
use toa_tower::{ClientAddr, MockToaLayer, Provenance, RealClientKey, Toa, ToaLayer};
use tower::ServiceExt;
use tower_governor::GovernorLayer;
use tower_governor::governor::GovernorConfigBuilder;
use tower_http::trace::TraceLayer;

const BALANCER: &str = "[::ffff:10.0.0.9]:5000";

fn through_balancer(client: &str) -> ClientAddr {
    connection_of(client, BALANCER, Provenance::Toa)
}

async fn ask(app: &Router, client: ClientAddr) -> (StatusCode, String) {
    let app = Toa::for_connection(app.clone(), client);
    read(app.oneshot(common::get("/")).await.unwrap()).await
}

/// Who is limited together: clients that share a limit of two requests.
async fn assert_limited(app: &Router, one: &str, same: &str, other: &str) {
    let mut statuses = Vec::new();
    for client in [one, same, one, same, other, other, other] {
        statuses.push(ask(app, through_balancer(client)).await.0.as_u16());
    }
    assert_eq!(
        statuses,
        [200, 200, 429, 429, 200, 200, 429],
        "{one} {same} {other}"
    );
}

fn routes() -> Router {
    Router::new().route("/", get(|| async { "fine" }))
}

#[tokio::test]
async fn tower_governor_as_it_is_limits_each_client_and_not_the_balancer() {
    let limit = || {
        let mut limit = GovernorConfigBuilder::default();
        GovernorLayer::new(limit.per_second(3600).burst_size(2).finish().unwrap())
    };
    for (one, same, other) in [
        ("[2001:db8::7]:1", "[2001:db8::7]:2", "[2001:db8::8]:1"),
        (
            "[::ffff:192.0.2.7]:1",
            "[::ffff:192.0.2.7]:2",
            "[::ffff:192.0.2.8]:1",
        ),
    ] {
        let app = routes().layer(limit()).layer(ToaLayer.with_connect_info());
        assert_limited(&app, one, same, other).await;
    }
}

#[tokio::test]
async fn the_key_limits_ipv6_clients_by_their_network() {
    let limit = |key: RealClientKey| {
        let limit = GovernorConfigBuilder::default()
            .per_second(3600)
            .burst_size(2)
            .key_extractor(key)
            .finish();
        GovernorLayer::new(limit.unwrap())
    };
    for (key, one, same, other) in [
        (
            RealClientKey::new(),
            "[2001:db8:0:1::7]:1",
            "[2001:db8:0:1:ffff::8]:2",
            "[2001:db8:0:2::7]:1",
        ),
        (
            RealClientKey::new().with_ipv6_prefix(56),
            "[2001:db8:0:1::7]:1",
            "[2001:db8:0:2::7]:1",
            "[2001:db8:0:100::7]:1",
        ),
        (
            RealClientKey::new(),
            "[64:ff9b::192.0.2.7]:1",
            "[::ffff:192.0.2.7]:2",
            "[64:ff9b::192.0.2.8]:1",
        ),
        (
            RealClientKey::new().with_nat64_prefix("2001:db8:64::/96".parse().unwrap()),
            "[2001:db8:64::192.0.2.7]:1",
            "[::ffff:192.0.2.7]:2",
            "[2001:db8:64::192.0.2.8]:1",
        ),
        (
            RealClientKey::new().with_ipv6_prefix(48),
            "[::ffff:192.0.2.7]:1",
            "[::ffff:192.0.2.7]:2",
            "[::ffff:192.0.2.8]:1",
        ),
    ] {
        let app = routes().layer(limit(key)).layer(ToaLayer);
        assert_limited(&app, one, same, other).await;
        // A mock from a test is limited in the same way.
        let limited = routes().layer(limit(key)).layer(ToaLayer);
        for (client, status) in [(one, 200), (same, 200), (one, 429), (other, 200)] {
            let mocked = limited
                .clone()
                .layer(MockToaLayer::new(client.parse::<SocketAddr>().unwrap()));
            let response = mocked.oneshot(common::get("/")).await.unwrap();
            assert_eq!(response.status(), status, "{client}, mocked");
        }
    }
}

#[tokio::test]
async fn without_the_listener_half_the_key_answers_500_without_a_reason() {
    let limit = GovernorConfigBuilder::default()
        .key_extractor(RealClientKey::new())
        .finish();
    let app = routes()
        .layer(GovernorLayer::new(limit.unwrap()))
        .layer(ToaLayer);
    let (status, body) = read(app.oneshot(common::get("/")).await.unwrap()).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(body, "internal server error");
}

#[tokio::test]
async fn the_programs_behind_unix_sockets_count_as_one_client() {
    let limit = GovernorConfigBuilder::default()
        .per_second(3600)
        .burst_size(2)
        .key_extractor(RealClientKey::new())
        .finish();
    let app = routes().layer(GovernorLayer::new(limit.unwrap()));
    for status in [200, 200, 429] {
        let local = Toa::for_unix_socket(app.clone());
        let response = local.oneshot(common::get("/")).await.unwrap();
        assert_eq!(response.status(), status);
    }
    let answer = ask(&app, through_balancer("[2001:db8::7]:1")).await;
    assert_eq!(answer.0, StatusCode::OK);
}

#[tokio::test]
async fn axum_client_ip_takes_the_client_from_connect_info() {
    let app = Router::new()
        .route(
            "/",
            get(|ClientIp(ip): ClientIp| async move { ip.to_string() }),
        )
        .layer(ClientIpSource::ConnectInfo.into_extension())
        .layer(ToaLayer.with_connect_info());
    for (client, ip) in [
        ("[2001:db8::7]:41234", "2001:db8::7"),
        ("[::ffff:192.0.2.7]:41234", "192.0.2.7"),
    ] {
        let answer = ask(&app, through_balancer(client)).await;
        assert_eq!(answer, (StatusCode::OK, ip.to_owned()));
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_span_of_tower_http_prints_the_client() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone())
        .finish();
    // As its users write it for a server without a balancer.
    let trace = TraceLayer::new_for_http().make_span_with(|request: &Request| {
        let ConnectInfo(peer) = request
            .extensions()
            .get::<ConnectInfo<SocketAddr>>()
            .unwrap();
        tracing::info_span!("request", %peer)
    });
    let app = routes().layer(trace).layer(ToaLayer.with_connect_info());
    let guard = tracing::subscriber::set_default(subscriber);
    ask(&app, through_balancer("[2001:db8::7]:41234")).await;
    drop(guard);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        text.contains("request{peer=[2001:db8::7]:41234}: tower_http::trace::on_response"),
        "{text}"
    );
}
