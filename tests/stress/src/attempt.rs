//! How a client behind a balancer tries to appear as somebody else.

use std::net::SocketAddr;

use crate::storm::option;

const NO_OPERATION: u8 = 1;
const TIMESTAMP: [u8; 2] = [8, 10];
const MAX_OPTIONS_LEN: usize = 40;

/// One for each row of docs/security.md about attacks through a balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// A forged option in a list that leaves no room.
    FullList,
    /// Nothing but padding, which leaves no room either.
    Padding,
    /// A forged option beside timestamps that were negotiated.
    Timestamps,
    /// A first data segment that leaves no room to the MTU.
    LongData,
    /// A forged option in a FIN.
    Fin,
    /// Under SYN cookies, the ACK of a neighbouring cookie.
    Neighbor,
    /// Under SYN cookies, the ACK of the older of two.
    Older,
}

impl Attempt {
    const ALL: [Self; 7] = [
        Self::FullList,
        Self::Padding,
        Self::Timestamps,
        Self::LongData,
        Self::Fin,
        Self::Neighbor,
        Self::Older,
    ];

    pub(crate) fn choose(random: &mut fastrand::Rng) -> Self {
        Self::ALL[random.usize(..Self::ALL.len())]
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::FullList => "stranger: full list",
            Self::Padding => "stranger: padding",
            Self::Timestamps => "stranger: timestamps",
            Self::LongData => "stranger: long data",
            Self::Fin => "stranger: FIN",
            Self::Neighbor => "stranger: other cookie",
            Self::Older => "stranger: older cookie",
        }
    }

    /// Whether it succeeds under SYN cookies alone.
    pub(crate) const fn needs_cookies(self) -> bool {
        matches!(self, Self::Neighbor | Self::Older)
    }

    /// The options of its SYN.
    pub(crate) fn syn(self) -> Vec<u8> {
        match self {
            Self::Timestamps => timestamps(1, 0),
            _ => Vec::new(),
        }
    }

    /// The options of the segment that is to complete the handshake, after a SYN-ACK with
    /// the options `answer`.
    pub(crate) fn options(
        self,
        forged: SocketAddr,
        answer: &[u8],
        random: &mut fastrand::Rng,
    ) -> Vec<u8> {
        let mut list = option(forged);
        let room = MAX_OPTIONS_LEN - list.len();
        match self {
            Self::FullList => match random.u8(..3) {
                0 => list.extend(vec![NO_OPERATION; room]),
                1 => list.extend(vec![0; room]),
                // One that means something to somebody.
                _ => {
                    list.extend([99, room as u8]);
                    list.resize(MAX_OPTIONS_LEN, 7);
                }
            },
            Self::Padding => list = vec![random.u8(..2); MAX_OPTIONS_LEN],
            Self::Timestamps => list.extend(timestamps(2, echo(answer))),
            Self::LongData | Self::Fin | Self::Neighbor | Self::Older => {}
        }
        list
    }
}

/// How far a neighbouring cookie is off: it encodes another segment size.
pub(crate) fn neighbor(random: &mut fastrand::Rng) -> u32 {
    let off = random.u32(1..4);
    if random.bool() {
        off
    } else {
        off.wrapping_neg()
    }
}

fn timestamps(value: u32, echo: u32) -> Vec<u8> {
    let (value, echo) = (value.to_be_bytes(), echo.to_be_bytes());
    [&[NO_OPERATION, NO_OPERATION][..], &TIMESTAMP, &value, &echo].concat()
}

/// The value of the other side's timestamps.
fn echo(options: &[u8]) -> u32 {
    let at = options.windows(2).position(|two| two == TIMESTAMP);
    let value = at.and_then(|at| options.get(at + 2..)?.first_chunk());
    value.map_or(0, |value| u32::from_be_bytes(*value))
}
