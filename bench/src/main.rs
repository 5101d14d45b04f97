//! `cargo run --release -p toa-bench` measures, and writes docs/benchmarks.md.

use clap::Parser;

use toa_bench::parts::Arguments;
use toa_bench::{child, report};

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(role) = arguments.role {
        return child::run(role);
    }
    let mut sections = Vec::new();
    for part in arguments.parts() {
        eprintln!("measuring: {part:?}");
        sections.extend(part.measure(&arguments.options)?);
    }
    if arguments.parts.is_empty() && !arguments.options.quick {
        report::write(&sections)
    } else {
        print!("{}", report::markdown(&sections));
        Ok(())
    }
}
