//! The open connections, and what the sources decided on them.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod host;

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use host::{CLIENT, Host, join};
use toa_bpf::{Connection, ConnectionState, Status, attach, connections};
use toa_core::Provenance;
use toa_lab::peer::PeerDevice;

/// By peer: only one end of each connection here is the kernel's.
fn listed() -> (BTreeMap<SocketAddr, Connection>, Vec<Status>) {
    let mut listed = connections().unwrap();
    let by_peer = listed.by_ref().map(|connection| {
        let connection = connection.unwrap();
        (connection.peer, connection)
    });
    let by_peer = by_peer.collect();
    assert!(!listed.is_interrupted());
    (by_peer, listed.sources().cloned().collect())
}

#[test]
fn each_connection_is_listed_with_its_client_or_why_there_is_none() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let listener = host.listener();
    let formats = "toa,ttgw".parse().unwrap();
    let _source = attach(&host.config().with_formats(formats)).unwrap();
    let trusted = [192, 168, 7, 7];
    let ttgw = [&[254, 16][..], &CLIENT[2..], &[0, 0, 1, 187, 10, 0, 8, 208]].concat();
    let full = [&[1; 32][..], &CLIENT].concat();
    let open = [
        (trusted, &CLIENT[..], Some(Provenance::Toa)),
        (trusted, &ttgw, Some(Provenance::Toa)),
        ([198, 51, 100, 7], &CLIENT, Some(Provenance::Untrusted)),
        (
            trusted,
            &[254, 6, 1, 1, 1, 1, 0, 0],
            Some(Provenance::Foreign),
        ),
        (
            trusted,
            &[254, 8, 0x30, 0x39, 127, 0, 0, 1],
            Some(Provenance::Invalid),
        ),
        (trusted, &full, Some(Provenance::Implausible)),
        (trusted, &[], None),
    ]
    .map(|(from, options, outcome)| {
        let len = options.get(1).copied();
        (host.open(&listener, from, options), outcome, len)
    });

    let (listed, sources) = listed();
    assert_eq!(listed.len(), open.len(), "{listed:?}");
    for ((stream, _, peer), outcome, len) in &open {
        let connection = &listed[&peer.local_addr()];
        assert_eq!(connection.local, listener.local_addr().unwrap());
        assert_eq!(connection.state, ConnectionState::Established);
        let inode = fs::metadata(fd_path(stream)).unwrap().ino();
        assert_eq!(u64::from(connection.inode), inode);
        let judgement = connection.judgement;
        assert_eq!(judgement.map(|judgement| judgement.outcome), *outcome);
        let Some(judgement) = judgement else { continue };
        assert_eq!(
            sources[judgement.source.unwrap()].cgroup,
            Some(host.cgroup.clone())
        );
        let believed = *outcome == Some(Provenance::Toa);
        let client = believed.then(|| "203.0.113.7:12345".parse().unwrap());
        assert_eq!(judgement.client, client);
        let is_told = believed || *outcome == Some(Provenance::Foreign);
        assert_eq!(judgement.kind, is_told.then_some(254));
        assert_eq!(judgement.option_len, len.filter(|_| is_told));
        let asked_for = (*len == Some(16)).then(|| "10.0.8.208:443".parse().unwrap());
        assert_eq!(judgement.virtual_addr, asked_for);
        assert!(judgement.age < Duration::from_secs(60), "{judgement:?}");
    }
}

fn fd_path(stream: &std::net::TcpStream) -> String {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", stream.as_raw_fd())
}

#[test]
fn both_families_are_listed_and_ipv4_on_a_dual_listener_is_ipv4() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let _source = attach(&host.config()).unwrap();
    let dual = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
    let port = dual.local_addr().unwrap().port();
    let mut open = Vec::new();
    for (from, kernel) in [
        ("192.168.7.7:4711", PeerDevice::KERNEL_V4.into()),
        ("[fd00::7]:4711", PeerDevice::KERNEL_V6.into()),
    ] {
        let to = SocketAddr::new(kernel, port);
        let mut peer = host.device.peer(from.parse().unwrap(), to);
        peer.connect(&[], &CLIENT).unwrap();
        open.push((dual.accept().unwrap(), peer, to));
    }
    let (listed, _) = listed();
    for (_, peer, to) in &open {
        let connection = &listed[&peer.local_addr()];
        assert_eq!(connection.local, *to);
        let client = connection.judgement.unwrap().client.unwrap();
        assert_eq!(client, "203.0.113.7:12345".parse().unwrap());
    }
}

#[test]
fn of_sources_in_each_other_the_one_that_judged_is_named_while_it_is_loaded() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let inner = host.cgroup.join("inner");
    let pins = host.pins();
    for cgroup in [&host.cgroup, &inner] {
        pins.load(&host.config().with_cgroup(cgroup)).unwrap();
    }
    let above = host.listener();
    join(&inner);
    let below = host.listener();
    join(&host.cgroup);
    let open = [
        (host.open_via_balancer(&above), &host.cgroup),
        (host.open_via_balancer(&below), &inner),
    ];
    let judge = |peer: &SocketAddr| {
        let (listed, sources) = listed();
        let judgement = listed[peer].judgement.unwrap();
        assert_eq!(judgement.outcome, Provenance::Toa);
        judgement
            .source
            .map(|source| sources[source].cgroup.clone().unwrap())
    };
    for ((_, _, peer), cgroup) in &open {
        assert_eq!(judge(&peer.local_addr()).as_ref(), Some(*cgroup));
    }
    assert!(pins.unload_cgroup(&inner).unwrap());
    assert_eq!(judge(&open[1].0.2.local_addr()), None);
    assert_eq!(
        judge(&open[0].0.2.local_addr()).as_ref(),
        Some(&host.cgroup)
    );
}

#[test]
fn many_connections_are_read_in_several_answers_each_once() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let listener = host.listener();
    let _source = attach(&host.config()).unwrap();
    let open: Vec<_> = (0..500)
        .map(|_| host.open_via_balancer(&listener))
        .collect();
    let all: Vec<Connection> = connections().unwrap().map(Result::unwrap).collect();
    assert_eq!(all.len(), open.len());
    let (listed, _) = listed();
    assert_eq!(listed.len(), open.len());
    assert!(
        listed
            .values()
            .all(|c| c.judgement.unwrap().client.is_some())
    );
}

#[test]
fn a_connection_that_the_service_has_closed_is_listed_without_a_process() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let listener = host.listener();
    let _source = attach(&host.config()).unwrap();
    let (stream, _, peer) = host.open_via_balancer(&listener);
    drop(stream);
    let (listed, _) = listed();
    let connection = &listed[&peer.local_addr()];
    assert_eq!(connection.inode, 0);
    assert_eq!(connection.state, ConnectionState::FinWait1);
    assert!(connection.judgement.unwrap().client.is_some());
}
