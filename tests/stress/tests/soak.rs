//! A soak of half a minute, to see that the one of an hour would run.
#![cfg(target_os = "linux")]

use std::path::PathBuf;
use std::time::Duration;

use toa_lab::sandbox::Sandbox;
use toa_stress::soak::{Plan, are_built, build_examples, examples_dir, run};

fn servers() -> anyhow::Result<PathBuf> {
    let servers = examples_dir()?;
    if !are_built(&servers) {
        build_examples(&servers)?;
    }
    Ok(servers)
}

#[test]
fn every_client_is_told_its_own_address_while_faults_are_injected() {
    let Some(sandbox) = Sandbox::enter_or_skip() else {
        return;
    };
    let servers = servers().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let csv = dir.path().join("soak.csv");
    let plan = Plan {
        duration: Duration::from_secs(24),
        period: Duration::from_secs(8),
        rate: 100.0,
        seed: 5,
        servers,
        csv: Some(csv.clone()),
        broken_balancers: false,
    };
    let verdict = run(&plan, &sandbox).unwrap();
    println!("{verdict}");
    assert!(verdict.is_good(), "{:#?}", verdict.failures());
    let csv = std::fs::read_to_string(csv).unwrap();
    assert!(csv.lines().count() > 10, "{csv}");
}

#[test]
fn a_balancer_that_passes_options_on_fails_the_soak() {
    let Some(sandbox) = Sandbox::enter_or_skip() else {
        return;
    };
    let servers = servers().unwrap();
    let plan = Plan {
        duration: Duration::from_secs(4),
        period: Duration::from_secs(60),
        rate: 100.0,
        seed: 5,
        servers,
        csv: None,
        broken_balancers: true,
    };
    let verdict = run(&plan, &sandbox).unwrap();
    println!("{verdict}");
    let failures = verdict.failures();
    let noticed = failures.iter().any(|it| it.ends_with("wrong answers"));
    assert!(noticed, "{failures:#?}");
}
