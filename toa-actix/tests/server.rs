//! What a program does with the hook, over real sockets. Who asks what over which listener
//! is in the table.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::any::Any;
use std::net::{SocketAddr, TcpListener};

use actix_web::dev::Extensions;
use actix_web::{App, HttpRequest, HttpServer, web};
use common::{BOTH, Http, INTERNAL, expected_provenance, get_all};
use http::StatusCode;
use toa_actix::{ClientAddr, Policy, RealClient, on_connect, on_connect_with};

fn routes(config: &mut web::ServiceConfig) {
    config
        .route(
            "/",
            web::get().to(|client: RealClient| async move { client.to_string() }),
        )
        .route(
            "/client-addr",
            web::get().to(|client: ClientAddr| async move { client.to_string() }),
        );
}

/// Serves the routes on loopback.
fn serve<H>(bind: &str, hook: H) -> SocketAddr
where
    H: Fn(&dyn Any, &mut Extensions) + Send + Sync + 'static,
{
    let listener = TcpListener::bind(bind).unwrap();
    let addr = listener.local_addr().unwrap();
    let server = HttpServer::new(|| App::new().configure(routes)).workers(1);
    let server = server.disable_signals().on_connect(hook);
    actix_web::rt::spawn(server.listen_auto_h2c(listener).unwrap().run());
    addr
}

#[actix_web::test]
async fn every_request_of_a_connection_carries_its_client() {
    let hook = on_connect();
    for server in [
        // One hook may serve several servers.
        serve("127.0.0.1:0", hook.clone()),
        serve("[::1]:0", hook),
        serve("127.0.0.1:0", on_connect_with(Policy::new())),
    ] {
        for http in BOTH {
            for _connection in 0..2 {
                let (local, answers) = get_all(server, http, &["/", "/client-addr", "/"]).await;
                let expected = [
                    local.to_string(),
                    format!("{local} ({})", expected_provenance()),
                    local.to_string(),
                ];
                let expected = expected.map(|body| (StatusCode::OK, body));
                assert_eq!(answers, expected, "{http:?}");
            }
        }
    }
}

#[actix_web::test]
async fn a_hook_of_ones_own_can_call_ours() {
    let toa = on_connect();
    let hook = move |connection: &dyn Any, data: &mut Extensions| {
        data.insert("mine");
        toa(connection, data);
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let app = || {
        App::new().default_service(web::to(
            |client: RealClient, request: HttpRequest| async move {
                format!("{client} {}", request.conn_data::<&str>().unwrap())
            },
        ))
    };
    let server = HttpServer::new(app).workers(1).on_connect(hook);
    actix_web::rt::spawn(server.disable_signals().listen(listener).unwrap().run());
    let (local, answers) = get_all(addr, Http::One, &["/"]).await;
    assert_eq!(answers, [(StatusCode::OK, format!("{local} mine"))]);
}

#[actix_web::test]
async fn a_hook_that_comes_after_bind_is_not_heard() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let server = HttpServer::new(|| App::new().configure(routes))
        .workers(1)
        .disable_signals()
        .listen(listener)
        .unwrap()
        .on_connect(on_connect());
    actix_web::rt::spawn(server.run());
    let (_, answers) = get_all(addr, Http::One, &["/"]).await;
    let expected = (StatusCode::INTERNAL_SERVER_ERROR, INTERNAL.to_owned());
    assert_eq!(answers, [expected]);
}
