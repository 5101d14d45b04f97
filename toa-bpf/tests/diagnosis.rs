//! What a source tells of connections without an address.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod host;

use std::io::Read;
use std::net::TcpStream;
use std::time::SystemTime;

use host::{CLIENT, CLIENT_ADDR, Host, ask, client_of};
use toa_bpf::{Attached, Recent, Unread, UnreadReason, attach};
use toa_core::abi::INFO_TRUST_ENFORCED;

const BALANCER: [u8; 4] = [192, 168, 7, 7];
const STRANGER: [u8; 4] = [198, 51, 100, 7];

fn recent(source: &Attached) -> Recent {
    source.status().unwrap().recent
}

/// Reason, kind and length, network, last peer, and how often.
type Noted = (UnreadReason, (u8, u8), String, String, u64);

fn noted(source: &Attached) -> Vec<Noted> {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let note = |unread: Unread| {
        assert!(unread.last_seen.abs_diff(now) < 600, "{unread:?}");
        (
            unread.reason,
            (unread.kind, unread.length),
            unread.network.to_string(),
            unread.last_peer.to_string(),
            unread.count,
        )
    };
    let mut noted: Vec<Noted> = source
        .status()
        .unwrap()
        .unread
        .into_iter()
        .map(note)
        .collect();
    noted.sort();
    noted
}

#[test]
fn the_shares_of_the_last_minutes_are_told_and_begin_anew_with_each_load() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let (listener, pins) = (host.listener(), host.pins());
    pins.load(&host.config()).unwrap();
    let full = [&[1; 32][..], &CLIENT].concat();
    let _open: Vec<_> = [
        (BALANCER, &CLIENT[..]),
        (BALANCER, &CLIENT),
        (BALANCER, &[]),
        (BALANCER, &[254, 4, 0, 0]),
        (STRANGER, &CLIENT),
        (BALANCER, &[254, 8, 0x30, 0x39, 127, 0, 0, 1]),
        (BALANCER, &full),
    ]
    .map(|(from, options)| host.open(&listener, from, options))
    .into();
    let [status] = <[_; 1]>::try_from(pins.status().unwrap()).unwrap();
    let recent = status.recent;
    let told = [
        recent.toa,
        recent.not_sent,
        recent.foreign,
        recent.untrusted,
        recent.invalid,
        recent.implausible,
        recent.lost,
        recent.late,
    ];
    assert_eq!(told, [2, 1, 1, 1, 1, 1, 0, 0]);
    assert_eq!(recent.connections(), 7);
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!(recent.since.unwrap().abs_diff(now) < 600, "{recent:?}");

    pins.load(&host.config()).unwrap();
    let [status] = <[_; 1]>::try_from(pins.status().unwrap()).unwrap();
    assert_eq!(status.recent, Recent::default());
    assert_eq!(status.unread, []);
    assert_eq!(status.counters.syn_recv_sock_toa, 2, "totals stay");
}

#[test]
fn options_that_are_not_read_are_noted_by_kind_length_and_network() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let listener = host.listener();
    let source = attach(&host.config()).unwrap();
    let vtoa = [
        252, 20, 0x30, 0x39, 203, 0, 113, 7, 0, 0, 0, 0, 10, 0, 8, 208, 1, 0xbb, 1, 1,
    ];
    let ttgw = [
        254, 16, 0x30, 0x39, 203, 0, 113, 7, 0, 0, 1, 0xbb, 10, 0, 8, 208,
    ];
    let full = [&[1; 32][..], &CLIENT].concat();
    let mut open = Vec::new();
    for (from, options) in [
        (BALANCER, &vtoa[..]),
        ([192, 168, 7, 9], &vtoa),
        ([192, 168, 8, 1], &vtoa),
        (BALANCER, &ttgw),
        (BALANCER, &[28, 7, 1, 203, 0, 113, 7, 1]),
        (STRANGER, &CLIENT),
        (BALANCER, &[253, 8, 0, 1, 127, 0, 0, 1]),
        (BALANCER, &[1, 1, 254, 0]),
        (BALANCER, &full),
        // The first foreign one tells more than one of an unknown kind before it.
        (BALANCER, &[99, 4, 0, 0, 254, 4, 0, 0]),
        // A known option that counts says all.
        (BALANCER, &[&[99, 4, 0, 0][..], &CLIENT].concat()),
        // TCP's own: the User Timeout, selective acknowledgments, MPTCP, a Fast Open cookie.
        (BALANCER, &[28, 4, 0, 1]),
        (BALANCER, &[5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1]),
        (BALANCER, &[30, 4, 0x40, 0]),
        (BALANCER, &[34, 2, 1, 1]),
        (BALANCER, &[]),
    ] {
        open.push(host.open(&listener, from, options));
    }
    use UnreadReason::{Foreign, Implausible, Invalid, UnknownKind, Untrusted};
    let balancers = |reason, option| {
        let (net, peer) = ("192.168.7.0/24".to_owned(), "192.168.7.7".to_owned());
        (reason, option, net, peer, 1)
    };
    let mut expected = vec![
        (
            UnknownKind,
            (252, 20),
            "192.168.7.0/24".to_owned(),
            "192.168.7.9".to_owned(),
            2,
        ),
        (
            UnknownKind,
            (252, 20),
            "192.168.8.0/24".to_owned(),
            "192.168.8.1".to_owned(),
            1,
        ),
        balancers(UnknownKind, (28, 7)),
        balancers(Foreign, (254, 16)),
        balancers(Foreign, (254, 4)),
        (
            Untrusted,
            (254, 8),
            "198.51.100.0/24".to_owned(),
            "198.51.100.7".to_owned(),
            1,
        ),
        balancers(Invalid, (253, 8)),
        balancers(Invalid, (254, 0)),
        balancers(Implausible, (254, 8)),
    ];
    expected.sort();
    assert_eq!(noted(&source), expected);
}

#[test]
fn of_many_networks_some_are_remembered_and_every_count_is_of_one_of_them() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let listener = host.listener();
    let source = attach(&host.config()).unwrap();
    for n in 0..600u16 {
        let [high, low] = n.to_be_bytes();
        let (_stream, _, mut peer) = host.open(&listener, [203, high, low, 7], &CLIENT);
        peer.reset(&[]).unwrap();
    }
    let status = source.status().unwrap();
    assert_eq!(status.counters.untrusted, 600);
    let noted = status.unread.len();
    assert!((1..=256).contains(&noted), "{noted}");
    assert!(status.unread.iter().all(|unread| unread.count == 1));
}

/// Reads what has arrived, so that the kernel has seen the segment.
fn read(stream: &mut TcpStream, len: usize) {
    stream.read_exact(&mut vec![0; len]).unwrap();
}

#[test]
fn an_option_in_later_data_is_told_once_and_changes_no_answer() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let listener = host.listener();
    let source = attach(&host.config()).unwrap();
    for (from, in_ack, in_data, is_late) in [
        (BALANCER, &[][..], &CLIENT[..], true),
        (BALANCER, &[99, 4, 0, 0], &CLIENT, true),
        (BALANCER, &[], &[1, 1, 1, 1], false),
        (BALANCER, &[], &[99, 4, 0, 0], false),
        (STRANGER, &[], &CLIENT, false),
        (BALANCER, &CLIENT, &CLIENT, false),
        (BALANCER, &[254, 4, 0, 0], &CLIENT, false),
    ] {
        let before = source.status().unwrap();
        let (mut stream, _, mut peer) = host.open(&listener, from, in_ack);
        let answer = ask(&stream);
        for _ in 0..3 {
            peer.data(in_data, b"x").unwrap();
            read(&mut stream, 1);
        }
        assert_eq!(ask(&stream), answer, "{from:?} {in_ack:?}");
        let status = source.status().unwrap();
        let late = status.counters.late - before.counters.late;
        assert_eq!(late, u64::from(is_late), "{from:?} {in_ack:?} {in_data:?}");
        assert_eq!(status.recent.late - before.recent.late, late);
        peer.reset(&[]).unwrap();
    }
    let late = noted(&source);
    let late: Vec<_> = late
        .iter()
        .filter(|noted| noted.0 == UnreadReason::Late)
        .collect();
    assert_eq!(late.len(), 1, "{late:?}");
    assert_eq!((late[0].1, late[0].4), ((254, 8), 2));
}

#[test]
fn a_bare_ack_of_the_balancers_own_counts_as_later_data_does() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let listener = host.listener();
    let source = attach(&host.config()).unwrap();
    let (mut stream, _, mut peer) = host.open(&listener, BALANCER, &[]);
    peer.ack(&CLIENT).unwrap();
    peer.data(&[], b"x").unwrap();
    read(&mut stream, 1);
    assert_eq!(recent(&source).late, 1);
    assert_eq!(ask(&stream).flags(), INFO_TRUST_ENFORCED);

    // The other way round it is the segment that completes the handshake.
    let (stream, _, mut peer) = host.open(&listener, BALANCER, &CLIENT);
    peer.ack(&[]).unwrap();
    assert_eq!(client_of(&stream).as_deref(), Some(CLIENT_ADDR));
    assert_eq!(recent(&source).late, 1);
}

#[test]
fn a_connection_with_a_late_option_shows_no_address_when_its_socket_is_used_again() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let listener = host.listener();
    let source = attach(&host.config()).unwrap();
    for _ in 0..3 {
        let (mut stream, accepted, mut peer) = host.open(&listener, BALANCER, &[]);
        peer.data(&CLIENT, b"x").unwrap();
        read(&mut stream, 1);
        assert_eq!(accepted, peer.local_addr());
        assert_eq!(stream.peer_addr().unwrap(), peer.local_addr());
        peer.reset(&[]).unwrap();
    }
    let counters = source.status().unwrap().counters;
    assert_eq!((counters.late, counters.ip6_address_free), (3, 0));
}
