//! Addresses that name the connection they belong to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// After so many connections the addresses repeat.
const IDS: u32 = 1 << 24;

/// The peers' hosts, each with all its ports. Few, because the kernel's neighbour table is
/// bounded.
const MACHINES: u32 = 199;
const PORTS: u32 = 64_000;

/// The client in the option that counts.
pub(crate) fn client(id: u32, v6: bool) -> SocketAddr {
    numbered(id, v6, 11, 0x50a4)
}

/// The address in an option that must not count.
pub(crate) fn forged(id: u32, v6: bool) -> SocketAddr {
    numbered(id, v6, 13, 0xf0f0)
}

/// The TCP peer, trusted (in private space) or not. Each pair of address and port comes
/// once in twelve million.
pub(crate) fn peer(id: u32, v6: bool, trusted: bool) -> SocketAddr {
    let machine = id % MACHINES + 1;
    let port = (1024 + id / MACHINES % PORTS) as u16;
    let ip: IpAddr = match (v6, trusted) {
        (false, true) => Ipv4Addr::new(10, 77, 0, machine as u8).into(),
        (false, false) => Ipv4Addr::new(12, 77, 0, machine as u8).into(),
        (true, true) => Ipv6Addr::new(0xfd00, 0x77, 0, 0, 0, 0, 0, machine as u16).into(),
        (true, false) => Ipv6Addr::new(0x2600, 0x77, 0, 0, 0, 0, 0, machine as u16).into(),
    };
    SocketAddr::new(ip, port)
}

/// A source address for a SYN flood: no host answers there.
pub(crate) fn unreachable(random: &mut fastrand::Rng, v6: bool) -> SocketAddr {
    let machine = random.u16(1..250);
    let ip: IpAddr = if v6 {
        Ipv6Addr::new(0x2600, 0x99, 0, 0, 0, 0, 0, machine).into()
    } else {
        Ipv4Addr::new(10, 99, random.u8(..), machine as u8).into()
    };
    SocketAddr::new(ip, random.u16(1024..))
}

/// Names the connection that a wrong answer belongs to.
pub(crate) fn owner(address: SocketAddr) -> String {
    let (net, id) = match address.ip() {
        IpAddr::V4(ip) => {
            let [net, a, b, c] = ip.octets();
            (u16::from(net), u32::from_be_bytes([0, a, b, c]))
        }
        IpAddr::V6(ip) => {
            let [_, _, net, _, _, _, high, low] = ip.segments();
            (net, u32::from(high) << 16 | u32::from(low))
        }
    };
    match net {
        11 | 0x50a4 => format!("the client of connection {id}"),
        13 | 0xf0f0 => format!("the forged address of connection {id}"),
        _ => "no option's address".to_owned(),
    }
}

fn numbered(id: u32, v6: bool, net4: u8, net6: u16) -> SocketAddr {
    let id = id % IDS;
    let port = (1024 + id % PORTS) as u16;
    let [_, a, b, c] = id.to_be_bytes();
    let ip: IpAddr = if v6 {
        let [high, low] = [(id >> 16) as u16, id as u16];
        Ipv6Addr::new(0x2a02, 0xdb8, net6, 0, 0, 0, high, low).into()
    } else {
        Ipv4Addr::new(net4, a, b, c).into()
    };
    SocketAddr::new(ip, port)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_connections_share_an_address() {
        let mut seen = HashSet::new();
        for id in (0..2_000_000).step_by(37) {
            for v6 in [false, true] {
                for address in [
                    client(id, v6),
                    forged(id, v6),
                    peer(id, v6, true),
                    peer(id, v6, false),
                ] {
                    assert!(seen.insert(address), "{address} of {id} again");
                }
            }
        }
    }

    #[test]
    fn an_address_names_its_owner() {
        for v6 in [false, true] {
            assert_eq!(owner(client(70_001, v6)), "the client of connection 70001");
            assert_eq!(owner(forged(5, v6)), "the forged address of connection 5");
            assert_eq!(owner(peer(5, v6, true)), "no option's address");
        }
    }
}
