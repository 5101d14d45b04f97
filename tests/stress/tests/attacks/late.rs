//! Options in segments that do not complete the handshake.

use std::io::{ErrorKind, Read};

use toa_lab::peer::{Peer, Segment, flags};
use toa_stress::storm::option;

use crate::backend::{Backend, Expected, LATE, WITH_ADDRESS, WITHOUT, on_every_path};

/// Outside any window.
const FAR: u32 = 0x1000_0000;

fn send_at(peer: &Peer<'_>, sequence: u32, acknowledgment: u32, flags: u8, options: &[u8]) {
    let segment = Segment {
        flags,
        sequence: peer.sequence.wrapping_add(sequence),
        acknowledgment: peer.acknowledgment.wrapping_add(acknowledgment),
        window: u16::MAX,
        options: options.to_vec(),
        payload: Vec::new(),
    };
    peer.send(&segment).unwrap();
}

/// With and without an address that the attack could replace.
fn with_and_without(backend: &Backend<'_>, attack: impl Fn(Peer<'_>, Expected)) {
    let client = backend.path.client(1);
    for (options, expected, counted) in [
        (
            option(client),
            Expected::Client(client),
            &[WITH_ADDRESS][..],
        ),
        // That it came is told.
        (Vec::new(), Expected::NoOption, &[WITHOUT, LATE]),
    ] {
        let mut peer = backend.trusted_peer();
        peer.connect(&[], &options).unwrap();
        attack(peer, expected);
        backend.expect_counted(counted);
    }
}

#[test]
fn an_option_in_later_data_changes_nothing() {
    on_every_path(|backend| {
        with_and_without(backend, |mut peer, expected| {
            let forged = option(backend.path.client(66));
            peer.data(&forged, b"before accept").unwrap();
            let stream = backend.accept();
            backend.expect(&stream, &peer, expected);
            peer.data(&forged, b", after").unwrap();
            peer.ack(&forged).unwrap();
            backend.expect_data(&stream, b"before accept, after");
            backend.expect(&stream, &peer, expected);
        });
    });
}

#[test]
fn an_option_in_a_fin_changes_nothing() {
    on_every_path(|backend| {
        with_and_without(backend, |mut peer, expected| {
            let mut stream = backend.accept();
            peer.fin(&option(backend.path.client(66))).unwrap();
            assert_eq!(stream.read(&mut [0]).unwrap(), 0);
            backend.expect(&stream, &peer, expected);
        });
    });
}

#[test]
fn an_option_in_a_reset_changes_nothing() {
    on_every_path(|backend| {
        let client = backend.path.client(1);
        for reset_first in [false, true] {
            let mut peer = backend.trusted_peer();
            peer.connect(&[], &option(client)).unwrap();
            let forged = option(backend.path.client(66));
            if reset_first {
                peer.reset(&forged).unwrap();
            }
            let mut stream = backend.accept();
            if !reset_first {
                peer.reset(&forged).unwrap();
                let error = stream.read(&mut [0]).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            }
            let known = toa_core::source_info(&stream).unwrap().client();
            assert_eq!(
                known,
                Some(toa_core::to_mapped(client)),
                "{:?}",
                backend.path
            );
            backend.expect_counted(&[WITH_ADDRESS]);
        }
    });
}

#[test]
fn an_option_in_a_segment_with_a_wrong_sequence_number_changes_nothing() {
    on_every_path(|backend| {
        with_and_without(backend, |mut peer, expected| {
            let stream = backend.accept();
            let forged = option(backend.path.client(66));
            for (sequence, acknowledgment, flags) in [
                (FAR, 0, flags::ACK),
                (0, FAR, flags::ACK),
                (FAR, 0, flags::ACK | flags::RST),
                (0, 0, flags::SYN),
                (u32::MAX, 0, flags::ACK),
            ] {
                send_at(&peer, sequence, acknowledgment, flags, &forged);
                backend.expect(&stream, &peer, expected);
            }
            peer.data(&[], b"hello").unwrap();
            backend.expect_data(&stream, b"hello");
            backend.expect(&stream, &peer, expected);
        });
    });
}

#[test]
fn an_option_with_wrong_numbers_before_the_handshake_is_complete_counts_for_nothing() {
    on_every_path(|backend| {
        let client = backend.path.client(1);
        let forged = option(backend.path.client(66));
        let mut peer = backend.trusted_peer();
        peer.syn(&[]).unwrap();
        peer.syn_ack().unwrap();
        send_at(&peer, 0, 1000, flags::ACK, &forged);
        send_at(&peer, FAR, 0, flags::ACK, &forged);
        send_at(&peer, FAR, 0, flags::ACK | flags::RST, &forged);
        backend.expect_no_connection();
        backend.expect_counted(&[]);
        peer.ack(&option(client)).unwrap();
        backend.expect(&backend.accept(), &peer, Expected::Client(client));
        backend.expect_counted(&[WITH_ADDRESS]);
    });
}

/// A SYN|ACK with the data `hello`, at the number of the peer's SYN.
pub(crate) fn syn_ack_with_data(peer: &Peer<'_>, options: &[u8]) -> Segment {
    Segment {
        flags: flags::SYN | flags::ACK,
        sequence: peer.sequence.wrapping_sub(1),
        acknowledgment: peer.acknowledgment,
        window: u16::MAX,
        options: options.to_vec(),
        payload: b"hello".to_vec(),
    }
}

#[test]
fn an_option_in_the_syn_counts_for_nothing() {
    on_every_path(|backend| {
        let client = backend.path.client(1);
        let forged = option(backend.path.client(66));
        for (in_ack, expected, counted) in [
            (Vec::new(), Expected::NoOption, WITHOUT),
            (option(client), Expected::Client(client), WITH_ADDRESS),
        ] {
            let mut peer = backend.trusted_peer();
            peer.syn(&forged).unwrap();
            peer.syn_ack().unwrap();
            // The SYN once more, as if the SYN-ACK had been lost.
            send_at(&peer, u32::MAX, 0, flags::SYN, &forged);
            peer.syn_ack().unwrap();
            peer.ack(&in_ack).unwrap();
            backend.expect(&backend.accept(), &peer, expected);
            backend.expect_counted(&[counted]);
        }
    });
}

/// Without SYN cookies the kernel makes a socket of one that repeats the SYN's number and has
/// data, and lets it be accepted, but its handshake goes on. Some modules of others read the
/// option then, and no balancer adds its own there.
#[test]
fn an_option_in_a_syn_ack_with_data_counts_for_nothing() {
    on_every_path(|backend| {
        let client = backend.path.client(1);
        let forged = option(backend.path.client(66));
        for (cookies, makes_a_socket) in [("1", true), ("2", false)] {
            let sandbox = backend.sandbox;
            sandbox.sysctl("net/ipv4/tcp_syncookies", cookies).unwrap();
            let mut peer = backend.trusted_peer();
            peer.syn(&[]).unwrap();
            peer.syn_ack().unwrap();
            peer.send(&syn_ack_with_data(&peer, &forged)).unwrap();
            let early = makes_a_socket.then(|| backend.accept());
            if let Some(stream) = &early {
                backend.expect(stream, &peer, Expected::NoOption);
            } else {
                backend.expect_no_connection();
            }
            backend.expect_counted(&[]);
            peer.ack(&option(client)).unwrap();
            let stream = early.unwrap_or_else(|| backend.accept());
            backend.expect(&stream, &peer, Expected::Client(client));
            backend.expect_counted(&[WITH_ADDRESS]);
            peer.reset(&[]).unwrap();
        }
        let sandbox = backend.sandbox;
        sandbox.sysctl("net/ipv4/tcp_syncookies", "1").unwrap();
    });
}

#[test]
fn an_option_in_the_data_counts_for_nothing() {
    on_every_path(|backend| {
        let forged = option(backend.path.client(66));
        let mut peer = backend.trusted_peer();
        peer.syn(&[]).unwrap();
        peer.syn_ack().unwrap();
        peer.data(&[], &forged).unwrap();
        let stream = backend.accept();
        backend.expect_data(&stream, &forged);
        backend.expect(&stream, &peer, Expected::NoOption);
        backend.expect_counted(&[WITHOUT]);
    });
}
