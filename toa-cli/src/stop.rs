//! The wait for Ctrl-C or a termination signal.

use std::sync::mpsc::{self, Receiver};

use anyhow::Context;

/// Set up before the work, so that a signal that comes meanwhile is not lost: the first process of a
/// container has no default action that would end it.
#[derive(Debug)]
pub(crate) struct Stop(Receiver<()>);

impl Stop {
    /// # Errors
    /// When the signals have a handler already.
    pub(crate) fn prepare() -> anyhow::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        ctrlc::set_handler(move || {
            // The receiver lives until the process ends.
            let _ = stop.send(());
        })
        .context("cannot wait for Ctrl-C")?;
        Ok(Self(stopped))
    }

    pub(crate) fn wait(&self) {
        // An error would mean that the handler is gone: stop as well.
        let _ = self.0.recv();
    }
}
