//! What the sources cost, the eBPF programs on this machine and the kernel module in a
//! virtual one.

mod calls;
mod comparison;
mod connect;
mod cpu_time;
mod handshake;
mod memory;
mod module;
mod open_connections;
mod programs;
mod sandbox;
mod scaling;

use crate::options::Options;
use crate::section::Section;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
struct Scale {
    /// How often each candidate runs.
    rounds: usize,
    /// Connections of one run.
    connections: u32,
    /// System calls of one run.
    calls: u32,
    /// Connections held open: the most, for the memory of each and for scaling.
    open: u32,
    /// CIDRs trusted: the most.
    cidrs: u32,
    /// Rounds in the virtual machine, and connections of one run there.
    module: Option<(u32, u32)>,
}

impl Scale {
    const FULL: Self = Self {
        rounds: 21,
        connections: 4_000,
        calls: 100_000,
        open: 100_000,
        cidrs: 10_000,
        module: Some((5, 1_000)),
    };
    const QUICK: Self = Self {
        rounds: 2,
        connections: 20,
        calls: 50,
        open: 1_000,
        cidrs: 100,
        module: None,
    };
}

/// Measures the sources.
///
/// # Errors
/// When something that it needs is missing.
pub fn sections(options: &Options) -> anyhow::Result<Vec<Section>> {
    let scale = if options.quick {
        Scale::QUICK
    } else {
        Scale::FULL
    };
    let sandbox = sandbox::SourceSandbox::enter()?;
    Ok(vec![
        handshake::measure(&sandbox, scale)?,
        calls::measure(&sandbox, scale)?,
        memory::measure(&sandbox, scale)?,
        scaling::connections(&sandbox, scale)?,
        scaling::cidrs(&sandbox, scale)?,
        module::measure(scale),
    ])
}
