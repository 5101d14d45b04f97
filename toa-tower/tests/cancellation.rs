//! Accepting is cancelled between any two polls: no connection is lost, and none gets
//! another's client.
#![cfg(all(feature = "rustls-0_23", feature = "tonic-0_14"))]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;

use common::tls;
use futures_core::Stream;
use toa_tower::ToaListener;
use toa_tower::tonic::ToaIncoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CLIENTS: usize = 12;
/// So often accepting may come back empty-handed once every client has said all: what
/// has not come by then is lost.
const EMPTY_HANDED: usize = 1000;

/// Polls `future` so many times at most; between two polls everybody else gets a turn.
async fn polled<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..times {
        let poll = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        if let Poll::Ready(output) = poll {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// Connects, says its own address through `hello`, and tells it.
fn clients<H, F>(server: SocketAddr, hello: H) -> Vec<tokio::task::JoinHandle<SocketAddr>>
where
    H: Fn(TcpStream, String) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let client = |hello: H| async move {
        let stream = TcpStream::connect(server).await.unwrap();
        let own = stream.local_addr().unwrap();
        hello(stream, own.to_string()).await;
        own
    };
    (0..CLIENTS)
        .map(|_| tokio::spawn(client(hello.clone())))
        .collect()
}

/// Accepts until all clients have come, or none can come any more.
async fn all_of(
    clients: &[tokio::task::JoinHandle<SocketAddr>],
    mut accept: impl AsyncFnMut() -> Option<SocketAddr>,
) -> BTreeSet<SocketAddr> {
    let (mut seen, mut in_vain) = (BTreeSet::new(), 0);
    while seen.len() < CLIENTS && in_vain < EMPTY_HANDED {
        match accept().await {
            Some(client) => assert!(seen.insert(client), "{client} came twice"),
            None if clients.iter().all(|client| client.is_finished()) => in_vain += 1,
            None => {}
        }
    }
    seen
}

async fn addresses(clients: Vec<tokio::task::JoinHandle<SocketAddr>>) -> BTreeSet<SocketAddr> {
    let mut addresses = BTreeSet::new();
    for client in clients {
        addresses.insert(client.await.unwrap());
    }
    addresses
}

async fn said(mut stream: impl tokio::io::AsyncRead + Unpin) -> SocketAddr {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text.parse().unwrap()
}

#[tokio::test]
async fn of_a_tls_listener_every_handshake_is_finished() {
    for polls in 1..6 {
        let listener = ToaListener::bind("127.0.0.1:0").await.unwrap();
        let mut listener = listener.with_tls(tls::server());
        let clients = clients(listener.local_addr().unwrap(), |stream, own| async move {
            let mut stream = tls::connect(stream).await;
            stream.write_all(own.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        });
        let seen = all_of(&clients, async || {
            let (stream, client) = polled(listener.accept(), polls).await?.unwrap();
            assert_eq!(client.client_canonical(), said(stream).await);
            Some(client.client_canonical())
        })
        .await;
        assert_eq!(
            seen,
            addresses(clients).await,
            "cancelled after {polls} polls"
        );
    }
}

#[tokio::test]
async fn of_tonics_incoming_every_connection_comes_with_its_own_client() {
    for polls in 1..6 {
        let mut incoming = ToaIncoming::bind("127.0.0.1:0").await.unwrap();
        let clients = clients(
            incoming.local_addr().unwrap(),
            |mut stream, own| async move {
                stream.write_all(own.as_bytes()).await.unwrap();
            },
        );
        let seen = all_of(&clients, async || {
            let next = poll_fn(|cx| Pin::new(&mut incoming).poll_next(cx));
            let stream = polled(next, polls).await?.unwrap().unwrap();
            let client = stream.client_addr().client_canonical();
            assert_eq!(client, said(stream).await);
            Some(client)
        })
        .await;
        assert_eq!(
            seen,
            addresses(clients).await,
            "cancelled after {polls} polls"
        );
    }
}
