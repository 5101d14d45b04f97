//! The layouts of `bpf/config.h`.
#![expect(
    unsafe_code,
    reason = "aya's marker for plain old data is an unsafe trait"
)]

use std::net::{Ipv4Addr, Ipv6Addr};

use aya::Pod;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use toa_core::option::Layout;
use toa_core::{OptionFormat, OptionFormats, ParseOptionFormatsError, TrustedPeers};

use crate::Config;

const VERSION_LEN: usize = 16;
/// The mark of kinds that mean something else in TCP.
const KIND_ASSIGNED: u16 = 1 << 15;
const VIP_LEN: usize = Layout::Vip4.option_len();

/// `struct toa_config`
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawConfig {
    by_kind: [u16; 256],
    trust_any: u8,
    peername: u8,
    steps4: u8,
    steps6: u8,
    believe_implausible: u8,
    reads_vip: u8,
    zero: [u8; 2],
    version: [u8; VERSION_LEN],
}
const _: () = assert!(size_of::<RawConfig>() == 536);

// SAFETY: repr(C) without padding, and any bytes are a valid value.
unsafe impl Pod for RawConfig {}

impl RawConfig {
    pub(crate) fn new(config: &Config) -> Self {
        let formats = &config.formats;
        let reads_vip =
            (0..=u8::MAX).any(|kind| formats.layout(kind, VIP_LEN) == Some(Layout::Vip4));
        let mut version = [0; VERSION_LEN];
        for (to, from) in version.iter_mut().zip(env!("CARGO_PKG_VERSION").bytes()) {
            *to = from;
        }
        let nets = Nets::of(&config.trusted);
        Self {
            by_kind: std::array::from_fn(|kind| {
                let kind = kind as u8;
                let mark = if is_assigned(kind) { KIND_ASSIGNED } else { 0 };
                formats.by_kind()[usize::from(kind)] | mark
            }),
            trust_any: config.trusted.is_any().into(),
            peername: config.peername.into(),
            steps4: steps(nets.v4.len()),
            steps6: steps(nets.v6.len()),
            believe_implausible: config.insecure_believe_implausible.into(),
            reads_vip: reads_vip.into(),
            zero: [0; 2],
            version,
        }
    }

    /// `None` for what another version wrote, with other layouts.
    pub(crate) fn formats(&self) -> Option<OptionFormats> {
        OptionFormats::from_by_kind(self.by_kind.map(|layouts| layouts & !KIND_ASSIGNED))
    }

    pub(crate) const fn trust_any(&self) -> bool {
        self.trust_any != 0
    }

    pub(crate) const fn peername(&self) -> bool {
        self.peername != 0
    }

    pub(crate) const fn believe_implausible(&self) -> bool {
        self.believe_implausible != 0
    }

    /// Whether the maps of trusted networks hold any, of IPv4 and of IPv6: an array has
    /// an entry also when none was written.
    pub(crate) const fn has_nets(&self) -> (bool, bool) {
        (self.steps4 != 0, self.steps6 != 0)
    }

    pub(crate) fn version(&self) -> String {
        let used = self
            .version
            .iter()
            .position(|&b| b == 0)
            .unwrap_or(VERSION_LEN);
        String::from_utf8_lossy(&self.version[..used]).into_owned()
    }
}

/// Whether TCP has a meaning for this kind and no format has, so that one that is not read
/// tells nothing.
fn is_assigned(kind: u8) -> bool {
    let of = |format| OptionFormats::new([format]);
    of(OptionFormat::ToaAt(kind)) == Err(ParseOptionFormatsError::Assigned(kind))
        && !of(OptionFormat::Cip).is_ok_and(|cip| cip.contains_kind(kind))
}

/// What a binary search over `count` networks takes.
fn steps(count: usize) -> u8 {
    (usize::BITS - count.leading_zeros()) as u8
}

/// `struct toa_net4`: first and last address.
pub(crate) type RawNet4 = [u32; 2];

/// `struct toa_net6`: first and last address, the high half first.
pub(crate) type RawNet6 = [u64; 4];

/// The trusted networks as the maps hold them: sorted, and no two overlap.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Nets {
    pub(crate) v4: Vec<RawNet4>,
    pub(crate) v6: Vec<RawNet6>,
}

impl Nets {
    pub(crate) fn of(trusted: &TrustedPeers) -> Self {
        let mut nets = Self {
            v4: Vec::new(),
            v6: Vec::new(),
        };
        for net in trusted.nets() {
            match net {
                IpNet::V4(net) => nets
                    .v4
                    .push([net.network().to_bits(), net.broadcast().to_bits()]),
                IpNet::V6(net) => {
                    let [first, last] = [net.network(), net.broadcast()].map(Ipv6Addr::to_bits);
                    nets.v6.push([
                        (first >> 64) as u64,
                        first as u64,
                        (last >> 64) as u64,
                        last as u64,
                    ]);
                }
            }
        }
        nets
    }
}

/// `None` for what is not a network.
pub(crate) fn net4([first, last]: RawNet4) -> Option<IpNet> {
    let prefix = (first ^ last).leading_zeros() as u8;
    let net = Ipv4Net::new(Ipv4Addr::from_bits(first), prefix).ok()?;
    Some(net.into())
}

/// `None` for what is not a network.
pub(crate) fn net6([high, low, last_high, last_low]: RawNet6) -> Option<IpNet> {
    let bits = |high, low| u128::from(high) << 64 | u128::from(low);
    let (first, last) = (bits(high, low), bits(last_high, last_low));
    let prefix = (first ^ last).leading_zeros() as u8;
    let net = Ipv6Net::new(Ipv6Addr::from_bits(first), prefix).ok()?;
    Some(net.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_survive_the_way_into_the_maps_and_back() {
        for text in [
            "private",
            "none",
            "0.0.0.0/0,::/0",
            "0.0.0.0,255.255.255.255",
            "::,ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:db8:0:1::/64,2001:db8::1,2001:db8:0:0:800::/69",
        ] {
            let trusted: TrustedPeers = text.parse().unwrap();
            let nets = Nets::of(&trusted);
            let back = nets.v4.iter().map(|&net| net4(net).unwrap());
            let back = back.chain(nets.v6.iter().map(|&net| net6(net).unwrap()));
            assert_eq!(back.collect::<TrustedPeers>(), trusted, "{text}");
            assert!(nets.v4.is_sorted_by(|a, b| a[1] < b[0]), "{nets:?}");
            assert!(nets.v6.is_sorted_by(|a, b| a[2..] < b[..2]), "{nets:?}");
        }
    }

    #[test]
    fn formats_survive_the_way_into_the_map_and_back() {
        for text in ["toa", "vtoa", "cip,ttgw", "toa,vtoa,cip,ttgw,toa@77"] {
            let formats: OptionFormats = text.parse().unwrap();
            let config = Config::new(TrustedPeers::private()).with_formats(formats.clone());
            let raw = RawConfig::new(&config);
            assert_eq!(raw.formats(), Some(formats), "{text}");
            assert_eq!(raw.by_kind[8], KIND_ASSIGNED, "{text}");
            // Both may be a format that is not configured.
            assert_eq!(raw.by_kind[28] & KIND_ASSIGNED, 0, "{text}");
            assert_eq!(raw.by_kind[99], 0, "{text}");
            assert_eq!(raw.reads_vip != 0, text.contains("vtoa"), "{text}");
        }
    }

    #[test]
    fn the_steps_reach_every_network() {
        for (count, expected) in [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (10_000, 14)] {
            assert_eq!(steps(count), expected, "{count}");
        }
    }
}
