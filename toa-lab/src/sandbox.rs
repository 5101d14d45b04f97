//! Where a test that needs privileges runs, and what it says when it cannot.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::cgroup::Cgroup;
use crate::netns::Namespace;

/// A [`Namespace`] that the calling thread is in, and a [`Cgroup`] beside it:
/// neither the machine's network nor other programs on it notice the test. Both
/// end when this is dropped, also when the test panics.
///
/// The process itself stays in its own cgroup until it
/// [joins](Cgroup::join) this one. Since a process has only one, there is one
/// sandbox at a time in a process: the next [`enter`](Self::enter) waits.
#[derive(Debug)]
pub struct Sandbox {
    cgroup: Cgroup,
    _namespace: Namespace,
    _only_one: MutexGuard<'static, ()>,
}

impl Sandbox {
    /// Makes both, and enters the namespace.
    ///
    /// # Errors
    ///
    /// Mostly that the process has no CAP_SYS_ADMIN; else what is missing.
    pub fn enter() -> io::Result<Sandbox> {
        static ONLY_ONE: Mutex<()> = Mutex::new(());
        let only_one = ONLY_ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let namespace = Namespace::enter()?;
        Ok(Sandbox {
            cgroup: Cgroup::create()?,
            _namespace: namespace,
            _only_one: only_one,
        })
    }

    /// The same for a test that may run without privileges: `None` after a
    /// [`skip`].
    ///
    /// # Panics
    ///
    /// As [`skip`].
    #[must_use]
    pub fn enter_or_skip() -> Option<Sandbox> {
        or_skip(Sandbox::enter())
    }

    /// The cgroup, for a source that shall cover this test alone.
    #[must_use]
    pub fn cgroup(&self) -> &Cgroup {
        &self.cgroup
    }

    /// Writes a setting of the network namespace, such as `net/ipv4/tcp_syncookies`.
    ///
    /// # Errors
    ///
    /// The kernel does not know it, or refuses the value.
    pub fn sysctl(&self, name: &str, value: &str) -> io::Result<()> {
        fs::write(Path::new("/proc/sys").join(name), value).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("cannot set {name} to {value}: {error}"),
            )
        })
    }
}

/// What was entered, if the machine has TUN devices too; else a skip.
pub(crate) fn or_skip<T>(entered: io::Result<T>) -> Option<T> {
    let tun = File::options().read(true).write(true).open("/dev/net/tun");
    match (entered, tun) {
        (Ok(entered), Ok(_)) => return Some(entered),
        (Err(error), _) => skip(&error.to_string()),
        (_, Err(error)) => skip(&format!("cannot open /dev/net/tun: {error}")),
    }
    None
}

/// Says that the calling test does not run, and why: on standard error, past the
/// test harness, which hides what a passing test prints; and as a line of the
/// file that `TOA_SKIPPED_TESTS` names, for whoever runs all tests to count.
///
/// # Panics
///
/// When the environment has `TOA_REQUIRE_PRIVILEGED=1`: then nothing may be skipped.
pub fn skip(why: &str) {
    let required = std::env::var_os("TOA_REQUIRE_PRIVILEGED").is_some_and(|value| value == "1");
    assert!(!required, "TOA_REQUIRE_PRIVILEGED=1, but {why}");
    let line = format!("{}: {why}\n", test_name());
    // The harness captures the print macros only, not the stream itself.
    let _ = io::stderr().write_all(format!("skipped: {line}").as_bytes());
    let Some(list) = std::env::var_os("TOA_SKIPPED_TESTS") else {
        return;
    };
    // One write, so that lines of tests at the same time do not mix.
    let added = File::options()
        .append(true)
        .create(true)
        .open(&list)
        .and_then(|mut file| file.write_all(line.as_bytes()));
    if let Err(error) = added {
        panic!("cannot write TOA_SKIPPED_TESTS={}: {error}", list.display());
    }
}

/// `program::test`. The harness names a test's thread after the test, and cargo adds a
/// hash to the name of the program.
fn test_name() -> String {
    let program = std::env::current_exe().unwrap_or_default();
    let program = program.file_stem().unwrap_or_default().to_string_lossy();
    let program = program.rsplit_once('-').map_or(&*program, |(name, _)| name);
    let thread = std::thread::current();
    format!("{program}::{}", thread.name().unwrap_or("a test"))
}
