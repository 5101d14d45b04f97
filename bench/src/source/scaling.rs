//! Scaling: the cost does not grow with the number of open connections, nor with that of
//! trusted networks.

use std::iter::successors;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};

use toa_bpf::{Attached, Config};
use toa_core::TrustedPeers;
use toa_lab::peer::PeerDevice;

use super::Scale;
use super::connect::{Peers, V4_OPTION};
use super::cpu_time::per_operation;
use super::open_connections::with_open_connections;
use super::programs;
use super::sandbox::SourceSandbox;
use crate::interleaved::interleave;
use crate::section::{Data, Plot, Section, Table};
use crate::spread::Spread;

const CONNECTIONS: &str = "\
So many connections with an address are held open; beside them, others with an address are opened, accepted, asked for \
it (4097) and closed. The reference is a listener in a cgroup without a source, in turns with the covered one, beside the \
same open connections. What a program takes is by the kernel's own count, as above.

What bounds it: nothing is searched. The address lies in the socket's own storage.";

const CIDRS: &str = "\
So many networks are trusted, none of which merge (/24 of IPv4, /64 of IPv6), and each peer is in one of them, picked at \
random. As above: the ratio is to a listener in a cgroup without a source.

What bounds it: a binary search in an array of the kernel's, fourteen steps for 10,000 networks, once for each connection \
that carries an option. The module takes 64 networks at most, and looks at each.";

/// The figures at one size.
struct Point {
    size: u32,
    ratio: Spread,
    runs: Vec<programs::Runs>,
}

/// From one to so many open connections.
pub(super) fn connections(sandbox: &SourceSandbox, scale: Scale) -> anyhow::Result<Section> {
    let listeners = Listeners::new(sandbox, PeerDevice::KERNEL_V4)?;
    let source = sandbox.attach(Config::new(TrustedPeers::private()))?;
    let peers = |listener| {
        let peers = Peers::new(sandbox.device(), listener, V4_OPTION)?;
        anyhow::Ok(peers.starting_at(1 << 22))
    };
    let points = with_open_connections(sandbox.device(), &listeners.covered, V4_OPTION, |open| {
        sizes(scale.open)
            .map(|size| {
                open.grow(size)?;
                listeners.point(size, &source, scale, peers)
            })
            .collect::<anyhow::Result<Vec<_>>>()
    })?;
    Ok(Section {
        title: "The source: how many connections are open".to_owned(),
        text: CONNECTIONS.to_owned(),
        tables: vec![table("open connections", &points)],
        plots: vec![plot("source-open", "open connections", &[("", &points)])],
    })
}

/// From one to so many trusted networks.
pub(super) fn cidrs(sandbox: &SourceSandbox, scale: Scale) -> anyhow::Result<Section> {
    let v4 = trusting(sandbox, scale, PeerDevice::KERNEL_V4.into(), v4_net)?;
    let v6 = trusting(sandbox, scale, PeerDevice::KERNEL_V6.into(), v6_net)?;
    Ok(Section {
        title: "The source: how many CIDRs are trusted".to_owned(),
        text: CIDRS.to_owned(),
        tables: vec![table("trusted, IPv4", &v4), table("trusted, IPv6", &v6)],
        plots: vec![plot(
            "source-trusted",
            "trusted CIDRs",
            &[("IPv4", &v4), ("IPv6", &v6)],
        )],
    })
}

fn trusting(
    sandbox: &SourceSandbox,
    scale: Scale,
    kernel: IpAddr,
    net: fn(u32) -> (IpAddr, u8),
) -> anyhow::Result<Vec<Point>> {
    let listeners = Listeners::new(sandbox, kernel)?;
    let mut points = Vec::new();
    for size in sizes(scale.cidrs) {
        let trusted: TrustedPeers = (0..size)
            .map(|number| {
                let (address, prefix) = net(number);
                ipnet::IpNet::new(address, prefix)
            })
            .collect::<Result<_, _>>()?;
        let source = sandbox.attach(Config::new(trusted))?;
        let peers = |listener| {
            let peers = Peers::new(sandbox.device(), listener, V4_OPTION)?;
            anyhow::Ok(peers.from(move |number| host(net(scatter(number) % size).0, number)))
        };
        points.push(listeners.point(size, &source, scale, peers)?);
    }
    Ok(points)
}

/// One in the cgroup that has the source, one in that without.
struct Listeners {
    covered: TcpListener,
    bare: TcpListener,
}

impl Listeners {
    fn new(sandbox: &SourceSandbox, ip: impl Into<IpAddr> + Copy) -> anyhow::Result<Self> {
        Ok(Self {
            covered: sandbox.listener(ip)?,
            bare: sandbox.bare_listener(ip)?,
        })
    }

    fn point<'l>(
        &'l self,
        size: u32,
        source: &Attached,
        scale: Scale,
        peers: impl Fn(&'l TcpListener) -> anyhow::Result<Peers<'l>>,
    ) -> anyhow::Result<Point> {
        let both = [peers(&self.bare)?, peers(&self.covered)?];
        let took = interleave(2, scale.rounds, |which| {
            per_operation(scale.connections, || {
                both[which].open_and_close(scale.connections)
            })
        })?;
        let before = source.status()?.counters.syn_recv_sock_toa;
        let runs = programs::during(source, || {
            both[1].each(scale.connections, |stream| {
                toa_core::source_info(stream)?;
                Ok(())
            })
        })?;
        let seen = source.status()?.counters.syn_recv_sock_toa - before;
        anyhow::ensure!(
            seen == u64::from(scale.connections),
            "{seen} of {} connections carried an address",
            scale.connections
        );
        Ok(Point {
            size,
            ratio: Spread::of_ratios(&took[1], &took[0]),
            runs,
        })
    }
}

fn sizes(most: u32) -> impl Iterator<Item = u32> {
    successors(Some(1), |size: &u32| size.checked_mul(10)).take_while(move |&size| size <= most)
}

/// Networks of which no two merge.
fn v4_net(number: u32) -> (IpAddr, u8) {
    (Ipv4Addr::from_bits(0x0a80_0000 + (number << 9)).into(), 24)
}

fn v6_net(number: u32) -> (IpAddr, u8) {
    let bits = 0xfd00 << 112 | u128::from(number) << 65;
    (Ipv6Addr::from_bits(bits).into(), 64)
}

fn host(net: IpAddr, number: u32) -> IpAddr {
    match net {
        IpAddr::V4(net) => Ipv4Addr::from_bits(net.to_bits() + 1 + number % 250).into(),
        IpAddr::V6(net) => Ipv6Addr::from_bits(net.to_bits() + 1 + u128::from(number)).into(),
    }
}

/// Spreads consecutive numbers.
fn scatter(number: u32) -> u32 {
    number.wrapping_mul(0x9e37_79b1) >> 8
}

fn table(head: &str, points: &[Point]) -> Table {
    let programs: Vec<&str> = points
        .first()
        .map_or(&[][..], |point| &point.runs)
        .iter()
        .filter(|runs| runs.count > 0)
        .map(|runs| runs.name)
        .collect();
    let mut columns = vec![head.to_owned(), "connection, ratio".to_owned()];
    columns.extend(programs.iter().map(|name| format!("`{name}`, ns per run")));
    let rows = points.iter().map(|point| {
        let mut row = vec![point.size.to_string(), point.ratio.to_string()];
        let shown = point
            .runs
            .iter()
            .filter(|runs| programs.contains(&runs.name));
        row.extend(shown.map(|runs| format!("{:.0}", runs.each())));
        row
    });
    Table {
        rows: rows.collect(),
        columns,
    }
}

fn plot(name: &str, x: &str, families: &[(&str, &[Point])]) -> Plot {
    let lines = families.iter().flat_map(|(family, points)| {
        let programs = points[0]
            .runs
            .iter()
            .enumerate()
            .filter(|(_, runs)| runs.count > 0);
        programs.map(move |(index, runs)| {
            let line = points
                .iter()
                .map(|point| (f64::from(point.size), point.runs[index].each()));
            let name = format!("{family} {}", runs.name);
            (name.trim().to_owned(), line.collect())
        })
    });
    Plot {
        name: name.to_owned(),
        caption: format!("What each program takes, by the number of {x}"),
        data: Data::Lines {
            x: x.to_owned(),
            unit: "ns per run".to_owned(),
            lines: lines.collect(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_networks_merge() {
        for net in [v4_net, v6_net] {
            let nets = (0..10_000).map(|number| {
                let (address, prefix) = net(number);
                ipnet::IpNet::new_assert(address, prefix)
            });
            assert_eq!(nets.collect::<TrustedPeers>().nets().count(), 10_000);
        }
    }
}
