//! What the figures were measured on.

use std::process::Command;
use std::time::SystemTime;

use anyhow::Context as _;

/// A paragraph about this machine, and the date.
pub(super) fn describe() -> anyhow::Result<String> {
    let cpus = read("/proc/cpuinfo")?;
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("an unnamed CPU", |rest| {
        rest.trim_start_matches([':', '\t', ' '])
    });
    let cores = std::thread::available_parallelism()?;
    let virtual_machine = if cpus.contains(" hypervisor ") {
        ", a virtual machine"
    } else {
        ""
    };
    let kernel = read("/proc/sys/kernel/osrelease")?;
    let rustc = Command::new("rustc").arg("--version").output();
    let rustc = rustc.context("cannot ask rustc for its version")?.stdout;
    let rustc = String::from_utf8_lossy(&rustc);
    let date = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    Ok(format!(
        "The machine of this run: {model}, {cores} cores{virtual_machine}; Linux {}; {}; {}.\n",
        kernel.trim(),
        rustc.trim(),
        &date[..10],
    ))
}

fn read(path: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.to_owned())
}
