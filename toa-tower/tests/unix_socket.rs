//! One stack of layers for TCP and for a Unix socket, whose other side has no address.
#![cfg(all(unix, feature = "axum-0_8", feature = "governor-0_8"))]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use axum::Router;
use axum::routing::get;
use common::{Http, get_all_over};
use http::StatusCode;
use toa_tower::{
    ClientAddr, RealClient, RealClientKey, RequireToaLayer, ToaLayer, ToaListener, UnixClient,
};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tower_governor::GovernorLayer;
use tower_governor::governor::GovernorConfigBuilder;

/// The same app, whatever it is served on.
fn app() -> Router {
    let limit = GovernorConfigBuilder::default()
        .per_second(3600)
        .burst_size(4)
        .key_extractor(RealClientKey::new())
        .finish()
        .unwrap();
    Router::new()
        .route(
            "/maybe",
            get(|client: Option<RealClient>| async move {
                client.map_or_else(|| "local".to_owned(), |client| client.ip().to_string())
            }),
        )
        .route(
            "/client",
            get(|client: RealClient| async move { client.to_string() }),
        )
        .route(
            "/balanced",
            get(|| async { "served" }).layer(RequireToaLayer::new()),
        )
        .route(
            "/open",
            get(|| async { "served" }).layer(RequireToaLayer::new().with_exempt_unix_sockets()),
        )
        .layer(GovernorLayer::new(limit))
        .layer(ToaLayer)
}

#[tokio::test]
async fn a_shared_stack_of_layers_serves_tcp_and_unix_sockets() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let unix = UnixListener::bind(&path).unwrap();
    let tcp = ToaListener::bind("127.0.0.1:0").await.unwrap();
    let server = tcp.local_addr().unwrap();
    let app = app();
    let over_unix = app
        .clone()
        .into_make_service_with_connect_info::<UnixClient>();
    tokio::spawn(async move { axum::serve(unix, over_unix).await });
    let over_tcp = app.into_make_service_with_connect_info::<ClientAddr>();
    tokio::spawn(async move { axum::serve(tcp, over_tcp).await });

    let paths = ["/maybe", "/client", "/balanced", "/open", "/maybe"];
    let stream = UnixStream::connect(&path).await.unwrap();
    let answers = get_all_over(stream, Http::One, &paths).await;
    let statuses: Vec<_> = answers.iter().map(|(status, _)| status.as_u16()).collect();
    assert_eq!(statuses, [200, 500, 403, 200, 429]);
    assert_eq!(answers[0].1, "local");

    // The limit of the Unix socket is nobody else's.
    let stream = TcpStream::connect(server).await.unwrap();
    let answers = get_all_over(stream, Http::One, &paths).await;
    let statuses: Vec<_> = answers.iter().map(|(status, _)| status.as_u16()).collect();
    assert_eq!(statuses, [200, 200, 403, 403, 429]);
    assert_eq!(answers[0], (StatusCode::OK, "127.0.0.1".to_owned()));
}
