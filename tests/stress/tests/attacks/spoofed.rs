//! Segments from addresses that their sender does not have.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use toa_lab::peer::{Peer, flags};
use toa_lab::raw_packet::{Extras, Tcp};
use toa_stress::storm::{AddressPath, option};

use crate::backend::{Backend, Expected, WITH_ADDRESS, on_every_path, on_paths};

/// Guesses of a sender who does not see what the kernel answers.
const GUESSES: u32 = 400;

/// With SYN cookies off, on, and for every SYN.
fn with_cookies(backend: &Backend<'_>, attack: impl Fn()) {
    for cookies in ["0", "1", "2"] {
        backend
            .sandbox
            .sysctl("net/ipv4/tcp_syncookies", cookies)
            .unwrap();
        attack();
    }
}

fn guess(backend: &Backend<'_>, peer: &mut Peer<'_>) {
    let forged = option(backend.path.client(66));
    for n in 0..GUESSES {
        // Any spread will do: the sender cannot know the right number.
        peer.acknowledgment = n.wrapping_mul(0x9e37_79b9) | 1;
        peer.ack(&forged).unwrap();
        backend.expect_no_connection();
    }
    backend.device.drain().unwrap();
}

#[test]
fn an_ack_without_a_handshake_makes_no_connection() {
    on_every_path(|backend| {
        with_cookies(backend, || {
            let mut peer = backend.trusted_peer();
            peer.acknowledgment = 0x1234_5678;
            peer.ack(&option(backend.path.client(66))).unwrap();
            peer.expect(flags::RST).unwrap();
            guess(backend, &mut peer);
            backend.expect_counted(&[]);
            backend.expect_still_works();
            backend.expect_counted(&[WITH_ADDRESS]);
        });
    });
}

#[test]
fn a_spoofed_handshake_cannot_be_completed_blindly() {
    on_every_path(|backend| {
        with_cookies(backend, || {
            let mut peer = backend.trusted_peer();
            peer.syn(&[]).unwrap();
            guess(backend, &mut peer);
            backend.expect_counted(&[]);
        });
    });
}

#[test]
fn with_syn_cookies_too_the_completing_segment_alone_counts() {
    on_every_path(|backend| {
        backend
            .sandbox
            .sysctl("net/ipv4/tcp_syncookies", "2")
            .unwrap();
        let client = backend.path.client(1);
        let forged = option(backend.path.client(66));
        let mut peer = backend.trusted_peer();
        peer.syn(&forged).unwrap();
        peer.syn_ack().unwrap();
        peer.acknowledgment ^= 0x0101_0101;
        peer.ack(&forged).unwrap();
        backend.expect_no_connection();
        peer.acknowledgment ^= 0x0101_0101;
        peer.ack(&option(client)).unwrap();
        peer.data(&forged, b"hello").unwrap();
        let stream = backend.accept();
        backend.expect_data(&stream, b"hello");
        backend.expect(&stream, &peer, Expected::Client(client));
        backend.expect_counted(&[WITH_ADDRESS]);
    });
}

/// So a blind guess has eight chances in 2^32 and not one: four segment sizes, each of
/// this minute's cookie and of the last minute's.
#[test]
fn of_the_numbers_around_a_syn_cookie_four_are_taken_and_no_more() {
    on_every_path(|backend| {
        let sandbox = backend.sandbox;
        sandbox.sysctl("net/ipv4/tcp_syncookies", "2").unwrap();
        let client = backend.path.client(66);
        let mut taken = Vec::new();
        for off in -8i32..=8 {
            let mut peer = backend.trusted_peer();
            peer.syn(&[]).unwrap();
            peer.syn_ack().unwrap();
            peer.acknowledgment = peer.acknowledgment.wrapping_add_signed(off);
            peer.ack(&option(client)).unwrap();
            if let Ok((stream, _)) = backend.listener.accept() {
                backend.expect(&stream, &peer, Expected::Client(client));
                taken.push(off);
                peer.reset(&[]).unwrap();
            }
        }
        assert_eq!(taken.len(), 4, "{taken:?}");
        sandbox.sysctl("net/ipv4/tcp_syncookies", "1").unwrap();
    });
}

fn is_answered(peer: &mut Peer<'_>, syn: &[u8]) -> bool {
    peer.send_packet(syn).unwrap();
    // The answer is there before the call returns; the wait is for the device.
    peer.receive(Duration::from_millis(50)).unwrap().is_some()
}

/// All of these are trusted, and none can come from outside.
#[test]
fn a_source_address_that_only_this_host_can_have_is_dropped() {
    on_every_path(|backend| {
        let forged: &[&str] = match backend.path {
            AddressPath::V4 | AddressPath::Mapped => &["127.0.0.1", "127.1.2.3"],
            AddressPath::V6 => &["::1", "::ffff:172.20.0.1", "::ffff:127.0.0.1"],
        };
        for from in forged {
            let from: IpAddr = from.parse().unwrap();
            let mut peer = backend.peer(from);
            let syn = Tcp::new(peer.local_addr(), backend.server(), flags::SYN);
            assert!(!is_answered(&mut peer, &syn.packet()), "{from}");
        }
        let mut peer = backend.trusted_peer();
        let syn = Tcp::new(peer.local_addr(), backend.server(), flags::SYN);
        assert!(
            is_answered(&mut peer, &syn.packet()),
            "the same from outside"
        );
        backend.expect_counted(&[]);
    });
}

/// With a source route the answer would travel through the attacker, who could
/// then complete a handshake in the balancer's name.
#[test]
fn a_source_routed_syn_is_dropped() {
    on_paths(&[AddressPath::V4, AddressPath::Mapped], |backend| {
        for kind in [131, 137] {
            let mut peer = backend.trusted_peer();
            let SocketAddr::V4(server) = backend.server() else {
                unreachable!("an IPv4 path");
            };
            // One hop, already passed: the attacker, 198.51.100.7; then no operation.
            let mut route = vec![kind, 7, 8, 198, 51, 100, 7, 1];
            route.truncate(8);
            let extras = Extras {
                v4_options: route,
                ..Extras::default()
            };
            let syn = Tcp::new(peer.local_addr(), server.into(), flags::SYN);
            assert!(!is_answered(&mut peer, &syn.packet_with(&extras)), "{kind}");
        }
        backend.expect_counted(&[]);
    });
}

/// A home address (RFC 6275) takes the source address's place where the kernel
/// knows the binding, and it knows none; a routing header of type 0 (RFC 5095)
/// or 2 leads elsewhere.
#[test]
fn an_ipv6_extension_header_lends_no_other_address() {
    on_paths(&[AddressPath::V6], |backend| {
        let IpAddr::V6(trusted) = backend.path.trusted(1) else {
            unreachable!("an IPv6 path");
        };
        let mut home = vec![2, 1, 2, 0, 0, 0xc9, 16];
        home.extend(trusted.octets());
        let mut routes = vec![(60, home)];
        for kind in [0, 2] {
            let mut route = vec![2, kind, 1, 0, 0, 0, 0];
            route.extend(trusted.octets());
            routes.push((43, route));
        }
        for header in routes {
            let mut peer = backend.untrusted_peer();
            let kind = header.0;
            let extras = Extras {
                v6_headers: vec![header],
                ..Extras::default()
            };
            let syn = Tcp::new(peer.local_addr(), backend.server(), flags::SYN);
            let answered = is_answered(&mut peer, &syn.packet_with(&extras));
            assert!(!answered || kind != 60, "a home address was believed");
        }
        backend.expect_no_connection();
        backend.expect_counted(&[]);
    });
}
