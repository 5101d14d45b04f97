//! The accept loop: errors of peers are passed over, exhaustion is waited out.

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::accept_error::{Remedy, remedy};

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
            match remedy(&error) {
                Remedy::Retry => {
                    tracing::debug!(%error, "a connection was lost before it was accepted");
                    lost = lost.wrapping_add(1);
                    if lost.is_multiple_of(LOST_IN_A_ROW) {
                        tokio::time::sleep(PAUSE).await;
                    }
                }
                Remedy::BackOff => {
                    if !self.exhausted.swap(true, Ordering::Relaxed) {
                        tracing::error!(
                            %error,
                            "cannot accept connections for now, trying again: raise the limit on \
                             open files (ulimit -n, LimitNOFILE=) if this is EMFILE"
                        );
                    }
                    tokio::time::sleep(BACK_OFF).await;
                }
                Remedy::Fail => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests;
