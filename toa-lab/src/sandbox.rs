//! Where a test that needs privileges runs.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::cgroup::Cgroup;
use crate::netns::Namespace;
use crate::skip::or_skip;
pub use crate::skip::skip;

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
