//! What is said when one half of the wiring is missing. One test, as the log is the
//! process's.
#![cfg(feature = "axum-0_8")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::get;
use common::{connection_of, read};
use http::StatusCode;
use toa_tower::{ClientAddr, MockToaLayer, Provenance, RealClient, ToaLayer};
use tower::ServiceExt;

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

impl Log {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

fn routes() -> Router {
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
            get(
                |client: Option<RealClient>, whole: Option<ClientAddr>| async move {
                    format!("{client:?} {whole:?}")
                },
            ),
        )
        .route("/other", get(|| async { "fine" }))
}

const NOT_WIRED_UP: &str = "toa-tower is not wired up: serve a `ToaListener` with \
    `app.into_make_service_with_connect_info::<ClientAddr>()`; with axum-server use `ToaAcceptor`, \
    with tonic `ToaIncoming` and `.layer(incoming.layer())`, in an accept loop of your own \
    `Toa::for_connection`";

#[tokio::test]
async fn a_missing_listener_half_is_a_500_without_a_reason_and_named_once_in_the_log() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .with_max_level(tracing::Level::INFO)
        .with_writer(move || writer.clone())
        .init();
    // A layer alone is enough to be told, whatever the handlers ask for.
    let layered = || routes().layer(ToaLayer);
    let response = layered().oneshot(common::get("/other")).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(log.take(), format!("ERROR {NOT_WIRED_UP}\n"));

    for app in [routes(), layered()] {
        for path in ["/", "/client-addr", "/", "/client-addr"] {
            let response = app.clone().oneshot(common::get(path)).await.unwrap();
            let expected = "internal server error".to_owned();
            assert_eq!(
                read(response).await,
                (StatusCode::INTERNAL_SERVER_ERROR, expected)
            );
        }
        for (path, body) in [("/maybe", "None None"), ("/other", "fine")] {
            let response = app.clone().oneshot(common::get(path)).await.unwrap();
            assert_eq!(read(response).await, (StatusCode::OK, body.to_owned()));
        }
    }
    assert_eq!(log.take(), "");

    let connection = connection_of("[::1]:1", "[::1]:1", Provenance::NotSent);
    let mocked = layered().layer(MockToaLayer::from(connection));
    let response = mocked.oneshot(common::get("/")).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(log.take(), "");
}
