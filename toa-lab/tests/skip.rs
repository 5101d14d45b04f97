//! A test that is skipped is seen.
//!
//! In a program of its own: a test that drops a cgroup kills the processes that were
//! started in it, the trials of these tests among them.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "an unwrap in a helper fails the test that called"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use toa_lab::sandbox::skip;

/// Not a test: what the others run.
#[test]
#[ignore = "runs for another test"]
fn a_test_without_privileges() {
    skip("this is a trial");
}

/// Runs the trial under the test harness, as `cargo test` would.
fn trial(list: &Path, required: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "a_test_without_privileges"])
        .env("TOA_SKIPPED_TESTS", list)
        .env_remove("RUST_TEST_THREADS")
        .env("TOA_REQUIRE_PRIVILEGED", required)
        .output()
        .unwrap()
}

fn list(name: &str) -> PathBuf {
    let name = format!("toa-lab-skips-{name}-{}", std::process::id());
    std::env::temp_dir().join(name)
}

#[test]
fn a_skip_is_seen_on_the_terminal_and_listed_though_the_test_passes() {
    let list = list("seen");
    let outputs = [trial(&list, ""), trial(&list, "")];
    let listed = fs::read_to_string(&list).unwrap();
    fs::remove_file(&list).unwrap();
    let line = "skip::a_test_without_privileges: this is a trial\n";
    assert_eq!(listed, line.repeat(2));
    for output in outputs {
        assert!(output.status.success(), "{output:?}");
        let shown = String::from_utf8(output.stderr).unwrap();
        assert_eq!(shown, format!("skipped: {line}"));
    }
}

#[test]
fn a_skip_where_none_is_allowed_fails_the_test() {
    let list = list("required");
    let output = trial(&list, "1");
    assert!(!output.status.success() && !list.exists(), "{output:?}");
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("TOA_REQUIRE_PRIVILEGED=1, but this is a trial"));
}
