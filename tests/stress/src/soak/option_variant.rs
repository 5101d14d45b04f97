//! Which options a hand-made connection carries, and whether they should count.

use std::net::SocketAddr;

use toa_core::to_mapped;

use super::address;

const KINDS: [u8; 3] = [254, 253, 200];
const NOP: u8 = 1;

/// Which option goes where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum OptionVariant {
    /// In the bare ACK and, as balancers do, in the first data as well.
    AckAndData,
    /// In the bare ACK alone.
    AckOnly,
    /// Data completes the handshake.
    DataOnly,
    /// A second one behind the balancer's.
    ForgedSecond,
    /// A malformed list behind the balancer's.
    GarbageBehind,
    /// None at all.
    Absent,
    /// From a peer that is not trusted.
    Untrusted,
    /// In the SYN, where no source reads it.
    SynOnly,
    /// After the handshake.
    LaterOnly,
    /// A loopback address, in mapped form when the family is IPv6.
    Loopback,
    /// With a length that no format has.
    WrongLength,
}

impl OptionVariant {
    /// In half of all connections the option counts.
    pub(crate) fn choose(random: &mut fastrand::Rng) -> Self {
        match random.u8(..20) {
            0..5 => Self::AckAndData,
            5..8 => Self::AckOnly,
            8..11 => Self::DataOnly,
            11 => Self::ForgedSecond,
            12 => Self::GarbageBehind,
            13 | 14 => Self::Absent,
            15 | 16 => Self::Untrusted,
            17 => Self::SynOnly,
            18 => Self::LaterOnly,
            _ => [Self::Loopback, Self::WrongLength][random.usize(..2)],
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AckAndData => "option in ACK and data",
            Self::AckOnly => "option in ACK",
            Self::DataOnly => "option in data",
            Self::ForgedSecond => "forged second option",
            Self::GarbageBehind => "garbage behind option",
            Self::Absent => "no option",
            Self::Untrusted => "untrusted peer",
            Self::SynOnly => "option in SYN",
            Self::LaterOnly => "option in later data",
            Self::Loopback => "loopback in option",
            Self::WrongLength => "wrong length",
        }
    }

    pub(crate) const fn is_trusted(self) -> bool {
        !matches!(self, Self::Untrusted)
    }

    /// Whether a loaded source should accept it.
    pub(crate) const fn counts(self) -> bool {
        matches!(
            self,
            Self::AckAndData
                | Self::AckOnly
                | Self::DataOnly
                | Self::ForgedSecond
                | Self::GarbageBehind
        )
    }
}

/// The option lists of one connection's segments.
#[derive(Clone, Debug)]
pub(crate) struct SegmentOptions {
    pub(crate) variant: OptionVariant,
    pub(crate) syn: Vec<u8>,
    /// `None` where data completes the handshake.
    pub(crate) ack: Option<Vec<u8>>,
    pub(crate) data: Vec<u8>,
    pub(crate) later: Vec<u8>,
    pub(crate) client: SocketAddr,
}

impl SegmentOptions {
    pub(crate) fn write(variant: OptionVariant, id: u32, random: &mut fastrand::Rng) -> Self {
        // Behind an IPv6 one, more than timestamps would make it implausible.
        let fits = !matches!(
            variant,
            OptionVariant::ForgedSecond | OptionVariant::GarbageBehind
        );
        let v6 = fits && random.bool();
        let client = address::client(id, v6);
        let kind = KINDS[random.usize(..KINDS.len())];
        let toa = match variant {
            OptionVariant::Absent => Vec::new(),
            OptionVariant::ForgedSecond => {
                let forged = option(KINDS[random.usize(..KINDS.len())], address::forged(id, v6));
                [option(kind, client), forged].concat()
            }
            OptionVariant::GarbageBehind => [option(kind, client), vec![kind, 40, 7]].concat(),
            OptionVariant::Loopback if v6 => {
                let mapped = SocketAddr::V6(to_mapped(([127, 0, 0, 1], 80).into()));
                option(kind, mapped)
            }
            OptionVariant::Loopback => option(kind, ([127, 0, 0, 1], 80).into()),
            OptionVariant::WrongLength => {
                let mut wrong = option(kind, client);
                wrong[1] -= 1;
                wrong
            }
            _ => around(option(kind, client), random),
        };
        let toa = padded(toa);
        let mut this = Self {
            variant,
            // Most carry a maximum segment size, as real ones do.
            syn: if random.u8(..4) > 0 {
                vec![2, 4, 5, 0xb4]
            } else {
                Vec::new()
            },
            ack: Some(Vec::new()),
            data: Vec::new(),
            later: Vec::new(),
            client,
        };
        match variant {
            OptionVariant::Absent => {}
            OptionVariant::SynOnly => this.syn = toa,
            OptionVariant::AckOnly => this.ack = Some(toa),
            OptionVariant::LaterOnly => this.later = toa,
            OptionVariant::DataOnly => {
                this.ack = None;
                this.data = toa;
            }
            _ => {
                this.ack = Some(toa.clone());
                this.data = toa;
            }
        }
        this
    }
}

fn option(kind: u8, client: SocketAddr) -> Vec<u8> {
    let mut bytes = vec![kind, 0];
    bytes.extend(client.port().to_be_bytes());
    match client {
        SocketAddr::V4(v4) => bytes.extend(v4.ip().octets()),
        SocketAddr::V6(v6) => bytes.extend(v6.ip().octets()),
    }
    bytes[1] = bytes.len() as u8;
    bytes
}

/// Among other options, at any offset, where there is room for that.
fn around(toa: Vec<u8>, random: &mut fastrand::Rng) -> Vec<u8> {
    const TIMESTAMPS: [u8; 12] = [NOP, NOP, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0];
    if toa.len() > 8 {
        return toa;
    }
    match random.u8(..5) {
        0 => [&[NOP], &*toa].concat(),
        1 => [&TIMESTAMPS, &*toa].concat(),
        2 => [&*toa, &TIMESTAMPS].concat(),
        3 => [&[NOP, NOP, NOP], &*toa].concat(),
        _ => toa,
    }
}

fn padded(mut list: Vec<u8>) -> Vec<u8> {
    list.resize(list.len().next_multiple_of(4), NOP);
    list
}

#[cfg(test)]
mod tests {
    use toa_core::OptionFormats;
    use toa_core::option::{Parsed, parse};

    use super::*;

    #[test]
    fn the_reference_parser_reads_what_a_variant_promises() {
        let mut random = fastrand::Rng::with_seed(7);
        for id in 0..5000 {
            let variant = OptionVariant::choose(&mut random);
            let options = SegmentOptions::write(variant, id, &mut random);
            let completing = options.ack.as_ref().unwrap_or(&options.data);
            assert!(completing.len() <= 40 && completing.len().is_multiple_of(4));
            let found = match parse(completing, &OptionFormats::default()) {
                Parsed::Found(option) => Some(option.client()),
                _ => None,
            };
            let sent = variant.counts() || variant == OptionVariant::Untrusted;
            assert_eq!(found, sent.then_some(options.client), "{variant:?}");
        }
    }
}
