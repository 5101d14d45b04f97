//! Loaders that are killed, at any moment.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "an unwrap in a helper fails the test that called"
)]

mod host;

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use host::{CLIENT_ADDR, Host, client_of};
use toa_bpf::{Config, Pins, attach, watch};
use toa_core::TrustedPeers;

const ROLE: &str = "TOA_TEST_ROLE";

/// This test binary again, in a role that it plays until it is killed.
fn start(host: &Host, role: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "the_process_that_is_killed", "--nocapture"])
        .env(ROLE, role)
        .env("TOA_TEST_CGROUP", &host.cgroup)
        .env("TOA_TEST_PINS", &host.pin_dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_process_that_is_killed() {
    let Ok(role) = env::var(ROLE) else { return };
    let config =
        Config::new(TrustedPeers::private()).with_cgroup(env::var("TOA_TEST_CGROUP").unwrap());
    let inner = Config::new(TrustedPeers::private())
        .with_cgroup(config.cgroup.as_ref().unwrap().join("inner"));
    let pins = Pins::at(env::var("TOA_TEST_PINS").unwrap());
    println!("\nready");
    loop {
        match role.as_str() {
            "attach" => drop(attach(&config).unwrap()),
            "hold" => {
                let _source = attach(&config).unwrap();
                println!("\nattached");
                sleep(Duration::from_secs(600));
            }
            "watch" => drop(watch().unwrap()),
            "load" => drop(pins.load(&config).unwrap()),
            "unload" => {
                pins.load(&config).unwrap();
                pins.unload().unwrap();
            }
            "move" => {
                pins.load(&config).unwrap();
                pins.load(&inner).unwrap();
            }
            _ => unreachable!("a role of the tests below"),
        }
    }
}

fn wait_for(child: &mut Child, word: &str) {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(
        lines.map_while(Result::ok).any(|line| line == word),
        "{word} expected"
    );
}

#[test]
fn an_attached_source_is_gone_with_its_killed_process() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let listener = host.listener();
    let mut child = start(&host, "hold");
    wait_for(&mut child, "attached");
    let (stream, ..) = host.open_via_balancer(&listener);
    assert_eq!(client_of(&stream).unwrap(), CLIENT_ADDR);
    kill(child);
    host.expect_nothing_left();
}

#[test]
fn a_watch_killed_at_any_moment_leaves_nothing_and_changes_nothing() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let (listener, pins) = (host.listener(), host.pins());
    pins.load(&host.config()).unwrap();
    let without = host.left();
    for round in 0..12_u64 {
        let mut child = start(&host, "watch");
        wait_for(&mut child, "ready");
        sleep(Duration::from_micros(round * 7919 % 60_000));
        kill(child);
        let (stream, ..) = host.open_via_balancer(&listener);
        assert_eq!(client_of(&stream).as_deref(), Some(CLIENT_ADDR), "{round}");
        let gone = (0..500).any(|_| {
            host.left() == without || {
                sleep(Duration::from_millis(20));
                false
            }
        });
        assert!(gone, "{round}: {:?}", host.left());
    }
}

#[test]
fn killed_at_any_moment_nothing_stays_that_load_and_unload_do_not_put_right() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let (listener, pins) = (host.listener(), host.pins());
    for round in 0..24_u64 {
        for role in ["attach", "load", "unload", "move"] {
            let mut child = start(&host, role);
            wait_for(&mut child, "ready");
            // Scattered over the time that the roles take, without a random source.
            sleep(Duration::from_micros(round * 7919 % 60_000));
            kill(child);
            if round % 2 == 0 {
                pins.load(&host.config()).unwrap();
                assert!(pins.status().unwrap().iter().any(|source| source.complete));
                let (stream, _, mut peer) = host.open_via_balancer(&listener);
                assert_eq!(
                    client_of(&stream).as_deref(),
                    Some(CLIENT_ADDR),
                    "{role} {round}"
                );
                peer.reset(&[]).unwrap();
            }
            pins.unload().unwrap();
            host.expect_nothing_left();
        }
    }
}
