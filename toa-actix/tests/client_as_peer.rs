//! Middleware of others sees the client for a peer.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::net::TcpListener;
use std::time::Duration;

use actix_extensible_rate_limit::RateLimiter;
use actix_extensible_rate_limit::backend::SimpleInputFunctionBuilder;
use actix_extensible_rate_limit::backend::memory::InMemoryBackend;
use actix_web::dev::{PeerAddr, Service};
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_and_read_body, call_service, init_service};
use actix_web::{App, HttpRequest, HttpServer, web};
use common::{BOTH, get_all};
use toa_actix::test::{with_client, with_client_addr};
use toa_actix::{ClientAddr, Policy, Provenance, client_as_peer, on_connect_with};

/// Everything in actix that tells a peer.
async fn peers(request: HttpRequest, PeerAddr(extracted): PeerAddr) -> String {
    let peer = request.peer_addr().unwrap();
    assert_eq!(extracted, peer);
    let info = request.connection_info();
    assert_eq!(info.peer_addr(), Some(peer.ip().to_string().as_str()));
    assert_eq!(info.realip_remote_addr(), info.peer_addr());
    peer.to_string()
}

#[actix_web::test]
async fn whatever_tells_a_peer_tells_the_best_known_client() {
    let app = || client_as_peer(App::new().default_service(web::to(peers)));
    let app = init_service(app()).await;
    let (mapped, balancer) = ("[::ffff:203.0.113.7]:41234", "[::ffff:10.0.0.9]:5000");
    for (client, provenance, told) in [
        (
            "[2001:db8::7]:41234",
            Provenance::Toa,
            "[2001:db8::7]:41234",
        ),
        (mapped, Provenance::Toa, "203.0.113.7:41234"),
        (mapped, Provenance::FromAccept, "203.0.113.7:41234"),
        (balancer, Provenance::NotSent, "10.0.0.9:5000"),
        (balancer, Provenance::Untrusted, "10.0.0.9:5000"),
        (balancer, Provenance::Invalid, "10.0.0.9:5000"),
        (balancer, Provenance::Implausible, "10.0.0.9:5000"),
        (balancer, Provenance::NoSource, "10.0.0.9:5000"),
        (balancer, Provenance::Failed(1), "10.0.0.9:5000"),
    ] {
        let (client, peer) = (client.parse().unwrap(), balancer.parse().unwrap());
        let connection = ClientAddr::mock(client, peer, provenance);
        // What actix itself has for a peer is replaced.
        let request = TestRequest::default().peer_addr(([192, 0, 2, 1], 1).into());
        let request = with_client_addr(request.to_request(), connection);
        assert_eq!(
            call_and_read_body(&app, request).await,
            told,
            "{provenance}"
        );
    }
}

#[actix_web::test]
async fn without_the_hook_the_peer_stays_what_it_was() {
    let app = init_service(client_as_peer(App::new().default_service(web::to(peers)))).await;
    let request = TestRequest::default().peer_addr(([192, 0, 2, 1], 1).into());
    assert_eq!(
        call_and_read_body(&app, request.to_request()).await,
        "192.0.2.1:1"
    );
}

#[actix_web::test]
async fn over_real_sockets_an_ipv4_peer_is_told_as_ipv4() {
    // A dual-stack listener, where actix tells ::ffff:127.0.0.1. No peer is trusted
    // under the second policy, which changes nothing for a connection without the option.
    let stranger = Policy::new().with_trusted_peers("192.0.2.0/24".parse().unwrap());
    for policy in [Policy::new(), stranger] {
        let Ok(listener) = TcpListener::bind("[::]:0") else {
            toa_lab::sandbox::skip("no IPv6 on this machine");
            return;
        };
        let port = listener.local_addr().unwrap().port();
        let server = HttpServer::new(|| {
            client_as_peer(App::new().route("/", web::get().to(peers)).route(
                "/balancer",
                web::get().to(|c: ClientAddr| async move { c.peer().to_string() }),
            ))
        })
        .workers(1)
        .on_connect(on_connect_with(policy));
        actix_web::rt::spawn(server.listen_auto_h2c(listener).unwrap().run());
        for http in BOTH {
            let paths = ["/", "/balancer", "/"];
            let server = ([127, 0, 0, 1], port).into();
            let (local, answers) = get_all(server, http, &paths).await;
            let mapped = toa_core::to_mapped(local).to_string();
            let expected = [local.to_string(), mapped, local.to_string()];
            let expected = expected.map(|body| (http::StatusCode::OK, body));
            assert_eq!(answers, expected, "{http:?}");
        }
    }
}

#[actix_web::test]
async fn a_wrap_that_keeps_a_clone_of_the_request_is_no_harm() {
    // actix panics when a request is changed of which somebody holds a clone; the
    // peer is set before anybody can.
    let app = App::new()
        .default_service(web::to(peers))
        .wrap_fn(|request, app| {
            let clone = request.request().clone();
            let response = app.call(request);
            async move {
                let response = response.await?;
                assert_eq!(clone.peer_addr(), response.request().peer_addr());
                Ok(response)
            }
        });
    let app = init_service(client_as_peer(app)).await;
    let request = with_client(TestRequest::default().to_request(), ([203, 0, 113, 7], 1));
    assert_eq!(call_and_read_body(&app, request).await, "203.0.113.7:1");
}

#[actix_web::test]
async fn a_rate_limiter_of_others_counts_clients_and_not_balancers() {
    let backend = InMemoryBackend::builder().build();
    let input = SimpleInputFunctionBuilder::new(Duration::from_secs(60), 2).peer_ip_key();
    let limiter = RateLimiter::builder(backend, input.build()).build();
    let app = App::new().default_service(web::to(peers)).wrap(limiter);
    let app = init_service(client_as_peer(app)).await;
    for (client, admitted) in [
        ("203.0.113.7:1", true),
        ("203.0.113.7:2", true),
        ("203.0.113.7:3", false),
        ("203.0.113.8:1", true),
        ("[2001:db8::7]:1", true),
        ("[2001:db8::7]:1", true),
        // This limiter takes a /64 for one client.
        ("[2001:db8::8]:1", false),
        ("[2001:db8:0:1::8]:1", true),
    ] {
        let client: std::net::SocketAddr = client.parse().unwrap();
        let request = with_client(TestRequest::default().to_request(), client);
        let status = call_service(&app, request).await.status();
        let expected = if admitted {
            StatusCode::OK
        } else {
            StatusCode::TOO_MANY_REQUESTS
        };
        assert_eq!(status, expected, "{client}");
    }
}
