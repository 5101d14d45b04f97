//! A network namespace for a test of its own.

use std::fs::File;
use std::io;
use std::marker::PhantomData;

use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, setns, unshare};

use crate::netlink;

/// While it lives, the calling thread is in a fresh network namespace in which
/// only the loopback device exists, up. Threads and programs that it starts
/// then are in there too and stay there; sockets and devices belong to the
/// namespace they were made in. The last one out takes it all away.
#[derive(Debug)]
pub struct Namespace {
    home: File,
    // A namespace belongs to a thread.
    _not_send: PhantomData<*const ()>,
}

impl Namespace {
    /// Goes there.
    ///
    /// # Errors
    ///
    /// Mostly that the process has no CAP_SYS_ADMIN.
    pub fn enter() -> io::Result<Namespace> {
        let home = File::open("/proc/thread-self/ns/net")?;
        unshare(CloneFlags::CLONE_NEWNET)?;
        let namespace = Namespace {
            home,
            _not_send: PhantomData,
        };
        netlink::set_up(if_nametoindex("lo")?)?;
        Ok(namespace)
    }

    /// The same for a test that may run without privileges: it prints
    /// "skipped: " and the reason, and gives `None`.
    ///
    /// # Panics
    ///
    /// When it would skip although the environment has `TOA_REQUIRE_PRIVILEGED=1`.
    #[must_use]
    pub fn enter_or_skip() -> Option<Namespace> {
        let tun = File::options().read(true).write(true).open("/dev/net/tun");
        let namespace = Namespace::enter();
        let why = match (tun, namespace) {
            (Ok(_), Ok(namespace)) => return Some(namespace),
            (_, Err(error)) => format!("cannot make a network namespace: {error}"),
            (Err(error), _) => format!("cannot open /dev/net/tun: {error}"),
        };
        let required = std::env::var_os("TOA_REQUIRE_PRIVILEGED").is_some_and(|value| value == "1");
        assert!(!required, "TOA_REQUIRE_PRIVILEGED=1, but {why}");
        println!("skipped: {why}");
        None
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(error) = setns(&self.home, CloneFlags::CLONE_NEWNET) {
            tracing::error!(%error, "this thread is stuck in the network namespace of a test");
        }
    }
}
