//! Rate limits by the real client, with a limiter of others.

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_extensible_rate_limit::RateLimiter;
use actix_extensible_rate_limit::backend::memory::InMemoryBackend;
use actix_extensible_rate_limit::backend::{SimpleInputFunctionBuilder, SimpleInputFuture};
use actix_web::dev::ServiceRequest;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, web};
use common::listeners::{LISTENERS, Server};
use common::{Http, INTERNAL};
use toa_actix::RealClientKey;
use toa_actix::test::with_client;

/// Two requests a minute.
fn limit(key: RealClientKey) -> impl Fn(&ServiceRequest) -> SimpleInputFuture + 'static {
    SimpleInputFunctionBuilder::new(Duration::from_secs(60), 2)
        .custom_fn(move |request| Ok(key.extract(request)?.to_string()))
        .build()
}

#[actix_web::test]
async fn ipv4_is_limited_by_address_and_ipv6_by_network() {
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
            "192.0.2.7:2",
            "[64:ff9b::192.0.2.8]:1",
        ),
        (
            RealClientKey::new().with_nat64_prefix("2001:db8:64::/96".parse().unwrap()),
            "[2001:db8:64::192.0.2.7]:1",
            "192.0.2.7:2",
            "[2001:db8:64::192.0.2.8]:1",
        ),
        (
            RealClientKey::new().with_ipv6_prefix(48),
            "192.0.2.7:1",
            "[::ffff:192.0.2.7]:2",
            "192.0.2.8:1",
        ),
    ] {
        let limiter = RateLimiter::builder(InMemoryBackend::builder().build(), limit(key)).build();
        let app = App::new()
            .default_service(web::to(async || "fine"))
            .wrap(limiter);
        let app = init_service(app).await;
        let mut statuses = Vec::new();
        for client in [one, same, one, same, other, other, other] {
            let client: SocketAddr = client.parse().unwrap();
            let request = with_client(TestRequest::default().to_request(), client);
            statuses.push(call_service(&app, request).await.status().as_u16());
        }
        assert_eq!(
            statuses,
            [200, 200, 429, 429, 200, 200, 429],
            "{one} {same} {other}"
        );
    }
}

#[actix_web::test]
async fn a_limited_app_serves_each_listener() {
    for &listener in LISTENERS {
        let server = Server::start(
            listener,
            Some(Arc::new(toa_actix::on_connect())),
            |config: &mut web::ServiceConfig| {
                let backend = InMemoryBackend::builder().build();
                let limiter = RateLimiter::builder(backend, limit(RealClientKey::new())).build();
                let resource = web::resource("/").wrap(limiter);
                config.service(resource.to(async || "fine"));
            },
        );
        let mut statuses = Vec::new();
        for _connection in 0..3 {
            let (_, answers) = server.get_all(Http::One, &["/"]).await;
            statuses.push(answers[0].0.as_u16());
        }
        let expected = if listener.is_known() {
            [200, 200, 429]
        } else {
            [500, 500, 500]
        };
        assert_eq!(statuses, expected, "{listener:?}");
    }
}

#[actix_web::test]
async fn without_the_hook_the_key_is_an_error() {
    let backend = InMemoryBackend::builder().build();
    let limiter = RateLimiter::builder(backend, limit(RealClientKey::new())).build();
    let app = App::new()
        .default_service(web::to(async || "fine"))
        .wrap(limiter);
    let app = init_service(app).await;
    let response = call_service(&app, TestRequest::default().to_request()).await;
    assert_eq!(response.status(), 500);
    assert_eq!(read_body(response).await, INTERNAL);
}

#[test]
fn prefixes_that_cannot_be_are_refused_when_configured() {
    assert_eq!(
        RealClientKey::default(),
        RealClientKey::new().with_ipv6_prefix(64)
    );
    for bits in [0, 129, 255] {
        let outcome = std::panic::catch_unwind(|| RealClientKey::new().with_ipv6_prefix(bits));
        assert!(outcome.is_err(), "{bits}");
    }
}
