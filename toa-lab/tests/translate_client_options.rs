//! What becomes of options that the client itself wrote under a TOA kind, and of
//! segments in which the balancer's option finds no room.

mod support;

use support::{Lab, Tcp};
use toa_core::OptionKinds;
use toa_core::option::{Parsed, parse};
use toa_lab::translate::Verdict;
use toa_lab::{DropReason, Mode};

const MODES: [Mode; 3] = [Mode::Nat64, Mode::Fnat44, Mode::Fnat66];
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
const TIMESTAMPS: [u8; 12] = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];
const FORGED: [u8; 8] = [254, 8, 0, 80, 8, 8, 8, 8];

/// Of an IPv6 address, under this kind.
fn forged6(kind: u8) -> Vec<u8> {
    [&[kind, 20, 0, 80, 0x20, 1][..], &[7; 14]].concat()
}

fn third_ack(options: &[u8]) -> Tcp {
    Tcp {
        flags: ACK,
        sequence: 101,
        acknowledgment: 5001,
        options: options.to_vec(),
        ..Tcp::default()
    }
}

/// SYN and SYN-ACK; the client's ACK comes next.
fn half_open(mode: Mode) -> Lab {
    let mut lab = Lab::new(mode);
    syn_and_syn_ack(&mut lab);
    lab
}

fn syn_and_syn_ack(lab: &mut Lab) {
    lab.client(Tcp {
        flags: SYN,
        sequence: 100,
        ..Tcp::default()
    });
    lab.backend(Tcp {
        flags: SYN | ACK,
        sequence: 5000,
        acknowledgment: 101,
        ..Tcp::default()
    });
}

#[test]
fn a_clients_own_option_is_overwritten_in_every_segment() {
    for mode in MODES {
        for kind in [254, 253, 200, 77] {
            for flags in 0..=u8::MAX {
                let mut lab = Lab::with(mode, |plan| plan.option_kind = 77);
                lab.handshake();
                let sent = Tcp {
                    flags,
                    options: [&[1, 1, 1, 1], &forged6(kind)[..], &TIMESTAMPS].concat(),
                    payload: b"data".to_vec(),
                    ..Tcp::default()
                };
                let seen = lab.client(sent.clone());
                let overwritten = [&[1; 24][..], &TIMESTAMPS].concat();
                let options = overwritten;
                assert_eq!(seen, Tcp { options, ..sent }, "{mode:?} {kind} {flags:#x}");
            }
        }
    }
}

#[test]
fn options_of_other_kinds_and_of_the_backend_travel_unchanged() {
    let mut lab = Lab::new(Mode::Nat64);
    lab.handshake();
    let others = [&TIMESTAMPS[..], &[28, 7, 1, 8, 8, 8, 8, 77, 5, 1, 2, 3]].concat();
    let sent = Tcp {
        flags: ACK,
        options: others,
        ..Tcp::default()
    };
    assert_eq!(lab.client(sent.clone()), sent);
    let sent = Tcp {
        options: FORGED.to_vec(),
        ..sent
    };
    assert_eq!(lab.backend(sent.clone()), sent);
}

#[test]
fn behind_a_malformation_or_the_end_no_option_is_left() {
    // What the client wrote, and what goes on.
    let cases: [(&str, &[u8], &[u8]); 9] = [
        ("a length of 0", &[254, 0, 8, 8], &[1; 4]),
        ("a length of 1", &[253, 1, 254, 2], &[1; 4]),
        (
            "a length beyond the end",
            &[200, 9, 0, 80, 8, 8, 8, 8],
            &[1; 8],
        ),
        (
            "another kind, beyond it",
            &[9, 9, 254, 6, 8, 8, 8, 8],
            &[1; 8],
        ),
        ("another kind, of length 0", &[9, 0, 254, 2], &[1; 4]),
        ("a kind alone", &[1, 1, 1, 254], &[1; 4]),
        ("another kind alone", &[1, 1, 1, 9], &[1; 4]),
        ("behind the end", &[1, 0, 254, 2], &[1, 0, 0, 0]),
        (
            "an odd length",
            &[254, 3, 9, 8, 3, 9, 1, 1],
            &[1, 1, 1, 8, 3, 9, 1, 1],
        ),
    ];
    for mode in MODES {
        for (name, written, expected) in cases {
            let mut lab = Lab::new(mode);
            lab.handshake();
            let seen = lab.client(Tcp {
                flags: ACK,
                options: written.to_vec(),
                ..Tcp::default()
            });
            assert_eq!(seen.options, expected, "{mode:?} {name}");
        }
    }
}

#[test]
fn the_balancers_option_gets_the_room_that_padding_takes() {
    let sack = [5, 10, 0, 0, 0, 1, 0, 0, 0, 2];
    // What the client wrote, and what of it follows the balancer's option.
    let lists: [(&str, Vec<u8>, Vec<u8>); 8] = [
        ("no-operations", vec![1; 40], vec![]),
        ("zeros", vec![0; 40], vec![]),
        (
            "an option and filler",
            [forged6(254), vec![1; 20]].concat(),
            vec![],
        ),
        ("two options", [forged6(253), forged6(200)].concat(), vec![]),
        ("five options", FORGED.repeat(5), vec![]),
        (
            "a malformed list",
            [FORGED.to_vec(), vec![255; 32]].concat(),
            vec![],
        ),
        (
            "timestamps between",
            [&FORGED[..], &TIMESTAMPS, &[1; 20]].concat(),
            [&TIMESTAMPS[2..], &[1, 1]].concat(),
        ),
        (
            "timestamps and selective acknowledgements apart",
            [&[1; 6][..], &TIMESTAMPS, &[1; 12], &sack].concat(),
            [&TIMESTAMPS[2..], &sack].concat(),
        ),
    ];
    for mode in MODES {
        for (name, written, follows) in &lists {
            let mut lab = half_open(mode);
            let ours = lab.expected_option(254);
            let seen = lab.client(third_ack(written));
            let expected = [&ours[..], follows].concat();
            assert_eq!(seen.options, expected, "{mode:?} {name}");
            assert_eq!(lab.translator.stats().toa_inserted, 1);
            if !name.contains("selective") {
                let found = parse(&seen.options, &OptionKinds::default());
                let believed = matches!(found, Parsed::Found(o) if o.client == lab.client_addr);
                assert!(believed, "{mode:?} {name}: by a source");
            }
        }
    }
}

#[test]
fn what_a_source_believes_anyway_is_left_where_it_was() {
    for (mode, written) in [
        (Mode::Nat64, TIMESTAMPS.to_vec()),
        (Mode::Fnat66, TIMESTAMPS.to_vec()),
        (Mode::Fnat44, [&[1; 8][..], &TIMESTAMPS].concat()),
    ] {
        let mut lab = half_open(mode);
        let expected = [lab.expected_option(254), written.clone()].concat();
        assert_eq!(lab.client(third_ack(&written)).options, expected);
    }
}

#[test]
fn a_segment_whose_own_options_leave_no_room_is_dropped() {
    // 20 bytes for an IPv6 client, 8 for an IPv4 one, of 40.
    for (mode, longest) in [(Mode::Nat64, 20), (Mode::Fnat66, 20), (Mode::Fnat44, 32)] {
        for (len, fits) in [(longest, true), (longest + 4, false), (40, false)] {
            let mut lab = half_open(mode);
            let own = [&[30, len as u8][..], &vec![7; len - 2]].concat();
            let packet = lab.client_packet(&third_ack(&own));
            let verdict = lab.raw(&packet);
            let stats = lab.translator.stats();
            assert_eq!(stats.toa_no_room, u64::from(!fits), "{mode:?} {len}");
            assert_eq!(stats.toa_inserted, u64::from(fits), "{mode:?} {len}");
            if fits {
                assert_eq!(verdict, Verdict::Forward);
                assert!(Tcp::read(&lab.out).options.ends_with(&own));
                continue;
            }
            assert_eq!(verdict, Verdict::Drop(DropReason::NoRoom));
            // It completed nothing: the flow still ends as a half-open one does.
            lab.now += lab.plan.timeouts.handshake;
            lab.translator.expire(lab.now);
            assert_eq!(lab.translator.stats().flows, 0, "{mode:?}");
        }
    }
}

#[test]
fn a_first_segment_too_long_for_the_option_is_answered_with_what_would_fit() {
    for (mode, grown) in [
        (Mode::Nat64, 0_usize),
        (Mode::Fnat44, 8),
        (Mode::Fnat66, 20),
    ] {
        let mut lab = half_open(mode);
        let header = if lab.client_addr.is_ipv4() { 40 } else { 60 };
        let segment = |len| Tcp {
            payload: vec![7; len - header],
            ..third_ack(&[])
        };
        let packet = lab.client_packet(&segment(1500));
        if grown == 0 {
            // The smaller header of IPv4 makes the room.
            assert_eq!(lab.raw(&packet), Verdict::Forward);
            assert_eq!(lab.out.len(), 1500);
            continue;
        }
        assert_eq!(lab.raw(&packet), Verdict::Reply, "{mode:?}");
        let mtu_at = if lab.client_addr.is_ipv4() { 26 } else { 46 };
        let fits = 1500 - grown;
        assert_eq!(lab.out[mtu_at..mtu_at + 2], (fits as u16).to_be_bytes());
        let stats = lab.translator.stats();
        assert_eq!((stats.toa_over_mtu, stats.too_big_sent), (1, 1), "{mode:?}");

        let expected = lab.expected_option(254);
        assert_eq!(lab.client(segment(fits)).options, expected, "{mode:?}");
        assert_eq!(lab.out.len(), 1500);
    }
}

#[test]
fn a_forged_option_makes_room_for_the_balancers_in_a_long_segment() {
    for mode in MODES {
        let mut lab = half_open(mode);
        let header = if lab.client_addr.is_ipv4() { 40 } else { 60 };
        let forged = forged6(254);
        let seen = lab.client(Tcp {
            payload: vec![7; 1500 - header - forged.len()],
            ..third_ack(&forged)
        });
        assert_eq!(seen.options, lab.expected_option(254), "{mode:?}");
    }
}

/// Under SYN cookies the backend takes more than one acknowledgement number, and the
/// balancer knows one of them.
#[test]
fn an_ack_of_another_cookie_carries_no_option_of_anybody() {
    for mode in MODES {
        for off in [1, 2, 3, 7, u32::MAX, u32::MAX - 1, 1 << 24, 0x8000_0000] {
            let mut lab = half_open(mode);
            let seen = lab.client(Tcp {
                acknowledgment: 5001_u32.wrapping_add(off),
                ..third_ack(&[forged6(254), forged6(253)].concat())
            });
            assert_eq!(seen.options, [1; 40], "{mode:?} {off}");
        }
        // The older of two cookies.
        let mut lab = half_open(mode);
        lab.backend(Tcp {
            flags: SYN | ACK,
            sequence: 9000,
            acknowledgment: 101,
            ..Tcp::default()
        });
        let older = lab.client(third_ack(&FORGED));
        assert_eq!(older.options, [1; 8], "{mode:?}");
        let newer = lab.client(Tcp {
            acknowledgment: 9001,
            ..third_ack(&FORGED)
        });
        assert!(newer.options.starts_with(&lab.expected_option(254)));
    }
}

#[test]
fn a_balancer_told_to_be_insecure_passes_on_what_the_client_wrote() {
    for mode in MODES {
        let mut lab = Lab::with(mode, |plan| plan.insecure_client_options = true);
        syn_and_syn_ack(&mut lab);
        // First where there is room, then in a full list, then in a long segment.
        let seen = lab.client(third_ack(&FORGED)).options;
        assert_eq!(seen, [&lab.expected_option(254)[..], &FORGED].concat());
        let full = [forged6(254), vec![1; 20]].concat();
        assert_eq!(lab.client(third_ack(&full)).options, full, "{mode:?}");
        assert_eq!(lab.translator.stats().toa_no_room, 1);
        let reset = Tcp {
            flags: RST,
            ..third_ack(&FORGED)
        };
        if mode != Mode::Nat64 {
            let header = if lab.client_addr.is_ipv4() { 48 } else { 68 };
            let long = Tcp {
                payload: vec![7; 1500 - header],
                ..third_ack(&FORGED)
            };
            assert_eq!(lab.client(long).options, FORGED, "{mode:?}");
            assert_eq!(lab.translator.stats().toa_over_mtu, 1);
        }
        let fin = Tcp {
            flags: FIN | ACK,
            acknowledgment: 5002,
            ..third_ack(&FORGED)
        };
        for later in [fin, reset] {
            assert_eq!(lab.client(later).options, FORGED, "{mode:?}");
        }
    }
}
