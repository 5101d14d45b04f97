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
    };
    let report = run(&sandbox, options).unwrap();
    println!("{report}");
    assert!(report.completed > 10_000, "{report}");
    assert!(report.ordinary_clients > 250, "{report}");
    assert!(
        report.counters.untrusted > 500 && report.counters.invalid > 500,
        "{report}"
    );
}
