//! Users' tests: the forms of a made-up client, and what is said without one. What each
//! made-up client is answered is in the table.

use std::net::SocketAddr;

use actix_web::body::MessageBody;
use actix_web::test::TestRequest;
use actix_web::{FromRequest, ResponseError};
use toa_actix::test::{with_client, with_client_addr};
use toa_actix::{ClientAddr, ClientAddrError, RealClient, VirtualAddr};

#[actix_web::test]
async fn every_form_of_a_test_request_takes_a_client() {
    let client: SocketAddr = "203.0.113.7:41234".parse().unwrap();
    let request = with_client(TestRequest::default().to_http_request(), client);
    let extracted = ClientAddr::extract(&request).await.unwrap();
    assert_eq!(
        extracted.to_string(),
        "203.0.113.7:41234 (toa, peer 10.0.0.1:40000)"
    );
    assert_eq!(ClientAddr::from_conn_data(&request), Some(extracted));
    let maybe = Option::<RealClient>::extract(&request).await.unwrap();
    assert_eq!(maybe, Some(extracted.into()));

    let mut request = with_client(TestRequest::default().to_srv_request(), client);
    let found = request.extract::<RealClient>().await.unwrap();
    assert_eq!(found.canonical(), client);
    assert_eq!(RealClient::from_conn_data(&request), Some(found));

    let request = with_client(TestRequest::default().to_request(), client);
    assert_eq!(RealClient::from_conn_data(&request), Some(found));
}

#[actix_web::test]
async fn a_handler_is_told_what_the_client_asked_for_where_the_balancer_tells_it() {
    let client = ClientAddr::mock_toa(SocketAddr::from(([203, 0, 113, 7], 41234)));
    let asked_for = SocketAddr::from(([10, 0, 8, 208], 443));
    for (client, expected) in [
        (client, None),
        (client.with_mock_virtual_addr(asked_for), Some(asked_for)),
    ] {
        let request = with_client_addr(TestRequest::default().to_http_request(), client);
        let extracted = VirtualAddr::extract(&request).await.unwrap();
        assert_eq!(extracted, VirtualAddr(expected));
    }
    let request = TestRequest::default().to_http_request();
    let error = VirtualAddr::extract(&request).await.unwrap_err();
    assert_eq!(error, ClientAddrError::NotWiredUp);
}

#[actix_web::test]
async fn without_a_client_the_error_names_the_call_to_add() {
    let request = TestRequest::default().to_http_request();
    let error = RealClient::extract(&request).await.unwrap_err();
    assert_eq!(error, ClientAddrError::NotWiredUp);
    assert_eq!(Option::<ClientAddr>::extract(&request).await.unwrap(), None);
    assert_eq!(RealClient::from_conn_data(&request), None);
}

#[test]
fn every_reason_for_no_address_says_what_to_do_and_tells_it_to_no_stranger() {
    for (why, sentence) in [
        (
            ClientAddrError::NotWiredUp,
            "toa-actix is not wired up: add `.on_connect(toa_actix::on_connect())` to the \
             HttpServer, before `.bind`",
        ),
        (
            ClientAddrError::UnknownStream,
            "toa-actix does not know this kind of connection: serve plain tcp, or tls with the \
             feature `rustls-0_23` or `openssl` of toa-actix enabled",
        ),
        (
            ClientAddrError::UnixSocket,
            "a unix socket has no client address: take `Option<RealClient>` in handlers that \
             unix sockets reach",
        ),
        (
            ClientAddrError::PeerGone,
            "the connection was closed before its peer address was read",
        ),
    ] {
        assert_eq!(why.to_string(), sentence);
        let response = why.error_response();
        assert_eq!(response.status(), 500);
        let body = response.into_body().try_into_bytes().unwrap();
        assert_eq!(body, "internal server error");
    }
}
