//! The balancer's device: which addresses it takes, and that it is removed.
#![cfg(target_os = "linux")]

mod common;

use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::{MODES, connected, start};
use toa_lab::netns::Namespace;
use toa_lab::{Balancer, BalancerConfig, Error, Mode};

const CHILD: &str = "TOA_LAB_TEST_CHILD";

fn devices() -> Vec<String> {
    let text = std::fs::read_to_string("/proc/thread-self/net/dev").expect("read");
    let names = text
        .lines()
        .filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()));
    names.filter(|name| name.starts_with("toa")).collect()
}

#[test]
fn the_device_is_gone_after_drop_and_can_be_made_again() {
    let Some(_namespace) = Namespace::enter_or_skip() else {
        return;
    };
    for _ in 0..3 {
        let (_listener, balancer) = start(Mode::Nat64);
        assert_eq!(devices(), [balancer.device()]);
        drop(balancer);
        assert_eq!(devices(), [""; 0]);
    }
}

#[test]
fn a_second_balancer_takes_other_addresses_or_is_refused() {
    let Some(_namespace) = Namespace::enter_or_skip() else {
        return;
    };
    let (first_listener, first) = start(Mode::Nat64);
    let (second_listener, second) = start(Mode::Nat64);
    assert_ne!(first.virtual_addr().ip(), second.virtual_addr().ip());
    assert_ne!(first.backend().ip(), second.backend().ip());
    connected(&first_listener, &first);
    connected(&second_listener, &second);

    let config = BalancerConfig::nat64_to(3001).with_network_v4("10.0.0.0/8".parse().unwrap());
    let error = Balancer::start(config).unwrap_err();
    assert!(matches!(error, Error::AddressInUse(_)));
    let message = error.to_string();
    assert!(message.contains(first.device()), "{message}");
}

#[test]
fn any_virtual_address_can_be_had() {
    let Some(_namespace) = Namespace::enter_or_skip() else {
        return;
    };
    for (mode, ip) in [
        (Mode::Nat64, "64:ff9b::192.0.2.1"),
        (Mode::Fnat44, "198.51.100.7"),
    ] {
        let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 3000)).unwrap();
        let config = BalancerConfig::new(mode, 3000).with_virtual_ip(ip.parse().unwrap());
        let balancer = Balancer::start(config).unwrap();
        assert_eq!(
            balancer.virtual_addr(),
            SocketAddr::new(ip.parse().unwrap(), 3000)
        );
        connected(&listener, &balancer);
    }
}

#[test]
fn strict_reverse_path_filters_and_ipv6_switched_off_by_default_do_no_harm() {
    let Some(_namespace) = Namespace::enter_or_skip() else {
        return;
    };
    for (name, value) in [
        ("net/ipv4/conf/all/rp_filter", "1"),
        ("net/ipv4/conf/default/rp_filter", "1"),
        ("net/ipv6/conf/default/disable_ipv6", "1"),
        ("net/ipv6/conf/default/accept_dad", "1"),
    ] {
        std::fs::write(format!("/proc/sys/{name}"), value).unwrap();
    }
    for mode in MODES {
        // On the IPv4 socket: the namespace's other devices know no IPv6 now.
        let (listener, balancer) = start(mode);
        connected(&listener, &balancer);
    }
}

/// Not a test: the process that the next test kills.
#[test]
#[ignore = "runs for another test"]
fn child_that_waits_to_be_killed() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let balancer = Balancer::start(BalancerConfig::nat64_to(3000)).unwrap();
    thread::sleep(Duration::from_secs(60));
    drop(balancer);
}

#[test]
fn the_device_is_gone_after_sigkill() {
    let Some(_namespace) = Namespace::enter_or_skip() else {
        return;
    };
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "child_that_waits_to_be_killed",
            "--nocapture",
        ])
        .env(CHILD, "1")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let wait_for = |wanted: usize| {
        let begin = Instant::now();
        while devices().len() != wanted && begin.elapsed() < Duration::from_secs(10) {
            thread::sleep(Duration::from_millis(5));
        }
        devices().len()
    };
    let up = wait_for(1);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((up, wait_for(0)), (1, 0));
}
