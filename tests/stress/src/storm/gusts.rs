//! What a storm throws: gusts, each of which is judged at once.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, Result};
use fastrand::Rng;
use socket2::SockRef;
use toa_lab::peer::{PeerDevice, flags};

use super::judge::{self, Verdict};
use super::packet::{Tcp, repair};
use super::report::{Kind, Report};
use super::town::{End, Listener};
use super::{Side, chaos};

/// Connections that are held open while they are shot at.
const HELD: usize = 48;

/// A connection under fire.
#[derive(Debug)]
pub(super) struct Held {
    listener: usize,
    end: End,
    stream: TcpStream,
    verdict: Verdict,
}

impl Held {
    /// Alive or dead, it never has another address.
    pub(super) fn check(&self) -> Result<()> {
        self.verdict.check(self.end.from, &self.stream)
    }
}

#[derive(Debug)]
pub(super) struct Storm<'d> {
    pub(super) device: &'d PeerDevice,
    pub(super) listeners: Vec<Listener>,
    pub(super) held: Vec<Held>,
    pub(super) rng: Rng,
    pub(super) peers: u32,
    pub(super) next_drain: u64,
    pub(super) report: Report,
}

impl Storm<'_> {
    pub(super) fn gust(&mut self) -> Result<()> {
        match self.rng.u8(0..100) {
            0..10 => {
                let packet = chaos::noise(&mut self.rng);
                self.send(Kind::Noise, &packet)
            }
            10..30 => self.stray_segment(),
            30..50 => self.handshake(Kind::Handshake),
            50..58 => self.handshake(Kind::Mutated),
            58..66 => self.handshake(Kind::Wrapped),
            66..72 => self.handshake(Kind::Fragments),
            72..78 => self.stray_wrapped(),
            _ => self.shoot_at_held(),
        }
    }

    fn send(&mut self, kind: Kind, packet: &[u8]) -> Result<()> {
        self.report.count(kind);
        if self.device.send_packet(packet).is_err() {
            // What is no IP packet, the device does not take.
            self.report.refused += 1;
        }
        Ok(())
    }

    fn some_listener(&mut self) -> usize {
        self.rng.usize(0..self.listeners.len())
    }

    fn some_client(&mut self, listener: usize) -> SocketAddr {
        let n = self.rng.u16(..);
        self.listeners[listener].side.client(n)
    }

    fn new_peer(&mut self, listener: usize) -> SocketAddr {
        self.peers += 1;
        let trusted = self.rng.u8(0..4) > 0;
        self.listeners[listener].peer(self.peers, trusted)
    }

    /// A segment without any connection.
    fn stray(&mut self) -> Tcp {
        let at = self.some_listener();
        let client = self.some_client(at);
        let to = self.listeners[at].address;
        let n = self.rng.u16(1..);
        // Beside the ports of those who shake hands.
        let from = (self.listeners[at].side.trusted(n), self.rng.u16(40_000..)).into();
        let mut tcp = Tcp::new(from, to, chaos::any_flags(&mut self.rng));
        tcp.sequence = self.rng.u32(..);
        tcp.acknowledgment = self.rng.u32(..);
        tcp.options = chaos::options(&mut self.rng, client);
        if self.rng.u8(0..4) == 0 {
            chaos::spoil(&mut self.rng, &mut tcp);
        }
        tcp
    }

    fn stray_segment(&mut self) -> Result<()> {
        let mut packet = self.stray().packet();
        if self.rng.u8(0..4) == 0 {
            chaos::mutate(&mut self.rng, &mut packet, 0);
            if self.rng.u8(0..5) > 0 {
                repair(&mut packet);
            }
        }
        self.send(Kind::Stray, &packet)?;
        self.accept_strays()
    }

    fn stray_wrapped(&mut self) -> Result<()> {
        let extras = chaos::extras(&mut self.rng);
        let packet = self.stray().packet_with(&extras);
        self.send(Kind::Wrapped, &packet)?;
        self.accept_strays()
    }

    /// A handshake whose last segment is anything but decent.
    fn handshake(&mut self, kind: Kind) -> Result<()> {
        let at = self.some_listener();
        let from = self.new_peer(at);
        let client = self.some_client(at);
        let end = self.listeners[at].half_open(self.device, from)?;
        self.report.count(kind);
        let mut tcp = end.segment(flags::ACK);
        tcp.options = chaos::options(&mut self.rng, client);
        if self.rng.bool() {
            tcp.payload = vec![b'x'; self.rng.usize(1..600)];
        }
        if kind == Kind::Handshake && self.rng.bool() {
            chaos::spoil(&mut self.rng, &mut tcp);
        }
        let mut verdict = Verdict::on(from, &tcp.segment());
        match kind {
            Kind::Mutated => {
                let mut packet = tcp.packet();
                let header = packet.len() - tcp.segment().len();
                chaos::mutate(&mut self.rng, &mut packet, header);
                repair(&mut packet);
                verdict = Verdict::on(from, &packet[header..]);
                self.send(kind, &packet)?;
            }
            Kind::Wrapped => {
                let packet = tcp.packet_with(&chaos::extras(&mut self.rng));
                self.send(kind, &packet)?;
            }
            Kind::Fragments => {
                let at = self.rng.usize(8..80);
                let mut parts = tcp.fragments(at, self.rng.u32(..)).to_vec();
                if self.rng.u8(0..4) == 0 {
                    // A part twice, or a stranger to both.
                    parts.push(parts[0].clone());
                }
                self.rng.shuffle(&mut parts);
                for part in parts {
                    self.send(kind, &part)?;
                }
            }
            _ => self.send(kind, &tcp.packet())?,
        }
        self.welcome(at, end, verdict)
    }

    /// Who has come in now came by this segment.
    fn welcome(&mut self, at: usize, end: End, verdict: Verdict) -> Result<()> {
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
            verdict.check(end.from, &stream)?;
            if self.held.len() < HELD {
                self.held.push(Held {
                    listener: at,
                    end,
                    stream,
                    verdict,
                });
            }
        }
        // Most of the others go; some stay until the kernel answers with cookies.
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

    fn count_accepted(&mut self, stream: &TcpStream) -> Result<()> {
        let info = toa_core::source_info(stream).context("the source does not answer")?;
        judge::check_sane(&info)?;
        self.report.accepted += 1;
        self.report.with_address += u64::from(info.client().is_some());
        Ok(())
    }

    fn shoot_at_held(&mut self) -> Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let at = self.rng.usize(0..self.held.len());
        let client = Side::V6.client(self.rng.u16(..));
        let mut tcp = self.held[at].end.segment(chaos::any_flags(&mut self.rng));
        tcp.options = chaos::options(&mut self.rng, client);
        for _ in 0..self.rng.usize(0..3) {
            chaos::spoil(&mut self.rng, &mut tcp);
        }
        self.send(Kind::Live, &tcp.packet())?;
        let held = &self.held[at];
        held.check()?;
        let (listener, end) = (held.listener, held.end);
        self.judge_reopened(listener, end, &tcp)?;
        if self.rng.u8(0..64) == 0 {
            drop(self.held.swap_remove(at));
        }
        Ok(())
    }

    /// A SYN cookie is good for two minutes: after a reset, another ACK with the same
    /// number opens another connection, to which its own option belongs.
    fn judge_reopened(&mut self, listener: usize, end: End, shot: &Tcp) -> Result<()> {
        while let Some(stream) = self.listeners[listener].next()? {
            self.count_accepted(&stream)?;
            if end.is_of(&stream)? {
                Verdict::on(end.from, &shot.segment()).check(end.from, &stream)?;
                self.report.reopened += 1;
            } else {
                self.report.strays += 1;
            }
        }
        Ok(())
    }
}

/// An ACK whose data end beyond the window makes a socket and is then dropped: it
/// can be accepted, but its handshake waits for another segment. Nothing can be
/// sent on it, not even nothing.
fn is_open(stream: &TcpStream) -> bool {
    const DONT_WAIT: i32 = 0x40;
    let sent = SockRef::from(stream).send_with_flags(&[], DONT_WAIT);
    !sent.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}
