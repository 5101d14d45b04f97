//! What belongs to a whole process: a warning that it gives once. The test starts this
//! program again as a process of its own.
#![cfg(feature = "tokio")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::net::TcpListener;
use std::process::{Command, Output};

use toa_core::ToaListener;

/// Set in the process that a test starts.
const CHILD: &str = "TOA_TEST_CHILD";

/// Runs the test of this name again, alone.
fn child(test: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap()
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// What the child printed in between the test harness's own words.
fn said(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let said = text
        .split("said<")
        .nth(1)
        .and_then(|rest| rest.split('>').next());
    said.unwrap_or_else(|| panic!("{output:?}")).to_owned()
}

/// Begins to accept on three listeners, in the process that a test has started; `prepare`
/// is the last word on each.
fn listen(prepare: impl Fn(ToaListener) -> ToaListener) {
    tracing_subscriber::fmt()
        .with_writer(std::io::stdout)
        .with_ansi(false)
        .init();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    println!("said<");
    runtime.block_on(async {
        for _ in 0..3 {
            let listener = prepare(ToaListener::bind("127.0.0.1:0").await.unwrap());
            for _ in 0..2 {
                tokio::select! {
                    biased;
                    accepted = listener.accept() => panic!("{accepted:?}"),
                    () = std::future::ready(()) => {}
                }
            }
        }
    });
    println!(">");
}

fn is_source_missing() -> bool {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    toa_core::detect_source(&socket) == toa_core::SourceKind::Absent
}

#[test]
fn a_process_with_many_listeners_is_warned_once_that_there_is_no_source() {
    if is_child() {
        return listen(|listener| listener);
    }
    let test = "a_process_with_many_listeners_is_warned_once_that_there_is_no_source";
    let warnings = said(&child(test))
        .matches("WARN toa_core::resolver: no TOA source answers here")
        .count();
    assert_eq!(warnings, usize::from(is_source_missing()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_listener_that_reads_syns_is_not_warned_that_clients_are_missing() {
    if is_child() {
        let saved_syn = toa_core::SavedSyn::insecure_trusting(toa_core::TrustedPeers::private());
        return listen(|listener| listener.with_saved_syn(saved_syn.clone()).unwrap());
    }
    let test = "a_listener_that_reads_syns_is_not_warned_that_clients_are_missing";
    let said = said(&child(test));
    assert!(!said.contains("WARN"), "{said}");
    let told = said.matches("the option is read in the SYN").count();
    assert_eq!(told, if is_source_missing() { 3 } else { 0 }, "{said}");
}
