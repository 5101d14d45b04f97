//! The actix-web examples, questioned by a real curl through the balancer.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use toa_bpf::{Attached, Config};
use toa_core::TrustedPeers;

use crate::support::{Demo, PORT, curl, curl_command, example, sandbox};

const H1: &str = "--http1.1";
const H2C: &str = "--http2-prior-knowledge";

/// A source that leaves `accept()` alone, so that it is not the kernel that makes the
/// client the peer.
fn source_without_peername() -> Attached {
    toa_bpf::attach(&Config::new(TrustedPeers::private()).with_peername(false)).unwrap()
}

#[test]
fn under_tls_curl_is_answered_with_its_own_address() {
    let Some(_sandbox) = sandbox() else { return };
    let demo = Demo::start("actix_tls");
    let url = demo.virtual_url().replace("http:", "https:");
    let client = format!("{url}client");
    for (protocol, version) in [(H1, "1.1"), ("--http2", "2")] {
        for answer in curl(&["-k", "-6", protocol], &[&url, &client, &url]) {
            assert_eq!(answer.http_version, version);
            let told = answer.body.trim_start_matches("you are ");
            let local = answer.local.to_string();
            assert!(told.starts_with(&local), "{answer:?}");
        }
    }
    let direct = format!("https://127.0.0.1:{PORT}/");
    for answer in curl(&["-k"], &[&direct]) {
        let expected = format!("you are {} (not_sent)\n", answer.local);
        assert_eq!(answer.body, expected);
    }
}

#[test]
fn the_peer_that_actix_and_middleware_of_others_see_is_the_client() {
    let Some(_sandbox) = sandbox() else { return };
    let _source = source_without_peername();
    let mut command = Command::new(example("actix_peer"));
    let mut demo = Demo::start_as(command.stderr(Stdio::piped()).env("NO_COLOR", "1"));
    let url = demo.virtual_url().to_owned();
    let direct = format!("http://127.0.0.1:{PORT}/");

    let mut clients = Vec::new();
    for protocol in [H1, H2C] {
        for (family, url) in [("-6", &url), ("-4", &direct)] {
            let [answer] = curl(&[family, protocol], &[url]).try_into().unwrap();
            assert_eq!(answer.body, format!("peer {}\n", answer.local));
            clients.push(answer.local.ip());
        }
    }

    // Logger: the line that each of them left, in order.
    let log = BufReader::new(demo.server.child().stderr.take().unwrap());
    let logged: Vec<String> = log
        .lines()
        .map(Result::unwrap)
        .filter_map(|line| Some(line.split_once("middleware::logger: ")?.1.to_owned()))
        .take(clients.len())
        .collect();
    let versions = ["1.1", "1.1", "2.0", "2.0"];
    let expected: Vec<String> = clients
        .iter()
        .zip(versions)
        .map(|(ip, version)| format!("{ip} \"GET / HTTP/{version}\" 200"))
        .collect();
    assert_eq!(logged, expected);
}

#[test]
fn a_rate_limiter_of_others_limits_each_client_and_not_the_balancer() {
    let Some(_sandbox) = sandbox() else { return };
    let _source = source_without_peername();
    let demo = Demo::start("actix_peer");
    let url = format!("{}limited", demo.virtual_url());
    // Of another /64 than the first client, as this limiter takes a /64 for one client.
    const SECOND: &str = "fd74:6f62::7";
    let added = Command::new("ip")
        .args(["address", "add", SECOND, "dev", "lo", "nodad"])
        .status();
    assert!(added.unwrap().success());
    for from in [&["-6"] as &[&str], &["-6", "--interface", SECOND]] {
        let seen = [(); 3].map(|()| status(from, &url));
        assert_eq!(seen, ["200", "200", "429"], "{from:?}");
    }
}

#[test]
fn what_did_not_come_through_the_balancer_is_refused() {
    let Some(_sandbox) = sandbox() else { return };
    let demo = Demo::start("actix_peer");
    let url = format!("{}members", demo.virtual_url());
    let direct = format!("http://127.0.0.1:{PORT}/members");
    for protocol in [H1, H2C] {
        let [answer] = curl(&["-6", protocol], &[&url]).try_into().unwrap();
        assert_eq!(answer.body, format!("peer {}\n", answer.local));
        let [answer] = curl(&[protocol], &[&direct]).try_into().unwrap();
        let sentence = "forbidden";
        assert_eq!(answer.body, sentence);
        assert_eq!(status(&[protocol], &direct), "403");
    }
}

/// The status that curl is answered with.
fn status(options: &[&str], url: &str) -> String {
    let output = curl_command()
        .args(["--output", "/dev/null", "--write-out", "%{http_code}"])
        .args(options)
        .arg(url)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}
