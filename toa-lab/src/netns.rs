//! A network namespace for a test of its own.

use std::fs::File;
use std::io;
use std::marker::PhantomData;

use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, setns, unshare};

use crate::netlink;
use crate::skip::or_skip;

/// While it lives, the calling thread is in a new network namespace in which
/// only the loopback device exists, up. Threads and programs that the thread
/// starts meanwhile are in the namespace too and stay there; sockets and devices
/// belong to the namespace they were made in. The kernel removes the namespace
/// when nothing uses it any more.
#[derive(Debug)]
pub struct Namespace {
    home: File,
    // A namespace belongs to a thread.
    _not_send: PhantomData<*const ()>,
}

impl Namespace {
    /// Enters a new network namespace.
    ///
    /// # Errors
    ///
    /// Mostly that the process has no CAP_SYS_ADMIN.
    pub fn enter() -> io::Result<Namespace> {
        let home = File::open("/proc/thread-self/ns/net")?;
        unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| {
            let error = io::Error::from(errno);
            io::Error::new(
                error.kind(),
                format!("cannot make a network namespace, which takes CAP_SYS_ADMIN: {error}"),
            )
        })?;
        let namespace = Namespace {
            home,
            _not_send: PhantomData,
        };
        netlink::set_up(if_nametoindex("lo")?)?;
        Ok(namespace)
    }

    /// The same for a test that may run without privileges: `None` after a
    /// [`skip`](crate::sandbox::skip).
    ///
    /// # Panics
    ///
    /// As [`skip`](crate::sandbox::skip).
    #[must_use]
    pub fn enter_or_skip() -> Option<Namespace> {
        or_skip(Namespace::enter())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(error) = setns(&self.home, CloneFlags::CLONE_NEWNET) {
            tracing::error!(%error, "this thread is stuck in the network namespace of a test");
        }
    }
}
