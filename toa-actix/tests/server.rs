//! actix over real sockets: whoever connects is told their own address.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::net::{SocketAddr, TcpListener};

use actix_web::dev::{Extensions, Service};
use actix_web::{App, HttpServer, web};
use common::{BOTH, Http, get_all};
use http::StatusCode;
use toa_actix::test::with_client;
use toa_actix::{ClientAddr, Policy, Provenance, RealClient, on_connect, on_connect_with};

fn routes(config: &mut web::ServiceConfig) {
    config
        .route(
            "/",
            web::get().to(|client: RealClient| async move { client.to_string() }),
        )
        .route(
            "/story",
            web::get().to(|client: ClientAddr| async move { client.to_string() }),
        )
        .route(
            "/maybe",
            web::get().to(|client: Option<RealClient>| async move { format!("{client:?}") }),
        );
}

/// Serves the routes on loopback, with `hook` where there is one.
fn serve<H>(bind: &str, hook: Option<H>) -> SocketAddr
where
    H: Fn(&dyn std::any::Any, &mut Extensions) + Send + Sync + 'static,
{
    let listener = TcpListener::bind(bind).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut server = HttpServer::new(|| App::new().configure(routes)).workers(1);
    if let Some(hook) = hook {
        server = server.on_connect(hook);
    }
    actix_web::rt::spawn(server.listen_auto_h2c(listener).unwrap().run());
    addr
}

/// What plain loopback connections are known as on this machine: a source may be
/// loaded or not.
fn expected_provenance() -> Provenance {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    match toa_core::detect_source(&socket) {
        toa_core::SourceKind::None => Provenance::NoSource,
        _ => Provenance::NotSent,
    }
}

#[actix_web::test]
async fn every_request_of_a_connection_carries_its_client() {
    for server in [
        serve("127.0.0.1:0", Some(on_connect)),
        serve("[::1]:0", Some(on_connect)),
        serve("127.0.0.1:0", Some(on_connect_with(Policy::new()))),
    ] {
        for http in BOTH {
            for _connection in 0..2 {
                let paths = ["/", "/story", "/maybe", "/"];
                let (local, answers) = get_all(server, http, &paths).await;
                let mapped = toa_core::to_mapped(local).to_string();
                let expected = [
                    mapped.clone(),
                    format!("{local} ({})", expected_provenance()),
                    format!("Some(RealClient({mapped}))"),
                    mapped,
                ];
                assert_eq!(
                    answers,
                    expected.map(|body| (StatusCode::OK, body)),
                    "{http:?}"
                );
            }
        }
    }
}

#[actix_web::test]
async fn a_hook_of_ones_own_can_call_ours() {
    let hook = |connection: &dyn std::any::Any, data: &mut Extensions| {
        data.insert("mine");
        on_connect(connection, data);
    };
    let server = serve("127.0.0.1:0", Some(hook));
    let (local, answers) = get_all(server, Http::One, &["/"]).await;
    let expected = toa_core::to_mapped(local).to_string();
    assert_eq!(answers, [(StatusCode::OK, expected)]);
}

#[actix_web::test]
async fn the_real_client_wins_over_an_injected_one() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let app = || {
        App::new()
            .configure(routes)
            .wrap_fn(|request, app| app.call(with_client(request, ([203, 0, 113, 7], 1))))
    };
    let server = HttpServer::new(app).workers(1).on_connect(on_connect);
    actix_web::rt::spawn(server.listen(listener).unwrap().run());
    let (local, answers) = get_all(addr, Http::One, &["/"]).await;
    let expected = toa_core::to_mapped(local).to_string();
    assert_eq!(answers, [(StatusCode::OK, expected)]);
}

#[actix_web::test]
async fn a_server_without_the_hook_says_so_and_an_optional_client_is_none() {
    let server = serve(
        "127.0.0.1:0",
        None::<fn(&dyn std::any::Any, &mut Extensions)>,
    );
    let (_, answers) = get_all(server, Http::One, &["/", "/story", "/maybe"]).await;
    let sentence = "toa-actix is not wired up: add `.on_connect(toa_actix::on_connect)` to the \
                    HttpServer, before `.bind`";
    let refused = (StatusCode::INTERNAL_SERVER_ERROR, sentence.to_owned());
    let none = (StatusCode::OK, "None".to_owned());
    assert_eq!(answers, [refused.clone(), refused, none]);
}

#[actix_web::test]
async fn a_hook_that_comes_after_bind_is_not_heard() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let server = HttpServer::new(|| App::new().configure(routes))
        .workers(1)
        .listen(listener)
        .unwrap()
        .on_connect(on_connect);
    actix_web::rt::spawn(server.run());
    let (_, answers) = get_all(addr, Http::One, &["/"]).await;
    assert_eq!(answers[0].0, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answers[0].1.ends_with("before `.bind`"));
}
