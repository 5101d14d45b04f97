//! `toa check-balancer`: does the balancer let its clients name any address they like?
//!
//! Two halves. `serve` runs on a backend and accepts what the balancer forwards; `probe`
//! runs on a client beyond the balancer, opens connections with hand-made segments, and asks
//! `serve` whom the backend's source saw on each.
//!
//! ```text
//! probe ── hello, first half of the token ──▶ balancer ──▶ serve
//!       ◀── second half: agreed ──────────────────────────
//!       ── SYN, ACK + forged option, case 7 ─▶ balancer ──▶ kernel, source, serve
//!       ── what of case 7? ─────────────────────────────▶
//!       ◀── client, peer, provenance ────────────────────
//! ```
//!
//! Nothing forged is sent before `serve` has agreed, and only addresses from the ranges for
//! documentation are ever forged.

mod ask;
mod attempt;
mod cases;
mod probe;
mod protocol;
mod report;
mod serve;
mod timestamps;
mod verdict;

use clap::Subcommand;

use crate::output::Outcome;

/// Try whether clients of your balancer can name any address they like
#[derive(Debug, clap::Args)]
pub(crate) struct CheckBalancer {
    #[command(subcommand)]
    half: Half,
}

#[derive(Debug, Subcommand)]
enum Half {
    /// On the backend: accept what the balancer forwards, and tell the probe whom the source saw
    Serve(serve::Serve),
    /// On a client beyond the balancer: try to be somebody else, and print what came of it
    Probe(probe::Probe),
}

impl CheckBalancer {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        match self.half {
            Half::Serve(serve) => serve.run(),
            Half::Probe(probe) => probe.run(),
        }
    }
}
