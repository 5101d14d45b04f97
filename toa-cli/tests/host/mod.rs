//! A host for one test: networks, pins and cgroups of its own, so that a source that the
//! machine's owner has loaded is not touched.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    reason = "an unwrap here fails the test that called"
)]

pub(crate) mod exporter;
pub(crate) mod service;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use toa_lab::netns::Namespace;

pub(crate) const TOA: &str = env!("CARGO_BIN_EXE_toa");

pub(crate) fn pins() -> PathBuf {
    PathBuf::from(format!("/sys/fs/bpf/toa-cli-{}", process::id()))
}

/// The command, with pins of the test's own.
pub(crate) fn toa(args: &[&str]) -> Output {
    Command::new(TOA).args(with_pins(args)).output().unwrap()
}

pub(crate) fn with_pins(args: &[&str]) -> Vec<String> {
    let mut args: Vec<String> = args.iter().map(ToString::to_string).collect();
    let with_pins = [
        "diff", "load", "unload", "status", "metrics", "exporter", "report",
    ];
    if with_pins.contains(&args[0].as_str()) {
        args.extend(["--pins".to_owned(), pins().display().to_string()]);
    }
    args
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A command that needs a source says that there is none, and exits with 1.
pub(crate) fn says_that_no_source_is_loaded(command: &str) {
    let none = toa(&[command]);
    assert_eq!(none.status.code(), Some(1));
    assert!(
        stderr(&none).contains("no source is loaded"),
        "{}",
        stderr(&none)
    );
    assert_eq!(stdout(&none), "");
}

pub(crate) struct Host {
    cgroups: PathBuf,
    _namespace: Namespace,
    _alone: MutexGuard<'static, ()>,
}

impl Host {
    pub(crate) fn enter() -> Option<Self> {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let namespace = Namespace::enter_or_skip()?;
        let cgroups = Self::root().join(format!("toa-cli-{}", process::id()));
        fs::create_dir_all(&cgroups).unwrap();
        Some(Self {
            cgroups,
            _namespace: namespace,
            _alone: alone,
        })
    }

    pub(crate) fn root() -> PathBuf {
        ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
            .into_iter()
            .map(PathBuf::from)
            .find(|root| root.join("cgroup.procs").exists())
            .expect("cgroup v2 is mounted")
    }

    /// A cgroup, made if there is none.
    pub(crate) fn cgroup(&self, name: &str) -> PathBuf {
        let cgroup = self.cgroups.join(name);
        fs::create_dir_all(&cgroup).unwrap();
        cgroup
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        toa(&["unload"]);
        remove(&self.cgroups);
    }
}

fn remove(cgroup: &Path) {
    for entry in fs::read_dir(cgroup).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove(&entry.path());
        }
    }
    let _ = fs::remove_dir(cgroup);
}

/// A shell line with this cgroup as the process's own.
pub(crate) fn in_cgroup(cgroup: &Path, line: &str) -> Output {
    let join = format!("echo $$ > '{}/cgroup.procs' && {line}", cgroup.display());
    Command::new("sh").args(["-c", &join]).output().unwrap()
}

/// The command in this cgroup, with pins of the test's own.
pub(crate) fn toa_in(cgroup: &Path, args: &[&str]) -> Output {
    in_cgroup(cgroup, &format!("exec {TOA} {}", with_pins(args).join(" ")))
}
