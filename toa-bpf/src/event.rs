//! What is told while somebody watches.

use std::net::SocketAddr;
use std::time::SystemTime;

use toa_core::Provenance;

/// Something that happened to a connection just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// When.
    pub at: SystemTime,
    /// What.
    pub what: What,
    /// This host's end; IPv4 as IPv4.
    pub local: SocketAddr,
    /// The TCP peer: the balancer, or who came directly.
    pub peer: SocketAddr,
    /// Kind and length of the option that it is about. With [`Provenance::NotSent`] an
    /// option that is neither standard nor of a format that the source reads.
    pub option: Option<(u8, u8)>,
    /// Beside which of the sources it was seen, as an index.
    pub source: usize,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// A connection was opened, and this is what the source decided.
    Opened {
        /// [`Provenance::Toa`], or why the peer is the client.
        outcome: Provenance,
        /// The client that was believed.
        client: Option<SocketAddr>,
        /// The address at the balancer that it asked for, where the option had it.
        virtual_addr: Option<SocketAddr>,
    },
    /// A SYN had an option that is no standard one: no source reads it there.
    OptionInSyn,
    /// A connection that opened without an option had one in a later segment, which no
    /// source reads. Only the first is told.
    OptionLater {
        /// Whether that segment has data, or is a bare acknowledgement.
        in_data: bool,
    },
}
