//! TCP spoken by hand, against listeners of the real kernel.
//!
//! A [`PeerDevice`] is a TUN device with all the world behind it; a [`Peer`] is
//! one end of one connection out there, which says exactly what it is told.
//!
//! ```no_run
//! use std::net::TcpListener;
//! use toa_lab::netns::Namespace;
//! use toa_lab::peer::PeerDevice;
//!
//! let _namespace = Namespace::enter()?;
//! let device = PeerDevice::open()?;
//! let listener = TcpListener::bind((PeerDevice::KERNEL_V4, 0))?;
//!
//! let mut peer = device.peer("192.168.7.7:4711".parse()?, listener.local_addr()?);
//! peer.connect(&[], &[254, 8, 0x30, 0x39, 203, 0, 113, 7])?; // options of the SYN, of the ACK
//! let (stream, _) = listener.accept()?;
//! peer.data(&[], b"hello")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use tun_rs::SyncDevice;

use crate::packet::{Outgoing, Parsed, TCP_FIXED_LEN, parse};
use crate::{Error, netlink, tun};

/// TCP header flags, as in its 14th byte.
pub mod flags {
    #![expect(missing_docs, reason = "RFC 9293 names them")]
    pub const FIN: u8 = 0x01;
    pub const SYN: u8 = 0x02;
    pub const RST: u8 = 0x04;
    pub const PSH: u8 = 0x08;
    pub const ACK: u8 = 0x10;
}

/// How long the convenience methods wait for the kernel's answer.
const PATIENCE: Duration = Duration::from_secs(5);

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

/// A TUN device in the calling thread's network namespace that all addresses
/// of both families are routed into. Use it in a
/// [`Namespace`](crate::netns::Namespace) only. Gone when dropped.
pub struct PeerDevice {
    device: SyncDevice,
    // What arrived for one peer while another was waiting.
    inbox: Mutex<VecDeque<(SocketAddr, SocketAddr, Segment)>>,
}

impl fmt::Debug for PeerDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerDevice")
            .field("inbox", &self.inbox)
            .finish_non_exhaustive()
    }
}

impl PeerDevice {
    /// The kernel's own IPv4 address on the device.
    pub const KERNEL_V4: Ipv4Addr = Ipv4Addr::new(10, 116, 112, 1);
    /// The kernel's own IPv6 address on the device.
    pub const KERNEL_V6: Ipv6Addr = Ipv6Addr::new(0xfd74, 0x6f61, 1, 0, 0, 0, 0, 1);

    /// Makes the device and its routes.
    ///
    /// # Errors
    ///
    /// What is missing, and the cure.
    pub fn open() -> Result<PeerDevice, Error> {
        let v4 = IpNet::new_assert(Self::KERNEL_V4.into(), 24);
        let v6 = IpNet::new_assert(Self::KERNEL_V6.into(), 64);
        let device = tun::open(&[v4, v6], 1500)?;
        let route = || -> io::Result<()> {
            let index = device.if_index()?;
            netlink::add_route(IpNet::new_assert(Ipv4Addr::UNSPECIFIED.into(), 0), index)?;
            netlink::add_route(IpNet::new_assert(Ipv6Addr::UNSPECIFIED.into(), 0), index)
        };
        route().map_err(|source| Error::Io {
            action: "route everything into the TUN device (is this a namespace of its own?)",
            source,
        })?;
        Ok(PeerDevice {
            device,
            inbox: Mutex::default(),
        })
    }

    /// A peer at `from`, any address and port, that speaks to the kernel's `to`.
    /// Says nothing yet.
    #[must_use]
    pub fn peer(&self, from: SocketAddr, to: SocketAddr) -> Peer<'_> {
        Peer {
            device: self,
            from,
            to,
            sequence: 1_000_000,
            acknowledgment: 0,
        }
    }

    /// Hands any bytes to the kernel as an IP packet.
    ///
    /// # Errors
    ///
    /// The kernel refuses what does not begin like one.
    pub fn send_packet(&self, packet: &[u8]) -> io::Result<()> {
        self.device.send(packet).map(drop)
    }

    fn take(&self, from: SocketAddr, to: SocketAddr) -> Option<Segment> {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        let at = inbox.iter().position(|(f, t, _)| (*f, *t) == (from, to))?;
        inbox.remove(at).map(|(_, _, segment)| segment)
    }

    /// Moves what the kernel has sent into the inbox; waits a little if nothing.
    fn pump(&self) -> io::Result<()> {
        // Short, because another thread's pump may fetch what this one waits for.
        let mut ready = [PollFd::new(self.device.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, 5u16) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let mut packet = [0; 2048];
        loop {
            match self.device.recv(&mut packet) {
                Ok(len) => {
                    if let Ok(Parsed::Tcp(segment)) = parse(&packet[..len]) {
                        let tcp = segment.tcp;
                        let owned = Segment {
                            flags: tcp.header_slice()[13],
                            sequence: tcp.sequence_number(),
                            acknowledgment: tcp.acknowledgment_number(),
                            window: tcp.window_size(),
                            options: tcp.options().to_vec(),
                            payload: tcp.payload().to_vec(),
                        };
                        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
                        inbox.push_back((segment.source, segment.destination, owned));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// One end of one connection. The methods keep the two numbers below as a
/// decent TCP would; change them, or use [`Peer::send`], to be indecent.
#[derive(Debug)]
pub struct Peer<'d> {
    device: &'d PeerDevice,
    from: SocketAddr,
    to: SocketAddr,
    /// The sequence number of the next segment.
    pub sequence: u32,
    /// The acknowledgement number of the next segment.
    pub acknowledgment: u32,
}

impl Peer<'_> {
    /// Sends exactly this.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when the options are no multiple of four or exceed 40
    /// bytes, or the two addresses differ in family.
    pub fn send(&self, segment: &Segment) -> io::Result<()> {
        let mut fixed = [0; TCP_FIXED_LEN];
        fixed[4..8].copy_from_slice(&segment.sequence.to_be_bytes());
        fixed[8..12].copy_from_slice(&segment.acknowledgment.to_be_bytes());
        fixed[13] = segment.flags;
        fixed[14..16].copy_from_slice(&segment.window.to_be_bytes());
        let outgoing = Outgoing {
            source: self.from,
            destination: self.to,
            hop_limit: 64,
            traffic_class: 0,
            fixed,
            options: [&segment.options, &[]],
            payload: &segment.payload,
        };
        let mut packet = Vec::new();
        if !outgoing.write(&mut packet) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "options must be a multiple of four and at most 40 bytes, addresses of one family",
            ));
        }
        self.device.send_packet(&packet)
    }

    /// The next segment that the kernel sends to this peer, as it comes;
    /// retransmissions too. `None` when the time is over.
    ///
    /// # Errors
    ///
    /// The device failed.
    pub fn receive(&self, patience: Duration) -> io::Result<Option<Segment>> {
        let end = Instant::now() + patience;
        loop {
            if let Some(segment) = self.device.take(self.to, self.from) {
                return Ok(Some(segment));
            }
            if Instant::now() >= end {
                return Ok(None);
            }
            self.device.pump()?;
        }
    }

    /// The next segment that has all these flags; what comes before is lost.
    ///
    /// # Errors
    ///
    /// `TimedOut` when none comes, `ConnectionReset` when a reset comes instead.
    pub fn expect(&self, wanted: u8) -> io::Result<Segment> {
        let end = Instant::now() + PATIENCE;
        while let Some(segment) = self.receive(end.saturating_duration_since(Instant::now()))? {
            if segment.flags & wanted == wanted {
                return Ok(segment);
            }
            if segment.flags & flags::RST != 0 {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    /// Sends a SYN.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn syn(&mut self, options: &[u8]) -> io::Result<()> {
        let sent = self.transmit(flags::SYN, options, &[]);
        self.sequence = self.sequence.wrapping_add(1);
        sent
    }

    /// Waits for the SYN-ACK, so that the next segment acknowledges it.
    ///
    /// # Errors
    ///
    /// As [`expect`](Self::expect).
    pub fn syn_ack(&mut self) -> io::Result<Segment> {
        let segment = self.expect(flags::SYN | flags::ACK)?;
        self.acknowledgment = segment.sequence.wrapping_add(1);
        Ok(segment)
    }

    /// A whole handshake with these options in its SYN and in its bare ACK.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send) and [`expect`](Self::expect).
    pub fn connect(&mut self, in_syn: &[u8], in_ack: &[u8]) -> io::Result<()> {
        self.syn(in_syn)?;
        self.syn_ack()?;
        self.ack(in_ack)
    }

    /// Sends a bare ACK.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn ack(&mut self, options: &[u8]) -> io::Result<()> {
        self.transmit(flags::ACK, options, &[])
    }

    /// Sends data. After [`syn_ack`](Self::syn_ack), without an
    /// [`ack`](Self::ack), it completes the handshake by itself.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn data(&mut self, options: &[u8], payload: &[u8]) -> io::Result<()> {
        let sent = self.transmit(flags::ACK | flags::PSH, options, payload);
        self.sequence = self.sequence.wrapping_add(payload.len() as u32);
        sent
    }

    /// Sends a FIN.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn fin(&mut self, options: &[u8]) -> io::Result<()> {
        let sent = self.transmit(flags::ACK | flags::FIN, options, &[]);
        self.sequence = self.sequence.wrapping_add(1);
        sent
    }

    /// Sends a RST.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn reset(&mut self, options: &[u8]) -> io::Result<()> {
        self.transmit(flags::RST | flags::ACK, options, &[])
    }

    /// Receives and acknowledges until this many bytes came, or a FIN.
    ///
    /// # Errors
    ///
    /// As [`expect`](Self::expect).
    pub fn read(&mut self, len: usize) -> io::Result<Vec<u8>> {
        let mut data = Vec::new();
        while data.len() < len {
            let segment = self.expect(flags::ACK)?;
            if segment.flags & flags::RST != 0 {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            let fin = segment.flags & flags::FIN != 0;
            if segment.sequence == self.acknowledgment {
                data.extend_from_slice(&segment.payload);
                let length = segment.payload.len() as u32 + u32::from(fin);
                self.acknowledgment = self.acknowledgment.wrapping_add(length);
            }
            if fin || !segment.payload.is_empty() {
                self.ack(&[])?;
            }
            if fin {
                break;
            }
        }
        Ok(data)
    }

    /// Where this peer is.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.from
    }

    fn transmit(&self, flags: u8, options: &[u8], payload: &[u8]) -> io::Result<()> {
        let acknowledgment = if flags & self::flags::ACK == 0 {
            0
        } else {
            self.acknowledgment
        };
        self.send(&Segment {
            flags,
            sequence: self.sequence,
            acknowledgment,
            window: u16::MAX,
            options: options.to_vec(),
            payload: payload.to_vec(),
        })
    }
}
