//! What the command writes: every write goes through here.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use anyhow::Context;

/// How the command ends, for those who watch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done, and nothing is wrong.
    Healthy,
    /// No source answers.
    NoSource,
    /// The settings file and what is loaded differ.
    Different,
    /// The command could not do its work; clap's own code for wrong arguments.
    Error,
    /// A source answers, or should, and something is wrong with it.
    Trouble,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Healthy => 0,
            Outcome::NoSource | Outcome::Different => 1,
            Outcome::Error => 2,
            Outcome::Trouble => 3,
        })
    }
}

/// Prints to standard output.
///
/// # Errors
/// When it cannot be written, as on a full disk. A reader that has gone, such as
/// `head -1`, has what it wanted.
pub(crate) fn say(text: impl fmt::Display) -> anyhow::Result<()> {
    write(io::stdout().lock(), &text).context("cannot write to standard output")
}

/// Prints to standard error, where nobody can be told of a failure.
pub(crate) fn complain(text: impl fmt::Display) {
    let _ = write(io::stderr().lock(), &text);
}

fn write(mut to: impl Write, text: &impl fmt::Display) -> io::Result<()> {
    // In one piece, so that a reader sees all of it or none.
    match to
        .write_all(text.to_string().as_bytes())
        .and_then(|()| to.flush())
    {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}
