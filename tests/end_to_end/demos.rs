//! The demos as a newcomer meets them, questioned by a real curl through the
//! balancer, a real kernel handshake and the source.

use std::collections::BTreeSet;
use std::process::Command;

use toa_core::TrustedPeers;

use crate::support::{self, Demo, PORT, curl, example, sandbox, unprivileged};

const DEMOS: [&str; 2] = ["axum_demo", "actix_demo"];

fn direct_url() -> String {
    format!("http://127.0.0.1:{PORT}/")
}

#[test]
fn curl_through_the_balancer_is_answered_with_its_own_address() {
    let Some(_sandbox) = sandbox() else { return };
    for name in DEMOS {
        let demo = Demo::start(name);
        assert_eq!(
            demo.said("source"),
            "the eBPF program, for as long as this runs"
        );
        let url = demo.virtual_url();
        for answer in curl(&["-6"], &[url]) {
            assert!(
                answer
                    .body
                    .starts_with(&format!("you are {} (toa, peer 10.116.111.", answer.local)),
                "{name}: {answer:?}"
            );
        }
        let client = format!("{url}client");
        for answer in curl(&["-6"], &[&client]) {
            assert_eq!(answer.body, answer.local.to_string(), "{name}");
        }
    }
}

#[test]
fn a_direct_curl_is_answered_with_the_peer_and_the_reason() {
    let Some(_sandbox) = sandbox() else { return };
    for name in DEMOS {
        let _demo = Demo::start(name);
        for answer in curl(&[], &[&direct_url()]) {
            let expected = format!("you are {} (not_sent)\n", answer.local);
            assert_eq!(answer.body, expected, "{name}");
        }
    }
}

#[test]
fn every_request_of_a_kept_connection_has_the_same_client() {
    let Some(_sandbox) = sandbox() else { return };
    for name in DEMOS {
        let demo = Demo::start(name);
        let answers = curl(&["-6", "--http1.1"], &[demo.virtual_url(); 5]);
        let connects: u32 = answers.iter().map(|answer| answer.connects).sum();
        assert_eq!(connects, 1, "{name}: curl kept its connection");
        for answer in answers {
            assert!(
                answer.body.contains(&answer.local.to_string()),
                "{name}: {answer:?}"
            );
        }
    }
}

#[test]
fn http_2_with_prior_knowledge_tells_the_client_as_well() {
    let Some(_sandbox) = sandbox() else { return };
    for name in DEMOS {
        let demo = Demo::start(name);
        for answer in curl(&["-6", "--http2-prior-knowledge"], &[demo.virtual_url()]) {
            assert_eq!(answer.http_version, "2", "{name}");
            assert!(
                answer.body.contains(&answer.local.to_string()),
                "{name}: {answer:?}"
            );
        }
    }
}

/// Not with curl: its 7.88 breaks a prior-knowledge connection that it uses twice.
#[test]
fn every_stream_of_an_http_2_connection_has_the_same_client() {
    let Some(_sandbox) = sandbox() else { return };
    for name in DEMOS {
        let demo = Demo::start(name);
        let url = format!("{}client", demo.virtual_url());
        let (local, bodies) = support::http2_streams(&url, 5);
        assert_eq!(bodies, vec![local.to_string(); 5], "{name}");
    }
}

#[test]
fn without_root_it_serves_with_peer_addresses_and_says_what_is_missing() {
    let Some(_sandbox) = sandbox() else { return };
    for name in DEMOS {
        let demo = Demo::start_as(&mut unprivileged(&example(name)));
        let source = demo.said("source");
        assert!(
            source.starts_with("none: ") && source.contains("run as root"),
            "{source}"
        );
        let balancer = demo.said("balancer");
        assert!(
            balancer.starts_with("none: ") && balancer.contains("run as root"),
            "{balancer}"
        );
        for answer in curl(&[], &[&direct_url()]) {
            let expected = format!("you are {} (no_source)\n", answer.local);
            assert_eq!(answer.body, expected, "{name}");
        }
    }
}

#[test]
fn with_a_source_on_the_machine_it_needs_no_root() {
    let Some(_sandbox) = sandbox() else { return };
    let _source = toa_bpf::attach(&toa_bpf::Config::new(TrustedPeers::private())).unwrap();
    let balancer = toa_lab::Balancer::start(toa_lab::BalancerConfig::nat64_to(PORT)).unwrap();
    for name in DEMOS {
        let demo = Demo::start_as(&mut unprivileged(&example(name)));
        assert_eq!(
            demo.said("source"),
            "the eBPF program, on this machine already",
            "{name}"
        );
        let url = format!("http://{}/client", balancer.virtual_addr());
        for answer in curl(&["-6"], &[&url]) {
            assert_eq!(answer.body, answer.local.to_string(), "{name}");
        }
    }
}

#[test]
fn nothing_stays_behind_however_a_demo_ends() {
    let Some(_sandbox) = sandbox() else { return };
    for name in DEMOS {
        for signal in ["-INT", "-TERM", "-ABRT", "-KILL"] {
            let before = support::kernel_objects();
            let added = || &support::kernel_objects() - &before;
            let mut demo = Demo::start(name);
            assert!(!added().is_empty(), "the demo loads something");
            let child = demo.server.child();
            let killed = Command::new("kill")
                .args([signal, &child.id().to_string()])
                .status();
            assert!(killed.unwrap().success());
            child.wait().unwrap();
            support::await_equal(added, &BTreeSet::new(), &format!("{name} {signal}"));
        }
    }
}
