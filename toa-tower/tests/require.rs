//! Deny mode: which paths are exempt, and services without axum.
#![cfg(feature = "axum-0_8")]

mod common;

use std::convert::Infallible;

use axum::Router;
use common::{connection_of, get};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use toa_tower::{Provenance, Refusal, RequireToaLayer, Toa};
use tower::{ServiceBuilder, ServiceExt};

const PEER: &str = "[::ffff:10.0.0.9]:5000";

/// Asks a plain tower service behind the layer, for a path, over a connection.
async fn ask(layer: RequireToaLayer, path: &str, provenance: Provenance) -> Response<Full<Bytes>> {
    let service = ServiceBuilder::new()
        .layer(layer)
        .service_fn(|_: Request<_>| async { Ok::<_, Infallible>(Response::new(Full::default())) });
    Toa::for_connection(service, connection_of(PEER, PEER, provenance))
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
async fn a_refusal_is_a_short_text_that_does_not_tell_why() {
    for provenance in [
        Provenance::Untrusted,
        Provenance::NotSent,
        Provenance::NoSource,
    ] {
        let response = ask(RequireToaLayer::new(), "/", provenance).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert_eq!(
            response.headers()["content-type"],
            "text/plain; charset=utf-8"
        );
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "forbidden");
    }
}

#[tokio::test]
async fn what_is_below_an_exempt_prefix_or_what_a_closure_names_passes() {
    let layer = || {
        RequireToaLayer::new()
            .with_exempt_prefix("/internal/")
            .with_exempt_if(|parts| parts.method == http::Method::OPTIONS)
            .with_exempt_if(|parts| parts.uri.query() == Some("probe"))
    };
    for (path, passes) in [
        ("/internal", true),
        ("/internal/metrics", true),
        ("/?probe", true),
        ("/internals", false),
        ("/internal/../", false),
        ("/", false),
    ] {
        let status = ask(layer(), path, Provenance::NotSent).await.status();
        assert_eq!(status.is_success(), passes, "{path}");
    }
}

#[tokio::test]
async fn the_response_can_be_ones_own() {
    let service = ServiceBuilder::new()
        .layer(
            RequireToaLayer::new()
                .with_response(|refusal: Refusal| Response::new(format!("go away: {refusal}")))
                .with_exempt_path("/healthz"),
        )
        .service_fn(|_: Request<_>| async { Ok::<_, Infallible>(Response::new(String::new())) });
    let direct = connection_of(PEER, PEER, Provenance::NotSent);
    for (path, body) in [
        ("/", "go away: not through the balancer: not_sent"),
        ("/healthz", ""),
    ] {
        let service = Toa::for_connection(service.clone(), direct);
        let response = service.oneshot(get(path)).await.unwrap();
        assert_eq!(response.into_body(), body);
    }
    let unwired = service.oneshot(get("/healthz")).await.unwrap();
    assert_eq!(unwired.into_body(), "go away: not wired up");
}

#[tokio::test]
async fn exempt_paths_are_those_that_the_client_asked_for_behind_nest_too() {
    let nested = |layer: RequireToaLayer| {
        let inner = Router::new()
            .route("/healthz", axum::routing::get(|| async { "healthy" }))
            .layer(layer);
        let direct = connection_of(PEER, PEER, Provenance::NotSent);
        Toa::for_connection(Router::new().nest("/api/v1", inner), direct)
    };
    for (exempt, passes) in [
        (
            RequireToaLayer::new().with_exempt_path("/api/v1/healthz"),
            true,
        ),
        (RequireToaLayer::new().with_exempt_prefix("/api/v1"), true),
        (RequireToaLayer::new().with_exempt_path("/healthz"), false),
    ] {
        let response = nested(exempt).oneshot(get("/api/v1/healthz")).await;
        assert_eq!(response.unwrap().status().is_success(), passes);
    }
}

#[tokio::test]
async fn unix_sockets_are_refused_unless_they_are_exempt() {
    for (layer, status) in [
        (RequireToaLayer::new(), StatusCode::FORBIDDEN),
        (
            RequireToaLayer::new().with_exempt_unix_sockets(),
            StatusCode::OK,
        ),
    ] {
        let service = ServiceBuilder::new()
            .layer(layer)
            .service_fn(|_: Request<_>| async {
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
            });
        let response = Toa::for_unix_socket(service).oneshot(get("/")).await;
        assert_eq!(response.unwrap().status(), status);
    }
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
    let direct = Toa::for_connection(service, connection_of(PEER, PEER, Provenance::NotSent));
    let direct = direct.oneshot(get("/")).await.unwrap();
    assert_eq!(direct.status(), StatusCode::FORBIDDEN);
}

#[test]
#[should_panic(expected = "the exempt path \"healthz\" can never match: start it with a slash")]
fn a_path_that_cannot_match_is_refused_when_configured() {
    let _ = RequireToaLayer::new().with_exempt_path("healthz");
}
