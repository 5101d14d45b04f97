//! Where the translator puts the option, and where not.

mod support;

use support::{Lab, Tcp};
use toa_core::OptionFormat;
use toa_lab::Mode;

const MODES: [Mode; 3] = [Mode::Nat64, Mode::Fnat44, Mode::Fnat66];
const ACK: u8 = 0x10;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const TIMESTAMPS: [u8; 12] = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];

#[test]
fn the_option_follows_the_fixed_header_until_data_is_acknowledged() {
    for mode in MODES {
        let mut lab = Lab::new(mode);
        let toa = lab.expected_option(254);

        let syn = lab.client(Tcp {
            flags: SYN,
            sequence: 100,
            ..Tcp::default()
        });
        assert_eq!(syn.options, [], "{mode:?}: not in the SYN");
        lab.backend(Tcp {
            flags: SYN | ACK,
            sequence: 5000,
            acknowledgment: 101,
            ..Tcp::default()
        });

        let ack = Tcp {
            flags: ACK,
            sequence: 101,
            acknowledgment: 5001,
            ..Tcp::default()
        };
        let ack = Tcp {
            options: TIMESTAMPS.to_vec(),
            ..ack
        };
        let with_option = [&toa[..], &TIMESTAMPS].concat();
        assert_eq!(
            lab.client(ack.clone()).options,
            with_option,
            "{mode:?}: the bare ack"
        );
        let data = Tcp {
            payload: b"question".to_vec(),
            ..ack.clone()
        };
        assert_eq!(
            lab.client(data.clone()).options,
            with_option,
            "{mode:?}: the first data"
        );
        assert_eq!(
            lab.client(data.clone()).options,
            with_option,
            "{mode:?}: the same again"
        );
        let reset = Tcp {
            flags: RST | ACK,
            ..ack.clone()
        };

        let answer = Tcp {
            payload: b"answer".to_vec(),
            ..Tcp::default()
        };
        let answer = Tcp {
            flags: ACK,
            sequence: 5001,
            acknowledgment: 109,
            ..answer
        };
        assert_eq!(
            lab.backend(answer.clone()).options,
            [],
            "{mode:?}: never to the client"
        );
        let old = Tcp {
            sequence: 109,
            ..data.clone()
        };
        assert_eq!(
            lab.client(old).options,
            with_option,
            "{mode:?}: data not yet acknowledged"
        );
        let later = Tcp {
            sequence: 117,
            acknowledgment: 5007,
            ..data
        };
        assert_eq!(
            lab.client(later).options,
            TIMESTAMPS,
            "{mode:?}: data acknowledged"
        );
        assert_eq!(
            lab.client(reset).options,
            TIMESTAMPS,
            "{mode:?}: never in a reset"
        );
    }
}

#[test]
fn what_travels_is_what_was_sent() {
    for mode in MODES {
        let mut lab = Lab::new(mode);
        lab.handshake();
        let sent = Tcp {
            flags: ACK | 0x08 | 0x20,
            sequence: 0xfedc_ba98,
            acknowledgment: 0x1234_5678,
            window: 4321,
            urgent: 77,
            options: TIMESTAMPS.to_vec(),
            payload: (0..=254).collect(),
        };
        assert_eq!(lab.client(sent.clone()), sent);
        assert_eq!(lab.backend(sent.clone()), sent);
    }
}

#[test]
fn traffic_class_travels_and_the_hop_limit_falls_by_one() {
    for mode in MODES {
        let mut lab = Lab::new(mode);
        lab.handshake();
        let mut packet = lab.client_packet(&Tcp {
            flags: ACK,
            ..Tcp::default()
        });
        // ECN capable, expedited.
        if packet[0] >> 4 == 4 {
            packet[1] = 0xba;
            support::write_ipv4_checksum(&mut packet);
        } else {
            packet[0..2].copy_from_slice(&[0x6b, 0xa0]);
        }
        assert_eq!(lab.raw(&packet), toa_lab::translate::Verdict::Forward);
        let (class, hops) = match lab.out[0] >> 4 {
            4 => (lab.out[1], lab.out[8]),
            _ => (lab.out[0] << 4 | lab.out[1] >> 4, lab.out[7]),
        };
        assert_eq!((class, hops), (0xba, 63), "{mode:?}");
    }
}

#[test]
fn the_option_has_the_configured_kind_and_goes_into_the_syn_on_demand() {
    for kind in [254, 253, 200] {
        let mut lab = Lab::with(Mode::Nat64, |plan| {
            plan.option_format = OptionFormat::ToaAt(kind);
            plan.option_in_syn = true;
        });
        let syn = lab.client(Tcp {
            flags: SYN,
            ..Tcp::default()
        });
        assert_eq!(syn.options, lab.expected_option(kind));
    }
}

#[test]
fn a_client_has_no_timestamps_where_the_option_takes_their_room() {
    for (format, is_kept) in [(OptionFormat::Vtoa, false), (OptionFormat::Cip, true)] {
        let mut lab = Lab::with(Mode::Fnat66, |plan| plan.option_format = format);
        let syn = lab.client(Tcp {
            flags: SYN,
            options: TIMESTAMPS.to_vec(),
            ..Tcp::default()
        });
        let expected = if is_kept { TIMESTAMPS } else { [1; 12] };
        assert_eq!(syn.options, expected, "{format}");
    }
}

#[test]
fn the_mss_is_lowered_on_both_ways_and_never_raised() {
    // The MTU less the headers and the option of the longer side.
    for (mode, limit) in [
        (Mode::Nat64, 1440),
        (Mode::Fnat44, 1452),
        (Mode::Fnat66, 1420),
    ] {
        for (mss, expected) in [(65535, limit), (1460, limit), (limit, limit), (536, 536)] {
            let options = |mss: u16| [&[1, 2, 4][..], &mss.to_be_bytes(), &[4, 2, 0]].concat();
            let mut lab = Lab::new(mode);
            let syn = Tcp {
                flags: SYN,
                sequence: 1,
                options: options(mss),
                ..Tcp::default()
            };
            assert_eq!(
                lab.client(syn.clone()).options,
                options(expected),
                "{mode:?}"
            );
            let syn_ack = Tcp {
                flags: SYN | ACK,
                acknowledgment: 2,
                ..syn
            };
            assert_eq!(
                lab.backend(syn_ack.clone()).options,
                options(expected),
                "{mode:?}"
            );
            let data = Tcp {
                flags: ACK,
                ..syn_ack
            };
            assert_eq!(lab.backend(data).options, options(mss), "only in a SYN");
        }
    }
}

#[test]
fn segments_at_the_lowered_mss_fit_with_the_option() {
    for (mode, mss) in [
        (Mode::Nat64, 1440),
        (Mode::Fnat44, 1452),
        (Mode::Fnat66, 1420),
    ] {
        let mut lab = Lab::new(mode);
        lab.handshake();
        let payload = vec![7; mss - TIMESTAMPS.len()];
        let data = Tcp {
            flags: ACK,
            acknowledgment: 5001,
            payload,
            ..Tcp::default()
        };
        let data = Tcp {
            options: TIMESTAMPS.to_vec(),
            ..data
        };
        assert_eq!(
            &lab.client(data.clone()).options[..4],
            &lab.expected_option(254)[..4]
        );
        assert!(lab.out.len() <= 1500);
        lab.backend(data);
        assert!(lab.out.len() <= 1500);
    }
}
