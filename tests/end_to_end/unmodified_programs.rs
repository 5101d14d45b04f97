//! Programs that know nothing of this project see the client all the same.

use std::io::Read;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use crate::nginx::Nginx;
use crate::support::{PORT, Server, await_listener, curl, sandbox};
use toa_bpf::Attached;
use toa_core::{OptionFormat, TrustedPeers};
use toa_lab::{Balancer, BalancerConfig};

/// A source that reads every format that the balancers of these tests write.
fn source() -> Attached {
    let config = toa_bpf::Config::new(TrustedPeers::private());
    toa_bpf::attach(&config.with_formats("toa,vtoa,cip".parse().unwrap())).unwrap()
}

#[test]
fn the_c_program_of_the_vendors_documentation_learns_the_client() {
    let Some(_sandbox) = sandbox() else { return };
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("vendor_pattern");
    let source_file = Path::new(env!("CARGO_MANIFEST_DIR")).join("vendor_pattern.c");
    let cc = Command::new("cc")
        .args(["-Wall", "-Wextra", "-Werror", "-o"])
        .args([&program, &source_file])
        .status();
    assert!(cc.unwrap().success());

    let _source = source();
    let _server = Server::start(Command::new(&program).arg(PORT.to_string()));
    await_listener(PORT);
    for config in [
        BalancerConfig::nat64_to(PORT),
        BalancerConfig::fnat44_to(PORT),
        BalancerConfig::fnat44_to(PORT).with_option_format(OptionFormat::Vtoa),
    ] {
        let balancer = Balancer::start(config).unwrap();
        let mut client = TcpStream::connect(balancer.virtual_addr()).unwrap();
        let local = toa_core::to_mapped(client.local_addr().unwrap());
        let mut line = String::new();
        client.read_to_string(&mut line).unwrap();
        // inet_ntop and std write an IPv6 address the same way.
        assert_eq!(line, format!("real client {local}\n"));
    }
    let mut line = String::new();
    TcpStream::connect(("127.0.0.1", PORT))
        .unwrap()
        .read_to_string(&mut line)
        .unwrap();
    assert_eq!(line, "no real client\n");
}

#[test]
fn nginx_logs_the_client_where_the_families_allow_it() {
    let Some(_sandbox) = sandbox() else { return };
    let _source = source();
    for (listen, config) in [
        ("0.0.0.0", BalancerConfig::fnat44_to(PORT)),
        ("[::]", BalancerConfig::nat64_to(PORT)),
        ("[::]", BalancerConfig::fnat66_to(PORT)),
        (
            "0.0.0.0",
            BalancerConfig::fnat44_to(PORT).with_option_format(OptionFormat::Vtoa),
        ),
    ] {
        let nginx = nginx(listen);
        let log = nginx.dir().join("access.log");
        let log = || std::fs::read_to_string(&log).unwrap_or_default();
        let balancer = Balancer::start(config).unwrap();
        let url = format!("http://{}/", balancer.virtual_addr());
        let [answer] = curl(&[], &[&url]).try_into().unwrap();
        let expected = format!("{} {}\n", answer.local.ip(), answer.local.port());
        assert_eq!(answer.body, expected, "answered on {listen}");
        crate::support::await_equal(log, &expected, "logged");
    }
}

fn nginx(listen: &str) -> Nginx {
    let dual = if listen.starts_with('[') {
        " ipv6only=off"
    } else {
        ""
    };
    let http = format!(
        "log_format client '$remote_addr $remote_port';
         server {{
             access_log {{root}}/access.log client;
             listen {listen}:{PORT}{dual};
             return 200 '$remote_addr $remote_port\\n';
         }}"
    );
    Nginx::start(PORT, "", &http)
}
