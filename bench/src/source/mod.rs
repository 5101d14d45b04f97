//! What the sources cost, the eBPF programs on this machine and the kernel module in a
//! virtual one.

mod calls;
mod connect;
mod flat;
mod handshake;
mod hold;
mod memory;
mod module;
mod programs;
mod rounds;
mod sandbox;
mod three_ways;

use crate::options::Options;
use crate::section::Section;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
struct Scale {
    /// How often the candidates take turns.
    rounds: usize,
    /// Connections that a candidate makes in one turn.
    connections: u32,
    /// System calls that a candidate makes in one turn.
    calls: u32,
    /// Connections held open: the most, for the memory of each and for flatness.
    open: u32,
    /// CIDRs trusted: the most.
    cidrs: u32,
    /// Rounds and connections of a turn in the virtual machine.
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
        flat::connections(&sandbox, scale)?,
        flat::cidrs(&sandbox, scale)?,
        module::measure(scale),
    ])
}
