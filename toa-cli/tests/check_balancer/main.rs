//! `toa check-balancer` through the laptop balancer, as it is and as balancers in use are.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod agreement;
mod support;
mod verdicts;
