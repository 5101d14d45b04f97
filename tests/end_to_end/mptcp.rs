//! Listeners of protocol MPTCP, which newer language runtimes open unasked.
//!
//! A plain TCP client leaves a plain TCP socket there, and its address is told. With a client
//! that speaks MPTCP too, the socket is another one than the one whose handshake the source
//! saw: the kernel refuses the question, and the answer must not be that no option came.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use actix_web::{App, HttpServer, web};
use axum::Router;
use axum::routing::get;
use socket2::{Domain, Protocol, Socket, Type};
use toa_core::TrustedPeers;
use toa_lab::{Balancer, BalancerConfig};
use toa_tower::{ClientAddr, ToaLayer, ToaListener};

use crate::support::{PORT, sandbox};

const MPTCP: Protocol = Protocol::MPTCP;
const TIMEOUT: Duration = Duration::from_secs(20);
/// EOPNOTSUPP: the kernel's answer to every question of level IPPROTO_IP that it does not know.
const EXPECTED: &str = "Failed(95)";

fn tell(client: toa_core::ClientAddr) -> String {
    let known = client.provenance();
    let [client, peer] = [client.client_canonical(), client.peer_canonical()];
    format!("{client} {peer} {known:?}")
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let listener = Socket::new(Domain::IPV6, Type::STREAM, Some(MPTCP))?;
    listener.set_only_v6(false)?;
    listener.bind(&SocketAddr::from(([0; 16], port)).into())?;
    listener.listen(64)?;
    Ok(listener.into())
}

/// In this thread's namespace, until the process ends.
fn serve_axum(listener: TcpListener) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let app = Router::new()
                .route("/", get(async |client: ClientAddr| tell(client.into())))
                .layer(ToaLayer);
            let app = app.into_make_service_with_connect_info::<ClientAddr>();
            axum::serve(ToaListener::new(listener), app).await.unwrap();
        });
    });
}

fn serve_actix(listener: TcpListener) {
    std::thread::spawn(move || {
        let tell = async |client: toa_actix::ClientAddr| tell(client.into());
        let app = move || App::new().route("/", web::get().to(tell));
        let server = HttpServer::new(app)
            .workers(1)
            .disable_signals()
            .on_connect(toa_actix::on_connect())
            .listen(listener)
            .unwrap();
        actix_web::rt::System::new().block_on(server.run()).unwrap();
    });
}

/// One request: the client's own address and the answer.
fn ask(to: SocketAddr, protocol: Protocol) -> (SocketAddr, String) {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(protocol)).unwrap();
    socket.connect(&to.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    (stream.local_addr().unwrap(), body.to_owned())
}

/// How many connections of this namespace were opened as MPTCP on the listening side.
fn opened_as_mptcp() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/net/netstat").unwrap();
    let mut lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("MPTcpExt: "));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let mut pairs = names.split(' ').zip(values.split(' '));
    let (_, value) = pairs.find(|(name, _)| *name == "MPCapableACKRX").unwrap();
    value.parse().unwrap()
}

#[test]
fn a_client_that_an_mptcp_listener_cannot_name_is_not_said_to_have_sent_nothing() {
    let Some(sandbox) = sandbox() else { return };
    let Ok(first) = listen(PORT) else {
        toa_lab::sandbox::skip("this kernel has no MPTCP");
        return;
    };
    let config = toa_bpf::Config::new(TrustedPeers::private());
    let _source = toa_bpf::attach(&config).unwrap();
    serve_axum(first);
    serve_actix(listen(PORT + 1).unwrap());
    for port in [PORT, PORT + 1] {
        for config in [
            BalancerConfig::fnat44_to(port),
            BalancerConfig::nat64_to(port),
            BalancerConfig::fnat66_to(port),
        ] {
            let balancer = Balancer::start(config).unwrap();
            let to = balancer.virtual_addr();
            let before = opened_as_mptcp();
            let (local, told) = ask(to, Protocol::TCP);
            assert!(told.starts_with(&format!("{local} ")), "{told}");
            assert!(told.ends_with(" Toa"), "{told}");
            assert_eq!(opened_as_mptcp(), before);
            // MPTCP's own option leaves no room for 20 bytes.
            if to.is_ipv6() {
                continue;
            }
            for timestamps in ["0", "1"] {
                sandbox
                    .sysctl("net/ipv4/tcp_timestamps", timestamps)
                    .unwrap();
                let before = opened_as_mptcp();
                let (_, told) = ask(to, MPTCP);
                assert!(opened_as_mptcp() > before, "it is plain TCP: {told}");
                let [client, peer, provenance] = told.split(' ').collect::<Vec<_>>()[..] else {
                    panic!("{told}");
                };
                assert_eq!(client, peer);
                let peer: SocketAddr = peer.parse().unwrap();
                assert!(balancer.pool().contains(&peer.ip()), "{told}");
                assert_eq!(provenance, EXPECTED, "{told}");
            }
        }
    }
}
