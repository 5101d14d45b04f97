//! The laptop balancer's packet path: packets of clients, of the backend and random bytes,
//! with a clock.
//!
//! The input's layout: one byte for the balancer (bits 0-1: its mode; bit 2: the option
//! in the SYN too; bit 3: a small MTU; bits 4-6: the format), then steps until it ends;
//! see `step`.
#![no_main]

#[path = "../../../toa-lab/tests/support/mod.rs"]
mod support;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use support::{Lab, Tcp, checksums_are_right, ends, options_in};
use toa_core::option::{Parsed, ToaOption, parse};
use toa_core::{OptionFormat, OptionFormats};
use toa_lab::raw_packet::repair;
use toa_lab::translate::Verdict;
use toa_lab::{Mode, Stats};

const MAX_FLOWS: usize = 4;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// The balancer, and what a right one implies about whom it connects.
struct Model {
    lab: Lab,
    /// Clients from whom a segment was forwarded.
    clients: HashSet<SocketAddr>,
    /// Pool addresses that the backend has seen as its peers.
    peers: Vec<SocketAddr>,
}

fuzz_target!(|input: &[u8]| {
    let mut input = Unstructured::new(input);
    let Ok(shape) = input.arbitrary::<u8>() else {
        return;
    };
    let mode = match shape & 3 {
        1 => Mode::Fnat44,
        2 => Mode::Fnat66,
        _ => Mode::Nat64,
    };
    let lab = Lab::with(mode, |plan| {
        plan.max_flows = MAX_FLOWS;
        plan.option_in_syn = shape & 4 != 0;
        plan.mtu = if shape & 8 != 0 { 1280 } else { 1500 };
        plan.option_format = match shape >> 4 & 7 {
            0 => OptionFormat::Toa,
            1 => OptionFormat::ToaAt(77),
            2 => OptionFormat::Vtoa,
            3 => OptionFormat::Cip,
            // It has no room for an IPv6 client.
            _ if plan.virtual_addr.is_ipv4() => OptionFormat::Ttgw,
            _ => OptionFormat::ToaAt(77),
        };
        // With an IPv6 client it leaves a SYN no room.
        let fills_list = plan.option_format == OptionFormat::Vtoa && plan.virtual_addr.is_ipv6();
        plan.option_in_syn &= !fills_list;
    });
    let mut model = Model {
        peers: vec![lab.pool_addr],
        lab,
        clients: HashSet::new(),
    };
    while !input.is_empty() {
        if step(&mut model, &mut input).is_err() {
            return;
        }
    }
});

fn step(model: &mut Model, input: &mut Unstructured<'_>) -> Result<()> {
    let lab = &mut model.lab;
    let what: u8 = input.arbitrary()?;
    // One of a few clients.
    lab.client_addr.set_port(1 + u16::from(what >> 5));
    match what & 7 {
        0 => return Ok(lab.now += Duration::from_millis(input.arbitrary::<u32>()?.into())),
        1 => {
            let len = input.arbitrary::<u8>()?;
            let packet = take(input, len.into());
            let _ = model.send(&packet);
        }
        2 => {
            let at = usize::from(input.arbitrary::<u8>()?);
            lab.pool_addr = model.peers[at % model.peers.len()];
            let tcp = tcp(input)?;
            let packet = lab.backend_packet(&tcp);
            let _ = model.send(&packet);
        }
        3 => {
            let tcp = tcp(input)?;
            let packet = mutated(lab.client_packet(&tcp), input)?;
            let _ = model.send(&packet);
        }
        4 => {
            let mut packet = lab.ping(lab.plan.virtual_addr.ip());
            let keep = usize::from(input.arbitrary::<u8>()?);
            packet.truncate(keep.max(1));
            let _ = model.send(&packet);
        }
        5 => model.handshake(),
        _ => {
            let tcp = tcp(input)?;
            let _ = model.client_sends(&tcp);
        }
    }
    Ok(())
}

fn only(format: OptionFormat) -> OptionFormats {
    OptionFormats::new([format]).expect("a plan has such a format")
}

fn take(input: &mut Unstructured<'_>, len: usize) -> Vec<u8> {
    let len = len.min(input.len());
    input.bytes(len).unwrap_or_default().to_vec()
}

/// Header fields of any value; the acknowledgment is often the one that counts.
fn tcp(input: &mut Unstructured<'_>) -> Result<Tcp> {
    let (flags, shape): (u8, u8) = input.arbitrary()?;
    let acknowledgment = if shape & 0x80 != 0 {
        input.arbitrary()?
    } else {
        5001
    };
    let options = take(input, usize::from(shape & 0x0f) * 4);
    let whole_words = options.len().min(40) / 4 * 4;
    let payload_len = match shape >> 4 & 7 {
        7 => input.arbitrary::<u16>()? % 2000,
        few => few.into(),
    };
    Ok(Tcp {
        flags,
        sequence: input.arbitrary()?,
        acknowledgment,
        window: input.arbitrary()?,
        urgent: input.arbitrary()?,
        options: options[..whole_words].to_vec(),
        payload: vec![flags; payload_len.into()],
    })
}

/// Changes bytes, cuts, and makes the checksums right again if that can be done.
fn mutated(mut packet: Vec<u8>, input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let (changes, keep): (u8, u8) = input.arbitrary()?;
    for _ in 0..changes & 7 {
        let (at, value): (u8, u8) = input.arbitrary()?;
        let at = usize::from(at) % packet.len();
        packet[at] = value;
    }
    if changes & 8 != 0 {
        packet.truncate(usize::from(keep).max(1));
    }
    if changes & 16 != 0 {
        repair(&mut packet);
    }
    Ok(packet)
}

impl Model {
    /// Whatever goes in, what comes out is a valid packet, and every flow is accounted for.
    fn send(&mut self, packet: &[u8]) -> Verdict {
        let before = self.lab.translator.stats();
        let verdict = self.lab.raw(packet);
        let out = &self.lab.out;
        let plan = &self.lab.plan;
        if let Verdict::Drop(_) = verdict {
            assert!(out.is_empty());
        } else {
            assert!(checksums_are_right(out));
            assert!(out.len() <= plan.mtu.into());
        }
        if verdict == Verdict::Forward {
            let (source, destination) = ends(out);
            if destination == plan.backend {
                assert!(plan.pool.contains(&source.ip()));
                self.clients.insert(ends_of_any(packet).0);
                self.peers.push(source);
            } else {
                assert_eq!(source, plan.virtual_addr);
                assert!(self.clients.contains(&destination));
            }
        }
        let stats = self.lab.translator.stats();
        assert!(stats.flows <= MAX_FLOWS as u64);
        assert_eq!(stats.flows, stats.opened - stats.expired - stats.evicted);
        assert_eq!(counted(&stats), counted(&before) + 1, "{verdict:?}");
        verdict
    }

    /// A segment of a client is forwarded with no TOA option but ours, and otherwise
    /// unchanged; an answer to its new source reaches the client.
    fn client_sends(&mut self, tcp: &Tcp) -> Verdict {
        let before = self.lab.translator.stats();
        let packet = self.lab.client_packet(tcp);
        let verdict = self.send(&packet);
        if verdict != Verdict::Forward {
            return verdict;
        }
        let (pool, _) = ends(&self.lab.out);
        let there = Tcp::read(&self.lab.out);
        let inserted = self.lab.translator.stats().toa_inserted - before.toa_inserted;
        let plan = &self.lab.plan;
        let ours =
            ToaOption::in_format(plan.option_format, self.lab.client_addr, plan.virtual_addr)
                .filter(|_| inserted != 0);
        let encoded = ours.map_or_else(Vec::new, |option| option.encode().to_vec());
        assert!(there.options.starts_with(&encoded));
        if let Some(ours) = ours {
            // A client with odd options of its own may make the list an implausible one.
            let (Parsed::Found(found) | Parsed::Implausible(found)) =
                parse(&there.options, &only(plan.option_format))
            else {
                panic!("the option is not found: {there:?}");
            };
            assert_eq!(found, ours);
        }
        let rest = &there.options[encoded.len()..];
        let known = [
            OptionFormat::Toa,
            OptionFormat::Vtoa,
            OptionFormat::Cip,
            plan.option_format,
        ]
        .map(only);
        for formats in &known {
            assert_eq!(parse(rest, formats), Parsed::Absent, "{there:?}");
        }
        if tcp.flags & SYN == 0 {
            let mut theirs = options_in(&tcp.options);
            theirs.retain(|option| !known.iter().any(|formats| formats.contains_kind(option[0])));
            assert_eq!(options_in(rest), theirs);
        }
        assert!(rest.len() <= tcp.options.len());
        if inserted == 0 {
            assert_eq!(rest.len(), tcp.options.len());
        }
        assert_eq!(
            Tcp {
                options: tcp.options.clone(),
                ..there
            },
            *tcp
        );

        self.lab.pool_addr = pool;
        let answer = Tcp {
            flags: ACK,
            payload: b"back".to_vec(),
            ..Tcp::default()
        };
        let packet = self.lab.backend_packet(&answer);
        assert_eq!(self.send(&packet), Verdict::Forward);
        let way_back = (self.lab.plan.virtual_addr, self.lab.client_addr);
        assert_eq!(ends(&self.lab.out), way_back);
        assert_eq!(Tcp::read(&self.lab.out), answer);
        verdict
    }

    /// A reset, then a whole handshake: its last segment carries the option.
    fn handshake(&mut self) {
        let segment = |flags, sequence, acknowledgment| Tcp {
            flags,
            sequence,
            acknowledgment,
            ..Tcp::default()
        };
        let _ = self.client_sends(&segment(RST, 0, 0));
        assert_eq!(self.client_sends(&segment(SYN, 100, 0)), Verdict::Forward);
        let syn_ack = self.lab.backend_packet(&segment(SYN | ACK, 5000, 101));
        assert_eq!(self.send(&syn_ack), Verdict::Forward);
        let before = self.lab.translator.stats().toa_inserted;
        assert_eq!(
            self.client_sends(&segment(ACK, 101, 5001)),
            Verdict::Forward
        );
        assert_eq!(self.lab.translator.stats().toa_inserted, before + 1);
    }
}

/// Source and destination of a packet that may have IPv4 options.
fn ends_of_any(packet: &[u8]) -> (SocketAddr, SocketAddr) {
    let header = usize::from(packet[0] & 0x0f) * 4;
    if packet[0] >> 4 != 4 || header == 20 {
        return ends(packet);
    }
    ends(&[&packet[..20], &packet[header..]].concat())
}

/// The sum of the counters of which each packet counts in exactly one.
fn counted(stats: &Stats) -> u64 {
    stats.from_client
        + stats.from_backend
        + stats.resets_sent
        + stats.echoes
        + stats.too_big_sent
        + stats.malformed
        + stats.bad_checksum
        + stats.fragments
        + stats.icmp
        + stats.not_tcp
        + stats.not_for_us
        + stats.no_flow
        + stats.hop_limit
        + stats.too_big
        + stats.toa_no_room
}
