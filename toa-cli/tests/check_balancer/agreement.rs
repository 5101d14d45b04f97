//! When the probe does not begin.

use std::io::{Write, copy};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use toa_core::TrustedPeers;
use toa_lab::sandbox::Sandbox;
use toa_lab::{Balancer, BalancerConfig};

use crate::support::{Serve, TOA, probe, source, stderr};

/// Nothing is sent by hand, so the balancer sees as many connections as were refused.
#[test]
fn nothing_forged_is_sent_to_a_backend_that_has_not_agreed() {
    let Some(_sandbox) = Sandbox::enter_or_skip() else {
        return;
    };
    let token = "0123456789abcdef-0123456789abcdef";
    let serve = Serve::start();
    let half = serve.token.split_once('-').unwrap().0;
    let echo = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
    let echo_port = echo.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in echo.incoming() {
            let stream = stream.unwrap();
            copy(&mut &stream, &mut &stream).ok();
        }
    });
    for (port, token) in [
        (serve.port, token.to_owned()),
        // A server that knows no more than what the probe says.
        (serve.port, format!("{half}-0123456789abcdef")),
        (echo_port, token.to_owned()),
    ] {
        let balancer = Balancer::start(BalancerConfig::nat64_to(port)).unwrap();
        let output = probe(balancer.virtual_addr(), &token, &[]);
        assert_eq!(output.status.code(), Some(2));
        let said = stderr(&output);
        assert!(said.contains("so nothing forged was sent"), "{said}");
        assert_eq!(balancer.stats().opened, 1, "{said}");
    }
}

#[test]
fn without_a_source_that_believes_the_balancer_the_probe_says_what_is_missing() {
    let Some(sandbox) = Sandbox::enter_or_skip() else {
        return;
    };
    let refused = |words: &[&str]| {
        let serve = Serve::start();
        let balancer = Balancer::start(BalancerConfig::nat64_to(serve.port)).unwrap();
        let output = serve.probe(balancer.virtual_addr(), &[]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert_eq!(balancer.stats().opened, 1, "{said}");
    };
    refused(&[
        "no source answers on the backend",
        "toa load --trust",
        "10.116.111.",
    ]);
    let _source = source(&sandbox, "192.0.2.0/24".parse().unwrap());
    refused(&["does not trust 10.116.111.", "--trust"]);
}

#[test]
fn without_the_capability_for_raw_sockets_the_error_names_it() {
    let Some(sandbox) = Sandbox::enter_or_skip() else {
        return;
    };
    let _source = source(&sandbox, TrustedPeers::private());
    let serve = Serve::start();
    let balancer = Balancer::start(BalancerConfig::nat64_to(serve.port)).unwrap();
    let output = Command::new("setpriv")
        .args(["--bounding-set", "-net_raw", "--inh-caps", "-net_raw", TOA])
        .args([
            "check-balancer",
            "probe",
            &balancer.virtual_addr().to_string(),
        ])
        .args(["--token", &serve.token])
        .output()
        .unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("CAP_NET_RAW"), "{said}");
}

#[test]
fn wrong_arguments_are_refused_with_what_to_do() {
    for (args, words) in [
        (
            ["probe", "192.0.2.1:80", "--token", "x"],
            "check-balancer serve",
        ),
        (["probe", "192.0.2.1", "--token", "x"], "ADDRESS:PORT"),
    ] {
        let output = Command::new(TOA)
            .arg("check-balancer")
            .args(args)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}

/// Strangers reach the port too.
#[test]
fn what_strangers_send_or_do_not_send_stops_no_backend() {
    let Some(_sandbox) = Sandbox::enter_or_skip() else {
        return;
    };
    let serve = Serve::start();
    let backend = SocketAddr::from((Ipv6Addr::LOCALHOST, serve.port));
    let mut strangers = Vec::new();
    for said in [
        &b""[..],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0; 100_000],
        b"{}\n",
        b"[[[[",
    ] {
        for _ in 0..6 {
            let mut stream = TcpStream::connect(backend).unwrap();
            // It may have hung up already.
            stream.write_all(said).ok();
            strangers.push(stream);
        }
    }
    let said = stderr(&serve.probe(backend, &[]));
    assert!(said.contains("no source answers on the backend"), "{said}");
}

/// A balancer with several backends sends some connections elsewhere.
#[test]
fn nothing_forged_is_sent_where_some_connections_go_to_another_backend() {
    const TO_SERVE: usize = 7;
    let Some(sandbox) = Sandbox::enter_or_skip() else {
        return;
    };
    let _source = source(&sandbox, TrustedPeers::private());
    let serve = Serve::start();
    let proxy = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    let address = proxy.local_addr().unwrap();
    let backend = SocketAddr::from((Ipv6Addr::LOCALHOST, serve.port));
    let (accepted, all) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for (number, stream) in proxy.incoming().enumerate() {
            let client = stream.unwrap();
            accepted.send(()).unwrap();
            if number >= TO_SERVE {
                continue;
            }
            let server = TcpStream::connect(backend).unwrap();
            let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || copy(&mut &from, &mut &to).ok());
            thread::spawn(move || copy(&mut &server, &mut &client).ok());
        }
    });
    let output = serve.probe(address, &[]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("so nothing forged was sent"), "{said}");
    assert_eq!(all.try_iter().count(), TO_SERVE + 1, "{said}");
}

#[test]
fn the_exit_codes_of_the_probe_stand_in_its_help() {
    let output = Command::new(TOA)
        .args(["check-balancer", "probe", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for line in [
        "  0  nothing forged was believed",
        "  1  something forged was believed",
        "  2  it could not be found out",
    ] {
        assert!(help.contains(line), "{line}: {help}");
    }
}
