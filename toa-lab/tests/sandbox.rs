//! The sandbox leaves nothing behind, however its test ends.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "an unwrap in a helper fails the test that called"
)]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use toa_lab::cgroup;
use toa_lab::sandbox::Sandbox;

/// Whether this process is in that cgroup, or in one below it.
fn is_in(cgroup: &Path) -> bool {
    let name = cgroup.file_name().unwrap().to_str().unwrap();
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    own.contains(name)
}

#[test]
fn a_joined_cgroup_is_left_and_removed_with_all_that_is_in_it() {
    let Some(sandbox) = Sandbox::enter_or_skip() else {
        return;
    };
    let path = sandbox.cgroup().path().to_owned();
    assert!(path.is_dir() && !is_in(&path));
    sandbox.cgroup().join().unwrap();
    assert!(is_in(&path));
    let inner = path.join("inner");
    fs::create_dir(&inner).unwrap();
    let mut child = Command::new("sleep")
        .arg("600")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    fs::write(inner.join("cgroup.procs"), child.id().to_string()).unwrap();

    drop(sandbox);
    assert!(!path.exists() && !is_in(&path));
    assert!(!child.wait().unwrap().success(), "it was killed");
}

#[test]
fn a_panic_removes_the_cgroup_and_lets_the_next_sandbox_in() {
    let mut path = PathBuf::new();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let Some(sandbox) = Sandbox::enter_or_skip() else {
            return;
        };
        sandbox.cgroup().join().unwrap();
        path = sandbox.cgroup().path().to_owned();
        panic!("as a failing test does");
    }));
    if panicked.is_ok() {
        return;
    }
    assert!(!path.as_os_str().is_empty() && !path.exists() && !is_in(&path));
    let again = Sandbox::enter().unwrap();
    assert_ne!(again.cgroup().path(), path);
}

#[test]
fn an_ending_process_removes_all_its_cgroups() {
    let Some(sandbox) = Sandbox::enter_or_skip() else {
        return;
    };
    let second = cgroup::Cgroup::create().unwrap();
    second.join().unwrap();
    cgroup::remove_all();
    for path in [sandbox.cgroup().path(), second.path()] {
        assert!(!path.exists() && !is_in(path), "{}", path.display());
    }
}

#[test]
fn sockets_of_the_machine_are_out_of_reach() {
    let Some(sandbox) = Sandbox::enter_or_skip() else {
        return;
    };
    let devices = fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let names = devices.lines().filter_map(|line| line.split_once(':'));
    assert_eq!(
        names.map(|(name, _)| name.trim()).collect::<Vec<_>>(),
        ["lo"]
    );
    let somaxconn = "net/core/somaxconn";
    sandbox.sysctl(somaxconn, "77").unwrap();
    let seen = fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    assert_eq!(seen.trim(), "77");
    drop(sandbox);
    let outside = fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    assert_ne!(outside.trim(), "77");
}
