//! A stranger behind the laptop balancer, whose segments reach the backend from an
//! address that is trusted.
//!
//! Each attack is tried through a correct balancer, which overwrites its clients' own
//! options, and through one that passes them on, as balancers in use do. There, where the
//! source cannot tell, the test says so: it expects that the forged address is believed.

use std::time::Duration;

use toa_lab::Mode;
use toa_lab::peer::{Peer, flags};
use toa_stress::storm::option;

use crate::balanced::{Correct, Insecure, MTU, Seen, behind_every_balancer};
use crate::late::syn_ack_with_data;

#[test]
fn a_list_filled_behind_the_balancer_names_nobody_else() {
    behind_every_balancer(|behind| {
        for forged in ["203.0.113.66:6666", "[2001:db8::66]:6666"] {
            let forged = option(forged.parse().unwrap());
            let room = 40 - forged.len();
            for padding in [vec![1; room], vec![0; room]] {
                let expected = match behind.balancing {
                    Correct => Seen::Stranger,
                    Insecure => Seen::Implausible,
                };
                let seen = behind.third_ack(&[&forged[..], &padding].concat());
                assert_eq!(seen, expected, "{behind:?} {forged:?}");
            }
            // An option that means something to somebody is no padding.
            let filler = [&[99, room as u8], &[7; 40][..room - 2]].concat();
            let seen = behind.third_ack(&[&forged[..], &filler].concat());
            let ours = option(behind.forged()).len();
            let expected = match behind.balancing {
                Insecure => Seen::Implausible,
                Correct if room + ours > 40 => Seen::Nobody,
                Correct if room + 2 * ours > 40 => Seen::Implausible,
                Correct => Seen::Stranger,
            };
            assert_eq!(seen, expected, "{behind:?} {forged:?}");
        }
    });
}

/// What a normal stack behind an honest balancer sends looks the same to the source:
/// an IPv6 address and timestamps.
#[test]
fn a_forged_option_beside_timestamps_is_ended_by_a_correct_balancer_alone() {
    behind_every_balancer(|behind| {
        let stamps = |value: u32, echo: u32| {
            let (value, echo) = (value.to_be_bytes(), echo.to_be_bytes());
            [&[1, 1, 8, 10][..], &value, &echo].concat()
        };
        let mut stranger = behind.stranger();
        stranger.syn(&stamps(1, 0)).unwrap();
        let answer = stranger.syn_ack().unwrap().options;
        let at = answer.windows(2).position(|two| two == [8, 10]).unwrap();
        let echo = u32::from_be_bytes(answer[at + 2..at + 6].try_into().unwrap());
        let options = [option(behind.forged()), stamps(2, echo)].concat();
        stranger.ack(&options).unwrap();
        let expected = match (behind.balancing, behind.mode) {
            // An IPv4 address leaves the balancer's own option its room, which comes first.
            (Correct, _) | (Insecure, Mode::Fnat44) => Seen::Stranger,
            (Insecure, _) => Seen::Forged,
        };
        assert_eq!(behind.seen(&stranger), expected, "{behind:?}");
        stranger.reset(&[]).unwrap();
    });
}

/// The data completes the handshake, as when the ACK before it was lost.
#[test]
fn a_first_segment_too_long_for_the_option_is_ended_by_a_correct_balancer_alone() {
    behind_every_balancer(|behind| {
        let forged = option(behind.forged());
        let mut stranger = behind.stranger();
        stranger.syn(&[]).unwrap();
        stranger.syn_ack().unwrap();
        let long = vec![b'x'; MTU - behind.headers() - forged.len()];
        stranger.data(&forged, &long).unwrap();
        let expected = match (behind.balancing, behind.mode) {
            // What the stranger's option took is the room for the balancer's.
            (Correct, _) => Seen::Stranger,
            // The backend's IPv4 header is shorter: the balancer's option comes first.
            (Insecure, Mode::Nat64) => Seen::Implausible,
            (Insecure, _) => Seen::Forged,
        };
        assert_eq!(behind.seen(&stranger), expected, "{behind:?}");
        stranger.reset(&[]).unwrap();

        // Without an option: to come as the balancer itself.
        let mut stranger = behind.stranger();
        stranger.syn(&[]).unwrap();
        stranger.syn_ack().unwrap();
        let before = behind.balancer.stats();
        let long = vec![b'x'; MTU - behind.headers()];
        let first = stranger.sequence;
        stranger.data(&[], &long).unwrap();
        let expected = match (behind.balancing, behind.mode) {
            (_, Mode::Nat64) => Seen::Stranger,
            (Correct, _) => Seen::Nobody,
            (Insecure, _) => Seen::Balancer,
        };
        let seen = behind.seen_or_refused(&stranger, before);
        assert_eq!(seen, expected, "{behind:?}");
        if seen == Seen::Nobody {
            stranger.sequence = first;
            stranger.data(&[], &long[20..]).unwrap();
            assert_eq!(behind.seen(&stranger), Seen::Stranger, "{behind:?}");
        }
        stranger.reset(&[]).unwrap();
    });
}

/// Under SYN cookies the kernel takes several acknowledgement numbers, of which the
/// balancer knows one.
#[test]
fn the_ack_of_another_syn_cookie_is_ended_by_a_correct_balancer_alone() {
    behind_every_balancer(|behind| {
        let sandbox = behind.sandbox;
        sandbox.sysctl("net/ipv4/tcp_syncookies", "2").unwrap();
        let forged = option(behind.forged());
        let expected = match behind.balancing {
            Correct => Seen::Balancer,
            Insecure => Seen::Forged,
        };
        // Neighbours encode another segment size, or none.
        let mut connections = 0;
        for off in [1, 2, 3, u32::MAX, u32::MAX - 1, 1 << 24] {
            let mut stranger = behind.stranger();
            stranger.syn(&[]).unwrap();
            stranger.syn_ack().unwrap();
            stranger.acknowledgment = stranger.acknowledgment.wrapping_add(off);
            stranger.ack(&forged).unwrap();
            let stream = behind.until("neither a connection nor a reset", || {
                let reset = |stranger: &Peer<'_>| {
                    let answer = stranger.receive(Duration::from_millis(1)).unwrap();
                    answer.is_some_and(|segment| segment.flags & flags::RST != 0)
                };
                match behind.accepted() {
                    None => reset(&stranger).then_some(None),
                    stream => Some(stream),
                }
            });
            if let Some(stream) = stream {
                let seen = behind.seen_on(&stream, &stranger);
                assert_eq!(seen, expected, "{behind:?} {off}");
                connections += 1;
                stranger.reset(&[]).unwrap();
            }
        }
        assert!(connections > 0, "{behind:?}: no neighbour was taken");

        // The older of two cookies.
        let mut stranger = behind.stranger();
        stranger.syn(&[]).unwrap();
        stranger.syn_ack().unwrap();
        let older = (stranger.sequence, stranger.acknowledgment);
        stranger.sequence += 5000;
        stranger.syn(&[]).unwrap();
        stranger.syn_ack().unwrap();
        assert_ne!(stranger.acknowledgment, older.1);
        (stranger.sequence, stranger.acknowledgment) = older;
        stranger.ack(&forged).unwrap();
        assert_eq!(behind.seen(&stranger), expected, "{behind:?} older");
        stranger.reset(&[]).unwrap();
        sandbox.sysctl("net/ipv4/tcp_syncookies", "1").unwrap();
    });
}

#[test]
fn forty_bytes_of_padding_hide_nobody_behind_a_correct_balancer() {
    behind_every_balancer(|behind| {
        for padding in [[1; 40], [0; 40]] {
            let expected = match behind.balancing {
                Correct => Seen::Stranger,
                Insecure => Seen::Balancer,
            };
            assert_eq!(behind.third_ack(&padding), expected, "{behind:?}");
        }
    });
}

/// LVS FULLNAT adds nothing to a FIN; there the forged option would be the only one.
#[test]
fn a_fin_that_completes_the_handshake_behind_the_balancer_names_nobody_else() {
    behind_every_balancer(|behind| {
        let mut stranger = behind.stranger();
        stranger.syn(&[]).unwrap();
        stranger.syn_ack().unwrap();
        stranger.fin(&option(behind.forged())).unwrap();
        let expected = match (behind.balancing, behind.mode) {
            (Correct, _) | (Insecure, Mode::Fnat44) => Seen::Stranger,
            // Two IPv6 options: no balancer had room for a third.
            (Insecure, _) => Seen::Implausible,
        };
        assert_eq!(behind.seen(&stranger), expected, "{behind:?}");
        stranger.reset(&[]).unwrap();
    });
}

/// No balancer adds its option to a segment with SYN, and of this one the kernel makes a
/// socket that can be accepted. Who asks at once sees the balancer; the next segment, with the
/// balancer's option, completes the handshake.
#[test]
fn a_syn_ack_with_data_behind_the_balancer_names_nobody_else() {
    behind_every_balancer(|behind| {
        let mut stranger = behind.stranger();
        stranger.syn(&[]).unwrap();
        stranger.syn_ack().unwrap();
        let forged = option(behind.forged());
        let segment = syn_ack_with_data(&stranger, &forged);
        stranger.send(&segment).unwrap();
        let stream = behind.until("no connection", || behind.accepted());
        assert_eq!(
            behind.seen_on(&stream, &stranger),
            Seen::Balancer,
            "{behind:?}"
        );
        stranger.ack(&[]).unwrap();
        behind.until("the ACK does not count", || {
            (behind.seen_on(&stream, &stranger) == Seen::Stranger).then_some(())
        });
        stranger.reset(&[]).unwrap();
    });
}
