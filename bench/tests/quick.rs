//! The measurements still work; what they measure here means nothing.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::process::Command;

use toa_lab::sandbox::Sandbox;

/// Runs one part with tiny counts; its report. `None` where it cannot run.
fn measure(part: &str) -> Option<String> {
    drop(Sandbox::enter_or_skip()?);
    let output = Command::new(env!("CARGO_BIN_EXE_toa-bench"))
        .args([part, "--quick"])
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{part}: {errors}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn each_part_on_speed_prints_its_table() {
    for (part, row) in [
        ("accept", "| actix, with option: with TOA |"),
        ("request", "| `ToaLayer` + `RealClient` |"),
        ("layer", "| X-Forwarded-For, axum-client-ip |"),
        ("methods", "| PROXY v2, proxy-header |"),
    ] {
        let Some(report) = measure(part) else { return };
        assert!(report.contains(row), "{report}");
    }
}

#[test]
fn a_connection_is_counted_with_one_getsockopt_more() {
    let Some(report) = measure("system-calls") else {
        return;
    };
    let row = "| `getsockopt` | 0.00 | 1.00 | 0.00 | 1.00 |";
    assert!(report.contains(row), "{report}");
}
