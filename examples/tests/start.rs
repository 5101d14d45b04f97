//! How the programs start, and how they say that they cannot.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The examples, built by `cargo test` beside this test.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(Path::parent).unwrap();
    target.join("examples").join(name)
}

/// Runs an example that cannot listen, so it loads nothing and ends by itself.
fn start_in_vain(name: &str, addr: &str) -> Output {
    Command::new(example(name))
        .arg(addr)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn a_port_that_is_taken_is_named_before_anything_is_said_to_try() {
    let other = TcpListener::bind("[::1]:0").unwrap();
    let addr = other.local_addr().unwrap().to_string();
    for name in [
        "axum_demo",
        "actix_demo",
        "hyper_demo",
        "tonic_demo",
        "axum_bare",
    ] {
        let output = start_in_vain(name, &addr);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{name}");
        assert!(
            error.contains(&format!("cannot listen on {addr}: name another address")),
            "{name}: {error}"
        );
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "", "{name}");
    }
}

#[test]
fn an_address_that_is_none_is_quoted() {
    let output = start_in_vain("axum_demo", "3000");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("\"3000\" is not an address to listen on: give one such as [::]:3000"),
        "{error}"
    );
}

#[test]
fn a_log_that_goes_to_no_terminal_has_no_colours() {
    const CHILD: &str = "TOA_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        toa_examples::log_to_stderr();
        tracing::info!("logged");
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("a_log_that_goes_to_no_terminal_has_no_colours")
        .env(CHILD, "1")
        .env_remove("RUST_LOG")
        .env_remove("NO_COLOR")
        .output()
        .unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(
        log.contains("INFO start: logged") && !log.contains('\u{1b}'),
        "{log:?}"
    );
}
