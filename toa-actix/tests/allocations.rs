//! What a request costs in allocations under actix-web: nothing, as its connection
//! carries the client already.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(unsafe_code, reason = "an allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use actix_http::Request;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error, HttpResponse, web};
use toa_actix::test::with_client;
use toa_actix::{ClientAddr, RealClient, RequireToa, client_as_peer};

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which counts for each thread.
struct Counting;

// SAFETY: each call is passed on as it is to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.with(|allocated| allocated.set(allocated.get() + 1));
        // SAFETY: the caller's promises are the system allocator's demands.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` comes from `alloc`, hence from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of one request, once the app has its pools.
async fn allocations_of<S, B>(app: &S) -> usize
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
{
    let mut last = 0;
    for _warming_up in 0..3 {
        let request = TestRequest::default().to_request();
        let request = with_client(
            request,
            "[2001:db8::7]:41234"
                .parse::<std::net::SocketAddr>()
                .unwrap(),
        );
        let before = ALLOCATED.get();
        let response = app.call(request).await.unwrap();
        last = ALLOCATED.get() - before;
        assert_eq!(response.status(), 200);
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
    let without = allocations_of(&without).await;
    assert!(without > 0, "the allocator counts");
    assert_eq!(allocations_of(&with).await, without);
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
    let without = allocations_of(&without).await;
    assert_eq!(allocations_of(&deny).await, without);
    assert_eq!(allocations_of(&as_peer).await, without);
}
