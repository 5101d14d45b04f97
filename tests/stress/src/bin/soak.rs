//! An hour of mixed connections against the example servers; see `toa_stress::soak`.
//!
//!     cargo run --release -p toa-stress --bin soak -- --duration 1h
//!
//! As root. It prints a line a minute and a summary, and exits with 0 if the soak passed, with 1
//! if not.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
mod linux {
    use std::path::PathBuf;
    use std::process::ExitCode;
    use std::time::Duration;

    use clap::Parser;
    use toa_lab::sandbox::Sandbox;
    use toa_stress::soak::{Plan, build_examples, examples_dir, run};

    /// Runs mixed connections against the example servers while the source comes and goes.
    #[derive(Debug, Parser)]
    struct Args {
        /// How long new connections are opened.
        #[arg(long, default_value = "1h", value_parser = humantime::parse_duration)]
        duration: Duration,
        /// How often the source is unloaded and loaded again.
        #[arg(long, default_value = "1m", value_parser = humantime::parse_duration)]
        period: Duration,
        /// New connections a second.
        #[arg(long, default_value_t = 200.0)]
        rate: f64,
        /// The seed of all random choices; a new one each time if not given.
        #[arg(long)]
        seed: Option<u64>,
        /// Writes memory, open files and counts to this file every few seconds.
        #[arg(long)]
        csv: Option<PathBuf>,
        /// The directory of axum_demo and actix_demo; else cargo builds them.
        #[arg(long)]
        servers: Option<PathBuf>,
        /// The balancers pass on what they should overwrite: the soak must fail.
        #[arg(long)]
        broken_balancers: bool,
    }

    pub(crate) fn main() -> anyhow::Result<ExitCode> {
        let args = Args::parse();
        let servers = match args.servers {
            Some(servers) => servers,
            None => {
                let dir = examples_dir()?;
                build_examples(&dir)?;
                dir
            }
        };
        let plan = Plan {
            duration: args.duration,
            period: args.period,
            rate: args.rate,
            seed: args.seed.unwrap_or_else(|| fastrand::u64(..)),
            servers,
            csv: args.csv,
            broken_balancers: args.broken_balancers,
        };
        println!("seed      {}", plan.seed);
        let sandbox = Sandbox::enter()?;
        let verdict = run(&plan, &sandbox)?;
        println!("{verdict}");
        Ok(if verdict.is_good() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<ExitCode> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("the soak runs on linux only");
    ExitCode::FAILURE
}
