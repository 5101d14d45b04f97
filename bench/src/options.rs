//! How a measurement runs.

use clap::Args;

/// How to measure.
#[derive(Clone, Copy, Debug, Args)]
pub struct Options {
    /// Tiny counts, to see that it works; the figures mean nothing, and are printed only.
    #[arg(long)]
    pub quick: bool,
}
