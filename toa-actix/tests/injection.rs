//! Users' tests: a made-up client, every provenance, and what is said without one.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::net::SocketAddr;

use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, FromRequest, HttpRequest, Responder, web};
use toa_actix::test::{with_client, with_client_addr};
use toa_actix::{ClientAddr, Provenance, RealClient, Unavailable};

const CLIENT: &str = "[2001:db8::7]:41234";
const BALANCER: &str = "[::ffff:10.0.0.9]:5000";
const STRANGER: &str = "[::ffff:203.0.113.9]:5000";

/// Everything at once: both extractors, their optional forms.
async fn tell(request: HttpRequest) -> impl Responder {
    let story = ClientAddr::extract(&request).await.unwrap();
    let client = RealClient::extract(&request).await.unwrap();
    let maybe = Option::<RealClient>::extract(&request).await.unwrap();
    assert_eq!(maybe, Some(client));
    assert_eq!(client, story.into());
    assert_eq!(client.canonical(), story.client_canonical());
    format!("{client} {story}")
}

#[actix_web::test]
async fn handlers_tell_the_client_and_the_reason() {
    use Provenance::{Accept, Failed, Invalid, NoSource, NotSent, Toa, Untrusted};
    let app = init_service(App::new().default_service(web::to(tell))).await;
    for (client, peer, provenance, told) in [
        (
            CLIENT,
            BALANCER,
            Toa,
            "[2001:db8::7]:41234 (toa, peer 10.0.0.9:5000)",
        ),
        (
            BALANCER,
            BALANCER,
            NotSent,
            "10.0.0.9:5000 (no option sent)",
        ),
        (
            STRANGER,
            STRANGER,
            Untrusted,
            "203.0.113.9:5000 (peer not trusted)",
        ),
        (
            BALANCER,
            BALANCER,
            Invalid,
            "10.0.0.9:5000 (option invalid)",
        ),
        (BALANCER, BALANCER, NoSource, "10.0.0.9:5000 (no source)"),
        (
            CLIENT,
            CLIENT,
            Accept,
            "[2001:db8::7]:41234 (third-party module, as accepted)",
        ),
        (
            BALANCER,
            BALANCER,
            Failed(1),
            "10.0.0.9:5000 (the source failed with errno 1)",
        ),
    ] {
        let story = ClientAddr::mock(client.parse().unwrap(), peer.parse().unwrap(), provenance);
        let request = with_client_addr(TestRequest::default().to_request(), story);
        let response = call_service(&app, request).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(read_body(response).await, format!("{client} {told}"));
    }
}

#[actix_web::test]
async fn every_form_of_a_test_request_takes_a_client() {
    let client: SocketAddr = "203.0.113.7:41234".parse().unwrap();
    let request = with_client(TestRequest::default().to_http_request(), client);
    let story = ClientAddr::extract(&request).await.unwrap();
    assert_eq!(
        story.to_string(),
        "203.0.113.7:41234 (toa, peer 10.0.0.1:40000)"
    );
    let mut request = with_client(TestRequest::default().to_srv_request(), client);
    let found = request.extract::<RealClient>().await.unwrap();
    assert_eq!(found.canonical(), client);
}

#[actix_web::test]
async fn without_a_client_the_error_names_the_call_to_add() {
    let request = TestRequest::default().to_http_request();
    let error = RealClient::extract(&request).await.unwrap_err();
    assert_eq!(error, Unavailable::NotWiredUp);
    assert_eq!(
        error.to_string(),
        "toa-actix is not wired up: add `.on_connect(toa_actix::on_connect)` to the HttpServer, \
         before `.bind`"
    );
    assert_eq!(Option::<ClientAddr>::extract(&request).await.unwrap(), None);
}

#[test]
fn every_reason_for_no_address_says_what_to_do() {
    for (why, sentence) in [
        (
            Unavailable::UnknownStream,
            "toa-actix does not know this kind of connection: serve plain tcp, or tls with the \
             feature `rustls-0_23` or `openssl` of toa-actix enabled",
        ),
        (
            Unavailable::UnixSocket,
            "a unix socket has no client address: take `Option<RealClient>` in handlers that \
             unix sockets reach",
        ),
        (
            Unavailable::PeerGone,
            "the connection was closed before its peer address was read",
        ),
    ] {
        assert_eq!(why.to_string(), sentence);
    }
}
