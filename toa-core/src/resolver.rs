//! One question per connection, put to whichever source is there.
//!
//! | what answers on this machine | the question | why |
//! |---|---|---|
//! | one of our sources | 4097 | client, true peer, trust and reason in one call |
//! | a third-party module | 4096 | it knows no other |
//! | nobody so far | 4096 | any source that appears later answers it |
//!
//! When the answer shows that another source is there than before, the same
//! connection is asked again the right way, so that a source that comes, goes or
//! is exchanged costs a second call once and no address. A third-party module is
//! asked for 4097 once a second at most, as that is the one way to notice that
//! ours has taken its place.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Instant;

use crate::abi::{ToaInfo, ToaNat64Peer};
use crate::addr::to_mapped;
use crate::client_addr::ClientAddr;
use crate::count;
use crate::policy::{Answer, Policy};
use crate::sys::{self, AsSocket, BorrowedSocket};

/// What supplies addresses on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum SourceKind {
    /// Nobody: no eBPF program and no module is loaded.
    None = 0,
    /// The eBPF program or the kernel module of this project.
    Own = 1,
    /// A module that knows the 4096 call only.
    ThirdParty = 2,
}

/// Asks who is on the other side of connections, and keeps in mind which source
/// is there to answer. For accept loops that do not use `ToaListener`.
#[derive(Debug)]
pub struct Resolver {
    policy: Policy,
    source: AtomicU8,
    /// Milliseconds after `start` at which a third-party module was last asked for 4097.
    own_sought_at: AtomicU64,
    start: Instant,
}

/// The kernel's answer for one connection, before it is known what `accept()`
/// returned; see [`Resolver::ask`].
#[derive(Clone, Copy, Debug)]
pub struct Pending(Answer);

const SEEK_OWN_EVERY_MS: u64 = 1000;

impl Resolver {
    /// A resolver that does not know yet which source is there; the first
    /// connections, or [`detect`](Self::detect), tell.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self::expecting(SourceKind::None, policy)
    }

    pub(crate) fn expecting(source: SourceKind, policy: Policy) -> Self {
        Self {
            policy,
            source: AtomicU8::new(source as u8),
            own_sought_at: AtomicU64::new(0),
            start: Instant::now(),
        }
    }

    /// Replaces the policy.
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Finds out which source answers, with two calls at most. `socket` is any TCP
    /// socket, a listening one for instance. When there is none the process's first
    /// resolver that notices warns, in a `tracing` event that names the cure; an
    /// application with many listeners is told once.
    pub fn detect(&self, socket: &impl AsSocket) -> SourceKind {
        let found = detect(sys::borrow(socket));
        self.source.store(found as u8, Ordering::Relaxed);
        match found {
            SourceKind::None => warn_of_no_source(),
            SourceKind::Own | SourceKind::ThirdParty => {
                tracing::debug!(source = ?found, "TOA source found");
            }
        }
        found
    }

    /// Which source answered last.
    #[must_use]
    pub fn source(&self) -> SourceKind {
        match self.source.load(Ordering::Relaxed) {
            1 => SourceKind::Own,
            2 => SourceKind::ThirdParty,
            _ => SourceKind::None,
        }
    }

    /// Who is on the other side of `connection`; `accepted` is what `accept()`
    /// returned for it. One system call. With the feature `metrics` the outcome is
    /// counted.
    #[must_use]
    pub fn resolve(&self, connection: &impl AsSocket, accepted: SocketAddr) -> ClientAddr {
        self.complete(self.ask(connection), accepted)
    }

    /// What [`resolve`](Self::resolve) does after the system call: completes what
    /// [`ask`](Self::ask) gave with what `accept()` (or `getpeername()`) returned, by
    /// this resolver's policy. Once per connection, as it counts.
    #[must_use]
    pub fn complete(&self, pending: Pending, accepted: SocketAddr) -> ClientAddr {
        let client = pending.with_accepted(accepted, &self.policy);
        count::connection(client.provenance());
        client
    }

    /// The system call alone, for frameworks that tell `accept()`'s address only
    /// later; [`complete`](Self::complete) takes it. Ask before TLS or another wrapper
    /// hides the socket.
    #[must_use]
    pub fn ask(&self, connection: &impl AsSocket) -> Pending {
        Pending(self.answer(sys::borrow(connection)))
    }

    /// The policy it decides by.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    fn answer(&self, connection: BorrowedSocket<'_>) -> Answer {
        let source = self.source();
        let seek_own = match source {
            SourceKind::None => false,
            SourceKind::Own => true,
            SourceKind::ThirdParty => self.time_to_seek_own(),
        };
        if seek_own && let Ok(info) = sys::ask::<ToaInfo>(connection) {
            return self.found(SourceKind::Own, Answer::Info(info));
        }
        let answer = third_party_answer(sys::ask::<ToaNat64Peer>(connection));
        match (answer, source) {
            (Answer::NoSource, _) => self.found(SourceKind::None, answer),
            (Answer::Failed(_), _) => answer,
            (_, SourceKind::None) => match sys::ask::<ToaInfo>(connection) {
                Ok(info) => self.found(SourceKind::Own, Answer::Info(info)),
                Err(_) => self.found(SourceKind::ThirdParty, answer),
            },
            _ => self.found(SourceKind::ThirdParty, answer),
        }
    }

    fn found(&self, source: SourceKind, answer: Answer) -> Answer {
        if self.source.swap(source as u8, Ordering::Relaxed) != source as u8 {
            tracing::info!(?source, "another TOA source answers now");
        }
        answer
    }

    fn time_to_seek_own(&self) -> bool {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let last = self.own_sought_at.load(Ordering::Relaxed);
        now.saturating_sub(last) >= SEEK_OWN_EVERY_MS
            && self
                .own_sought_at
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new(Policy::default())
    }
}

impl Pending {
    /// Completes the answer with what `accept()` (or `getpeername()`) returned.
    #[must_use]
    pub fn with_accepted(self, accepted: SocketAddr, policy: &Policy) -> ClientAddr {
        self.0.decide(to_mapped(accepted), policy)
    }

    /// The true TCP peer, where the source told it.
    #[must_use]
    pub fn peer(&self) -> Option<std::net::SocketAddrV6> {
        match self.0 {
            Answer::Info(info) => info.peer(),
            _ => None,
        }
    }
}

fn warn_of_no_source() {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if !WARNED.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            "no TOA source on this machine, so clients appear with the balancer's address: \
             run `toa load` as root or load the toa kernel module; no restart is needed then"
        );
    }
}

/// Which source answers on this machine, asked through any TCP socket.
#[must_use]
pub fn detect_source(socket: &impl AsSocket) -> SourceKind {
    detect(sys::borrow(socket))
}

fn detect(socket: BorrowedSocket<'_>) -> SourceKind {
    if sys::ask::<ToaInfo>(socket).is_ok() {
        return SourceKind::Own;
    }
    match third_party_answer(sys::ask::<ToaNat64Peer>(socket)) {
        Answer::NoSource | Answer::Failed(_) => SourceKind::None,
        _ => SourceKind::ThirdParty,
    }
}

/// What the 4096 call's outcome means, of our sources and of the modules in use.
fn third_party_answer(outcome: io::Result<ToaNat64Peer>) -> Answer {
    let error = match outcome {
        Ok(peer) => return Answer::Peer(peer),
        Err(error) => error,
    };
    match error.raw_os_error() {
        _ if no_such_call(&error) => Answer::NoSource,
        Some(libc::EINVAL | libc::ENOTCONN) => Answer::NotSent,
        Some(libc::EFAULT) => Answer::Accepted,
        _ => Answer::failed(&error),
    }
}

fn no_such_call(error: &io::Error) -> bool {
    error.raw_os_error() == sys::no_such_option().raw_os_error()
}

#[cfg(test)]
mod injection;
#[cfg(test)]
mod tests;
