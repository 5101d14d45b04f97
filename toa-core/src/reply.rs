//! The decision: from what the kernel answered to whom we believe.

use std::io;
use std::net::SocketAddrV6;

use crate::abi::{
    INFO_FOREIGN, INFO_IMPLAUSIBLE, INFO_INVALID, INFO_TRUST_ENFORCED, INFO_UNTRUSTED, ToaInfo,
    ToaNat64Peer,
};
use crate::client_addr::{ClientAddr, Provenance};
use crate::option::is_client_address;
use crate::policy::Policy;
use crate::sys;

/// What a source said about one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceReply {
    /// One of our sources.
    Info(ToaInfo),
    /// A third-party module that has an address.
    Peer(ToaNat64Peer),
    /// A third-party module that has none.
    NotSent,
    /// A third-party module that has put the client into `accept()`'s answer.
    Accepted,
    /// Nobody answers.
    NoSource,
    /// An errno that no source gives, 0 for a broken answer.
    Failed(i32),
}

impl SourceReply {
    /// What the outcome of the 4096 call means, of our sources and of the modules in use.
    pub(crate) fn from_lookup(outcome: io::Result<ToaNat64Peer>) -> Self {
        let error = match outcome {
            Ok(peer) => return Self::Peer(peer),
            Err(error) => error,
        };
        match error.raw_os_error() {
            Some(libc::EINVAL | libc::ENOTCONN) => Self::NotSent,
            Some(libc::EFAULT) => Self::Accepted,
            _ => Self::from_error(&error),
        }
    }

    /// An error that says nothing of the connection.
    pub(crate) fn from_error(error: &io::Error) -> Self {
        match error.raw_os_error() {
            code if code == sys::no_such_option().raw_os_error() => Self::NoSource,
            code => Self::Failed(code.unwrap_or(0)),
        }
    }

    /// The true TCP peer, where the source told it.
    pub(crate) fn peer(&self) -> Option<SocketAddrV6> {
        match self {
            Self::Info(info) => info.peer(),
            _ => None,
        }
    }

    /// Whom the reply makes the client. `accepted` is what `accept()` returned.
    pub(crate) fn decide(self, accepted: SocketAddrV6, policy: &Policy) -> ClientAddr {
        let peer = |reason| ClientAddr::from_peer(accepted, reason);
        match self {
            Self::Info(info) => decide_info(&info, accepted, policy),
            Self::Peer(answer) => {
                let client = answer.client();
                if !is_client_address(client.ip()) {
                    peer(Provenance::Invalid)
                } else if same(client, accepted) {
                    peer(Provenance::FromAccept)
                } else if policy.trusts(accepted, false) {
                    ClientAddr::from_toa(client, accepted)
                } else {
                    peer(Provenance::Untrusted)
                }
            }
            Self::NotSent => peer(Provenance::NotSent),
            Self::Accepted => peer(Provenance::FromAccept),
            Self::NoSource => peer(Provenance::NoSource),
            Self::Failed(errno) => peer(Provenance::Failed(errno)),
        }
    }
}

fn decide_info(info: &ToaInfo, accepted: SocketAddrV6, policy: &Policy) -> ClientAddr {
    // accept() may already show the client; the source knows the true peer.
    let peer = match info.peer() {
        Some(peer) if !same(peer, accepted) => peer,
        // The same address: keep accept()'s form, which has the scope of a
        // link-local one.
        _ => accepted,
    };
    let reason = match info.client() {
        // Whatever else stands there: refused is refused.
        _ if info.has(INFO_UNTRUSTED) => Provenance::Untrusted,
        _ if info.has(INFO_IMPLAUSIBLE) => Provenance::Implausible,
        _ if info.has(INFO_INVALID) => Provenance::Invalid,
        _ if info.has(INFO_FOREIGN) => Provenance::Foreign,
        Some(client) if !is_client_address(client.ip()) => Provenance::Invalid,
        // Without the true peer, accept()'s answer may be the client itself, who must
        // not vouch for himself.
        Some(client) if info.peer().is_none() && same(client, accepted) => Provenance::FromAccept,
        Some(client) if policy.trusts(peer, info.has(INFO_TRUST_ENFORCED)) => {
            return ClientAddr::from_toa(client, peer).with_virtual_addr(info.virtual_addr());
        }
        Some(_) => Provenance::Untrusted,
        None => Provenance::NotSent,
    };
    ClientAddr::from_peer(peer, reason)
}

fn same(a: SocketAddrV6, b: SocketAddrV6) -> bool {
    a.ip() == b.ip() && a.port() == b.port()
}

#[cfg(test)]
mod tests;
