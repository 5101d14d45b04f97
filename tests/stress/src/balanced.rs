//! Clients behind the laptop balancer who write TOA options themselves, and what reaches
//! the backend of them. It shares no code with the balancer, so that it can judge it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{Ipv4Net, Ipv6Net};
use toa_core::OptionFormats;
use toa_core::option::{MAX_OPTIONS_LEN, Parsed, parse};
use toa_lab::sandbox::Sandbox;
use toa_lab::{Balancer, BalancerConfig, Error, Mode};

use crate::storm::option;

/// Of all ways.
pub(crate) const MTU: usize = 1500;
const NO_OPERATION: u8 = 1;
/// The kinds under which some balancer writes addresses.
const ADDRESS_KINDS: [u8; 7] = [28, 200, 249, 250, 252, 253, 254];
/// Machines of strangers, of each family.
const MACHINES: u32 = 250;

/// What a balancer does with its clients' own options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balancing {
    /// It overwrites them, and passes no segment on that has no room for its own.
    Correct,
    /// It passes on both.
    Insecure,
}

/// Lets the kernel forward from the strangers' device into the balancers'.
///
/// # Errors
/// The kernel's.
pub fn forward(sandbox: &Sandbox) -> std::io::Result<()> {
    sandbox.sysctl("net/ipv4/ip_forward", "1")?;
    sandbox.sysctl("net/ipv6/conf/all/forwarding", "1")
}

/// A balancer with networks of its own, and what it is.
#[derive(Debug)]
pub(crate) struct Balanced {
    pub(crate) balancer: Balancer,
    pub(crate) balancing: Balancing,
    pub(crate) mode: Mode,
}

impl Balanced {
    /// Number `n` of many. With `broken` it does not do what `balancing` says of it: a
    /// run that does not notice proves nothing.
    pub(crate) fn start(
        n: u8,
        mode: Mode,
        balancing: Balancing,
        port: u16,
        broken: bool,
    ) -> Result<Self, Error> {
        let v4 = Ipv4Net::new_assert(Ipv4Addr::new(10, 116, 120 + n, 0), 24);
        let v6 = Ipv6Addr::new(0xfd74, 0x6f61, 2, n.into(), 0, 0, 0, 0);
        let config = BalancerConfig::new(mode, port)
            .with_network_v4(v4)
            .with_network_v6(Ipv6Net::new_assert(v6, 64))
            .with_insecure_client_options(broken || balancing == Balancing::Insecure);
        Ok(Self {
            balancer: Balancer::start(config)?,
            balancing,
            mode,
        })
    }

    /// Whether its clients have IPv6.
    pub(crate) fn is_v6(&self) -> bool {
        self.mode != Mode::Fnat44
    }

    /// Stranger number `n`, who is not trusted.
    pub(crate) fn stranger(&self, n: u32) -> SocketAddr {
        let (machine, port) = (n % MACHINES + 1, 1024 + n / MACHINES % 64_000);
        let ip: IpAddr = match self.is_v6() {
            true => Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, 2, machine as u16).into(),
            false => Ipv4Addr::new(198, 51, 100, machine as u8).into(),
        };
        SocketAddr::new(ip, port as u16)
    }

    /// Of IP and TCP without options, before it and behind it.
    pub(crate) fn headers(&self) -> (usize, usize) {
        match self.mode {
            Mode::Nat64 => (60, 40),
            Mode::Fnat44 => (40, 40),
            _ => (60, 60),
        }
    }

    /// The options that arrive at the backend in a segment of `client`, as far as they decide
    /// whom it sees; `None` when the segment does not arrive. `recognized` says whether the
    /// segment acknowledges the SYN that the balancer knows and nothing else.
    pub(crate) fn passed_on(
        &self,
        client: SocketAddr,
        options: &[u8],
        payload: usize,
        recognized: bool,
    ) -> Option<Vec<u8>> {
        let ours = option(client);
        let fits = |len: usize| {
            len + ours.len() <= MAX_OPTIONS_LEN
                && self.headers().1 + payload + len + ours.len() <= MTU
        };
        match self.balancing {
            Balancing::Insecure if recognized && fits(options.len()) => {
                Some([&ours[..], options].concat())
            }
            Balancing::Insecure => Some(options.to_vec()),
            Balancing::Correct if !recognized => Some(Vec::new()),
            Balancing::Correct => {
                let mut kept = meaningful(options);
                let shortest = kept.len().next_multiple_of(4);
                let roomy = options.len() + 2 * ours.len() <= MAX_OPTIONS_LEN;
                let len = match roomy && fits(options.len()) {
                    true => options.len(),
                    false => shortest,
                };
                kept.resize(len, NO_OPERATION);
                fits(len).then(|| [ours, kept].concat())
            }
        }
    }
}

/// Whom a source believes that reads this list from a trusted peer.
pub(crate) fn believed(options: &[u8]) -> Option<SocketAddr> {
    match parse(options, &OptionFormats::default()) {
        Parsed::Found(option) => Some(option.client()),
        _ => None,
    }
}

/// The options that are neither padding nor addresses.
fn meaningful(mut rest: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    loop {
        rest = match *rest {
            [] | [0, ..] | [_] => return kept,
            [NO_OPERATION, ..] => &rest[1..],
            [kind, len, ..] => {
                let len = usize::from(len);
                let Some(option) = rest.get(..len).filter(|_| len >= 2) else {
                    return kept;
                };
                if !ADDRESS_KINDS.contains(&kind) {
                    kept.extend(option);
                }
                &rest[len..]
            }
        };
    }
}
