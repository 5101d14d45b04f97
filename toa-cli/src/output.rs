//! What the command writes: every write goes through here.

use std::fmt;
use std::io::{self, BufWriter, ErrorKind, Stdout, Write};
use std::process::ExitCode;

use anyhow::Context;

const CANNOT_WRITE: &str = "cannot write to standard output";

/// How the command ends, for those who watch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done, and nothing is wrong.
    Healthy,
    /// No source answers.
    NoSource,
    /// The settings file and what is loaded differ.
    Different,
    /// A client of the balancer was believed to be somebody else.
    #[cfg(target_os = "linux")]
    Believed,
    /// The command could not do its work.
    Error,
    /// A source answers, or should, and something is wrong with it.
    Trouble,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Healthy => 0,
            Outcome::NoSource | Outcome::Different => 1,
            #[cfg(target_os = "linux")]
            Outcome::Believed => 1,
            // clap's own code for wrong arguments.
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
    write(io::stdout().lock(), &text).context(CANNOT_WRITE)
}

/// Standard output for a text of many lines, which is never all in memory.
#[derive(Debug)]
pub(crate) struct Lines {
    /// Whoever has gone, such as `head -1`, gets no more.
    to: Option<BufWriter<Stdout>>,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            to: Some(BufWriter::new(io::stdout())),
        }
    }
}

impl Lines {
    /// # Errors
    /// When it cannot be written, as on a full disk.
    pub(crate) fn say(&mut self, text: impl fmt::Display) -> anyhow::Result<()> {
        self.with(|to| write!(to, "{text}"))
    }

    /// # Errors
    /// When it cannot be written, as on a full disk.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        self.with(BufWriter::flush)
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.to.is_none()
    }

    fn with(
        &mut self,
        write: impl FnOnce(&mut BufWriter<Stdout>) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        let Some(to) = &mut self.to else {
            return Ok(());
        };
        match write(to) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                // What it holds would be written again when it is dropped.
                self.to.take().map(BufWriter::into_parts);
                Ok(())
            }
            done => done.context(CANNOT_WRITE),
        }
    }
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
