//! From end to end: real clients, a real kernel, the balancer, the source, and the
//! example servers.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod actix;
mod demos;
mod formats;
mod life_cycle;
mod mptcp;
mod nginx;
mod proxy;
mod saved_syn;
mod saved_syn_peers;
mod sockets;
mod support;
mod system_calls;
mod toa_tower;
mod unmodified_programs;
