//! One end of a connection, made by hand.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::link::Link;
use super::{Segment, flags};
use crate::packet::{Outgoing, TCP_FIXED_LEN};

/// How long the convenience methods wait for the kernel's answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// One end of one connection. The methods update the two numbers below as TCP
/// does; change them, or use [`Peer::send`], to send what TCP would not.
#[derive(Debug)]
pub struct Peer<'d> {
    link: &'d dyn Link,
    from: SocketAddr,
    to: SocketAddr,
    /// The sequence number of the next segment.
    pub sequence: u32,
    /// The acknowledgement number of the next segment.
    pub acknowledgment: u32,
}

impl<'d> Peer<'d> {
    pub(super) fn new(link: &'d dyn Link, from: SocketAddr, to: SocketAddr) -> Peer<'d> {
        Peer {
            link,
            from,
            to,
            sequence: 1_000_000,
            acknowledgment: 0,
        }
    }

    /// Sends exactly this.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when the options are no multiple of four or exceed 40
    /// bytes, the two addresses differ in family, or the packet exceeds the MTU.
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
        self.link.send_packet(&packet)
    }

    /// Sends any bytes as an IP packet.
    ///
    /// # Errors
    ///
    /// The kernel refuses what does not begin as an IP packet does.
    pub fn send_packet(&self, packet: &[u8]) -> io::Result<()> {
        self.link.send_packet(packet)
    }

    /// The next segment that the kernel sends to this peer, retransmissions
    /// included. `None` when the time is over.
    ///
    /// # Errors
    ///
    /// The device failed.
    pub fn receive(&self, timeout: Duration) -> io::Result<Option<Segment>> {
        let end = Instant::now() + timeout;
        loop {
            if let Some(segment) = self.link.take(self.to, self.from) {
                return Ok(Some(segment));
            }
            if Instant::now() >= end {
                return Ok(None);
            }
            self.link.pump()?;
        }
    }

    /// The next segment that has all these flags; earlier ones are discarded.
    ///
    /// # Errors
    ///
    /// `TimedOut` when none comes, `ConnectionReset` when a reset comes instead.
    pub fn expect(&self, wanted: u8) -> io::Result<Segment> {
        let end = Instant::now() + TIMEOUT;
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

    /// This peer's address.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.from
    }

    fn transmit(&self, flags: u8, options: &[u8], payload: &[u8]) -> io::Result<()> {
        let acknowledgment = if flags & super::flags::ACK == 0 {
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
