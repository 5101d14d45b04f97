//! The translator against whatever may come.

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use support::{Lab, Tcp, checksums_are_right, options_in};
use toa_core::OptionFormats;
use toa_core::option::{Parsed, parse};
use toa_lab::translate::Verdict;
use toa_lab::{DropReason, Mode};

/// The kinds under which some format is read.
const KNOWN_KINDS: [u8; 7] = [254, 253, 252, 250, 249, 200, 28];

fn mode() -> impl Strategy<Value = Mode> {
    select(vec![Mode::Nat64, Mode::Fnat44, Mode::Fnat66])
}

/// Header fields of any value, option lists that are lists or noise.
fn tcp() -> impl Strategy<Value = Tcp> {
    let noise = vec(any::<u32>(), 0..=10).prop_map(|words| {
        words
            .into_iter()
            .flat_map(u32::to_be_bytes)
            .collect::<Vec<u8>>()
    });
    let lists = vec(
        (
            select(vec![254u8, 253, 252, 200, 28, 8, 5, 30]),
            0u8..20,
            any::<u32>(),
        ),
        0..5,
    )
    .prop_map(|options| {
        let mut list = Vec::new();
        for (kind, len, fill) in options {
            list.extend([kind, len.max(2)]);
            list.extend(
                fill.to_be_bytes()
                    .iter()
                    .cycle()
                    .take(usize::from(len.max(2) - 2)),
            );
        }
        list.truncate(40);
        list.resize(list.len().next_multiple_of(4), 1);
        list
    });
    let mss = any::<u16>().prop_map(|mss| [&[2, 4][..], &mss.to_be_bytes()].concat());
    let payload = vec(any::<u8>(), 0..1500);
    (
        any::<u8>(),
        any::<[u32; 2]>(),
        any::<[u16; 2]>(),
        prop_oneof![noise, lists, mss],
        payload,
    )
        .prop_map(
            |(flags, [sequence, acknowledgment], [window, urgent], options, payload)| Tcp {
                flags,
                sequence,
                acknowledgment,
                window,
                urgent,
                options,
                payload,
            },
        )
}

#[derive(Clone, Debug)]
enum Step {
    /// One of a few clients sends.
    Client(u16, Tcp),
    /// The backend sends to one of its peers, or to an address without a flow.
    Backend(Index, Tcp),
    /// Like the client's, but with bytes changed and perhaps cut.
    Broken(Tcp, Vec<(Index, u8)>, Index),
    /// Not even that.
    Noise(Vec<u8>),
    Wait(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let changes = vec((any::<Index>(), any::<u8>()), 1..4);
    prop_oneof![
        3 => (1u16..9, tcp()).prop_map(|(port, tcp)| Step::Client(port, tcp)),
        2 => (any::<Index>(), tcp()).prop_map(|(index, tcp)| Step::Backend(index, tcp)),
        1 => (tcp(), changes, any::<Index>()).prop_map(|(t, c, i)| Step::Broken(t, c, i)),
        1 => vec(any::<u8>(), 0..100).prop_map(Step::Noise),
        1 => any::<u32>().prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn any_sequence_of_packets_is_survived_and_accounted_for(
        mode in mode(),
        in_syn: bool,
        steps in vec(step(), 1..60),
    ) {
        let mut lab = Lab::with(mode, |plan| {
            plan.max_flows = 4;
            plan.option_in_syn = in_syn;
        });
        let mut seen: Vec<SocketAddr> = vec![lab.pool_addr];
        for step in steps {
            let packet = match step {
                Step::Client(port, tcp) => {
                    lab.client_addr.set_port(port);
                    lab.client_packet(&tcp)
                }
                Step::Backend(index, tcp) => {
                    lab.pool_addr = *index.get(&seen);
                    lab.backend_packet(&tcp)
                }
                Step::Broken(tcp, changes, cut) => {
                    let mut packet = lab.client_packet(&tcp);
                    for (at, value) in changes {
                        *at.get_mut(&mut packet) = value;
                    }
                    packet.truncate(cut.index(packet.len()) + 1);
                    packet
                }
                Step::Noise(bytes) => bytes,
                Step::Wait(ms) => {
                    lab.now += Duration::from_millis(ms.into());
                    continue;
                }
            };
            match lab.raw(&packet) {
                Verdict::Drop(_) => prop_assert!(lab.out.is_empty()),
                verdict => {
                    prop_assert!(checksums_are_right(&lab.out));
                    prop_assert!(lab.out.len() <= 1500);
                    let (source, destination) = support::ends(&lab.out);
                    if verdict == Verdict::Forward && destination == lab.plan.backend {
                        prop_assert!(lab.plan.pool.contains(&source.ip()));
                        seen.push(source);
                    }
                }
            }
            let stats = lab.translator.stats();
            prop_assert!(stats.flows <= 4);
            prop_assert_eq!(stats.flows, stats.opened - stats.expired - stats.evicted);
        }
    }

    #[test]
    fn noise_is_survived(packets in vec(vec(any::<u8>(), 0..200), 1..20), mode in mode()) {
        let mut lab = Lab::new(mode);
        for packet in packets {
            prop_assert!(matches!(lab.raw(&packet), Verdict::Drop(_)));
        }
    }

    #[test]
    fn there_and_back_again_nothing_is_lost(mode in mode(), mut tcp in tcp()) {
        tcp.flags &= !0x06; // Neither SYN nor RST: those have rules of their own.
        tcp.payload.truncate(1400);
        let mut lab = Lab::new(mode);
        lab.handshake();
        prop_assert_eq!(lab.backend(tcp.clone()), tcp.clone());
        let before = lab.translator.stats();
        let packet = lab.client_packet(&tcp);
        let verdict = lab.raw(&packet);
        if verdict != Verdict::Forward {
            prop_assert_eq!(verdict, Verdict::Drop(DropReason::NoRoom));
            return Ok(());
        }
        let there = Tcp::read(&lab.out);
        let mut rest = there.options.clone();
        if lab.translator.stats().toa_inserted > before.toa_inserted {
            let ours = lab.expected_option(254);
            prop_assert!(rest.starts_with(&ours));
            rest.drain(..ours.len());
            prop_assert_eq!(tcp.acknowledgment, 5001);
        } else {
            prop_assert_eq!(rest.len(), tcp.options.len(), "no byte moves");
        }
        prop_assert_eq!(parse(&rest, &OptionFormats::default()), Parsed::Absent);
        let theirs: Vec<_> = options_in(&tcp.options);
        let theirs: Vec<_> = theirs.into_iter().filter(|o| !KNOWN_KINDS.contains(&o[0])).collect();
        prop_assert_eq!(options_in(&rest), theirs);
        prop_assert_eq!(Tcp { options: tcp.options.clone(), ..there }, tcp);
    }
}
