//! What the probe finds out.

use std::process::Output;

use toa_core::TrustedPeers;
use toa_lab::sandbox::Sandbox;
use toa_lab::{Balancer, BalancerConfig, Mode};

use crate::support::{Serve, source, stderr};

const MODES: [Mode; 3] = [Mode::Nat64, Mode::Fnat44, Mode::Fnat66];

/// Each case and its verdict.
fn verdicts(output: &Output) -> Vec<(String, String)> {
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(output)));
    let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let cases = report["cases"].as_array().unwrap().iter();
    cases
        .map(|case| (word(&case["case"]), word(&case["verdict"])))
        .collect()
}

/// The verdicts in NAT64, FNAT44 and FNAT66.
type Row = (&'static str, [&'static str; 3]);

const CORRECT: [Row; 18] = [
    ("honest", ["true"; 3]),
    ("by-hand", ["true"; 3]),
    ("second-option", ["hidden"; 3]),
    ("full-list", ["hidden"; 3]),
    // The balancer's own option, in a list that has no room for another.
    ("full-list-unknown", ["refused"; 3]),
    ("timestamps", ["hidden"; 3]),
    ("no-operations", ["true"; 3]),
    ("long-data", ["hidden"; 3]),
    ("fin", ["hidden"; 3]),
    ("syn-ack", ["hidden"; 3]),
    ("kind-253", ["hidden"; 3]),
    ("kind-200", ["hidden"; 3]),
    ("vtoa", ["hidden"; 3]),
    ("cip", ["hidden"; 3]),
    ("ttgw", ["hidden"; 3]),
    // It does not know the handshake by this number, and inserts nothing.
    ("cookie-neighbour", ["lost"; 3]),
    ("cookie-older", ["lost"; 3]),
    // The backend's IPv4 header is shorter: there is room.
    ("long-data-bare", ["true", "no_connection", "no_connection"]),
];

const INSECURE: [Row; 18] = [
    ("honest", ["true"; 3]),
    ("by-hand", ["true"; 3]),
    // Two IPv6 options leave no room for a third.
    ("second-option", ["refused", "hidden", "refused"]),
    ("full-list", ["refused"; 3]),
    ("full-list-unknown", ["refused"; 3]),
    ("timestamps", ["believed", "hidden", "believed"]),
    ("no-operations", ["lost"; 3]),
    ("long-data", ["refused", "believed", "believed"]),
    ("fin", ["refused", "hidden", "refused"]),
    ("syn-ack", ["hidden"; 3]),
    ("kind-253", ["believed"; 3]),
    ("kind-200", ["believed"; 3]),
    // The source reads the format `toa`.
    ("vtoa", ["lost"; 3]),
    ("cip", ["lost"; 3]),
    ("ttgw", ["refused"; 3]),
    ("cookie-neighbour", ["believed"; 3]),
    ("cookie-older", ["believed"; 3]),
    ("long-data-bare", ["true", "lost", "lost"]),
];

#[test]
fn each_balancer_gets_its_verdicts_and_its_exit_code() {
    let Some(sandbox) = Sandbox::enter_or_skip() else {
        return;
    };
    let _source = source(&sandbox, TrustedPeers::private());
    for (insecure, expected, exit) in [(false, CORRECT, 0), (true, INSECURE, 1)] {
        for (column, mode) in MODES.into_iter().enumerate() {
            let serve = Serve::start();
            let config =
                BalancerConfig::new(mode, serve.port).with_insecure_client_options(insecure);
            let balancer = Balancer::start(config).unwrap();
            let output = serve.probe(balancer.virtual_addr(), &["--json"]);
            println!("{}", String::from_utf8_lossy(&output.stdout));
            let expected =
                expected.map(|(case, verdicts)| (case.to_owned(), verdicts[column].to_owned()));
            assert_eq!(verdicts(&output), expected, "{mode:?} insecure: {insecure}");
            assert_eq!(
                output.status.code(),
                Some(exit),
                "{mode:?} insecure: {insecure}"
            );
        }
    }
}

#[test]
fn people_get_a_table_and_what_to_ask_for() {
    let Some(sandbox) = Sandbox::enter_or_skip() else {
        return;
    };
    let _source = source(&sandbox, TrustedPeers::private());
    let serve = Serve::start();
    let config = BalancerConfig::nat64_to(serve.port).with_insecure_client_options(true);
    let balancer = Balancer::start(config).unwrap();
    let output = serve.probe(balancer.virtual_addr(), &[]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let table = String::from_utf8(output.stdout).unwrap();
    println!("{table}");
    for words in [
        "source of the backend: the eBPF program",
        "timestamps         BELIEVED       [2001:db8::66]:6666 (toa, peer 10.116.111.",
        "full-list          refused        10.116.111.",
        "no-operations      lost           10.116.111.",
        "Ask the balancer's maker:\n- Overwrite the client's own options",
        "! a client of this balancer can name any address",
    ] {
        assert!(table.contains(words), "{words}: {table}");
    }
}
