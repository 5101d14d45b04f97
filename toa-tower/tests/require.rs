//! Deny mode: which paths are exempt, and services without axum.
#![cfg(feature = "axum")]

mod common;

use std::convert::Infallible;

use common::{get, story};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use toa_tower::{AddClientAddr, Provenance, RequireToaLayer};
use tower::{ServiceBuilder, ServiceExt};

const PEER: &str = "[::ffff:10.0.0.9]:5000";

/// Asks a plain tower service behind the layer, for a path, over a connection.
async fn ask(layer: RequireToaLayer, path: &str, provenance: Provenance) -> Response<Full<Bytes>> {
    let service = ServiceBuilder::new()
        .layer(layer)
        .service_fn(|_: Request<_>| async { Ok::<_, Infallible>(Response::new(Full::default())) });
    AddClientAddr::new(service, story(PEER, PEER, provenance))
        .oneshot(get(path))
        .await
        .unwrap()
}

#[tokio::test]
async fn exactly_the_exempt_paths_pass_without_the_option() {
    let layer = || {
        RequireToaLayer::new()
            .with_exempt_path("/healthz")
            .with_exempt_path("/status/ready")
    };
    for (path, passes) in [
        ("/healthz", true),
        ("/healthz?verbose", true),
        ("/status/ready", true),
        ("/", false),
        ("/healthz/", false),
        ("/healthz/../admin", false),
        ("//healthz", false),
        ("/Healthz", false),
        ("/healthz%20", false),
        ("/status", false),
        ("/?path=/healthz", false),
    ] {
        let refused = ask(layer(), path, Provenance::NotSent).await.status();
        let expected = if passes {
            StatusCode::OK
        } else {
            StatusCode::FORBIDDEN
        };
        assert_eq!(refused, expected, "{path}");
        let through = ask(layer(), path, Provenance::Toa).await.status();
        assert_eq!(through, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_refusal_is_a_sentence_in_plain_text() {
    let response = ask(RequireToaLayer::new(), "/", Provenance::Untrusted).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; charset=utf-8"
    );
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(
        body,
        "only clients of the load balancer are served here: peer not trusted"
    );
}

#[tokio::test]
async fn a_refused_request_never_reaches_the_service() {
    let service = ServiceBuilder::new()
        .layer(RequireToaLayer::new())
        .service_fn(|_: Request<axum::body::Body>| async {
            panic!("reached");
            #[expect(unreachable_code, reason = "it names the type")]
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        });
    // Not wired up, and not through the balancer.
    let unwired = service.clone().oneshot(get("/")).await.unwrap();
    assert_eq!(unwired.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let direct = AddClientAddr::new(service, story(PEER, PEER, Provenance::NotSent));
    let direct = direct.oneshot(get("/")).await.unwrap();
    assert_eq!(direct.status(), StatusCode::FORBIDDEN);
}

#[test]
#[should_panic(expected = "the exempt path \"healthz\" can never match: start it with a slash")]
fn a_path_that_cannot_match_is_refused_when_configured() {
    let _ = RequireToaLayer::new().with_exempt_path("healthz");
}
