//! How the balancer makes room for its option, and what it does where there is none.

mod support;

use support::{FORGED, Lab, Tcp, forged6, third_ack};
use toa_core::OptionFormats;
use toa_core::option::{Parsed, parse};
use toa_lab::translate::Verdict;
use toa_lab::{DropReason, Mode};

const MODES: [Mode; 3] = [Mode::Nat64, Mode::Fnat44, Mode::Fnat66];
const TIMESTAMPS: [u8; 12] = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];

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
            let mut lab = Lab::half_open(mode);
            let ours = lab.expected_option(254);
            let seen = lab.client(third_ack(written));
            let expected = [&ours[..], follows].concat();
            assert_eq!(seen.options, expected, "{mode:?} {name}");
            assert_eq!(lab.translator.stats().toa_inserted, 1);
            if !name.contains("selective") {
                let found = parse(&seen.options, &OptionFormats::default());
                let believed = matches!(found, Parsed::Found(o) if o.client() == lab.client_addr);
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
        let mut lab = Lab::half_open(mode);
        let expected = [lab.expected_option(254), written.clone()].concat();
        assert_eq!(lab.client(third_ack(&written)).options, expected);
    }
}

#[test]
fn a_segment_whose_own_options_leave_no_room_is_dropped() {
    // 20 bytes for an IPv6 client, 8 for an IPv4 one, of 40.
    for (mode, longest) in [(Mode::Nat64, 20), (Mode::Fnat66, 20), (Mode::Fnat44, 32)] {
        for (len, fits) in [(longest, true), (longest + 4, false), (40, false)] {
            let mut lab = Lab::half_open(mode);
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
        let mut lab = Lab::half_open(mode);
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
        let mut lab = Lab::half_open(mode);
        let header = if lab.client_addr.is_ipv4() { 40 } else { 60 };
        let forged = forged6(254);
        let seen = lab.client(Tcp {
            payload: vec![7; 1500 - header - forged.len()],
            ..third_ack(&forged)
        });
        assert_eq!(seen.options, lab.expected_option(254), "{mode:?}");
    }
}
