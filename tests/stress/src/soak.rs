//! An hour of mixed connections against our example servers: each client is told its own
//! address, never another's.
//!
//! Everything happens in a sandbox. No two connections share an address, so an answer that
//! belongs to another connection is recognised. The answer must be the option's client while
//! the source is certainly loaded, the TCP peer while it certainly is not, and one of the two
//! when the source was switched meanwhile.
//!
//! At the same time, over IPv4 and IPv6, there are
//!
//! - hand-made peers with options of all kinds, good and bad, and ordinary sockets;
//! - strangers behind the laptop balancer who try to name somebody else: behind a correct one
//!   nobody but themselves is ever shown, behind an insecure one what the source cannot tell;
//! - connections kept alive, slow, stalled, half closed, and reset in every state;
//! - injected faults, one after the other: SYN floods with and without cookies for all, a
//!   server that is stopped until its accept queue overflows, and one without descriptors;
//! - a source that is unloaded and loaded again and again.
//!
//! A connection may be refused only while a fault is injected into its server, or when the
//! client is slow or has half closed it.

mod address;
mod client_behavior;
mod conn;
mod demux;
mod examples;
mod expectation;
mod fault_injection;
mod http;
mod memory;
mod option_variant;
mod run;
mod server;
mod session;
mod socket_behavior;
mod source;
mod state;
mod strangers;
mod tally;
mod verdict;

use std::path::PathBuf;
use std::time::Duration;

pub use examples::{are_built, build_examples, examples_dir};
pub use run::run;
pub use verdict::Verdict;

/// The settings of a soak.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How long new connections are opened.
    pub duration: Duration,
    /// How often the source is unloaded and loaded again.
    pub period: Duration,
    /// New connections a second.
    pub rate: f64,
    /// The seed of all random choices.
    pub seed: u64,
    /// Where the example servers are.
    pub servers: PathBuf,
    /// A file that gets a line every few seconds.
    pub csv: Option<PathBuf>,
    /// The balancers that should overwrite their clients' options do not, which the soak must
    /// notice.
    pub broken_balancers: bool,
}
