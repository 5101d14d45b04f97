//! A soak of half a minute, to see that the one of an hour would run.
#![cfg(target_os = "linux")]

use std::time::Duration;

use toa_lab::sandbox::Sandbox;
use toa_stress::soak::{Plan, are_built, build_examples, examples_dir, run};

#[test]
fn every_client_is_told_its_own_address_while_faults_are_injected() {
    let Some(sandbox) = Sandbox::enter_or_skip() else {
        return;
    };
    let servers = examples_dir().unwrap();
    if !are_built(&servers) {
        build_examples(&servers).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let csv = dir.path().join("soak.csv");
    let plan = Plan {
        duration: Duration::from_secs(24),
        period: Duration::from_secs(8),
        rate: 100.0,
        seed: 5,
        servers,
        csv: Some(csv.clone()),
    };
    let verdict = run(&plan, &sandbox).unwrap();
    println!("{verdict}");
    assert!(verdict.is_good(), "{:#?}", verdict.failures());
    let csv = std::fs::read_to_string(csv).unwrap();
    assert!(csv.lines().count() > 10, "{csv}");
}
