//! The table of flows under a clock of its own.

mod support;

use std::time::Duration;

use support::{Lab, Tcp};
use toa_lab::translate::Verdict;
use toa_lab::{Mode, Timeouts};

const ACK: u8 = 0x10;
const SYN: u8 = 0x02;
const FIN: u8 = 0x01;
const RST: u8 = 0x04;

#[test]
fn flows_expire_by_their_state() {
    let timeouts = Timeouts::default();
    type Step = fn(&mut Lab);
    let cases: [(&str, Step, Duration); 5] = [
        (
            "syn sent",
            |lab| {
                drop(lab.client(Tcp {
                    flags: SYN,
                    ..Tcp::default()
                }))
            },
            timeouts.handshake,
        ),
        (
            "established",
            |lab| drop(lab.handshake()),
            timeouts.established,
        ),
        (
            "half closed",
            |lab| {
                lab.handshake();
                lab.client(Tcp {
                    flags: FIN | ACK,
                    ..Tcp::default()
                });
            },
            timeouts.half_closed,
        ),
        (
            "closed",
            |lab| {
                lab.handshake();
                lab.backend(Tcp {
                    flags: FIN | ACK,
                    ..Tcp::default()
                });
                lab.client(Tcp {
                    flags: FIN | ACK,
                    ..Tcp::default()
                });
            },
            timeouts.closed,
        ),
        (
            "reset",
            |lab| {
                lab.handshake();
                lab.backend(Tcp {
                    flags: RST,
                    ..Tcp::default()
                });
            },
            timeouts.closed,
        ),
    ];
    for (name, step, timeout) in cases {
        let mut lab = Lab::new(Mode::Nat64);
        step(&mut lab);
        lab.translator
            .expire(lab.now + timeout - Duration::from_millis(1));
        assert_eq!(lab.translator.stats().flows, 1, "{name}");
        lab.translator.expire(lab.now + timeout);
        assert_eq!(lab.translator.stats().flows, 0, "{name}");
        assert_eq!(lab.translator.stats().expired, 1, "{name}");
    }
}

#[test]
fn traffic_keeps_a_flow_alive() {
    let mut lab = Lab::new(Mode::Nat64);
    lab.handshake();
    for _ in 0..10 {
        lab.now += Timeouts::default().established - Duration::from_secs(1);
        lab.backend(Tcp {
            flags: ACK,
            ..Tcp::default()
        });
    }
    assert_eq!(lab.translator.stats().flows, 1);
}

#[test]
fn a_close_after_long_life_ends_a_flow_early() {
    let mut lab = Lab::new(Mode::Nat64);
    lab.handshake();
    lab.now += Timeouts::default().handshake + Duration::from_secs(1);
    lab.translator.expire(lab.now);
    lab.backend(Tcp {
        flags: RST,
        ..Tcp::default()
    });
    lab.translator.expire(lab.now + Timeouts::default().closed);
    assert_eq!(lab.translator.stats().flows, 0);
}

#[test]
fn a_full_table_gives_up_half_open_flows_before_established_ones() {
    let mut lab = Lab::with(Mode::Nat64, |plan| plan.max_flows = 3);
    lab.client_addr.set_port(1);
    lab.handshake();
    for port in 2..100 {
        lab.client_addr.set_port(port);
        lab.now += Duration::from_millis(1);
        lab.client(Tcp {
            flags: SYN,
            ..Tcp::default()
        });
        assert!(lab.translator.stats().flows <= 3);
    }
    assert_eq!(lab.translator.stats().evicted, 96);
    lab.client_addr.set_port(1);
    lab.client(Tcp {
        flags: ACK,
        ..Tcp::default()
    });
    lab.client_addr.set_port(99);
    lab.client(Tcp {
        flags: ACK,
        ..Tcp::default()
    });
}

#[test]
fn a_full_table_of_established_flows_gives_up_the_one_idle_longest() {
    let mut lab = Lab::with(Mode::Nat64, |plan| plan.max_flows = 3);
    for port in 1..=3 {
        lab.client_addr.set_port(port);
        lab.now += Duration::from_secs(1);
        lab.handshake();
    }
    lab.now += Duration::from_secs(1);
    lab.client_addr.set_port(1);
    lab.client(Tcp {
        flags: ACK,
        ..Tcp::default()
    });
    lab.client_addr.set_port(4);
    lab.handshake();
    lab.client_addr.set_port(2);
    let packet = lab.client_packet(&Tcp {
        flags: ACK,
        ..Tcp::default()
    });
    assert_eq!(
        lab.raw(&packet),
        Verdict::Reply,
        "port 2 is reset, for its flow is gone"
    );
}

#[test]
fn a_client_port_can_be_used_again_after_a_close() {
    let mut lab = Lab::new(Mode::Nat64);
    lab.handshake();
    lab.client(Tcp {
        flags: FIN | ACK,
        acknowledgment: 6000,
        ..Tcp::default()
    });
    lab.backend(Tcp {
        flags: FIN | ACK,
        ..Tcp::default()
    });
    let ack = lab.handshake();
    assert_eq!(ack.options, lab.expected_option(254));
    let stats = lab.translator.stats();
    assert_eq!((stats.flows, stats.opened, stats.expired), (1, 2, 1));
    lab.translator
        .expire(lab.now + Timeouts::default().half_closed);
    assert_eq!(lab.translator.stats().flows, 1, "established again");
}

#[test]
fn a_client_that_forgot_its_connection_gets_the_option_into_the_next() {
    let mut lab = Lab::new(Mode::Nat64);
    lab.handshake();
    let syn = Tcp {
        flags: SYN,
        sequence: 9000,
        ..Tcp::default()
    };
    lab.client(syn.clone());
    lab.backend(Tcp {
        flags: SYN | ACK,
        sequence: 7000,
        ..syn
    });
    let ack = lab.client(Tcp {
        flags: ACK,
        acknowledgment: 7001,
        ..Tcp::default()
    });
    assert_eq!(ack.options, lab.expected_option(254));
}

#[test]
fn a_repeated_syn_ack_opens_nothing_again() {
    let mut lab = Lab::new(Mode::Nat64);
    lab.handshake();
    lab.client(Tcp {
        flags: FIN | ACK,
        acknowledgment: 5001,
        ..Tcp::default()
    });
    lab.backend(Tcp {
        flags: SYN | ACK,
        sequence: 5000,
        ..Tcp::default()
    });
    lab.client(Tcp {
        flags: ACK,
        acknowledgment: 5001,
        ..Tcp::default()
    });
    lab.translator
        .expire(lab.now + Timeouts::default().half_closed);
    assert_eq!(lab.translator.stats().flows, 0, "half closed all the while");
}

#[test]
fn concurrent_flows_have_addresses_of_their_own() {
    let mut lab = Lab::new(Mode::Fnat66);
    let mut seen = std::collections::HashSet::new();
    for port in 1..=5000 {
        lab.client_addr.set_port(port);
        lab.client(Tcp {
            flags: SYN,
            ..Tcp::default()
        });
        assert!(lab.plan.pool.contains(&lab.pool_addr.ip()));
        assert!(lab.pool_addr.port() >= 1024);
        assert!(seen.insert(lab.pool_addr));
    }
}
