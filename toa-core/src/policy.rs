//! The decision: from what the kernel answered to whom we believe.

use std::io;
use std::net::{IpAddr, SocketAddrV6};

use crate::abi::{INFO_INVALID, INFO_TRUST_ENFORCED, INFO_UNTRUSTED, ToaInfo, ToaNat64Peer};
use crate::client_addr::{ClientAddr, Provenance};
use crate::option::is_client_address;
use crate::trust::TrustedPeers;

/// Which peers the library believes, on top of what the source refuses.
///
/// By default a source that enforces trust itself (ours do) is taken at its
/// word, and behind any other the TCP peer must be in
/// [private space](TrustedPeers::private).
///
/// Parses from `source`, the default, or from what [`TrustedPeers`] parses from:
/// `private`, `any`, `none` or CIDRs. [`from_env`](Self::from_env) reads it from the
/// environment, and with the feature `serde` it is part of a configuration file.
///
/// ```
/// use toa_core::Policy;
///
/// let policy: Policy = "10.1.0.0/16, fd00::7".parse()?;
/// assert_eq!(policy, Policy::new().with_trusted_peers("10.1.0.0/16, fd00::7".parse()?));
/// assert_eq!("source".parse(), Ok(Policy::new()));
/// assert!("10.1.0.0/99".parse::<Policy>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    trusted: Option<TrustedPeers>,
}

impl Policy {
    /// The default: the source's word, else private space.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Believes `peers` alone, whatever the source enforces. It can only narrow
    /// what one of our sources lets through: what the source refused stays refused.
    #[must_use]
    pub fn with_trusted_peers(mut self, peers: TrustedPeers) -> Self {
        self.trusted = Some(peers);
        self
    }

    /// The peers that alone are believed, if there are such.
    #[must_use]
    pub const fn trusted_peers(&self) -> Option<&TrustedPeers> {
        self.trusted.as_ref()
    }

    /// Whether the library lets this `peer` speak for a client.
    fn trusts(&self, peer: SocketAddrV6, enforced_by_source: bool) -> bool {
        let peer = IpAddr::V6(*peer.ip());
        match &self.trusted {
            Some(peers) => peers.contains(peer),
            None => enforced_by_source || private().contains(peer),
        }
    }
}

fn private() -> &'static TrustedPeers {
    static PRIVATE: std::sync::LazyLock<TrustedPeers> =
        std::sync::LazyLock::new(TrustedPeers::private);
    &PRIVATE
}

/// What a source said about one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
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

impl Answer {
    pub(crate) fn failed(error: &io::Error) -> Self {
        Self::Failed(error.raw_os_error().unwrap_or(0))
    }

    /// The answer's consequence. `accepted` is what `accept()` returned.
    pub(crate) fn decide(self, accepted: SocketAddrV6, policy: &Policy) -> ClientAddr {
        let peer = |reason| ClientAddr::from_peer(accepted, reason);
        match self {
            Self::Info(info) => decide_info(&info, accepted, policy),
            Self::Peer(answer) => {
                let client = answer.client();
                if !is_client_address(client.ip()) {
                    peer(Provenance::Invalid)
                } else if same(client, accepted) {
                    peer(Provenance::Accept)
                } else if policy.trusts(accepted, false) {
                    ClientAddr::from_toa(client, accepted)
                } else {
                    peer(Provenance::Untrusted)
                }
            }
            Self::NotSent => peer(Provenance::NotSent),
            Self::Accepted => peer(Provenance::Accept),
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
        _ if info.has(INFO_INVALID) => Provenance::Invalid,
        Some(client) if !is_client_address(client.ip()) => Provenance::Invalid,
        // Without the true peer, accept()'s answer may be the client itself, who must
        // not vouch for himself.
        Some(client) if info.peer().is_none() && same(client, accepted) => Provenance::Accept,
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

    const CLIENT: &str = "[2001:db8::7]:41234";
    const BALANCER: &str = "[::ffff:10.0.0.9]:5000";
    const STRANGER: &str = "[::ffff:203.0.113.9]:5000";

    fn addr(text: &str) -> SocketAddrV6 {
        text.parse().unwrap()
    }

    fn info(flags: u32, peer: &str) -> ToaInfo {
        let (client, peer) = (addr(CLIENT), addr(peer));
        let has_addr = flags & INFO_HAS_ADDR != 0;
        ToaInfo {
            version: 1,
            flags,
            client: if has_addr {
                client.ip().octets()
            } else {
                [0; 16]
            },
            client_port: if has_addr {
                client.port().to_be_bytes()
            } else {
                [0; 2]
            },
            peer: peer.ip().octets(),
            peer_port: peer.port().to_be_bytes(),
            ..ToaInfo::default()
        }
    }

    fn third_party(client: &str) -> Answer {
        let client = addr(client);
        Answer::Peer(ToaNat64Peer {
            saddr: client.ip().octets(),
            sport: client.port().to_be_bytes(),
            zero: [0xaa; 2],
        })
    }

    #[test]
    fn every_answer_has_its_consequence() {
        const OURS: u32 = INFO_TRUST_ENFORCED;
        let default = Policy::new();
        let other = Policy::new().with_trusted_peers("10.9.0.0/16".parse().unwrap());
        let any = Policy::new().with_trusted_peers(TrustedPeers::insecure_any());
        let from_toa = |peer| ClientAddr::from_toa(addr(CLIENT), addr(peer));
        let from_peer = |peer, reason| ClientAddr::from_peer(addr(peer), reason);
        use Provenance::*;
        for (what, answer, accepted, policy, expected) in [
            (
                "ours",
                Answer::Info(info(OURS | INFO_HAS_ADDR, BALANCER)),
                BALANCER,
                &default,
                from_toa(BALANCER),
            ),
            (
                "ours, accept() rewritten",
                Answer::Info(info(OURS | INFO_HAS_ADDR | INFO_PEERNAME, BALANCER)),
                CLIENT,
                &default,
                from_toa(BALANCER),
            ),
            (
                "ours trusts whom it likes",
                Answer::Info(info(OURS | INFO_HAS_ADDR, STRANGER)),
                STRANGER,
                &default,
                from_toa(STRANGER),
            ),
            (
                "a source of ours that leaves trust to us",
                Answer::Info(info(INFO_HAS_ADDR, STRANGER)),
                STRANGER,
                &default,
                from_peer(STRANGER, Untrusted),
            ),
            (
                "the code trusts less than the source",
                Answer::Info(info(OURS | INFO_HAS_ADDR, BALANCER)),
                BALANCER,
                &other,
                from_peer(BALANCER, Untrusted),
            ),
            (
                "the code's set is held against the true peer",
                Answer::Info(info(OURS | INFO_HAS_ADDR | INFO_PEERNAME, BALANCER)),
                CLIENT,
                &other,
                from_peer(BALANCER, Untrusted),
            ),
            (
                "ours, none",
                Answer::Info(info(OURS, BALANCER)),
                BALANCER,
                &default,
                from_peer(BALANCER, NotSent),
            ),
            (
                "ours, untrusted",
                Answer::Info(info(OURS | INFO_UNTRUSTED, STRANGER)),
                STRANGER,
                &default,
                from_peer(STRANGER, Untrusted),
            ),
            (
                "what the source refused stays refused",
                Answer::Info(info(OURS | INFO_UNTRUSTED, STRANGER)),
                STRANGER,
                &any,
                from_peer(STRANGER, Untrusted),
            ),
            (
                "ours, invalid",
                Answer::Info(info(OURS | INFO_INVALID, BALANCER)),
                BALANCER,
                &default,
                from_peer(BALANCER, Invalid),
            ),
            (
                "ours, an address that it refused all the same",
                Answer::Info(info(OURS | INFO_HAS_ADDR | INFO_UNTRUSTED, BALANCER)),
                BALANCER,
                &any,
                from_peer(BALANCER, Untrusted),
            ),
            (
                "ours, without the true peer, accept() rewritten",
                Answer::Info(info(OURS | INFO_HAS_ADDR | INFO_PEERNAME, "[::]:0")),
                CLIENT,
                &any,
                from_peer(CLIENT, Accept),
            ),
            (
                "ours, an answer of zeros",
                Answer::Info(ToaInfo::default()),
                BALANCER,
                &default,
                from_peer(BALANCER, NotSent),
            ),
            (
                "ours, address of zeros",
                Answer::Info(ToaInfo {
                    client: [0; 16],
                    ..info(OURS | INFO_HAS_ADDR, BALANCER)
                }),
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
                from_peer(CLIENT, Accept),
            ),
            (
                "third party, none",
                Answer::NotSent,
                BALANCER,
                &default,
                from_peer(BALANCER, NotSent),
            ),
            (
                "third party, holds IPv4",
                Answer::Accepted,
                STRANGER,
                &default,
                from_peer(STRANGER, Accept),
            ),
            (
                "nobody",
                Answer::NoSource,
                BALANCER,
                &any,
                from_peer(BALANCER, NoSource),
            ),
            (
                "odd errno",
                Answer::Failed(1),
                BALANCER,
                &any,
                from_peer(BALANCER, Failed(1)),
            ),
        ] {
            assert_eq!(answer.decide(addr(accepted), policy), expected, "{what}");
        }
    }
}
