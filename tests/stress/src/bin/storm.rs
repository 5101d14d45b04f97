//! Sends a packet storm at this machine's kernel, with the eBPF source loaded, in a
//! network namespace and a cgroup of its own. Needs root.

use clap::Parser;

/// Random and mutated segments against the live kernel
#[derive(Debug, Parser)]
#[command(name = "storm")]
struct Cli {
    /// How many
    #[arg(long, default_value_t = 2_000_000)]
    segments: u64,
    /// The same seed gives the same storm; by chance if not given
    #[arg(long)]
    seed: Option<u64>,
    /// After how many segments decent clients connect
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    decent_every: u64,
}

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    use toa_lab::sandbox::Sandbox;
    use toa_stress::storm::{Options, run};

    let cli = Cli::parse();
    let options = Options {
        segments: cli.segments,
        seed: cli.seed.unwrap_or_else(|| fastrand::u64(..)),
        decent_every: cli.decent_every,
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
