//! What TOA costs in system calls: one per connection, none per request.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{PORT, Server, await_listener, curl, example, sandbox, unprivileged};
use crate::toa_tower::ask_grpc_directly;
use toa_core::TrustedPeers;

/// Calls of a server about its connections. Those of the runtime's scheduler
/// vary from run to run and tell nothing: epoll_wait, futex, and read and write,
/// which tokio uses on its own event descriptor, not on sockets.
const SOCKET_CALLS: &str = "accept4,getsockopt,setsockopt,getpeername,getsockname,recvfrom,sendto,\
                            recvmsg,sendmsg,writev,shutdown,close,fcntl,ioctl";

const CONNECTIONS: usize = 40;
const REQUESTS: usize = 50;

/// Successful calls by name while `work` runs against a server under strace.
fn count_calls(server: &str, work: impl FnOnce()) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for call in trace_calls(server, work) {
        let name = call.split(['(', ' ']).next().unwrap();
        *calls.entry(name.to_owned()).or_default() += 1;
    }
    calls
}

/// The calls themselves. The server has no privilege, so that no balancer of its own makes
/// calls as well.
fn trace_calls(server: &str, work: impl FnOnce()) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    let server = unprivileged(&example(server));
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-qq", "-e", "signal=none", "-e"])
        .arg(format!("trace={SOCKET_CALLS}"));
    strace
        .arg("-o")
        .arg(&trace)
        .arg("--")
        .arg(server.get_program())
        .args(server.get_args());
    let mut traced = Server::start(strace.arg(format!("[::]:{PORT}")).stdout(Stdio::null()));
    await_listener(PORT);

    let before = settled_lines(&trace).len();
    work();
    let lines = settled_lines(&trace);
    end_traced(traced.child());
    // `1234  getsockopt(9, SOL_IP, 0x1001, ...) = 0`, or unfinished and resumed.
    let mut unfinished = BTreeMap::new();
    let mut calls = Vec::new();
    for line in &lines[before..] {
        let (thread, call) = line.split_once(' ').unwrap();
        let call = call.trim_start();
        if let Some((begun, _)) = call.split_once("<unfinished ...>") {
            unfinished.insert(thread, begun);
        } else if let Some(resumed) = call.strip_prefix("<... ") {
            let begun = unfinished.remove(thread).unwrap_or_default();
            calls.push(format!("{begun}{resumed}"));
        } else {
            calls.push(call.to_owned());
        }
    }
    calls.retain(|call| !call.contains(" = -1 EAGAIN"));
    calls
}

/// The trace, once the server has come to rest.
fn settled_lines(trace: &Path) -> Vec<String> {
    let mut text = String::new();
    loop {
        std::thread::sleep(Duration::from_millis(300));
        let longer = std::fs::read_to_string(trace).unwrap();
        if longer == text {
            return text.lines().map(str::to_owned).collect();
        }
        text = longer;
    }
}

/// Ends the traced server, which strace follows; ending strace would set it free.
fn end_traced(strace: &mut Child) {
    let children = format!("/proc/{0}/task/{0}/children", strace.id());
    let server = std::fs::read_to_string(children).unwrap();
    let kill = Command::new("kill").args(["-KILL", server.trim()]).status();
    assert!(kill.unwrap().success());
    strace.wait().unwrap();
}

fn ask(scheme: &str, requests: usize) {
    let url = format!("{scheme}://127.0.0.1:{PORT}/client");
    // `-k`: the examples sign their certificates themselves.
    let answers = curl(&["-k"], &vec![url.as_str(); requests]);
    assert_eq!(answers.iter().map(|answer| answer.connects).sum::<u32>(), 1);
}

/// One connection per request.
fn many_connections() {
    for _ in 0..CONNECTIONS {
        ask("http", 1);
    }
}

/// One connection for all requests.
fn many_requests() {
    ask("http", REQUESTS);
}

#[test]
fn a_connection_costs_one_getsockopt_more_than_without_toa_and_a_request_nothing() {
    let Some(_sandbox) = sandbox() else { return };
    let _source = toa_bpf::attach(&toa_bpf::Config::new(TrustedPeers::private())).unwrap();
    for (work, connections) in [
        (many_connections as fn(), CONNECTIONS),
        (many_requests as fn(), 1),
    ] {
        let without = count_calls("axum_bare", work);
        let with = count_calls("axum_demo", work);
        assert!(without["accept4"] >= connections, "{without:?}");
        let mut expected = without.clone();
        *expected.entry("getsockopt".to_owned()).or_default() += connections;
        assert_eq!(with, expected);
    }
}

#[test]
fn where_no_source_answers_reading_the_syn_costs_one_getsockopt_more() {
    let Some(_sandbox) = sandbox() else { return };
    let source = || toa_bpf::attach(&toa_bpf::Config::new(TrustedPeers::private())).unwrap();
    for (work, connections) in [
        (many_connections as fn(), CONNECTIONS),
        (many_requests as fn(), 1),
    ] {
        let count = |server: &str| {
            let calls = trace_calls(server, work);
            let count = |what: &str| calls.iter().filter(|call| call.contains(what)).count();
            let others = calls.iter().filter(|call| !call.starts_with("getsockopt"));
            // Once a second a third-party module is looked for, whoever asks.
            let questions = count("getsockopt") - count("SOL_IP, 0x1000 ");
            (others.count(), questions, count("TCP_SAVED_SYN"))
        };
        let without = count("axum_demo");
        let (others, questions, saved_syns) = count("saved_syn_demo");
        assert_eq!(without, (others, questions - connections, 0));
        assert_eq!(saved_syns, connections);
        let _source = source();
        assert_eq!(
            count("saved_syn_demo"),
            (others, questions - connections, 0)
        );
    }
}

#[test]
fn under_actix_too_a_connection_costs_one_getsockopt_and_a_request_nothing() {
    let Some(_sandbox) = sandbox() else { return };
    let _source = toa_bpf::attach(&toa_bpf::Config::new(TrustedPeers::private())).unwrap();
    for (work, connections) in [
        (many_connections as fn(), CONNECTIONS),
        (many_requests as fn(), 1),
    ] {
        let calls = count_calls("actix_demo", work);
        assert_eq!(calls["getsockopt"], connections, "{calls:?}");
        // One by actix itself, which asks every connection for its peer.
        assert_eq!(calls["getpeername"], connections, "{calls:?}");
    }
}

#[test]
fn with_tls_hyper_and_tonic_too_a_connection_costs_one_getsockopt_and_a_request_nothing() {
    const FEW: usize = 5;
    let Some(_sandbox) = sandbox() else { return };
    let _source = toa_bpf::attach(&toa_bpf::Config::new(TrustedPeers::private())).unwrap();
    for server in [
        "axum_tls",
        "axum_server_tls",
        "actix_tls",
        "hyper_demo",
        "tonic_demo",
    ] {
        let scheme = if server.ends_with("_tls") {
            "https"
        } else {
            "http"
        };
        let calls = count_calls(server, || {
            if server == "tonic_demo" {
                (0..FEW).for_each(|_| ask_grpc_directly());
            } else {
                (0..FEW).for_each(|_| ask(scheme, REQUESTS));
            }
        });
        assert_eq!(calls["getsockopt"], FEW, "{server}: {calls:?}");
    }
}
