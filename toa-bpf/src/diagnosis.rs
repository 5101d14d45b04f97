//! Why client addresses are wrong, or missing: what a source has seen of late.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;

/// What came of the connections of the last minutes, 4 to 44 of them by how often the kernel's
/// clock ticks, and fewer after a load. The names are those of `toa_core::Provenance`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Recent {
    /// When the first of them was opened, in seconds since 1970; `None` when there was none.
    pub since: Option<u64>,
    /// They brought a client's address.
    pub toa: u64,
    /// No option of a known kind.
    pub not_sent: u64,
    /// An option of a known kind with a length of no known format.
    pub foreign: u64,
    /// An option of a peer that is not trusted.
    pub untrusted: u64,
    /// A malformed option, or one with an address or a version that is refused.
    pub invalid: u64,
    /// An option that no balancer can have put there.
    pub implausible: u64,
    /// The kernel had no memory to keep the address.
    pub lost: u64,
    /// Of those without an option: one came in a later segment, from a trusted peer.
    pub late: u64,
}

impl Recent {
    /// All connections; those with a late option are among those without one.
    #[must_use]
    pub const fn connections(&self) -> u64 {
        self.toa
            + self.not_sent
            + self.foreign
            + self.untrusted
            + self.invalid
            + self.implausible
            + self.lost
    }
}

/// Why an option was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UnreadReason {
    /// No configured format has its kind, and TCP has none for it either.
    UnknownKind,
    /// No configured format has its length.
    Foreign,
    /// Its peer is not trusted.
    Untrusted,
    /// It is malformed, or its address or its version is refused.
    Invalid,
    /// No balancer can have put it there.
    Implausible,
    /// It came in a later segment of a connection whose handshake brought none.
    Late,
}

impl UnreadReason {
    /// Its name, as it is serialized.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownKind => "unknown_kind",
            Self::Foreign => "foreign",
            Self::Untrusted => "untrusted",
            Self::Invalid => "invalid",
            Self::Implausible => "implausible",
            Self::Late => "late",
        }
    }
}

/// Options that arrived and were not read, of one kind and length and from one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// Why not.
    pub reason: UnreadReason,
    /// The option's kind.
    pub kind: u8,
    /// Its length, as its sender says: its kind and length bytes included.
    pub length: u8,
    /// From where: the /24 or the /64 of the peers.
    pub network: IpNet,
    /// How often, since the load or since it was forgotten in favour of newer ones.
    pub count: u64,
    /// When the last one came, in seconds since 1970.
    pub last_seen: u64,
    /// From whom that was.
    pub last_peer: IpAddr,
}
