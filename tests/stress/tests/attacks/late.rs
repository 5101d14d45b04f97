//! Options in segments that do not complete the handshake.

use std::io::{ErrorKind, Read};

use toa_lab::peer::{Peer, Segment, flags};
use toa_stress::storm::option;

use crate::arena::{Answer, Arena, WITH_ADDRESS, WITHOUT, on_every_side};

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

/// With and without an address that an attacker could replace.
fn with_and_without(arena: &Arena<'_>, attack: impl Fn(Peer<'_>, Answer)) {
    let client = arena.side.client(1);
    for (options, answer, counted) in [
        (option(client), Answer::Client(client), WITH_ADDRESS),
        (Vec::new(), Answer::NoOption, WITHOUT),
    ] {
        let mut peer = arena.trusted();
        peer.connect(&[], &options).unwrap();
        attack(peer, answer);
        arena.expect_counted(&[counted]);
    }
}

#[test]
fn an_option_in_later_data_changes_nothing() {
    on_every_side(|arena| {
        with_and_without(arena, |mut peer, answer| {
            let forged = option(arena.side.client(66));
            peer.data(&forged, b"before accept").unwrap();
            let stream = arena.accept();
            arena.expect(&stream, &peer, answer);
            peer.data(&forged, b", after").unwrap();
            peer.ack(&forged).unwrap();
            arena.expect_data(&stream, b"before accept, after");
            arena.expect(&stream, &peer, answer);
        });
    });
}

#[test]
fn an_option_in_a_fin_changes_nothing() {
    on_every_side(|arena| {
        with_and_without(arena, |mut peer, answer| {
            let mut stream = arena.accept();
            peer.fin(&option(arena.side.client(66))).unwrap();
            assert_eq!(stream.read(&mut [0]).unwrap(), 0);
            arena.expect(&stream, &peer, answer);
        });
    });
}

#[test]
fn an_option_in_a_reset_changes_nothing() {
    on_every_side(|arena| {
        let client = arena.side.client(1);
        for reset_first in [false, true] {
            let mut peer = arena.trusted();
            peer.connect(&[], &option(client)).unwrap();
            let forged = option(arena.side.client(66));
            if reset_first {
                peer.reset(&forged).unwrap();
            }
            let mut stream = arena.accept();
            if !reset_first {
                peer.reset(&forged).unwrap();
                let error = stream.read(&mut [0]).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            }
            let known = toa_core::source_info(&stream).unwrap().client();
            assert_eq!(known, Some(toa_core::to_mapped(client)), "{:?}", arena.side);
            arena.expect_counted(&[WITH_ADDRESS]);
        }
    });
}

#[test]
fn an_option_in_a_segment_with_a_wrong_sequence_number_changes_nothing() {
    on_every_side(|arena| {
        with_and_without(arena, |mut peer, answer| {
            let stream = arena.accept();
            let forged = option(arena.side.client(66));
            for (sequence, acknowledgment, flags) in [
                (FAR, 0, flags::ACK),
                (0, FAR, flags::ACK),
                (FAR, 0, flags::ACK | flags::RST),
                (0, 0, flags::SYN),
                (u32::MAX, 0, flags::ACK),
            ] {
                send_at(&peer, sequence, acknowledgment, flags, &forged);
                arena.expect(&stream, &peer, answer);
            }
            peer.data(&[], b"hello").unwrap();
            arena.expect_data(&stream, b"hello");
            arena.expect(&stream, &peer, answer);
        });
    });
}

#[test]
fn an_option_with_wrong_numbers_before_the_handshake_is_complete_counts_for_nothing() {
    on_every_side(|arena| {
        let client = arena.side.client(1);
        let forged = option(arena.side.client(66));
        let mut peer = arena.trusted();
        peer.syn(&[]).unwrap();
        peer.syn_ack().unwrap();
        send_at(&peer, 0, 1000, flags::ACK, &forged);
        send_at(&peer, FAR, 0, flags::ACK, &forged);
        send_at(&peer, FAR, 0, flags::ACK | flags::RST, &forged);
        arena.expect_nobody();
        arena.expect_counted(&[]);
        peer.ack(&option(client)).unwrap();
        arena.expect(&arena.accept(), &peer, Answer::Client(client));
        arena.expect_counted(&[WITH_ADDRESS]);
    });
}

#[test]
fn an_option_in_the_syn_counts_for_nothing() {
    on_every_side(|arena| {
        let client = arena.side.client(1);
        let forged = option(arena.side.client(66));
        for (in_ack, answer, counted) in [
            (Vec::new(), Answer::NoOption, WITHOUT),
            (option(client), Answer::Client(client), WITH_ADDRESS),
        ] {
            let mut peer = arena.trusted();
            peer.syn(&forged).unwrap();
            peer.syn_ack().unwrap();
            // The SYN once more, as if the SYN-ACK had been lost.
            send_at(&peer, u32::MAX, 0, flags::SYN, &forged);
            peer.syn_ack().unwrap();
            peer.ack(&in_ack).unwrap();
            arena.expect(&arena.accept(), &peer, answer);
            arena.expect_counted(&[counted]);
        }
    });
}

#[test]
fn an_option_in_the_data_counts_for_nothing() {
    on_every_side(|arena| {
        let forged = option(arena.side.client(66));
        let mut peer = arena.trusted();
        peer.syn(&[]).unwrap();
        peer.syn_ack().unwrap();
        peer.data(&[], &forged).unwrap();
        let stream = arena.accept();
        arena.expect_data(&stream, &forged);
        arena.expect(&stream, &peer, Answer::NoOption);
        arena.expect_counted(&[WITHOUT]);
    });
}
