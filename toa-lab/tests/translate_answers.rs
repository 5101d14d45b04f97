//! What the translator answers itself, and what it refuses.

mod support;

use support::{Lab, Tcp, checksums_are_right};
use toa_core::OptionFormat;
use toa_lab::translate::{PlanError, Translator, Verdict};
use toa_lab::{DropReason, Mode};

const MODES: [Mode; 3] = [Mode::Nat64, Mode::Fnat44, Mode::Fnat66];
const ACK: u8 = 0x10;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;

#[test]
fn what_outgrows_the_mtu_is_answered_with_what_would_fit() {
    let mut lab = Lab::new(Mode::Nat64);
    lab.handshake();
    let packet = lab.backend_packet(&Tcp {
        flags: ACK,
        payload: vec![0; 1460],
        ..Tcp::default()
    });
    assert_eq!(packet.len(), 1500);
    assert_eq!(lab.raw(&packet), Verdict::Reply);
    // Fragmentation needed, next hop 1480, quoting the packet.
    assert_eq!(lab.out[20..22], [3, 4]);
    assert_eq!(lab.out[26..28], 1480u16.to_be_bytes());
    assert_eq!(lab.out[28..548], packet[..520]);
    assert!(checksums_are_right(&lab.out));
    assert_eq!(lab.translator.stats().too_big_sent, 1);
}

#[test]
fn strays_and_wrong_ports_are_reset() {
    for mode in MODES {
        let mut lab = Lab::new(mode);
        let stray = Tcp {
            flags: ACK,
            sequence: 7,
            acknowledgment: 9,
            ..Tcp::default()
        };
        let packet = lab.client_packet(&stray);
        assert_eq!(lab.raw(&packet), Verdict::Reply, "{mode:?}");
        let reset = Tcp::read(&lab.out);
        assert_eq!((reset.flags, reset.sequence), (RST, 9));

        lab.plan.virtual_addr.set_port(81);
        let packet = lab.client_packet(&Tcp {
            flags: SYN,
            sequence: 7,
            ..Tcp::default()
        });
        assert_eq!(lab.raw(&packet), Verdict::Reply, "{mode:?}");
        let reset = Tcp::read(&lab.out);
        assert_eq!((reset.flags, reset.acknowledgment), (RST | ACK, 8));
        let packet = lab.client_packet(&Tcp {
            flags: RST,
            ..Tcp::default()
        });
        assert_eq!(
            lab.raw(&packet),
            Verdict::Drop(DropReason::NoFlow),
            "{mode:?}"
        );
        assert_eq!(lab.translator.stats().resets_sent, 2);
        assert_eq!(lab.translator.stats().opened, 0);
    }
}

#[test]
fn pings_to_the_virtual_address_are_answered() {
    for mode in MODES {
        let mut lab = Lab::new(mode);
        let ping = lab.ping(lab.plan.virtual_addr.ip());
        assert_eq!(lab.raw(&ping), Verdict::Reply, "{mode:?}");
        assert!(checksums_are_right(&lab.out));
        let header = if lab.client_addr.is_ipv4() { 20 } else { 40 };
        assert_eq!(
            lab.out[header],
            if lab.client_addr.is_ipv4() { 0 } else { 129 }
        );
        assert_eq!(lab.out[header + 4..], ping[header + 4..]);
        let ping = lab.ping(lab.client_addr.ip());
        assert_eq!(lab.raw(&ping), Verdict::Drop(DropReason::Icmp), "{mode:?}");
    }
}

#[test]
fn what_is_not_for_us_is_dropped_with_its_reason() {
    let mut lab = Lab::new(Mode::Fnat44);
    let good = lab.client_packet(&Tcp {
        flags: SYN,
        ..Tcp::default()
    });
    let fix = |packet: &mut Vec<u8>| support::write_ipv4_checksum(packet);
    let changed = |change: fn(&mut Vec<u8>)| {
        let mut packet = good.clone();
        change(&mut packet);
        packet
    };
    let mut cases = vec![
        (vec![], DropReason::Malformed),
        (changed(|p| p.truncate(39)), DropReason::Malformed),
        (changed(|p| p[0] = 0x55), DropReason::Malformed),
        (changed(|p| p[8] ^= 1), DropReason::BadChecksum),
        (changed(|p| p[39] ^= 1), DropReason::BadChecksum),
    ];
    type Change = fn(&mut Vec<u8>);
    let fixed: [(Change, DropReason); 5] = [
        (|p| p[9] = 17, DropReason::NotTcp),
        (|p| p[9] = 1, DropReason::Icmp),
        (|p| p[6] = 0x20, DropReason::Fragment),
        (|p| p[8] = 1, DropReason::HopLimit),
        (|p| p[32] = 0xf0, DropReason::Malformed),
    ];
    for (change, reason) in fixed {
        let mut packet = changed(change);
        fix(&mut packet);
        cases.push((packet, reason));
    }
    for (packet, reason) in cases {
        assert_eq!(lab.raw(&packet), Verdict::Drop(reason));
    }
    lab.plan.virtual_addr.set_ip("10.0.0.9".parse().unwrap());
    let packet = lab.client_packet(&Tcp {
        flags: SYN,
        ..Tcp::default()
    });
    assert_eq!(lab.raw(&packet), Verdict::Drop(DropReason::NotForUs));
    let stats = lab.translator.stats();
    assert_eq!(
        (stats.malformed, stats.bad_checksum, stats.not_for_us),
        (4, 2, 1)
    );
}

#[test]
fn a_plan_that_cannot_work_is_refused() {
    let good = || Lab::new(Mode::Nat64).plan;
    let mut plan = good();
    plan.pool.push("fd00::1".parse().unwrap());
    assert!(matches!(Translator::new(plan), Err(PlanError::Pool { .. })));
    let mut plan = good();
    plan.pool.clear();
    assert!(matches!(Translator::new(plan), Err(PlanError::Pool { .. })));
    for max_flows in [0, usize::MAX] {
        let mut plan = good();
        plan.max_flows = max_flows;
        assert!(matches!(
            Translator::new(plan),
            Err(PlanError::MaxFlows { .. })
        ));
    }
    let mut plan = good();
    plan.mtu = 1279;
    assert!(matches!(Translator::new(plan), Err(PlanError::Mtu(1279))));
    let mut plan = good();
    plan.option_format = OptionFormat::ToaAt(8);
    assert!(matches!(Translator::new(plan), Err(PlanError::Format(_))));
    let mut plan = good();
    plan.option_format = OptionFormat::Ttgw;
    assert_eq!(
        Translator::new(plan).err(),
        Some(PlanError::Family(OptionFormat::Ttgw))
    );
    let mut plan = good();
    plan.option_format = OptionFormat::Vtoa;
    assert!(Translator::new(plan.clone()).is_ok());
    plan.option_in_syn = true;
    assert_eq!(
        Translator::new(plan).err(),
        Some(PlanError::Syn(OptionFormat::Vtoa))
    );
    let mut plan = good();
    plan.backend.set_port(0);
    assert!(matches!(Translator::new(plan), Err(PlanError::Port)));
}
