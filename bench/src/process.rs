//! The servers under test, in processes of their own.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::ValueEnum as _;

use crate::app::Method;
use crate::child::Server;

/// A server, listening; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    port: u16,
}

/// How a server is started.
#[derive(Clone, Debug)]
pub(crate) struct Start<'s> {
    pub(crate) server: Server,
    pub(crate) method: Method,
    pub(crate) cgroup: Option<&'s Path>,
    /// A program that runs the server and watches it, with its arguments; the server
    /// then has a single thread.
    pub(crate) under: Vec<OsString>,
}

impl<'s> Start<'s> {
    pub(crate) fn new(server: Server, method: Method) -> Self {
        Self {
            server,
            method,
            cgroup: None,
            under: Vec::new(),
        }
    }

    /// In this cgroup.
    pub(crate) fn in_cgroup(mut self, cgroup: &'s Path) -> Self {
        self.cgroup = Some(cgroup);
        self
    }

    pub(crate) fn under<A: Into<OsString>>(mut self, program: impl IntoIterator<Item = A>) -> Self {
        self.under = program.into_iter().map(Into::into).collect();
        self
    }

    pub(crate) fn run(self) -> anyhow::Result<Running> {
        let mut arguments: Vec<OsString> = vec!["serve".into()];
        arguments.push(value_name(self.server.to_possible_value()));
        arguments.push(value_name(self.method.to_possible_value()));
        if let Some(cgroup) = self.cgroup {
            arguments.extend(["--cgroup".into(), cgroup.into()]);
        }
        if !self.under.is_empty() {
            arguments.push("--single".into());
        }
        let mut command = this_program(&self.under);
        command.args(arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let mut line = String::new();
        if let Some(stdout) = &mut child.stdout {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let port = line
            .trim()
            .parse()
            .with_context(|| format!("{command:?} does not listen"))?;
        Ok(Running { child, port })
    }
}

impl Running {
    /// Where it listens, on loopback.
    pub(crate) fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The processor time of all its threads so far, in the kernel too.
    pub(crate) fn cpu_time(&self) -> anyhow::Result<Duration> {
        let mut total = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            let on_cpu = text.split(' ').next().context("an empty schedstat")?;
            total += on_cpu.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(total))
    }

    /// Ends it in an orderly way, so that a program that watches it writes its results.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        drop(self.child.stdin.take());
        let status = self.child.wait()?;
        ensure!(status.success(), "a server ended with {status}");
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It ends when its standard input does.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// This program, run by another if `under` names one.
pub(crate) fn this_program(under: &[OsString]) -> Command {
    // Works even when a new build has replaced the file.
    let this = PathBuf::from(format!("/proc/{}/exe", std::process::id()));
    let Some((program, arguments)) = under.split_first() else {
        return Command::new(this);
    };
    let mut command = Command::new(program);
    command.args(arguments).arg(this);
    command
}

/// How the command line names a variant.
pub(crate) fn value_name(value: Option<clap::builder::PossibleValue>) -> OsString {
    value.map_or_else(OsString::new, |value| value.get_name().into())
}
