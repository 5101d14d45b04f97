//! A source that outlives its loader.
#![cfg(target_os = "linux")]

mod host;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use host::{CLIENT, CLIENT_ADDR, Host, ask, client_of, join};
use toa_bpf::{Error, Loaded, Pins, Scope, Status};

fn links(status: &Status) -> Vec<u32> {
    status
        .programs
        .iter()
        .map(|program| program.link_id)
        .collect()
}

fn programs(status: &Status) -> Vec<u32> {
    status
        .programs
        .iter()
        .map(|program| program.program_id)
        .collect()
}

/// What is pinned, where that is one source.
fn only(pins: &Pins) -> Status {
    let sources = pins.status().expect("the kernel tells");
    let [status] = sources.try_into().expect("one source");
    status
}

#[test]
fn a_loaded_source_answers_until_it_is_unloaded() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let (listener, pins) = (host.listener(), host.pins());
    assert_eq!(pins.status().unwrap(), []);
    assert_eq!(pins.load(&host.config()).unwrap(), Loaded::Fresh);
    let (stream, ..) = host.open_via_balancer(&listener);
    assert_eq!(client_of(&stream).unwrap(), CLIENT_ADDR);
    let status = only(&pins);
    assert!(status.complete, "{status:?}");
    assert_eq!(status.cgroup.as_ref(), Some(&host.cgroup));
    assert_eq!(status.counters.syn_recv_sock_toa, 1);

    assert!(pins.unload().unwrap());
    assert!(!pins.unload().unwrap());
    assert_eq!(pins.status().unwrap(), []);
    host.expect_nothing_left();
}

#[test]
fn loading_again_replaces_the_programs_and_keeps_addresses_links_and_counters() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let (listener, pins) = (host.listener(), host.pins());
    let vtoa = host.config().with_formats("vtoa".parse().unwrap());
    pins.load(&vtoa).unwrap();
    let before = only(&pins);
    let pair = [&CLIENT[..], &[250, 8, 1, 0xbb, 10, 0, 8, 208]].concat();
    let (stream, ..) = host.open(&listener, [192, 168, 7, 7], &pair);

    assert_eq!(
        pins.load(&host.config().with_peername(false)).unwrap(),
        Loaded::Replaced
    );
    let after = only(&pins);
    assert!(after.complete && !after.peername, "{after:?}");
    assert_eq!(links(&after), links(&before));
    assert!(
        programs(&after)
            .iter()
            .all(|id| !programs(&before).contains(id))
    );
    assert_eq!(after.counters.syn_recv_sock_toa, 1);
    assert_eq!(client_of(&stream).unwrap(), CLIENT_ADDR);
    let virtual_addr = ask(&stream).virtual_addr().map(|addr| addr.to_string());
    assert_eq!(virtual_addr.as_deref(), Some("[::ffff:10.0.8.208]:443"));
}

#[test]
fn no_connection_loses_its_address_while_the_source_is_replaced() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let (listener, pins) = (host.listener(), host.pins());
    let configs = [host.config(), host.config().with_peername(false)];
    pins.load(&configs[0]).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let loads = scope.spawn(|| {
            for i in 0..20 {
                pins.load(&configs[i % 2]).unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        let mut opened = 0;
        while !done.load(Ordering::Relaxed) {
            let (stream, _, mut peer) = host.open_via_balancer(&listener);
            assert_eq!(
                client_of(&stream).as_deref(),
                Some(CLIENT_ADDR),
                "connection {opened}"
            );
            peer.reset(&[]).unwrap();
            opened += 1;
        }
        loads.join().unwrap();
        assert!(opened > 20, "only {opened} connections in 20 loads");
    });
}

#[test]
fn loaders_at_the_same_time_take_turns() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let (pins, config) = (host.pins(), host.config());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| pins.load(&config).unwrap());
        }
    });
    assert!(only(&pins).complete);
    let removed = thread::scope(|scope| {
        let unloads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| pins.unload().unwrap()))
            .collect();
        unloads
            .into_iter()
            .map(|unload| unload.join().unwrap())
            .filter(|&removed| removed)
            .count()
    });
    assert_eq!(removed, 1);
    host.expect_nothing_left();
}

#[test]
fn of_sources_on_cgroups_in_each_other_the_closest_decides() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let (pins, inner) = (host.pins(), host.cgroup.join("inner"));
    let believing = host.config();
    let narrow = believing
        .clone()
        .with_trusted("10.1.0.0/16".parse().unwrap());
    let other_formats = believing.clone().with_formats("toa@200".parse().unwrap());
    let nameless = believing.clone().with_peername(false);
    // The settings of the two, and whether 4097 and accept() show the client inside.
    for (outside, inside, asked, accepted) in [
        (&believing, &narrow, false, false),
        (&narrow, &believing, true, true),
        (&believing, &other_formats, false, false),
        (&believing, &nameless, true, false),
        (&nameless, &believing, true, true),
    ] {
        let inside = inside.clone().with_cgroup(&inner);
        for order in [[outside, &inside], [&inside, outside]] {
            for config in order {
                assert_eq!(pins.load(config).unwrap(), Loaded::Fresh);
            }
            join(&inner);
            let listener = host.listener();
            let (stream, from, mut peer) = host.open_via_balancer(&listener);
            assert_eq!(client_of(&stream).is_some(), asked, "{order:?}");
            assert_eq!(from != peer.local_addr(), accepted, "{order:?}");
            peer.reset(&[]).unwrap();
            for status in pins.status().unwrap() {
                let counters = status.counters;
                let opened = counters.syn_recv_sock_toa + counters.syn_recv_sock_no_toa;
                let closest = status.cgroup.as_ref() == Some(&inner);
                assert_eq!(opened, u64::from(closest), "{status:?}");
                assert!(closest || counters.untrusted == 0, "{status:?}");
            }
            assert!(pins.unload_cgroup(&inner).unwrap());
            assert!(!pins.unload_cgroup(&inner).unwrap());
            assert_eq!(only(&pins).cgroup.as_ref(), Some(&host.cgroup));
            assert!(pins.unload().unwrap());
            join(&host.cgroup);
        }
    }
    host.expect_nothing_left();
}

#[test]
fn a_connection_keeps_the_answer_it_had_when_a_closer_source_is_loaded() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let (pins, inner) = (host.pins(), host.cgroup.join("inner"));
    pins.load(&host.config()).unwrap();
    join(&inner);
    let listener = host.listener();
    let (stream, from, _peer) = host.open_via_balancer(&listener);
    let closer = host.config().with_cgroup(&inner);
    pins.load(&closer.with_trusted("none".parse().unwrap()))
        .unwrap();
    assert_eq!(client_of(&stream).as_deref(), Some(CLIENT_ADDR));
    assert_eq!(stream.peer_addr().unwrap(), from);
    let (later, ..) = host.open_via_balancer(&listener);
    assert_eq!(client_of(&later), None);
    join(&host.cgroup);
}

#[test]
fn a_cgroup_that_is_gone_is_seen_with_its_path_and_can_be_forgotten() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let (pins, inner) = (host.pins(), host.cgroup.join("inner"));
    pins.load(&host.config().with_cgroup(&inner)).unwrap();
    assert_eq!(only(&pins).scope, Scope::Cgroup);
    std::fs::remove_dir(&inner).unwrap();
    let gone = || only(&pins).scope == Scope::Gone;
    assert!((0..500).any(|_| gone() || {
        thread::sleep(std::time::Duration::from_millis(10));
        false
    }));
    let status = only(&pins);
    assert!(!status.complete, "{status:?}");
    assert_eq!(status.cgroup.as_ref(), Some(&inner));
    assert!(pins.unload_cgroup(&inner).unwrap());
    host.expect_nothing_left();
}

#[test]
fn of_a_cgroup_that_is_made_again_at_once_nothing_old_stays() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let (pins, inner) = (host.pins(), host.cgroup.join("inner"));
    let config = host.config().with_cgroup(&inner);
    for _ in 0..10 {
        assert_eq!(pins.load(&config).unwrap(), Loaded::Fresh);
        let status = only(&pins);
        assert!(status.complete, "{status:?}");
        fs::remove_dir(&inner).unwrap();
        fs::create_dir(&inner).unwrap();
    }
}

#[test]
fn a_directory_outside_the_bpf_file_system_is_refused_with_the_cure() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let error = Pins::at("/tmp/toa").load(&host.config()).unwrap_err();
    assert!(matches!(error, Error::NoBpffs { .. }), "{error:?}");
    assert!(
        error.to_string().contains("mount -t bpf bpf /tmp"),
        "{error}"
    );
}

#[test]
fn a_directory_that_others_can_change_is_not_used() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let pins = host.pins();
    for (owner, mode, expected) in [
        (65534, 0o700, "user 65534 with mode 700"),
        (0, 0o777, "user 0 with mode 777"),
    ] {
        fs::create_dir(&host.pin_dir).unwrap();
        fs::set_permissions(&host.pin_dir, fs::Permissions::from_mode(mode)).unwrap();
        chown(&host.pin_dir, Some(owner), None).unwrap();
        let Error::Pin { source, .. } = pins.load(&host.config()).unwrap_err() else {
            panic!("another error");
        };
        assert!(source.to_string().contains(expected), "{source}");
        assert_eq!(fs::read_dir(&host.pin_dir).unwrap().count(), 0);
        fs::remove_dir(&host.pin_dir).unwrap();
    }
    host.expect_nothing_left();
}
