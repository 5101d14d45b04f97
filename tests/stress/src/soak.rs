//! An hour of mixed churn against our example servers: who asks is told who asked, and
//! never who somebody else is.
//!
//! Everything happens in a network namespace and a cgroup of its own. Each connection has
//! addresses that no other has, so an answer that belongs elsewhere is seen for what it
//! is. While the source is certainly loaded the answer must be the option's client, while
//! it certainly is not the TCP peer, and when it was switched meanwhile one of the two.
//!
//! All at once and on both families there are
//!
//! - hand-made peers with options of all kinds, good and bad, and ordinary sockets;
//! - connections kept alive, slow, stalled, half closed, and reset in every state;
//! - and, in turn, SYN floods with and without cookies for all, a server that stands still
//!   until its accept queue overflows, and one that runs out of descriptors;
//! - while the source is unloaded and loaded again and again.
//!
//! A connection may be refused only while its server has such a bad time, or when it asks
//! for it by being slow or half closed.

mod address;
mod build;
mod conn;
mod deed;
mod http;
mod hub;
mod judge;
mod kernel;
mod letter;
mod memory;
mod phase;
mod plain;
mod run;
mod server;
mod session;
mod source;
mod tally;
mod verdict;
mod world;

use std::path::PathBuf;
use std::time::Duration;

pub use build::{are_built, build_examples, examples_dir};
pub use run::run;
pub use verdict::Verdict;

/// How to soak.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How long connections are begun.
    pub duration: Duration,
    /// How often the source is unloaded and loaded again.
    pub period: Duration,
    /// New connections a second.
    pub rate: f64,
    /// What all chance comes from.
    pub seed: u64,
    /// Where the example servers are.
    pub servers: PathBuf,
    /// A file for a line every few seconds.
    pub csv: Option<PathBuf>,
}
