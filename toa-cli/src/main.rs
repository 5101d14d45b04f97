//! `toa`: prepares a host for services behind a TOA load balancer.
#![forbid(unsafe_code)]

mod cgroup;
#[cfg(target_os = "linux")]
mod check_balancer;
mod check_config;
mod connections;
mod diagnosis;
mod diff;
mod generate;
mod lb;
mod list;
mod load;
mod module;
mod module_diagnosis;
mod module_table;
mod output;
mod settings;
mod status;
mod stop;
mod vendor;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use output::{Outcome, complain, say};

/// Who is really on the other side of this TCP connection?
///
/// A load balancer that rewrites addresses sends the client's in a TCP option (TOA).
/// This command makes the kernel read it, for every program of the host or for some.
#[derive(Debug, Parser)]
#[command(name = "toa", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Load the eBPF source; on the host it stays until `toa unload` or a reboot
    Load(load::Load),
    /// Remove the eBPF sources that `toa load` left, or one of them
    Unload(load::Unload),
    /// Compare the settings file with what is loaded
    Diff(diff::Diff),
    /// Tell whether a settings file makes sense, and load nothing
    CheckConfig(check_config::CheckConfig),
    /// Tell which source answers, what it does, and what is wrong
    Status(status::Args),
    /// List the open connections with their clients
    List(list::List),
    /// Tell of each new connection as it opens
    Watch(watch::Watch),
    /// Run a load balancer on this machine that inserts TOA, to try things on
    Lb(lb::Lb),
    #[command(hide = true)]
    Generate(generate::Generate),
    /// Try whether clients of your balancer can name any address they like
    #[cfg(target_os = "linux")]
    CheckBalancer(check_balancer::CheckBalancer),
}

fn main() -> ExitCode {
    run()
        .unwrap_or_else(|error| {
            complain(format_args!("toa: {error:#}\n"));
            Outcome::Error
        })
        .into()
}

fn run() -> anyhow::Result<Outcome> {
    match Cli::try_parse() {
        Ok(cli) => match cli.command {
            Command::Load(load) => load.run(),
            Command::Unload(unload) => unload.run(),
            Command::Diff(diff) => diff.run(),
            Command::CheckConfig(check) => check.run(),
            Command::Status(args) => args.run(),
            Command::List(list) => list.run(),
            Command::Watch(watch) => watch.run(),
            Command::Lb(lb) => lb.run(),
            Command::Generate(generate) => generate.run(),
            #[cfg(target_os = "linux")]
            Command::CheckBalancer(check) => check.run(),
        },
        Err(error) if error.use_stderr() => {
            complain(error.render());
            Ok(Outcome::Error)
        }
        Err(help) => say(help.render()).map(|()| Outcome::Healthy),
    }
}
