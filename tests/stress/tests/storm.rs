//! A short storm; `cargo run --release -p toa-stress --bin storm` is a long one.
#![cfg(target_os = "linux")]

use toa_lab::sandbox::Sandbox;
use toa_stress::storm::{Options, run};

#[test]
fn after_a_storm_of_random_segments_everything_still_answers_right() {
    let Some(sandbox) = Sandbox::enter_or_skip() else {
        return;
    };
    let options = Options {
        segments: 100_000,
        seed: 20_261_123,
        check_every: 2000,
        broken_balancers: false,
    };
    let report = run(&sandbox, options).unwrap();
    println!("{report}");
    assert!(report.completed > 10_000, "{report}");
    assert!(report.ordinary_clients > 250, "{report}");
    assert!(
        report.counters.untrusted > 500 && report.counters.invalid > 500,
        "{report}"
    );
    // Behind each kind of balancer each kind of attempt was made.
    let strangers = report.strangers;
    assert!(
        strangers.themselves > 700 && strangers.balancer > 500 && strangers.forged > 200,
        "{report}"
    );
    assert!(strangers.other_cookies > 50, "{report}");
    assert!(report.counters.implausible > 200, "{report}");
}

#[test]
fn a_balancer_that_passes_options_on_fails_the_storm() {
    let Some(sandbox) = Sandbox::enter_or_skip() else {
        return;
    };
    let options = Options {
        segments: 100_000,
        seed: 20_261_123,
        check_every: 2000,
        broken_balancers: true,
    };
    let why = format!("{:#}", run(&sandbox, options).unwrap_err());
    assert!(why.contains("was believed behind a balancer"), "{why}");
}
