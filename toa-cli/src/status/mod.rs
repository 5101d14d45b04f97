//! `toa status`.

mod advice;
mod load_command;
mod print;
mod problem;
mod seen;

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;
use socket2::{Domain, Socket, Type};
use toa_bpf::{Pins, Status};
use toa_core::{SourceKind, detect_source};

pub(crate) use advice::STRANGERS_ARE_TRUSTED;
pub(crate) use print::{lifetime, scope};
pub(crate) use problem::{Problem, ProblemKind};

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
    /// Print JSON, for programs; docs/status-json.md of the project has every field
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    subject: Subject,
}

/// Which part of the host is asked about.
#[derive(Debug, clap::Args)]
pub(crate) struct Subject {
    /// Tell who answers the processes of this cgroup, instead of this command itself
    #[arg(long, value_name = "PATH")]
    cgroup: Option<PathBuf>,
    /// The directory that was given to `toa load`
    #[arg(long, value_name = "DIR")]
    pins: Option<PathBuf>,
}

impl Subject {
    /// Asks the kernel.
    ///
    /// # Errors
    /// When nothing can be told at all, as of a cgroup that does not exist.
    pub(crate) fn ask(&self) -> anyhow::Result<Report> {
        let pins = self.pins.as_deref().map_or_else(Pins::default, Pins::at);
        let cgroup = self.cgroup.as_deref().map(cgroup::resolve).transpose()?;
        Report::collect(&pins, cgroup.as_deref())
    }
}

impl Args {
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        let report = self.subject.ask()?;
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

/// The version of the JSON form: a new one where a field goes or means something else, the
/// same one where a field comes.
const JSON_VERSION: u32 = 1;

/// All that can be found out.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// That of this form.
    version: u32,
    /// Who answers: a socket of this very process, or those of the cgroup in question.
    pub(crate) answers: Option<Source>,
    /// The eBPF sources that the kernel has.
    pub(crate) ebpf: Vec<Ebpf>,
    /// Why they are not known.
    pub(crate) ebpf_unknown: Option<String>,
    /// A kernel module named toa.
    pub(crate) module: Option<Module>,
    /// What is wrong and what to do.
    pub(crate) problems: Vec<Problem>,
}

/// One eBPF source.
#[derive(Debug, Serialize)]
pub(crate) struct Ebpf {
    /// Whether it is the one that answers, the closest.
    pub(crate) answers: bool,
    #[serde(flatten)]
    pub(crate) status: Status,
}

impl Report {
    #[cfg(test)]
    pub(crate) fn mock(answers: Option<Source>, module: Option<Module>) -> Self {
        Self {
            version: JSON_VERSION,
            answers,
            ebpf: Vec::new(),
            ebpf_unknown: None,
            module,
            problems: Vec::new(),
        }
    }

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
            version: JSON_VERSION,
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
