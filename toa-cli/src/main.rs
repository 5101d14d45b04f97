//! `toa`: prepares a host for services behind a TOA load balancer.
#![forbid(unsafe_code)]

mod bug_report;
mod cgroup;
#[cfg(target_os = "linux")]
mod check_balancer;
mod check_config;
mod connections;
mod diff;
mod generate;
mod lb;
mod list;
mod load;
mod metrics;
mod module;
mod module_diagnosis;
mod module_table;
mod output;
#[cfg(test)]
mod repository;
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

// A doc comment here would hide that of the struct, whose first paragraph is the summary.
#[derive(Debug, Subcommand)]
enum Command {
    Load(load::Load),
    Unload(load::Unload),
    Diff(diff::Diff),
    CheckConfig(check_config::CheckConfig),
    Status(status::Args),
    Report(bug_report::BugReport),
    Metrics(metrics::Metrics),
    Exporter(metrics::Exporter),
    List(list::List),
    Watch(watch::Watch),
    Lb(lb::Lb),
    #[command(hide = true)]
    Generate(generate::Generate),
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
            Command::Report(report) => report.run(),
            Command::Metrics(metrics) => metrics.run(),
            Command::Exporter(exporter) => exporter.run(),
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
