//! Every way in which a connection can be known or not, over every listener, against
//! everything that asks; whole answers.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::dev::Service;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpRequest, HttpResponse, web};
use common::listeners::{LISTENERS, Listener, Server};
use common::{INTERNAL, expected_provenance};
use toa_actix::test::with_client_addr;
use toa_actix::{ClientAddr, Provenance, RealClient, RealClientKey, RequireToa, client_as_peer};

const CLIENT: &str = "[2001:db8::7]:41234";
const BALANCER: &str = "[::ffff:10.0.0.9]:5000";
const STRANGER: &str = "[::ffff:203.0.113.9]:5000";

const PATHS: [&str; 8] = [
    "/real-client",
    "/maybe",
    "/client-addr",
    "/middleware",
    "/peer",
    "/key",
    "/required",
    "/healthz",
];

fn routes(config: &mut ServiceConfig) {
    let required = RequireToa::new().with_exempt_path("/healthz");
    config
        .route(
            "/real-client",
            web::get().to(|client: RealClient| async move { client.to_string() }),
        )
        .route(
            "/maybe",
            web::get().to(|client: Option<RealClient>| async move { format!("{client:?}") }),
        )
        .route(
            "/client-addr",
            web::get().to(|client: ClientAddr| async move { client.to_string() }),
        )
        .service(
            web::resource("/middleware")
                .wrap_fn(|request, app| {
                    let client = RealClient::from_conn_data(&request);
                    let shown = client.map_or_else(|| "None".to_owned(), |c| c.to_string());
                    let response = app.call(request);
                    async { Ok(response.await?.map_body(|_, _| shown)) }
                })
                .to(HttpResponse::Ok),
        )
        .route(
            "/peer",
            web::get().to(|request: HttpRequest| async move {
                let peer = request.peer_addr();
                peer.map_or_else(|| "None".to_owned(), |peer| peer.to_string())
            }),
        )
        .route(
            "/key",
            web::get().to(|request: HttpRequest| async move {
                let key = RealClientKey::new().extract(&request);
                key.map(|network| network.to_string())
            }),
        )
        .service(
            web::resource("/required")
                .wrap(required.clone())
                .to(async || "passed"),
        )
        .service(
            web::resource("/healthz")
                .wrap(required)
                .to(async || "healthy"),
        );
}

/// What the eight who ask are answered.
type Answers = [(u16, String); 8];

fn ok(body: impl ToString) -> (u16, String) {
    (200, body.to_string())
}

fn internal() -> (u16, String) {
    (500, INTERNAL.to_owned())
}

/// The answers about a known connection; `mapped` is how its address looks inside.
fn known(shown: &str, mapped: &str, client_addr: &str, key: &str, vouched: bool) -> Answers {
    let required = if vouched {
        ok("passed")
    } else {
        (403, "forbidden".to_owned())
    };
    [
        ok(shown),
        ok(format!("Some(RealClient({mapped}))")),
        ok(client_addr),
        ok(shown),
        ok(shown),
        ok(key),
        required,
        ok("healthy"),
    ]
}

/// Nothing is wired up, or the socket is hidden within an unknown stream; `peer` is what
/// actix itself knows.
fn miswired(peer: Option<SocketAddr>) -> Answers {
    let peer = peer.map_or_else(|| "None".to_owned(), |peer| peer.to_string());
    [
        internal(),
        ok("None"),
        internal(),
        ok("None"),
        ok(peer),
        internal(),
        internal(),
        internal(),
    ]
}

fn unix_socket() -> Answers {
    [
        internal(),
        ok("None"),
        internal(),
        ok("None"),
        ok("None"),
        ok("unix"),
        (403, "forbidden".to_owned()),
        ok("healthy"),
    ]
}

/// Each reason that a connection's address can have, and its answers.
fn rows() -> Vec<(ClientAddr, Answers)> {
    use Provenance::{Failed, FromAccept, Implausible, Invalid, NoSource, NotSent, Toa, Untrusted};
    let row = |client: &str, peer: &str, provenance, answers| {
        let client = ClientAddr::mock(client.parse().unwrap(), peer.parse().unwrap(), provenance);
        (client, answers)
    };
    let through = |provenance, client_addr| {
        let answers = known("10.0.0.9:5000", BALANCER, client_addr, "10.0.0.9", false);
        row(BALANCER, BALANCER, provenance, answers)
    };
    vec![
        row(
            CLIENT,
            BALANCER,
            Toa,
            known(
                CLIENT,
                CLIENT,
                "[2001:db8::7]:41234 (toa, peer 10.0.0.9:5000)",
                "2001:db8::/64",
                true,
            ),
        ),
        row(
            "[::ffff:192.0.2.7]:41234",
            BALANCER,
            Toa,
            known(
                "192.0.2.7:41234",
                "[::ffff:192.0.2.7]:41234",
                "192.0.2.7:41234 (toa, peer 10.0.0.9:5000)",
                "192.0.2.7",
                true,
            ),
        ),
        row(
            STRANGER,
            STRANGER,
            Untrusted,
            known(
                "203.0.113.9:5000",
                STRANGER,
                "203.0.113.9:5000 (untrusted)",
                "203.0.113.9",
                false,
            ),
        ),
        row(
            CLIENT,
            CLIENT,
            FromAccept,
            known(
                CLIENT,
                CLIENT,
                "[2001:db8::7]:41234 (from_accept)",
                "2001:db8::/64",
                false,
            ),
        ),
        through(NotSent, "10.0.0.9:5000 (not_sent)"),
        through(Invalid, "10.0.0.9:5000 (invalid)"),
        through(Implausible, "10.0.0.9:5000 (implausible)"),
        through(NoSource, "10.0.0.9:5000 (no_source)"),
        through(Failed(1), "10.0.0.9:5000 (failed, errno 1)"),
    ]
}

/// Asks over each protocol, all paths over one connection; `expected` gets the address that
/// the connection has.
async fn assert_answers(
    server: &Server,
    listener: Listener,
    query: &str,
    expected: impl Fn(Option<SocketAddr>) -> Answers,
) {
    let paths = PATHS.map(|path| format!("{path}{query}"));
    let paths: Vec<_> = paths.iter().map(String::as_str).collect();
    for http in listener.protocols() {
        let (local, answers) = server.get_all(*http, &paths).await;
        let answers = answers.into_iter();
        let answers: Vec<_> = answers.map(|(status, b)| (status.as_u16(), b)).collect();
        assert_eq!(
            answers,
            expected(local),
            "{listener:?} {http:?} {query:?} {local:?}"
        );
    }
}

#[actix_web::test]
async fn a_request_with_a_mock_is_answered_by_the_table() {
    let app = init_service(client_as_peer(App::new().configure(routes))).await;
    let cases = rows().into_iter().map(|(client, row)| (Some(client), row));
    for (client, answers) in cases.chain([(None, miswired(None))]) {
        for (path, expected) in PATHS.into_iter().zip(answers) {
            let request = TestRequest::with_uri(path).to_request();
            let request = match client {
                Some(client) => with_client_addr(request, client),
                None => request,
            };
            let response = call_service(&app, request).await;
            let status = response.status().as_u16();
            let body = String::from_utf8(read_body(response).await.to_vec()).unwrap();
            assert_eq!((status, body), expected, "{client:?} {path}");
        }
    }
}

#[actix_web::test]
async fn a_mocked_hook_is_answered_by_the_table_over_each_listener() {
    for (client, answers) in rows() {
        for &listener in LISTENERS {
            let hook = Arc::new(toa_actix::test::on_connect(client));
            let server = Server::start(listener, Some(hook), routes);
            // The hook's client wins over the request's, which is made up as well.
            for query in ["", "?mock"] {
                assert_answers(&server, listener, query, |local| {
                    match (listener.is_known(), listener.is_unix()) {
                        (false, _) => miswired(local),
                        (true, true) => unix_socket(),
                        (true, false) => answers.clone(),
                    }
                })
                .await;
            }
        }
    }
}

#[actix_web::test]
async fn a_real_connection_is_its_own_client_with_and_without_a_mock() {
    let provenance = expected_provenance();
    for &listener in LISTENERS {
        let hook = Arc::new(toa_actix::on_connect());
        let server = Server::start(listener, Some(hook), routes);
        for query in ["", "?mock"] {
            assert_answers(&server, listener, query, |local| {
                let Some(addr) = local else {
                    return unix_socket();
                };
                if !listener.is_known() {
                    return miswired(local);
                }
                let mapped = toa_core::to_mapped(addr).to_string();
                let client_addr = format!("{addr} ({provenance})");
                let key = addr.ip().to_string();
                known(&addr.to_string(), &mapped, &client_addr, &key, false)
            })
            .await;
        }
    }
}

#[actix_web::test]
async fn without_the_hook_each_listener_is_not_wired_up() {
    for &listener in LISTENERS {
        let server = Server::start(listener, None, routes);
        assert_answers(&server, listener, "", miswired).await;
    }
}
