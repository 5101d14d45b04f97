//! `toa status`.

mod advice;
mod print;
mod seen;

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;
use socket2::{Domain, Socket, Type};
use toa_bpf::{Pins, Status};
use toa_core::{SourceKind, detect_source};

pub(crate) use advice::STRANGERS_ARE_TRUSTED;
pub(crate) use print::{lifetime, scope};

use crate::cgroup;
use crate::module::Module;
use crate::output::{Outcome, say};

const EXIT_CODES: &str = "\
Exit codes, for monitoring:
  0  a source answers and nothing is wrong, as far as this user may see
  1  no source answers
  2  the answer could not be found out, and standard error says why
  3  a source answers and something is wrong: the lines that begin with `!`";

/// Tell which source answers, what it does, and what is wrong
///
/// Asks the kernel; nothing is remembered beside it. Without CAP_SYS_ADMIN it tells only
/// whether a source answers.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
    /// Tell who answers the processes of this cgroup, instead of this command itself
    #[arg(long, value_name = "PATH")]
    cgroup: Option<PathBuf>,
    /// The directory that was given to `toa load`
    #[arg(long, value_name = "DIR")]
    pins: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        let pins = self.pins.as_deref().map_or_else(Pins::default, Pins::at);
        let cgroup = self.cgroup.as_deref().map(cgroup::resolve).transpose()?;
        let report = Report::collect(&pins, cgroup.as_deref())?;
        if self.json {
            say(serde_json::to_string_pretty(&report)? + "\n")?;
        } else {
            say(&report)?;
        }
        Ok(report.outcome())
    }
}

/// Who supplies addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Source {
    /// The eBPF program.
    Ebpf,
    /// This project's kernel module.
    Module,
    /// Something that knows the 4096 call only.
    ThirdParty,
}

impl Source {
    /// Its name, in JSON too.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ebpf => "ebpf",
            Self::Module => "module",
            Self::ThirdParty => "third-party",
        }
    }
}

/// All that can be found out.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Who answers: a socket of this very process, or those of the cgroup in question.
    answers: Option<Source>,
    /// The eBPF sources that the kernel has.
    ebpf: Vec<Ebpf>,
    /// Why they are not known.
    ebpf_unknown: Option<String>,
    /// A kernel module named toa.
    module: Option<Module>,
    /// What is wrong and what to do, a sentence each.
    problems: Vec<String>,
}

/// One eBPF source.
#[derive(Debug, Serialize)]
pub(crate) struct Ebpf {
    /// Whether it is the one that answers, the closest.
    answers: bool,
    #[serde(flatten)]
    status: Status,
}

impl Report {
    fn outcome(&self) -> Outcome {
        if self.answers.is_none() {
            Outcome::NoSource
        } else if self.problems.is_empty() {
            Outcome::Healthy
        } else {
            Outcome::Trouble
        }
    }

    fn collect(pins: &Pins, cgroup: Option<&Path>) -> anyhow::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)
            .context("cannot open a TCP socket to ask for a source with")?;
        let mut answers = who_answers(&socket);
        let (sources, ebpf_unknown) = match pins.sources() {
            Ok(sources) => (sources, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let closest = match toa_bpf::answering_program(cgroup) {
            Ok(closest) => closest,
            // What was asked is then not known at all; of this process the socket tells.
            Err(error) if cgroup.is_some() => return Err(error.into()),
            Err(_) => None,
        };
        if cgroup.is_some() && matches!(answers, None | Some(Source::Ebpf)) {
            answers = closest.map(|_| Source::Ebpf);
        }
        let answered_by = |status: &Status| {
            let mut programs = status.programs.iter().map(|program| program.program_id);
            programs.any(|program| Some(program) == closest)
        };
        let mut report = Self {
            answers,
            ebpf: sources
                .into_iter()
                .map(|status| Ebpf {
                    answers: answered_by(&status),
                    status,
                })
                .collect(),
            ebpf_unknown: ebpf_unknown.map(|error| format!("{:#}", anyhow::Error::from(error))),
            module: Module::find(),
            problems: Vec::new(),
        };
        report.problems = advice::problems(&report);
        Ok(report)
    }
}

fn who_answers(socket: &Socket) -> Option<Source> {
    match detect_source(socket) {
        SourceKind::Absent => None,
        SourceKind::Ebpf => Some(Source::Ebpf),
        SourceKind::Module => Some(Source::Module),
        _ => Some(Source::ThirdParty),
    }
}
