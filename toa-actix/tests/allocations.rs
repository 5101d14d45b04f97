//! What a connection costs in allocations under actix-web: one piece of connection data.
//! Its requests cost nothing more, as they read it there.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::net::{SocketAddr, TcpListener};

use actix_http::Request;
use actix_web::dev::{Extensions, Service, ServiceResponse};
use actix_web::rt::net::TcpStream;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error, FromRequest, HttpRequest, HttpResponse, HttpServer, web};
use common::{Http, get_all};
use futures_util::FutureExt as _;
use toa_actix::test::with_client;
use toa_actix::{ClientAddr, RealClient, RequireToa, client_as_peer, on_connect};

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

#[actix_web::test]
async fn the_hook_costs_one_piece_of_connection_data() {
    struct One(#[expect(dead_code, reason = "it has a size")] ClientAddr);
    let client = ClientAddr::mock_toa(([203, 0, 113, 7], 1));
    let mut data = Extensions::new();
    let one = allocation_counter::measure(|| {
        data.insert(One(client));
    });
    assert!(one.count_total > 0, "the allocator counts");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let stream = TcpStream::connect(addr).await.unwrap();
    let hook = on_connect();
    // The first connection finds out which source is there, and may log it.
    hook(&stream, &mut Extensions::new());
    let mut data = Extensions::new();
    let counted = allocation_counter::measure(|| hook(&stream, &mut data));
    // A counter's label is one more.
    let expected = one.count_total + u64::from(cfg!(feature = "metrics"));
    println!("one: {one:?}\nthe hook: {counted:?}");
    assert_eq!(counted.count_total, expected);
}

#[actix_web::test]
async fn reading_the_client_of_a_real_connection_costs_nothing() {
    async fn measure(request: HttpRequest) -> String {
        let counted = allocation_counter::measure(|| {
            let client = RealClient::extract(&request).into_inner().unwrap();
            let known = ClientAddr::from_conn_data(&request).unwrap();
            assert_eq!(client, known.into());
        });
        counted.count_total.to_string()
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let server = HttpServer::new(|| App::new().default_service(web::to(measure)))
        .workers(1)
        .disable_signals()
        .on_connect(on_connect());
    actix_web::rt::spawn(server.listen(listener).unwrap().run());
    let (_, answers) = get_all(addr, Http::One, &["/", "/"]).await;
    for (status, allocations) in answers {
        assert_eq!((status.as_u16(), allocations.as_str()), (200, "0"));
    }
}
