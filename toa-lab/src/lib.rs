//! For trying and testing TOA on one machine: a load balancer that inserts the
//! option, TCP peers made by hand, and a sandbox for tests.
//!
//! # The balancer
//!
//! ```no_run
//! use toa_lab::{Balancer, BalancerConfig};
//!
//! // A server listens on [::]:3000.
//! let balancer = Balancer::start(BalancerConfig::nat64_to(3000))?;
//! println!("curl -6 http://{}/", balancer.virtual_addr());
//! # Ok::<(), toa_lab::Error>(())
//! ```
//!
//! Everything happens on one TUN device of one machine:
//!
//! ```text
//! curl   [fd74:6f61::1]:41972 -> [fd74:6f61::2]:3000     what the kernel sends into the device
//!                      |
//!        other addresses; the option goes into the TCP header
//!                      v
//! server 10.116.111.17:51737 -> 10.116.111.1:3000        what the kernel receives from the device
//! ```
//!
//! It needs Linux, CAP_NET_ADMIN and /dev/net/tun. It is for a laboratory: one
//! backend, one thread, TCP only, no fragments, and every reset ends a flow.
//! Options that its clients wrote themselves under a TOA kind are overwritten in every
//! segment, and a segment that has no room for the balancer's option is dropped.
//! So an IPv6 client with timestamps cannot open a Multipath TCP connection to a backend
//! that answers it as such.
//! Packet filters of the machine apply to its device as to any other.
//!
//! # The translation alone
//!
//! [`translate::Translator`] needs neither device nor clock. It takes any bytes,
//! so tests and fuzzers can drive it on any platform.
//!
//! # Peers made by hand
//!
//! `peer::PeerDevice` and `peer::Peer` (on Linux) speak TCP to the
//! kernel's listeners segment by segment, with any options and from any
//! address. `peer::PeerPort` lets a peer speak over the network that the machine is in.
//!
//! # The sandbox
//!
//! `sandbox::Sandbox` (on Linux) keeps all that away from the rest of the
//! machine: a network namespace (`netns::Namespace`) and a cgroup
//! (`cgroup::Cgroup`) that are gone after the test. Without privileges the test
//! is skipped, and says so.
#![forbid(unsafe_code)]

mod answers;
mod balancer;
mod client_options;
mod config;
mod error;
mod flow;
mod layout;
mod mss;
mod packet;
mod plan;
pub mod raw_packet;
mod stats;
pub mod translate;

#[cfg(target_os = "linux")]
mod addresses;
#[cfg(target_os = "linux")]
pub mod cgroup;
#[cfg(target_os = "linux")]
mod netlink;
#[cfg(target_os = "linux")]
pub mod netns;
#[cfg(target_os = "linux")]
pub mod peer;
#[cfg(target_os = "linux")]
pub mod sandbox;
#[cfg(target_os = "linux")]
mod skip;
#[cfg(target_os = "linux")]
mod tun;

pub use balancer::Balancer;
pub use config::{BalancerConfig, Mode};
pub use error::{AddressInUse, Error};
pub use stats::{DropReason, Stats};
pub use translate::Timeouts;
