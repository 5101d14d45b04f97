//! Carrying out a case with hand-made segments.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use toa_lab::peer::{Peer, PeerPort, Segment, flags};

use super::cases::Sends;
use super::timestamps::{timestamp_of, timestamps};

/// SYNs that are sent before the balancer counts as silent.
const SYNS: usize = 3;
/// How long the reset to an ACK that the kernel does not take may take.
const RESET_WAIT: Duration = Duration::from_millis(500);
/// Maximum segment size of 1460 bytes (RFC 9293, section 3.2).
const MSS: [u8; 4] = [2, 4, 0x05, 0xb4];
/// As far are the SYN cookies of other segment sizes.
const NEIGHBOURS: [i32; 6] = [1, -1, 2, -2, 3, -3];

/// Where to, and how long a packet may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub(super) address: SocketAddr,
    pub(super) mtu: u16,
}

/// Whether the segments of a case were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Made,
    /// The reason.
    Impossible(&'static str),
}

use Attempt::{Impossible, Made};

const NO_SYN_ACK: Attempt = Impossible("no SYN-ACK came");
const SMALLER_MTU: Attempt = Impossible(
    "the way to the balancer has a smaller MTU, which --mtu can name; this kernel also remembers \
     for ten minutes that a balancer answered \"too big\"",
);
const NO_TIMESTAMPS: Attempt = Impossible("the SYN-ACK had no timestamps");
const NO_COOKIES: Attempt =
    Impossible("the backend answers without SYN cookies, as with net.ipv4.tcp_syncookies = 0");
const NOT_TAKEN: Attempt = Impossible("the backend took no neighbouring cookie");

/// Called when all was sent and the connection still stands: did the backend see it?
pub(super) type Observe<'a> = &'a mut dyn FnMut() -> anyhow::Result<bool>;

impl Way {
    /// Opens a connection and tells the backend by `line` which one it is.
    pub(super) fn attempt(
        self,
        sends: &Sends,
        line: &[u8],
        observe: Observe<'_>,
    ) -> anyhow::Result<Attempt> {
        match sends {
            Sends::NeighbourCookie(option) => self.under_cookies(&mut || {
                let mut attempt = NOT_TAKEN;
                for off in NEIGHBOURS {
                    let mut seen = false;
                    let made = self
                        .connection(|peer| neighbour(peer, off, option, line), &mut || {
                            observe().inspect(|by_backend| seen = *by_backend)
                        })?;
                    if made == Made {
                        attempt = Made;
                    }
                    if seen {
                        break;
                    }
                }
                Ok(attempt)
            }),
            Sends::OlderCookie(option) => self
                .under_cookies(&mut || self.connection(|peer| older(peer, option, line), observe)),
            Sends::Ack(options) => self.connection(|peer| ack(peer, options, line), observe),
            Sends::AckBesideTimestamps(option) => {
                self.connection(|peer| ack_beside_timestamps(peer, option, line), observe)
            }
            Sends::LongData(option) => {
                self.connection(|peer| self.long_data(peer, option, line), observe)
            }
            Sends::Fin(option) => self.connection(|peer| fin(peer, option, line), observe),
            Sends::SynAck(option) => self.connection(|peer| syn_ack(peer, option, line), observe),
        }
    }

    /// From a port of its own.
    fn connection(
        self,
        send: impl FnOnce(&mut Peer<'_>) -> io::Result<Attempt>,
        observe: Observe<'_>,
    ) -> anyhow::Result<Attempt> {
        let port = PeerPort::open(self.address)?;
        let mut peer = port.peer();
        let attempt = match send(&mut peer) {
            Err(error) if is_refusal(&error) => NO_SYN_ACK,
            attempt => attempt.context("cannot send hand-made segments")?,
        };
        if attempt == Made {
            observe()?;
        }
        peer.reset(&[])?;
        Ok(attempt)
    }

    /// A listener that has no room for another half-open connection answers with SYN
    /// cookies. `serve` made it so; some kernels leave it room for one, which this takes.
    /// Nothing forged is tried where no cookies come.
    fn under_cookies(
        self,
        attempt: &mut dyn FnMut() -> anyhow::Result<Attempt>,
    ) -> anyhow::Result<Attempt> {
        let mut tried = Ok(NO_COOKIES);
        let half_open = |peer: &mut Peer<'_>| {
            handshake(peer, &MSS)?;
            let cookies = self.connection(
                |peer| Ok(two_cookies(peer)?.map_or(NO_COOKIES, |_| Made)),
                &mut || Ok(true),
            );
            tried = match cookies {
                Ok(Made) => attempt(),
                not => not,
            };
            Ok(Made)
        };
        match self.connection(half_open, &mut || Ok(true))? {
            Made => tried,
            silent => Ok(silent),
        }
    }

    fn long_data(self, peer: &mut Peer<'_>, option: &[u8], line: &[u8]) -> io::Result<Attempt> {
        handshake(peer, &MSS)?;
        let ip = if self.address.is_ipv4() { 20 } else { 40 };
        let room = usize::from(self.mtu).saturating_sub(ip + 20 + option.len());
        let mut data = line.to_vec();
        data.resize(room.max(line.len()), b'x');
        match peer.data(option, &data) {
            // The option list is right, so it is the length.
            Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(SMALLER_MTU),
            sent => sent.map(|()| Made),
        }
    }
}

fn ack(peer: &mut Peer<'_>, options: &[u8], line: &[u8]) -> io::Result<Attempt> {
    handshake(peer, &MSS)?;
    peer.ack(options)?;
    peer.data(&[], line)?;
    Ok(Made)
}

fn ack_beside_timestamps(peer: &mut Peer<'_>, option: &[u8], line: &[u8]) -> io::Result<Attempt> {
    let answer = handshake(peer, &[&MSS[..], &timestamps(1, 0)].concat())?;
    let Some(echo) = timestamp_of(&answer.options) else {
        return Ok(NO_TIMESTAMPS);
    };
    let stamps = timestamps(2, echo);
    peer.ack(&[option, &stamps].concat())?;
    // The kernel takes no segment without timestamps from here on.
    peer.data(&stamps, line)?;
    Ok(Made)
}

fn fin(peer: &mut Peer<'_>, option: &[u8], line: &[u8]) -> io::Result<Attempt> {
    handshake(peer, &MSS)?;
    let sequence = peer.sequence;
    completing(peer, flags::FIN | flags::PSH, sequence, option, line)
}

fn syn_ack(peer: &mut Peer<'_>, option: &[u8], line: &[u8]) -> io::Result<Attempt> {
    handshake(peer, &MSS)?;
    // With the number of the first SYN the kernel makes the connection's socket from it,
    // where modules read the option; it does not take the data.
    let first = peer.sequence.wrapping_sub(1);
    completing(peer, flags::SYN | flags::PSH, first, option, line)?;
    peer.data(&[], line)?;
    Ok(Made)
}

fn neighbour(peer: &mut Peer<'_>, off: i32, option: &[u8], line: &[u8]) -> io::Result<Attempt> {
    handshake(peer, &MSS)?;
    peer.acknowledgment = peer.acknowledgment.wrapping_add_signed(off);
    peer.ack(option)?;
    while let Some(answer) = peer.receive(RESET_WAIT)? {
        if answer.flags & flags::RST != 0 {
            return Ok(NOT_TAKEN);
        }
    }
    peer.data(&[], line)?;
    Ok(Made)
}

fn older(peer: &mut Peer<'_>, option: &[u8], line: &[u8]) -> io::Result<Attempt> {
    let Some((sequence, acknowledgment)) = two_cookies(peer)? else {
        return Ok(NO_COOKIES);
    };
    (peer.sequence, peer.acknowledgment) = (sequence, acknowledgment);
    peer.ack(option)?;
    peer.data(&[], line)?;
    Ok(Made)
}

fn handshake(peer: &mut Peer<'_>, options: &[u8]) -> io::Result<Segment> {
    let mut left = SYNS;
    loop {
        peer.syn(options)?;
        left -= 1;
        match peer.syn_ack() {
            Err(error) if error.kind() == ErrorKind::TimedOut && left > 0 => {
                peer.sequence = peer.sequence.wrapping_sub(1);
            }
            answer => return answer,
        }
    }
}

/// Two SYNs of different numbers from one port. A kernel that keeps the first does not
/// answer the second by a SYN-ACK of another number; one that sends cookies does. The
/// numbers that go with the first.
fn two_cookies(peer: &mut Peer<'_>) -> io::Result<Option<(u32, u32)>> {
    handshake(peer, &MSS)?;
    let older = (peer.sequence, peer.acknowledgment);
    peer.sequence = peer.sequence.wrapping_add(5000);
    peer.syn(&MSS)?;
    match peer.syn_ack() {
        Err(error) if is_refusal(&error) => Ok(None),
        answer => Ok((answer?.sequence.wrapping_add(1) != older.1).then_some(older)),
    }
}

/// An ACK with these flags too.
fn completing(
    peer: &Peer<'_>,
    beside_ack: u8,
    sequence: u32,
    option: &[u8],
    line: &[u8],
) -> io::Result<Attempt> {
    peer.send(&Segment {
        flags: beside_ack | flags::ACK,
        sequence,
        acknowledgment: peer.acknowledgment,
        window: u16::MAX,
        options: option.to_vec(),
        payload: line.to_vec(),
    })?;
    Ok(Made)
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::TimedOut | ErrorKind::ConnectionReset
    )
}
