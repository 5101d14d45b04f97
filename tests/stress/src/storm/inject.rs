//! What a storm injects, one step at a time; each step is checked at once.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, Result};
use fastrand::Rng;
use socket2::SockRef;
use toa_lab::peer::{PeerDevice, flags};
use toa_lab::raw_packet::{Tcp, repair};
use toa_lab::sandbox::Sandbox;

use super::expectation::{self, Expectation};
use super::listeners::{Endpoint, Listener};
use super::report::{Kind, Report};
use super::{AddressPath, random};
use crate::balanced::Balanced;

/// So many connections are kept open, to inject segments into them.
const MAX_OPEN: usize = 48;

/// An open connection, and what must hold of it.
#[derive(Debug)]
pub(super) struct OpenConnection {
    listener: usize,
    end: Endpoint,
    stream: TcpStream,
    expectation: Expectation,
}

impl OpenConnection {
    /// Open or reset, it never has another address.
    pub(super) fn check(&self) -> Result<()> {
        self.expectation.check(self.end.from, &self.stream)
    }
}

#[derive(Debug)]
pub(super) struct Storm<'d> {
    pub(super) sandbox: &'d Sandbox,
    pub(super) device: &'d PeerDevice,
    pub(super) listeners: Vec<Listener>,
    /// Two in front of each listener.
    pub(super) balancers: Vec<Balanced>,
    pub(super) open: Vec<OpenConnection>,
    pub(super) rng: Rng,
    pub(super) peers: u32,
    pub(super) next_drain: u64,
    pub(super) report: Report,
}

impl Storm<'_> {
    pub(super) fn inject_one(&mut self) -> Result<()> {
        match self.rng.u8(0..100) {
            0..10 => {
                let packet = random::random_bytes(&mut self.rng);
                self.send(Kind::Noise, &packet)
            }
            10..30 => self.stray_segment(),
            30..50 => self.handshake(Kind::Handshake),
            50..58 => self.handshake(Kind::Mutated),
            58..66 => self.handshake(Kind::Wrapped),
            66..72 => self.handshake(Kind::Fragments),
            72..78 => self.stray_wrapped(),
            78..82 => self.stranger(),
            _ => self.inject_into_open(),
        }
    }

    fn send(&mut self, kind: Kind, packet: &[u8]) -> Result<()> {
        self.report.count(kind);
        if self.device.send_packet(packet).is_err() {
            // The device takes nothing but IP packets.
            self.report.refused += 1;
        }
        Ok(())
    }

    fn random_listener(&mut self) -> usize {
        self.rng.usize(0..self.listeners.len())
    }

    fn random_client(&mut self, listener: usize) -> SocketAddr {
        let n = self.rng.u16(..);
        self.listeners[listener].path.client(n)
    }

    fn new_peer(&mut self, listener: usize) -> SocketAddr {
        self.peers += 1;
        let trusted = self.rng.u8(0..4) > 0;
        self.listeners[listener].peer(self.peers, trusted)
    }

    /// A segment that belongs to no connection.
    fn stray(&mut self) -> Tcp {
        let at = self.random_listener();
        let client = self.random_client(at);
        let to = self.listeners[at].address;
        let n = self.rng.u16(1..);
        // Ports that no handshake uses.
        let from = (self.listeners[at].path.trusted(n), self.rng.u16(40_000..)).into();
        let mut tcp = Tcp::new(from, to, random::any_flags(&mut self.rng));
        tcp.sequence = self.rng.u32(..);
        tcp.acknowledgment = self.rng.u32(..);
        tcp.options = random::options(&mut self.rng, client);
        if self.rng.u8(0..4) == 0 {
            random::corrupt_field(&mut self.rng, &mut tcp);
        }
        tcp
    }

    fn stray_segment(&mut self) -> Result<()> {
        let mut packet = self.stray().packet();
        if self.rng.u8(0..4) == 0 {
            random::mutate(&mut self.rng, &mut packet, 0);
            if self.rng.u8(0..5) > 0 {
                repair(&mut packet);
            }
        }
        self.send(Kind::Stray, &packet)?;
        self.accept_strays()
    }

    fn stray_wrapped(&mut self) -> Result<()> {
        let extras = random::extras(&mut self.rng);
        let packet = self.stray().packet_with(&extras);
        self.send(Kind::Wrapped, &packet)?;
        self.accept_strays()
    }

    /// A handshake with a random or mutated last segment.
    fn handshake(&mut self, kind: Kind) -> Result<()> {
        let at = self.random_listener();
        let from = self.new_peer(at);
        let client = self.random_client(at);
        let end = self.listeners[at].half_open(self.device, from)?;
        self.report.count(kind);
        let mut tcp = end.segment(flags::ACK);
        tcp.options = random::options(&mut self.rng, client);
        if self.rng.bool() {
            tcp.payload = vec![b'x'; self.rng.usize(1..600)];
        }
        if kind == Kind::Handshake && self.rng.bool() {
            random::corrupt_field(&mut self.rng, &mut tcp);
        }
        let mut expectation = Expectation::of_segment(from, &tcp.segment());
        match kind {
            Kind::Mutated => {
                let mut packet = tcp.packet();
                let header = packet.len() - tcp.segment().len();
                random::mutate(&mut self.rng, &mut packet, header);
                repair(&mut packet);
                expectation = Expectation::of_segment(from, &packet[header..]);
                self.send(kind, &packet)?;
            }
            Kind::Wrapped => {
                let packet = tcp.packet_with(&random::extras(&mut self.rng));
                self.send(kind, &packet)?;
            }
            Kind::Fragments => {
                let at = self.rng.usize(8..80);
                let mut parts = tcp.fragments(at, self.rng.u32(..)).to_vec();
                if self.rng.u8(0..4) == 0 {
                    // One fragment twice.
                    parts.push(parts[0].clone());
                }
                self.rng.shuffle(&mut parts);
                for part in parts {
                    self.send(kind, &part)?;
                }
            }
            _ => self.send(kind, &tcp.packet())?,
        }
        self.accept_completed(at, end, expectation)
    }

    /// A connection that can be accepted now was completed by this segment.
    fn accept_completed(
        &mut self,
        at: usize,
        end: Endpoint,
        expectation: Expectation,
    ) -> Result<()> {
        let mut came = false;
        while let Some(stream) = self.listeners[at].next()? {
            self.count_accepted(&stream)?;
            if !end.is_of(&stream)? {
                self.report.strays += 1;
                continue;
            }
            came = true;
            if !is_open(&stream) {
                self.report.unfinished += 1;
                continue;
            }
            expectation.check(end.from, &stream)?;
            if self.open.len() < MAX_OPEN {
                self.open.push(OpenConnection {
                    listener: at,
                    end,
                    stream,
                    expectation,
                });
            }
        }
        // Most of the others are reset; some stay until the kernel answers with cookies.
        if !came && self.rng.u8(0..8) > 0 {
            let reset = end.segment(flags::RST | flags::ACK);
            self.device.send_packet(&reset.packet())?;
        }
        self.report.completed += u64::from(came);
        Ok(())
    }

    pub(super) fn accept_strays(&mut self) -> Result<()> {
        for at in 0..self.listeners.len() {
            while let Some(stream) = self.listeners[at].next()? {
                self.report.strays += 1;
                self.count_accepted(&stream)?;
            }
        }
        Ok(())
    }

    pub(super) fn count_accepted(&mut self, stream: &TcpStream) -> Result<()> {
        let info = toa_core::source_info(stream).context("the source does not answer")?;
        expectation::check_plausible(&info)?;
        self.report.accepted += 1;
        self.report.with_address += u64::from(info.client().is_some());
        Ok(())
    }

    fn inject_into_open(&mut self) -> Result<()> {
        if self.open.is_empty() {
            return Ok(());
        }
        let at = self.rng.usize(0..self.open.len());
        let client = AddressPath::V6.client(self.rng.u16(..));
        let mut tcp = self.open[at].end.segment(random::any_flags(&mut self.rng));
        tcp.options = random::options(&mut self.rng, client);
        for _ in 0..self.rng.usize(0..3) {
            random::corrupt_field(&mut self.rng, &mut tcp);
        }
        self.send(Kind::Live, &tcp.packet())?;
        let open = &self.open[at];
        open.check()?;
        let (listener, end) = (open.listener, open.end);
        self.check_reopened(listener, end, &tcp)?;
        if self.rng.u8(0..64) == 0 {
            drop(self.open.swap_remove(at));
        }
        Ok(())
    }

    /// A SYN cookie is good for two minutes: after a reset, another ACK with the same
    /// number opens another connection, to which its own option belongs.
    fn check_reopened(&mut self, listener: usize, end: Endpoint, shot: &Tcp) -> Result<()> {
        while let Some(stream) = self.listeners[listener].next()? {
            self.count_accepted(&stream)?;
            if end.is_of(&stream)? {
                Expectation::of_segment(end.from, &shot.segment()).check(end.from, &stream)?;
                self.report.reopened += 1;
            } else {
                self.report.strays += 1;
            }
        }
        Ok(())
    }
}

/// An ACK whose data ends beyond the window makes a socket and is then dropped: the
/// socket can be accepted, but its handshake waits for another segment, and sending on
/// it would block, even zero bytes.
pub(super) fn is_open(stream: &TcpStream) -> bool {
    const DONT_WAIT: i32 = 0x40;
    let sent = SockRef::from(stream).send_with_flags(&[], DONT_WAIT);
    !sent.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}
