//! What a request costs in allocations under actix-web: nothing, as its connection
//! carries the client already.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::net::SocketAddr;

use actix_http::Request;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error, HttpResponse, web};
use futures_util::FutureExt as _;
use toa_actix::test::with_client;
use toa_actix::{ClientAddr, RealClient, RequireToa, client_as_peer};

/// Allocations of one request, once the app has its pools.
fn allocations_of<S, B>(app: &S) -> u64
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
{
    let client: SocketAddr = "[2001:db8::7]:41234".parse().unwrap();
    let mut last = 0;
    for _warming_up in 0..3 {
        let request = with_client(TestRequest::default().to_request(), client);
        let mut response = None;
        let counted = allocation_counter::measure(|| response = app.call(request).now_or_never());
        let response = response.expect("nothing to wait for").unwrap();
        assert_eq!(response.status(), 200);
        last = counted.count_total;
    }
    last
}

async fn ask_nobody() -> HttpResponse {
    HttpResponse::Ok().finish()
}

async fn ask_both(_: RealClient, _: ClientAddr) -> HttpResponse {
    HttpResponse::Ok().finish()
}

#[actix_web::test]
async fn the_extractors_cost_nothing() {
    let without = init_service(App::new().default_service(web::to(ask_nobody))).await;
    let with = init_service(App::new().default_service(web::to(ask_both))).await;
    let without = allocations_of(&without);
    assert!(without > 0, "the allocator counts");
    assert_eq!(allocations_of(&with), without);
}

#[actix_web::test]
async fn deny_mode_and_the_client_as_peer_cost_nothing() {
    let without = init_service(App::new().default_service(web::to(ask_nobody))).await;
    let deny = App::new()
        .wrap(RequireToa::new())
        .default_service(web::to(ask_nobody));
    let deny = init_service(deny).await;
    let as_peer = init_service(client_as_peer(
        App::new().default_service(web::to(ask_nobody)),
    ))
    .await;
    let without = allocations_of(&without);
    assert_eq!(allocations_of(&deny), without);
    assert_eq!(allocations_of(&as_peer), without);
}
