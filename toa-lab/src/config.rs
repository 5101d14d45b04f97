//! The configuration of a balancer.

use std::net::IpAddr;

use ipnet::{Ipv4Net, Ipv6Net};

use toa_core::OptionFormat;

use crate::translate::Timeouts;

/// The address families on the two sides of the balancer.
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
    /// The client's family and the backend's.
    pub(crate) fn families(self) -> (Family, Family) {
        match self {
            Mode::Nat64 => (Family::V6, Family::V4),
            Mode::Fnat44 => (Family::V4, Family::V4),
            Mode::Fnat66 => (Family::V6, Family::V6),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

/// How a [`Balancer`](crate::Balancer) is to work. All but the backend's port
/// has a default.
///
/// Of each network the device itself has the first address, which is the
/// client's and the backend's; the second is the virtual one; 16 to 31 are the
/// pool that the backend sees. For a source to accept the TOA option, the network
/// must be in its trusted set.
#[derive(Clone, Debug)]
pub struct BalancerConfig {
    pub(crate) mode: Mode,
    pub(crate) backend_port: u16,
    pub(crate) virtual_port: u16,
    pub(crate) virtual_ip: Option<IpAddr>,
    pub(crate) network_v4: Option<Ipv4Net>,
    pub(crate) network_v6: Option<Ipv6Net>,
    pub(crate) option_format: OptionFormat,
    pub(crate) option_in_syn: bool,
    pub(crate) insecure_client_options: bool,
    pub(crate) mtu: u16,
    pub(crate) max_flows: usize,
    pub(crate) timeouts: Timeouts,
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
            virtual_ip: None,
            network_v4: None,
            network_v6: None,
            option_format: OptionFormat::Toa,
            option_in_syn: false,
            insecure_client_options: false,
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

    /// The address that clients connect to, any that has no other meaning on this
    /// machine; by default the second one of the device's network.
    #[must_use]
    pub fn with_virtual_ip(mut self, ip: IpAddr) -> BalancerConfig {
        self.virtual_ip = Some(ip);
        self
    }

    /// The IPv4 network of the device, a /27 or larger. By default the first of
    /// 10.116.111.0/24, 172.29.111.0/24 and 192.168.211.0/24 that this machine
    /// does not know yet.
    #[must_use]
    pub fn with_network_v4(mut self, network: Ipv4Net) -> BalancerConfig {
        self.network_v4 = Some(network.trunc());
        self
    }

    /// The IPv6 network of the device, a /123 or larger. By default the first of
    /// fd74:6f61::/64, fd74:6f61:0:1::/64 and fd74:6f61:0:2::/64 that this machine
    /// does not know yet.
    #[must_use]
    pub fn with_network_v6(mut self, network: Ipv6Net) -> BalancerConfig {
        self.network_v6 = Some(network.trunc());
        self
    }

    /// How to write the client's address, `toa` by default. `vtoa` takes all room for IPv6
    /// clients, so the balancer keeps them from negotiating timestamps.
    #[must_use]
    pub fn with_option_format(mut self, format: OptionFormat) -> BalancerConfig {
        self.option_format = format;
        self
    }

    /// Whether the client's SYN carries the option too. Default: no.
    #[must_use]
    pub fn with_option_in_syn(mut self, on: bool) -> BalancerConfig {
        self.option_in_syn = on;
        self
    }

    /// Whether to work as balancers do that leave their clients' own options alone (DPVS up
    /// to 1.9.4): what the client wrote under the kinds of known formats is passed on, and so
    /// is a segment that has no room for the balancer's option. A client can then name any
    /// address: for tests of what a source refuses. Default: no.
    #[must_use]
    pub fn with_insecure_client_options(mut self, on: bool) -> BalancerConfig {
        self.insecure_client_options = on;
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
}
