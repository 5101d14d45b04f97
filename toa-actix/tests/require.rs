//! Deny mode: who is exempt, what is answered, and which part of an app it guards. What it
//! says of each connection is in the table.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::sync::Arc;

use actix_http::Request;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::{Method, StatusCode, header};
use actix_web::middleware::{Condition, NormalizePath};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, Error, HttpResponse, web};
use common::INTERNAL;
use common::listeners::{LISTENERS, Server};
use toa_actix::test::{with_client, with_client_addr};
use toa_actix::{ClientAddr, Provenance, Refusal, RequireToa};

/// The balancer's probe, or whoever else connects without the option.
fn direct() -> ClientAddr {
    let peer = "[::ffff:10.0.0.9]:5000".parse().unwrap();
    ClientAddr::mock(peer, peer, Provenance::NotSent)
}

async fn app(
    deny: RequireToa,
) -> impl Service<Request, Response = ServiceResponse<impl MessageBody>, Error = Error> {
    let app = App::new().default_service(web::to(async || "served"));
    init_service(app.wrap(deny)).await
}

/// The status for each path, asked without the option and with it.
async fn assert_exempt(deny: RequireToa, paths: &[(&str, bool)]) {
    let app = app(deny).await;
    for &(path, exempt) in paths {
        let request = with_client_addr(TestRequest::with_uri(path).to_request(), direct());
        let status = call_service(&app, request).await.status();
        let expected = if exempt {
            StatusCode::OK
        } else {
            StatusCode::FORBIDDEN
        };
        assert_eq!(status, expected, "{path}");
        let request = with_client(
            TestRequest::with_uri(path).to_request(),
            ([203, 0, 113, 7], 1),
        );
        assert_eq!(call_service(&app, request).await.status(), StatusCode::OK);
    }
}

#[actix_web::test]
async fn exempt_paths_match_as_a_whole() {
    let deny = RequireToa::new()
        .with_exempt_path("/health")
        .with_exempt_path("/v1/ready");
    let paths = [
        ("/health", true),
        ("/health?verbose=1", true),
        ("/v1/ready", true),
        ("/health/", false),
        ("/healthy", false),
        ("/health/../admin", false),
        ("//health", false),
        ("/%68ealth", false),
        ("/Health", false),
        ("/ready", false),
        ("/?path=/health", false),
        ("/", false),
    ];
    assert_exempt(deny, &paths).await;
}

#[actix_web::test]
async fn exempt_prefixes_cover_what_is_below_them() {
    let deny = RequireToa::new().with_exempt_prefix("/internal/");
    let paths = [
        ("/internal", true),
        ("/internal/", true),
        ("/internal/live?verbose", true),
        ("/internals", false),
        ("/internal/../admin", false),
        ("/internal/%2e%2e/admin", false),
        ("/a/internal/b", false),
    ];
    assert_exempt(deny, &paths).await;
}

#[actix_web::test]
async fn a_closure_exempts_by_whatever_a_request_has() {
    let deny = RequireToa::new()
        .with_exempt_if(|request| request.method() == Method::OPTIONS)
        .with_exempt_if(|request| request.headers().contains_key("x-probe"));
    let app = app(deny).await;
    for (request, status) in [
        (TestRequest::get(), StatusCode::FORBIDDEN),
        (
            TestRequest::default().method(Method::OPTIONS),
            StatusCode::OK,
        ),
        (
            TestRequest::get().insert_header(("x-probe", "1")),
            StatusCode::OK,
        ),
    ] {
        let request = with_client_addr(request.to_request(), direct());
        assert_eq!(call_service(&app, request).await.status(), status);
    }
}

#[actix_web::test]
async fn missing_wiring_is_500_also_for_what_is_exempt() {
    let deny = RequireToa::new()
        .with_exempt_path("/health")
        .with_exempt_prefix("/internal")
        .with_exempt_if(|_| true)
        .with_exempt_unix_sockets();
    let app = app(deny).await;
    for path in ["/", "/health", "/internal/a"] {
        let response = call_service(&app, TestRequest::with_uri(path).to_request()).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(read_body(response).await, INTERNAL);
    }
}

#[actix_web::test]
async fn a_refusal_is_a_short_plain_text() {
    let request = with_client_addr(TestRequest::default().to_request(), direct());
    let response = call_service(&app(RequireToa::new()).await, request).await;
    let content_type = response.headers().get(header::CONTENT_TYPE).unwrap();
    assert_eq!(content_type, "text/plain; charset=utf-8");
    assert_eq!(read_body(response).await, "forbidden");
}

#[actix_web::test]
async fn a_response_of_ones_own_is_told_the_reason() {
    let deny = RequireToa::new().with_response(|refusal: Refusal| {
        HttpResponse::ImATeapot().body(format!("{refusal}, {}", refusal.status()))
    });
    let app = app(deny).await;
    let request = || TestRequest::default().to_request();
    for (request, body) in [
        (
            with_client_addr(request(), direct()),
            "not through the balancer: not_sent, 403",
        ),
        (request(), "not wired up, 500"),
    ] {
        let response = call_service(&app, request).await;
        assert_eq!(response.status(), StatusCode::IM_A_TEAPOT);
        assert_eq!(read_body(response).await, body);
    }
}

#[test]
fn what_could_never_match_is_refused_when_configured() {
    for add in [
        (|deny: RequireToa| deny.with_exempt_path("health")) as fn(RequireToa) -> RequireToa,
        |deny| deny.with_exempt_prefix("internal"),
        |deny| deny.with_exempt_prefix("/"),
    ] {
        assert!(std::panic::catch_unwind(|| add(RequireToa::new())).is_err());
    }
}

#[actix_web::test]
async fn only_the_wrapped_part_of_an_app_denies() {
    let answer = || web::get().to(async || "served");
    let deny = RequireToa::new().with_exempt_path("/admin/health");
    let app = App::new()
        .service(
            web::scope("/admin")
                .wrap(deny)
                .route("", answer())
                .route("/health", answer()),
        )
        .service(
            web::scope("/switched-off")
                .wrap(Condition::new(false, RequireToa::new()))
                .route("", answer()),
        )
        .route("/", answer());
    let app = init_service(app).await;
    for (path, status) in [
        ("/admin", StatusCode::FORBIDDEN),
        ("/admin/health", StatusCode::OK),
        ("/switched-off", StatusCode::OK),
        ("/", StatusCode::OK),
    ] {
        let request = TestRequest::with_uri(path).to_request();
        let response = call_service(&app, with_client_addr(request, direct())).await;
        assert_eq!(response.status(), status, "{path}");
    }
    let request = TestRequest::with_uri("/admin").to_request();
    let request = with_client(request, ([203, 0, 113, 7], 41234));
    assert_eq!(call_service(&app, request).await.status(), StatusCode::OK);
}

#[actix_web::test]
async fn a_path_that_is_normalized_outside_is_exempt_as_it_is_routed() {
    let app = App::new()
        .route("/health", web::get().to(async || "served"))
        .wrap(RequireToa::new().with_exempt_path("/health"))
        .wrap(NormalizePath::trim());
    let app = init_service(app).await;
    for path in ["/health", "/health/", "//health"] {
        let request = with_client_addr(TestRequest::with_uri(path).to_request(), direct());
        assert_eq!(call_service(&app, request).await.status(), StatusCode::OK);
    }
}

/// Refused by default, as the table has it; this is the other half.
#[actix_web::test]
async fn unix_sockets_alone_can_be_exempt() {
    for &listener in LISTENERS {
        let server = Server::start(
            listener,
            Some(Arc::new(toa_actix::on_connect())),
            |config: &mut web::ServiceConfig| {
                let deny = RequireToa::new().with_exempt_unix_sockets();
                let resource = web::resource("/").wrap(deny);
                config.service(resource.to(async || "served"));
            },
        );
        let (_, answers) = server.get_all(common::Http::One, &["/"]).await;
        let expected = match (listener.is_unix(), listener.is_known()) {
            (true, _) => (200, "served"),
            (false, true) => (403, "forbidden"),
            (false, false) => (500, INTERNAL),
        };
        let answer = (answers[0].0.as_u16(), answers[0].1.as_str());
        assert_eq!(answer, expected, "{listener:?}");
    }
}
