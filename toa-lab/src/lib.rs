//! For trying and testing TOA on one machine: a load balancer that inserts the
//! option, and hand-made TCP peers.
#![forbid(unsafe_code)]

mod balancer;
mod config;
mod error;
mod flow;
mod layout;
mod mss;
mod packet;
mod plan;
mod stats;
pub mod translate;

#[cfg(target_os = "linux")]
mod addresses;
#[cfg(target_os = "linux")]
mod netlink;
#[cfg(target_os = "linux")]
pub mod netns;
#[cfg(target_os = "linux")]
pub mod peer;
#[cfg(target_os = "linux")]
mod tun;

pub use balancer::Balancer;
pub use config::{BalancerConfig, Mode};
pub use error::{AddressInUse, Error};
pub use stats::{DropReason, Stats};
pub use translate::Timeouts;
