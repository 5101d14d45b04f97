//! What the kernel says of addresses and routes.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::thread;
use std::time::Duration;

use ipnet::IpNet;
use nix::ifaddrs::getifaddrs;

use crate::error::AddressInUse;

/// Fails when `wanted` overlaps an address or a route of this network namespace.
/// Default routes do not count: everything overlaps those.
pub(crate) fn check_free(wanted: IpNet) -> Result<(), AddressInUse> {
    let overlaps = |found: IpNet| found.contains(&wanted) || wanted.contains(&found);
    let mut known = interface_networks().into_iter().chain(routes());
    match known.find(|(found, _)| overlaps(*found)) {
        Some((found, device)) => Err(AddressInUse {
            wanted,
            found,
            device,
        }),
        None => Ok(()),
    }
}

/// Waits until the kernel takes packets to its new `address`: it makes the
/// route of an IPv6 address in a worker of its own. False after a second.
pub(crate) fn wait_until_local(address: IpAddr) -> bool {
    let host = IpNet::from(address);
    (0..1000).any(|_| {
        let there = address.is_ipv4() || routes().any(|(network, _)| network == host);
        if !there {
            thread::sleep(Duration::from_millis(1));
        }
        there
    })
}

fn interface_networks() -> Vec<(IpNet, String)> {
    // What cannot be listed cannot be checked; making the device will still fail
    // on its own where it must.
    let Ok(all) = getifaddrs() else {
        return Vec::new();
    };
    all.filter_map(|entry| {
        let address = ip(entry.address.as_ref()?)?;
        let bits = match ip(entry.netmask.as_ref()?)? {
            IpAddr::V4(mask) => mask.to_bits().leading_ones(),
            IpAddr::V6(mask) => mask.to_bits().leading_ones(),
        };
        let network = IpNet::new(address, bits as u8).ok()?;
        (bits > 0).then(|| (network.trunc(), entry.interface_name))
    })
    .collect()
}

fn ip(storage: &nix::sys::socket::SockaddrStorage) -> Option<IpAddr> {
    let v4 = storage.as_sockaddr_in().map(|a| a.ip().into());
    v4.or_else(|| storage.as_sockaddr_in6().map(|a| a.ip().into()))
}

fn routes() -> impl Iterator<Item = (IpNet, String)> {
    // Not /proc/net: that is the namespace of the process's first thread.
    let read = |name| fs::read_to_string(format!("/proc/thread-self/net/{name}"));
    let v4 = read("route").unwrap_or_default();
    let v6 = read("ipv6_route").unwrap_or_default();
    let v4 = v4.lines().filter_map(route_v4).collect::<Vec<_>>();
    let v6 = v6.lines().filter_map(route_v6).collect::<Vec<_>>();
    v4.into_iter()
        .chain(v6)
        .filter(|(network, _)| network.prefix_len() > 0)
}

/// Device, destination, gateway, flags, refcnt, use, metric, mask, ...; addresses
/// as the kernel's integers, in the machine's byte order.
fn route_v4(line: &str) -> Option<(IpNet, String)> {
    let mut fields = line.split_whitespace();
    let device = fields.next()?;
    let number = |hex: &str| u32::from_str_radix(hex, 16).ok();
    let destination = number(fields.next()?)?;
    let mask = number(fields.nth(5)?)?;
    let address = Ipv4Addr::from(destination.to_ne_bytes());
    let network = IpNet::new(address.into(), mask.count_ones() as u8).ok()?;
    Some((network, device.to_owned()))
}

/// Destination, its prefix length, ..., device; all in hex.
fn route_v6(line: &str) -> Option<(IpNet, String)> {
    let mut fields = line.split_whitespace();
    let address = Ipv6Addr::from_bits(u128::from_str_radix(fields.next()?, 16).ok()?);
    let bits = u8::from_str_radix(fields.next()?, 16).ok()?;
    let device = fields.next_back()?;
    Some((IpNet::new(address.into(), bits).ok()?, device.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_read_as_the_kernel_writes_them() {
        if cfg!(target_endian = "little") {
            let line = "eth0\t000A10AC\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0";
            let expected = ("172.16.10.0/24".parse().unwrap(), "eth0".to_owned());
            assert_eq!(route_v4(line), Some(expected));
        }
        let line = "fd746f61000000000000000000000000 40 00000000000000000000000000000000 00 \
                    00000000000000000000000000000000 00000100 00000001 00000000 00000001     toa0";
        let expected = ("fd74:6f61::/64".parse().unwrap(), "toa0".to_owned());
        assert_eq!(route_v6(line), Some(expected));
        assert_eq!(
            route_v4("Iface Destination Gateway Flags RefCnt Use Metric Mask"),
            None
        );
        assert_eq!(route_v6(""), None);
    }
}
