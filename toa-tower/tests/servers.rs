//! Every server there is a listener half for, plain and with TLS: whoever connects is
//! told their own address, by our extractors and by `ConnectInfo`.
#![cfg(all(
    feature = "axum-0_8",
    feature = "axum-server-0_9",
    feature = "rustls-0_23"
))]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use axum::serve::{Listener, ListenerExt};
use common::{BOTH, expected_provenance, get_all_over, tls};
use http::StatusCode;
use toa_tower::{ClientAddr, RealClient, ToaAcceptor, ToaLayer, ToaListener};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

fn app() -> Router {
    Router::new()
        .route(
            "/",
            get(|client: RealClient| async move { client.to_string() }),
        )
        .route(
            "/client-addr",
            get(|client: ClientAddr| async move { client.to_string() }),
        )
        .route(
            "/connect-info",
            get(|ConnectInfo(client): ConnectInfo<SocketAddr>| async move { client.to_string() }),
        )
        .layer(ToaLayer.with_connect_info())
}

const ANY: &str = "127.0.0.1:0";

async fn assert_tells_clients(server: SocketAddr, encrypted: bool) {
    for http in BOTH {
        let stream = TcpStream::connect(server).await.unwrap();
        let local = stream.local_addr().unwrap();
        let paths = ["/", "/client-addr", "/connect-info", "/"];
        let answers = if encrypted {
            get_all_over(tls::connect(stream).await, http, &paths).await
        } else {
            get_all_over(stream, http, &paths).await
        };
        let shown = local.to_string();
        let whole = format!("{local} ({})", expected_provenance());
        let expected =
            [shown.clone(), whole, shown.clone(), shown].map(|body| (StatusCode::OK, body));
        assert_eq!(answers, expected, "{http:?}");
    }
}

#[tokio::test]
async fn axum_over_a_plain_tokio_listener() {
    let listener = TcpListener::bind(ANY).await.unwrap();
    let server = listener.local_addr().unwrap();
    let app = app().into_make_service_with_connect_info::<ClientAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    assert_tells_clients(server, false).await;
}

#[tokio::test]
async fn axum_with_tls_around_our_listener() {
    let listener = ToaListener::bind(ANY)
        .await
        .unwrap()
        .with_tls(tls::server());
    let server = listener.local_addr().unwrap();
    let app = app().into_make_service_with_connect_info::<ClientAddr>();
    let serving = axum::serve(listener, app);
    assert_eq!(serving.local_addr().unwrap().client_canonical(), server);
    tokio::spawn(async move { serving.await });
    assert_tells_clients(server, true).await;
}

#[tokio::test]
async fn a_client_that_is_slow_or_no_tls_client_holds_up_nobody() {
    let listener = ToaListener::bind(ANY)
        .await
        .unwrap()
        .with_tls(tls::server());
    let server = listener.local_addr().unwrap();
    let app = app().into_make_service_with_connect_info::<ClientAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let _silent = TcpStream::connect(server).await.unwrap();
    let garbage = TcpStream::connect(server).await.unwrap();
    garbage.writable().await.unwrap();
    garbage.try_write(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let answered = assert_tells_clients(server, true);
    tokio::time::timeout(Duration::from_secs(5), answered)
        .await
        .unwrap();
}

#[tokio::test]
async fn no_more_handshakes_are_under_way_at_once_than_configured_and_none_for_longer() {
    let listener = ToaListener::bind(ANY).await.unwrap();
    let server = listener.local_addr().unwrap();
    let mut listener = listener
        .with_tls(tls::server())
        .with_max_handshakes(2)
        .with_handshake_timeout(Duration::from_millis(300));
    let accepting = tokio::spawn(async move { listener.accept().await });
    // Two that say nothing keep a third waiting, until their time is over.
    let silent = [
        TcpStream::connect(server).await.unwrap(),
        TcpStream::connect(server).await.unwrap(),
    ];
    tokio::time::sleep(Duration::from_millis(50)).await;
    let third = TcpStream::connect(server).await.unwrap();
    let connecting = tokio::spawn(tls::connect(third));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!connecting.is_finished());
    tokio::time::timeout(Duration::from_secs(5), accepting)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    drop(silent);
}

#[test]
#[should_panic(expected = "with no handshake at once nobody is ever served")]
fn a_listener_without_handshakes_is_refused_when_configured() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = ToaListener::bind(ANY).await.unwrap();
        let _ = listener.with_tls(tls::server()).with_max_handshakes(0);
    });
}

/// A TLS listener as a user has written it, around any other.
struct TheirTls {
    inner: ToaListener,
    acceptor: TlsAcceptor,
}

impl Listener for TheirTls {
    type Io = TlsStream<TcpStream>;
    type Addr = ClientAddr;

    async fn accept(&mut self) -> (Self::Io, ClientAddr) {
        loop {
            let (stream, client) = Listener::accept(&mut self.inner).await;
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, client);
            }
        }
    }

    fn local_addr(&self) -> io::Result<ClientAddr> {
        Listener::local_addr(&self.inner)
    }
}

#[tokio::test]
async fn axum_with_tls_of_the_users_own_around_our_listener() {
    let inner = ToaListener::bind(ANY).await.unwrap();
    let server = inner.local_addr().unwrap();
    let listener = TheirTls {
        inner,
        acceptor: tls::server().into(),
    };
    let app = app().into_make_service_with_connect_info::<ClientAddr>();
    tokio::spawn(async move { axum::serve(listener.tap_io(|_| {}), app).await });
    assert_tells_clients(server, true).await;
}

fn free_listener() -> (std::net::TcpListener, SocketAddr) {
    let listener = std::net::TcpListener::bind(ANY).unwrap();
    listener.set_nonblocking(true).unwrap();
    let server = listener.local_addr().unwrap();
    (listener, server)
}

#[tokio::test]
async fn axum_server_without_tls() {
    let (listener, server) = free_listener();
    let serving = axum_server::from_tcp(listener)
        .unwrap()
        .acceptor(ToaAcceptor::new());
    tokio::spawn(serving.serve(app().into_make_service()));
    assert_tells_clients(server, false).await;
}

#[tokio::test]
async fn axum_server_with_rustls_and_its_own_connect_info_within() {
    use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
    let (listener, server) = free_listener();
    let config = RustlsConfig::from_config(tls::server());
    let serving = axum_server::from_tcp(listener)
        .unwrap()
        .acceptor(RustlsAcceptor::new(config).acceptor(ToaAcceptor::new()));
    // axum-server's own connect info, the peer, gives way to the client.
    tokio::spawn(serving.serve(app().into_make_service_with_connect_info::<SocketAddr>()));
    assert_tells_clients(server, true).await;
}

#[tokio::test]
async fn hyper_with_tls_around_our_listener() {
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use hyper_util::server::conn::auto::Builder;
    use hyper_util::service::TowerToHyperService;
    use toa_tower::Toa;

    let mut listener = ToaListener::bind(ANY)
        .await
        .unwrap()
        .with_tls(tls::server());
    let server = listener.get_ref().local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, client) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(Toa::for_connection(app(), client));
            tokio::spawn(async move {
                Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await
                    .unwrap();
            });
        }
    });
    assert_tells_clients(server, true).await;
}
