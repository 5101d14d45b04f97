//! What a balancer is told before it starts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::Error;
use crate::translate::{Plan, Timeouts};

/// Private space that nobody's router hands out: 0x74 and 0x6f are "to". Not
/// from 100.64/10, because Tailscale's firewall rules drop that on other devices.
const DEFAULT_V4: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 116, 111, 0), 24);
/// Unique local space (RFC 4193); fd and then "toa" in ASCII. Not 64:ff9b::/96:
/// a real NAT64 in the user's network owns that one, and the pool of FNAT66
/// must lie in the space that sources trust by default.
const DEFAULT_V6: Ipv6Net =
    Ipv6Net::new_assert(Ipv6Addr::new(0xfd74, 0x6f61, 0, 0, 0, 0, 0, 0), 64);

// Host numbers within the device's network.
const DEVICE: u32 = 1;
const VIRTUAL: u32 = 2;
const POOL: std::ops::Range<u32> = 16..32;

/// Which families meet in the balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// IPv6 clients, IPv4 backend.
    Nat64,
    /// IPv4 on both sides.
    Fnat44,
    /// IPv6 on both sides.
    Fnat66,
}

impl Mode {
    fn families(self) -> (Family, Family) {
        match self {
            Mode::Nat64 => (Family::V6, Family::V4),
            Mode::Fnat44 => (Family::V4, Family::V4),
            Mode::Fnat66 => (Family::V6, Family::V6),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

/// How a [`Balancer`](crate::Balancer) is to work. All but the backend's port
/// has a default.
///
/// Each network gives the device its first address, which is the client's and
/// the backend's; the second is the virtual one; 16 to 31 are the pool that the
/// backend sees.
#[derive(Clone, Debug)]
pub struct BalancerConfig {
    mode: Mode,
    backend_port: u16,
    virtual_port: u16,
    network_v4: Ipv4Net,
    network_v6: Ipv6Net,
    option_kind: u8,
    option_in_syn: bool,
    mtu: u16,
    max_flows: usize,
    timeouts: Timeouts,
}

impl BalancerConfig {
    /// IPv6 clients to a server on `backend_port`. The server must listen on
    /// 0.0.0.0 or `[::]`: one on 127.0.0.1 cannot be reached through a device.
    #[must_use]
    pub fn nat64_to(backend_port: u16) -> BalancerConfig {
        BalancerConfig::new(Mode::Nat64, backend_port)
    }

    /// IPv4 clients to a server on `backend_port`, on 0.0.0.0 or `[::]`.
    #[must_use]
    pub fn fnat44_to(backend_port: u16) -> BalancerConfig {
        BalancerConfig::new(Mode::Fnat44, backend_port)
    }

    /// IPv6 clients to a server on `backend_port`, on `[::]`.
    #[must_use]
    pub fn fnat66_to(backend_port: u16) -> BalancerConfig {
        BalancerConfig::new(Mode::Fnat66, backend_port)
    }

    /// As [`nat64_to`](Self::nat64_to) and its siblings, by `mode`.
    #[must_use]
    pub fn new(mode: Mode, backend_port: u16) -> BalancerConfig {
        BalancerConfig {
            mode,
            backend_port,
            virtual_port: backend_port,
            network_v4: DEFAULT_V4,
            network_v6: DEFAULT_V6,
            option_kind: 254,
            option_in_syn: false,
            mtu: 1500,
            max_flows: 65536,
            timeouts: Timeouts::default(),
        }
    }

    /// The port that clients connect to; the backend's by default.
    #[must_use]
    pub fn with_virtual_port(mut self, port: u16) -> BalancerConfig {
        self.virtual_port = port;
        self
    }

    /// The IPv4 network of the device, at most a /27; 10.116.111.0/24 by default.
    #[must_use]
    pub fn with_network_v4(mut self, network: Ipv4Net) -> BalancerConfig {
        self.network_v4 = network.trunc();
        self
    }

    /// The IPv6 network of the device, at most a /123; fd74:6f61::/64 by default.
    #[must_use]
    pub fn with_network_v6(mut self, network: Ipv6Net) -> BalancerConfig {
        self.network_v6 = network.trunc();
        self
    }

    /// The TCP option kind: 254 by default, 253 and 200 are the others in use.
    #[must_use]
    pub fn with_option_kind(mut self, kind: u8) -> BalancerConfig {
        self.option_kind = kind;
        self
    }

    /// Whether the client's SYN carries the option too. Default: no.
    #[must_use]
    pub fn with_option_in_syn(mut self, on: bool) -> BalancerConfig {
        self.option_in_syn = on;
        self
    }

    /// The device's MTU, at least 1280; 1500 by default.
    #[must_use]
    pub fn with_mtu(mut self, mtu: u16) -> BalancerConfig {
        self.mtu = mtu;
        self
    }

    /// The bound of the flow table; 65536 by default.
    #[must_use]
    pub fn with_max_flows(mut self, max_flows: usize) -> BalancerConfig {
        self.max_flows = max_flows;
        self
    }

    /// When idle flows end.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> BalancerConfig {
        self.timeouts = timeouts;
        self
    }

    /// Where clients will connect to.
    #[must_use]
    pub fn virtual_addr(&self) -> SocketAddr {
        SocketAddr::new(
            self.host(self.mode.families().0, VIRTUAL),
            self.virtual_port,
        )
    }

    /// Where the connections end: the device's own address.
    #[must_use]
    pub fn backend(&self) -> SocketAddr {
        SocketAddr::new(self.host(self.mode.families().1, DEVICE), self.backend_port)
    }

    /// The network whose addresses the backend sees.
    #[must_use]
    pub fn backend_network(&self) -> IpNet {
        self.network(self.mode.families().1)
    }

    /// The networks that the device takes.
    pub(crate) fn networks(&self) -> Vec<IpNet> {
        let (client, backend) = self.mode.families();
        let mut networks = vec![self.network(client)];
        if backend != client {
            networks.push(self.network(backend));
        }
        networks
    }

    /// The device's own addresses, with their networks.
    pub(crate) fn device_addresses(&self) -> Vec<IpNet> {
        let own = |n: IpNet| IpNet::new_assert(nth_host(n, DEVICE), n.prefix_len());
        self.networks().into_iter().map(own).collect()
    }

    pub(crate) fn mtu(&self) -> u16 {
        self.mtu
    }

    /// Checks everything and lays out the addresses.
    pub(crate) fn plan(&self, seed: u64) -> Result<Plan, Error> {
        for network in self.networks() {
            if network.prefix_len() > network.max_prefix_len() - 5 {
                return Err(Error::NetworkTooSmall(network));
            }
        }
        let pool = POOL.map(|n| nth_host(self.backend_network(), n)).collect();
        let mut plan = Plan::new(self.virtual_addr(), self.backend(), pool);
        plan.option_kind = self.option_kind;
        plan.option_in_syn = self.option_in_syn;
        plan.mtu = self.mtu;
        plan.max_flows = self.max_flows;
        plan.timeouts = self.timeouts;
        plan.seed = seed;
        Ok(plan)
    }

    fn network(&self, family: Family) -> IpNet {
        match family {
            Family::V4 => self.network_v4.into(),
            Family::V6 => self.network_v6.into(),
        }
    }

    fn host(&self, family: Family, n: u32) -> IpAddr {
        nth_host(self.network(family), n)
    }
}

fn nth_host(network: IpNet, n: u32) -> IpAddr {
    match network {
        IpNet::V4(v4) => Ipv4Addr::from_bits(v4.network().to_bits() | n).into(),
        IpNet::V6(v6) => Ipv6Addr::from_bits(v6.network().to_bits() | u128::from(n)).into(),
    }
}
