//! What the log says, and that a stranger cannot make it say it again. One test, as
//! the log is the process's.
#![cfg(unix)]

mod common;

use std::sync::Arc;

use actix_web::web;
use common::listeners::{Hook, Listener, Server};
use common::{Http, INTERNAL, Log};
use toa_actix::{Provenance, RealClient, RealClientKey, RequireToa, on_connect};

const NOT_WIRED_UP: &str = "toa-actix is not wired up: add \
    `.on_connect(toa_actix::on_connect())` to the HttpServer, before `.bind`";
#[cfg(not(feature = "openssl"))]
const UNKNOWN_STREAM: &str = "toa-actix does not know this kind of connection: serve plain tcp, \
    or tls with the feature `rustls-0_23` or `openssl` of toa-actix enabled";
const UNIX_SOCKET: &str = "a unix socket has no client address: take `Option<RealClient>` in \
    handlers that unix sockets reach";
const NO_SOURCE: &str = "no TOA source answers here, so clients appear with the balancer's \
    address: run `toa load` as root or load the toa kernel module; no restart is needed then";

/// Everybody who needs no address of a Unix socket, and one who does.
fn routes(config: &mut web::ServiceConfig) {
    config
        .route(
            "/",
            web::get().to(|client: RealClient| async move { client.to_string() }),
        )
        .route(
            "/maybe",
            web::get().to(|client: Option<RealClient>| async move { client.is_some().to_string() }),
        )
        .route(
            "/key",
            web::get().to(|request: actix_web::HttpRequest| async move {
                let key = RealClientKey::new().extract(&request);
                key.map(|key| key.to_string())
            }),
        )
        .service(
            web::resource("/required")
                .wrap(RequireToa::new())
                .to(async || "passed"),
        );
}

/// Three connections, each of which asks for all of the paths twice.
async fn ask(listener: Listener, hook: Option<Hook>, paths: &[(&str, u16)]) {
    let server = Server::start(listener, hook, routes);
    for _connection in 0..3 {
        for &(path, status) in paths {
            let (_, answers) = server.get_all(Http::One, &[path, path]).await;
            for (answered, body) in answers {
                assert_eq!(answered.as_u16(), status, "{listener:?} {path}");
                if status == 500 {
                    assert_eq!(body, INTERNAL);
                }
            }
        }
    }
}

fn hook() -> Option<Hook> {
    Some(Arc::new(on_connect()))
}

#[actix_web::test]
async fn what_has_to_be_changed_is_logged_once() {
    let log = Log::install();
    let nothing = Vec::<String>::new();
    let error = |sentence| vec![format!("ERROR toa_actix::known: {sentence}")];
    let provenance = common::expected_provenance();
    for _server in 0..2 {
        ask(Listener::Plain, hook(), &[("/", 200), ("/required", 403)]).await;
    }
    let [above, debug] = log.take();
    let expected = match provenance {
        Provenance::NoSource => vec![format!(" WARN toa_core::resolver: {NO_SOURCE}")],
        _ => vec![],
    };
    assert_eq!(above, expected);
    // Whoever is refused may fill the debug log, with the reason.
    let refused = |reason| {
        format!(
            "DEBUG toa_actix::require: request refused: not through the balancer: {reason} \
             path=\"/required\""
        )
    };
    let refusal = refused(provenance.as_str());
    assert_eq!(debug.iter().filter(|line| **line == refusal).count(), 12);

    // Nobody has to change anything for those who can do without an address.
    let content = [("/maybe", 200), ("/key", 200), ("/required", 403)];
    ask(Listener::Unix, hook(), &content).await;
    assert_eq!(
        log.take(),
        [nothing.clone(), vec![refused("unix_socket"); 6]]
    );
    ask(Listener::Unix, hook(), &[("/", 500)]).await;
    assert_eq!(log.take(), [error(UNIX_SOCKET), nothing.clone()]);

    #[cfg(not(feature = "openssl"))]
    {
        ask(Listener::Openssl, hook(), &[("/", 500), ("/required", 500)]).await;
        assert_eq!(log.take()[0], error(UNKNOWN_STREAM));
    }

    // `client_as_peer` alone says it too, whatever the handler asks for.
    ask(Listener::Plain, None, &[("/maybe", 200)]).await;
    assert_eq!(log.take(), [error(NOT_WIRED_UP), nothing.clone()]);
    ask(Listener::Plain, None, &[("/", 500), ("/required", 500)]).await;
    assert_eq!(log.take()[0], nothing);
}
