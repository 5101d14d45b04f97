//! The accept loop: errors of peers are passed over, exhaustion is waited out.

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long to wait when descriptors or memory have run out.
const BACK_OFF: Duration = Duration::from_millis(500);

/// After so many lost connections in a row others get their turn: an error that
/// never ends, a security module's refusal for instance, must not take a whole core.
const LOST_IN_A_ROW: u32 = 64;
const PAUSE: Duration = Duration::from_millis(1);

/// What a listener remembers from one `accept()` to the next, so that a cancelled
/// one does not begin to log anew.
#[derive(Debug, Default)]
pub(crate) struct Accepting {
    exhausted: AtomicBool,
}

impl Accepting {
    /// The next connection that `accept` gives. Nothing is awaited once there is one.
    pub(crate) async fn next<T, F>(&self, mut accept: impl FnMut() -> F) -> io::Result<T>
    where
        F: Future<Output = io::Result<T>>,
    {
        let mut lost: u32 = 0;
        loop {
            let error = match accept().await {
                Ok(accepted) => {
                    self.exhausted.store(false, Ordering::Relaxed);
                    return Ok(accepted);
                }
                Err(error) => error,
            };
            match action(&error) {
                AcceptErrorAction::Retry => {
                    tracing::debug!(%error, "a connection was lost before it was accepted");
                    lost = lost.wrapping_add(1);
                    if lost.is_multiple_of(LOST_IN_A_ROW) {
                        tokio::time::sleep(PAUSE).await;
                    }
                }
                AcceptErrorAction::BackOff => {
                    if !self.exhausted.swap(true, Ordering::Relaxed) {
                        tracing::error!(
                            %error,
                            "cannot accept connections for now, trying again: raise the limit on \
                             open files (ulimit -n, LimitNOFILE=) if this is EMFILE"
                        );
                    }
                    tokio::time::sleep(BACK_OFF).await;
                }
                AcceptErrorAction::Fail => return Err(error),
            }
        }
    }
}

/// What to do after `accept()` failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AcceptErrorAction {
    /// One peer's connection is lost; the next may be fine.
    Retry,
    /// The process or the machine has run out of something: wait for it.
    BackOff,
    /// The listener is unusable.
    Fail,
}

/// accept(2) passes pending errors of the new connection on as its own, so an
/// error is the listener's only where it cannot be a peer's.
fn action(error: &io::Error) -> AcceptErrorAction {
    use AcceptErrorAction::{BackOff, Fail, Retry};
    use io::ErrorKind as Kind;
    match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => BackOff,
        Some(libc::EBADF | libc::EFAULT | libc::EINVAL | libc::ENOTSOCK) => Fail,
        // EOPNOTSUPP means "not a listening stream socket" and also comes from
        // the network; a peer's passes, the listener's comes again: back off.
        #[cfg(unix)]
        Some(libc::EOPNOTSUPP) => BackOff,
        Some(_) => Retry,
        None => match error.kind() {
            Kind::ConnectionAborted | Kind::ConnectionReset | Kind::Interrupted => Retry,
            _ => Fail,
        },
    }
}

#[cfg(test)]
mod tests;
