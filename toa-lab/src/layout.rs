//! Which addresses a balancer takes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::Error;
use crate::config::{BalancerConfig, Family};
use crate::error::AddressInUse;
use crate::translate::Plan;

/// Private space that few use; in the first, 0x74 and 0x6f are "to". A company's
/// VPN often covers all of 10/8, hence the others. None from 100.64/10: Tailscale's
/// firewall rules drop that on all devices but its own.
const NETWORKS_V4: [Ipv4Net; 3] = [v4(10, 116, 111), v4(172, 29, 111), v4(192, 168, 211)];
/// Unique local space (RFC 4193): fd, then "toa" in ASCII. Not 64:ff9b::/96: a
/// real NAT64 in the user's network owns that, and the pool of FNAT66 must lie
/// in the space that sources trust by default.
const NETWORKS_V6: [Ipv6Net; 3] = [v6(0), v6(1), v6(2)];

// Host numbers within a network.
const DEVICE: u32 = 1;
const VIRTUAL: u32 = 2;
const POOL: Range<u32> = 16..32;

const fn v4(a: u8, b: u8, c: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), 24)
}

const fn v6(subnet: u16) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(0xfd74, 0x6f61, 0, subnet, 0, 0, 0, 0), 64)
}

/// The addresses of one balancer.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "there is no device elsewhere")
)]
pub(crate) struct Layout {
    /// For the translator, but for the seed.
    pub(crate) plan: Plan,
    /// The device's own addresses, with their networks.
    pub(crate) device: Vec<IpNet>,
    /// The virtual address, when it needs a route of its own.
    pub(crate) route: Option<IpNet>,
}

impl Layout {
    /// Takes what the configuration names, and the first free of the defaults for
    /// the rest. `check_free` says whether the machine knows a network already.
    pub(crate) fn choose(
        config: &BalancerConfig,
        check_free: impl Fn(IpNet) -> Result<(), AddressInUse>,
    ) -> Result<Layout, Error> {
        let network = |family| -> Result<IpNet, Error> {
            let (first, others) = match family {
                Family::V4 => candidates(config.network_v4, NETWORKS_V4),
                Family::V6 => candidates(config.network_v6, NETWORKS_V6),
            };
            if first.max_prefix_len() - first.prefix_len() < 5 {
                return Err(Error::NetworkTooSmall(first));
            }
            let free = |network: &IpNet| check_free(*network).is_ok();
            match check_free(first) {
                Ok(()) => Ok(first),
                Err(error) => Ok(others.into_iter().find(free).ok_or(error)?),
            }
        };
        let (client_family, backend_family) = config.mode.families();
        let backend_network = network(backend_family)?;
        let client_network = match client_family == backend_family {
            true => backend_network,
            false => network(client_family)?,
        };

        let device_ip = host(backend_network, DEVICE);
        let pool: Vec<IpAddr> = POOL.map(|n| host(backend_network, n)).collect();
        let virtual_ip = config.virtual_ip.unwrap_or(host(client_network, VIRTUAL));
        let clashes = pool.contains(&virtual_ip) || virtual_ip == host(client_network, DEVICE);
        if virtual_ip.is_ipv4() != (client_family == Family::V4) || clashes {
            return Err(Error::VirtualAddress(virtual_ip));
        }
        let route = (!client_network.contains(&virtual_ip)).then(|| IpNet::from(virtual_ip));
        if let Some(route) = route {
            check_free(route)?;
        }

        let virtual_addr = SocketAddr::new(virtual_ip, config.virtual_port);
        let backend = SocketAddr::new(device_ip, config.backend_port);
        let mut plan = Plan::new(virtual_addr, backend, pool);
        plan.option_format = config.option_format;
        plan.option_in_syn = config.option_in_syn;
        plan.insecure_client_options = config.insecure_client_options;
        plan.mtu = config.mtu;
        plan.max_flows = config.max_flows;
        plan.timeouts = config.timeouts;

        let mut networks = vec![client_network];
        if backend_network != client_network {
            networks.push(backend_network);
        }
        let own = |n: IpNet| IpNet::new_assert(host(n, DEVICE), n.prefix_len());
        let device = networks.into_iter().map(own).collect();
        Ok(Layout {
            plan,
            device,
            route,
        })
    }
}

/// The one that the user named, or the defaults.
fn candidates<N: Into<IpNet>>(named: Option<N>, defaults: [N; 3]) -> (IpNet, Vec<IpNet>) {
    let [first, second, third] = defaults;
    match named {
        Some(named) => (named.into(), Vec::new()),
        None => (first.into(), vec![second.into(), third.into()]),
    }
}

fn host(network: IpNet, n: u32) -> IpAddr {
    match network {
        IpNet::V4(v4) => Ipv4Addr::from_bits(v4.network().to_bits() | n).into(),
        IpNet::V6(v6) => Ipv6Addr::from_bits(v6.network().to_bits() | u128::from(n)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mode;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    /// A machine that knows these networks.
    fn taken(networks: &[&str]) -> impl Fn(IpNet) -> Result<(), AddressInUse> {
        let networks: Vec<IpNet> = networks.iter().map(|text| net(text)).collect();
        move |wanted| {
            let found = networks
                .iter()
                .find(|n| n.contains(&wanted) || wanted.contains(*n));
            let in_use = |&found| AddressInUse {
                wanted,
                found,
                device: "eth0".to_owned(),
            };
            found.map_or(Ok(()), |found| Err(in_use(found)))
        }
    }

    #[test]
    fn each_mode_has_its_families() {
        for (mode, virtual_addr, backend, device) in [
            (Mode::Nat64, "[fd74:6f61::2]:80", "10.116.111.1:80", 2),
            (Mode::Fnat44, "10.116.111.2:80", "10.116.111.1:80", 1),
            (Mode::Fnat66, "[fd74:6f61::2]:80", "[fd74:6f61::1]:80", 1),
        ] {
            let config = BalancerConfig::new(mode, 80);
            let layout = Layout::choose(&config, taken(&[])).unwrap();
            assert_eq!(layout.plan.virtual_addr, virtual_addr.parse().unwrap());
            assert_eq!(layout.plan.backend, backend.parse().unwrap());
            assert_eq!(layout.device.len(), device);
            assert!(
                layout
                    .plan
                    .pool
                    .iter()
                    .all(|ip| ip.is_ipv4() == backend.starts_with("10"))
            );
            assert_eq!(layout.route, None);
        }
    }

    #[test]
    fn a_network_that_the_machine_knows_is_left_alone() {
        let config = BalancerConfig::nat64_to(80);
        let machine = taken(&["10.0.0.0/8", "172.29.111.64/26", "fd74:6f61::2/128"]);
        let layout = Layout::choose(&config, machine).unwrap();
        assert_eq!(
            layout.device,
            [net("fd74:6f61:0:1::1/64"), net("192.168.211.1/24")]
        );

        let all = taken(&["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]);
        let error = Layout::choose(&config, all).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the network 10.116.111.0/24 overlaps 10.0.0.0/8, which device eth0 has: choose \
             another network, or stop the other balancer"
        );
        let named = config.with_network_v4("10.116.111.0/24".parse().unwrap());
        let error = Layout::choose(&named, taken(&["10.116.111.7/32"])).unwrap_err();
        assert!(
            matches!(error, Error::AddressInUse(_)),
            "no second choice for a named one"
        );
    }

    #[test]
    fn a_virtual_address_from_elsewhere_gets_a_route() {
        let elsewhere = BalancerConfig::nat64_to(80).with_virtual_ip("64:ff9b::1".parse().unwrap());
        let layout = Layout::choose(&elsewhere, taken(&[])).unwrap();
        assert_eq!(layout.route, Some(net("64:ff9b::1/128")));
        let inside = BalancerConfig::nat64_to(80).with_virtual_ip("fd74:6f61::99".parse().unwrap());
        assert_eq!(Layout::choose(&inside, taken(&[])).unwrap().route, None);
        let error = Layout::choose(&elsewhere, taken(&["64:ff9b::/96"])).unwrap_err();
        assert!(matches!(error, Error::AddressInUse(_)));
    }

    #[test]
    fn a_virtual_address_that_cannot_work_is_refused() {
        for (mode, ip) in [
            (Mode::Nat64, "192.0.2.1"),
            (Mode::Fnat44, "fd00::1"),
            (Mode::Fnat44, "10.116.111.1"),
            (Mode::Fnat44, "10.116.111.16"),
            (Mode::Nat64, "fd74:6f61::1"),
        ] {
            let config = BalancerConfig::new(mode, 80).with_virtual_ip(ip.parse().unwrap());
            let error = Layout::choose(&config, taken(&[])).unwrap_err();
            assert!(error.to_string().contains(ip), "{error}");
        }
    }

    #[test]
    fn a_network_without_room_for_the_pool_is_refused() {
        let config = BalancerConfig::fnat44_to(80);
        let config = config.with_network_v4("10.0.0.0/28".parse().unwrap());
        let error = Layout::choose(&config, taken(&[])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the network 10.0.0.0/28 is too small, it must hold 32 addresses"
        );
    }
}
