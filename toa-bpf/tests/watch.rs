//! What observers tell, and that they change nothing.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod host;

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, SystemTime};

use host::{CLIENT, CLIENT_ADDR, Host, client_of, join};
use toa_bpf::{Event, Watch, What, attach, watch};
use toa_core::Provenance;

const TRUSTED: [u8; 4] = [192, 168, 7, 7];
const STRANGER: [u8; 4] = [198, 51, 100, 7];

/// Events come in order; one that is expected comes at once.
fn next(watch: &mut Watch) -> Event {
    let event = watch.next(Duration::from_secs(10)).unwrap();
    event.expect("an event")
}

fn expect_no_more(watch: &mut Watch) {
    assert_eq!(watch.next(Duration::ZERO).unwrap(), None);
    assert_eq!(watch.take_lost().unwrap(), 0);
}

const fn opened(outcome: Provenance) -> What {
    What::Opened {
        outcome,
        client: None,
        virtual_addr: None,
    }
}

#[test]
fn each_new_connection_is_told_with_what_the_source_decided() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let listener = host.listener();
    let formats = "toa,ttgw".parse().unwrap();
    let _source = attach(&host.config().with_formats(formats)).unwrap();
    let _before = host.open_via_balancer(&listener);
    let mut watch = watch().unwrap();
    let start = SystemTime::now();
    let believed = What::Opened {
        outcome: Provenance::Toa,
        client: Some("203.0.113.7:12345".parse().unwrap()),
        virtual_addr: None,
    };
    let asked_for = What::Opened {
        outcome: Provenance::Toa,
        client: Some("203.0.113.7:12345".parse().unwrap()),
        virtual_addr: Some("10.0.8.208:443".parse().unwrap()),
    };
    let ttgw = [&[254, 16][..], &CLIENT[2..], &[0, 0, 1, 187, 10, 0, 8, 208]].concat();
    let full = [&[1; 32][..], &CLIENT].concat();
    let unread = [77, 8, 0x30, 0x39, 203, 0, 113, 7];
    for (from, options, what, option) in [
        (TRUSTED, &CLIENT[..], believed, Some((254, 8))),
        (TRUSTED, &ttgw, asked_for, Some((254, 16))),
        (
            STRANGER,
            &CLIENT,
            opened(Provenance::Untrusted),
            Some((254, 8)),
        ),
        (
            TRUSTED,
            &full,
            opened(Provenance::Implausible),
            Some((254, 8)),
        ),
        (
            TRUSTED,
            &[254, 6, 1, 2, 3, 4, 0, 0],
            opened(Provenance::Foreign),
            Some((254, 6)),
        ),
        (TRUSTED, &[], opened(Provenance::NotSent), None),
        (TRUSTED, &unread, opened(Provenance::NotSent), Some((77, 8))),
        (TRUSTED, &[1; 40], opened(Provenance::NotSent), None),
    ] {
        let (stream, _, peer) = host.open(&listener, from, options);
        let event = next(&mut watch);
        assert_eq!((event.what, event.option), (what, option), "{options:?}");
        assert_eq!(event.peer, peer.local_addr());
        assert_eq!(event.local, listener.local_addr().unwrap());
        assert!(watch.is_watched(event.source));
        assert!(event.at <= SystemTime::now());
        assert!(event.at >= start - Duration::from_secs(1));
        let is_believed = [believed, asked_for].contains(&what);
        let client = is_believed.then(|| CLIENT_ADDR.to_owned());
        assert_eq!(client_of(&stream), client, "the answers are as without");
        expect_no_more(&mut watch);
    }
}

#[test]
fn an_option_in_the_syn_and_in_later_data_is_told_once_each() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let listener = host.listener();
    let _source = attach(&host.config()).unwrap();
    let mut watch = watch().unwrap();
    let to = listener.local_addr().unwrap();
    let mut peer = host.device.peer((TRUSTED, 4711).into(), to);

    peer.connect(&CLIENT, &[]).unwrap();
    let (stream, _) = listener.accept().unwrap();
    let events = [next(&mut watch), next(&mut watch)];
    assert_eq!(events.map(|event| event.peer), [peer.local_addr(); 2]);
    assert_eq!(events[0].what, What::OptionInSyn);
    assert_eq!(events[0].option, Some((254, 8)));
    assert_eq!(events[1].what, opened(Provenance::NotSent));
    expect_no_more(&mut watch);

    for _ in 0..3 {
        peer.data(&CLIENT, b"hello").unwrap();
    }
    let late = next(&mut watch);
    assert_eq!(late.what, What::OptionLater { in_data: true });
    assert_eq!((late.peer, late.local), (peer.local_addr(), to));
    assert_eq!(late.option, Some((254, 8)));
    expect_no_more(&mut watch);
    assert_eq!(client_of(&stream), None);

    // A balancer that sends an acknowledgement of its own, behind the client's.
    let (_stream, _, mut peer) = host.open(&listener, TRUSTED, &[]);
    assert_eq!(next(&mut watch).what, opened(Provenance::NotSent));
    peer.ack(&CLIENT).unwrap();
    let late = next(&mut watch);
    assert_eq!(late.what, What::OptionLater { in_data: false });

    // What a connection with a client sends later is the balancer's own, and no news.
    let (_stream, _, mut peer) = host.open_via_balancer(&listener);
    assert!(matches!(
        next(&mut watch).what,
        What::Opened {
            client: Some(_),
            ..
        }
    ));
    peer.data(&CLIENT, b"hello").unwrap();
    expect_no_more(&mut watch);
}

#[test]
fn of_observers_on_cgroups_in_each_other_one_tells() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let inner = host.cgroup.join("inner");
    let pins = host.pins();
    pins.load(&host.config()).unwrap();
    let nobody = "none".parse().unwrap();
    let strict = host.config().with_trusted(nobody).with_cgroup(&inner);
    pins.load(&strict).unwrap();
    let mut watch = watch().unwrap();
    let cgroup_of = |watch: &Watch, event: Event| {
        let source = watch.sources().nth(event.source).unwrap();
        source.cgroup.clone().unwrap()
    };
    let above = host.listener();
    join(&inner);
    let below = host.listener();
    join(&host.cgroup);
    for (listener, cgroup, is_believed) in [(&above, &host.cgroup, true), (&below, &inner, false)] {
        for options in [&CLIENT[..], &[]] {
            let _open = host.open(listener, TRUSTED, options);
            let event = next(&mut watch);
            assert_eq!(&cgroup_of(&watch, event), cgroup);
            let believed = matches!(
                event.what,
                What::Opened {
                    client: Some(_),
                    ..
                }
            );
            assert_eq!(believed, is_believed && !options.is_empty());
            expect_no_more(&mut watch);
        }
        let mut peer = host
            .device
            .peer((TRUSTED, 4711).into(), listener.local_addr().unwrap());
        peer.connect(&CLIENT, &[]).unwrap();
        let _accepted = listener.accept().unwrap();
        let events = [next(&mut watch), next(&mut watch)];
        assert_eq!(events[0].what, What::OptionInSyn);
        assert_eq!(&cgroup_of(&watch, events[0]), cgroup);
        peer.data(&CLIENT, b"hello").unwrap();
        let late = What::OptionLater { in_data: true };
        assert_eq!(next(&mut watch).what, late);
        expect_no_more(&mut watch);
    }
}

#[test]
fn a_reload_is_watched_on_and_another_source_is_noticed() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let pins = host.pins();
    pins.load(&host.config()).unwrap();
    let mut watch = watch().unwrap();
    let listener = host.listener();
    pins.load(&host.config().with_trusted("none".parse().unwrap()))
        .unwrap();
    assert!(watch.is_current().unwrap());
    let _open = host.open_via_balancer(&listener);
    assert_eq!(next(&mut watch).what, opened(Provenance::Untrusted));

    let inner = host.config().with_cgroup(host.cgroup.join("inner"));
    pins.load(&inner).unwrap();
    assert!(!watch.is_current().unwrap());
}

#[test]
fn lost_events_are_counted_and_what_was_kept_is_told() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let listener = host.listener();
    let _source = attach(&host.config()).unwrap();
    let mut watch = watch().unwrap();
    let to = listener.local_addr().unwrap();
    // A megabyte has room for 13,000 events of 80 bytes with their heads.
    let sent = 14_000;
    for port in 0..sent {
        let peer = host.device.peer((TRUSTED, 10_000 + port).into(), to);
        let syn = toa_lab::peer::Segment {
            flags: toa_lab::peer::flags::SYN,
            sequence: port.into(),
            options: CLIENT.to_vec(),
            ..Default::default()
        };
        peer.send(&syn).unwrap();
    }
    let mut told = 0;
    while watch.next(Duration::ZERO).unwrap().is_some() {
        told += 1;
    }
    let lost = watch.take_lost().unwrap();
    assert!(lost > 0, "{told}");
    assert_eq!(told + lost, u64::from(sent));
    assert_eq!(watch.take_lost().unwrap(), 0);
}

#[test]
fn nothing_is_left_when_the_watch_ends() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let source = attach(&host.config()).unwrap();
    let before = host.left();
    let mut watch = watch().unwrap();
    let listener: TcpListener = host.listener();
    let _open = host.open_via_balancer(&listener);
    next(&mut watch);
    assert!(host.left().len() > before.len());
    let bpffs = fs::read_dir("/sys/fs/bpf").unwrap().count();
    drop(watch);
    assert_eq!(fs::read_dir("/sys/fs/bpf").unwrap().count(), bpffs);
    drop(source);
    host.expect_nothing_left();
}
