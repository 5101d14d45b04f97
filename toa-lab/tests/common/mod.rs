//! A listener with a balancer in front of it, and a connection through both.

use std::net::{Ipv6Addr, TcpListener, TcpStream};
use std::time::Duration;

use toa_lab::{Balancer, BalancerConfig, Mode};

pub(crate) const MODES: [Mode; 3] = [Mode::Nat64, Mode::Fnat44, Mode::Fnat66];

/// A dual-stack listener and a balancer before it.
pub(crate) fn start(mode: Mode) -> (TcpListener, Balancer) {
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).expect("bind");
    let port = listener.local_addr().expect("bound").port();
    let balancer = Balancer::start(BalancerConfig::new(mode, port)).expect("start");
    (listener, balancer)
}

pub(crate) fn connected(listener: &TcpListener, balancer: &Balancer) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(balancer.virtual_addr()).expect("connect");
    let (server, _) = listener.accept().expect("accept");
    for stream in [&client, &server] {
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("set");
    }
    (client, server)
}
