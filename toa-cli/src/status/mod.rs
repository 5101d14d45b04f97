//! `toa status`.

mod advice;
mod print;

use std::process::ExitCode;

use anyhow::Context;
use serde::Serialize;
use socket2::{Domain, Socket, Type};
use toa_core::{SourceKind, detect_source};

use crate::module::Module;

/// Exit code 0 only when a source answers.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let report = Report::collect()?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print!("{report}");
        }
        Ok(if report.answers.is_some() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
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
    match detect_source(socket) {
        SourceKind::Absent => None,
        SourceKind::Ebpf => Some(Source::Ebpf),
        SourceKind::Module => Some(Source::Module),
        _ => Some(Source::ThirdParty),
    }
}
