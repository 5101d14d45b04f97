//! What TOA is: the TCP option that carries a client's address through a load
//! balancer, the socket interface that a kernel-side source answers, whom to
//! believe, and the lookup at accept time.
//!
//! Web services want `toa-tower` (axum, tower, hyper, tonic) or `toa-actix`; this
//! crate is what they stand on, and enough for a server with its own accept loop:
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # async fn run() -> std::io::Result<()> {
//! let listener = toa_core::ToaListener::bind("[::]:3000").await?;
//! loop {
//!     let (stream, client) = listener.accept().await?;
//!     println!("{client}"); // [2001:db8::7]:41234 (toa, peer 10.0.0.9:5000)
//!     # drop(stream);
//! }
//! # }
//! ```
//!
//! # The life of an address
//!
//! ```text
//! client ──SYN──▶ balancer ──SYN──────────────▶ kernel
//!        ──ACK──▶          ──ACK + TOA option─▶ source: reads, checks trust, keeps
//!                                               │        it with the new socket
//!                           accept() ◀──────────┤
//!          getsockopt(fd, IPPROTO_IP, 4097) ◀───┘  ClientAddr { client, peer, provenance }
//! ```
//!
//! The *source* is either of this project's two, the eBPF program (`toa load`) or
//! the kernel module, or a third-party TOA module. Without one, and on platforms
//! other than Linux, every client is the TCP peer, with
//! [`Provenance::NoSource`] for a reason.
//!
//! # Features
//!
//! | feature | default | |
//! |---|---|---|
//! | `tokio` | yes | [`ToaListener`] |
//! | `serde` | no | [`Policy`], [`TrustedPeers`] and [`OptionFormats`] in configuration files; [`ClientAddr`] and [`Provenance`] in logs and sessions |
//! | `metrics` | no | counts each connection's outcome through the `metrics` facade: `toa_connections_total` |
//! | `test-util` | no | `ClientAddr::mock`, for tests of your own code |
//!
//! # What it cannot know
//!
//! TOA speaks of connections. A proxy in front that reuses its upstream
//! connections makes every request on one carry the address of whoever opened it.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod abi;
mod addr;
mod client_addr;
mod client_types;
#[cfg_attr(not(feature = "metrics"), path = "no_count.rs")]
mod count;
mod format;
mod nat64;
mod network;
pub mod option;
mod policy;
mod reply;
mod require;
mod resolver;
mod saved_syn;
#[cfg(feature = "serde")]
mod serde;
pub mod syn;
mod sys;
mod trust;

#[cfg(feature = "tokio")]
mod accept;
#[cfg(feature = "tokio")]
mod listener;

pub use addr::{to_canonical, to_mapped};
pub use client_addr::{ClientAddr, ParseProvenanceError, Provenance};
#[doc(hidden)]
pub use client_types::private;
#[cfg(feature = "metrics")]
pub use count::{CONNECTIONS_TOTAL, describe_metrics};
pub use format::{OptionFormat, OptionFormats, ParseOptionFormatsError};
#[cfg(feature = "tokio")]
pub use listener::ToaListener;
pub use nat64::{Nat64Prefix, ParseNat64PrefixError};
pub use network::{ClientNetwork, Ipv6Prefix};
pub use policy::Policy;
pub use require::{ExemptPaths, Refusal};
pub use resolver::{Resolver, SourceKind, detect_source, source_info};
pub use saved_syn::SavedSyn;
pub use sys::AsSocket;
pub use trust::{ParseTrustedPeersError, TrustedPeers};
