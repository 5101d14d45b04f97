//! Clients behind balancers who write TOA options themselves: what the storm injects there,
//! and what the backend may see of it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use toa_core::{to_canonical, to_mapped};
use toa_lab::Mode;
use toa_lab::peer::{Peer, flags};
use toa_lab::raw_packet::Tcp;

use super::expectation::Expectation;
use super::inject::{Storm, is_open};
use super::listeners::{Endpoint, Listener};
use super::report::Kind;
use super::{AddressPath, random};
use crate::attempt::{Attempt, neighbor};
use crate::balanced::{Balanced, Balancing, MTU};

const TIMEOUT: Duration = Duration::from_secs(5);

/// Whom the backend saw of the strangers' connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strangers {
    /// The stranger, by the balancer's option.
    pub themselves: u64,
    /// The address that the stranger had forged; behind insecure balancers alone.
    pub forged: u64,
    /// The balancer.
    pub balancer: u64,
    /// Of the connections behind correct balancers, those by a cookie that was not the last.
    pub other_cookies: u64,
}

/// A balancer of each kind in front of each listener.
pub(super) fn balancers(listeners: &[Listener], broken: bool) -> Result<Vec<Balanced>> {
    let mut all = Vec::new();
    for listener in listeners {
        let mode = match listener.path {
            AddressPath::V4 => Mode::Fnat44,
            AddressPath::Mapped => Mode::Nat64,
            AddressPath::V6 => Mode::Fnat66,
        };
        for balancing in [Balancing::Correct, Balancing::Insecure] {
            let (n, port) = (all.len() as u8, listener.address.port());
            all.push(Balanced::start(n, mode, balancing, port, broken)?);
        }
    }
    Ok(all)
}

impl Storm<'_> {
    /// A handshake behind a balancer, which the stranger tries to complete as somebody else.
    pub(super) fn stranger(&mut self) -> Result<()> {
        let at = self.rng.usize(0..self.balancers.len());
        // Or any options in any segment that can complete a handshake.
        let attempt = (self.rng.u8(0..8) > 0).then(|| Attempt::choose(&mut self.rng));
        let cookies = attempt.is_some_and(Attempt::needs_cookies);
        if cookies {
            self.sandbox.sysctl("net/ipv4/tcp_syncookies", "2")?;
        }
        self.peers += 1;
        let from = self.balancers[at].stranger(self.peers);
        let done = self
            .complete(at, attempt, from)
            .with_context(|| format!("{attempt:?} of {from} behind {:?}", self.balancers[at]));
        if cookies {
            self.sandbox.sysctl("net/ipv4/tcp_syncookies", "1")?;
        }
        done
    }

    fn complete(&mut self, at: usize, attempt: Option<Attempt>, from: SocketAddr) -> Result<()> {
        let to = self.balancers[at].balancer.virtual_addr();
        let mut peer = self.device.peer(from, to);
        let answer = syn(&mut peer, attempt)?;
        let recognized = match attempt {
            Some(Attempt::Neighbor) => {
                let off = neighbor(&mut self.rng);
                peer.acknowledgment = peer.acknowledgment.wrapping_add(off);
                false
            }
            Some(Attempt::Older) => {
                let older = (peer.sequence, peer.acknowledgment);
                peer.sequence = peer.sequence.wrapping_add(5000);
                syn(&mut peer, attempt)?;
                let is_last = peer.acknowledgment == older.1;
                (peer.sequence, peer.acknowledgment) = older;
                is_last
            }
            _ => true,
        };
        let end = Endpoint::of(&peer, to);
        let segment = self.forge(at, attempt, end, &answer);
        let balanced = &self.balancers[at];
        let arrives = balanced.passed_on(from, &segment.options, segment.payload.len(), recognized);
        self.report.count(Kind::Stranger);
        self.device.send_packet(&segment.packet())?;
        self.await_balancer(at, from)?;
        self.accept_stranger(at, end, recognized, arrives.as_deref())
    }

    /// The segment that is to complete the handshake.
    fn forge(&mut self, at: usize, attempt: Option<Attempt>, end: Endpoint, answer: &[u8]) -> Tcp {
        let balanced = &self.balancers[at];
        let n = self.rng.u16(..);
        let forged: SocketAddr = match balanced.is_v6() {
            true => AddressPath::V6.client(n),
            false => AddressPath::V4.client(n),
        };
        let mut tcp = end.segment(flags::ACK);
        match attempt {
            Some(attempt) => tcp.options = attempt.options(forged, answer, &mut self.rng),
            None => {
                tcp.options = random::options(&mut self.rng, forged);
                tcp.flags |= [0, flags::PSH, flags::FIN][self.rng.usize(0..3)];
                tcp.payload = vec![b'x'; self.rng.usize(0..MTU - 100)];
            }
        }
        match attempt {
            Some(Attempt::LongData) => {
                let len = MTU - balanced.headers().0 - tcp.options.len();
                tcp.payload = vec![b'x'; len - self.rng.usize(0..4)];
            }
            Some(Attempt::Fin) => tcp.flags |= flags::FIN,
            _ => {}
        }
        tcp
    }

    /// Until everything sent before has passed the balancer, which works in order: it resets
    /// what goes to another port.
    fn await_balancer(&self, at: usize, from: SocketAddr) -> Result<()> {
        let mut other = self.balancers[at].balancer.virtual_addr();
        other.set_port(other.port() ^ 1);
        let mut probe = self.device.peer(from, other);
        probe.ack(&[])?;
        ensure!(
            probe.receive(TIMEOUT)?.is_some(),
            "the balancer does not answer"
        );
        Ok(())
    }

    fn accept_stranger(
        &mut self,
        at: usize,
        end: Endpoint,
        recognized: bool,
        arrives: Option<&[u8]>,
    ) -> Result<()> {
        let listener = at / 2;
        let mut came = false;
        while let Some(stream) = self.listeners[listener].next()? {
            self.count_accepted(&stream)?;
            let info = toa_core::source_info(&stream).context("the source does not answer")?;
            let peer = to_canonical(info.peer().context("a connection without a peer")?);
            let balanced = &self.balancers[at];
            if came || !balanced.balancer.pool().contains(&peer.ip()) {
                self.report.strays += 1;
                continue;
            }
            came = true;
            if !is_open(&stream) {
                self.report.unfinished += 1;
                continue;
            }
            let client = info.client();
            let is_own = client == Some(to_mapped(end.from));
            ensure!(
                client.is_none() || is_own || balanced.balancing == Balancing::Insecure,
                "{client:?} was believed behind a balancer that overwrites options"
            );
            let arrived = arrives.context("the balancer passed on what has no room")?;
            let expectation = Expectation::of_options(peer.ip(), arrived);
            expectation.check(peer, &stream)?;
            expectation.check_name(peer, &stream)?;
            let seen = &mut self.report.strangers;
            *match client {
                Some(_) if is_own => &mut seen.themselves,
                Some(_) => &mut seen.forged,
                None => &mut seen.balancer,
            } += 1;
            let correct = balanced.balancing == Balancing::Correct;
            seen.other_cookies += u64::from(correct && !recognized);
        }
        if !came {
            let reset = end.segment(flags::RST | flags::ACK);
            self.device.send_packet(&reset.packet())?;
        }
        Ok(())
    }
}

/// A SYN and the options of its answer.
fn syn(peer: &mut Peer<'_>, attempt: Option<Attempt>) -> Result<Vec<u8>> {
    peer.syn(&attempt.map(Attempt::syn).unwrap_or_default())?;
    Ok(peer.syn_ack().context("no SYN-ACK")?.options)
}
