//! What belongs to a whole process: a warning that it gives once. The test starts this
//! program again as a process of its own.
#![cfg(feature = "tokio")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::process::{Command, Output};

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

#[test]
fn a_process_with_many_listeners_is_warned_once_that_there_is_no_source() {
    use std::net::TcpListener;

    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let missing = toa_core::detect_source(&socket) == toa_core::SourceKind::Absent;
    if is_child() {
        tracing_subscriber::fmt()
            .with_writer(std::io::stdout)
            .with_ansi(false)
            .init();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap();
        let _entered = runtime.enter();
        println!("said<");
        for _ in 0..3 {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            toa_core::ToaListener::from_std(listener).unwrap();
        }
        println!(">");
        return;
    }
    let test = "a_process_with_many_listeners_is_warned_once_that_there_is_no_source";
    let warnings = said(&child(test))
        .matches("no TOA source answers here")
        .count();
    assert_eq!(warnings, usize::from(missing));
}
