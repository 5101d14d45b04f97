//! TCP peers made by hand, for listeners of the real kernel.
//!
//! A [`PeerDevice`] is a TUN device with every address behind it; a [`Peer`] is
//! one end of one connection there, which sends exactly the given segments. A
//! [`PeerPort`] is the same over the network that the machine is in, from the machine's
//! own address.
//!
//! ```no_run
//! use std::net::TcpListener;
//! use toa_lab::peer::PeerDevice;
//! use toa_lab::sandbox::Sandbox;
//!
//! let _sandbox = Sandbox::enter()?;
//! let device = PeerDevice::open()?;
//! let listener = TcpListener::bind((PeerDevice::KERNEL_V4, 0))?;
//!
//! let mut peer = device.peer("192.168.7.7:4711".parse()?, listener.local_addr()?);
//! peer.connect(&[], &[254, 8, 0x30, 0x39, 203, 0, 113, 7])?; // options of the SYN, of the ACK
//! let (stream, _) = listener.accept()?;
//! peer.data(&[], b"hello")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod connection;
mod device;
mod link;
mod port;

use etherparse::TcpSlice;

pub use connection::Peer;
pub use device::PeerDevice;
pub use port::PeerPort;

/// TCP header flags, as in its 14th byte.
pub mod flags {
    #![expect(missing_docs, reason = "RFC 9293 names them")]
    pub const FIN: u8 = 0x01;
    pub const SYN: u8 = 0x02;
    pub const RST: u8 = 0x04;
    pub const PSH: u8 = 0x08;
    pub const ACK: u8 = 0x10;
}

/// One TCP segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// See [`flags`].
    pub flags: u8,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number.
    pub acknowledgment: u32,
    /// Window, unscaled.
    pub window: u16,
    /// The option list; a multiple of four bytes, at most 40.
    pub options: Vec<u8>,
    /// The data.
    pub payload: Vec<u8>,
}

impl Segment {
    fn of(tcp: &TcpSlice<'_>) -> Segment {
        Segment {
            flags: tcp.header_slice()[13],
            sequence: tcp.sequence_number(),
            acknowledgment: tcp.acknowledgment_number(),
            window: tcp.window_size(),
            options: tcp.options().to_vec(),
            payload: tcp.payload().to_vec(),
        }
    }
}
