//! The decision: from what the kernel answered to whom we believe.

use std::io;
use std::net::SocketAddrV6;

use crate::abi::{
    INFO_IMPLAUSIBLE, INFO_INVALID, INFO_TRUST_ENFORCED, INFO_UNTRUSTED, ToaInfo, ToaNat64Peer,
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
        Some(client) if !is_client_address(client.ip()) => Provenance::Invalid,
        // Without the true peer, accept()'s answer may be the client itself, who must
        // not vouch for himself.
        Some(client) if info.peer().is_none() && same(client, accepted) => Provenance::FromAccept,
        Some(client) if policy.trusts(peer, info.has(INFO_TRUST_ENFORCED)) => {
            return ClientAddr::from_toa(client, peer);
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
mod tests {
    use super::*;
    use crate::abi::{INFO_HAS_ADDR, INFO_PEERNAME};
    use crate::trust::TrustedPeers;

    const CLIENT: &str = "[2001:db8::7]:41234";
    const BALANCER: &str = "[::ffff:10.0.0.9]:5000";
    const STRANGER: &str = "[::ffff:203.0.113.9]:5000";

    fn addr(text: &str) -> SocketAddrV6 {
        text.parse().unwrap()
    }

    /// `struct toa_info` byte by byte; the client is [`CLIENT`] where `flags` say that it is set.
    fn info(flags: u32, peer: &str) -> ToaInfo {
        info_of(flags, CLIENT, peer)
    }

    fn info_of(flags: u32, client: &str, peer: &str) -> ToaInfo {
        let (client, peer) = (addr(client), addr(peer));
        let mut bytes = [0; 48];
        bytes[0..2].copy_from_slice(&1u16.to_ne_bytes());
        bytes[4..8].copy_from_slice(&flags.to_ne_bytes());
        if flags & INFO_HAS_ADDR != 0 {
            bytes[8..24].copy_from_slice(&client.ip().octets());
            bytes[40..42].copy_from_slice(&client.port().to_be_bytes());
        }
        bytes[24..40].copy_from_slice(&peer.ip().octets());
        bytes[42..44].copy_from_slice(&peer.port().to_be_bytes());
        ToaInfo::from_bytes(&bytes).unwrap()
    }

    fn third_party(client: &str) -> SourceReply {
        let client = addr(client);
        let mut bytes = [0xaa; 20];
        bytes[..16].copy_from_slice(&client.ip().octets());
        bytes[16..18].copy_from_slice(&client.port().to_be_bytes());
        SourceReply::Peer(ToaNat64Peer::from_bytes(&bytes).unwrap())
    }

    #[test]
    fn every_reply_has_its_client_and_provenance() {
        const OURS: u32 = INFO_TRUST_ENFORCED;
        let default = Policy::new();
        let other = Policy::new().with_trusted_peers("10.9.0.0/16".parse().unwrap());
        let any = Policy::new().with_trusted_peers(TrustedPeers::insecure_any());
        let from_toa = |peer| ClientAddr::from_toa(addr(CLIENT), addr(peer));
        let from_peer = |peer, reason| ClientAddr::from_peer(addr(peer), reason);
        use Provenance::*;
        for (what, reply, accepted, policy, expected) in [
            (
                "ours",
                SourceReply::Info(info(OURS | INFO_HAS_ADDR, BALANCER)),
                BALANCER,
                &default,
                from_toa(BALANCER),
            ),
            (
                "ours, accept() rewritten",
                SourceReply::Info(info(OURS | INFO_HAS_ADDR | INFO_PEERNAME, BALANCER)),
                CLIENT,
                &default,
                from_toa(BALANCER),
            ),
            (
                "ours trusts whom it likes",
                SourceReply::Info(info(OURS | INFO_HAS_ADDR, STRANGER)),
                STRANGER,
                &default,
                from_toa(STRANGER),
            ),
            (
                "a source of ours that leaves trust to us",
                SourceReply::Info(info(INFO_HAS_ADDR, STRANGER)),
                STRANGER,
                &default,
                from_peer(STRANGER, Untrusted),
            ),
            (
                "the code trusts less than the source",
                SourceReply::Info(info(OURS | INFO_HAS_ADDR, BALANCER)),
                BALANCER,
                &other,
                from_peer(BALANCER, Untrusted),
            ),
            (
                "the code's set is held against the true peer",
                SourceReply::Info(info(OURS | INFO_HAS_ADDR | INFO_PEERNAME, BALANCER)),
                CLIENT,
                &other,
                from_peer(BALANCER, Untrusted),
            ),
            (
                "ours, none",
                SourceReply::Info(info(OURS, BALANCER)),
                BALANCER,
                &default,
                from_peer(BALANCER, NotSent),
            ),
            (
                "ours, untrusted",
                SourceReply::Info(info(OURS | INFO_UNTRUSTED, STRANGER)),
                STRANGER,
                &default,
                from_peer(STRANGER, Untrusted),
            ),
            (
                "what the source refused stays refused",
                SourceReply::Info(info(OURS | INFO_UNTRUSTED, STRANGER)),
                STRANGER,
                &any,
                from_peer(STRANGER, Untrusted),
            ),
            (
                "ours, invalid",
                SourceReply::Info(info(OURS | INFO_INVALID, BALANCER)),
                BALANCER,
                &default,
                from_peer(BALANCER, Invalid),
            ),
            (
                "ours, implausible",
                SourceReply::Info(info(OURS | INFO_IMPLAUSIBLE, BALANCER)),
                BALANCER,
                &any,
                from_peer(BALANCER, Implausible),
            ),
            (
                "ours, untrusted before implausible",
                SourceReply::Info(info(OURS | INFO_UNTRUSTED | INFO_IMPLAUSIBLE, STRANGER)),
                STRANGER,
                &any,
                from_peer(STRANGER, Untrusted),
            ),
            (
                "ours, an address that it refused all the same",
                SourceReply::Info(info(OURS | INFO_HAS_ADDR | INFO_UNTRUSTED, BALANCER)),
                BALANCER,
                &any,
                from_peer(BALANCER, Untrusted),
            ),
            (
                "ours, without the true peer, accept() rewritten",
                SourceReply::Info(info(OURS | INFO_HAS_ADDR | INFO_PEERNAME, "[::]:0")),
                CLIENT,
                &any,
                from_peer(CLIENT, FromAccept),
            ),
            (
                "ours, an answer of zeros",
                SourceReply::Info(ToaInfo::default()),
                BALANCER,
                &default,
                from_peer(BALANCER, NotSent),
            ),
            (
                "ours, address of zeros",
                SourceReply::Info(info_of(OURS | INFO_HAS_ADDR, "[::]:41234", BALANCER)),
                BALANCER,
                &default,
                from_peer(BALANCER, Invalid),
            ),
            (
                "third party",
                third_party(CLIENT),
                BALANCER,
                &default,
                from_toa(BALANCER),
            ),
            (
                "third party, stranger",
                third_party(CLIENT),
                STRANGER,
                &default,
                from_peer(STRANGER, Untrusted),
            ),
            (
                "third party, any",
                third_party(CLIENT),
                STRANGER,
                &any,
                from_toa(STRANGER),
            ),
            (
                "third party, zeros",
                third_party("[::]:0"),
                BALANCER,
                &default,
                from_peer(BALANCER, Invalid),
            ),
            (
                "third party, loopback",
                third_party("[::ffff:127.0.0.1]:80"),
                BALANCER,
                &any,
                from_peer(BALANCER, Invalid),
            ),
            (
                "third party, accept() rewritten",
                third_party(CLIENT),
                CLIENT,
                &default,
                from_peer(CLIENT, FromAccept),
            ),
            (
                "third party, none",
                SourceReply::NotSent,
                BALANCER,
                &default,
                from_peer(BALANCER, NotSent),
            ),
            (
                "third party, holds IPv4",
                SourceReply::Accepted,
                STRANGER,
                &default,
                from_peer(STRANGER, FromAccept),
            ),
            (
                "nobody",
                SourceReply::NoSource,
                BALANCER,
                &any,
                from_peer(BALANCER, NoSource),
            ),
            (
                "odd errno",
                SourceReply::Failed(1),
                BALANCER,
                &any,
                from_peer(BALANCER, Failed(1)),
            ),
        ] {
            assert_eq!(reply.decide(addr(accepted), policy), expected, "{what}");
        }
    }
}
