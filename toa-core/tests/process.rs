//! What belongs to a whole process: its environment, and a warning it gives once. Each
//! test starts this program again as a process of its own.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::process::{Command, Output};

/// Set in the process that a test starts.
const CHILD: &str = "TOA_TEST_CHILD";

/// Runs the test of this name again, alone and with these variables.
fn child(test: &str, variables: &[(&str, &str)]) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1")
        .env_remove("TOA_TRUSTED_PEERS")
        .env_remove("TOA_MODE")
        .envs(variables.iter().copied())
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
fn policy_and_mode_come_from_the_environment() {
    if is_child() {
        let policy = toa_core::Policy::from_env().map_or_else(|e| e.to_string(), |p| p.to_string());
        let mode = toa_core::Mode::from_env().map_or_else(|e| e.to_string(), |m| m.to_string());
        print!("said<{policy}; {mode}>");
        return;
    }
    for (variables, expected) in [
        (vec![], "source; fallback"),
        (
            vec![
                ("TOA_TRUSTED_PEERS", "10.1.0.0/16"),
                ("TOA_MODE", "require"),
            ],
            "10.1.0.0/16; require",
        ),
        (
            vec![("TOA_TRUSTED_PEERS", "10.1"), ("TOA_MODE", "strict")],
            "the environment variable TOA_TRUSTED_PEERS has the value \"10.1\": correct it or \
             unset it; the environment variable TOA_MODE has the value \"strict\": correct it or \
             unset it",
        ),
    ] {
        let output = child("policy_and_mode_come_from_the_environment", &variables);
        assert_eq!(said(&output), expected);
    }
}

#[cfg(feature = "tokio")]
#[test]
fn a_process_with_many_listeners_is_warned_once_that_there_is_no_source() {
    use std::net::TcpListener;

    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let missing = toa_core::detect_source(&socket) == toa_core::SourceKind::None;
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
    let warnings = said(&child(test, &[]))
        .matches("no TOA source on this machine")
        .count();
    assert_eq!(warnings, usize::from(missing));
}
