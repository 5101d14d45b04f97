//! Sends a packet storm to this machine's kernel, with the eBPF source loaded, in a
//! sandbox. Needs root.

use clap::Parser;

/// Random and mutated segments against the live kernel
#[derive(Debug, Parser)]
#[command(name = "storm")]
struct Cli {
    /// How many segments to send
    #[arg(long, default_value_t = 2_000_000)]
    segments: u64,
    /// The same seed gives the same storm; a random one if not given
    #[arg(long)]
    seed: Option<u64>,
    /// Ordinary clients connect, and are checked, after every so many segments
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    check_every: u64,
    /// The balancers pass on what they should overwrite: the storm must fail
    #[arg(long)]
    broken_balancers: bool,
}

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    use toa_lab::sandbox::Sandbox;
    use toa_stress::storm::{Options, run};

    let cli = Cli::parse();
    let options = Options {
        segments: cli.segments,
        seed: cli.seed.unwrap_or_else(|| fastrand::u64(..)),
        check_every: cli.check_every,
        broken_balancers: cli.broken_balancers,
    };
    println!("seed {}", options.seed);
    let sandbox = Sandbox::enter()?;
    print!("{}", run(&sandbox, options)?);
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() -> anyhow::Result<()> {
    Cli::parse();
    anyhow::bail!("a storm needs Linux")
}
