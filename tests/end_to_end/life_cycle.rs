//! A service that runs before the source comes: each reason is right from the first
//! connection on, after each load and unload, in each framework.

use std::net::SocketAddr;

use toa_bpf::{Attached, Config};
use toa_lab::{Balancer, BalancerConfig};

use crate::support::{Demo, PORT, curl, example, sandbox, unprivileged};
use crate::toa_tower::ask_grpc_once;

/// What is loaded while connections come.
#[derive(Clone, Copy, Debug)]
enum Source {
    Absent,
    TrustsNobody,
    TrustsTheBalancer,
}

impl Source {
    fn attach(self) -> Option<Attached> {
        let trusted = match self {
            Self::Absent => return None,
            Self::TrustsNobody => "none",
            Self::TrustsTheBalancer => "10.116.111.0/24",
        };
        let config = Config::new(trusted.parse().unwrap());
        Some(toa_bpf::attach(&config).unwrap())
    }

    /// What a client is told that comes through the balancer, or past it.
    fn expects(self, through: bool, local: SocketAddr) -> String {
        match (self, through) {
            (Self::TrustsTheBalancer, true) => format!("{local} (toa, peer 10.116.111."),
            (Self::Absent, false) => format!("{local} (no_source)"),
            (Self::Absent, true) => "(no_source)".to_owned(),
            (Self::TrustsNobody, true) => "(untrusted)".to_owned(),
            (_, false) => format!("{local} (not_sent)"),
        }
    }
}

/// One new connection; what it is told, and its own address.
fn ask(server: &str, authority: &str) -> (SocketAddr, String) {
    if server == "tonic_demo" {
        return ask_grpc_once(authority);
    }
    let scheme = match server.ends_with("_tls") {
        true => "https",
        false => "http",
    };
    let url = format!("{scheme}://{authority}/");
    let [answer] = curl(&["-k"], &[&url]).try_into().unwrap();
    (answer.local, answer.body)
}

#[test]
fn every_reason_is_right_from_the_first_connection_on_whenever_a_source_comes_or_goes() {
    let Some(_sandbox) = sandbox() else { return };
    let balancer = Balancer::start(BalancerConfig::nat64_to(PORT)).unwrap();
    let through = balancer.virtual_addr().to_string();
    let past = format!("127.0.0.1:{PORT}");
    for server in [
        "axum_demo",
        "axum_tls",
        "axum_server_tls",
        "hyper_demo",
        "tonic_demo",
        "actix_demo",
        "actix_tls",
    ] {
        let _demo = Demo::start_as(&mut unprivileged(&example(server)));
        for source in [
            Source::Absent,
            Source::TrustsNobody,
            Source::Absent,
            Source::TrustsTheBalancer,
            Source::Absent,
            Source::TrustsTheBalancer,
            Source::TrustsNobody,
        ] {
            let _source = source.attach();
            for first in [true, false] {
                for is_through in [first, !first] {
                    let authority = if is_through { &through } else { &past };
                    let (local, told) = ask(server, authority);
                    let expected = source.expects(is_through, local);
                    assert!(
                        told.contains(&expected),
                        "{server} under {source:?}: {told:?} instead of {expected:?}"
                    );
                }
            }
        }
    }
}
