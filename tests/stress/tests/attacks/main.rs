//! The table of attacks in docs/security.md, a test each: against the live kernel,
//! with the eBPF source loaded.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "an unwrap in a helper fails the test that called"
)]

mod backend;
mod balanced;
mod behind_balancer;
mod document;
mod forged;
mod intruder;
mod late;
mod privileges;
mod spoofed;
mod unusual;
