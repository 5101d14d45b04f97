//! An open connection, and what a source keeps of it.

use std::net::SocketAddr;
use std::time::Duration;

use toa_core::Provenance;

/// An open TCP connection of this network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection {
    /// This host's end; IPv4 as IPv4, on an IPv6 socket too.
    pub local: SocketAddr,
    /// The TCP peer, the balancer if there is one, whatever getpeername() shows.
    pub peer: SocketAddr,
    /// How far its end is.
    pub state: ConnectionState,
    /// The socket's number in /proc/PID/fd; 0 before it is accepted and after it is closed.
    pub inode: u32,
    /// What the eBPF source keeps; `None` where it read no option, and where the connection is
    /// older than the source or not covered by one.
    pub judgement: Option<Judgement>,
}

/// What a source decided when the connection was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Judgement {
    /// [`Provenance::Toa`], or why the option is not believed.
    pub outcome: Provenance,
    /// The client that was believed.
    pub client: Option<SocketAddr>,
    /// The address at the balancer that it asked for, where the option had it.
    pub virtual_addr: Option<SocketAddr>,
    /// The kind of the option that named the client, or of the foreign one.
    pub kind: Option<u8>,
    /// Its length, with its kind and length bytes: with the kind it tells the format.
    pub option_len: Option<u8>,
    /// How long ago the connection was opened, in whole seconds.
    pub age: Duration,
    /// Which of the sources judged, as an index; `None` where that one is gone.
    pub source: Option<usize>,
}

/// The states of an open connection, as RFC 9293 names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "RFC 9293 describes them")]
pub enum ConnectionState {
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    LastAck,
    Closing,
}

impl ConnectionState {
    /// `established`, `fin_wait_1` and so on.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Established => "established",
            Self::FinWait1 => "fin_wait_1",
            Self::FinWait2 => "fin_wait_2",
            Self::CloseWait => "close_wait",
            Self::LastAck => "last_ack",
            Self::Closing => "closing",
        }
    }
}
