//! A source for the life of a process.
#![cfg(target_os = "linux")]

mod host;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};

use host::{CLIENT, CLIENT_ADDR, Host, ask, client_of};
use toa_bpf::{Error, attach};
use toa_core::abi;
use toa_lab::peer::PeerDevice;

const CLIENT_V6: [u8; 20] = [
    253, 20, 0x30, 0x39, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7,
];

#[test]
fn an_attached_source_names_the_client_until_it_is_dropped() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let listener = host.listener();
    let source = attach(&host.config()).unwrap();
    let (stream, accepted, peer) = host.open_via_balancer(&listener);
    assert_eq!(client_of(&stream).unwrap(), CLIENT_ADDR);
    assert_eq!(accepted.to_string(), "203.0.113.7:12345");
    assert_eq!(stream.peer_addr().unwrap(), accepted);
    let info = ask(&stream);
    assert_eq!(
        toa_core::to_canonical(info.peer().unwrap()),
        peer.local_addr()
    );
    assert!(info.has(abi::INFO_PEERNAME | abi::INFO_TRUST_ENFORCED));

    let status = source.status().unwrap();
    assert!(status.complete && status.is_current(), "{status:?}");
    assert_eq!(status.cgroup.as_ref(), Some(&host.cgroup));
    assert_eq!(status.counters.syn_recv_sock_toa, 1);
    assert_eq!(status.counters.getname_toa_ok, 2);

    drop(source);
    if !host.others {
        assert_eq!(stream.peer_addr().unwrap(), peer.local_addr());
    }
    host.expect_nothing_left();
}

#[test]
fn every_listener_family_gets_both_families_of_clients() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let _source = attach(&host.config()).unwrap();
    let dual = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
    let port = dual.local_addr().unwrap().port();
    for kernel in [PeerDevice::KERNEL_V4.into(), PeerDevice::KERNEL_V6.into()] {
        let from = match kernel {
            std::net::IpAddr::V4(_) => "192.168.7.7:4711",
            std::net::IpAddr::V6(_) => "[fd00::7]:4711",
        };
        let mut peer = host
            .device
            .peer(from.parse().unwrap(), (kernel, port).into());
        peer.connect(&[], &CLIENT_V6).unwrap();
        let (stream, accepted) = dual.accept().unwrap();
        assert_eq!(client_of(&stream).unwrap(), "[2001:db8::7]:12345");
        assert_eq!(accepted.to_string(), "[2001:db8::7]:12345");
        assert_eq!(
            toa_core::to_canonical(ask(&stream).peer().unwrap()),
            peer.local_addr()
        );
    }
}

#[test]
fn what_is_configured_is_what_is_done() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let listener = host.listener();
    let config = host.config();
    let with_trust = |trust: &str| config.clone().with_trusted(trust.parse().unwrap());
    let with_formats = |formats: &str| config.clone().with_formats(formats.parse().unwrap());
    let (private, public) = ([192, 168, 7, 7], [198, 51, 100, 7]);
    for (config, from, found) in [
        (config.clone(), private, true),
        (config.clone(), public, false),
        (with_trust("any"), public, true),
        (with_trust("198.51.100.0/24"), public, true),
        (with_trust("198.51.100.0/24"), private, false),
        (with_trust("0.0.0.0/0"), public, true),
        (with_trust("::/0"), private, false),
        (with_formats("toa@254"), private, true),
        (with_formats("toa@64,toa@255,toa@253"), private, false),
    ] {
        let source = attach(&config).unwrap();
        let (stream, ..) = host.open(&listener, from, &CLIENT);
        assert_eq!(client_of(&stream).is_some(), found, "{config:?} {from:?}");
        let status = source.status().unwrap();
        let trusted: Vec<_> = config.trusted.nets().collect();
        assert_eq!(status.trust_any, config.trusted.is_any());
        assert_eq!(status.trusted.len(), trusted.len(), "{:?}", status.trusted);
        assert!(trusted.iter().all(|net| status.trusted.contains(net)));
        assert_eq!(status.formats, config.formats);
    }
}

#[test]
fn a_list_that_left_the_balancer_no_room_is_refused_unless_told_otherwise() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let listener = host.listener();
    let full = [&CLIENT_V6[..], &[1; 20]].concat();
    let believing = host.config().with_insecure_believe_implausible(true);
    for (config, believed) in [(host.config(), false), (believing, true)] {
        let source = attach(&config).unwrap();
        let (stream, accepted, peer) = host.open(&listener, [192, 168, 7, 7], &full);
        let info = ask(&stream);
        assert_eq!(info.client().is_some(), believed);
        assert_eq!(info.has(abi::INFO_IMPLAUSIBLE), !believed);
        assert_eq!(accepted, peer.local_addr());
        let status = source.status().unwrap();
        assert_eq!(status.insecure_believe_implausible, believed);
        assert_eq!(status.counters.implausible, u64::from(!believed));
        assert_eq!(status.counters.syn_recv_sock_toa, u64::from(believed));
    }
}

#[test]
fn without_peername_only_those_who_ask_get_the_client() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let listener = host.listener();
    let source = attach(&host.config().with_peername(false)).unwrap();
    let (stream, accepted, peer) = host.open_via_balancer(&listener);
    if !host.others {
        assert_eq!(accepted, peer.local_addr());
    }
    assert_eq!(client_of(&stream).unwrap(), CLIENT_ADDR);
    assert!(!ask(&stream).has(abi::INFO_PEERNAME));
    assert_eq!(source.status().unwrap().counters.getname_toa_bypass, 1);
}

#[test]
fn among_ten_thousand_networks_each_is_found_and_no_neighbour() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    // Every other /24 and /64, so that none merge.
    let v4 = (0..10_000u32).map(|n| format!("{}/24", Ipv4Addr::from_bits(0x0a80_0000 + (n << 9))));
    let v6 = (0..10_000u32).map(|n| format!("fd00:0:0:{:x}::/64", n << 1));
    let trusted: Vec<String> = v4.chain(v6).collect();
    let config = host
        .config()
        .with_trusted(trusted.join(",").parse().unwrap());
    let source = attach(&config).unwrap();
    assert_eq!(source.status().unwrap().trusted.len(), 20_000);
    let dual = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
    let port = dual.local_addr().unwrap().port();
    let expect = |from: IpAddr, found: bool| {
        let kernel: IpAddr = match from {
            IpAddr::V4(_) => PeerDevice::KERNEL_V4.into(),
            IpAddr::V6(_) => PeerDevice::KERNEL_V6.into(),
        };
        let mut peer = host.device.peer((from, 4711).into(), (kernel, port).into());
        peer.connect(&[], &CLIENT).unwrap();
        let (stream, _) = dual.accept().unwrap();
        assert_eq!(client_of(&stream).is_some(), found, "{from}");
        peer.reset(&[]).unwrap();
    };
    for n in [0, 1, 2, 4_095, 4_096, 8_191, 8_192, 9_998, 9_999] {
        let v4 = 0x0a80_0000 + (n << 9);
        let v6 = 0xfd00 << 112 | u128::from(n) << 65;
        for (inside, outside) in [(0u8, -1i16), (255, 256)] {
            let address = v4 + u32::from(inside);
            expect(Ipv4Addr::from_bits(address).into(), true);
            let address = v4.wrapping_add_signed(outside.into());
            expect(Ipv4Addr::from_bits(address).into(), false);
        }
        let last = u128::from(u64::MAX);
        for (inside, outside) in [(0, -1), (last, i128::from(u64::MAX) + 1)] {
            expect(Ipv6Addr::from_bits(v6 + inside).into(), true);
            let address = v6.wrapping_add_signed(outside);
            expect(Ipv6Addr::from_bits(address).into(), false);
        }
    }
}

#[test]
fn sources_live_beside_each_other() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let listener = host.listener();
    let first = attach(&host.config()).unwrap();
    let second = attach(&host.config()).unwrap();
    let (stream, ..) = host.open_via_balancer(&listener);
    assert_eq!(client_of(&stream).unwrap(), CLIENT_ADDR);
    drop(first);
    assert_eq!(client_of(&stream).unwrap(), CLIENT_ADDR);
    drop(second);
    host.expect_nothing_left();
}

#[test]
fn an_address_is_allocated_and_freed_once() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let listener = host.listener();
    let source = attach(&host.config()).unwrap();
    for _ in 0..10 {
        let (_stream, _, mut peer) = host.open_via_balancer(&listener);
        peer.reset(&[]).unwrap();
    }
    let counters = source.status().unwrap().counters;
    assert_eq!(
        (counters.ip6_address_alloc, counters.ip6_address_free),
        (10, 10)
    );
}

#[test]
fn a_path_that_is_no_cgroup_is_named_in_the_error() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    for path in ["/tmp", "/nonexistent", "/proc/self/status"] {
        let error = attach(&host.config().with_cgroup(path)).unwrap_err();
        assert!(matches!(error, Error::NotACgroup { .. }), "{error:?}");
        assert!(error.to_string().starts_with(path), "{error}");
    }
}
