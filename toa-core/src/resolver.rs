//! One question per connection, put to whichever source is there.
//!
//! | what is known to answer | the question | why |
//! |---|---|---|
//! | one of our sources | 4097 | client, true peer, trust and reason in one call |
//! | a third-party module | 4096 | it knows no other; 4097 is tried once a second, so that ours is noticed when it takes over |
//! | nobody | 4097 | ours answers even a connection without an option, so it is noticed at once; 4096 is tried once a second for a third-party module |
//!
//! So a connection costs one system call, and once a second, where none of ours answers,
//! one of them costs two. Where nobody answers, reading the SYN ([`SavedSyn`]) is one more.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Instant;

use socket2::SockRef;

use crate::abi::{SOURCE_MODULE, ToaInfo, ToaNat64Peer};
use crate::addr::to_mapped;
use crate::client_addr::ClientAddr;
use crate::count;
use crate::policy::Policy;
use crate::reply::SourceReply;
use crate::saved_syn::SavedSyn;
use crate::sys::{self, AsSocket, BorrowedSocket};

/// Who answers for TOA on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceKind {
    /// Nobody: no eBPF program and no module is loaded.
    Absent,
    /// The eBPF program of this project.
    Ebpf,
    /// The kernel module of this project.
    Module,
    /// A module that knows the 4096 call only.
    ThirdParty,
}

/// Asks who is on the other side of connections. It finds out by itself which source is
/// there, and notices when one comes, goes or takes the place of another.
///
/// For accept loops that do not use `ToaListener`; one for each listener.
///
/// ```no_run
/// # fn run(listener: std::net::TcpListener) -> std::io::Result<()> {
/// let resolver = toa_core::Resolver::new();
/// loop {
///     let (stream, peer) = listener.accept()?;
///     println!("{}", resolver.resolve(&stream, peer));
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Resolver {
    policy: Policy,
    saved_syn: Option<SavedSyn>,
    /// A [`SourceKind`] as a number, or [`UNKNOWN`].
    source: AtomicU8,
    start: Instant,
    /// Milliseconds after `start` from which the other question may be put as well.
    ask_both_from: AtomicU64,
}

/// Nobody has been asked yet.
const UNKNOWN: u8 = u8::MAX;

const ASK_BOTH_EVERY_MS: u64 = 1000;

impl Resolver {
    /// A resolver with the default [`Policy`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            policy: Policy::new(),
            saved_syn: None,
            source: AtomicU8::new(UNKNOWN),
            start: Instant::now(),
            ask_both_from: AtomicU64::new(0),
        }
    }

    /// Replaces the policy.
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Reads the option in the SYN of `listener`'s connections where no source answers; the
    /// kernel keeps their SYNs from now on. [`SavedSyn::keep`] is for further listeners.
    ///
    /// # Errors
    /// Those of [`SavedSyn::keep`].
    pub fn with_saved_syn(
        mut self,
        saved_syn: SavedSyn,
        listener: &impl AsSocket,
    ) -> io::Result<Self> {
        SavedSyn::keep(listener)?;
        self.saved_syn = Some(saved_syn);
        Ok(self)
    }

    /// The policy it decides by.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Which source answered last; [`Absent`](SourceKind::Absent) before the first
    /// question.
    #[must_use]
    pub fn source(&self) -> SourceKind {
        SourceKind::from_number(self.source.load(Ordering::Relaxed))
    }

    /// Who is on the other side of `connection`; `accepted` is what `accept()` returned
    /// for it. One system call, two at most once a second where no source of
    /// ours answers. With the feature `metrics` the outcome is counted.
    ///
    /// Ask before TLS or another wrapper hides the socket.
    #[must_use]
    pub fn resolve(&self, connection: &impl AsSocket, accepted: SocketAddr) -> ClientAddr {
        let connection = sys::borrow(connection);
        self.decide(self.ask(connection), connection, accepted)
    }

    /// [`resolve`](Self::resolve) for frameworks that hand over the socket without what
    /// `accept()` returned. Where the source does not tell the peer, which ours do,
    /// `getpeername()` is a further call.
    ///
    /// # Errors
    /// When not even the peer is known: the connection is gone already, or not TCP.
    pub fn resolve_connected(&self, connection: &impl AsSocket) -> io::Result<ClientAddr> {
        let reply = self.ask(sys::borrow(connection));
        let peer = match reply.peer() {
            Some(peer) => peer.into(),
            None => peer_of(connection)?,
        };
        Ok(self.decide(reply, sys::borrow(connection), peer))
    }

    /// Asks through a socket without a connection, a listening one for instance, which
    /// source is there. When there is none the process's first resolver that notices
    /// warns, in a `tracing` event that names the cure.
    pub fn detect(&self, socket: &impl AsSocket) -> SourceKind {
        self.ask(sys::borrow(socket));
        self.source()
    }

    fn decide(
        &self,
        reply: SourceReply,
        connection: BorrowedSocket<'_>,
        accepted: SocketAddr,
    ) -> ClientAddr {
        let accepted = to_mapped(accepted);
        let client = match (&self.saved_syn, reply) {
            (Some(saved_syn), SourceReply::NoSource) => {
                saved_syn.ask(connection, accepted, &self.policy)
            }
            _ => reply.decide(accepted, &self.policy),
        };
        count::connection(client.provenance());
        client
    }

    fn ask(&self, socket: BorrowedSocket<'_>) -> SourceReply {
        let known = self.source.load(Ordering::Relaxed);
        let third_party = known == SourceKind::ThirdParty as u8;
        // A source of ours that has gone may have made room for a third-party module.
        let ours = matches!(
            SourceKind::from_number(known),
            SourceKind::Ebpf | SourceKind::Module
        );
        let both = ours || self.may_ask_both();
        if both || !third_party {
            match sys::ask::<ToaInfo>(socket) {
                Ok(info) => return self.found(SourceKind::of(&info), SourceReply::Info(info)),
                Err(error) if !both => return SourceReply::from_error(&error),
                Err(_) => {}
            }
        }
        let reply = SourceReply::from_lookup(sys::ask::<ToaNat64Peer>(socket));
        match reply {
            SourceReply::NoSource => self.found(SourceKind::Absent, reply),
            SourceReply::Failed(_) => reply,
            _ => self.found(SourceKind::ThirdParty, reply),
        }
    }

    /// Whether the second question's time has come; then it comes again in a second.
    fn may_ask_both(&self) -> bool {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let from = self.ask_both_from.load(Ordering::Relaxed);
        let next = now.saturating_add(ASK_BOTH_EVERY_MS);
        now >= from
            && self
                .ask_both_from
                .compare_exchange(from, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    fn found(&self, source: SourceKind, reply: SourceReply) -> SourceReply {
        let before = self.source.swap(source as u8, Ordering::Relaxed);
        if before != source as u8 {
            if before != UNKNOWN {
                tracing::info!("another TOA source answers now: {source}");
            } else if source == SourceKind::Absent && self.saved_syn.is_some() {
                tracing::info!("no TOA source answers here: the option is read in the SYN");
            } else if source == SourceKind::Absent {
                warn_of_no_source();
            } else {
                tracing::debug!("the TOA source here is {source}");
            }
        }
        reply
    }
}

impl From<Policy> for Resolver {
    fn from(policy: Policy) -> Self {
        Self::new().with_policy(policy)
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new()
    }
}

impl SourceKind {
    fn of(info: &ToaInfo) -> Self {
        match info.source() {
            SOURCE_MODULE => Self::Module,
            _ => Self::Ebpf,
        }
    }

    const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Ebpf,
            2 => Self::Module,
            3 => Self::ThirdParty,
            _ => Self::Absent,
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "none",
            Self::Ebpf => "the eBPF program",
            Self::Module => "the kernel module",
            Self::ThirdParty => "a third-party module",
        })
    }
}

const _: () = {
    assert!(SourceKind::Absent as u8 == 0 && SourceKind::Ebpf as u8 == 1);
    assert!(SourceKind::Module as u8 == 2 && SourceKind::ThirdParty as u8 == 3);
};

fn peer_of(connection: &impl AsSocket) -> io::Result<SocketAddr> {
    let peer = SockRef::from(connection).peer_addr()?;
    peer.as_socket().ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::Unsupported,
            "not a tcp socket: it has no ip peer",
        )
    })
}

/// An application with many listeners is told once.
fn warn_of_no_source() {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if !WARNED.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            "no TOA source answers here, so clients appear with the balancer's address: run \
             `toa load` as root or load the toa kernel module; no restart is needed then"
        );
    }
}

/// Which source answers here, asked through a TCP socket without a connection; for tools.
#[must_use]
pub fn detect_source(socket: &impl AsSocket) -> SourceKind {
    if let Ok(info) = source_info(socket) {
        return SourceKind::of(&info);
    }
    match SourceReply::from_lookup(sys::ask(sys::borrow(socket))) {
        SourceReply::Peer(_) | SourceReply::NotSent => SourceKind::ThirdParty,
        // Also after EFAULT, by which a module says that accept() has returned the client:
        // without a connection it is the verdict of another eBPF program, which Linux before
        // 5.18 makes an EFAULT of.
        _ => SourceKind::Absent,
    }
}

/// The raw answer of one of our sources about `socket`, any TCP socket; for tools.
///
/// # Errors
/// The kernel's: ENOPROTOOPT where no source of ours answers.
pub fn source_info(socket: &impl AsSocket) -> io::Result<ToaInfo> {
    sys::ask(sys::borrow(socket))
}

#[cfg(test)]
mod injection;
#[cfg(test)]
mod tests;
