//! Sockets from elsewhere: handed down, shared, beside the balancer, and none of TCP.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;

use toa_core::TrustedPeers;
use toa_lab::{Balancer, BalancerConfig};

use crate::support::{Demo, PORT, Server, curl, curl_command, example, sandbox, unprivileged};

/// A command line that runs a program as systemd would start it for a connection to
/// `listener`: the socket is descriptor 3, and the variables say so.
fn activated(program: &Command, listener: TcpListener) -> Command {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\" 3<&0 </dev/null",
        "sh",
    ]);
    command.arg(program.get_program()).args(program.get_args());
    command.stdin(OwnedFd::from(listener));
    command
}

#[test]
fn a_listener_handed_down_by_systemds_protocol_tells_the_client_even_of_earlier_connections() {
    let Some(_sandbox) = sandbox() else { return };
    let _source = toa_bpf::attach(&toa_bpf::Config::new(TrustedPeers::private())).unwrap();
    let balancer = Balancer::start(BalancerConfig::nat64_to(PORT)).unwrap();
    let listener = TcpListener::bind(("::", PORT)).unwrap();
    // It waits in the backlog until the program runs.
    let mut early = TcpStream::connect(balancer.virtual_addr()).unwrap();

    let program = unprivileged(&example("listenfd"));
    let _server = Server::start(&mut activated(&program, listener));
    early
        .write_all(b"GET /client HTTP/1.1\r\nhost: early\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    early.read_to_string(&mut answer).unwrap();
    let expected = format!("\r\n\r\n{}", early.local_addr().unwrap());
    assert!(
        answer.ends_with(&expected),
        "{answer} is not for {expected}"
    );

    let url = format!("http://{}/client", balancer.virtual_addr());
    for answer in curl(&["-6"], &[&url]) {
        assert_eq!(answer.body, answer.local.to_string());
    }
}

#[test]
fn without_a_listener_handed_down_the_same_program_binds_one() {
    let Some(_sandbox) = sandbox() else { return };
    let demo = Demo::start("listenfd");
    for answer in curl(&["-6"], &[demo.virtual_url()]) {
        let expected = format!("you are {} (toa, peer 10.116.111.", answer.local);
        assert!(answer.body.starts_with(&expected), "{answer:?}");
    }
}

#[test]
fn a_descriptor_that_is_no_tcp_listener_is_refused_with_what_to_check() {
    let Some(_sandbox) = sandbox() else { return };
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let program = Command::new(example("listenfd"));
    let mut command = activated(&program, TcpListener::bind("127.0.0.1:0").unwrap());
    let output = command.stdin(OwnedFd::from(socket)).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    let expected = "the descriptor handed down is not a TCP listener: check ListenStream=";
    assert!(said.contains(expected), "{said}");
}

/// The demo; its Unix socket is in `dir`.
fn several_listeners(dir: &Path) -> Demo {
    Demo::start_as(Command::new(example("several_listeners")).env("TMPDIR", dir))
}

#[test]
fn each_socket_of_a_reuseport_group_tells_the_client() {
    let Some(_sandbox) = sandbox() else { return };
    let dir = tempfile::tempdir().unwrap();
    let demo = several_listeners(dir.path());
    let mut answered_by = BTreeSet::new();
    // Each misses the other socket with a chance of one half: 40 do with 2^-39.
    for _ in 0..40 {
        for answer in curl(&["-6"], &[demo.virtual_url()]) {
            let (name, client) = answer.body.split_once(": ").unwrap();
            let expected = format!("{} (toa, peer 10.116.111.", answer.local);
            assert!(client.starts_with(&expected), "{answer:?}");
            answered_by.insert(name.to_owned());
        }
    }
    assert_eq!(answered_by, ["first", "second"].map(str::to_owned).into());
}

#[test]
fn a_listener_beside_the_balancer_believes_no_option() {
    let Some(_sandbox) = sandbox() else { return };
    let dir = tempfile::tempdir().unwrap();
    let demo = several_listeners(dir.path());
    let [direct] = curl(&[], &[demo.said("beside").strip_prefix("curl ").unwrap()])
        .try_into()
        .unwrap();
    assert_eq!(
        direct.body,
        format!("direct: {} (not_sent)\n", direct.local)
    );

    // Another balancer, which the source trusts, leads to it all the same.
    let other = BalancerConfig::nat64_to(PORT + 1)
        .with_network_v4("172.29.111.0/24".parse().unwrap())
        .with_network_v6("fd74:6f61:0:1::/64".parse().unwrap());
    let other = Balancer::start(other).unwrap();
    let url = format!("http://{}/", other.virtual_addr());
    for answer in curl(&["-6"], &[&url]) {
        assert!(answer.body.starts_with("direct: 172.29.111."), "{answer:?}");
        assert!(answer.body.ends_with(" (untrusted)\n"), "{answer:?}");
    }
}

#[test]
fn a_unix_socket_beside_them_serves_the_same_app_without_a_client() {
    let Some(_sandbox) = sandbox() else { return };
    let dir = tempfile::tempdir().unwrap();
    let demo = several_listeners(dir.path());
    let words: Vec<&str> = demo.said("unix").split(' ').collect();
    let ["curl", "--unix-socket", path, url] = words[..] else {
        panic!("{words:?}");
    };
    let output = curl_command()
        .args(["--unix-socket", path, url])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "unix: a local program\n"
    );
}
