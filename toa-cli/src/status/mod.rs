//! `toa status`.

mod advice;
mod print;

pub(crate) use advice::STRANGERS_ARE_TRUSTED;

use anyhow::Context;
use serde::Serialize;
use socket2::{Domain, Socket, Type};
use toa_core::abi::{SOURCE_EBPF, SOURCE_MODULE};
use toa_core::{SourceKind, detect_source, source_info};

use crate::module::Module;
use crate::output::{Outcome, say};

const EXIT_CODES: &str = "\
Exit codes, for monitoring:
  0  a source answers and nothing is wrong
  1  no source answers
  2  the answer could not be found out, and standard error says why
  3  a source answers and something is wrong: the lines that begin with `!`";

/// Asks the kernel; nothing is remembered beside it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        let report = Report::collect()?;
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

/// All that can be found out.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Who answers a socket of this very process.
    answers: Option<Source>,
    /// What `toa load` left.
    ebpf: Option<toa_bpf::Status>,
    /// Why that is not known.
    ebpf_unknown: Option<String>,
    /// A kernel module named toa.
    module: Option<Module>,
    /// What is wrong and what to do, a sentence each.
    problems: Vec<String>,
}

impl Report {
    fn outcome(&self) -> Outcome {
        if self.answers.is_none() {
            Outcome::NoSource
        } else if self.problems.len() == usize::from(self.ebpf_unknown.is_some()) {
            Outcome::Healthy
        } else {
            Outcome::Trouble
        }
    }

    fn collect() -> anyhow::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)
            .context("cannot open a TCP socket to ask for a source with")?;
        let (ebpf, ebpf_unknown) = match toa_bpf::status() {
            Ok(status) => (status, None),
            Err(error) => (None, Some(format!("{:#}", anyhow::Error::from(error)))),
        };
        let mut report = Self {
            answers: who_answers(&socket),
            ebpf,
            ebpf_unknown,
            module: Module::find(),
            problems: Vec::new(),
        };
        report.problems = advice::problems(&report);
        Ok(report)
    }
}

fn who_answers(socket: &Socket) -> Option<Source> {
    match source_info(socket).map(|info| info.source) {
        Ok(SOURCE_EBPF) => return Some(Source::Ebpf),
        Ok(SOURCE_MODULE) => return Some(Source::Module),
        Ok(_) | Err(_) => {}
    }
    match detect_source(socket) {
        SourceKind::None => None,
        _ => Some(Source::ThirdParty),
    }
}
