//! What is said when one half of the wiring is missing. One test, as the log is the
//! process's.
#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{ConnectInfo, Extension};
use axum::routing::get;
use common::{read, story};
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
            "/story",
            get(|client: ClientAddr| async move { client.to_string() }),
        )
        .route(
            "/maybe",
            get(
                |client: Option<RealClient>, story: Option<ClientAddr>| async move {
                    format!("{client:?} {story:?}")
                },
            ),
        )
        .route("/other", get(|| async { "fine" }))
}

const LISTENER: &str = "toa-tower is not wired up: the listener half is missing, serve a \
    `ToaListener` with `app.into_make_service_with_connect_info::<ClientAddr>()`, or wrap each \
    connection's service in `AddClientAddr`; with axum-server use `ToaAcceptor`, with tonic \
    `ToaIncoming`";
const LAYER: &str = "toa-tower is not wired up: the layer is missing, add `.layer(ToaLayer)` to \
    the app";
const BOTH: &str = "toa-tower is not wired up: layer and listener half are missing, add \
    `.layer(ToaLayer)` to the app and serve a `ToaListener` with \
    `app.into_make_service_with_connect_info::<ClientAddr>()`";

#[tokio::test]
async fn each_missing_half_is_named_to_the_caller_and_once_in_the_log() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .with_max_level(tracing::Level::INFO)
        .with_writer(move || writer.clone())
        .init();
    let connection = story("[::1]:1", "[::1]:1", Provenance::NotSent);
    let mocked = routes()
        .layer(ToaLayer)
        .layer(MockToaLayer::from(connection));
    let response = mocked.oneshot(common::get("/")).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(log.take(), "");
    for (app, sentence) in [
        (routes().layer(ToaLayer), LISTENER),
        (routes().layer(Extension(ConnectInfo(connection))), LAYER),
        (routes(), BOTH),
    ] {
        for path in ["/", "/story", "/", "/story"] {
            let response = app.clone().oneshot(common::get(path)).await.unwrap();
            assert_eq!(
                read(response).await,
                (StatusCode::INTERNAL_SERVER_ERROR, sentence.to_owned())
            );
        }
        assert_eq!(log.take(), format!("ERROR {sentence}\n"));
        for (path, body) in [("/maybe", "None None"), ("/other", "fine")] {
            let response = app.clone().oneshot(common::get(path)).await.unwrap();
            assert_eq!(read(response).await, (StatusCode::OK, body.to_owned()));
        }
        assert_eq!(log.take(), "");
    }
}
