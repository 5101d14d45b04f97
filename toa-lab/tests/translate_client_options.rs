//! What becomes of options that the client itself wrote under a TOA kind.

mod support;

use support::{FORGED, Lab, Tcp, forged6, third_ack};
use toa_core::OptionFormat;
use toa_lab::Mode;

const MODES: [Mode; 3] = [Mode::Nat64, Mode::Fnat44, Mode::Fnat66];
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
const TIMESTAMPS: [u8; 12] = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];

#[test]
fn a_clients_own_option_is_overwritten_in_every_segment() {
    for mode in MODES {
        for kind in [254, 253, 252, 250, 249, 200, 77, 28] {
            for flags in 0..=u8::MAX {
                let mut lab = Lab::with(mode, |plan| plan.option_format = OptionFormat::ToaAt(77));
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
    let others = [&TIMESTAMPS[..], &[29, 7, 1, 8, 8, 8, 8, 77, 5, 1, 2, 3]].concat();
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

/// Under SYN cookies the backend takes more than one acknowledgement number, and the
/// balancer knows one of them.
#[test]
fn an_ack_of_another_cookie_carries_no_option_of_anybody() {
    for mode in MODES {
        for off in [1, 2, 3, 7, u32::MAX, u32::MAX - 1, 1 << 24, 0x8000_0000] {
            let mut lab = Lab::half_open(mode);
            let seen = lab.client(Tcp {
                acknowledgment: 5001_u32.wrapping_add(off),
                ..third_ack(&[forged6(254), forged6(253)].concat())
            });
            assert_eq!(seen.options, [1; 40], "{mode:?} {off}");
        }
        // The older of two cookies.
        let mut lab = Lab::half_open(mode);
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
        lab.syn_and_syn_ack();
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
